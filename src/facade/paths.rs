//! Paths that mean the same to everybody who may read them.
//!
//! A path is judged here and forwarded as the same octets, but an upstream may decode it, resolve
//! its dots or drop a slash before it routes. One that would then be another path is refused.

/// Times a path is decoded before it counts as a trick.
const ROUNDS: usize = 3;

/// Whether every reader takes `path` for the same sequence of segments.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    let Some(inner) = path.strip_prefix('/') else { return false };
    inner.split('/').all(is_plain_segment)
}

/// Whether no reader takes `segment` for more or less than one segment of its own.
fn is_plain_segment(segment: &str) -> bool {
    let mut text = segment.to_owned();
    for _ in 0..ROUNDS {
        if !is_harmless(&text) {
            return false;
        }
        let bytes = percent_encoding::percent_decode_str(&text);
        let Ok(decoded) = bytes.decode_utf8() else { return false };
        if decoded == text {
            return true;
        }
        text = decoded.into_owned();
    }
    false
}

fn is_harmless(segment: &str) -> bool {
    // `..;x` is a parent segment to servers that know path parameters.
    let name = segment.split(';').next().unwrap_or_default();
    let separates = |c: char| matches!(c, '/' | '\\' | '#' | '?') || c.is_control();
    !matches!(name, "" | "." | "..") && !segment.contains(separates) && is_well_encoded(segment)
}

/// Every `%` begins an octet. A stray one is taken literally by some and refused by others.
fn is_well_encoded(segment: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = segment.as_bytes();
    let stray = |(at, byte): (usize, &u8)| {
        *byte == b'%' && !(is_hex(bytes.get(at + 1)) && is_hex(bytes.get(at + 2)))
    };
    !bytes.iter().enumerate().any(stray)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_are_plain() {
        for path in [
            "/product/shopper-products/v1/organizations/f_ecom_zzte_053/products/701643%2C1",
            "/s/RefArch/dw/shop/v24_5/products/a.b~c_d-e",
            "/customers/jo%40example.com",
        ] {
            assert!(is_plain(path), "{path}");
        }
    }

    #[test]
    fn attack_44_a_path_that_may_be_read_as_another_is_not_plain() {
        for path in [
            "",
            "token",
            "/",
            "/a/",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/a/%2e%2e/b",
            "/a/%2E/b",
            "/a/..;x=1/b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00b",
            "/a/%252e%252e/b",
            "/a%252fb",
            "/a/%25252e%25252e/b",
            "/a%zz",
            "/a%",
            "/a%ff",
            "/a%3fb",
            "/a%23b",
            "/a/;x/b",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_plain_has_the_same_segments_however_often_it_is_decoded(
            path in "(/[a-z%0-9A-F.;]{0,9}){1,4}"
        ) {
            if is_plain(&path) {
                let segments = path.split('/').count();
                let mut text = path.clone();
                for _ in 0..4 {
                    let decoded = percent_encoding::percent_decode_str(&text);
                    text = decoded.decode_utf8_lossy().into_owned();
                    prop_assert_eq!(text.split('/').count(), segments);
                    prop_assert!(!text.split('/').any(|segment| segment == ".."));
                }
            }
        }
    }
}
