//! The one loop in which the core meets the upstreams.

use std::sync::Arc;
use std::time::Duration;

use crate::flow::{
    BridgeAnswer, BridgeAsk, Cause, Ending, Intent, Outcome, ProbeAnswer, ProbeAsk, RefreshAnswer,
    RefreshAsk, SignInAnswer, SignInAsk, Speaker, Step, Trouble,
};
use crate::ids::{Dwsid, RefreshToken, Tag};
use crate::model::Grant;
use crate::site::Site;
use crate::upstream::CallContext;
use crate::upstream::flight::Source;
use crate::upstream::slas::Credentials;

/// A late tab still gets the successor of its token for so long.
const SUCCESSOR: Duration = Duration::from_secs(60);
/// A refusal is not asked for again for so long.
const REFUSAL: Duration = Duration::from_secs(30);
/// A failure is shared by those who ask at the same moment, not by those who come later.
const FAILURE: Duration = Duration::from_secs(1);

/// What a journey needs besides the facts.
#[derive(Clone, Debug)]
pub struct Luggage {
    /// Goes with every call.
    pub context: CallContext,
    /// For a login.
    pub credentials: Option<Credentials>,
}

/// How a journey went.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// How many questions were asked.
    pub questions: u32,
}

/// Drives a journey to its end, in a task of its own: a browser that goes away in the middle must
/// not leave tokens exchanged but not stored for the next request.
pub async fn drive(site: Arc<Site>, step: Step, luggage: Luggage) -> Report {
    match step {
        Step::Done(ending) => Report { ending: *ending, questions: 0 },
        step => {
            let task = tokio::spawn(travel(site, step, luggage));
            task.await.unwrap_or_else(|_| Report { ending: lost(), questions: 0 })
        }
    }
}

/// A journey whose task died: nothing is known, so nothing changes.
fn lost() -> Ending {
    Ending {
        outcome: Outcome::Unavailable(unavailable()),
        tokens: crate::flow::TokenChange::Keep,
        dw: crate::flow::DwChange::Keep,
        session_expired: false,
        guest_adoption_refused: false,
    }
}

fn unavailable() -> Trouble {
    Trouble { cause: Cause::Unavailable, retry_after: Some(1) }
}

async fn travel(site: Arc<Site>, mut step: Step, luggage: Luggage) -> Report {
    let context = &luggage.context;
    let mut questions = 0;
    loop {
        step = match step {
            Step::Refresh(ask) => refresh(&site, ask, context).await,
            Step::Guest(ask) => {
                let answer = site.slas.guest(ask.usid.as_ref(), context).await;
                ask.hear(answer)
            }
            Step::Probe(ask) => probe(&site, ask, context).await,
            Step::Adopt(ask) => {
                let answer = site.slas.adopt(&ask, context).await;
                ask.hear(answer)
            }
            Step::Bridge(ask) => bridge(&site, ask, context).await,
            Step::SignIn(ask) => sign_in(&site, ask, &luggage).await,
            Step::PeekBasket(ask) => {
                let answer = site.scapi.has_items(&ask.access, &ask.customer, context).await;
                ask.hear(answer)
            }
            Step::TransferBasket(ask) => {
                let answer = site.scapi.transfer(&ask.access, context).await;
                ask.hear(answer)
            }
            Step::SignOut(ask) => {
                let slas = &site.slas;
                let answer =
                    slas.sign_out(&ask.access, &ask.refresh, ask.all_devices, context).await;
                ask.hear(answer)
            }
            Step::Done(ending) => return Report { ending: *ending, questions },
        };
        questions += 1;
    }
}

async fn refresh(site: &Arc<Site>, ask: RefreshAsk, context: &CallContext) -> Step {
    let (token, dwsid) = (&ask.token, ask.dwsid.as_ref());
    // What our seal names is checked by its lineage before anything is asked.
    let answer = if ask.is_for_logout() || ask.by == Speaker::Seal {
        exchange(site, token, dwsid, ask.spent, context).await
    } else {
        renew(site, token, dwsid, ask.spent, context).await
    };
    ask.hear(answer)
}

