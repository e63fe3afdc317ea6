//! The JSON of `/bff/session`: what a page may know about its shopper, never a token.

use serde::Serialize;

use crate::cookies::sealed_state::SealedState;
use crate::flow::{Dw, Outcome};
use crate::lifetimes::EXPIRED_NOTICE;
use crate::model::Claims;
use crate::site::Site;
use crate::web::request_session::{RequestSession, SessionUpdate};

/// Who the shopper is, and how long the session is valid.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SessionView {
    customer_type: &'static str,
    customer_id: Option<String>,
    usid: Option<String>,
    login_id: Option<String>,
    /// Seconds.
    access_expires_in: Option<i64>,
    /// Seconds.
    refresh_expires_in: Option<i64>,
    dw_session: &'static str,
    dnt: Option<bool>,
    session_expired: bool,
    /// No tokens can be had at the moment: the shopper has no session for that reason.
    unavailable: bool,
    /// After a logout: whether everything that was to end has ended at SLAS.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<bool>,
}

impl SessionView {
    /// The shopper of `session`, after `update` if there is one.
    pub(crate) fn of(session: &RequestSession, update: Option<&SessionUpdate>) -> Self {
        let claims = match update {
            Some(update) => update.tokens(session).map(|(_, claims)| claims),
            None => session.held().map(|held| &held.claims),
        };
        let state = update.map_or(&session.state, |update| &update.changes().state);
        let dw = session.facts(None).dw;
        let dw = match update.map_or(dw.clone(), |update| dw.after(&update.decision().dw)) {
            Dw::Absent => "none",
            Dw::Live { .. } => "live",
            Dw::Unverified { .. } => "unknown",
            Dw::Dead => "expired",
        };
        let dnt = session.dnt();
        let revoked = update.and_then(|update| match update.decision().outcome {
            Outcome::LoggedOut { revoked } => Some(revoked),
            _ => None,
        });
        Self { revoked, ..Self::new(claims, state, dw, dnt, &session.site) }
    }

    fn new(
        claims: Option<&Claims>,
        state: &SealedState,
        dw_session: &'static str,
        dnt: Option<bool>,
        site: &Site,
    ) -> Self {
        let now = site.clock.now();
        let expired = state.session_expired_at;
        Self {
            customer_type: claims.map_or("none", |claims| claims.customer.kind.as_str()),
            customer_id: claims.map(|claims| claims.customer.id.to_string()),
            usid: claims.map(|claims| claims.usid.to_string()),
            login_id: claims.and_then(|claims| claims.login_id.clone()),
            access_expires_in: claims.map(|claims| claims.expires_at.since(now)),
            refresh_expires_in: state
                .refresh_expires_at
                .map(|at| at.since(now))
                .filter(|left| claims.is_some() && *left > 0),
            dw_session,
            dnt: dnt.or(claims.and_then(|claims| claims.dnt)),
            session_expired: expired.is_some_and(|at| now.since(at) < EXPIRED_NOTICE),
            unavailable: claims.is_none() && site.is_unavailable(),
            revoked: None,
        }
    }
}
