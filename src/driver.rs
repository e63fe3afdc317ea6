//! The one loop in which the core meets the upstreams.

use std::sync::Arc;
use std::time::Duration;

use crate::flow::{
    BridgeCall, BridgeResponse, Cause, Decision, LoginCall, LoginResponse, Outcome, ProbeCall,
    ProbeResponse, Provenance, RefreshCall, RefreshResponse, Step, UpstreamFailure,
};
use crate::ids::{Dwsid, RefreshToken, Tag};
use crate::model::Grant;
use crate::site::Site;
use crate::upstream::CallContext;
use crate::upstream::single_flight::Source;
use crate::upstream::slas::Credentials;

/// A late tab still gets the successor of its token for so long.
const SUCCESSOR: Duration = Duration::from_secs(60);
/// A refusal is not asked for again for so long.
const REFUSAL: Duration = Duration::from_secs(30);
/// A failure is shared by those who ask at the same moment, not by those who come later.
const FAILURE: Duration = Duration::from_secs(1);

/// The call took longer than a request waits, or its task died.
const UNAVAILABLE: UpstreamFailure = UpstreamFailure::unavailable_for(1);
/// The configuration gives every classic site an OCAPI; this is for the compiler.
const NO_OCAPI: UpstreamFailure = UpstreamFailure::MISCONFIGURED;

/// What a journey needs besides the facts.
#[derive(Clone, Debug)]
pub struct FlowContext {
    /// Goes with every call.
    pub context: CallContext,
    /// For a login.
    pub credentials: Option<Credentials>,
}

/// How a journey went.
#[derive(Clone, Debug)]
pub struct FlowResult {
    /// How it ended.
    pub decision: Decision,
    /// How many questions were asked.
    pub upstream_calls: u32,
}

/// Drives a journey to its end, in a task of its own: a browser that goes away in the middle must
/// not leave tokens exchanged but not stored for the next request.
pub async fn drive(site: Arc<Site>, step: Step, flow_context: FlowContext) -> FlowResult {
    match step {
        Step::Done(decision) => FlowResult { decision: *decision, upstream_calls: 0 },
        step => {
            let task = tokio::spawn(run(site, step, flow_context));
            task.await.unwrap_or_else(|_| FlowResult { decision: after_panic(), upstream_calls: 0 })
        }
    }
}

/// A journey whose task died: nothing is known, so nothing changes.
fn after_panic() -> Decision {
    Decision::unchanged(Outcome::Unavailable(UNAVAILABLE))
}

async fn run(site: Arc<Site>, mut step: Step, flow_context: FlowContext) -> FlowResult {
    let context = &flow_context.context;
    let mut upstream_calls = 0;
    loop {
        step = match step {
            Step::Refresh(call) => refresh(&site, call, context).await,
            Step::Guest(call) => {
                let response = site.slas.guest(call.usid.as_ref(), context).await;
                call.resume(response)
            }
            Step::Probe(call) => probe(&site, call, context).await,
            Step::Adopt(call) => {
                let response = site.slas.adopt(&call, context).await;
                call.resume(response)
            }
            Step::Bridge(call) => bridge(&site, call, context).await,
            Step::Login(call) => login(&site, call, &flow_context).await,
            Step::CheckBasket(call) => {
                let response = site.scapi.has_items(&call.access, &call.customer, context).await;
                call.resume(response)
            }
            Step::TransferBasket(call) => {
                let response = site.scapi.transfer(&call.access, context).await;
                call.resume(response)
            }
            Step::Logout(call) => {
                let slas = &site.slas;
                let response =
                    slas.logout(&call.access, &call.refresh, call.all_devices, context).await;
                call.resume(response)
            }
            Step::Done(decision) => return FlowResult { decision: *decision, upstream_calls },
        };
        upstream_calls += 1;
    }
}

async fn refresh(site: &Arc<Site>, call: RefreshCall, context: &CallContext) -> Step {
    let (token, dwsid) = (&call.token, call.dwsid.as_ref());
    // What our seal names is checked by its lineage before anything is asked.
    let response = if call.is_for_logout() || call.provenance == Provenance::Seal {
        exchange(site, token, dwsid, call.spent, context).await
    } else {
        renew(site, token, dwsid, call.spent, context).await
    };
    call.resume(response)
}

