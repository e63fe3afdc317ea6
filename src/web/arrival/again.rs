//! The way on from an ending whose DW session turned out to be dead.

use super::{Arrival, Travelled};
use crate::flow::{Access, Dw, Ending, Facts, HeldRefresh, Intent, TokenChange};
use crate::problem::Problem;
use crate::session::judge;

impl Arrival {
    /// As [`travel`](Self::travel), to ECOM, from where `before` ended: its DW session has turned
    /// out to be dead.
    pub(in crate::web) async fn travel_on(&self, before: &Ending) -> Result<Travelled, Problem> {
        let facts = self.facts_after(before);
        let mut ending = self.ending(facts, Intent::Ecom, None).await?;
        if ending.tokens == TokenChange::Keep {
            ending.tokens = before.tokens.clone();
        }
        ending.session_expired |= before.session_expired;
        self.finish(ending, None)
    }

    /// The facts of this request for a caller who has been told that the access token no longer
    /// works: it counts only if it cannot be renewed.
    pub(in crate::web) fn facts_to_renew(&self) -> Facts {
        let mut facts = self.facts(None);
        if let Access::Fresh(held) = facts.access {
            facts.access = Access::Ending(held);
        }
        facts
    }

    fn facts_after(&self, before: &Ending) -> Facts {
        let mut facts = self.facts(None);
        facts.dw = Dw::Dead;
        match &before.tokens {
            TokenChange::Set(grant) => {
                let (access, claims) = (grant.access.clone(), grant.claims.clone());
                // Another request may have had a session made for the same tokens.
                facts.bridged = self.site.bridges.remembered(&access.tag(), |_| ()).is_some();
                let kind = claims.customer.kind;
                facts.access = judge::access(access, claims, self.site.clock.now());
                if let Some(refresh) = &grant.refresh {
                    facts.refresh = Some(HeldRefresh { kind, token: refresh.token.clone() });
                }
            }
            // Whatever token made the dead session must not make another one.
            TokenChange::Keep => facts.bridged = true,
            TokenChange::Drop => {}
        }
        facts
    }
}
