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
    /// Its id, which SLAS calls the channel.
    pub id: SiteId,
    /// Host names by which browsers reach it, in lower case.
    pub hosts: Vec<String>,
    /// The path under which it lives, without a trailing slash; empty for the root.
    pub path_prefix: String,
    /// The origin browsers see.
    pub public_origin: Origin,
    /// Further origins whose scripts may call us.
    pub cors_origins: Vec<Origin>,
    /// Bridge mode and time, and what follows a logout.
    pub policy: Policy,
    /// SLAS.
    pub slas: SlasConfig,
    /// OCAPI; always there in bridge mode `classic`.
    pub ocapi: Option<OcapiConfig>,
    /// The header that tells the instance, by OCAPI and ECOM, the shopper's address.
    pub client_ip_header: Option<HeaderName>,
    /// How the guest's basket follows a login.
    pub basket: BasketAction,
    /// Which cookies the browser gets.
    pub cookies: CookieConfig,
    /// Servers whose own access tokens the APIs get.
    pub bearer_from: TrustedProxies,
    /// What shoppers experience.
    pub session: SessionConfig,
    /// What ECOM's pages mean.
    pub ecom: EcomConfig,
    /// Where requests go.
    pub routes: RouteConfig,
}

/// The SLAS client of a site.
#[derive(Clone, Debug)]
pub struct SlasConfig {
    /// Scheme and host of the API.
    pub base_url: Origin,
    /// `f_ecom_…`.
    pub organization_id: String,
    /// The client.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// Its registered redirect URI.
    pub redirect_uri: String,
    /// Every redirect URI that callers of the façade may name; that one first.
    pub redirect_uris: Vec<String>,
    /// Send `x-slas-client-auth`.
    pub strict_client_auth: bool,
    /// Whom tokens must have been made for.
    pub audience: Audience,
}

impl SlasConfig {
    /// The path of its redirect URI, where that is one of the shop's own and not its front page.
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

/// How the guest's basket follows a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasketAction {
    /// `POST /baskets/actions/transfer?merge=true`.
    Transfer,
    /// `POST /baskets/actions/merge?createDestinationBasket=true`.
    Merge,
    /// It does not.
    None,
}

/// What ECOM's pages mean.
#[derive(Clone, Debug)]
pub struct EcomConfig {
    /// Sites of the instance, besides this one, whose pages and files it serves here.
    pub sites: Vec<SiteId>,
    /// Controllers or paths where shoppers sign in.
    pub sign_in: Vec<String>,
    /// Controllers or paths where shoppers sign out.
    pub sign_out: Vec<String>,
    /// A returning visitor is sent to the same address once more.
    pub redirect_returning: bool,
    /// A DW session that ECOM sets in place of ours is kept if it is the shopper's.
    pub adopt_other: bool,
}

/// What shoppers experience.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Default of "remember me".
    pub remember_me: bool,
    /// Paths that need a registered shopper.
    pub protected_paths: Vec<String>,
    /// The Head's login page.
    pub login_page: Option<String>,
}
