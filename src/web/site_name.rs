//! Which site a request names. Pure rules.
//!
//! The sites of a PWA Kit that share a host have their pages below a path prefix each, but one path for
//! all their API calls, and the controllers of ECOM are at the root. Such a request names its site
//! itself. The name only selects one of the sites of the host; that site's own rules apply afterwards.

use std::borrow::Cow;

use http::{HeaderMap, Uri};

use crate::config::SiteConfig;
use crate::route::{Kind, Route, instance};

/// The header in which PWA Kit names the site of a call.
const SITE_ID: &str = "x-site-id";

/// Whether the request names `site`, and nowhere another one.
pub(crate) fn is_named(site: &SiteConfig, uri: &Uri, headers: &HeaderMap) -> bool {
    let route = site.routes.table.find(uri.path()).filter(|route| route.kind != Kind::Head);
    let names = route.map(|route| names(route, uri, headers)).unwrap_or_default();
    !names.is_empty() && names.iter().all(|name| **name == *site.id.as_str().as_bytes())
}

/// All sites that the request names, as its kind of route names them. The pages of a Head name none:
/// a link could otherwise change the site of the page that it leads to.
fn names<'r>(route: &Route, uri: &'r Uri, headers: &'r HeaderMap) -> Vec<Cow<'r, [u8]>> {
    let path = match route.kind {
        Kind::Ecom => instance::named_site(uri.path()),
        // The mount ends in a slash, with which the instance's own path begins.
        Kind::Ocapi => uri.path().get(route.mount.len() - 1..).and_then(instance::named_site),
        Kind::Head | Kind::Scapi | Kind::Slas(_) => None,
    };
    let parameters: &[&str] = match route.kind {
        // The calls of SLAS are below the path of SCAPI too.
        Kind::Scapi => &["siteId", "channel_id"],
        Kind::Ocapi => &["siteId"],
        Kind::Slas(_) => &["channel_id"],
        Kind::Head | Kind::Ecom => &[],
    };
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query = query.filter(|(name, _)| parameters.contains(&name.as_ref()));
    let path = path.map(|id| Cow::Borrowed(id.as_bytes())).into_iter();
    let query = query.map(|(_, id)| Cow::Owned(id.into_owned().into_bytes()));
    let header = headers.get_all(SITE_ID).iter().map(|id| Cow::Borrowed(id.as_bytes()));
    path.chain(query).chain(header).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;
    use crate::route::SlasClient;

    /// What a request to `target` names on a route below `prefix`.
    fn named(prefix: &str, kind: Kind, target: &str, header: Option<&'static str>) -> Vec<String> {
        let route = Route::new(prefix, kind, Duration::ZERO);
        let uri: Uri = target.parse().unwrap();
        let mut headers = HeaderMap::new();
        if let Some(id) = header {
            headers.append(SITE_ID, HeaderValue::from_static(id));
        }
        let names = names(&route, &uri, &headers);
        names.iter().map(|name| String::from_utf8(name.to_vec()).unwrap()).collect()
    }

    #[test]
    fn kind_3_an_api_call_names_its_site_in_the_query_in_the_path_and_in_a_header() {
        let api = "/mobify/proxy/api/";
        let products = format!("{api}product/x?limit=1&siteId=RefArch");
        assert_eq!(named(api, Kind::Scapi, &products, Some("Other")), ["RefArch", "Other"]);
        let ocapi = "/mobify/proxy/ocapi/";
        let shop = format!("{ocapi}s/RefArch/dw/shop/v24_5/products/1");
        assert_eq!(named(ocapi, Kind::Ocapi, &shop, None), ["RefArch"]);
        let beacon = format!("{ocapi}on/demandware.store/Sites-RefArch-Site/en/__Analytics-Start");
        assert_eq!(named(ocapi, Kind::Ocapi, &beacon, None), ["RefArch"]);
        let authorize = format!("{api}shopper/auth/x/oauth2/authorize?channel_id=RefArch");
        assert_eq!(named(api, Kind::Scapi, &authorize, None), ["RefArch"]);
        let slas = "/mobify/slas/public/";
        let call = format!("{slas}shopper/auth/x?channel_id=RefArch&siteId=Other");
        assert_eq!(named(slas, Kind::Slas(SlasClient::Public), &call, None), ["RefArch"]);
    }

    #[test]
    fn kind_3_the_query_of_a_page_names_no_site() {
        let controller = "/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show?siteId=Other";
        assert_eq!(named("/on/", Kind::Ecom, controller, None), ["RefArch"]);
        assert!(named("/on/", Kind::Ecom, "/on/x?siteId=Other", None).is_empty());
    }
}