/// Exchanges a refresh token: once, whoever asks. Tokens of a session that another tab has left
/// since they were made are none.
pub async fn renew(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> RefreshAnswer {
    match exchange(site, token, dwsid, spent, context).await {
        RefreshAnswer::Granted(grant) if has_ended(site, &grant) => RefreshAnswer::Refused,
        answer => answer,
    }
}

fn has_ended(site: &Site, grant: &Grant) -> bool {
    site.revocations.has_ended(&grant.claims, site.clock.monotonic())
}

/// An earlier exchange that brought the access token `spent` is no answer.
async fn exchange(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> RefreshAnswer {
    let call = {
        let (site, context) = (Arc::clone(site), context.clone());
        let (token, dwsid) = (token.clone(), dwsid.cloned());
        move || async move {
            match site.exchanges.take(token.tag(), site.clock.monotonic()) {
                Ok(()) => site.slas.refresh(&token, dwsid.as_ref(), &context).await,
                Err(left) => RefreshAnswer::Unavailable(Trouble {
                    cause: Cause::Throttled,
                    retry_after: u32::try_from(left.as_secs() + 1).ok(),
                }),
            }
        }
    };
    let is_news = move |answer: &RefreshAnswer| match answer {
        RefreshAnswer::Granted(grant) => Some(grant.access.tag()) != spent,
        RefreshAnswer::Refused | RefreshAnswer::Unavailable(_) => true,
    };
    let joined = site.refreshes.join(token.tag(), is_news, call, keep_refresh);
    // The exchange itself may take longer; its answer then waits for the next request.
    let (source, answer) =
        tokio::time::timeout(site.patience, joined).await.unwrap_or((Source::Asked, None));
    site.metrics.refresh(match source {
        Source::Asked => "asked",
        Source::Joined => "joined",
        Source::Remembered => "remembered",
    });
    answer.unwrap_or(RefreshAnswer::Unavailable(unavailable()))
}

fn keep_refresh(answer: &RefreshAnswer) -> Duration {
    match answer {
        RefreshAnswer::Granted(_) => SUCCESSOR,
        RefreshAnswer::Refused => REFUSAL,
        RefreshAnswer::Unavailable(Trouble { cause: Cause::Throttled, retry_after }) => {
            Duration::from_secs(retry_after.unwrap_or(5).into()).min(SUCCESSOR)
        }
        RefreshAnswer::Unavailable(_) => FAILURE,
    }
}

async fn bridge(site: &Arc<Site>, ask: BridgeAsk, context: &CallContext) -> Step {
    let make = {
        let (site, context, access) = (Arc::clone(site), context.clone(), ask.access.clone());
        move || async move {
            match &site.ocapi {
                Some(ocapi) => ocapi.bridge(&access, &context).await,
                None => BridgeAnswer::Unavailable(no_ocapi()),
            }
        }
    };
    let keep = |answer: &BridgeAnswer| match answer {
        BridgeAnswer::Bridged(_) | BridgeAnswer::TokenRefused => SUCCESSOR,
        BridgeAnswer::Unavailable(_) => FAILURE,
    };
    let (_, answer) = site.bridges.join(ask.access.tag(), |_| true, make, keep).await;
    ask.hear(answer.unwrap_or(BridgeAnswer::Unavailable(unavailable())))
}

async fn probe(site: &Arc<Site>, ask: ProbeAsk, context: &CallContext) -> Step {
    let answer = match &site.ocapi {
        Some(ocapi) => ocapi.probe(&ask.dw, context).await,
        None => ProbeAnswer::Unavailable(no_ocapi()),
    };
    ask.hear(answer)
}

async fn sign_in(site: &Arc<Site>, ask: SignInAsk, luggage: &Luggage) -> Step {
    let answer = match &luggage.credentials {
        Some(credentials) => {
            site.slas.sign_in(credentials, ask.usid.as_ref(), &luggage.context).await
        }
        None => SignInAnswer::BadCredentials,
    };
    ask.hear(answer)
}

/// The configuration gives every classic site an OCAPI; this is for the compiler.
fn no_ocapi() -> Trouble {
    Trouble { cause: Cause::Misconfigured, retry_after: None }
}

/// A word for metrics and logs.
#[must_use]
pub fn intent_word(intent: Intent) -> &'static str {
    match intent {
        Intent::Head => "head",
        Intent::Ecom => "ecom",
        Intent::Renew => "renew",
        Intent::Api => "api",
        Intent::SignIn(_) => "sign_in",
        Intent::SignOut { .. } => "sign_out",
    }
}

/// A word for metrics and logs.
#[must_use]
pub fn outcome_word(ending: &Ending) -> &'static str {
    match ending.outcome {
        Outcome::Ready if ending.session_expired => "expired",
        Outcome::Ready => "ready",
        Outcome::SignedIn { .. } => "signed_in",
        Outcome::SignedOut { .. } => "signed_out",
        Outcome::NotBridged { .. } => "not_bridged",
        Outcome::BadCredentials => "bad_credentials",
        Outcome::LoginConflict => "login_conflict",
        Outcome::Unavailable(_) => "unavailable",
        Outcome::NoDwSession(_) => "no_dw_session",
    }
}
