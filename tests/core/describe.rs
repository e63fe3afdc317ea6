//! Describes a path in one readable line, for the decision table and for failed assertions.

use std::fmt;

use tandem::flow::{
    Access, AdoptResponse, BridgeMode, BridgeRefusal, BridgeResponse, BridgeTime, Cause,
    CheckBasketResponse, Decision, Dw, DwChange, Facts, GuestBasket, GuestResponse, Intent,
    LoginResponse, LogoutResponse, LogoutScope, Outcome, ProbeResponse, RefreshResponse,
    TokenChange, TransferBasketResponse, UpstreamFailure,
};
use tandem::model::{Customer, Grant};

use crate::facts::{Guest, Start};
use crate::walk::{Call, Path};

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Start { facts, intent } = self.start;
        write!(formatter, "{}, {}: ", policy(facts), self::intent(*intent))?;
        write!(
            formatter,
            "{} | {} | {}",
            browser_state(facts),
            calls(self.calls),
            decision(self.decision)
        )
    }
}

pub(crate) fn policy(facts: &Facts) -> String {
    let mode = match facts.policy.mode {
        BridgeMode::Classic => "classic",
        BridgeMode::HybridAuth => "hybrid-auth",
        BridgeMode::None => "none",
    };
    let time = match facts.policy.time {
        BridgeTime::Landing => "landing",
        BridgeTime::OnDemand => "on-demand",
    };
    let after = if facts.policy.guest_after_logout { "" } else { ", no guest after logout" };
    format!("{mode}, {time}{after}")
}

pub(crate) fn intent(intent: Intent) -> &'static str {
    match intent {
        Intent::Head => "Head",
        Intent::Ecom => "Ecom",
        Intent::Renew => "Renew",
        Intent::Api => "Api",
        Intent::Login(GuestBasket::Unknown) => "Login, basket unknown",
        Intent::Login(GuestBasket::Empty) => "Login, basket empty",
        Intent::Login(GuestBasket::HasItems) => "Login, basket has items",
        Intent::Logout(LogoutScope::ThisDevice) => "Logout",
        Intent::Logout(LogoutScope::AllDevices) => "Logout, all devices",
    }
}

/// The state of the browser, and what else is known.
pub(crate) fn browser_state(facts: &Facts) -> String {
    let access = match &facts.access {
        Access::None => "-".to_owned(),
        Access::Expired(claims) => format!("{} expired", claims.customer.id),
        Access::Expiring(held) => format!("{} expiring", held.claims.customer.id),
        Access::Fresh(held) => format!("{} fresh", held.claims.customer.id),
    };
    let refresh = match &facts.refresh {
        None => "-",
        Some(held) if held.kind == Guest => "guest",
        Some(_) => "registered",
    };
    let dw = match &facts.dw {
        Dw::Absent => "-".to_owned(),
        Dw::Dead => "dead".to_owned(),
        Dw::Live { owner, .. } => format!("{} live", owner.id),
        Dw::Unverified { owner: Some(owner), .. } => format!("{} unverified", owner.id),
        Dw::Unverified { owner: None, .. } => "unknown".to_owned(),
    };
    let notes = [
        (facts.bridged, " +bridged"),
        (facts.bridge_resting, " +resting"),
        (facts.signature.is_some(), " +signature"),
        (facts.guest_adoption_retired, " +no guest adoption"),
    ];
    let notes: String = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
    format!("access {access}, refresh {refresh}, dw {dw}{notes}")
}

/// The calls and their responses.
pub(crate) fn calls(calls: &[Call<'_>]) -> String {
    if calls.is_empty() {
        return "(no call)".to_owned();
    }
    calls.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn one(call: &Call<'_>) -> String {
    match call {
        Call::Refresh(_, response) => format!("refresh: {}", refreshed(response)),
        Call::Guest(call, response) => {
            let usid = if call.usid.is_some() { " by usid" } else { "" };
            format!("guest{usid}: {}", guest(response))
        }
        Call::Probe(_, response) => format!("probe: {}", probed(response)),
        Call::Adopt(_, response) => format!("adopt: {}", adopted(response)),
        Call::Bridge(_, response) => format!("bridge: {}", bridged(response)),
        Call::Login(call, response) => {
            let usid = if call.usid.is_some() { " by usid" } else { "" };
            format!("login{usid}: {}", logged_in(response))
        }
        Call::CheckBasket(_, response) => format!("check basket: {}", basket_check(**response)),
        Call::TransferBasket(_, response) => format!("transfer: {}", basket_transfer(**response)),
        Call::Logout(_, LogoutResponse::Revoked) => "logout: revoked".to_owned(),
        Call::Logout(_, LogoutResponse::NothingToRevoke) => "logout: nothing to revoke".to_owned(),
        Call::Logout(_, LogoutResponse::AccessRefused) => "logout: token refused".to_owned(),
        Call::Logout(_, LogoutResponse::Failed) => "logout: failed".to_owned(),
    }
}

fn refreshed(response: &RefreshResponse) -> String {
    match response {
        RefreshResponse::Granted(grant) => self::grant(grant),
        RefreshResponse::Refused => "refused".to_owned(),
        RefreshResponse::Doubtful(_) => "doubtful".to_owned(),
        RefreshResponse::Failed(failure) => self::failure(*failure).to_owned(),
    }
}

fn guest(response: &GuestResponse) -> String {
    match response {
        GuestResponse::Granted(grant) => self::grant(grant),
        GuestResponse::UsidTaken => "usid taken".to_owned(),
        GuestResponse::Failed(failure) => self::failure(*failure).to_owned(),
    }
}

fn probed(response: &ProbeResponse) -> String {
    match response {
        ProbeResponse::Alive { owner, login: Some(_) } => format!("{} with login", owner.id),
        ProbeResponse::Alive { owner, login: None } => owner.id.to_string(),
        ProbeResponse::Dead => "dead".to_owned(),
        ProbeResponse::Failed(failure) => self::failure(*failure).to_owned(),
    }
}

fn adopted(response: &AdoptResponse) -> String {
    match response {
        AdoptResponse::Granted(grant) => self::grant(grant),
        AdoptResponse::Refused => "refused".to_owned(),
        AdoptResponse::NotPermitted => "not permitted".to_owned(),
        AdoptResponse::Failed(failure) => self::failure(*failure).to_owned(),
    }
}

fn bridged(response: &BridgeResponse) -> &'static str {
    match response {
        BridgeResponse::Bridged(_) => "made",
        BridgeResponse::TokenRefused => "token refused",
        BridgeResponse::Failed(failure) => self::failure(*failure),
    }
}

fn logged_in(response: &LoginResponse) -> String {
    match response {
        LoginResponse::Granted(grant) => self::grant(grant),
        LoginResponse::BadCredentials => "bad credentials".to_owned(),
        LoginResponse::Conflict => "conflict".to_owned(),
        LoginResponse::Failed(failure) => self::failure(*failure).to_owned(),
    }
}

fn basket_check(response: CheckBasketResponse) -> &'static str {
    match response {
        CheckBasketResponse::HasItems => "yes",
        CheckBasketResponse::Empty => "no",
        CheckBasketResponse::Failed => "failed",
    }
}

