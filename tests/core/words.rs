//! Paths in words: one line that a human can read, in the table and in a failed assertion.

use std::fmt;

use tandem::flow::{
    Access, AdoptAnswer, BasketAnswer, BridgeAnswer, BridgeMode, BridgeTime, Cause, Dw, DwChange,
    Ending, Facts, GuestAnswer, GuestBasket, Intent, Outcome, ProbeAnswer, RefreshAnswer,
    SignInAnswer, SignOutAnswer, TokenChange, Trouble,
};
use tandem::model::{Customer, Grant};

use crate::facts::{Guest, Start};
use crate::walk::{Asked, Path};

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Start { facts, intent } = self.start;
        write!(formatter, "{}, {}: ", policy(facts), self::intent(*intent))?;
        write!(formatter, "{} | {} | {}", hands(facts), asked(self.asked), ending(self.ending))
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
        Intent::SignIn(GuestBasket::Unknown) => "SignIn, basket unknown",
        Intent::SignIn(GuestBasket::Empty) => "SignIn, basket empty",
        Intent::SignIn(GuestBasket::HasItems) => "SignIn, basket has items",
        Intent::SignOut { all_devices: false } => "SignOut",
        Intent::SignOut { all_devices: true } => "SignOut, all devices",
    }
}

/// What the browser holds, and what else is known.
pub(crate) fn hands(facts: &Facts) -> String {
    let access = match &facts.access {
        Access::None => "-".to_owned(),
        Access::Expired(claims) => format!("{} expired", claims.customer.id),
        Access::Ending(held) => format!("{} ending", held.claims.customer.id),
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
        Dw::Doubtful { owner: Some(owner), .. } => format!("{} doubtful", owner.id),
        Dw::Doubtful { owner: None, .. } => "unknown".to_owned(),
    };
    let notes = [
        (facts.bridged, " +bridged"),
        (facts.bridge_resting, " +resting"),
        (facts.signature.is_some(), " +signature"),
        (facts.guest_adoption_retired, " +retired"),
    ];
    let notes: String = notes.iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect();
    format!("access {access}, refresh {refresh}, dw {dw}{notes}")
}

