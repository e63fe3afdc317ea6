//! Paths of an ECOM instance that are not part of the shop.
//!
//! One host serves the pages of all sites of the instance, its APIs and Business Manager, and only
//! the path distinguishes them. A route to ECOM is for the pages and files of this host's sites.

use super::readings;
use super::{Kind, Route};

/// Whether some reading of `path` leads to the instance outside the shop, and no rule of the operator
/// names that path. `is_own` tests whether ECOM serves the site with an id here.
pub fn is_reached(route: &Route, path: &str, is_own: impl Fn(&str) -> bool) -> bool {
    if route.kind != Kind::Ecom {
        return false;
    }
    let opened = route.is_rule && is_outside(&route.prefix, &is_own);
    let named = |reading: &str| opened && readings::is_below(reading, &route.prefix);
    readings::any(path, |reading| is_outside(reading, &is_own) && !named(reading))
}

/// The id of the site whose pages, files or API `path` leads to, as ECOM writes it. A path in another
/// spelling names none.
#[must_use]
pub fn named_site(path: &str) -> Option<&str> {
    let mut segments = path.strip_prefix('/')?.split('/');
    match (segments.next()?, segments.next()?) {
        ("s", site) => (!site.is_empty()).then_some(site),
        ("on", "demandware.store" | "demandware.static") => site_id(segments.next()?),
        _ => None,
    }
}

/// Whether `reading` is a path of the instance that is neither a page nor a file of one of our sites.
fn is_outside(reading: &str, is_own: &impl Fn(&str) -> bool) -> bool {
    let mut segments = reading.split('/').filter(|segment| !segment.is_empty());
    let mut next = || segments.next().unwrap_or_default();
    match next() {
        // Where the host is mapped to one site, the APIs are at the root too.
        first if equals(first, "dw") => !equals(next(), "image"),
        first if equals(first, "s") => {
            let (site, api) = (next(), next());
            (!site.is_empty() && !is_own(site)) || (equals(api, "dw") && !equals(next(), "image"))
        }
        first if equals(first, "on") => {
            let (servlet, realm) = (next(), next());
            let own = realm.is_empty() || site_id(realm).is_some_and(is_own);
            match servlet {
                "" => false,
                servlet if equals(servlet, "demandware.store") => {
                    !own && (is_sites_realm(realm) || realm == "-")
                }
                // Catalogs and libraries, which sites share, are below `-`.
                servlet if equals(servlet, "demandware.static") => !own && is_sites_realm(realm),
                _ => true,
            }
        }
        _ => false,
    }
}

fn equals(segment: &str, name: &str) -> bool {
    segment.eq_ignore_ascii_case(name)
}

fn is_sites_realm(realm: &str) -> bool {
    realm.get(.."Sites".len()).is_some_and(|start| equals(start, "Sites"))
}

