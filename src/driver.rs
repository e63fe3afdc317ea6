//! Runs a flow: makes the calls the core asks for and resumes it with their responses.

use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// How long a late tab still gets the successor of its token.
const KEEP_GRANTED: Duration = Duration::from_secs(60);
/// How long a rejected token is not sent again.
const KEEP_REFUSED: Duration = Duration::from_secs(30);
/// Concurrent requests share a failure, later ones do not.
const KEEP_FAILED: Duration = Duration::from_secs(1);

/// The call took longer than a request waits, or its task died.
const UNAVAILABLE: UpstreamFailure = UpstreamFailure::unavailable_for(1);
/// Cannot occur: the configuration requires OCAPI for every classic site.
const NO_OCAPI: UpstreamFailure = UpstreamFailure::MISCONFIGURED;

/// What a flow needs besides the facts.
#[derive(Clone, Debug)]
pub(crate) struct FlowContext {
    /// Sent with every call.
    pub context: CallContext,
    /// For a login.
    pub credentials: Option<Credentials>,
}

/// The result of a flow.
#[derive(Clone, Debug)]
pub(crate) struct FlowResult {
    /// What follows for the caller and the browser.
    pub decision: Decision,
    /// Number of calls the flow made.
    pub upstream_calls: u32,
    /// When SLAS last renewed tokens by an exchange that this flow began itself. The result of another
    /// request's exchange shows nothing about the time since that request.
    pub renewed_at: Option<Instant>,
}

impl FlowResult {
    /// The result of a flow that made no call.
    pub(crate) fn without_calls(decision: Decision) -> Self {
        Self { decision, upstream_calls: 0, renewed_at: None }
    }
}

/// Runs a flow to its end, in a separate task: if the browser disconnects in the middle, exchanged
/// tokens must still be stored for its next request.
pub(crate) async fn drive(site: Arc<Site>, step: Step, flow_context: FlowContext) -> FlowResult {
    match step {
        Step::Done(decision) => FlowResult::without_calls(*decision),
        step => {
            let task = tokio::spawn(run(site, step, flow_context));
            // After a panic nothing is known, so nothing changes.
            task.await.unwrap_or_else(|_| {
                FlowResult::without_calls(Decision::unchanged(Outcome::Unavailable(UNAVAILABLE)))
            })
        }
    }
}

async fn run(site: Arc<Site>, mut step: Step, flow_context: FlowContext) -> FlowResult {
    let context = &flow_context.context;
    let (mut upstream_calls, mut renewed_at) = (0, None);
    loop {
        step = match step {
            Step::Refresh(call) => {
                let (source, response) = refresh(&site, &call, context).await;
                let is_own = source == Source::Leader;
                if is_own && matches!(response, RefreshResponse::Granted(_)) {
                    renewed_at = Some(site.clock.monotonic());
                }
                call.resume(response)
            }
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
                let response = slas.logout(&call.access, &call.refresh, call.scope, context).await;
                call.resume(response)
            }
            Step::Done(decision) => {
                return FlowResult { decision: *decision, upstream_calls, renewed_at };
            }
        };
        upstream_calls += 1;
    }
}

async fn refresh(
    site: &Arc<Site>,
    call: &RefreshCall,
    context: &CallContext,
) -> (Source, RefreshResponse) {
    let (token, dwsid) = (&call.token, call.dwsid.as_ref());
    let (source, response) = exchange(site, token, dwsid, call.spent, context).await;
    // The lineage of a sealed token was checked before this call.
    if call.is_for_logout() || call.provenance == Provenance::Seal {
        (source, response)
    } else {
        (source, unless_ended(site, response))
    }
}