/// Exchanges a refresh token: once, whoever asks. Tokens of a session that another tab has left
/// since they were made are none.
pub async fn renew(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> RefreshResponse {
    match exchange(site, token, dwsid, spent, context).await {
        RefreshResponse::Granted(grant) if has_ended(site, &grant) => RefreshResponse::Refused,
        response => response,
    }
}

fn has_ended(site: &Site, grant: &Grant) -> bool {
    site.revocations.has_ended(&grant.claims, site.clock.monotonic())
}

/// An earlier exchange that brought the access token `spent` is no value.
async fn exchange(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> RefreshResponse {
    let call = {
        let (site, context) = (Arc::clone(site), context.clone());
        let (token, dwsid) = (token.clone(), dwsid.cloned());
        move || async move {
            match site.exchanges.acquire(token.tag(), site.clock.monotonic()) {
                Ok(()) => site.slas.refresh(&token, dwsid.as_ref(), &context).await,
                Err(wait) => {
                    let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
                    RefreshResponse::Unavailable(UpstreamFailure::throttled_for(seconds))
                }
            }
        }
    };
    let is_newer = move |response: &RefreshResponse| match response {
        RefreshResponse::Granted(grant) => Some(grant.access.tag()) != spent,
        RefreshResponse::Refused | RefreshResponse::Unavailable(_) => true,
    };
    let joined = site.refreshes.join(token.tag(), is_newer, call, keep_refresh);
    // The exchange itself may take longer; its value then waits for the next request.
    let (source, response) =
        tokio::time::timeout(site.call_timeout, joined).await.unwrap_or((Source::Leader, None));
    site.metrics.token_refresh(match source {
        Source::Leader => "leader",
        Source::Shared => "shared",
        Source::Cached => "cached",
    });
    response.unwrap_or(RefreshResponse::Unavailable(UNAVAILABLE))
}

fn keep_refresh(response: &RefreshResponse) -> Duration {
    match response {
        RefreshResponse::Granted(_) => SUCCESSOR,
        RefreshResponse::Refused => REFUSAL,
        RefreshResponse::Unavailable(UpstreamFailure { cause: Cause::Throttled, retry_after }) => {
            Duration::from_secs(retry_after.unwrap_or(5).into()).min(SUCCESSOR)
        }
        RefreshResponse::Unavailable(_) => FAILURE,
    }
}

async fn bridge(site: &Arc<Site>, call: BridgeCall, context: &CallContext) -> Step {
    let make = {
        let (site, context, access) = (Arc::clone(site), context.clone(), call.access.clone());
        move || async move {
            match &site.ocapi {
                Some(ocapi) => ocapi.bridge(&access, &context).await,
                None => BridgeResponse::Unavailable(NO_OCAPI),
            }
        }
    };
    let keep = |response: &BridgeResponse| match response {
        BridgeResponse::Bridged(_) | BridgeResponse::TokenRefused => SUCCESSOR,
        BridgeResponse::Unavailable(_) => FAILURE,
    };
    let (_, response) = site.bridges.join(call.access.tag(), |_| true, make, keep).await;
    call.resume(response.unwrap_or(BridgeResponse::Unavailable(UNAVAILABLE)))
}

async fn probe(site: &Arc<Site>, call: ProbeCall, context: &CallContext) -> Step {
    let response = match &site.ocapi {
        Some(ocapi) => ocapi.probe(&call.dw, context).await,
        None => ProbeResponse::Unavailable(NO_OCAPI),
    };
    call.resume(response)
}

async fn login(site: &Arc<Site>, call: LoginCall, flow_context: &FlowContext) -> Step {
    let response = match &flow_context.credentials {
        Some(credentials) => {
            site.slas.login(credentials, call.usid.as_ref(), &flow_context.context).await
        }
        None => LoginResponse::BadCredentials,
    };
    call.resume(response)
}
