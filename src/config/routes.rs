//! The route table of a site: lists and exceptions → [`Table`].

use std::collections::HashSet;
use std::time::Duration;

use http::Method;

use super::parse::{self, Origin};
use super::section::Section;
use crate::route::{
    Authorization, Crawlers, CrossSitePost, Csrf, Kind, Route, SetCookies, SlasClient, Table,
    TokenNeed,
};

/// The upstreams of a site's pages, and its route table.
#[derive(Clone, Debug)]
pub struct RouteConfig {
    /// The Head.
    pub head: Option<Origin>,
    /// The controller pages.
    pub ecom: Option<Origin>,
    /// The `Host` that the Head gets.
    pub head_host: UpstreamHost,
    /// The `Host` that ECOM gets.
    pub ecom_host: UpstreamHost,
    /// Which paths are reachable, and what each needs.
    pub table: Table,
    /// Suffixes of paths of the Head that are files.
    pub asset_suffixes: Vec<String>,
}

/// By which host an upstream is addressed. It makes absolute addresses with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamHost {
    /// Its own.
    Upstream,
    /// The one that browsers see.
    Public,
    /// Another one.
    Named(Origin),
}

impl UpstreamHost {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "upstream" => Ok(Self::Upstream),
            "public" => Ok(Self::Public),
            name => Origin::parse(&format!("https://{name}"))
                .map(Self::Named)
                .map_err(|_| "must be \"upstream\", \"public\" or a host".to_owned()),
        }
    }
}

const KINDS: [(&str, Kind); 6] = [
    ("head", Kind::Head),
    ("ecom", Kind::Ecom),
    ("scapi", Kind::Scapi),
    ("ocapi", Kind::Ocapi),
    ("slas-private", Kind::Slas(SlasClient::Private)),
    ("slas-public", Kind::Slas(SlasClient::Public)),
];

const TOKENS: [(&str, TokenNeed); 4] = [
    ("none", TokenNeed::None),
    ("optional", TokenNeed::Optional),
    ("shopper", TokenNeed::Shopper),
    ("registered", TokenNeed::Registered),
];

const CSRF: [(&str, Csrf); 2] = [("upstream", Csrf::Upstream), ("same-origin", Csrf::SameOrigin)];

const CROSS_SITE_POSTS: [(&str, CrossSitePost); 3] = [
    ("forward", CrossSitePost::Forwarded),
    ("resubmit", CrossSitePost::Resubmitted),
    ("session", CrossSitePost::InSession),
];

const CRAWLERS: [(&str, Crawlers); 3] = [
    ("without-session", Crawlers::WithoutSession),
    ("shared-guest", Crawlers::SharedGuest),
    ("refused", Crawlers::Refused),
];

const COOKIES: [(&str, SetCookies); 2] =
    [("filtered", SetCookies::Filtered), ("passed", SetCookies::Passed)];

const AUTHORIZATIONS: [(&str, Authorization); 3] =
    [("none", Authorization::None), ("basic", Authorization::Basic), ("any", Authorization::Any)];

pub(super) fn read(section: &Section<'_>, timeout: Duration) -> RouteConfig {
    let head = section.parse_optional("head", Origin::parse);
    let ecom = section.parse_optional("ecom", Origin::parse);
    let is_configured = |kind: Kind| match kind {
        Kind::Head => head.is_some(),
        Kind::Ecom => ecom.is_some(),
        Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => true,
    };
    let mut routes = read_lists(section, timeout);
    routes.retain(|route| is_configured(route.kind));
    let listed = Table::new(routes.clone());
    for path in section.paths("asset_paths") {
        let files = listed.find(&path).map(|route| Route::clone(route).for_files(&path));
        routes.extend(files);
    }
    routes.extend(read_rules(section, &Table::new(routes.clone()), timeout));
    routes.retain(|route| is_configured(route.kind));
    let asset_suffixes = section.texts("asset_suffixes").unwrap_or_default();
    let host = |name| section.parse(name, UpstreamHost::parse).unwrap_or(UpstreamHost::Upstream);
    let (head_host, ecom_host) = (host("head_host"), host("ecom_host"));
    RouteConfig { head, ecom, head_host, ecom_host, table: Table::new(routes), asset_suffixes }
}

/// The lists of paths by upstream; all other paths belong to the Head.
fn read_lists(section: &Section<'_>, timeout: Duration) -> Vec<Route> {
    let mut routes = vec![Route::new("/", Kind::Head, timeout)];
    for (name, kind) in [
        ("ecom_paths", Kind::Ecom),
        ("scapi_paths", Kind::Scapi),
        ("ocapi_paths", Kind::Ocapi),
        ("slas_private_paths", Kind::Slas(SlasClient::Private)),
        ("slas_public_paths", Kind::Slas(SlasClient::Public)),
    ] {
        let paths = section.paths(name);
        routes.extend(paths.iter().map(|path| Route::new(path, kind, timeout)));
    }
    routes
}

