//! Reads what the cookies of a page's response state about the shopper, and reconciles the browser
//! with it. What follows from which cookies is decided in `flow`.

use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};

use crate::cookies::request_cookies::RequestHandoff;
use crate::cookies::response_cookies::ResponseCookies;
use crate::cookies::set_cookie::CookieLife;
use crate::flow::{
    BridgeMode, Decision, EcomPage, Handoff, Outcome, PageAccess, PageCookies, PageResponse,
    Provenance, TokenChange,
};
use crate::header_values::has_media_type;
use crate::ids::AccessToken;
use crate::model::{DwCookies, RefreshGrant};
use crate::problem::Problem;
use crate::route::Kind;
use crate::web::incoming::listed_path;
use crate::web::pages::ProxiedRequest;
use crate::web::request_kind::is_reading;
use crate::web::request_session::SessionUpdate;

/// How long a refresh token counts whose cookie ends with the browser session, in seconds.
const BROWSER_SESSION: i64 = 24 * 60 * 60;

/// What the cookies of a response state.
pub(crate) struct PageObservation {
    cookies: ResponseCookies,
    page: EcomPage,
    /// A DW session other than the one that the request was sent in.
    pub(crate) other_dw: Option<DwCookies>,
}

impl ProxiedRequest {
    /// Reads the cookies of a response to a request that was sent with those of `update`.
    pub(crate) fn observe(&self, update: &SessionUpdate, response: &Response) -> PageObservation {
        let site = &self.session.site;
        let cookies = ResponseCookies::read(response.headers(), &site.names, site.clock.now());
        if cookies.invalid_dwsid {
            tracing::warn!("upstream set an invalid or repeated dwsid");
            site.metrics.upstream_cookie_filtered("invalid_dwsid");
        }
        let is_other =
            |dw: &DwCookies| self.sent_dwsid(update).is_none_or(|sent| sent != dw.dwsid.expose());
        let other_dw = cookies.dw.clone().filter(is_other);
        let page = self.page(response.status()).with_renewal(update.age_of_renewal());
        let page = match page {
            EcomPage::Ordinary if other_dw.is_none() => self.page_of_form(response),
            page => page,
        };
        PageObservation { cookies, page, other_dw }
    }

    /// Applies what the response states about the shopper; `before` unchanged if that is nothing.
    pub(crate) async fn reconcile(
        &self,
        observed: &PageObservation,
        before: SessionUpdate,
    ) -> Result<SessionUpdate, Problem> {
        let response = self.page_response(observed, before.decision()).await;
        if response.is_irrelevant(self.adopts_other_sessions()) {
            return Ok(before);
        }
        let page_refresh = observed.cookies.refresh.as_ref();
        let page_token = matches!(response.handoff, Some(Handoff::Refresh(Some(_))));
        let ends_with_browser = page_refresh.is_some_and(|refresh| refresh.max_age.is_none());
        let life = match observed.page {
            // The shopper stays logged in for as long as was chosen.
            EcomPage::Password => Some(self.session.life()),
            _ => ends_with_browser.then_some(CookieLife::BrowserSession),
        };
        let checks_dw = response.page == EcomPage::Redirected && response.handoff.is_none();
        let mut update = self.session.reconcile(before, response, life).await?;
        if checks_dw {
            update.record_dw_check(&self.session);
        }
        if let (Outcome::Unavailable(_), Some(refresh)) =
            (&update.decision().outcome, page_refresh.filter(|_| page_token))
        {
            update.defer_refresh_token(&self.session, refresh);
        }
        Ok(update)
    }

    async fn page_response(&self, observed: &PageObservation, before: &Decision) -> PageResponse {
        let cookies = self.page_cookies(&observed.cookies).await;
        // Most pages set no tokens: there is nothing to compare with the token in hand.
        let held =
            if cookies.is_silent() { None } else { self.session.facts_after(before).refresh };
        PageResponse {
            by: cookies.by,
            deletes_refresh: cookies.deletes(held.as_ref()),
            handoff: cookies.handoff(held.as_ref(), self.refresh_expires_in(before)),
            dw: observed.other_dw.clone(),
            page: observed.page,
        }
    }

    /// The cookies with the access token's signature verified: it comes from another system.
    async fn page_cookies(&self, cookies: &ResponseCookies) -> PageCookies {
        PageCookies {
            by: if self.route.kind == Kind::Ecom { Provenance::Ecom } else { Provenance::Head },
            access: match &cookies.handoff {
                Some(RequestHandoff::Token(token)) => self.verify(token).await,
                Some(RequestHandoff::Refresh) => PageAccess::Refresh,
                None => PageAccess::None,
            },
            refresh: cookies.refresh.as_ref().map(|refresh| {
                let expires_in = refresh.max_age.unwrap_or(BROWSER_SESSION);
                (refresh.kind, RefreshGrant { token: refresh.token.clone(), expires_in })
            }),
            deleted: cookies.deleted.clone(),
        }
    }

