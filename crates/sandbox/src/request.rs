//! A buffered request with access to its fields, cookies and credentials.
//!
//! Handlers are synchronous functions from the platform and a [`Request`] to a response, so they
//! never hold the lock of the state across an await.

use std::pin::Pin;

use axum::body::{Bytes, to_bytes};
use axum::extract::{self, FromRequestParts, RawPathParams};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cookie::Cookie;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::platform::{Platform, Shared};

/// The longest body any simulated host reads, in bytes.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// A synchronous function as an axum handler.
pub(super) struct Endpoint<E>(pub(super) fn(&Platform, &Request) -> Result<Response, E>);

impl<E> Clone for Endpoint<E> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<E: IntoResponse + 'static> Handler<(), Shared> for Endpoint<E> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: extract::Request, platform: Shared) -> Self::Future {
        Box::pin(async move {
            match Request::read(request).await {
                Ok(request) => (self.0)(&platform, &request).unwrap_or_else(E::into_response),
                Err(status) => status.into_response(),
            }
        })
    }
}

/// A request whose body is read completely.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) query: Fields,
    /// Path and query as received.
    pub(super) target: String,
    path: Vec<(String, String)>,
}

impl Request {
    async fn read(request: extract::Request) -> Result<Self, StatusCode> {
        let (mut parts, body) = request.into_parts();
        let raw = RawPathParams::from_request_parts(&mut parts, &())
            .await
            .map_err(|_| StatusCode::BAD_REQUEST)?;
        let path = raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let query = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Ok(Self { method: parts.method, headers: parts.headers, body, query, target, path })
    }

    /// A parameter of the matched route; empty if the route does not have it.
    pub(super) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The value of a header, if it is visible ASCII.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The form fields of the body, if its content type is a form.
    pub(super) fn form(&self) -> Option<Fields> {
        self.has_type("application/x-www-form-urlencoded").then(|| Fields::parse(&self.body))
    }

    /// The parsed body, if its content type is JSON and it is valid.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok().filter(|_| self.has_type("application/json"))
    }

    /// Whether the content type, without parameters, is this one.
    pub(super) fn has_type(&self, expected: &str) -> bool {
        let content_type = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(expected)
    }

    /// The token of an `Authorization: Bearer` header.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.credentials("bearer")
    }

    /// Name and password of an `Authorization: Basic` header (UTF-8, RFC 7617).
    pub(super) fn basic(&self) -> Option<(String, String)> {
        decode_pair(self.credentials("basic")?)
    }

    /// The value of the first cookie of this name, without percent-decoding.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All cookies of the request, in order.
    pub(super) fn cookies(&self) -> Vec<(String, String)> {
        let lines =
            self.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
        cookies.map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect()
    }

    fn credentials(&self, scheme: &str) -> Option<&str> {
        let (sent, value) = self.header(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        sent.eq_ignore_ascii_case(scheme).then(|| value.trim())
    }
}

/// Decodes `base64(name:password)` and splits it at the first colon.
pub(super) fn decode_pair(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Decoded fields of a form or a query.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first field of this name. An empty field counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether the field is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}
