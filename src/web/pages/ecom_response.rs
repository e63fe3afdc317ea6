//! What an upstream's answer says about the shopper, and what the browser is to know of it.

use axum::response::Response;
use http::StatusCode;

use crate::cookies::request_cookies::RequestHandoff;
use crate::cookies::response_cookies::{ResponseCookies, UpstreamRefresh};
use crate::flow::{
    Decision, DwChange, EcomPage, Handoff, HeldRefresh, Outcome, PageResponse, Provenance,
    TokenChange,
};
use crate::ids::AccessToken;
use crate::model::{DwCookies, Extras, Grant, RefreshGrant};
use crate::problem::Problem;
use crate::route::Kind;
use crate::web::pages::{ProxiedRequest, below_prefix};
use crate::web::request_session::SessionUpdate;

/// A refresh token whose cookie ends with the browser is remembered for so long, in seconds.
const UNTIL_CLOSED: i64 = 24 * 60 * 60;

/// An answer, read.
pub(crate) struct PageObservation {
    offer: ResponseCookies,
    page: EcomPage,
    /// A DW session other than the one ECOM was asked in.
    pub(crate) other_dw: Option<DwCookies>,
}

impl ProxiedRequest {
    pub(crate) fn observe(&self, update: &SessionUpdate, response: &Response) -> PageObservation {
        let names = &self.session.site.names;
        let offer = ResponseCookies::read(response.headers(), names, self.session.site.clock.now());
        if offer.invalid_dwsid {
            tracing::warn!("an upstream sets a dwsid that is none, or two of them");
            self.session.site.metrics.cookie_filtered("odd_dwsid");
        }
        let is_other =
            |dw: &DwCookies| self.sent_dwsid(update).is_none_or(|sent| sent != dw.dwsid.expose());
        let other_dw = offer.dw.clone().filter(is_other);
        PageObservation { page: self.page(response.status()), other_dw, offer }
    }

    /// Takes over what ECOM has said about the shopper; `before` as it is if that is nothing.
    pub(crate) async fn reconcile(
        &self,
        said: &PageObservation,
        before: SessionUpdate,
    ) -> Result<SessionUpdate, Problem> {
        let handed = self.handoff(&said.offer, &before.decision).await;
        let asks = said.page != EcomPage::Ordinary
            || (said.other_dw.is_some() && self.adopts_other_sessions());
        if handed.is_none() && !asks {
            return Ok(before);
        }
        let closes = said.offer.refresh.as_ref().is_some_and(|refresh| refresh.max_age.is_none());
        let on_trial = matches!(handed, Some(Handoff::Refresh(Some(_))));
        let says = PageResponse {
            by: self.speaker(),
            deletes_refresh: said
                .deletes(self.session.facts_after(&before.decision).refresh.as_ref()),
            handed,
            dw: said.other_dw.clone(),
            page: said.page,
        };
        let mut update = self.session.reconcile(&before.decision, says, Some(!closes)).await?;
        if let (Outcome::Unavailable(_), Some(offered)) =
            (&update.decision.outcome, said.offer.refresh.as_ref().filter(|_| on_trial))
        {
            self.session.defer_refresh_token(offered, &mut update);
        }
        Ok(update)
    }

    /// Who responds to the request.
    fn speaker(&self) -> Provenance {
        if self.route.kind == Kind::Ecom { Provenance::Ecom } else { Provenance::Head }
    }

    /// A Hybrid Auth platform keeps its sessions in step by itself; other sites' operators decide.
    fn adopts_other_sessions(&self) -> bool {
        let config = &self.session.site.config;
        self.route.kind == Kind::Ecom && (config.ecom.adopt_other || config.ocapi.is_none())
    }

    /// What a page is for goes by its controller or its path. A page that failed did nothing.
    fn page(&self, status: StatusCode) -> EcomPage {
        let config = &self.session.site.config.ecom;
        let path = below_prefix(&self.session.site, self.parts.uri.path());
        let controller = path.rsplit('/').next().unwrap_or_default();
        let named = |names: &[String]| names.iter().any(|name| name == controller || name == path);
        let failed = status.is_client_error() || status.is_server_error();
        if failed || self.route.kind != Kind::Ecom {
            EcomPage::Ordinary
        } else if named(&config.sign_out) {
            EcomPage::Logout
        } else if named(&config.sign_in) {
            EcomPage::Login
        } else {
            EcomPage::Ordinary
        }
    }