    async fn verify(&self, token: &AccessToken) -> PageAccess {
        let site = &self.session.site;
        match site.verifier.verify(token, None).await {
            Some(claims) if claims.expires_at > site.clock.now() => {
                PageAccess::Verified(token.clone(), claims)
            }
            Some(_) => PageAccess::Unverifiable,
            None => {
                tracing::warn!("upstream set an invalid access token");
                PageAccess::Unverifiable
            }
        }
    }

    /// A Hybrid Auth platform keeps its sessions consistent without help; the operators of other
    /// sites decide.
    fn adopts_other_sessions(&self) -> bool {
        let config = &self.session.site.config;
        config.ecom.adopt_other || config.ocapi.is_none()
    }

    /// What the page is for. A page that failed did nothing.
    pub(crate) fn page(&self, status: StatusCode) -> EcomPage {
        let failed = status.is_client_error() || status.is_server_error();
        if failed || self.route.kind != Kind::Ecom {
            return EcomPage::Ordinary;
        }
        let path = listed_path(&self.session.site, &self.route, &self.parts);
        match self.session.site.config.ecom.pages.find(&path) {
            EcomPage::Password if is_reading(&self.parts.method) => EcomPage::Ordinary,
            page => page,
        }
    }

    /// What a page is for that no list names: a form that is answered by a redirect may have logged a
    /// shopper in or out. OCAPI is asked seldom, because most such forms have not. ECOM logs a shopper
    /// out whose CSRF token it rejects, which is no wish to leave.
    fn page_of_form(&self, response: &Response) -> EcomPage {
        let session = &self.session;
        let is_classic = session.site.config.policy.mode == BridgeMode::Classic;
        let is_form = self.parts.method == Method::POST && is_form(&self.parts.headers);
        let is_ecom = self.route.kind == Kind::Ecom && self.route.bridge && is_classic;
        let may_ask = session.state.may_check_dw(session.site.clock.now());
        match redirect_target(response) {
            Some(target) if is_form && is_ecom && may_ask => {
                if is_csrf_failure(target) {
                    EcomPage::Login
                } else {
                    EcomPage::Redirected
                }
            }
            _ => EcomPage::Ordinary,
        }
    }

    /// For how many seconds the refresh token in hand is valid.
    fn refresh_expires_in(&self, before: &Decision) -> i64 {
        let now = self.session.site.clock.now();
        let sealed = self.session.state.refresh_expires_at.map(|at| at.since(now));
        match &before.tokens {
            TokenChange::Set(grant) => grant.refresh.as_ref().map(|refresh| refresh.expires_in),
            TokenChange::Keep | TokenChange::Drop => sealed,
        }
        .filter(|seconds| *seconds > 0)
        .unwrap_or(BROWSER_SESSION)
    }
}

/// Where a response redirects the browser.
pub(crate) fn redirect_target(response: &Response) -> Option<&str> {
    let target = response.headers().get(LOCATION)?;
    target.to_str().ok().filter(|_| response.status().is_redirection())
}

/// Whether ECOM redirects to the page that it shows after a wrong CSRF token (SFRA: `CSRF-Fail`).
pub(crate) fn is_csrf_failure(target: &str) -> bool {
    target.to_ascii_lowercase().contains("csrf")
}

fn is_form(headers: &HeaderMap) -> bool {
    ["application/x-www-form-urlencoded", "multipart/form-data"]
        .iter()
        .any(|kind| has_media_type(headers, kind))
}

impl PageObservation {
    /// Whether the cookies hand over and delete no tokens.
    pub(crate) fn is_silent(&self) -> bool {
        let cookies = &self.cookies;
        cookies.handoff.is_none() && cookies.refresh.is_none() && cookies.deleted.is_empty()
    }

    /// What it states if the DW session of the request was alive.
    pub(crate) fn as_end(&self) -> PageResponse {
        PageResponse {
            by: Provenance::Ecom,
            deletes_refresh: false,
            handoff: None,
            dw: self.other_dw.clone(),
            page: EcomPage::Ended,
        }
    }

    /// Whether ECOM served the response in a session that is not the shopper's.
    pub(crate) fn is_other_session(&self, update: &SessionUpdate) -> bool {
        let dw = &update.decision().dw;
        self.other_dw.as_ref().is_some_and(|other| !dw.accounts_for(&other.dwsid))
    }
}
