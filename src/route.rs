//! Where a path leads, and what must be true before a request may go there.
//!
//! A [`Table`] is made once from the configuration. It is asked with the very octets that are
//! forwarded later, so that no upstream can read another path than the one that was judged here;
//! [`path`] refuses what two programs could read in two ways. Pure.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

pub mod path;

/// What stands behind a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The headless front.
    Head,
    /// The controller pages.
    Ecom,
    /// The Commerce APIs.
    Scapi,
    /// The older API of the instance.
    Ocapi,
    /// The token endpoints.
    Slas(SlasClient),
}

/// As which client a caller of the SLAS façade speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlasClient {
    /// The one whose secret we add.
    Private,
    /// One without a secret.
    Public,
}

/// Which SLAS tokens a request needs before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenNeed {
    /// None, and none is looked at.
    None,
    /// Those there are; expired ones are renewed, but nothing is begun.
    Optional,
    /// Some shopper's: a document begins a guest session, a call renews what there is.
    Shopper,
    /// Those of a shopper who has signed in.
    Registered,
}

/// How a request that changes state must prove that a page of this shop sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Csrf {
    /// The upstream checks by itself.
    Upstream,
    /// By `Sec-Fetch-Site`, `Origin`, or our own header.
    SameOrigin,
}

/// What a crawler gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crawlers {
    /// The answer, without a session.
    WithoutSession,
    /// The answer to a reading call, with the token of a guest whom all crawlers share.
    SharedGuest,
    /// Nothing.
    Refused,
}

/// What becomes of the cookies that an upstream sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetCookies {
    /// Those about the shopper are read and go no further; only we write them.
    Filtered,
    /// They pass, even ours: for a developer's tools.
    Passed,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path it is for: everything below, if it ends in a slash; else the path itself and
    /// everything below.
    pub prefix: String,
    /// The path below which the upstream's own paths begin: the prefix, or for an exception the
    /// listed path that it is an exception from.
    pub mount: String,
    /// What stands behind it.
    pub kind: Kind,
    /// Which tokens it needs.
    pub token: TokenNeed,
    /// Whether it needs a live DW session.
    pub bridge: bool,
    /// How a change of state is guarded.
    pub csrf: Csrf,
    /// What crawlers get.
    pub crawlers: Crawlers,
    /// What becomes of the upstream's cookies.
    pub cookies: SetCookies,
    /// The methods that pass.
    pub methods: Vec<Method>,
    /// Time until the upstream's response head.
    pub timeout: Duration,
}

/// Methods that pass by default. `TRACE` would show a page's script the cookies it must not read,
/// and `CONNECT` is not for us.
pub const PASSING: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

impl Route {
    /// A route with what its kind needs.
    #[must_use]
    pub fn new(prefix: &str, kind: Kind, timeout: Duration) -> Self {
        let (token, csrf) = match kind {
            Kind::Head | Kind::Ecom => (TokenNeed::Shopper, Csrf::Upstream),
            Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => (TokenNeed::Optional, Csrf::SameOrigin),
        };
        Self {
            prefix: prefix.to_owned(),
            mount: prefix.to_owned(),
            kind,
            token,
            bridge: kind == Kind::Ecom,
            csrf,
            crawlers: Crawlers::WithoutSession,
            cookies: SetCookies::Filtered,
            methods: PASSING.to_vec(),
            timeout,
        }
    }

    /// The same for files: no auth work at all.
    #[must_use]
    pub fn for_files(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), token: TokenNeed::None, bridge: false, ..self }
    }

    /// What of `path` is the upstream's own path, without a leading slash.
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        rest(path, &self.mount)
    }
}

/// What of `path` lies below `prefix`, which ends with a whole segment.
fn rest<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix)?;
    if prefix.ends_with('/') || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// The routes of a site, longest path first.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<Arc<Route>>);

impl Table {
    /// Of two routes for the same path, the later one counts.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let mut table: Vec<Arc<Route>> = routes.into_iter().rev().map(Arc::new).collect();
        table.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        Self(table)
    }

    /// The route for `path`, which must be [plain](path::is_plain).
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Arc<Route>> {
        self.0.iter().find(|route| rest(path, &route.prefix).is_some())
    }

    /// All routes, longest path first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let route = |prefix, kind| Route::new(prefix, kind, Duration::from_secs(1));
        Table::new(vec![
            route("/", Kind::Head),
            route("/account", Kind::Ecom),
            route("/mobify/proxy/api/", Kind::Scapi),
        ])
    }

    #[test]
    fn the_longest_path_counts_and_only_whole_segments_match() {
        for (path, kind) in [
            ("/", Kind::Head),
            ("/account", Kind::Ecom),
            ("/account/orders", Kind::Ecom),
            ("/accounting", Kind::Head),
            ("/mobify/proxy/api", Kind::Head),
            ("/mobify/proxy/api/x", Kind::Scapi),
            ("/Account", Kind::Head),
        ] {
            assert_eq!(table().find(path).map(|route| route.kind), Some(kind), "{path}");
        }
    }

    #[test]
    fn what_lies_below_a_route_has_no_leading_slash() {
        let below = |path: &str| table().find(path).unwrap().below(path).map(str::to_owned);
        assert_eq!(below("/account").as_deref(), Some(""));
        assert_eq!(below("/account/orders").as_deref(), Some("orders"));
        assert_eq!(below("/mobify/proxy/api/a/b").as_deref(), Some("a/b"));
    }

    #[test]
    fn an_exception_does_not_change_what_the_upstream_is_asked_for() {
        let api = Route::new("/mobify/proxy/api/", Kind::Scapi, Duration::ZERO);
        let exception = Route { prefix: "/mobify/proxy/api/customer/".to_owned(), ..api.clone() };
        let table = Table::new(vec![api, exception]);
        let route = table.find("/mobify/proxy/api/customer/x").unwrap();
        assert_eq!(route.prefix, "/mobify/proxy/api/customer/");
        assert_eq!(route.below("/mobify/proxy/api/customer/x"), Some("customer/x"));
    }

    #[test]
    fn only_what_is_in_the_table_is_reachable() {
        let shop = Table::new(vec![Route::new("/shop/", Kind::Head, Duration::ZERO)]);
        assert!(shop.find("/").is_none() && shop.find("/shop").is_none());
    }
}
