//! Which SCAPI and OCAPI requests are forwarded with a shopper's token: those to the site's own
//! organisation and site, and none that create tokens.

use http::Method;

use super::{Pairs, Refusal, pairs};
use crate::route::path::{EncodedSlash, is_plain};
use crate::route::readings;

/// The methods that pass. `OPTIONS` does not: Tandem responds to preflights itself.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// SCAPI APIs that are read-only for shoppers.
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

/// Checks that a request to SCAPI at `path` may be forwarded with the shopper's token.
pub(crate) fn check_scapi(
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
    // The resource is a word, and only behind it are names and ids.
    let named = rest.first().is_some_and(|resource| has_no_encoded_slash(resource));
    if !ours || !named {
        return Err(Refusal::Forbidden);
    }
    check_site(query, site)?;
    let read_only = READ_ONLY.iter().any(|known| api.eq_ignore_ascii_case(known));
    // A shopper's token must not delete a customer.
    let deletes_customer = *method == Method::DELETE && readings::any(path, is_customer);
    if !METHODS.contains(method) || (read_only && !method.is_safe()) || deletes_customer {
        return Err(Refusal::Method);
    }
    Ok(())
}

/// The OCAPI Shop API of a site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shop<'a> {
    /// The site's id.
    pub site: &'a str,
    /// The configured version, such as `v24_5`: the rules for shoppers hold for this version.
    pub version: &'a str,
    /// The site's OCAPI client.
    pub client_id: &'a str,
}

/// Checks that a request to OCAPI at `path` may be forwarded with the shopper's token.
pub(crate) fn check_ocapi(
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
    if !ours || !named || readings::any(path, creates_session) {
        return Err(Refusal::Forbidden);
    }
    for query in readings(query)? {
        let forbidden = query.iter().any(|(name, value)| match letters(name).as_str() {
            "clientid" => value != shop.client_id,
            // `method` replaces the method; `callback` makes the response a script, which the pages
            // of other sites could include.
            "method" | "callback" => true,
            _ => false,
        });
        if forbidden || query.iter().filter(|(name, _)| letters(name) == "clientid").count() > 1 {
            return Err(Refusal::Forbidden);
        }
    }
    if METHODS.contains(method) { Ok(()) } else { Err(Refusal::Method) }
}

/// The segments of `path`. Only names and ids, behind what is compared byte for byte, may have encoded
/// slashes: a shopper's address may be called `Home / Office`, and a product `AB/12-3`.
fn segments(path: &str) -> Result<Vec<&str>, Refusal> {
    if !is_plain(path.as_bytes(), EncodedSlash::InName) {
        return Err(Refusal::Forbidden);
    }
    Ok(path.split('/').skip(1).collect())
}

fn has_no_encoded_slash(segment: &str) -> bool {
    is_plain(format!("/{segment}").as_bytes(), EncodedSlash::Refused)
}

/// Whether a reading of a SCAPI path is the address of one customer.
fn is_customer(reading: &str) -> bool {
    let mut segments = names_in(reading).skip(5);
    segments.next().is_some_and(|resource| resource.eq_ignore_ascii_case("customers"))
        && segments.count() == 1
}

/// Whether a reading of an OCAPI path names a resource that creates tokens or DW sessions: only
/// Tandem itself calls those.
fn creates_session(reading: &str) -> bool {
    let creates = |segment: &str| {
        ["sessions", "auth"].iter().any(|name| segment.trim().eq_ignore_ascii_case(name))
    };
    names_in(reading).skip(5).any(creates)
}

fn names_in(reading: &str) -> impl Iterator<Item = &str> {
    reading.split(['/', '\\']).filter(|segment| !segment.is_empty())
}

/// Whether an upstream cannot read `segment` as another name.
fn is_literal(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether `segment` is a version such as `v1` or `v24_5`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    })
}

