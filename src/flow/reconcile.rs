//! Reconciles the browser's session with what a response of ECOM, or of a Head, states about the
//! shopper.
//!
//! ECOM hands a shopper over together with the DW session of its response. A Head has no part in
//! that session: it hands over tokens only, and a DW session of another customer is dropped.
//!
//! Shoppers log in, register and log out on ECOM's own pages too. If the platform or a cartridge
//! sets tokens, Tandem takes them over. If it sets none, Tandem looks up who owns the DW session,
//! but only after a page that could have changed it.

use super::calls::{AdoptCall, AdoptPurpose, DwProof, ProbeCall, ProbePurpose, RefreshPurpose};
use super::state::{FlowState, Goal, Tokens};
use super::{
    AdoptResponse, BridgeMode, Dw, DwChange, EcomPage, Facts, Handoff, HeldDw, HeldRefresh,
    LogoutScope, Outcome, PageResponse, ProbeResponse, Provenance, RefreshResponse, Step,
    dw_session, logout,
};
use crate::model::{Customer, CustomerType, DwCookies, Grant};

/// Starts the flow for `response`. The `facts` are those after the request to which it responds.
#[must_use]
pub fn reconcile(facts: Facts, response: PageResponse) -> Step {
    let PageResponse { by, deletes_refresh, handoff, dw, page } = response;
    let state = begin(facts, page, by, deletes_refresh, dw);
    match handoff {
        Some(Handoff::Grant(grant)) if !is_older(&state.facts, &grant) => {
            accept_or_verify(state, grant)
        }
        Some(Handoff::Refresh(Some(page_token)))
            if is_downgrade(&state.facts, &page_token, page) =>
        {
            by_page(state, page)
        }
        Some(Handoff::Unverifiable)
            if state.facts.policy.mode == BridgeMode::HybridAuth && by != Provenance::Head =>
        {
            // Session and tokens have changed together, and their owner is unknown.
            state.decide_with(Outcome::Ready, DwChange::Drop)
        }
        Some(Handoff::LoggedOut) => logged_out(state),
        Some(Handoff::Refresh(refresh)) => refresh_handed(state, refresh),
        Some(Handoff::Grant(_) | Handoff::Unverifiable) | None => by_page(state, page),
    }
}

fn begin(
    facts: Facts,
    page: EcomPage,
    by: Provenance,
    deletes_refresh: bool,
    response_dw: Option<DwCookies>,
) -> FlowState {
    let unverified = response_dw
        .as_ref()
        .map(|cookies| Dw::Unverified { held: HeldDw::of(cookies), owner: None });
    let goal = Goal::Reconcile { page, by, deletes_refresh, response_dw };
    let mut state = FlowState::new(facts, goal);
    state.dw = unverified.unwrap_or(state.dw);
    state
}

/// The DW session that the response set in place of the browser's.
fn response_dw(state: &FlowState) -> Option<&DwCookies> {
    match &state.goal {
        Goal::Reconcile { response_dw, .. } => response_dw.as_ref(),
        _ => None,
    }
}

fn is_on(state: &FlowState, wanted: EcomPage) -> bool {
    matches!(state.goal, Goal::Reconcile { page, .. } if page == wanted)
}

fn is_by_head(state: &FlowState) -> bool {
    matches!(state.goal, Goal::Reconcile { by: Provenance::Head, .. })
}

/// Whether the shopper wanted to log out: on a logout page, or through a Head that deletes the
/// refresh token.
fn is_logout(state: &FlowState) -> bool {
    let head =
        matches!(state.goal, Goal::Reconcile { by: Provenance::Head, deletes_refresh: true, .. });
    head || is_on(state, EcomPage::Logout)
}

/// Whether `grant` was issued before the token in hand. The newer token counts: ECOM may have
/// responded late.
fn is_older(facts: &Facts, grant: &Grant) -> bool {
    let issued = facts.held().map(|held| held.claims.issued_at);
    issued.is_some_and(|issued| grant.claims.issued_at < issued)
}

/// ECOM set a guest's refresh token while the browser holds a registered shopper's. That alone is
/// not a logout.
fn is_downgrade(facts: &Facts, page_token: &HeldRefresh, page: EcomPage) -> bool {
    let registered = CustomerType::Registered;
    let held = facts.refresh.as_ref().is_some_and(|held| held.kind == registered);
    held && page_token.kind == CustomerType::Guest && page != EcomPage::Logout
}

