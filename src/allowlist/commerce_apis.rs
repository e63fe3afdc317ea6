//! Which addresses of SCAPI and OCAPI a shopper's token may go to: those of the own organisation
//! and site, and none by which tokens are made.

use http::Method;

use super::{Refusal, slas_parameters};
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::readings;

/// The methods that pass. A preflight is for us to answer, and nobody else's pages call here.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Families of SCAPI that a shopper only reads.
const READ_ONLY: [&str; 8] = [
    "shopper-configurations",
    "shopper-experience",
    "shopper-products",
    "shopper-promotions",
    "shopper-search",
    "shopper-seo",
    "shopper-stores",
    "shopper-availability",
];

/// Whether a request to SCAPI at `path` may go on with the shopper's token.
pub fn scapi(
    method: &Method,
    path: &str,
    query: Option<&str>,
    organization: &str,
    site: &str,
) -> Result<(), Refusal> {
    let segments = segments(path)?;
    // `/{family}/{api}/{version}/organizations/{organization}/…`
    let [family, api, version, "organizations", named, rest @ ..] = segments.as_slice() else {
        return Err(Refusal::Forbidden);
    };
    let literal = is_literal(family) && is_literal(api) && is_version(version);
    let ours = literal && *named == organization && !api.eq_ignore_ascii_case("auth");
    if !ours || rest.is_empty() {
        return Err(Refusal::Forbidden);
    }
    is_of_site(query, site)?;
    let read_only = READ_ONLY.iter().any(|known| api.eq_ignore_ascii_case(known));
    // Nobody deletes a customer by a shopper's token.
    let deletes_customer = *method == Method::DELETE && readings::any(path, is_customer);
    if !METHODS.contains(method) || (read_only && !method.is_safe()) || deletes_customer {
        return Err(Refusal::Method);
    }
    Ok(())
}

/// The OCAPI Shop API of a site.
#[derive(Clone, Copy, Debug)]
pub struct Shop<'a> {
    /// The site's id.
    pub site: &'a str,
    /// The version that the site is set up for, like `v24_5`: what is closed to shoppers is known
    /// of that one.
    pub version: &'a str,
    /// The site's client.
    pub client_id: &'a str,
}

/// Whether a request to OCAPI at `path` may go on with the shopper's token.
pub fn ocapi(
    method: &Method,
    path: &str,
    query: Option<&str>,
    shop: &Shop<'_>,
) -> Result<(), Refusal> {
    let segments = segments(path)?;
    let ["s", site, "dw", "shop", version, below @ ..] = segments.as_slice() else {
        return Err(Refusal::Forbidden);
    };
    let named = below.first().is_some_and(|name| !name.is_empty() && is_literal(name));
    let ours = *site == shop.site && *version == shop.version;
    if !ours || !named || readings::any(path, makes_session) {
        return Err(Refusal::Forbidden);
    }
    for query in readings(query)? {
        let foreign = query.iter().any(|(name, value)| match letters(name).as_str() {
            "clientid" => value != shop.client_id,
            // `method` makes a GET another method, `callback` a script that any page may include.
            "method" | "callback" => true,
            _ => false,
        });
        if foreign || query.iter().filter(|(name, _)| letters(name) == "clientid").count() > 1 {
            return Err(Refusal::Forbidden);
        }
    }
    if METHODS.contains(method) { Ok(()) } else { Err(Refusal::Method) }
}

fn segments(path: &str) -> Result<Vec<&str>, Refusal> {
    if !is_plain(path.as_bytes(), EncodedSlash::Refused) {
        return Err(Refusal::Forbidden);
    }
    Ok(path.split('/').skip(1).collect())
}

/// Whether one reading of a path of SCAPI is that of one customer.
fn is_customer(reading: &str) -> bool {
    let mut segments = names_in(reading).skip(5);
    segments.next().is_some_and(|resource| resource.eq_ignore_ascii_case("customers"))
        && segments.count() == 1
}

/// Whether one reading of a path of OCAPI names a resource by which tokens and DW sessions are made:
/// that is our own business.
fn makes_session(reading: &str) -> bool {
    let is_such = |segment: &str| {
        ["sessions", "auth"].iter().any(|name| segment.trim().eq_ignore_ascii_case(name))
    };
    names_in(reading).skip(5).any(is_such)
}

fn names_in(reading: &str) -> impl Iterator<Item = &str> {
    reading.split('/').filter(|segment| !segment.is_empty())
}