/// `Sites-RefArch-Site` → `RefArch`. Business Manager is `Sites-Site`.
fn site_id(realm: &str) -> Option<&str> {
    let (start, rest) = realm.split_at_checked("Sites-".len())?;
    let (id, end) = rest.split_at_checked(rest.len().checked_sub("-Site".len())?)?;
    (equals(start, "Sites-") && equals(end, "-Site")).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::route::path::{EncodedSlash, is_plain};

    fn is_own(id: &str) -> bool {
        id.eq_ignore_ascii_case("RefArch")
    }

    fn reached(path: &str) -> bool {
        is_reached(&Route::new("/", Kind::Ecom, Duration::ZERO), path, is_own)
    }

    /// Paths of the instance, in segments.
    const OUTSIDE: [&[&str]; 9] = [
        &["s", "RefArch", "dw", "shop", "v24_5", "customers", "auth"],
        &["s", "RefArch", "dw", "data", "v24_5"],
        &["s", "-", "dw", "data", "v24_5", "sites"],
        &["s", "Other", "cart"],
        &["dw", "shop", "v24_5", "sessions"],
        &["on", "demandware.store", "Sites-Site", "default", "ViewApplication-Login"],
        &["on", "demandware.store", "Sites-Other-Site", "en_US", "Cart-Show"],
        &["on", "demandware.servlet", "webdav", "Sites"],
        &["on", "demandware.static", "Sites-Other-Site", "-", "x.css"],
    ];

    #[test]
    fn pages_and_files_of_the_shop_are_not_outside_it() {
        for path in [
            "/",
            "/cart",
            "/dwell/on/s",
            "/s/RefArch/dwell",
            "/s/RefArch/brands/dw/x",
            "/dw/image/v2/ZZTE_PRD/on/demandware.static/-/Sites-catalog-m/default/x.jpg",
            "/on/demandware.store/Sites-RefArch-Site/en_US/Product-Show",
            "/on/demandware.static/-/Sites-catalog-m/default/x.jpg",
            "/on/demandware.static/Sites-RefArch-Site/-/en_US/v1/main.css",
        ] {
            assert!(!reached(path), "{path}");
        }
    }

    #[test]
    fn kind_3_a_path_of_ecom_names_its_site() {
        for (path, site) in [
            ("/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show", Some("RefArch")),
            ("/on/demandware.store/Sites-Ref-Arch-Site", Some("Ref-Arch")),
            ("/on/demandware.static/Sites-RefArch-Site/-/en_US/v1/main.css", Some("RefArch")),
            ("/s/RefArch/mens", Some("RefArch")),
            ("/s/RefArch", Some("RefArch")),
            ("/on/demandware.static/-/Sites-catalog-m/default/x.jpg", None),
            ("/on/demandware.store/Sites-Site/default/ViewApplication-Login", None),
            ("/on/demandware.store/Sites-RefArch%2DSite/en_US", None),
            ("/s/", None),
            ("/cart/s/RefArch", None),
            ("", None),
        ] {
            assert_eq!(named_site(path), site, "{path}");
        }
    }

    #[test]
    fn only_a_rule_opens_a_path_and_only_the_one_it_names() {
        let path = "/s/RefArch/dw/shop/v24_5/products/1";
        let listed = Route::new("/s/RefArch/dw/", Kind::Ecom, Duration::ZERO);
        assert!(is_reached(&listed, path, is_own));
        let rule = Route { is_rule: true, ..listed };
        assert!(!is_reached(&rule, path, is_own));
        let wide = Route { is_rule: true, ..Route::new("/s/", Kind::Ecom, Duration::ZERO) };
        assert!(is_reached(&wide, path, is_own));
    }

    /// A byte unchanged, in the other case, or encoded once or twice.
    fn spell(byte: u8, variant: u8) -> String {
        let other = if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte };
        match variant {
            0 => format!("%{byte:02x}"),
            1 => format!("%{byte:02X}"),
            2 => format!("%25{byte:02x}"),
            3 => format!("%{other:02X}"),
            4 => char::from(other).to_string(),
            _ => char::from(byte).to_string(),
        }
    }

    const ENDINGS: [&str; 8] = ["", "", "", ";", ";x=1", ".", "%20", "%3By"];

    proptest! {
        #[test]
        fn promise_18_every_spelling_of_a_path_outside_the_shop_is_rejected(
            (path, variants, endings) in (0..OUTSIDE.len()).prop_flat_map(|at| {
                let length = OUTSIDE[at].iter().map(|segment| segment.len()).sum::<usize>();
                let variants = prop::collection::vec(0u8..16, length);
                (Just(at), variants, prop::collection::vec(0..ENDINGS.len(), OUTSIDE[at].len()))
            })
        ) {
            let mut variants = variants.into_iter();
            let mut text = String::new();
            for (segment, ending) in OUTSIDE[path].iter().zip(endings) {
                text.push('/');
                let bytes = segment.bytes().zip(variants.by_ref());
                text.extend(bytes.map(|(byte, variant)| spell(byte, variant)));
                text.push_str(ENDINGS[ending]);
            }
            let plain = is_plain(text.as_bytes(), EncodedSlash::Refused);
            prop_assert!(!plain || reached(&text), "{}", text);
        }
    }
}
