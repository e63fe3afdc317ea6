//! For forward-auth: what can be decided at once, without a call, and fits into one cookie.

use std::sync::Arc;

use http::HeaderValue;

use crate::cookies::facts;
use crate::flow::{self, Access, Intent};
use crate::web::request_session::{Arrival, Travelled};

/// Longest `Set-Cookie` that every gateway relays, in octets.
const LONGEST: usize = 4000;

/// More has changed than one cookie of ours can tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooMuch;

impl Arrival {
    /// As [`travel`](Self::travel), but only where nobody has to be asked.
    pub(crate) fn travel_at_once(&self, intent: Intent) -> Option<Travelled> {
        if self.is_late() {
            return self.finish(flow::unchanged(), None).ok();
        }
        let flow::Step::Done(decision) = flow::decide(self.facts(None), intent) else {
            return None;
        };
        self.note(intent.label(), &decision, 0);
        self.finish(*decision, None).ok()
    }

    /// The one cookie that `travelled` sets, if it sets any: our own.
    pub(crate) fn only_cookie(
        &self,
        travelled: &Travelled,
    ) -> Result<Option<HeaderValue>, TooMuch> {
        let Travelled { decision, changes } = travelled;
        let names = &self.site.names;
        match changes.cookies.as_slice() {
            _ if self.is_past(decision) => Ok(None),
            [] => Ok(None),
            [only] if names.is_seal(only.name().as_bytes()) => {
                let cookie = changes.headers(names).next();
                cookie.filter(|cookie| cookie.len() < LONGEST).map(Some).ok_or(TooMuch)
            }
            _ => Err(TooMuch),
        }
    }

    /// A token that could not be recognised for want of its key can be the next time. Nobody waits
    /// for that.
    pub(crate) fn learn_keys(&self) {
        let token = facts::effective_access_token(&self.presented, &self.state);
        if let (Access::None, Some(token)) = (&self.access, token.cloned()) {
            let site = Arc::clone(&self.site);
            tokio::spawn(async move { site.verifier.verify(&token, None).await });
        }
    }
}
