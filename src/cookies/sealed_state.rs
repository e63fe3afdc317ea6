//! What Tandem stores about a browser, sealed into one cookie of its own.
//!
//! The cookies of SLAS and ECOM do not state which customer a `dwsid` belongs to, when it was made
//! or which token made it. This cookie does, encrypted by the [key ring](super::key_ring).

use serde::{Deserialize, Serialize};

use super::logged_out::LoggedOut;
use crate::ids::Tag;
use crate::lifetimes::{DW_CHECK, DW_IDLE, DW_MARGIN, DW_MAX_AGE, DW_USE_RECORD};
use crate::model::Customer;
use crate::timestamp::Timestamp;

/// What is known about a browser besides its cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedState {
    /// The access token that Tandem wrote: one that matches needs no signature check.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Tag>,
    /// The refresh token that Tandem wrote.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Tag>,
    /// When that refresh token expires.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub refresh_expires_at: Option<Timestamp>,
    /// The shopper logged in without "remember me": the refresh cookie ends with the browser.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub forget_on_close: bool,
    /// The DW session that Tandem wrote or checked.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub dw: Option<SealedDw>,
    /// The access token that has made a DW session: one token makes one.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bridged: Option<Tag>,
    /// The earliest time at which a request for the Head may attempt again to make a DW session,
    /// after a failure.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub bridge_after: Option<Timestamp>,
    /// The do-not-track choice that the browser presented when the access token was requested.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub dnt: Option<bool>,
    /// The do-not-track choice of a SLAS call, which counts until the browser presents another one
    /// than [`dnt`](Self::dnt).
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub stated_dnt: Option<bool>,
    /// The access token was requested with another do-not-track choice than the shopper's, and must be
    /// renewed.
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    pub dnt_not_applied: bool,
    /// When a registered session was found to have expired, until the next login or logout.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub session_expired_at: Option<Timestamp>,
    /// The SLAS session that the tokens belong to.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SlasSession>,
    /// Credentials that the shopper has logged out of: no replica accepts them, even after a
    /// restart.
    #[serde(rename = "o", default, skip_serializing_if = "LoggedOut::is_empty")]
    pub logged_out: LoggedOut,
    /// When OCAPI was last asked whose the DW session is only because a form was answered by a
    /// redirect.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub dw_checked_at: Option<Timestamp>,
    /// When cookies that others have set under Tandem's names were last deleted.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub strays_deleted_at: Option<Timestamp>,
}

/// The SLAS session of the tokens that Tandem wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlasSession {
    /// The shopper whom the tokens belong to.
    #[serde(rename = "c")]
    pub customer: Customer,
    /// The `usid` of the session. Two devices of a shopper may have the same.
    #[serde(rename = "u")]
    pub usid: Tag,
    /// The first access token of this shopper in this browser. Every token that has replaced it by
    /// a refresh is of the same lineage, and a logout ends them all.
    #[serde(rename = "l")]
    pub lineage: Tag,
}

/// What is known about the DW session in `dwsid`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedDw {
    /// The `dwsid` of the session.
    #[serde(rename = "s")]
    pub dwsid: Tag,
    /// The owner of the session; `None` if the owner must be looked up again.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Customer>,
    /// When it was made, or first seen.
    #[serde(rename = "b")]
    pub created_at: Timestamp,
    /// When ECOM last served a request in it, as far as Tandem has recorded.
    #[serde(rename = "u")]
    pub used_at: Timestamp,
}

