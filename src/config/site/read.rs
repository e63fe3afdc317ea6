//! Reads `[[sites]]`: raw tables → checked values.

use std::collections::HashSet;
use std::time::Duration;

use http::HeaderName;

use super::{
    BasketAction, EcomConfig, OcapiConfig, SessionConfig, SiteConfig, SlasConfig, Unavailable,
};
use crate::access_token::Audience;
use crate::config::cookies::{self, CookieConfig};
use crate::config::parse;
use crate::config::routes::{self, RouteConfig};
use crate::config::section::{Section, read_fields};
use crate::cookies::profiles::SiteSuffix;
use crate::flow::{BridgeMode, BridgeTime, Policy};
use crate::ids::SiteId;

const BASKET_ACTIONS: [(&str, BasketAction); 3] = [
    ("transfer", BasketAction::Transfer),
    ("merge", BasketAction::Merge),
    ("none", BasketAction::None),
];

const BRIDGE_MODES: [(&str, BridgeMode); 3] = [
    ("classic", BridgeMode::Classic),
    ("hybrid-auth", BridgeMode::HybridAuth),
    ("none", BridgeMode::None),
];

const BRIDGE_TIMES: [(&str, BridgeTime); 2] =
    [("landing", BridgeTime::Landing), ("on-demand", BridgeTime::OnDemand)];

pub(in crate::config) fn read_all(
    root: &Section<'_>,
    timeout: Duration,
) -> Option<Vec<SiteConfig>> {
    let sites = root.each("sites", |site| read(site, timeout));
    if sites.is_empty() {
        root.error("sites", "at least one [[sites]] entry is needed");
    }
    check_together(&sites, root);
    sites.into_iter().collect()
}

/// Two sites must not answer for the same host and path, nor share cookie names on a host.
fn check_together(sites: &[Option<SiteConfig>], root: &Section<'_>) {
    let mut addresses = HashSet::new();
    let mut unsuffixed = HashSet::new();
    for (index, site) in sites.iter().enumerate() {
        let Some(site) = site else { continue };
        for host in &site.hosts {
            if !addresses.insert((host, &site.path_prefix)) {
                let message = format!("{host}{} belongs to two sites", site.path_prefix);
                root.error(&format!("sites.{index}.hosts"), &message);
            }
            if site.cookies.suffix == SiteSuffix::ProfileDefault && !unsuffixed.insert(host) {
                let message = format!("must be true: several sites share {host}");
                root.error(&format!("sites.{index}.cookies.suffix"), &message);
            }
        }
    }
}

fn read(site: &Section<'_>, timeout: Duration) -> Option<SiteConfig> {
    read_fields!(SiteConfig {
        id: site.parse("id", parse::site_id),
        hosts: read_hosts(site),
        path_prefix: Some(site.parse_optional("path_prefix", parse::prefix).unwrap_or_default()),
        public_origin: site.parse("public_origin", parse::public_origin),
        cors_origins: Some(site.origins("cors_origins")),
        policy: site.within("bridge", |bridge| read_policy(bridge, &site.section("session"))),
        slas: site.within("slas", |slas| read_slas(slas, id.as_ref())),
        client_ip_header: Some(read_client_ip_header(&site.section("ocapi"))),
        ocapi: Some(site.within("ocapi", |ocapi| read_ocapi(ocapi, policy, slas.as_ref()))),
        basket: site.within("basket", |basket| basket.choice("action", &BASKET_ACTIONS)),
        cookies: site.within("cookies", cookies::read),
        bearer_from: site.within("apis", |apis| apis.networks("bearer_from")),
        session: site.within("session", read_session),
        ecom: site.within("ecom", read_ecom),
        routes: Some(read_routes(site, timeout, policy, cookies.as_ref())),
    })
}

fn read_hosts(site: &Section<'_>) -> Option<Vec<String>> {
    let expected = "a list of host names, like [\"www.shop.example\"]";
    let hosts = site.list("hosts", expected, parse::host)?;
    if hosts.is_empty() { site.must_be("hosts", expected) } else { Some(hosts) }
}

fn read_policy(bridge: &Section<'_>, session: &Section<'_>) -> Option<Policy> {
    read_fields!(Policy {
        mode: bridge.choice("mode", &BRIDGE_MODES),
        time: bridge.choice("time", &BRIDGE_TIMES),
        guest_after_logout: session.choice("after_logout", &[("guest", true), ("none", false)]),
    })
}