/// Exchanges a refresh token, once for all concurrent requests. Tokens of a session that a logout
/// in another tab has ended meanwhile count as refused.
pub(crate) async fn renew(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> RefreshResponse {
    let (_, response) = exchange(site, token, dwsid, spent, context).await;
    unless_ended(site, response)
}

fn unless_ended(site: &Site, response: RefreshResponse) -> RefreshResponse {
    match response {
        RefreshResponse::Granted(grant) if has_ended(site, &grant) => RefreshResponse::Refused,
        response => response,
    }
}

fn has_ended(site: &Site, grant: &Grant) -> bool {
    site.revocations.has_ended(&grant.claims, site.clock.monotonic())
}

/// Exchanges a refresh token. If another request's exchange was made with another do-not-track choice,
/// a private client's token is exchanged once more. A public client's successor is not: the responses
/// may reach the browser in any order, and the other request's would leave a spent token there. The
/// next request that presents the successor renews it.
async fn exchange(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> (Source, RefreshResponse) {
    let (source, first) = exchange_once(site, token, dwsid, spent, context).await;
    let mut grant = match first {
        RefreshResponse::Granted(grant) if source != Source::Leader => grant,
        first => return (source, first),
    };
    grant.other_dnt =
        context.dnt.is_some() && grant.claims.dnt.is_some_and(|dnt| Some(dnt) != context.dnt);
    if grant.other_dnt && !site.slas.is_public() {
        let next = grant.refresh.as_ref().map_or(token, |refresh| &refresh.token);
        let dwsid = grant.dw.as_ref().map(|dw| &dw.dwsid).or(dwsid);
        let spent = Some(grant.access.tag());
        let second = exchange_once(site, next, dwsid, spent, context).await;
        if matches!(second.1, RefreshResponse::Granted(_)) {
            return second;
        }
    }
    (source, RefreshResponse::Granted(grant))
}

/// A cached exchange that returned the access token `spent` does not count: that token was already
/// rejected.
async fn exchange_once(
    site: &Arc<Site>,
    token: &RefreshToken,
    dwsid: Option<&Dwsid>,
    spent: Option<Tag>,
    context: &CallContext,
) -> (Source, RefreshResponse) {
    let call = {
        let (site, context) = (Arc::clone(site), context.clone());
        let (token, dwsid) = (token.clone(), dwsid.cloned());
        move || async move {
            // A repeated call must end while the request waits for it.
            let repeat_before = site.clock.monotonic() + site.call_timeout / 2;
            let limit = &site.exchanges;
            site.slas.refresh_limited(&token, dwsid.as_ref(), &context, limit, repeat_before).await
        }
    };
    let is_newer = move |response: &RefreshResponse| match response {
        RefreshResponse::Granted(grant) => Some(grant.access.tag()) != spent,
        RefreshResponse::Refused | RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_) => {
            true
        }
    };
    let joined = site.refreshes.join_if(token.tag(), is_newer, call, keep_refresh);
    // The exchange may take longer than the request waits; the next request then gets its result.
    let (source, response) =
        tokio::time::timeout(site.call_timeout, joined).await.unwrap_or((Source::Leader, None));
    site.metrics.token_refresh(match source {
        Source::Leader => "leader",
        Source::Shared => "shared",
        Source::Cached => "cached",
    });
    (source, response.unwrap_or(RefreshResponse::Failed(UNAVAILABLE)))
}

fn keep_refresh(response: &RefreshResponse) -> Duration {
    match response {
        RefreshResponse::Granted(_) => KEEP_GRANTED,
        RefreshResponse::Refused => KEEP_REFUSED,
        RefreshResponse::Failed(UpstreamFailure { cause: Cause::Throttled, retry_after }) => {
            Duration::from_secs(retry_after.unwrap_or(5).into()).min(KEEP_GRANTED)
        }
        RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_) => KEEP_FAILED,
    }
}

async fn bridge(site: &Arc<Site>, call: BridgeCall, context: &CallContext) -> Step {
    let create = {
        let (site, context, access) = (Arc::clone(site), context.clone(), call.access.clone());
        move || async move {
            match &site.ocapi {
                Some(ocapi) => ocapi.bridge(&access, &context).await,
                None => BridgeResponse::Failed(NO_OCAPI),
            }
        }
    };
    let keep = |response: &BridgeResponse| match response {
        BridgeResponse::Bridged(_) | BridgeResponse::TokenRefused => KEEP_GRANTED,
        BridgeResponse::Failed(_) => KEEP_FAILED,
    };
    let (_, response) = site.bridges.join(call.access.tag(), create, keep).await;
    call.resume(response.unwrap_or(BridgeResponse::Failed(UNAVAILABLE)))
}

async fn probe(site: &Arc<Site>, call: ProbeCall, context: &CallContext) -> Step {
    let response = match &site.ocapi {
        Some(ocapi) => ocapi.probe(&call.dw, context).await,
        None => ProbeResponse::Failed(NO_OCAPI),
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