fn read_rules(section: &Section<'_>, listed: &Table, timeout: Duration) -> Vec<Route> {
    let mut paths = HashSet::new();
    let rules = section.each("rules", |rule| {
        let route = read_rule(rule, listed, timeout)?;
        if !paths.insert(route.prefix.clone()) {
            rule.error("path", "has a rule already");
        }
        Some(route)
    });
    rules.into_iter().flatten().collect()
}

/// The route of a rule; `None` if it has no valid path or no upstream.
fn read_rule(rule: &Section<'_>, listed: &Table, timeout: Duration) -> Option<Route> {
    let base = read_base(rule, listed, timeout);
    let is_valid = base.is_some();
    // Also without a base, so that every error of a rule is reported.
    let mut route = base.unwrap_or_else(|| Route::new("/", Kind::Head, timeout));
    replace(&mut route.token, rule.word("token", &TOKENS));
    replace(&mut route.csrf, rule.word("csrf", &CSRF));
    replace(&mut route.cross_site_post, read_cross_site_post(rule, route.kind));
    replace(&mut route.crawlers, read_crawlers(rule, route.kind));
    replace(&mut route.cookies, rule.word("cookies", &COOKIES));
    replace(&mut route.authorization, read_authorization(rule, route.kind));
    replace(&mut route.bridge, rule.optional("bridge", Section::boolean));
    replace(&mut route.timeout, rule.optional("timeout_ms", |rule, name| rule.millis(name, 1)));
    replace(&mut route.methods, read_methods(rule));
    if route.csrf == Csrf::SameOrigin && route.cross_site_post != CrossSitePost::Forwarded {
        rule.error("cross_site_post", "contradicts csrf \"same-origin\", which rejects such forms");
    }
    route.is_files &= route.token == TokenNeed::None;
    route.is_rule = true;
    is_valid.then_some(route)
}

fn replace<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

/// The route that the path has without the rule; a new one if the rule names another upstream.
fn read_base(rule: &Section<'_>, listed: &Table, timeout: Duration) -> Option<Route> {
    let kind = rule.word("to", &KINDS);
    let path = rule.parse("path", parse::path)?;
    let without =
        listed.find(&path).map(|route| Route { prefix: path.clone(), ..Route::clone(route) });
    match (kind, without) {
        (Some(kind), Some(route)) if route.kind == kind => Some(route),
        (Some(kind), _) => Some(Route::new(&path, kind, timeout)),
        (None, Some(route)) => Some(route),
        (None, None) => {
            rule.error("to", "must be given: without the rule this path leads nowhere");
            None
        }
    }
}

fn read_cross_site_post(rule: &Section<'_>, kind: Kind) -> Option<CrossSitePost> {
    let cross_site_post = rule.word("cross_site_post", &CROSS_SITE_POSTS)?;
    if !kind.is_pages() {
        rule.error("cross_site_post", "applies to the Head and ECOM only");
        return None;
    }
    if cross_site_post == CrossSitePost::InSession && kind != Kind::Ecom {
        rule.error(
            "cross_site_post",
            "\"session\" applies to ECOM only: the Head has no DW session",
        );
        return None;
    }
    Some(cross_site_post)
}

fn read_crawlers(rule: &Section<'_>, kind: Kind) -> Option<Crawlers> {
    let crawlers = rule.word("crawlers", &CRAWLERS)?;
    let has_token = matches!(kind, Kind::Head | Kind::Scapi | Kind::Ocapi);
    if crawlers == Crawlers::SharedGuest && !has_token {
        rule.error("crawlers", "\"shared-guest\" is for the Head and the APIs");
    }
    Some(crawlers)
}

fn read_authorization(rule: &Section<'_>, kind: Kind) -> Option<Authorization> {
    let authorization = rule.word("authorization", &AUTHORIZATIONS)?;
    if !matches!(kind, Kind::Head | Kind::Ecom) {
        rule.error("authorization", "is for the Head and ECOM; see apis.bearer_from");
    }
    Some(authorization)
}

fn read_methods(rule: &Section<'_>) -> Option<Vec<Method>> {
    let expected = "a list of methods, like [\"GET\", \"HEAD\"]";
    rule.list("methods", expected, parse::method).filter(|methods| !methods.is_empty())
}