fn read_slas(slas: &Section<'_>, site: Option<&SiteId>) -> Option<SlasConfig> {
    read_fields!(SlasConfig {
        base_url: slas.parse("base_url", parse::upstream),
        organization_id: slas.parse("organization_id", parse::organization),
        client_id: slas.parse("client_id", parse::client_id),
        client_secret: Some(slas.secret("client_secret")),
        redirect_uri: slas.parse("redirect_uri", parse::redirect_uri),
        redirect_uris: read_redirect_uris(slas, redirect_uri.as_ref()),
        strict_client_auth: slas.boolean("strict_client_auth"),
        audience: audience(organization_id.as_deref(), client_id.as_ref(), site),
    })
}

fn read_redirect_uris(slas: &Section<'_>, first: Option<&String>) -> Option<Vec<String>> {
    let parse = |uri: &str| parse::redirect_uri(uri).ok();
    let further = slas.list("further_redirect_uris", "a list of redirect URIs", parse)?;
    Some(first.cloned().into_iter().chain(further).collect())
}

fn audience(
    organization: Option<&str>,
    client_id: Option<&String>,
    site: Option<&SiteId>,
) -> Option<Audience> {
    Some(Audience {
        tenant: organization?.trim_start_matches("f_ecom_").to_owned(),
        client_id: client_id?.clone(),
        channel: site?.as_str().to_owned(),
    })
}

fn read_client_ip_header(ocapi: &Section<'_>) -> Option<HeaderName> {
    ocapi.parse_optional("client_ip_header", parse::client_ip_header)
}

/// `None` if the site has no OCAPI, and after an error: that is reported and ends the loading.
fn read_ocapi(
    ocapi: &Section<'_>,
    policy: Option<Policy>,
    slas: Option<&SlasConfig>,
) -> Option<OcapiConfig> {
    let is_required = policy.is_some_and(|policy| policy.mode == BridgeMode::Classic);
    let client_of_slas = || slas.map(|slas| slas.client_id.clone());
    ocapi.read_elsewhere("client_ip_header");
    read_fields!(OcapiConfig {
        base_url: if is_required {
            ocapi.parse("base_url", parse::upstream)
        } else {
            ocapi.parse_optional("base_url", parse::upstream)
        },
        version: ocapi.parse("version", parse::ocapi_version),
        client_id: ocapi.parse_optional("client_id", parse::client_id).or_else(client_of_slas),
        enforce_https: ocapi.boolean("enforce_https"),
    })
}

fn read_session(session: &Section<'_>) -> Option<SessionConfig> {
    session.read_elsewhere("after_logout");
    read_fields!(SessionConfig {
        remember_me: session.boolean("remember_me"),
        protected_paths: Some(session.paths("protected_paths")),
        unavailable: session.choice(
            "unavailable",
            &[("serve", Unavailable::Served), ("refuse", Unavailable::Refused)]
        ),
        login_page: Some(session.parse_optional("login_page", parse::path)),
    })
}

fn read_ecom(ecom: &Section<'_>) -> Option<EcomConfig> {
    let site_ids = "a list of site ids, like [\"RefArchB2B\"]";
    read_fields!(EcomConfig {
        sites: ecom.list("sites", site_ids, parse::ecom_site),
        login_pages: ecom.texts("login_pages"),
        logout_pages: ecom.texts("logout_pages"),
        redirect_returning: ecom.choice("returning", &[("forward", false), ("redirect", true)]),
        adopt_other: ecom.choice("other_session", &[("repair", false), ("adopt", true)]),
    })
}

/// Reads the routes and checks that bridge mode and cookies agree with them.
fn read_routes(
    site: &Section<'_>,
    timeout: Duration,
    policy: Option<Policy>,
    cookies: Option<&CookieConfig>,
) -> RouteConfig {
    let routes = site.within("routes", |routes| routes::read(routes, timeout));
    let no_dw = policy.is_some_and(|policy| policy.mode == BridgeMode::None);
    if no_dw && routes.ecom.is_some() {
        site.error("routes.ecom", "must be empty: bridge mode \"none\" has no DW session");
    }
    let ecom_is_beside = !no_dw && routes.ecom.is_none();
    if ecom_is_beside && cookies.is_some_and(|cookies| !cookies.accept_unsealed) {
        let why = "must be true: without routes.ecom, ECOM writes cookies too";
        site.error("cookies.accept_unsealed", why);
    }
    routes
}
