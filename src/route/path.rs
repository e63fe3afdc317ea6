//! Paths that all programs read alike.
//!
//! Tandem matches a path and an upstream parses it again; most vulnerabilities of gateways come from
//! a difference between the two. Nothing is normalised: a path that can be read in two ways is
//! rejected, and every other one is forwarded as the same bytes.

/// How an upstream may read an encoded slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedSlash {
    /// Part of a name, and so may be an encoded backslash: the names and ids of the APIs.
    InName,
    /// Part of a name: the Head decides.
    Part,
    /// Perhaps a separator: rejected.
    Refused,
}

/// Whether all programs read `path` (without its query) alike.
///
/// Rejected are: anything but printable ASCII; a backslash, also an encoded one unless that is part of
/// a name; a leading or inner `//`; `.` and `..` as segments, with or without `;parameters` or spaces,
/// whichever slash separates them; percent signs without two hexadecimal digits; overlong UTF-8, and UTF-8 for code points that are not characters; and any of these in
/// the path decoded once or twice. Bytes that are no UTF-8 at all pass: shops have old links in
/// Latin-1.
#[must_use]
pub fn is_plain(path: &[u8], encoded_slash: EncodedSlash) -> bool {
    if path.first() != Some(&b'/') || !path.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    if !path.contains(&b'%') {
        return !is_ambiguous(path);
    }
    let mut text = path.to_vec();
    // A path that is encoded more than twice is rejected.
    for round in 0..3 {
        let decoded = decode(&text);
        let slash = decoded.slash && encoded_slash == EncodedSlash::Refused;
        if is_ambiguous(&text) || slash || (decoded.broken && round == 0) {
            return false;
        }
        if decoded.text == text {
            return true;
        }
        text = decoded.text;
        if encoded_slash == EncodedSlash::InName {
            // From now on a backslash was encoded. As a separator, it must be as harmless as a slash.
            slash_backslashes(&mut text);
        }
    }
    false
}

fn slash_backslashes(text: &mut [u8]) {
    for byte in text.iter_mut().filter(|byte| **byte == b'\\') {
        *byte = b'/';
    }
}

/// Whether `text` has a dot segment, an empty segment before another, or a byte that no name has.
fn is_ambiguous(text: &[u8]) -> bool {
    let is_dot_segment = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        // Windows drops the spaces.
        matches!(name.trim_ascii_end(), b"." | b"..")
    };
    text.windows(2).any(|pair| pair == b"//")
        || text.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control())
        || (0..text.len()).any(|at| is_forbidden_utf8(&text[at..]))
        || text.split(|byte| *byte == b'/').any(is_dot_segment)
}

/// Whether `text` begins with a sequence that UTF-8 forbids (RFC 3629 section 3) but lenient decoders
/// read as a character: an overlong one, which they may read as a slash; half of a surrogate pair; or
/// one beyond the last code point.
fn is_forbidden_utf8(text: &[u8]) -> bool {
    matches!(
        text,
        [0xC0 | 0xC1 | 0xF5.., ..]
            | [0xE0, 0x80..=0x9F, ..]
            | [0xF0, 0x80..=0x8F, ..]
            | [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..]
            | [0xF4, 0x90..=0xBF, 0x80..=0xBF, 0x80..=0xBF, ..]
    )
}

struct Decoded {
    text: Vec<u8>,
    /// Whether a decoded byte was a slash.
    slash: bool,
    /// Whether a percent sign has no two hexadecimal digits; it stays unchanged.
    broken: bool,
}

