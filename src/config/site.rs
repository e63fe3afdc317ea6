//! The configuration of one site.

use http::HeaderName;
use secrecy::SecretString;

use super::cookies::CookieConfig;
use super::parse::Origin;
use super::routes::RouteConfig;
use crate::access_token::Audience;
use crate::client_ip::TrustedProxies;
use crate::flow::Policy;
use crate::ids::SiteId;

mod read;

pub(super) use read::read_all;

/// A site.
#[derive(Clone, Debug)]
pub struct SiteConfig {
    /// The site id, which is also the SLAS channel.
    pub id: SiteId,
    /// Host names by which browsers reach the site, in lower case.
    pub hosts: Vec<String>,
    /// The path that all its paths begin with, without a trailing slash; empty for the root.
    pub path_prefix: String,
    /// The origin that browsers see.
    pub public_origin: Origin,
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
    /// The path of its redirect URI, if that is on the public origin and not the front page.
    #[must_use]
    pub fn callback_path(&self, public_origin: &Origin) -> Option<&str> {
        let path = self.redirect_uri.strip_prefix(public_origin.as_str())?;
        (path.len() > 1 && path.starts_with('/') && !path.contains(['?', '#'])).then_some(path)
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
    /// Controllers or paths where shoppers log in.
    pub login_pages: Vec<String>,
    /// Controllers or paths where shoppers log out.
    pub logout_pages: Vec<String>,
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
