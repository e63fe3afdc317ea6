//! What goes on to an API: the browser's headers without what is ours, and the shopper's token.

use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE, HeaderName, ORIGIN, REFERER, TRAILER};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};

use crate::cookies::profiles::{DWSID, is_dw_companion};
use crate::cookies::request_cookies::{pair_of, pairs_in};
use crate::flow::DwChange;
use crate::ids::Dwsid;
use crate::problem::Problem;
use crate::proxy::Outgoing;
use crate::route::Kind;
use crate::site::Site;
use crate::web::api_proxy::{ApiCall, ReplayBody, response};
use crate::web::pages::{address_header, client_address, origin};
use crate::web::request_log::RequestId;
use crate::web::request_session::{RequestSession, SessionUpdate};

/// Said to us, or of the page: OCAPI refuses calls that bring an `Origin`.
const STAYS: [HeaderName; 7] = [
    AUTHORIZATION,
    ORIGIN,
    REFERER,
    TRAILER,
    HeaderName::from_static("x-bff"),
    HeaderName::from_static("x-pwakit-preview-parent"),
    HeaderName::from_static("x-site-id"),
];

impl ApiCall {
    /// Sends the call. An API that cannot be reached is an answer too.
    pub(crate) async fn forwarded(
        &self,
        upload: ReplayBody,
        bearer: Option<&HeaderValue>,
        dwsid: Option<&Dwsid>,
    ) -> Response {
        let sent = self.send(upload, self.added(bearer, dwsid)).await;
        let mut response = sent.unwrap_or_else(IntoResponse::into_response);
        response::make_private(response.headers_mut());
        response
    }

    async fn send(&self, upload: ReplayBody, mut set: HeaderMap) -> Result<Response, Problem> {
        let to = origin(&self.site, self.route.kind).ok_or(Problem::NotFound)?;
        let target = PathAndQuery::try_from(self.target.as_str());
        let target = target.map_err(|_| Problem::BadRequest("The path is not one."))?;
        let id = self.parts.extensions.get::<RequestId>();
        let told = address_header(&self.site, self.route.kind);
        set.extend(client_address(told, &self.parts));
        let remove: Vec<HeaderName> = STAYS.iter().chain(told).cloned().collect();
        let outgoing = Outgoing {
            to,
            public_origin: &self.site.config.public_origin,
            allowed_origins: &[],
            parts: &self.parts,
            target: Some(target),
            body: upload.into_body(),
            cookies: foreign_cookies(&self.site, &self.parts.headers),
            set,
            remove: &remove,
            timeout: self.route.timeout,
            request_id: id.map(|id| id.0.as_str()).unwrap_or_default(),
        };
        self.app.proxy.forward(outgoing).await
    }

    fn added(&self, bearer: Option<&HeaderValue>, dwsid: Option<&Dwsid>) -> HeaderMap {
        let mut added = HeaderMap::new();
        let mut add = |name: &'static str, value: Option<HeaderValue>| {
            if let Some(value) = value {
                added.insert(HeaderName::from_static(name), value);
            }
        };
        add("authorization", bearer.cloned());
        add("sfdc_dwsid", dwsid.and_then(|dwsid| secret(dwsid.expose())));
        let id = self.parts.extensions.get::<RequestId>();
        add("correlation-id", id.and_then(|id| HeaderValue::from_str(&id.0).ok()));
        if let Some(ocapi) = self.site.config.ocapi.as_ref().filter(|_| self.is_ocapi()) {
            add("x-dw-client-id", HeaderValue::from_str(&ocapi.client_id).ok());
        }
        added
    }

    fn is_ocapi(&self) -> bool {
        self.route.kind == Kind::Ocapi
    }
}

/// The browser's cookies without those of the session: an API takes what it needs of them from the
/// headers. Others stay: an order carries the attribution of its campaign in one.
pub(crate) fn foreign_cookies(site: &Site, headers: &HeaderMap) -> Option<HeaderValue> {
    let names = &site.names;
    let ours = |name: &str| names.owns(name) || name == DWSID || is_dw_companion(name);
    let foreign = |pair: &&[u8]| {
        let pair = std::str::from_utf8(pair).ok().and_then(pair_of);
        // As generously as the most generous reader may take it.
        pair.is_some_and(|(name, _)| !ours(name.trim()))
    };
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| pairs_in(line.as_bytes()));
    let kept: Vec<&[u8]> = pairs.map(<[u8]>::trim_ascii).filter(foreign).collect();
    (!kept.is_empty()).then(|| HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()).flatten()
}

/// The DW session that is known to be this shopper's: the platform then answers from the same
/// application server.
pub(crate) fn dwsid(session: &RequestSession, update: &SessionUpdate) -> Option<Dwsid> {
    let customer = update.customer(session)?;
    match &update.decision.dw {
        DwChange::Set { cookies, .. } => Some(cookies.dwsid.clone()),
        DwChange::Drop | DwChange::Failed(_) | DwChange::Recheck => None,
        DwChange::Keep | DwChange::Confirm(_) => session.dwsid_of(customer),
    }
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
