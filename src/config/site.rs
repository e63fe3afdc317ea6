//! The configuration of one site.

use http::HeaderName;
use secrecy::SecretString;

use super::cookies::CookieConfig;
use super::parse::Origin;
use super::routes::RouteConfig;
use crate::access_token::Audience;
use crate::client_ip::TrustedProxies;
use crate::flow::{EcomPages, Policy};
use crate::ids::SiteId;

mod read;

pub(super) use read::read_all;

/// A site.
#[derive(Clone, Debug)]
pub struct SiteConfig {
    /// The site id, which is also the SLAS channel.
    pub id: SiteId,
    /// The hosts by which requests reach the site.
    pub hosts: Vec<SiteHost>,
    /// The path that all its paths begin with, without a trailing slash; empty for the root.
    pub path_prefix: String,
    /// Whether it has the paths of its hosts that are below no site's prefix and that name no site.
    pub is_default: bool,
    /// The key `public_origin`: for what is not about one request. The origin of a request is that of
    /// its [host](SiteHost).
    pub main_origin: Origin,
    /// Further origins whose scripts may call our routes.
    pub cors_origins: Vec<Origin>,
    /// Bridge mode and time, and what follows a logout.
    pub policy: Policy,
    /// SLAS.
    pub slas: SlasConfig,
    /// OCAPI; always present in bridge mode `classic`.
    pub ocapi: Option<OcapiConfig>,
    /// The header with the shopper's address in OCAPI calls and requests to ECOM.
    pub client_ip_header: Option<HeaderName>,
    /// What happens to the guest's basket at login.
    pub basket: BasketAction,
    /// Which cookies it writes and accepts.
    pub cookies: CookieConfig,
    /// Servers whose own access tokens are passed to the APIs.
    pub bearer_from: TrustedProxies,
    /// Sessions and logins.
    pub session: SessionConfig,
    /// The pages of ECOM.
    pub ecom: EcomConfig,
    /// The route table.
    pub routes: RouteConfig,
}

impl SiteConfig {
    /// Whether the site has a path prefix, and `path` is below it.
    #[must_use]
    pub fn has_prefix_of(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path_prefix.as_str());
        !self.path_prefix.is_empty()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A host by which requests reach a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteHost {
    /// The host in lower case, with the port if it is not the default one.
    pub name: String,
    /// The origin that browsers see when they send requests to this host.
    pub public_origin: Origin,
}

/// The SLAS client of a site.
#[derive(Clone, Debug)]
pub struct SlasConfig {
    /// Scheme and host of the API.
    pub base_url: Origin,
    /// `f_ecom_…`.
    pub organization_id: String,
    /// The id of the SLAS client.
    pub client_id: String,
    /// The secret of the SLAS client; a public client has none.
    pub client_secret: Option<SecretString>,
    /// The redirect URI that is registered for the SLAS client.
    pub redirect_uri: String,
    /// Every redirect URI that callers of the SLAS proxy may use; `redirect_uri` first.
    pub redirect_uris: Vec<String>,
    /// Whether `x-slas-client-auth` is sent.
    pub strict_client_auth: bool,
    /// The tenant, client and channel that tokens must have been issued for.
    pub audience: Audience,
}

impl SlasConfig {
    /// Whether one of its redirect URIs is `path` on `public_origin`, and not the front page.
    #[must_use]
    pub fn is_callback(&self, public_origin: &Origin, path: &str) -> bool {
        let is_uri = |uri: &String| uri.strip_prefix(public_origin.as_str()) == Some(path);
        path.len() > 1 && self.redirect_uris.iter().any(is_uri)
    }
}

/// OCAPI of a site.
#[derive(Clone, Debug)]
pub struct OcapiConfig {
    /// Scheme and host of the instance.
    pub base_url: Origin,
    /// `v24_5`.
    pub version: String,
    /// For `x-dw-client-id`.
    pub client_id: String,
    /// Whether the session probe works without `dwsecuretoken_…`.
    pub enforce_https: bool,
}

/// What happens to the guest's basket at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasketAction {
    /// `POST /baskets/actions/transfer?merge=true`.
    Transfer,
    /// `POST /baskets/actions/merge?createDestinationBasket=true`.
    Merge,
    /// The basket stays with the guest.
    None,
}

/// What the pages of ECOM do.
#[derive(Clone, Debug)]
pub struct EcomConfig {
    /// Further sites of the instance whose pages and files ECOM serves on this host.
    pub sites: Vec<SiteId>,
    /// Its pages that change the shopper.
    pub pages: EcomPages,
    /// Whether a returning visitor is redirected to the same address.
    pub redirect_returning: bool,
    /// Whether a DW session that replaces ours is kept if it is the shopper's.
    pub adopt_other: bool,
}

/// What happens to a page for which SLAS issues no tokens now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// It is served without credentials, if it needs no registered shopper.
    Served,
    /// It is rejected.
    Refused,
}

/// Sessions and logins of a site.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Default of `remember_me` in a login.
    pub remember_me: bool,
    /// Paths that need a registered shopper.
    pub protected_paths: Vec<String>,
    /// What happens to a page if no tokens can be had.
    pub unavailable: Unavailable,
    /// The path of the Head's login page.
    pub login_page: Option<String>,
}