    async fn handoff(&self, offer: &ResponseCookies, before: &Decision) -> Option<Handoff> {
        let held = self.session.facts_after(before).refresh;
        let forgotten = |held: &HeldRefresh| offer.deleted.contains(&held.kind);
        let offered = offer.refresh.as_ref().map(|offered| held_refresh(offered, self.speaker()));
        match (&offer.handoff, held) {
            (Some(RequestHandoff::Token(token)), held) => {
                let held = held.filter(|held| !forgotten(held));
                match self.grant(token, offer.refresh.as_ref(), held, before).await {
                    Some(grant) => Some(Handoff::Grant(Box::new(grant))),
                    None if offered.is_some() => Some(Handoff::Refresh(offered)),
                    None => Some(Handoff::Unverifiable),
                }
            }
            (Some(RequestHandoff::Refresh), _) if offered.is_some() => {
                Some(Handoff::Refresh(offered))
            }
            (Some(RequestHandoff::Refresh), Some(held)) if !forgotten(&held) => {
                Some(Handoff::Refresh(None))
            }
            (Some(RequestHandoff::Refresh), _) => Some(Handoff::LoggedOut),
            (None, held) if is_other_token(offered.as_ref(), held.as_ref()) => {
                Some(Handoff::Refresh(offered))
            }
            (None, Some(held)) if offered.is_none() && forgotten(&held) => Some(Handoff::LoggedOut),
            (None, _) => None,
        }
    }

    /// The tokens, once the signature is checked: they come from another system.
    async fn grant(
        &self,
        token: &AccessToken,
        offered: Option<&UpstreamRefresh>,
        held: Option<HeldRefresh>,
        before: &Decision,
    ) -> Option<Grant> {
        let site = &self.session.site;
        let claims = site.verifier.verify(token, None).await;
        if claims.is_none() {
            tracing::warn!("an upstream hands over an access token that is not one of ours");
        }
        let claims = claims.filter(|claims| claims.expires_at > site.clock.now())?;
        let kind = claims.customer.kind;
        let offered = offered.filter(|offered| offered.kind == kind).map(|offered| RefreshGrant {
            token: offered.token.clone(),
            expires_in: offered.max_age.unwrap_or(UNTIL_CLOSED),
        });
        let kept = held
            .filter(|held| held.kind == kind)
            .map(|held| RefreshGrant { token: held.token, expires_in: self.life_left(before) });
        let (access, refresh) = (token.clone(), offered.or(kept));
        Some(Grant { access, claims, refresh, dw: None, extras: Extras::default() })
    }

    /// Seconds that the refresh token in hand still lives.
    fn life_left(&self, before: &Decision) -> i64 {
        let now = self.session.site.clock.now();
        let remembered = self.session.state.refresh_expires_at.map(|at| at.since(now));
        match &before.tokens {
            TokenChange::Set(grant) => grant.refresh.as_ref().map(|refresh| refresh.expires_in),
            TokenChange::Keep | TokenChange::Drop => remembered,
        }
        .filter(|life| *life > 0)
        .unwrap_or(UNTIL_CLOSED)
    }
}

impl PageObservation {
    /// Whether the response deletes the refresh token in hand.
    fn deletes(&self, held: Option<&HeldRefresh>) -> bool {
        held.is_some_and(|held| self.offer.deleted.contains(&held.kind))
    }

    /// Whether ECOM has served the answer in a session that is not the shopper's after all.
    pub(crate) fn is_other_session(&self, update: &SessionUpdate) -> bool {
        let taken = |other: &DwCookies| match &update.decision.dw {
            DwChange::Set { cookies, .. } => cookies.dwsid == other.dwsid,
            DwChange::Drop => true,
            _ => false,
        };
        self.other_dw.as_ref().is_some_and(|other| !taken(other))
    }
}

fn held_refresh(offered: &UpstreamRefresh, provenance: Provenance) -> HeldRefresh {
    HeldRefresh { kind: offered.kind, token: offered.token.clone(), provenance }
}

/// Whether a refresh token is handed over that is not the one in hand.
fn is_other_token(offered: Option<&HeldRefresh>, held: Option<&HeldRefresh>) -> bool {
    let same = |offered: &HeldRefresh, held: &HeldRefresh| {
        (offered.kind, &offered.token) == (held.kind, &held.token)
    };
    offered.is_some_and(|offered| held.is_none_or(|held| !same(offered, held)))
}
