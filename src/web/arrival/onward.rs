//! Which of a request's cookies may go on to an upstream.

use http::HeaderValue;
use http::header::GetAll;

use super::Arrival;
use super::past::drop_logged_out;
use crate::session::memory::Memory;
use crate::session::read::{Presented, pair_of, pairs_in};
use crate::session::{judge, ownership};
use crate::site::Site;

impl Arrival {
    /// The pairs of `headers` that may go on to an upstream.
    pub(in crate::web) fn judged<'h>(&self, headers: &GetAll<'h, HeaderValue>) -> Vec<&'h [u8]> {
        judged(headers, &self.site, &self.presented, &self.memory)
    }
}

/// The pairs of `headers` that may go on to an upstream with a request for which no shopper is
/// looked for: of several candidates it gets the same one as a page.
pub(in crate::web) fn judged_at_sight<'h>(
    site: &Site,
    headers: &GetAll<'h, HeaderValue>,
) -> Vec<&'h [u8]> {
    let cookies = headers.iter().map(HeaderValue::as_bytes);
    let mut presented = Presented::read(cookies, &site.names);
    drop_logged_out(&mut presented, site, site.clock.monotonic());
    let memory = remembered(&presented, site);
    ownership::sift(&mut presented, &memory, site.config.policy, site.writers, &site.names);
    ownership::sift_unverified(&mut presented, &memory, site.writers);
    judged(headers, site, &presented, &memory)
}

pub(super) fn remembered(presented: &Presented, site: &Site) -> Memory {
    let sealed = presented.memory.as_deref().unwrap_or_default();
    site.seal.open(&site.names.memory, &site.config.id, sealed)
}

fn judged<'h>(
    headers: &GetAll<'h, HeaderValue>,
    site: &Site,
    presented: &Presented,
    memory: &Memory,
) -> Vec<&'h [u8]> {
    let judged = |pair: &&[u8]| match std::str::from_utf8(pair).ok().and_then(pair_of) {
        Some(pair) => judge::is_judged(pair, &site.names, presented, memory),
        None => true,
    };
    let pairs = headers.iter().flat_map(|header| pairs_in(header.as_bytes()));
    pairs.filter(judged).collect()
}
