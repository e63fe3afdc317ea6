//! What changes in the browser, and the cookies that say so.

use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, SET_COOKIE};

use super::strays::Strays;
use super::{Arrival, Travelled};
use crate::clock;
use crate::cookies::set_cookie::{Before, Changes, Sweep};
use crate::flow::{DwChange, Ending, Outcome, TokenChange};
use crate::problem::Problem;

/// By these an upstream tells a cache before us more than `Cache-Control` does (RFC 9213 and its
/// older relatives), so they would win over our `no-store`.
pub(in crate::web) const SHARED_CACHES: [&str; 8] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "expires",
    "netlify-cdn-cache-control",
    "surrogate-control",
    "vercel-cdn-cache-control",
    "x-accel-expires",
];

impl Arrival {
    /// Works out what `ending` changes in the browser.
    pub(in crate::web) fn finish(
        &self,
        ending: Ending,
        remember: Option<bool>,
    ) -> Result<Travelled, Problem> {
        let leaving = matches!(ending.outcome, Outcome::SignedOut { .. });
        let arriving = matches!(ending.outcome, Outcome::SignedIn { .. });
        let replaced = self.is_replaced(&TokenChange::Keep);
        if replaced && !leaving && changes_anything(&ending) {
            // A logout or login in another tab came first, and its cookies must stay.
            return Err(Problem::LoginConflict);
        }
        let remember = remember.filter(|_| matches!(ending.outcome, Outcome::SignedIn { .. }));
        let now = self.site.clock.now();
        let before = Before {
            names: &self.site.names,
            presented: &self.presented,
            memory: &self.memory,
            access: self.held(),
            ends: &if leaving { self.ends() } else { Vec::new() },
            now,
        };
        let mut changes = before.changes(&ending, remember);
        if (self.overtaken && !leaving) || (self.is_late() && !leaving && !arriving) {
            changes = Changes { memory: self.memory.clone(), ..Changes::default() };
        } else if self.frame.is_none() {
            let Strays { names, host, path } = &self.strays;
            before.sweep(&Sweep { names, host, path }, &mut changes);
        }
        self.seal(&mut changes);
        if let Some(frame) = self.frame.clone() {
            changes.show_in(frame, leaving);
        }
        Ok(Travelled { ending, changes })
    }

    /// The request goes on to ECOM now, which keeps the DW session alive.
    pub(in crate::web) fn note_use(&self, travelled: &mut Travelled) {
        let stays = matches!(travelled.ending.dw, DwChange::Keep | DwChange::Confirm(_));
        if stays && !self.overtaken && !self.is_late() {
            travelled.changes.memory.note_use(self.site.clock.now());
            self.seal(&mut travelled.changes);
        }
    }

    /// Adds our sealed cookies to the changes, as far as there is anything new in them.
    pub(super) fn seal(&self, changes: &mut Changes) {
        let (names, id, now) = (&self.site.names, &self.site.config.id, self.site.clock.now());
        if changes.memory == self.memory {
            return;
        }
        let registered = changes.memory.of_registered();
        if let Some(own) = &registered
            && registered != self.memory.of_registered()
        {
            let sealed = self.site.seal.seal(&names.registered_seal, id, own, clock::random());
            changes.seal_registered(names, &sealed, now);
        }
        let sealed = self.site.seal.seal(&names.memory, id, &changes.memory, clock::random());
        changes.remember(names, &sealed, now);
    }

    /// Puts the cookies of `travelled` on `response`, unless another tab's have taken their place.
    pub(in crate::web) fn dress(&self, travelled: &Travelled, response: &mut Response) {
        let Travelled { ending, changes } = travelled;
        if self.is_past(ending) {
            return;
        }
        let headers = response.headers_mut();
        for cookie in changes.headers(&self.site.names) {
            headers.append(SET_COOKIE, cookie);
        }
        if !changes.is_empty() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
            for name in SHARED_CACHES {
                headers.remove(name);
            }
        }
    }
}

fn changes_anything(ending: &Ending) -> bool {
    ending.tokens != TokenChange::Keep || ending.dw != DwChange::Keep
}