fn decode(text: &[u8]) -> Decoded {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Decoded { text: Vec::with_capacity(text.len()), slash: false, broken: false };
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let encoded = match (byte, hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        decoded.text.push(encoded.unwrap_or(*byte));
        decoded.slash |= encoded == Some(b'/');
        decoded.broken |= *byte == b'%' && encoded.is_none();
        at += if encoded.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(path: &str) -> bool {
        is_plain(path.as_bytes(), EncodedSlash::Refused)
    }

    #[test]
    fn attacks_39_and_40_an_ambiguous_path_is_rejected() {
        for path in [
            "/api/../bff/x",
            "/api/%2e%2e/on/demandware.store/x",
            "/api/%2E./x",
            "/api/%252e%252e/x",
            "/api/%25252e%25252e/x",
            "/100%25/%252e%252e/x",
            "/api/..;/x",
            "/api/..;a=b/x",
            "/api/./x",
            "/api/..",
            "/api\\..\\x",
            "/api/%5c..",
            "/api/%5Cx",
            "//api/x",
            "/api//x",
            "/api/x%00.png",
            "/api/x%0d%0aSet-Cookie:%20x=1",
            "/static/..%2fapi/x",
            "/static%2fx",
            "/static%252fx",
            "/static/%c0%ae%c0%ae/x",
            "/static/%c0%afx",
            "/%e0%80%af",
            "/%E0%80o",
            "/%e0%9f%bf",
            "/%f0%80%80%af",
            "/%f0%8f%bf%bf",
            "/%25e0%2580%25af",
            "/%ed%a0%80",
            "/%ed%bf%bf",
            "/%f4%90%80%80",
            "/%f7%bf%bf%bf",
            "/api/..%20/x",
            "/api/.%20;x/y",
            "/api/%",
            "/api/%4",
            "/api/%zz",
            "/api/%u002e%u002e/x",
            "api/x",
            "",
            "*",
        ] {
            assert!(!plain(path), "{path}");
        }
        assert!(!is_plain("/caf\u{e9}".as_bytes(), EncodedSlash::Part));
    }

    #[test]
    fn ordinary_paths_are_plain() {
        for path in [
            "/",
            "/api/x;.png",
            "/API/x",
            "/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show",
            "/s/RefArch/mens/clothing/suits/",
            "/caf%C3%A9/%F0%9F%8E%BD",
            "/caf%E9",
            "/d%E9j%E0/vu",
            "/d%E9j%E0%A0vu/aqu%ED%BB/d%F4me%F0",
            "/%E0%A0%80%ED%9F%BF%EE%80%80%F0%90%80%80%F4%8F%BF%BF",
            "/a.b/..c/d..",
            "/100%25-cotton",
            "/%7Euser/'x'/(y)/!$&,=:@",
        ] {
            assert!(plain(path), "{path}");
        }
    }

    #[test]
    fn a_head_may_have_encoded_slashes_in_names_but_no_dot_segments() {
        let head = |path: &str| is_plain(path.as_bytes(), EncodedSlash::Part);
        assert!(head("/product/a%2Fb") && head("/100%25"));
        assert!(!head("/static/..%2fapi/x") && !head("/a%2F%2Fb") && !head("/%252e%252e%252fx"));
    }

    #[test]
    fn kind_4_names_of_an_api_may_have_both_slashes_but_no_dot_segments() {
        let name = |path: &str| is_plain(path.as_bytes(), EncodedSlash::InName);
        for path in
            ["/x/Home%20%2F%20Office", "/x/c%2Fo%20Mum", "/x/AB%2F12-3", "/x/a%5Cb", "/x/a%255Cb"]
        {
            assert!(name(path), "{path}");
        }
        for path in [
            "/x/..%2Fy",
            "/x/..%5Cy",
            "/x/a%5C..%5Cy",
            "/x/a%5C..%2Fy",
            "/x/a%255C..%255Cy",
            "/x/%2Fy",
            "/x/%5Cy",
            "/x/a%5C%5Cb",
            "/x/a%2F%5Cb",
            "/x/a%5C.;z%5Cb",
            "/x/a\\b",
            "/x/a%2F",
        ] {
            assert_eq!(name(path), path == "/x/a%2F", "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_causes_a_panic_and_no_plain_path_has_dot_segments(path in "/[ -~]{0,40}") {
            if plain(&path) {
                let decoded = percent_encoding::percent_decode_str(&path).collect::<Vec<u8>>();
                let decoded = String::from_utf8_lossy(&decoded).into_owned();
                prop_assert!(!decoded.split('/').any(|segment| segment == ".." || segment == "."));
                prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
            }
        }
    }
}
