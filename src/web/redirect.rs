//! May a browser be redirected to that path? Pure rules.

/// Longest path of a redirect, in bytes.
const LONGEST_PATH: usize = 2048;

/// `text`, if it is a path of this site: it cannot lead to another origin or to our own routes, and
/// cannot inject a header.
pub(crate) fn local_path(text: &str) -> Option<&str> {
    let is_valid = text.len() <= LONGEST_PATH
        && text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let plain = decoded(path)?;
    // A lenient decoder, a browser or an upstream may read these differently.
    let ambiguous = plain.contains("//")
        || plain.contains('\\')
        || plain.bytes().any(|byte| byte <= b' ' || byte == 0x7F)
        || plain.split('/').any(|segment| {
            let name = segment.split(';').next().unwrap_or_default();
            name == ".." || name == "."
        });
    let own = plain.split('/').any(|segment| segment.eq_ignore_ascii_case("bff"));
    (is_valid && !ambiguous && !own && !path.starts_with("/;")).then_some(text)
}

/// Percent-decodes until nothing changes. No honest path takes more than three rounds.
fn decoded(path: &str) -> Option<String> {
    let mut text = path.to_owned();
    for _ in 0..3 {
        let once = percent_encoding::percent_decode_str(&text).decode_utf8().ok()?.into_owned();
        if once == text {
            return Some(text);
        }
        text = once;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attacks_32_to_35_only_a_path_of_this_site_is_a_redirect_target() {
        for hostile in [
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\/\\/evil.test",
            "/%09/evil.test",
            "/%0a/evil.test",
            "/%2F%2Fevil.test",
            "/.//evil.test",
            "/./\\evil.test",
            "https:evil.test",
            "https://shop.test@evil.test",
            "https://evil.test#shop.test",
            "javascript:alert(1)",
            "data:text/html,x",
            "／／evil.test",
            "/;@evil.test",
            "/%252F%252Fevil.test",
            "/%25252F%25252Fevil.test",
            "/%2525252F/evil.test",
            "/a/%2e%2e/b",
            "/a/..;/b",
            "/bff/logout",
            "/de/bff/login?return_to=/",
            "/%62ff/logout",
            "/a%0d%0aSet-Cookie:%20x=1",
            "/a b",
            "",
            "cart",
            "/%ff",
        ] {
            assert_eq!(local_path(hostile), None, "{hostile}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(10_000))), None);
    }

    #[test]
    fn ordinary_paths_are_accepted_unchanged() {
        for path in ["/", "/cart", "/s/RefArch/search?q=caf%C3%A9&x=//y", "/p/100%25-wool", "/a#b"]
        {
            assert_eq!(local_path(path), Some(path));
        }
    }

    proptest! {
        #[test]
        fn every_accepted_path_stays_on_this_origin(text in "\\PC{0,60}") {
            if let Some(path) = local_path(&text) {
                let base = url::Url::parse("https://shop.test/x").unwrap();
                prop_assert_eq!(base.join(path).unwrap().origin(), base.origin());
            }
        }
    }
}
