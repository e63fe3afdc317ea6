//! The route table, and which route applies to a path with several readings.

use std::sync::Arc;

use super::{CrossSitePost, Route, readings, rest};

/// The routes of a site, longest path first.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    route: Arc<Route>,
    /// The [shortest](readings::shortest) reading of its prefix.
    shortest: String,
}

impl Table {
    /// Of two routes for the same path, the later one applies.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let entry = |route: Route| Entry {
            shortest: readings::shortest(&route.prefix),
            route: Arc::new(route),
        };
        let mut table: Vec<Entry> = routes.into_iter().rev().map(entry).collect();
        table.sort_by_key(|entry| std::cmp::Reverse(entry.route.prefix.len()));
        Self(table)
    }

    /// The route for `path`, which must be [plain](super::path::is_plain), byte for byte.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Arc<Route>> {
        let mut routes = self.0.iter().map(|entry| &entry.route);
        routes.find(|route| rest(path, &route.prefix).is_some())
    }

    /// The routes for one of the [readings] of a path: byte for byte, and ignoring case.
    #[must_use]
    pub fn find_reading(&self, reading: &str) -> [Option<&Arc<Route>>; 2] {
        let is_below = |entry: &&Entry| {
            readings::is_below(reading, &entry.route.prefix)
                || readings::is_below(reading, &entry.shortest)
        };
        [self.find(reading), self.0.iter().find(is_below).map(|entry| &entry.route)]
    }

    /// The route for `path`, which must be [plain](super::path::is_plain): the route of its bytes, with
    /// the strictest settings of the routes of all its [readings] for token, CSRF, methods, crawlers,
    /// cookies and `Authorization`.
    #[must_use]
    pub fn strictest(&self, path: &str) -> Option<Arc<Route>> {
        let mut route = Arc::clone(self.find(path)?);
        readings::any(path, |reading| {
            for other in self.find_reading(reading).into_iter().flatten() {
                if !Arc::ptr_eq(&route, other)
                    && let Some(strict) = route.stricter(other)
                {
                    route = Arc::new(strict);
                }
            }
            false
        });
        Some(route)
    }

    /// Whether the DW session must come with forms of other sites on some route.
    #[must_use]
    pub fn has_cross_site_sessions(&self) -> bool {
        self.iter().any(|route| route.cross_site_post == CrossSitePost::InSession)
    }

    /// All routes, longest path first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter().map(|entry| entry.route.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::route::path::{EncodedSlash, is_plain};
    use crate::route::{Kind, TokenNeed};

    fn table() -> Table {
        let route = |prefix, kind| Route::new(prefix, kind, Duration::from_secs(1));
        Table::new(vec![
            route("/", Kind::Head),
            route("/account", Kind::Ecom),
            route("/mobify/proxy/api/", Kind::Scapi),
        ])
    }

    #[test]
    fn the_longest_prefix_applies_and_only_whole_segments_match() {
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
    fn the_path_below_a_route_has_no_leading_slash() {
        let below = |path: &str| table().find(path).unwrap().below(path).map(str::to_owned);
        assert_eq!(below("/account").as_deref(), Some(""));
        assert_eq!(below("/account/orders").as_deref(), Some("orders"));
        assert_eq!(below("/mobify/proxy/api/a/b").as_deref(), Some("a/b"));
    }

    #[test]
    fn an_exception_does_not_change_the_upstreams_path() {
        let api = Route::new("/mobify/proxy/api/", Kind::Scapi, Duration::ZERO);
        let exception = Route { prefix: "/mobify/proxy/api/customer/".to_owned(), ..api.clone() };
        let table = Table::new(vec![api, exception]);
        let route = table.find("/mobify/proxy/api/customer/x").unwrap();
        assert_eq!(route.prefix, "/mobify/proxy/api/customer/");
        assert_eq!(route.below("/mobify/proxy/api/customer/x"), Some("customer/x"));
    }

    #[test]
    fn only_paths_in_the_table_are_reachable() {
        let shop = Table::new(vec![Route::new("/shop/", Kind::Head, Duration::ZERO)]);
        assert!(shop.find("/").is_none() && shop.find("/shop").is_none());
    }

    /// A byte unchanged, in the other case, or encoded once or twice.
    fn spell(byte: u8, variant: u8) -> String {
        let other = if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte };
        match variant {
            0 => format!("%{byte:02x}"),
            1 => format!("%{other:02X}"),
            2 => format!("%25{byte:02x}"),
            3 => char::from(other).to_string(),
            _ => char::from(byte).to_string(),
        }
    }

    proptest! {
        /// Promise 12: a rule applies to every path that an upstream may read as one below the
        /// rule's path, in whatever order it decodes, shortens and folds.
        #[test]
        fn promise_12_a_rule_holds_for_every_spelling_of_its_path(
            variants in prop::collection::vec(0u8..12, 16),
            before in prop::sample::select(vec!["", "/;", "/;x=%2F"]),
            ending in prop::sample::select(
                vec!["", "/", ";", ";x", "%3Bx", ".", "%20", "%20.", ";a%2Fb/x", "%2Fx", ".;/y."]
            ),
            slash in prop::sample::select(vec!["/", "%2F", "%2f"]),
        ) {
            let route = |prefix| Route::new(prefix, Kind::Head, Duration::ZERO);
            let rule = Route { token: TokenNeed::Registered, ..route("/account/Orders") };
            let table = Table::new(vec![route("/"), rule]);
            let spelled = |text: &str, variants: &[u8]| -> String {
                text.bytes().zip(variants).map(|(byte, variant)| spell(byte, *variant)).collect()
            };
            let first = spelled("account", &variants);
            let second = spelled("Orders", &variants[7..]);
            let path = format!("{before}/{first}{slash}{second}{ending}");
            prop_assume!(is_plain(path.as_bytes(), EncodedSlash::Part));
            let found = table.strictest(&path).unwrap();
            prop_assert_eq!(found.token, TokenNeed::Registered, "{}", path);
        }

        #[test]
        fn a_path_with_a_single_reading_has_the_route_of_its_bytes(
            path in "/[a-z0-9/_~-]{0,30}"
        ) {
            let table = table();
            if is_plain(path.as_bytes(), EncodedSlash::Part) {
                let (found, strict) = (table.find(&path), table.strictest(&path));
                prop_assert!(found.zip(strict.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b)));
            }
        }
    }
}