fn basket_transfer(response: TransferBasketResponse) -> &'static str {
    match response {
        TransferBasketResponse::Moved => "yes",
        TransferBasketResponse::NothingToMove => "no",
        TransferBasketResponse::Failed => "failed",
    }
}

fn grant(grant: &Grant) -> String {
    let mut text = grant.claims.customer.id.to_string();
    if grant.refresh.is_none() {
        text.push_str(" without refresh");
    }
    if grant.dw.is_some() {
        text.push_str(" with dwsid");
    }
    text
}

fn failure(failure: UpstreamFailure) -> &'static str {
    match failure.cause {
        Cause::Unavailable => "down",
        Cause::Throttled => "throttled",
        Cause::Misconfigured => "not allowed",
    }
}

/// The outcome for the caller, and the changes to the browser.
pub(crate) fn decision(decision: &Decision) -> String {
    let mut text =
        format!("{}; {}; {}", outcome(decision), tokens(&decision.tokens), dw(&decision.dw));
    if decision.session_expired {
        text.push_str("; SESSION EXPIRED");
    }
    if decision.guest_adoption_refused {
        text.push_str("; guest adoption refused");
    }
    text
}

fn outcome(decision: &Decision) -> String {
    match decision.outcome {
        Outcome::Ready => "ready".to_owned(),
        Outcome::LoggedIn { basket_lost: false } => "logged in".to_owned(),
        Outcome::LoggedIn { basket_lost: true } => "logged in, basket lost".to_owned(),
        Outcome::LoggedOut { revoked: true } => "logged out".to_owned(),
        Outcome::LoggedOut { revoked: false } => "logged out, not revoked".to_owned(),
        Outcome::NotBridged(BridgeRefusal::ProofRefused) => "not bridged".to_owned(),
        Outcome::NotBridged(BridgeRefusal::ScopeMissing) => "not bridged, no scope".to_owned(),
        Outcome::BadCredentials => "bad credentials".to_owned(),
        Outcome::LoginConflict => "login conflict".to_owned(),
        Outcome::Unavailable(failure) => format!("unavailable ({})", self::failure(failure)),
        Outcome::NoDwSession(failure) => format!("no DW session ({})", self::failure(failure)),
    }
}

fn tokens(change: &TokenChange) -> String {
    match change {
        TokenChange::Keep => "keep tokens".to_owned(),
        TokenChange::Set(grant) => format!("tokens {}", grant.claims.customer.id),
        TokenChange::Drop => "drop tokens".to_owned(),
    }
}

fn dw(change: &DwChange) -> String {
    let id = |customer: &Customer| customer.id.to_string();
    match change {
        DwChange::Keep => "keep dw".to_owned(),
        DwChange::Recheck | DwChange::Confirm(None) => "keep dw, recheck".to_owned(),
        DwChange::Confirm(Some(owner)) => format!("dw {} confirmed", id(owner)),
        DwChange::Set { owner: Some(owner), .. } => format!("dw {} new", id(owner)),
        DwChange::Set { owner: None, .. } => "dw new, recheck".to_owned(),
        DwChange::Drop => "drop dw".to_owned(),
        DwChange::Failed(_) => "drop dw, try later".to_owned(),
    }
}

/// Whether the call succeeded.
pub(crate) fn is_success(call: &Call<'_>) -> bool {
    match call {
        Call::Refresh(_, response) => matches!(response, RefreshResponse::Granted(_)),
        Call::Guest(_, response) => matches!(response, GuestResponse::Granted(_)),
        Call::Probe(_, response) => matches!(response, ProbeResponse::Alive { .. }),
        Call::Adopt(_, response) => matches!(response, AdoptResponse::Granted(_)),
        Call::Bridge(_, response) => matches!(response, BridgeResponse::Bridged(_)),
        Call::Login(_, response) => matches!(response, LoginResponse::Granted(_)),
        Call::CheckBasket(_, response) => **response == CheckBasketResponse::HasItems,
        Call::TransferBasket(_, response) => **response == TransferBasketResponse::Moved,
        Call::Logout(_, response) => **response == LogoutResponse::Revoked,
    }
}