/// The questions and their answers.
pub(crate) fn asked(asked: &[Asked<'_>]) -> String {
    if asked.is_empty() {
        return "(nothing asked)".to_owned();
    }
    asked.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn one(asked: &Asked<'_>) -> String {
    match asked {
        Asked::Refresh(_, answer) => format!("refresh: {}", refreshed(answer)),
        Asked::Guest(ask, answer) => {
            let usid = if ask.usid.is_some() { " by usid" } else { "" };
            format!("guest{usid}: {}", guest(answer))
        }
        Asked::Probe(_, answer) => format!("probe: {}", probed(answer)),
        Asked::Adopt(_, answer) => format!("adopt: {}", adopted(answer)),
        Asked::Bridge(_, answer) => format!("bridge: {}", bridged(answer)),
        Asked::SignIn(ask, answer) => {
            let usid = if ask.usid.is_some() { " by usid" } else { "" };
            format!("sign in{usid}: {}", signed_in(answer))
        }
        Asked::PeekBasket(_, answer) => format!("peek: {}", basket(**answer)),
        Asked::TransferBasket(_, answer) => format!("transfer: {}", basket(**answer)),
        Asked::SignOut(_, SignOutAnswer::Revoked) => "sign out: revoked".to_owned(),
        Asked::SignOut(_, SignOutAnswer::Failed) => "sign out: failed".to_owned(),
    }
}

fn refreshed(answer: &RefreshAnswer) -> String {
    match answer {
        RefreshAnswer::Granted(grant) => self::grant(grant),
        RefreshAnswer::Refused => "refused".to_owned(),
        RefreshAnswer::Unavailable(trouble) => self::trouble(*trouble).to_owned(),
    }
}

fn guest(answer: &GuestAnswer) -> String {
    match answer {
        GuestAnswer::Granted(grant) => self::grant(grant),
        GuestAnswer::UsidTaken => "usid taken".to_owned(),
        GuestAnswer::Unavailable(trouble) => self::trouble(*trouble).to_owned(),
    }
}

fn probed(answer: &ProbeAnswer) -> String {
    match answer {
        ProbeAnswer::Alive { owner, login: Some(_) } => format!("{} with login", owner.id),
        ProbeAnswer::Alive { owner, login: None } => owner.id.to_string(),
        ProbeAnswer::Dead => "dead".to_owned(),
        ProbeAnswer::Unavailable(trouble) => self::trouble(*trouble).to_owned(),
    }
}

fn adopted(answer: &AdoptAnswer) -> String {
    match answer {
        AdoptAnswer::Granted(grant) => self::grant(grant),
        AdoptAnswer::Refused => "refused".to_owned(),
        AdoptAnswer::NotPermitted => "not permitted".to_owned(),
        AdoptAnswer::Unavailable(trouble) => self::trouble(*trouble).to_owned(),
    }
}

fn bridged(answer: &BridgeAnswer) -> &'static str {
    match answer {
        BridgeAnswer::Bridged(_) => "made",
        BridgeAnswer::TokenRefused => "token refused",
        BridgeAnswer::Unavailable(trouble) => self::trouble(*trouble),
    }
}

fn signed_in(answer: &SignInAnswer) -> String {
    match answer {
        SignInAnswer::Granted(grant) => self::grant(grant),
        SignInAnswer::BadCredentials => "bad credentials".to_owned(),
        SignInAnswer::Conflict => "conflict".to_owned(),
        SignInAnswer::Unavailable(trouble) => self::trouble(*trouble).to_owned(),
    }
}

fn basket(answer: BasketAnswer) -> &'static str {
    match answer {
        BasketAnswer::Yes => "yes",
        BasketAnswer::No => "no",
        BasketAnswer::Failed => "failed",
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

fn trouble(trouble: Trouble) -> &'static str {
    match trouble.cause {
        Cause::Unavailable => "down",
        Cause::Throttled => "throttled",
        Cause::Misconfigured => "not allowed",
    }
}

/// What the caller is told and what the browser holds from now on.
pub(crate) fn ending(ending: &Ending) -> String {
    let mut text = format!("{}; {}; {}", outcome(ending), tokens(&ending.tokens), dw(&ending.dw));
    if ending.session_expired {
        text.push_str("; SESSION EXPIRED");
    }
    if ending.guest_adoption_refused {
        text.push_str("; remember the refusal");
    }
    text
}

fn outcome(ending: &Ending) -> String {
    match ending.outcome {
        Outcome::Ready => "ready".to_owned(),
        Outcome::SignedIn { basket_lost: false } => "signed in".to_owned(),
        Outcome::SignedIn { basket_lost: true } => "signed in, basket lost".to_owned(),
        Outcome::SignedOut { revoked: true } => "signed out".to_owned(),
        Outcome::SignedOut { revoked: false } => "signed out, not revoked".to_owned(),
        Outcome::NotBridged { scope: false } => "not bridged".to_owned(),
        Outcome::NotBridged { scope: true } => "not bridged, no scope".to_owned(),
        Outcome::BadCredentials => "bad credentials".to_owned(),
        Outcome::LoginConflict => "login conflict".to_owned(),
        Outcome::Unavailable(trouble) => format!("unavailable ({})", self::trouble(trouble)),
        Outcome::NoDwSession(trouble) => format!("no DW session ({})", self::trouble(trouble)),
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
        DwChange::Doubt => "keep dw, ask whose".to_owned(),
        DwChange::Confirm(owner) => format!("dw {} confirmed", id(owner)),
        DwChange::Set { owner, .. } => format!("dw {} new", id(owner)),
        DwChange::Drop => "drop dw".to_owned(),
        DwChange::Missing(_) => "drop dw, try later".to_owned(),
    }
}

/// Whether the answer is what the question hoped for.
pub(crate) fn is_good(asked: &Asked<'_>) -> bool {
    match asked {
        Asked::Refresh(_, answer) => matches!(answer, RefreshAnswer::Granted(_)),
        Asked::Guest(_, answer) => matches!(answer, GuestAnswer::Granted(_)),
        Asked::Probe(_, answer) => matches!(answer, ProbeAnswer::Alive { .. }),
        Asked::Adopt(_, answer) => matches!(answer, AdoptAnswer::Granted(_)),
        Asked::Bridge(_, answer) => matches!(answer, BridgeAnswer::Bridged(_)),
        Asked::SignIn(_, answer) => matches!(answer, SignInAnswer::Granted(_)),
        Asked::PeekBasket(_, answer) | Asked::TransferBasket(_, answer) => {
            **answer == BasketAnswer::Yes
        }
        Asked::SignOut(_, answer) => **answer == SignOutAnswer::Revoked,
    }
}
