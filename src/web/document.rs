//! Everything that is not a route of ours: to the Head or to ECOM, with the pair made first.
//!
//! The request that goes on already carries the new cookies, so the page is rendered once, in the
//! right session; the browser gets the same cookies on the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    ALLOW, CONTENT_LENGTH, COOKIE, LOCATION, REFERER, SET_COOKIE, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::arrival::{Arrival, Travelled};
use super::guard::local_path;
use super::notes::{Notes, RequestId};
use super::places::{Place, Visit, place, visit};
use crate::app::App;
use crate::config::Origin;
use crate::flow::{Cause, DwChange, Intent, Trouble};
use crate::problem::{Problem, wants_page};
use crate::proxy::Outgoing;
use crate::session::CustomerType;
use crate::session::names::{DWSID, is_dw_companion};
use crate::session::write::Changes;
use crate::site::Site;

/// Methods that go through to the Head or to ECOM. `TRACE` would show a page's script the cookies
/// it must not read, and `CONNECT` is not for us.
const PASSING: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

pub(super) async fn proxy(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    if !PASSING.contains(&parts.method) {
        let allowed = PASSING.map(|method| method.to_string()).join(",");
        return Ok(([(ALLOW, allowed)], Problem::MethodNotAllowed).into_response());
    }
    let site = parts.extensions.get::<Arc<Site>>().cloned().ok_or(Problem::UnknownHost)?;
    let path = parts.uri.path();
    let routes = &site.config.routes;
    let place = place(path, routes).ok_or(Problem::NotFound)?;
    let visit = visit(&parts.method, path, &parts.headers, routes, &app.crawlers);
    if let Some(notes) = parts.extensions.get::<Notes>() {
        notes.with(|noted| {
            noted.route = Some(if matches!(place, Place::Ecom(_)) { "ecom" } else { "head" });
        });
    }
    if visit == Visit::Quiet {
        let cookies = untouched(&site, &parts);
        let mut response = forward(&app, &site, place, &parts, body, cookies).await?;
        // Nor does it change the session: ECOM may have begun another one for it.
        drop_dw_session(response.headers_mut());
        return Ok(response);
    }
    let arrival = Arrival::from_request_parts(&mut parts, &app).await?;
    let hop = Hop { app, arrival, parts };
    match place {
        Place::Head(head) => hop.to_head(head, visit, body).await,
        Place::Ecom(ecom) => hop.to_ecom(ecom, visit, body).await,
    }
}

/// One request on its way through.
struct Hop {
    app: Arc<App>,
    arrival: Arrival,
    parts: Parts,
}

impl Hop {
    async fn to_head(&self, head: &Origin, visit: Visit, body: Body) -> Result<Response, Problem> {
        let intent = if visit == Visit::Document { Intent::Head } else { Intent::Renew };
        if intent == Intent::Renew && self.arrival.presented.is_empty() {
            return Ok(self.forward(Place::Head(head), body, None).await);
        }
        let travelled = match self.arrival.travel(self.arrival.facts(None), intent).await {
            // A call that a login in another tab has overtaken still works; it changes nothing.
            Err(Problem::LoginConflict) => {
                return Ok(self.forward(Place::Head(head), body, None).await);
            }
            travelled => travelled?,
        };
        if let Some(trouble) = travelled.ending.outcome.trouble()
            && intent == Intent::Head
        {
            return Ok(self.dressed(Problem::Upstream(trouble).into_response(), &travelled));
        }
        if let Some(told) = self.told_of_expiry(visit, &travelled) {
            return Ok(self.dressed(told, &travelled));
        }
        let response = self.forward(Place::Head(head), body, Some(&travelled.changes)).await;
        Ok(self.dressed(response, &travelled))
    }

    async fn to_ecom(&self, ecom: &Origin, visit: Visit, body: Body) -> Result<Response, Problem> {
        // A form sent from another site comes without cookies (a payment page's return), and so
        // does a beacon of a page that is just loading: neither may begin a session, because it
        // would take the place of the one the browser holds back.
        if visit != Visit::Document && self.arrival.presented.is_empty() {
            let mut response = self.forward(Place::Ecom(ecom), body, None).await;
            drop_dw_session(response.headers_mut());
            return Ok(response);
        }
        let mut travelled = self.arrival.travel(self.arrival.facts(None), Intent::Ecom).await?;
        if let Some(trouble) = travelled.ending.outcome.trouble() {
            return Ok(self.dressed(Problem::Upstream(trouble).into_response(), &travelled));
        }
        if let Some(told) = self.told_of_expiry(visit, &travelled) {
            return Ok(self.dressed(told, &travelled));
        }
        let safe = self.parts.method == Method::GET || self.parts.method == Method::HEAD;
        if !safe && self.was_replaced(&travelled) {
            return Ok(self.dressed(self.back_to_form(), &travelled));
        }
        self.arrival.note_use(&mut travelled);
        let response = self.forward(Place::Ecom(ecom), body, Some(&travelled.changes)).await;
        if !self.was_swapped(&travelled, &response) {
            return Ok(self.dressed(response, &travelled));
        }
        let safe = safe && !has_body(&self.parts.headers);
        tracing::info!(repeated = safe, "ECOM has silently begun another DW session");
        if safe {
            self.again(ecom, response, travelled).await
        } else {
            Ok(self.apart(response, travelled))
        }
    }

