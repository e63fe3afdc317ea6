//! Reads `[[sites]]`: raw tables → checked values.

use std::collections::HashSet;
use std::time::Duration;

use http::HeaderName;

use super::{
    BasketAction, EcomConfig, OcapiConfig, SessionConfig, SiteConfig, SiteHost, SlasConfig,
    Unavailable,
};
use crate::access_token::Audience;
use crate::config::cookies::{self, CookieConfig};
use crate::config::parse::{self, Origin};
use crate::config::routes::{self, RouteConfig};
use crate::config::section::{Section, read_fields};
use crate::cookies::profiles::SiteSuffix;
use crate::flow::{BridgeMode, BridgeTime, EcomPages, Policy};
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

/// Two sites must not answer for the same host and path, nor have the same id, nor share cookie names on
/// a host.
fn check_together(sites: &[Option<SiteConfig>], root: &Section<'_>) {
    let mut addresses = HashSet::new();
    let mut ids = HashSet::new();
    let mut defaults = HashSet::new();
    let mut unsuffixed = HashSet::new();
    for (index, site) in sites.iter().enumerate() {
        let Some(site) = site else { continue };
        if !ids.insert(site.id.as_str().to_ascii_lowercase()) {
            let message = "belongs to two sites; one site may have several hosts";
            root.error(&format!("sites.{index}.id"), message);
        }
        for host in site.hosts.iter().map(|host| &host.name) {
            // Upstreams may ignore case.
            if !addresses.insert((host, site.path_prefix.to_ascii_lowercase())) {
                let message = format!("{host}{} belongs to two sites", site.path_prefix);
                root.error(&format!("sites.{index}.hosts"), &message);
            } else if site.is_default && !defaults.insert(host) {
                let message = format!("must be false: {host} has another default site");
                root.error(&format!("sites.{index}.default_site"), &message);
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
        main_origin: site.parse("public_origin", parse::public_origin),
        hosts: read_hosts(site, main_origin.as_ref()),
        path_prefix: Some(site.parse_optional("path_prefix", parse::prefix).unwrap_or_default()),
        is_default: read_is_default(site, path_prefix.as_deref()),
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
        routes: Some(read_routes(site, timeout, policy, cookies.as_ref(), main_origin.as_ref())),
    })
}

/// The public hosts and the internal ones. If the host of `public_origin` is not among the public ones,
/// an edge replaces the host that the browser sent, and no host tells the origin.
fn read_hosts(site: &Section<'_>, main: Option<&Origin>) -> Option<Vec<SiteHost>> {
    let expected = "a list of host names, like [\"www.shop.example\"]";
    let public = site.list("hosts", expected, parse::host);
    let internal = site.list("internal_hosts", expected, parse::host);
    let public = match public {
        Some(hosts) if hosts.is_empty() => site.must_be("hosts", expected),
        other => other,
    };
    let (public, internal, main) = (public?, internal?, main?);
    let is_main = |host: &String| host == main.authority() || host == main.host();
    let tells_origin = public.iter().any(is_main);
    let origin = |host: &String| match main.at_host(host) {
        Ok(other) if tells_origin && !is_main(host) => other,
        _ => main.clone(),
    };
    let public = public.into_iter().map(|name| SiteHost { public_origin: origin(&name), name });
    let internal = internal.into_iter().map(|name| SiteHost { public_origin: main.clone(), name });
    Some(public.chain(internal).collect())
}

/// A site without a path prefix is always the default site of its hosts.
fn read_is_default(site: &Section<'_>, path_prefix: Option<&str>) -> Option<bool> {
    Some(site.boolean("default_site")? || path_prefix?.is_empty())
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
        pages: read_ecom_pages(ecom),
        redirect_returning: ecom.choice("returning", &[("forward", false), ("redirect", true)]),
        adopt_other: ecom.choice("other_session", &[("repair", false), ("adopt", true)]),
    })
}

fn read_ecom_pages(ecom: &Section<'_>) -> Option<EcomPages> {
    read_fields!(EcomPages {
        login: ecom.texts("login_pages"),
        logout: ecom.texts("logout_pages"),
        password: ecom.texts("password_pages"),
    })
}

/// Reads the routes and checks that bridge mode and cookies agree with them.
fn read_routes(
    site: &Section<'_>,
    timeout: Duration,
    policy: Option<Policy>,
    cookies: Option<&CookieConfig>,
    main: Option<&Origin>,
) -> RouteConfig {
    let routes = site.within("routes", |routes| routes::read(routes, timeout));
    let is_http = main.is_some_and(|main| !main.is_https());
    if is_http && routes.table.has_cross_site_sessions() {
        let why = "cross_site_post \"session\" needs https: browsers require it of SameSite=None";
        site.error("routes.rules", why);
    }
    let is_classic = policy.is_none_or(|policy| policy.mode == BridgeMode::Classic);
    if !is_classic && routes.table.has_cross_site_sessions() {
        let why = "cross_site_post \"session\" needs bridge mode \"classic\": otherwise nobody can be \
                   asked whose the DW session is after the form";
        site.error("routes.rules", why);
    }
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