/// An upstream cannot take it for another word.
fn is_literal(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// `v1`, `v24_5`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    })
}

/// Whatever an upstream, or the shop's own code on the platform, may take for `siteId` stands in the
/// query not at all, or once and with the own site.
fn is_of_site(query: Option<&str>, site: &str) -> Result<(), Refusal> {
    for pairs in readings(query)? {
        for name in ["siteid", "csiteid"] {
            let mut named = pairs.iter().filter(|(known, _)| letters(known) == name);
            match (named.next(), named.next()) {
                (None, _) => {}
                (Some((_, value)), None) if value == site => {}
                _ => return Err(Refusal::Forbidden),
            }
        }
    }
    Ok(())
}

/// A parameter's name as the most generous reader takes it: `c_siteId[0]` → `csiteid`.
fn letters(name: &str) -> String {
    let mut name = name.to_owned();
    for _ in 0..2 {
        name = percent_encoding::percent_decode_str(&name).decode_utf8_lossy().into_owned();
    }
    let letters =
        name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase());
    let letters: String = letters.collect();
    letters.trim_end_matches(|last: char| last.is_ascii_digit()).to_owned()
}

/// Names and values of a query, also as readers see them who separate by `;`.
fn readings(query: Option<&str>) -> Result<Vec<slas_parameters::Pairs>, Refusal> {
    let query = query.unwrap_or_default();
    let mut readings = vec![pairs(query)?];
    if query.contains(';') {
        readings.push(pairs(&query.replace(';', "&"))?);
    }
    Ok(readings)
}