/// ECOM turns registered shoppers into guests whenever it cannot renew their tokens, even in an
/// outage. The shopper's own refresh token decides whether the session is over.
fn accept_or_verify(state: FlowState, grant: Box<Grant>) -> Step {
    let guest = grant.claims.customer.is_guest();
    let logging_out = is_on(&state, EcomPage::Logout);
    match state.unused_refresh() {
        Some(own) if guest && !logging_out && own.kind == CustomerType::Registered => {
            state.refresh(own, RefreshPurpose::VerifyGuestGrant(grant))
        }
        _ => accept(state, grant),
    }
}

/// Resumes with the exchange of the shopper's own refresh token, which decides whether the
/// handed-over tokens of a guest are accepted.
pub(super) fn after_guest_grant_check(
    mut state: FlowState,
    guest_grant: Box<Grant>,
    response: RefreshResponse,
) -> Step {
    // ECOM responded in a guest's session. A Head responds in none.
    let own_stays = response_dw(&state).is_some() || is_by_head(&state);
    let dw = if own_stays { DwChange::Keep } else { DwChange::Drop };
    match response {
        RefreshResponse::Granted(grant) if grant.claims.customer.is_registered() => {
            let head = is_by_head(&state).then(|| own_dw(&state, &grant.claims.customer));
            state.tokens = Tokens::Renewed(grant);
            state.decide(head.unwrap_or(dw))
        }
        RefreshResponse::Granted(_) | RefreshResponse::Refused => accept(state, guest_grant),
        RefreshResponse::Doubtful(_) | RefreshResponse::Failed(_) => state.decide(dw),
    }
}

/// Accepts the tokens: the shopper is the one whom the response names.
fn accept(mut state: FlowState, grant: Box<Grant>) -> Step {
    let customer = grant.claims.customer.clone();
    let was_registered = state.customer().is_some_and(Customer::is_registered);
    // A registered shopper never silently becomes a guest, even if ECOM causes it.
    let lost = was_registered && !customer.is_registered();
    state.session_expired = lost && !is_logout(&state);
    state.tokens = Tokens::New(grant);
    let unproven = is_by_head(&state) && state.facts.policy.mode == BridgeMode::Classic;
    if unproven && response_dw(&state).is_some() {
        return probe_owner(state);
    }
    let dw = dw_from_response(&state, customer);
    decide_accepted(state, dw)
}

fn decide_accepted(state: FlowState, dw: DwChange) -> Step {
    let before = state.facts.held().map(|held| &held.claims.customer);
    let now = state.customer();
    let registered = |customer: Option<&Customer>| customer.is_some_and(Customer::is_registered);
    let outcome = match (registered(before), registered(now)) {
        (_, true) if before != now => Outcome::LoggedIn { basket_lost: false },
        (true, false) => Outcome::LoggedOut { revoked: true },
        _ => Outcome::Ready,
    };
    state.decide_with(outcome, dw)
}

/// The change to the DW session after a response that names `owner` as the shopper.
fn dw_from_response(state: &FlowState, owner: Customer) -> DwChange {
    match (response_dw(state), state.held_dw()) {
        (Some(cookies), _) => DwChange::Set { cookies: cookies.clone(), owner: Some(owner) },
        // A Head does not know who owns that session.
        (None, _) if is_by_head(state) => own_dw(state, &owner),
        (None, Some(_)) => DwChange::Confirm(Some(owner)),
        (None, None) => DwChange::Keep,
    }
}

/// The change to the browser's own DW session: it stays only if `owner` owns it, or if its owner is
/// unknown and the shopper has not changed.
fn own_dw(state: &FlowState, owner: &Customer) -> DwChange {
    let stays = match &state.facts.dw {
        Dw::Live { owner: dw_owner, .. } | Dw::Unverified { owner: Some(dw_owner), .. } => {
            dw_owner == owner
        }
        Dw::Unverified { owner: None, .. } | Dw::Absent | Dw::Dead => {
            state.facts.customer() == Some(owner)
        }
    };
    if stays { DwChange::Keep } else { DwChange::Drop }
}

/// The shopper has logged out on a page of ECOM, or through a Head.
fn logged_out(mut state: FlowState) -> Step {
    state.session_expired =
        !is_logout(&state) && state.customer().is_some_and(Customer::is_registered);
    drop_session(state)
}

