//! The route table of a site: lists and exceptions → [`Table`].

use std::collections::HashSet;
use std::time::Duration;

use http::Method;

use super::parse::{self, Origin};
use super::section::Section;
use super::site::read_paths;
use crate::route::{
    Authorization, Crawlers, Csrf, Kind, PASSING, Route, SetCookies, SlasClient, Table, TokenNeed,
};

/// Where requests go.
#[derive(Clone, Debug)]
pub struct RouteConfig {
    /// The Head.
    pub head: Option<Origin>,
    /// The controller pages.
    pub ecom: Option<Origin>,
    /// What is reachable, and what it needs.
    pub table: Table,
    /// Endings of paths of the Head's files.
    pub asset_suffixes: Vec<String>,
}

const KINDS: [(&str, Kind); 6] = [
    ("head", Kind::Head),
    ("ecom", Kind::Ecom),
    ("scapi", Kind::Scapi),
    ("ocapi", Kind::Ocapi),
    ("slas-private", Kind::Slas(SlasClient::Private)),
    ("slas-public", Kind::Slas(SlasClient::Public)),
];

pub(super) fn read(section: &Section<'_>, timeout: Duration) -> Option<RouteConfig> {
    let head = section.parse_optional("head", Origin::parse);
    let ecom = section.parse_optional("ecom", Origin::parse);
    let here = |kind: Kind| match kind {
        Kind::Head => head.is_some(),
        Kind::Ecom => ecom.is_some(),
        Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => true,
    };
    let mut routes = vec![Route::new("/", Kind::Head, timeout)];
    for (name, kind) in [
        ("ecom_paths", Kind::Ecom),
        ("scapi_paths", Kind::Scapi),
        ("ocapi_paths", Kind::Ocapi),
        ("slas_private_paths", Kind::Slas(SlasClient::Private)),
        ("slas_public_paths", Kind::Slas(SlasClient::Public)),
    ] {
        let paths = read_paths(section, name);
        routes.extend(paths.iter().map(|path| Route::new(path, kind, timeout)));
    }
    routes.retain(|route| here(route.kind));
    let listed = Table::new(routes.clone());
    for path in read_paths(section, "asset_paths") {
        let files = listed.find(&path).map(|route| Route::clone(route).for_files(&path));
        routes.extend(files);
    }
    routes.extend(read_rules(section, &Table::new(routes.clone()), timeout)?);
    routes.retain(|route| here(route.kind));
    let asset_suffixes = section.texts("asset_suffixes").unwrap_or_default();
    section.finish();
    Some(RouteConfig { head, ecom, table: Table::new(routes), asset_suffixes })
}

fn read_rules(section: &Section<'_>, listed: &Table, timeout: Duration) -> Option<Vec<Route>> {
    let mut paths = HashSet::new();
    let sections = section.sections("rules");
    // First all of them, so that every fault is told.
    let rules: Vec<Option<Route>> = sections
        .iter()
        .map(|rule| {
            let route = read_rule(rule, listed, timeout);
            if route.as_ref().is_some_and(|route| !paths.insert(route.prefix.clone())) {
                rule.problem("path", "has a rule already");
            }
            rule.finish();
            route
        })
        .collect();
    rules.into_iter().collect()
}

fn read_rule(rule: &Section<'_>, listed: &Table, timeout: Duration) -> Option<Route> {
    let kind = rule.word("to", &KINDS);
    let token = rule.word(
        "token",
        &[
            ("none", TokenNeed::None),
            ("optional", TokenNeed::Optional),
            ("shopper", TokenNeed::Shopper),
            ("registered", TokenNeed::Registered),
        ],
    );
    let csrf =
        rule.word("csrf", &[("upstream", Csrf::Upstream), ("same-origin", Csrf::SameOrigin)]);
    let crawlers = rule.word(
        "crawlers",
        &[
            ("without-session", Crawlers::WithoutSession),
            ("shared-guest", Crawlers::SharedGuest),
            ("refused", Crawlers::Refused),
        ],
    );
    let cookies =
        rule.word("cookies", &[("filtered", SetCookies::Filtered), ("passed", SetCookies::Passed)]);
    let authorization = rule.word(
        "authorization",
        &[
            ("none", Authorization::None),
            ("basic", Authorization::Basic),
            ("any", Authorization::Any),
        ],
    );
    let bridge = rule.has("bridge").then(|| rule.boolean("bridge"));
    let timeout_ms = rule.has("timeout_ms").then(|| rule.millis("timeout_ms", 1));
    let methods = read_methods(rule);
    let path = rule.parse("path", parse::path)?;
    let without =
        listed.find(&path).map(|route| Route { prefix: path.clone(), ..Route::clone(route) });
    let base = match (kind, without) {
        (Some(kind), Some(route)) if route.kind == kind => route,
        (Some(kind), _) => Route::new(&path, kind, timeout),
        (None, Some(route)) => route,
        (None, None) => {
            rule.problem("to", "must be given: without the rule this path leads nowhere");
            return None;
        }
    };
    if authorization.is_some() && !matches!(base.kind, Kind::Head | Kind::Ecom) {
        rule.problem("authorization", "is for the Head and ECOM; see apis.bearer_from");
    }
    Some(Route {
        is_files: base.is_files && token.is_none_or(|token| token == TokenNeed::None),
        is_rule: true,
        authorization: authorization.unwrap_or(base.authorization),
        token: token.unwrap_or(base.token),
        csrf: csrf.unwrap_or(base.csrf),
        crawlers: crawlers.unwrap_or(base.crawlers),
        cookies: cookies.unwrap_or(base.cookies),
        bridge: bridge.map_or(Some(base.bridge), |given| given)?,
        timeout: timeout_ms.map_or(Some(base.timeout), |given| given)?,
        methods: methods?.unwrap_or(base.methods.clone()),
        ..base
    })
}

/// The outer `None` is a fault, the inner one a rule that names no methods.
#[expect(clippy::option_option, reason = "a fault is not the same as a rule without methods")]
fn read_methods(rule: &Section<'_>) -> Option<Option<Vec<Method>>> {
    let names = rule.texts("methods")?;
    if names.is_empty() {
        return Some(None);
    }
    let known = |name: &String| {
        let method = Method::from_bytes(name.as_bytes()).ok()?;
        PASSING.contains(&method).then_some(method)
    };
    let methods: Option<Vec<Method>> = names.iter().map(known).collect();
    if methods.is_none() {
        rule.problem("methods", "must be a list of methods, like [\"GET\", \"HEAD\"]");
    }
    methods.map(Some)
}