fn pairs(query: &str) -> Result<slas_parameters::Pairs, Refusal> {
    slas_parameters::pairs(query.as_bytes()).ok_or(Refusal::Malformed("The query is too long."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTS: &str = "/product/shopper-products/v1/organizations/f_ecom_zzte_053/products";
    const CUSTOMER: &str =
        "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053/customers/x";
    const SHOP: &str = "/s/RefArch/dw/shop/v24_5/products/1";

    fn scapi_at(method: &Method, path: &str, query: &str) -> Result<(), Refusal> {
        scapi(method, path, Some(query), "f_ecom_zzte_053", "RefArch")
    }

    fn ocapi_at(path: &str, query: &str) -> Result<(), Refusal> {
        let shop = Shop { site: "RefArch", version: "v24_5", client_id: "client" };
        ocapi(&Method::GET, path, Some(query), &shop)
    }

    #[test]
    fn own_organisation_and_site_pass() {
        for query in [
            "",
            "siteId=RefArch",
            "ids=a,b&siteId=RefArch&allImages=true",
            "siteId=RefArch&c_siteId=RefArch",
            "siteId=RefArch&c_site=Other&q=a;b&refine=c_x=1&refine=price=(1..2)",
        ] {
            assert_eq!(scapi_at(&Method::GET, PRODUCTS, query), Ok(()), "{query}");
        }
        let custom = "/custom/loyalty/v1/organizations/f_ecom_zzte_053/points";
        assert_eq!(scapi_at(&Method::POST, custom, "siteId=RefArch"), Ok(()));
        assert_eq!(ocapi_at(SHOP, "expand=prices&client_id=client"), Ok(()));
    }

    #[test]
    fn attack_46_another_tenant_and_the_auth_service_are_out_of_reach() {
        for path in [
            "/product/shopper-products/v1/organizations/f_ecom_other_001/products",
            "/product/shopper-products/v1/organizations/%66_ecom_zzte_053/products",
            "/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/trusted-system/token",
            "/shopper/%61uth/v1/organizations/f_ecom_zzte_053/oauth2/token",
            "/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token/",
            "/x/../shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token",
            "/product/shopper-products/v1/organizations/f_ecom_zzte_053",
            "/product/shopper-products/v1/organizations/f_ecom_zzte_053/../f_ecom_other_001/x",
            "/product/shopper-products/v1/sites/RefArch",
            "/",
        ] {
            assert_eq!(scapi_at(&Method::GET, path, ""), Err(Refusal::Forbidden), "{path}");
        }
    }

    #[test]
    fn attack_47_another_site_or_two_of_them_are_refused() {
        for query in [
            "siteId=Other",
            "siteId=RefArch&siteId=Other",
            "siteId=RefArch&siteId=RefArch",
            "siteId=",
            "siteid=Other",
            "site%49d=Other",
            "siteId=RefArch&c_siteId=Other",
            "c_siteId=Other",
            "C_SITEID=Other",
            "c%5FsiteId=Other&siteId=RefArch",
            "c_siteId=RefArch&c_siteid=RefArch",
            "site_id=Other",
            "siteId%5B%5D=Other",
            "siteId=RefArch&siteId[0]=Other",
            "siteId=RefArch&%20siteId=Other",
            "site%2549d=Other",
            "siteId=RefArch;c_siteId=Other",
            "limit=1;siteId=Other",
        ] {
            assert_eq!(scapi_at(&Method::GET, PRODUCTS, query), Err(Refusal::Forbidden), "{query}");
        }
        for path in [
            "/s/Other/dw/shop/v24_5/products/1",
            "/s/-/dw/shop/v24_5/products/1",
            "/s/-/dw/data/v24_5/sites",
            "/s/RefArch/dw/data/v24_5/sites",
            "/s/RefArch/dw/shop/v24_5",
            "/s/RefArch/dw/shop/v24_5/sessions",
            "/s/RefArch/dw/shop/v24_5/%73essions",
            "/s/RefArch/dw/shop/v24_5/customers/auth",
            "/s/RefArch/dw/shop/v24_5/customers/%61uth;x",
            "/s/RefArch/dw/shop/v24_5/Sessions",
            "/s/RefArch/dw/shop/v24_5/Customers/auth",
            "/s/RefArch/dw/shop/v24_5/customers/me/auth",
            "/s/RefArch/dw/shop/v24_5/customers/me/Auth/",
            "/s/RefArch/dw/shop/v24_5/site/%53essions",
            "/s/RefArch/dw/shop/v24_5/site/%2553essions",
            "/s/RefArch/dw/shop/v24_5/site/sessions.",
            "/s/RefArch/dw/shop/v24_5/site/%20sessions%20.;x",
            "/s/RefArch/dw/shop/v24_5/site/%C5%BFessions",
            "/s/RefArch/dw/shop/v16_9/products/1",
            "/s/RefArch/dw/shop/v24_05/products/1",
            "/s/RefArch/dw/shop/v24_5/",
            "/on/demandware.store/Sites-RefArch-Site/en_US/Home-Show",
            "/s/RefArch/../-/dw/data/v24_5/sites",
        ] {
            assert_eq!(ocapi_at(path, ""), Err(Refusal::Forbidden), "{path}");
        }
    }

    #[test]
    fn attack_49_methods_outside_the_list_are_refused() {
        let patch = Method::PATCH;
        assert_eq!(scapi_at(&patch, CUSTOMER, ""), Ok(()));
        assert_eq!(scapi_at(&Method::DELETE, CUSTOMER, ""), Err(Refusal::Method));
        assert_eq!(scapi_at(&Method::POST, PRODUCTS, ""), Err(Refusal::Method));
        let spelt = PRODUCTS.replace("shopper-products", "Shopper-Products");
        assert_eq!(scapi_at(&Method::POST, &spelt, ""), Err(Refusal::Method));
        assert_eq!(scapi_at(&Method::TRACE, CUSTOMER, ""), Err(Refusal::Method));
    }

    #[test]
    fn attack_49_no_spelling_deletes_a_customer() {
        let organization = "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053";
        for rest in [
            "customers/x/",
            "%63ustomers/x",
            "%2563ustomers/x",
            "Customers/x",
            "customers;y/x",
            "customers/x;y/",
            "customers./x",
            "customers%20/x",
            ";y/customers/x",
        ] {
            let path = format!("{organization}/{rest}");
            assert_eq!(scapi_at(&Method::DELETE, &path, ""), Err(Refusal::Method), "{rest}");
        }
        let address = format!("{CUSTOMER}/addresses/home");
        assert_eq!(scapi_at(&Method::DELETE, &address, ""), Ok(()));
    }

    #[test]
    fn ocapi_parameters_that_change_what_a_request_is_are_refused() {
        for query in [
            "method=delete",
            "Method=DELETE",
            "_method=DELETE",
            "callback=evil",
            "client_id=other",
            "client%255fid=other",
            "q=1;method=delete",
            "client_id=client;client_id=other",
        ] {
            assert_eq!(ocapi_at(SHOP, query), Err(Refusal::Forbidden), "{query}");
        }
    }
}