impl SealedState {
    /// Whether the seal names no session and no logout: every credential that the browser presents
    /// is from before Tandem, or from another writer.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.session.is_none() && self.sealed_tags().next().is_none() && self.logged_out.is_empty()
    }

    /// Tags of every credential that the seal names: what Tandem last wrote to this browser.
    pub fn sealed_tags(&self) -> impl Iterator<Item = Tag> {
        let dw = self.dwsid();
        let lineage = self.session.as_ref().map(|session| session.lineage);
        [self.access, self.refresh, dw, lineage].into_iter().flatten()
    }

    /// The content of a registered shopper's own seal, which exists beside the one that every
    /// response may write: a guest's response that is concurrent with a login must not undo the
    /// login.
    #[must_use]
    pub fn registered_only(&self) -> Option<Self> {
        let registered = |session: &&SlasSession| session.customer.is_registered();
        let session = self.session.as_ref().filter(registered)?.clone();
        Some(Self {
            access: self.access,
            refresh: Some(self.refresh?),
            refresh_expires_at: self.refresh_expires_at,
            forget_on_close: self.forget_on_close,
            dnt: self.dnt,
            stated_dnt: self.stated_dnt,
            dnt_not_applied: self.dnt_not_applied,
            session: Some(session),
            ..Self::default()
        })
    }

    /// The content of the seal of the DW session alone.
    #[must_use]
    pub fn dw_only(&self) -> Option<Self> {
        Some(Self { dw: Some(self.dw.clone()?), ..Self::default() })
    }

    /// This state, with an unknown owner of the DW session if the seal of that session alone says so: a
    /// form of another site may have changed whose it is.
    #[must_use]
    pub fn checked_by(mut self, dw_seal: &Self) -> Self {
        let is_unverified = dw_seal.dw.as_ref().is_some_and(|dw| dw.owner.is_none());
        if is_unverified && dw_seal.dwsid() == self.dwsid() {
            self.mark_dw_unverified();
        }
        self
    }

    /// Whether the DW session is alive, as far as the seal knows.
    #[must_use]
    pub fn has_live_dw(&self, now: Timestamp) -> bool {
        self.dw.as_ref().is_some_and(|dw| {
            now.since(dw.created_at) < DW_MAX_AGE - DW_MARGIN
                && now.since(dw.used_at) < DW_IDLE - DW_MARGIN
        })
    }

    /// The DW session that the seal names.
    #[must_use]
    pub fn dwsid(&self) -> Option<Tag> {
        self.dw.as_ref().map(|dw| dw.dwsid)
    }

    /// This state with the registered session of `own`, which another shopper's response has
    /// overwritten.
    #[must_use]
    pub fn with_registered_session(self, own: Self) -> Self {
        Self {
            dw: self.dw,
            dw_checked_at: self.dw_checked_at,
            logged_out: self.logged_out,
            strays_deleted_at: self.strays_deleted_at,
            ..own
        }
    }

    /// The state without its tokens: what the browser must keep when they are deleted.
    #[must_use]
    pub fn without_tokens(&self) -> Self {
        Self {
            dw: self.dw.clone(),
            logged_out: self.logged_out.clone(),
            dw_checked_at: self.dw_checked_at,
            strays_deleted_at: self.strays_deleted_at,
            dnt: self.dnt.filter(|_| self.stated_dnt.is_some()),
            stated_dnt: self.stated_dnt,
            ..Self::default()
        }
    }

    /// The shopper's do-not-track choice, in a browser that presents the choice `presented`.
    #[must_use]
    pub fn dnt_choice(&self, presented: Option<bool>) -> Option<bool> {
        let stated = self.stated_dnt.filter(|_| presented == self.dnt);
        stated.or(presented)
    }

    /// The do-not-track choice that the access token must be renewed for, unless it has that choice, in
    /// a browser that presents the choice `presented`.
    #[must_use]
    pub fn dnt_to_apply(&self, presented: Option<bool>) -> Option<bool> {
        if self.dnt_not_applied {
            self.dnt_choice(presented)
        } else {
            presented.filter(|_| presented != self.dnt)
        }
    }

    /// Records the choice `stated` of a SLAS call in a browser that presents the choice `presented`.
    pub fn state_dnt(&mut self, stated: bool, presented: Option<bool>) {
        (self.dnt, self.stated_dnt) = (presented, Some(stated));
    }

    /// Records that a token was requested in a browser that presents the choice `presented`.
    pub fn record_dnt(&mut self, presented: Option<bool>) {
        self.stated_dnt = self.stated_dnt.filter(|_| presented == self.dnt);
        self.dnt = presented;
    }

    /// Removes the owner of the DW session, because the owner has become uncertain.
    pub fn mark_dw_unverified(&mut self) {
        if let Some(dw) = &mut self.dw {
            dw.owner = None;
        }
    }

    /// Whether a redirected form is reason to ask OCAPI whose the DW session is: there is one that the
    /// seal names, and the last time was long enough ago.
    #[must_use]
    pub fn may_check_dw(&self, now: Timestamp) -> bool {
        let recent = self.dw_checked_at.is_some_and(|at| now.since(at) < DW_CHECK);
        self.dw.as_ref().is_some_and(|dw| dw.owner.is_some()) && !recent
    }

    /// Records that ECOM serves a request in the DW session now, which keeps the session alive. It
    /// does so only from time to time, because every record is a `Set-Cookie`.
    pub fn record_dw_use(&mut self, now: Timestamp) {
        if let Some(dw) = &mut self.dw
            && now.since(dw.used_at) >= DW_USE_RECORD
        {
            dw.used_at = now;
        }
    }
}
