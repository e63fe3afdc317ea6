//! Texts of the configuration → checked values.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{HeaderName, Method, Uri};
use ipnet::IpNet;
use url::Url;

use crate::ids::SiteId;
use crate::route::PASSING;

/// Scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    authority: String,
    https: bool,
}

impl Origin {
    /// Accepts `http://` or `https://`, a host, an optional port, and at most one trailing slash.
    pub fn parse(text: &str) -> Result<Self, String> {
        let error = || "must be an origin, like https://www.shop.example".to_owned();
        let url = Url::parse(text).map_err(|_| error())?;
        let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain || !anonymous {
            return Err(error());
        }
        let text = url.origin().ascii_serialization();
        let uri: Uri = text.parse().map_err(|_| error())?;
        let authority = uri.authority().ok_or_else(error)?.to_string();
        Ok(Self { https: url.scheme() == "https", authority, text })
    }

    /// The origin with this scheme and another host, which may have a port.
    pub fn at_host(&self, host: &str) -> Result<Self, String> {
        let scheme = if self.https { "https" } else { "http" };
        Self::parse(&format!("{scheme}://{host}"))
    }

    /// The origin as browsers write it in `Origin`: without default port and trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host without its port; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        };
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is a loopback address, or a name that always resolves to one (RFC 6761
    /// section 6.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an IP address and a port, like 127.0.0.1:8080".to_owned())
}

pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().map(IpNet::from).ok())
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("is not a log filter: {error}"))
}

pub(super) fn site_id(text: &str) -> Result<SiteId, String> {
    SiteId::parse(text).ok_or_else(|| "is not a site id".to_owned())
}

/// A host with an optional port, in lower case.
pub(super) fn host(text: &str) -> Option<String> {
    (!text.is_empty() && text.parse::<Authority>().is_ok()).then(|| text.to_ascii_lowercase())
}

pub(super) fn method(text: &str) -> Option<Method> {
    Method::from_bytes(text.as_bytes()).ok().filter(|method| PASSING.contains(method))
}

pub(super) fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.starts_with("//") && text.is_ascii() {
        Ok(text.to_owned())
    } else {
        Err("must be a path that begins with /".to_owned())
    }
}

pub(super) fn prefix(text: &str) -> Result<String, String> {
    path(text).map(|path| path.trim_end_matches('/').to_owned())
}

pub(super) fn public_origin(text: &str) -> Result<Origin, String> {
    let origin = Origin::parse(text)?;
    if origin.is_https() || origin.is_loopback() {
        Ok(origin)
    } else {
        Err("must be https, except on loopback: cookies would be sent unencrypted".to_owned())
    }
}

/// An origin that secrets and tokens are sent to.
pub(super) fn upstream(text: &str) -> Result<Origin, String> {
    let origin = Origin::parse(text)?;
    if origin.is_https() || origin.is_loopback() {
        Ok(origin)
    } else {
        Err("must be https, except on loopback".to_owned())
    }
}

/// `OpenAPI`: `^f_ecom_[a-z]{4}_(prd|stg|dev|s[0-9]{2}|[0-9]{3})$`.
pub(super) fn organization(text: &str) -> Result<String, String> {
    let parts = text.strip_prefix("f_ecom_").and_then(|rest| rest.split_once('_'));
    let is_instance = |instance: &str| match instance.as_bytes() {
        b"prd" | b"stg" | b"dev" => true,
        [b's', rest @ ..] if rest.len() == 2 => rest.iter().all(u8::is_ascii_digit),
        digits if digits.len() == 3 => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let is_realm = |realm: &str| realm.len() == 4 && realm.bytes().all(|b| b.is_ascii_lowercase());
    match parts {
        Some((realm, instance)) if is_realm(realm) && is_instance(instance) => Ok(text.to_owned()),
        _ => Err("must look like f_ecom_zzte_053".to_owned()),
    }
}

/// The id of another site, as in paths of ECOM. `-` would mean the whole instance.
pub(super) fn ecom_site(id: &str) -> Option<SiteId> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let named = id.bytes().all(plain) && id.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if named { SiteId::parse(id) } else { None }
}

pub(super) fn client_id(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.len() <= 40 && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("must be a client id: at most 40 letters, digits and dashes".to_owned())
    }
}

pub(super) fn redirect_uri(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.has_host() && text.len() <= 256 => Ok(text.to_owned()),
        _ => Err("must be an absolute URL of at most 256 characters".to_owned()),
    }
}

pub(super) fn client_ip_header(text: &str) -> Result<HeaderName, String> {
    let name = text.parse::<HeaderName>().ok();
    name.filter(|name| name.as_str().starts_with("x-") || name.as_str().ends_with("-ip"))
        .ok_or_else(|| "must be the name of a header, like x-client-ip".to_owned())
}

pub(super) fn ocapi_version(text: &str) -> Result<String, String> {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match text.strip_prefix('v').and_then(|rest| rest.split_once('_')) {
        Some((year, number)) if is_number(year) && is_number(number) => Ok(text.to_owned()),
        _ => Err("must look like v24_5".to_owned()),
    }
}