/// Checks each name that an upstream, or the shop's own code on the platform, may read as `siteId`:
/// it must be missing from the query, or occur once with the site's own id.
fn check_site(query: Option<&str>, site: &str) -> Result<(), Refusal> {
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

/// A parameter's name as the most lenient parser reads it: `c_siteId[0]` → `csiteid`.
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

/// Names and values of a query, also as parsers read it that separate by `;`.
fn readings(query: Option<&str>) -> Result<Vec<Pairs>, Refusal> {
    let query = query.unwrap_or_default();
    let read =
        |query: &str| pairs(query.as_bytes()).ok_or(Refusal::Malformed("The query is too long."));
    let mut readings = vec![read(query)?];
    if query.contains(';') {
        readings.push(read(&query.replace(';', "&"))?);
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTS: &str = "/product/shopper-products/v1/organizations/f_ecom_zzte_053/products";
    const CUSTOMER: &str =
        "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053/customers/x";
    const SHOP: &str = "/s/RefArch/dw/shop/v24_5/products/1";

    fn scapi_at(method: &Method, path: &str, query: &str) -> Result<(), Refusal> {
        check_scapi(method, path, Some(query), "f_ecom_zzte_053", "RefArch")
    }

    fn ocapi_at(path: &str, query: &str) -> Result<(), Refusal> {
        let shop = Shop { site: "RefArch", version: "v24_5", client_id: "client" };
        check_ocapi(&Method::GET, path, Some(query), &shop)
    }

    #[test]
    fn requests_to_the_sites_own_organisation_and_site_pass() {
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
    fn attack_46_another_tenant_and_the_auth_service_are_rejected() {
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
    fn kind_4_names_and_ids_may_have_encoded_slashes_and_nothing_before_them() {
        for name in ["Home%20%2F%20Office", "c%2Fo%20Mum", "a%5Cb", "AB%2F12-3"] {
            let address = format!("{CUSTOMER}/addresses/{name}");
            assert_eq!(scapi_at(&Method::DELETE, &address, "siteId=RefArch"), Ok(()), "{name}");
            assert_eq!(ocapi_at(&format!("/s/RefArch/dw/shop/v24_5/products/{name}"), ""), Ok(()));
        }
        let organization = "/customer/shopper-customers/v1/organizations/f_ecom_zzte_053";
        for path in [
            "/product%2Fshopper-products/v1/organizations/f_ecom_zzte_053/products",
            "/product/shopper-products/v1/organizations%2Ff_ecom_zzte_053/products/x",
            "/product/shopper-products/v1%5Corganizations/f_ecom_zzte_053/products/x",
            "/shopper/x/v1/organizations/f_ecom_other_001%2Ff_ecom_zzte_053/products",
            "/shopper/x/v1/organizations/f_ecom_zzte_053/..%2F..%2Fauth",
            "/product/shopper-products/v1/organizations/f_ecom_zzte_053/products%2Fx",
            "/product/shopper-products/v1/organizations/f_ecom_zzte_053/products%5Cx",
            "/shopper/x/v1/organizations/f_ecom_zzte_053/a%5C..%5C..%5C..%5Cauth",
        ] {
            assert_eq!(scapi_at(&Method::GET, path, ""), Err(Refusal::Forbidden), "{path}");
        }
        for path in ["customers/x%2F", "customers/x%255C"] {
            let path = format!("{organization}/{path}");
            assert_eq!(scapi_at(&Method::DELETE, &path, ""), Err(Refusal::Method), "{path}");
        }
        for path in
            ["customers%2Fauth", "customers/x%2Fauth", "customers/x%5Cauth", "site/a%5Csessions"]
        {
            let path = format!("/s/RefArch/dw/shop/v24_5/{path}");
            assert_eq!(ocapi_at(&path, ""), Err(Refusal::Forbidden), "{path}");
        }
    }

    #[test]
    fn attack_47_another_site_or_two_sites_are_rejected() {
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
    fn attack_49_methods_that_are_not_listed_are_rejected() {
        let patch = Method::PATCH;
        assert_eq!(scapi_at(&patch, CUSTOMER, ""), Ok(()));
        assert_eq!(scapi_at(&Method::DELETE, CUSTOMER, ""), Err(Refusal::Method));
        assert_eq!(scapi_at(&Method::POST, PRODUCTS, ""), Err(Refusal::Method));
        let spelt = PRODUCTS.replace("shopper-products", "Shopper-Products");
        assert_eq!(scapi_at(&Method::POST, &spelt, ""), Err(Refusal::Method));
        assert_eq!(scapi_at(&Method::TRACE, CUSTOMER, ""), Err(Refusal::Method));
    }

    #[test]
    fn attack_49_no_spelling_of_a_path_deletes_a_customer() {
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
    fn ocapi_parameters_that_change_the_kind_of_a_request_are_rejected() {
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
