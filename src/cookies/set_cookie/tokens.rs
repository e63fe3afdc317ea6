//! Writes and deletes the cookies of SLAS tokens, by the profile's table.

use super::{CookieChanges, CookieContext, Deletion};
use crate::cookies::profiles::{Field, Lifetime, MAX_PIECES};
use crate::cookies::request_cookies::RequestHandoff;
use crate::cookies::sealed_state::{SealedState, SlasSession};
use crate::cookies::token_pieces::PIECE;
use crate::flow::{HeldAccess, TokenChange};
use crate::ids::AccessToken;
use crate::model::{Claims, CustomerType, Extras, Grant};
use crate::timestamp::Timestamp;

impl CookieContext<'_> {
    pub(super) fn delete_tokens(
        &self,
        change: &TokenChange,
        deletion: Deletion,
        changes: &mut CookieChanges,
    ) {
        if *change == TokenChange::Drop {
            for entry in self.names.entries() {
                self.delete(&entry.name, deletion, changes);
            }
            self.delete_parts(0, changes);
            changes.state = changes.state.without_tokens();
            self.delete(&self.names.registered_seal, deletion, changes);
        }
        let in_use = *change == TokenChange::Keep && self.names.access == self.names.handoff;
        if !in_use {
            self.clear_handoff(changes);
        }
    }

    /// Deletes the handoff cookies: Tandem has taken the handoff over, or it is out of date.
    fn clear_handoff(&self, changes: &mut CookieChanges) {
        for number in 1..=MAX_PIECES {
            let name = self.names.piece(number);
            if name != self.names.access {
                self.delete(&name, Deletion::IfPresented, changes);
            }
        }
    }

    pub(super) fn set_tokens(
        &self,
        grant: &Grant,
        deletion: Deletion,
        changes: &mut CookieChanges,
    ) {
        let kind = grant.claims.customer.kind;
        let state = &mut changes.state;
        state.forget_on_close &= kind.is_registered();
        state.access = Some(grant.access.tag());
        state.session = Some(session_of(&grant.access, &grant.claims, state));
        state.refresh = grant.refresh.as_ref().map(|refresh| refresh.token.tag());
        state.refresh_expires_at =
            grant.refresh.as_ref().map(|refresh| self.now.plus(refresh.expires_in));
        state.record_dnt(self.presented.dnt);
        state.dnt_not_applied = grant.other_dnt;
        let access_life = grant.claims.expires_at.since(self.now);
        let kept = |life| (!state.forget_on_close).then_some(life);
        let refresh_life = match &grant.refresh {
            Some(refresh) => kept(refresh.expires_in),
            None => Some(access_life),
        };
        let access_life = kept(access_life);
        for entry in self.names.entries() {
            let life = if entry.lifetime == Lifetime::Access { access_life } else { refresh_life };
            match value(entry.field, grant, self.now) {
                Some(_) if entry.field == Field::Access => {
                    self.set_access(&grant.access, life, changes);
                }
                Some(value) => changes.set(&entry.name, &value, life),
                None => self.delete(&entry.name, deletion, changes),
            }
        }
        if kind.is_guest() {
            self.delete(&self.names.registered_seal, deletion, changes);
        }
    }

    /// Deletes a guest's refresh token although the browser has not presented it: another tab may have
    /// become a guest while the login was under way.
    pub(super) fn delete_guest_refresh(&self, changes: &mut CookieChanges) {
        let name = self.names.refresh(CustomerType::Guest);
        if !self.presented.has(name) {
            changes.delete(name);
        }
    }

    /// Writes a token that ECOM handed over, and that is now the one in hand, to Tandem's own
    /// cookies. Its refresh token, if there is one, is in the right cookie already.
    pub(super) fn accept_handoff(&self, held: &HeldAccess, changes: &mut CookieChanges) {
        if self.presented.handoff != Some(RequestHandoff::Token(held.token.clone())) {
            return;
        }
        changes.state.access = Some(held.token.tag());
        changes.state.session = Some(session_of(&held.token, &held.claims, &changes.state));
        changes.state.refresh = None;
        changes.state.record_dnt(self.presented.dnt);
        changes.state.dnt_not_applied = false;
        let life = held.claims.expires_at.since(self.now);
        let (access, claims) = (held.token.clone(), held.claims.clone());
        let grant = Grant {
            access,
            claims,
            refresh: None,
            dw: None,
            extras: Extras::default(),
            other_dnt: false,
        };
        for entry in self.names.entries() {
            let ours = matches!(entry.field, Field::Access | Field::Usid | Field::CustomerId);
            if entry.field == Field::Access {
                self.set_access(&held.token, Some(life), changes);
            } else if let Some(value) = value(entry.field, &grant, self.now).filter(|_| ours) {
                changes.set(&entry.name, &value, Some(life));
            }
        }
    }

    /// Writes the token, in pieces where the profile has them or the browser would drop the cookie.
    fn set_access(&self, token: &AccessToken, life: Option<i64>, changes: &mut CookieChanges) {
        if self.names.in_pieces() {
            return self.set_pieces(token.expose(), life, changes);
        }
        let parts = self.names.parts(token);
        if parts.is_empty() {
            changes.set(&self.names.access, token.expose(), life);
        } else {
            self.delete(&self.names.access, Deletion::IfPresented, changes);
        }
        for (name, value) in &parts {
            changes.set(name, value, life);
        }
        self.delete_parts(parts.len(), changes);
    }

    /// Deletes the parts of an earlier token behind the first `kept` ones.
    fn delete_parts(&self, kept: usize, changes: &mut CookieChanges) {
        for name in self.names.part_names().skip(kept) {
            self.delete(&name, Deletion::IfPresented, changes);
        }
    }

    /// Writes the token in as many pieces as it needs. A piece left over from a longer token would
    /// be read as part of this one, so the next piece is deleted whether the browser sent it or
    /// not.
    fn set_pieces(&self, token: &str, life: Option<i64>, changes: &mut CookieChanges) {
        let mut number = 0;
        for piece in token.as_bytes().chunks(PIECE) {
            number += 1;
            let piece = std::str::from_utf8(piece).unwrap_or_default();
            changes.set(&self.names.piece(number), piece, life);
        }
        for number in number + 1..=MAX_PIECES {
            let next = token.len().div_ceil(PIECE) + 1 == number;
            let deletion = if next { Deletion::Always } else { Deletion::IfPresented };
            self.delete(&self.names.piece(number), deletion, changes);
        }
    }
}

