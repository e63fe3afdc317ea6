//! The request that an API gets: the browser's headers without ours, and the shopper's token.

use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HeaderName, ORIGIN, REFERER, TRAILER};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};

use crate::header_values::sensitive;
use crate::ids::Dwsid;
use crate::problem::Problem;
use crate::proxy::Outgoing;
use crate::route::Kind;
use crate::web::api_proxy::{ApiCall, response};
use crate::web::pages::{address_header, client_address, origin};
use crate::web::replay_body::ReplayBody;
use crate::web::request_log::RequestId;
use crate::web::request_session::foreign_cookies;

/// For Tandem, or about the page: OCAPI rejects calls with an `Origin`.
const NOT_FORWARDED: [HeaderName; 7] = [
    AUTHORIZATION,
    ORIGIN,
    REFERER,
    TRAILER,
    HeaderName::from_static("x-bff"),
    HeaderName::from_static("x-pwakit-preview-parent"),
    HeaderName::from_static("x-site-id"),
];

impl ApiCall {
    /// Sends the call. A failure becomes a response, not an error: it must carry new cookies.
    pub(crate) async fn send(
        &self,
        upload: ReplayBody,
        bearer: Option<&HeaderValue>,
        dwsid: Option<&Dwsid>,
    ) -> Response {
        let response = self.forward(upload, self.own_headers(bearer, dwsid)).await;
        let mut response = response.unwrap_or_else(IntoResponse::into_response);
        if self.route.is_files {
            response::make_public(response.headers_mut());
        } else {
            response::make_private(response.headers_mut());
        }
        response
    }

    async fn forward(&self, upload: ReplayBody, mut set: HeaderMap) -> Result<Response, Problem> {
        let to = origin(&self.site, self.route.kind).ok_or(Problem::NotFound)?;
        let target = PathAndQuery::try_from(self.target.as_str());
        let target = target.map_err(|_| Problem::BadRequest("Invalid path."))?;
        let address_header = address_header(&self.site, self.route.kind);
        set.extend(client_address(address_header, &self.parts));
        let remove: Vec<HeaderName> = NOT_FORWARDED.iter().chain(address_header).cloned().collect();
        let outgoing = Outgoing {
            to,
            host: None,
            public_origin: &self.site.public_origin,
            allowed_origins: &[],
            parts: &self.parts,
            target: Some(target),
            body: upload.into_body(),
            cookies: self.cookies(),
            set,
            remove: &remove,
            timeout: self.route.timeout,
            request_id: RequestId::of(&self.parts),
        };
        self.app.proxy.forward(outgoing).await
    }

    /// Any cache may store what an API returns below a path of files: the request has no cookies.
    fn cookies(&self) -> Option<HeaderValue> {
        let has_cookies = !self.route.is_files;
        has_cookies.then(|| foreign_cookies(&self.site, &self.parts.headers)).flatten()
    }

    fn own_headers(&self, bearer: Option<&HeaderValue>, dwsid: Option<&Dwsid>) -> HeaderMap {
        let mut added = HeaderMap::new();
        let mut add = |name: &'static str, value: Option<HeaderValue>| {
            if let Some(value) = value {
                added.insert(HeaderName::from_static(name), value);
            }
        };
        add("authorization", bearer.cloned());
        add("sfdc_dwsid", dwsid.map(|dwsid| sensitive(dwsid.expose())));
        add("correlation-id", HeaderValue::from_str(RequestId::of(&self.parts)).ok());
        if self.route.kind == Kind::Ocapi {
            let client = self.site.config.ocapi.as_ref();
            let id = client.and_then(|ocapi| HeaderValue::from_str(&ocapi.client_id).ok());
            add("x-dw-client-id", id);
        }
        added
    }
}
