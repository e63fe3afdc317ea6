//! Pages and files of ECOM below the path of the OCAPI proxy.
//!
//! PWA Kit's proxy of that name leads to the host of the instance, so its storefronts also send
//! beacons to controllers and request files there. Such a path is the same path of ECOM with the
//! proxy's path before it: what applies to one applies to the other.

use super::{Kind, Route, Table, TokenNeed, UpstreamPath};

/// Where the controllers are.
const CONTROLLERS: &str = "/on/demandware.store/";
/// Where the files are: of sites, catalogs and libraries; and images.
const FILES: [&str; 2] = ["/on/demandware.static/", "/dw/image/"];
/// Controllers that only count what shoppers do.
const BEACONS: &str = "__Analytics-";

/// The route of ECOM for a path below `proxy`, a route to OCAPI; `None` for any other path, which is
/// one of OCAPI. `below` is the path with a slash in place of the mount of the proxy.
///
/// The table decides as for the path of ECOM itself. Where that path does not lead to ECOM, only files
/// and beacons have a route, and no session. Below a path of files only files have one.
#[must_use]
pub fn ecom_route(table: &Table, proxy: &Route, below: &str) -> Option<Route> {
    let files = FILES.into_iter().find(|files| below.starts_with(files));
    if files.is_none() && (proxy.is_files || !below.starts_with(CONTROLLERS)) {
        return None;
    }
    let listed = table.strictest(below).filter(|route| route.kind == Kind::Ecom);
    let route = match (listed, files) {
        (Some(route), _) => Route::clone(&route),
        (None, Some(files)) => unlisted(files, proxy).for_files(files),
        (None, None) if is_beacon(below) => {
            Route { token: TokenNeed::None, bridge: false, ..unlisted(CONTROLLERS, proxy) }
        }
        (None, None) => return None,
    };
    Some(below_proxy(&route, proxy))
}

fn unlisted(prefix: &str, proxy: &Route) -> Route {
    Route::new(prefix, Kind::Ecom, proxy.timeout)
}

/// `route` as strict as `proxy`. The storefront password is not the browser's credential for an API:
/// for it, the route of ECOM decides alone.
fn below_proxy(route: &Route, proxy: &Route) -> Route {
    let strict = route.stricter(proxy).unwrap_or_else(|| route.clone());
    // What is reserved for registered shoppers stays so.
    let without_tokens = proxy.token == TokenNeed::None && strict.token != TokenNeed::Registered;
    Route {
        mount: proxy.mount.clone(),
        upstream_path: UpstreamPath::BelowMount,
        token: if without_tokens { TokenNeed::None } else { strict.token },
        bridge: strict.bridge && !without_tokens,
        authorization: route.authorization,
        ..strict
    }
}

/// Whether `path` is one of ECOM that may have a route below the proxy.
#[must_use]
pub fn is_below(path: &str) -> bool {
    path.starts_with(CONTROLLERS) || FILES.iter().any(|files| path.starts_with(files))
}

/// Whether `path` is that of a controller to which pages only report what a shopper does. The name
/// counts if every upstream reads the same.
#[must_use]
pub fn is_beacon(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with(BEACONS) && !name.contains([';', '%'])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::route::{Crawlers, Csrf};

    const START: &str = "/on/demandware.store/Sites-RefArch-Site/en-GB/__Analytics-Start";
    const CART: &str = "/on/demandware.store/Sites-RefArch-Site/en-GB/Cart-Show";
    const FILE: &str = "/on/demandware.static/Sites-RefArch-Site/-/en_GB/v1/x.css";
    const IMAGE: &str = "/dw/image/v2/ZZTE_053/x.jpg";

    fn route(prefix: &str, kind: Kind) -> Route {
        Route::new(prefix, kind, Duration::ZERO)
    }

    fn proxy() -> Route {
        route("/mobify/proxy/ocapi/", Kind::Ocapi)
    }

    fn fronting() -> Table {
        let files = route("/on/demandware.static/", Kind::Ecom).for_files("/on/demandware.static/");
        Table::new(vec![route("/", Kind::Head), route("/on/demandware.store/", Kind::Ecom), files])
    }

    #[test]
    fn kind_23_controllers_and_files_have_the_route_of_ecom_itself() {
        let found = ecom_route(&fronting(), &proxy(), CART).unwrap();
        assert_eq!((found.kind, found.token, found.bridge), (Kind::Ecom, TokenNeed::Shopper, true));
        assert_eq!(found.below("/mobify/proxy/ocapi/on/x"), Some("on/x"));
        assert_eq!(found.csrf, Csrf::SameOrigin, "as strict as the proxy");
        for path in [FILE, IMAGE] {
            let found = ecom_route(&fronting(), &proxy(), path).unwrap();
            assert!(found.is_files && found.token == TokenNeed::None, "{path}");
        }
        for path in
            ["/s/RefArch/dw/shop/v24_5/products", "/cart", "/on/x", "/on/Demandware.store/x"]
        {
            assert_eq!(ecom_route(&fronting(), &proxy(), path), None, "{path}");
        }
    }

    #[test]
    fn kind_23_without_a_listed_path_only_files_and_beacons_have_a_route() {
        let table = Table::new(vec![route("/", Kind::Head)]);
        for path in [START, FILE, IMAGE] {
            let found = ecom_route(&table, &proxy(), path).unwrap();
            assert_eq!((found.token, found.bridge), (TokenNeed::None, false), "{path}");
        }
        assert_eq!(ecom_route(&table, &proxy(), CART), None);
    }

    #[test]
    fn kind_23_below_a_path_of_files_there_are_only_files() {
        let caching = proxy().for_files("/mobify/caching/ocapi/");
        assert!(ecom_route(&fronting(), &caching, FILE).is_some());
        assert_eq!(ecom_route(&fronting(), &caching, CART), None);
        assert_eq!(ecom_route(&fronting(), &caching, START), None);
    }

    #[test]
    fn kind_23_rules_of_either_path_apply() {
        let refusing = Route { crawlers: Crawlers::Refused, ..proxy() };
        assert_eq!(ecom_route(&fronting(), &refusing, CART).unwrap().crawlers, Crawlers::Refused);
        let registered = Route { token: TokenNeed::Registered, ..route(CART, Kind::Ecom) };
        let table = Table::new(vec![route("/on/demandware.store/", Kind::Ecom), registered]);
        let found = ecom_route(&table, &proxy(), &CART.replace("Show", "%53how")).unwrap();
        assert_eq!(found.token, TokenNeed::Registered);
        let without = Route { token: TokenNeed::None, ..proxy() };
        let found = ecom_route(&fronting(), &without, CART).unwrap();
        assert_eq!((found.token, found.bridge), (TokenNeed::None, false));
        let found = ecom_route(&table, &without, CART).unwrap();
        assert_eq!((found.token, found.bridge), (TokenNeed::Registered, true));
    }

    #[test]
    fn kind_23_only_a_plain_name_is_that_of_a_beacon() {
        assert!(is_beacon(START) && is_beacon("/s/RefArch/__Analytics-Tracking"));
        for path in [CART, "/__Analytics-Start;x", "/__Analytics-%53tart", "/__analytics-start/x"] {
            assert!(!is_beacon(path), "{path}");
        }
    }
}