fn drop_session(mut state: FlowState) -> Step {
    state.tokens = Tokens::Dropped;
    state.decide_with(Outcome::LoggedOut { revoked: true }, DwChange::Drop)
}

fn refresh_handed(mut state: FlowState, page_token: Option<HeldRefresh>) -> Step {
    let purpose =
        if page_token.is_some() { RefreshPurpose::PageToken } else { RefreshPurpose::OwnToken };
    state.facts.refresh = page_token.or(state.facts.refresh);
    match state.unused_refresh() {
        Some(refresh) => state.refresh(refresh, purpose),
        None => expired(state),
    }
}

/// The refresh token in hand was refused, by SLAS now or by ECOM before: the session is over.
fn expired(mut state: FlowState) -> Step {
    state.session_expired =
        !is_on(&state, EcomPage::Logout) && state.customer().is_some_and(Customer::is_registered);
    drop_session(state)
}

/// Resumes after the exchange of the browser's own refresh token, which the page named.
pub(super) fn own_refreshed(state: FlowState, response: RefreshResponse) -> Step {
    let dw = unchanged_dw(&state);
    match response {
        RefreshResponse::Granted(grant) => accept(state, grant),
        RefreshResponse::Refused => expired(state),
        RefreshResponse::Doubtful(failure) | RefreshResponse::Failed(failure) => {
            state.decide_with(Outcome::Unavailable(failure), dw)
        }
    }
}

/// Resumes after the exchange of a refresh token that the page set. If SLAS refuses it, the
/// browser's own may still be valid.
pub(super) fn page_token_refreshed(state: FlowState, response: RefreshResponse) -> Step {
    match response {
        RefreshResponse::Refused => {
            let dw = unchanged_dw(&state);
            state.decide(dw)
        }
        response => own_refreshed(state, response),
    }
}

/// The browser keeps its DW session. ECOM may have changed its owner; a Head cannot.
fn unchanged_dw(state: &FlowState) -> DwChange {
    if is_by_head(state) { DwChange::Keep } else { DwChange::Recheck }
}

/// The response handed nothing over: the purpose of the page shows what may have happened.
fn by_page(state: FlowState, page: EcomPage) -> Step {
    let classic = state.facts.policy.mode == BridgeMode::Classic;
    let hybrid = state.facts.policy.mode == BridgeMode::HybridAuth;
    let registered = state.facts.customer().is_some_and(Customer::is_registered);
    let sets_dw = response_dw(&state).is_some();
    match page {
        _ if is_by_head(&state) => state.decide(DwChange::Keep),
        EcomPage::Logout if registered => log_out(state),
        EcomPage::Ended if classic && registered && sets_dw => probe_owner(state),
        EcomPage::Password if hybrid && registered && !sets_dw => adopt_without_probe(state),
        // The platform itself keeps its sessions aligned with the token cookies.
        EcomPage::Ordinary | EcomPage::Login | EcomPage::Password if hybrid && sets_dw => {
            let owner = state.customer().cloned();
            let change = owner.map_or(DwChange::Keep, |owner| dw_from_response(&state, owner));
            state.decide(change)
        }
        EcomPage::Login | EcomPage::Password if classic => probe_owner(state),
        EcomPage::Redirected if classic && !sets_dw => probe_owner(state),
        EcomPage::Ordinary | EcomPage::Redirected if classic && sets_dw => probe_owner(state),
        _ => state.decide(DwChange::Keep),
    }
}

/// No guest session follows: the next page begins one.
fn log_out(state: FlowState) -> Step {
    let mut facts = state.facts;
    facts.policy.guest_after_logout = false;
    logout::begin(facts, LogoutScope::ThisDevice)
}

fn probe_owner(state: FlowState) -> Step {
    match state.held_dw().cloned() {
        Some(dw) => {
            Step::Probe(ProbeCall { dw, purpose: ProbePurpose::Reconcile, state: Box::new(state) })
        }
        None => state.decide(DwChange::Keep),
    }
}