    /// A request that must not be repeated was served in a session of nobody we know: the answer
    /// stands, the session does not reach the browser. The next page makes the shopper's anew.
    fn apart(&self, mut swapped: Response, before: Travelled) -> Response {
        drop_dw_session(swapped.headers_mut());
        let mut ending = before.ending;
        ending.dw = DwChange::Drop;
        match self.arrival.finish(ending, None) {
            Ok(travelled) => self.dressed(swapped, &travelled),
            // It has been done: saying "try again" would have it done twice.
            Err(_) => swapped,
        }
    }

    /// ECOM has silently begun a new guest session in place of ours: ours was dead. It is made
    /// anew, and the page is asked for once more.
    async fn again(
        &self,
        ecom: &Origin,
        swapped: Response,
        before: Travelled,
    ) -> Result<Response, Problem> {
        if matches!(before.ending.dw, DwChange::Set { .. }) {
            // A session we made a moment ago and ECOM does not know: asking again would loop.
            return Ok(self.not_accepted(swapped, &before));
        }
        let travelled = self.arrival.travel_on(&before.ending).await?;
        if let Some(trouble) = travelled.ending.outcome.trouble() {
            // What ECOM has shown is somebody else's page.
            return Ok(self.dressed(Problem::Upstream(trouble).into_response(), &travelled));
        }
        let changes = Some(&travelled.changes);
        let response = self.forward(Place::Ecom(ecom), Body::empty(), changes).await;
        if self.was_swapped(&travelled, &response) {
            return Ok(self.not_accepted(response, &travelled));
        }
        Ok(self.dressed(response, &travelled))
    }

    /// ECOM does not know a session that OCAPI has just made. A guest may see the page it made for
    /// another guest; a registered shopper must not be shown a guest's page as if it were theirs.
    fn not_accepted(&self, swapped: Response, travelled: &Travelled) -> Response {
        tracing::warn!("ECOM does not accept the DW session that OCAPI made");
        let DwChange::Set { owner, .. } = &travelled.ending.dw else {
            return self.dressed(swapped, travelled);
        };
        match owner.kind {
            CustomerType::Guest => self.dressed(swapped, travelled),
            CustomerType::Registered => {
                let trouble = Trouble { cause: Cause::Unavailable, retry_after: None };
                self.dressed(Problem::Upstream(trouble).into_response(), travelled)
            }
        }
    }

    /// Whether the DW session the form was rendered in is no more. Where there was none, the form
    /// was not rendered in one.
    fn was_replaced(&self, travelled: &Travelled) -> bool {
        if !self.arrival.presented.has(DWSID) && self.arrival.memory.dw.is_none() {
            return false;
        }
        match &travelled.ending.dw {
            // A Hybrid Auth tenant says on every token answer which session it keeps.
            DwChange::Set { cookies, .. } => {
                self.arrival.presented.dwsid.iter().all(|dwsid| *dwsid != cookies.dwsid)
            }
            DwChange::Drop | DwChange::Missing(_) => true,
            DwChange::Keep | DwChange::Confirm(_) => false,
        }
    }

