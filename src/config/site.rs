//! One site: raw tables → checked values.

use std::collections::HashSet;
use std::time::Duration;

use http::HeaderName;
use secrecy::SecretString;

use super::cookies::{self, CookieConfig};
use super::parse::{self, Origin};
use super::read_networks;
use super::routes::{self, RouteConfig};
use super::section::{Report, Section};
use crate::access_token::Audience;
use crate::client_ip::TrustedProxies;
use crate::flow::{BridgeMode, BridgeTime, Policy};
use crate::ids::SiteId;

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

pub(super) fn read_all(
    root: &Section<'_>,
    report: &Report<'_>,
    timeout: Duration,
) -> Option<Vec<SiteConfig>> {
    let sections = root.sections("sites");
    if sections.is_empty() {
        report.problem("sites", "at least one [[sites]] entry is needed");
    }
    // First all of them, so that every fault is told.
    let sites: Vec<Option<SiteConfig>> =
        sections.iter().map(|section| read(section, timeout)).collect();
    check_together(&sites, report);
    sites.into_iter().collect()
}

/// Two sites must not answer for the same host and path, nor share cookie names on a host.
fn check_together(sites: &[Option<SiteConfig>], report: &Report<'_>) {
    let mut places = HashSet::new();
    let mut unsuffixed = HashSet::new();
    for (index, site) in sites.iter().enumerate() {
        let Some(site) = site else { continue };
        for host in &site.hosts {
            if !places.insert((host, &site.path_prefix)) {
                let message = format!("{host}{} belongs to two sites", site.path_prefix);
                report.problem(&format!("sites.{index}.hosts"), &message);
            }
            if !site.cookies.suffix && !unsuffixed.insert(host) {
                let message = format!("must be true: several sites share {host}");
                report.problem(&format!("sites.{index}.cookies.suffix"), &message);
            }
        }
    }
}

fn read(section: &Section<'_>, timeout: Duration) -> Option<SiteConfig> {
    let id = section
        .parse("id", |text| SiteId::parse(text).ok_or_else(|| "is not a site id".to_owned()));
    let hosts = read_hosts(section);
    let path_prefix = section.parse_optional("path_prefix", parse::prefix);
    let public_origin = section.parse("public_origin", parse::public_origin);
    let cors_origins = read_origins(section, "cors_origins");
    let policy = read_policy(section);
    let slas = read_slas(&section.section("slas"), id.as_ref());
    let ocapi = section.section("ocapi");
    let client_ip_header = ocapi.parse_optional("client_ip_header", parse::client_ip_header);
    let ocapi = read_ocapi(&ocapi, policy, slas.as_ref());
    let basket = section.section("basket");
    let action = basket.choice(
        "action",
        &[
            ("transfer", BasketAction::Transfer),
            ("merge", BasketAction::Merge),
            ("none", BasketAction::None),
        ],
    );
    basket.finish();
    let cookies = cookies::read(&section.section("cookies"));
    let apis = section.section("apis");
    let bearer_from = read_networks(&apis, "bearer_from");
    apis.finish();
    let session = read_session(&section.section("session"));
    let ecom = read_ecom(&section.section("ecom"));
    let routes = routes::read(&section.section("routes"), timeout);
    let no_dw = policy.is_some_and(|policy| policy.mode == BridgeMode::None);
    if no_dw && routes.as_ref().is_some_and(|routes| routes.ecom.is_some()) {
        section.problem("routes.ecom", "must be empty: bridge mode \"none\" has no DW session");
    }
    let ecom_is_beside = !no_dw && routes.as_ref().is_some_and(|routes| routes.ecom.is_none());
    if ecom_is_beside && cookies.as_ref().is_some_and(|cookies| !cookies.accept_unsealed) {
        let why = "must be true: without routes.ecom, ECOM writes cookies too";
        section.problem("cookies.accept_unsealed", why);
    }
    section.finish();
    Some(SiteConfig {
        id: id?,
        hosts: hosts?,
        path_prefix: path_prefix.unwrap_or_default(),
        public_origin: public_origin?,
        cors_origins,
        policy: policy?,
        slas: slas?,
        ocapi: ocapi?,
        client_ip_header,
        basket: action?,
        cookies: cookies?,
        bearer_from: bearer_from?,
        session: session?,
        ecom: ecom?,
        routes: routes?,
    })
}

fn read_hosts(section: &Section<'_>) -> Option<Vec<String>> {
    let hosts: Vec<String> =
        section.texts("hosts")?.iter().map(|host| host.to_ascii_lowercase()).collect();
    let odd = |host: &String| host.is_empty() || host.parse::<http::uri::Authority>().is_err();
    if hosts.is_empty() || hosts.iter().any(odd) {
        section.problem("hosts", "must be a list of host names, like [\"www.shop.example\"]");
        return None;
    }
    Some(hosts)
}