pub(super) fn probed(state: FlowState, response: ProbeResponse) -> Step {
    if is_by_head(&state) {
        return probed_for_head(state, response);
    }
    let redirected = is_on(&state, EcomPage::Redirected) && response_dw(&state).is_none();
    let (owner, login) = match response {
        ProbeResponse::Alive { owner, login } => (owner, login),
        // Most redirected forms change no session, so a look that failed is no reason to doubt it.
        ProbeResponse::Failed(_) if redirected => return state.decide(DwChange::Keep),
        ProbeResponse::Dead | ProbeResponse::Failed(_) => return without_owner(state),
    };
    let was_registered = state.customer().is_some_and(Customer::is_registered);
    if owner.is_guest() && (is_on(&state, EcomPage::Ended) || (redirected && was_registered)) {
        return log_out(state);
    }
    if redirected && state.customer() == Some(&owner) {
        return state.decide(DwChange::Keep);
    }
    let on_password_page = is_on(&state, EcomPage::Password);
    if state.customer() == Some(&owner) && !on_password_page {
        let dw = dw_from_response(&state, owner);
        return state.decide(dw);
    }
    let may_log_in = on_password_page || redirected || is_on(&state, EcomPage::Login);
    match (login, state.held_dw().cloned()) {
        (Some(login), Some(dw)) if may_log_in && owner.is_registered() => {
            adopt(state, dw, owner, login)
        }
        _ if state.customer() == Some(&owner) => keep_own(state, owner),
        _ if owner.is_registered() && may_log_in => drop_guest_tokens(state, owner),
        // A replacement session that belongs to another customer is ignored. If the browser's own
        // session changed customer, it is dropped.
        _ if response_dw(&state).is_some() => state.decide(DwChange::Keep),
        _ => state.decide(DwChange::Drop),
    }
}

fn adopt(state: FlowState, dw: HeldDw, owner: Customer, login: String) -> Step {
    Step::Adopt(AdoptCall {
        proof: DwProof::Session(dw.dwsid),
        kind: owner.kind,
        owner: Some(owner),
        login,
        purpose: AdoptPurpose::Reconcile,
        state: Box::new(state),
    })
}

/// Where OCAPI is never called, SLAS alone decides whether the session is still the shopper's.
fn adopt_without_probe(state: FlowState) -> Step {
    let claims = state.facts.held().map(|held| held.claims.clone());
    let login = claims.and_then(|claims| Some((claims.customer, claims.login_id?)));
    match (login, state.held_dw().cloned()) {
        (Some((owner, login)), Some(dw)) => adopt(state, dw, owner, login),
        _ => state.decide(DwChange::Keep),
    }
}

/// The tokens in hand may have ended. If so, the next request is told.
fn keep_own(state: FlowState, owner: Customer) -> Step {
    let dw = dw_from_response(&state, owner);
    state.decide(dw)
}

/// A Head has set a DW session beside tokens: it is taken over only if the same shopper owns it.
fn probed_for_head(state: FlowState, response: ProbeResponse) -> Step {
    let Some(shopper) = state.customer().cloned() else {
        return state.decide(DwChange::Keep);
    };
    let change = match response {
        ProbeResponse::Alive { owner, .. } if owner == shopper => dw_from_response(&state, shopper),
        _ => own_dw(&state, &shopper),
    };
    decide_accepted(state, change)
}

/// The owner of the session is unknown: it is looked up again before the session is next relied on.
fn without_owner(state: FlowState) -> Step {
    let dw = if response_dw(&state).is_some() { DwChange::Keep } else { DwChange::Recheck };
    state.decide(dw)
}

pub(super) fn adopted(
    mut state: FlowState,
    owner: Option<Customer>,
    response: AdoptResponse,
) -> Step {
    let Some(owner) = owner else { return without_owner(state) };
    let same = state.customer() == Some(&owner);
    match response {
        AdoptResponse::Granted(grant) if grant.claims.customer == owner => {
            let granted = dw_session::granted_with(&state, &grant);
            state.tokens = Tokens::New(grant);
            let dw = match granted {
                Some(cookies) => DwChange::Set { cookies, owner: Some(owner) },
                None => dw_from_response(&state, owner),
            };
            state.decide_with(Outcome::LoggedIn { basket_lost: false }, dw)
        }
        _ if same => keep_own(state, owner),
        AdoptResponse::Granted(_)
        | AdoptResponse::Refused
        | AdoptResponse::NotPermitted
        | AdoptResponse::Failed(_) => drop_guest_tokens(state, owner),
    }
}

/// The shopper has logged in on ECOM, but SLAS issued no tokens for that login. The guest's tokens
/// are dropped, so that the cookies name one shopper, and the next page tries again.
fn drop_guest_tokens(mut state: FlowState, owner: Customer) -> Step {
    state.tokens = Tokens::Dropped;
    let dw = dw_from_response(&state, owner);
    state.decide_with(Outcome::Ready, dw)
}