    /// Whether ECOM sets another `dwsid` than the one it was sent.
    fn was_swapped(&self, travelled: &Travelled, response: &Response) -> bool {
        let cookies = self.cookies(Some(&travelled.changes));
        let ours = cookies.as_ref().and_then(|cookies| value_of(cookies.as_bytes(), DWSID));
        let mut answered = response.headers().get_all(SET_COOKIE).iter();
        let theirs = answered.find_map(|header| value_of(header.as_bytes(), DWSID));
        matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs)
    }

    /// A form that was rendered in a session that is no more cannot be sent in the new one: its
    /// CSRF token would be wrong, and ECOM would log the shopper out. The page is shown again.
    fn back_to_form(&self) -> Response {
        if !wants_page(&self.parts.headers) {
            return Problem::SessionExpired.into_response();
        }
        let origin = self.arrival.site.config.public_origin.as_str();
        let referer = self.parts.headers.get(REFERER).and_then(|referer| referer.to_str().ok());
        let path = referer.and_then(|referer| referer.strip_prefix(origin)).and_then(local_path);
        let location = HeaderValue::from_str(path.unwrap_or("/"));
        let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
    }

    /// A registered shopper never silently becomes a guest: a call is refused before it could be
    /// made as somebody else, and a page that needs the shopper is left for the login page. Other
    /// pages are shown to the guest, and `GET /bff/session` tells.
    fn told_of_expiry(&self, visit: Visit, travelled: &Travelled) -> Option<Response> {
        match visit {
            _ if !travelled.ending.session_expired => None,
            Visit::Document => self.login_page(),
            Visit::Call | Visit::Quiet => Some(Problem::SessionExpired.into_response()),
        }
    }

    /// Where a shopper whose registered session has expired is sent, once: the new guest who comes
    /// back has nothing left that could expire.
    fn login_page(&self) -> Option<Response> {
        let session = &self.arrival.site.config.session;
        let page = session.login_page.as_deref()?;
        let path = self.parts.uri.path();
        let needs_login = |prefix: &String| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if !session.protected_paths.iter().any(needs_login) {
            return None;
        }
        let wanted = self.parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", "session_expired")
            .append_pair("return_to", local_path(wanted).unwrap_or("/"))
            .finish();
        let location = HeaderValue::from_str(&format!("{page}?{query}")).ok()?;
        Some((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
    }

    fn dressed(&self, mut response: Response, travelled: &Travelled) -> Response {
        let ours = travelled.changes.cookies.iter().any(|write| write.name() == DWSID);
        if ours || self.arrival.is_past(&travelled.ending) {
            drop_dw_session(response.headers_mut());
        }
        self.arrival.dress(travelled, &mut response);
        response
    }

    /// A page that cannot be had is an answer too: it carries the cookies that were made for it,
    /// or a rotated refresh token would be lost.
    async fn forward(&self, place: Place<'_>, body: Body, changes: Option<&Changes>) -> Response {
        let cookies = self.cookies(changes);
        let site = &self.arrival.site;
        let response = forward(&self.app, site, place, &self.parts, body, cookies).await;
        response.unwrap_or_else(IntoResponse::into_response)
    }

    /// The request's cookies after `changes`: of several candidates for a credential only the one
    /// that was judged, and nothing of our own memory.
    fn cookies(&self, changes: Option<&Changes>) -> Option<HeaderValue> {
        let unchanged = Changes::default();
        let names = &self.arrival.site.names;
        let judged = self.arrival.judged(&self.parts.headers.get_all(COOKIE));
        let forwarded = changes.unwrap_or(&unchanged).forwarded(judged.into_iter(), names)?;
        HeaderValue::from_bytes(&forwarded).ok()
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

async fn forward(
    app: &App,
    site: &Site,
    place: Place<'_>,
    parts: &Parts,
    body: Body,
    cookies: Option<HeaderValue>,
) -> Result<Response, Problem> {
    let id = parts.extensions.get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
    let (Place::Head(origin) | Place::Ecom(origin)) = place;
    let outgoing = Outgoing {
        to: origin,
        public_origin: &site.config.public_origin,
        allowed_origins: &site.config.cors_origins,
        parts,
        target: None,
        body,
        cookies,
        set: HeaderMap::new(),
        remove: &[],
        timeout: app.proxy.timeout(),
        request_id: id,
    };
    app.proxy.forward(outgoing).await
}

/// The request's cookies without our own memory.
fn untouched(site: &Site, parts: &Parts) -> Option<HeaderValue> {
    let headers = parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    HeaderValue::from_bytes(&Changes::default().forwarded(headers, &site.names)?).ok()
}

/// The value of the cookie `name` in a `Cookie` or at the head of a `Set-Cookie` header.
fn value_of<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    header
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// The DW session on this answer is our affair: ECOM's must not reach the browser.
fn drop_dw_session(headers: &mut HeaderMap) {
    let foreign = |header: &HeaderValue| {
        let name = header.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = std::str::from_utf8(name.trim_ascii()).unwrap_or_default();
        name == DWSID || is_dw_companion(name)
    };
    let kept: Vec<HeaderValue> =
        headers.get_all(SET_COOKIE).iter().filter(|header| !foreign(header)).cloned().collect();
    headers.remove(SET_COOKIE);
    for header in kept {
        headers.append(SET_COOKIE, header);
    }
}