/// Makes the seal name the token in hand, if it does not yet: a token from before Tandem, or one
/// that another tab has renewed. The refresh token beside it remains unproven.
pub(super) fn seal_held_token(held: &HeldAccess, state: &mut SealedState) {
    if state.access != Some(held.token.tag()) {
        state.access = Some(held.token.tag());
        state.session = Some(session_of(&held.token, &held.claims, state));
    }
}

/// The session of a token. It keeps the lineage of `before` if shopper and `usid` are the same.
fn session_of(token: &AccessToken, claims: &Claims, before: &SealedState) -> SlasSession {
    let (customer, usid) = (claims.customer.clone(), claims.usid.tag());
    let same = |known: &&SlasSession| known.customer == customer && known.usid == usid;
    let lineage = before.session.as_ref().filter(same).map(|known| known.lineage);
    SlasSession { customer, usid, lineage: lineage.unwrap_or_else(|| token.tag()) }
}

/// The value of a cookie for `grant`; `None` if the grant has no value for it.
fn value(field: Field, grant: &Grant, now: Timestamp) -> Option<String> {
    let claims = &grant.claims;
    match field {
        Field::Access => Some(grant.access.expose().to_owned()),
        Field::AccessExpires => Some(claims.expires_at.unix().to_string()),
        Field::AccessDoNotTrack => claims.dnt.map(|dnt| if dnt { "1" } else { "0" }.to_owned()),
        Field::Origin => claims.origin.as_ref().map(ToString::to_string),
        Field::IdToken => grant.extras.id_token.as_ref().map(|token| token.expose().to_owned()),
        Field::CustomerType => Some(claims.customer.kind.as_str().to_owned()),
        Field::CustomerId => Some(claims.customer.id.to_string()),
        Field::Refresh(kind) => {
            let refresh = grant.refresh.as_ref().filter(|_| kind == claims.customer.kind)?;
            Some(refresh.token.expose().to_owned())
        }
        Field::RefreshExpires => {
            let refresh = grant.refresh.as_ref()?;
            Some(now.plus(refresh.expires_in).unix().to_string())
        }
        Field::EncodedUserId => grant.extras.encoded_user_id.as_ref().map(ToString::to_string),
        Field::Usid => Some(claims.usid.to_string()),
        Field::Obsolete => None,
    }
}
