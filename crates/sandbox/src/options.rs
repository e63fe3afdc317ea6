//! The configuration of the simulated tenant: ids, clients, shoppers, switches and lifetimes.

use std::time::Duration;

/// The configuration of a simulated tenant.
#[derive(Clone, Debug)]
pub struct Options {
    /// The organization in every API path, `f_ecom_{tenant}`.
    pub organization_id: String,
    /// The only site of the tenant: `channel_id`, `siteId` and the `/s/{site}` path segment.
    pub site_id: String,
    /// The private SLAS client.
    pub private_client: PrivateClient,
    /// The id of the public SLAS client.
    pub public_client: String,
    /// The one redirect URI registered for both clients.
    pub redirect_uri: String,
    /// Whether `/login` and `/authorize` require `x-slas-client-auth` from the private client.
    pub strict_client_auth: bool,
    /// Whether Hybrid Auth is on: token responses set `dwsid`, and OCAPI is closed.
    pub hybrid_auth: bool,
    /// How ECOM uses SLAS.
    pub ecom: EcomKind,
    /// The SLAS client of ECOM: of its cartridge, or of the platform under Hybrid Auth.
    pub ecom_client: ClientKind,
    /// How ECOM names the token cookies that it sets and reads.
    pub token_cookies: CookieNames,
    /// When `plugin_slas` keeps a registered shopper's refresh token in the browser.
    pub remember: Remember,
    /// Whether the session bridge accepts an unsigned guest `dwsid` (the platform stopped this in
    /// 2024).
    pub guest_dwsid_bridge: bool,
    /// The site's "Enforce HTTPS" switch, which controls `dwsecuretoken`.
    pub enforce_https: EnforceHttps,
    /// Lifetime of an access token.
    pub access_life: Duration,
    /// Lifetime of a guest's refresh token.
    pub guest_refresh_life: Duration,
    /// Lifetime of a registered shopper's refresh token.
    pub registered_refresh_life: Duration,
    /// Ports to listen on; 0 means any free one.
    pub ports: Ports,
    /// The registered shoppers.
    pub shoppers: Vec<Shopper>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            organization_id: "f_ecom_zzte_053".to_owned(),
            site_id: "RefArch".to_owned(),
            private_client: PrivateClient::default(),
            public_client: "4e0b7c1a-2f56-4d6e-9c3b-7a1d5e8f2b90".to_owned(),
            redirect_uri: "http://localhost:4280/callback".to_owned(),
            strict_client_auth: true,
            hybrid_auth: false,
            ecom: EcomKind::Plain,
            ecom_client: ClientKind::Private,
            token_cookies: CookieNames::Plain,
            remember: Remember::Always,
            guest_dwsid_bridge: false,
            enforce_https: EnforceHttps::Silent,
            access_life: Duration::from_secs(30 * 60),
            guest_refresh_life: days(30),
            registered_refresh_life: days(90),
            ports: Ports::default(),
            shoppers: vec![
                Shopper::new("jo@example.com", "Tandem-2026", "Jo Rider"),
                Shopper::new("sam@example.com", "Tandem-2026", "Sam Stoker"),
            ],
        }
    }
}

impl Options {
    /// The tenant id, such as `zzte_053`.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.organization_id.strip_prefix("f_ecom_").unwrap_or(&self.organization_id)
    }
}

/// How ECOM uses SLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcomKind {
    /// Not at all: its pages know only the DW session.
    Plain,
    /// With the cartridge `plugin_slas`: tokens for new sessions, a redirect for returning
    /// shoppers, and tokens at its own login and logout.
    PluginSlas,
    /// Under Hybrid Auth (set `hybrid_auth` too): session and token cookies change together.
    HybridAuth,
}

/// One of the two registered SLAS clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// With a secret; its refresh tokens do not rotate.
    Private,
    /// Without a secret; its refresh tokens rotate.
    Public,
}

/// The names of the token cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieNames {
    /// `cc-at`, and `cc-at_2` for its second piece.
    Plain,
    /// `cc-at_{site}`, and `cc-at_{site}_2` for its second piece.
    Suffixed,
}

/// When `plugin_slas` sets `cc-nx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// At every login (`saveRefreshToken_Always`).
    Always,
    /// When the shopper ticked "Remember me".
    WhenTicked,
}

/// A SLAS client that holds a secret.
#[derive(Clone, Debug)]
pub struct PrivateClient {
    /// The client id, a UUID.
    pub id: String,
    /// The secret, sent as `Basic` credentials.
    pub secret: String,
}

impl Default for PrivateClient {
    fn default() -> Self {
        Self {
            id: "1d0c6a52-93be-4f1a-8d37-5b2f9e6c7a41".to_owned(),
            secret: "sandbox-only-secret".to_owned(),
        }
    }
}

/// A registered shopper.
#[derive(Clone, Debug)]
pub struct Shopper {
    /// The login id.
    pub login: String,
    /// The password in plain text; these accounts exist only in the simulator.
    pub password: String,
    /// The display name.
    pub name: String,
}

impl Shopper {
    /// A shopper with these credentials and this name.
    #[must_use]
    pub fn new(login: &str, password: &str, name: &str) -> Self {
        Self { login: login.to_owned(), password: password.to_owned(), name: name.to_owned() }
    }
}

/// Ports of the three listeners; 0 means any free one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// SLAS and SCAPI.
    pub api: u16,
    /// OCAPI and ECOM.
    pub instance: u16,
    /// The demo Head.
    pub head: u16,
}

/// The "Enforce HTTPS" switch of the site, and how `POST /sessions` shows that there is no secure
/// token (tenants in production show both forms).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnforceHttps {
    /// Off: `dwsecuretoken_*` has a value, and OCAPI requires both cookies.
    Off,
    /// On: `dwsecuretoken_*` is not set.
    Silent,
    /// On: `dwsecuretoken_*=""` with an expiry in 1970, as in OCAPI 19.3.
    Deletes,
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}