pub(super) fn read_origins(section: &Section<'_>, name: &str) -> Vec<Origin> {
    let parse = |text: String| match Origin::parse(&text) {
        Ok(origin) => Some(origin),
        Err(message) => {
            section.problem(name, &format!("\"{text}\" {message}"));
            None
        }
    };
    section.texts(name).unwrap_or_default().into_iter().filter_map(parse).collect()
}

fn read_policy(section: &Section<'_>) -> Option<Policy> {
    let bridge = section.section("bridge");
    let mode = bridge.choice(
        "mode",
        &[
            ("classic", BridgeMode::Classic),
            ("hybrid-auth", BridgeMode::HybridAuth),
            ("none", BridgeMode::None),
        ],
    );
    let time = bridge
        .choice("time", &[("landing", BridgeTime::Landing), ("on-demand", BridgeTime::OnDemand)]);
    bridge.finish();
    let session = section.section("session");
    let guest_after_logout = session.choice("after_logout", &[("guest", true), ("none", false)]);
    Some(Policy { mode: mode?, time: time?, guest_after_logout: guest_after_logout? })
}

fn read_slas(section: &Section<'_>, site: Option<&SiteId>) -> Option<SlasConfig> {
    let base_url = section.parse("base_url", parse::upstream);
    let organization_id = section.parse("organization_id", parse::organization);
    let client_id = section.parse("client_id", parse::client_id);
    let client_secret = section.secret("client_secret");
    let redirect_uri = section.parse("redirect_uri", parse::redirect_uri);
    let further = read_redirect_uris(section);
    let strict_client_auth = section.boolean("strict_client_auth");
    section.finish();
    let (organization_id, client_id) = (organization_id?, client_id?);
    let redirect_uri = redirect_uri?;
    let tenant = organization_id.trim_start_matches("f_ecom_").to_owned();
    let channel = site?.as_str().to_owned();
    Some(SlasConfig {
        base_url: base_url?,
        audience: Audience { tenant, client_id: client_id.clone(), channel },
        organization_id,
        client_id,
        client_secret,
        redirect_uris: [redirect_uri.clone()].into_iter().chain(further?).collect(),
        redirect_uri,
        strict_client_auth: strict_client_auth?,
    })
}

fn read_redirect_uris(section: &Section<'_>) -> Option<Vec<String>> {
    let uris = section.texts("further_redirect_uris")?;
    if uris.iter().any(|uri| parse::redirect_uri(uri).is_err()) {
        section.problem("further_redirect_uris", "must be a list of redirect URIs");
        return None;
    }
    Some(uris)
}

/// The outer `None` is a fault, the inner one a site without OCAPI.
#[expect(clippy::option_option, reason = "a fault is not the same as a site without OCAPI")]
fn read_ocapi(
    section: &Section<'_>,
    policy: Option<Policy>,
    slas: Option<&SlasConfig>,
) -> Option<Option<OcapiConfig>> {
    let classic = policy.is_some_and(|policy| policy.mode == BridgeMode::Classic);
    let base_url = if classic {
        section.parse("base_url", parse::upstream)
    } else {
        section.parse_optional("base_url", parse::upstream)
    };
    let version = section.parse("version", parse::ocapi_version);
    let client_id = section.parse_optional("client_id", parse::client_id);
    let enforce_https = section.boolean("enforce_https");
    section.finish();
    if base_url.is_none() && !classic {
        return Some(None);
    }
    Some(Some(OcapiConfig {
        base_url: base_url?,
        version: version?,
        client_id: client_id.or_else(|| slas.map(|slas| slas.client_id.clone()))?,
        enforce_https: enforce_https?,
    }))
}

fn read_session(section: &Section<'_>) -> Option<SessionConfig> {
    let remember_me = section.boolean("remember_me");
    let protected_paths = read_paths(section, "protected_paths");
    let login_page = section.parse_optional("login_page", parse::path);
    section.read_elsewhere("after_logout");
    section.finish();
    Some(SessionConfig { remember_me: remember_me?, protected_paths, login_page })
}

fn read_ecom(section: &Section<'_>) -> Option<EcomConfig> {
    let ids = section.texts("sites");
    let sites = ids.as_deref().and_then(parse::ecom_sites);
    if ids.is_some() && sites.is_none() {
        section.problem("sites", "must be a list of site ids, like [\"RefArchB2B\"]");
    }
    let sign_in = section.texts("sign_in");
    let sign_out = section.texts("sign_out");
    let redirect_returning = section.choice("returning", &[("forward", false), ("redirect", true)]);
    let adopt_other = section.choice("other_session", &[("repair", false), ("adopt", true)]);
    section.finish();
    Some(EcomConfig {
        sites: sites?,
        sign_in: sign_in?,
        sign_out: sign_out?,
        redirect_returning: redirect_returning?,
        adopt_other: adopt_other?,
    })
}

pub(super) fn read_paths(section: &Section<'_>, name: &str) -> Vec<String> {
    let paths = section.texts(name).unwrap_or_default();
    if paths.iter().any(|path| parse::path(path).is_err()) {
        section.problem(name, "must be a list of paths that begin with /");
    }
    paths
}
