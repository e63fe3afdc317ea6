//! Paths that every program on the way reads alike.
//!
//! A path is judged here and read again by an upstream, and most holes of gateways come from the
//! two reading it differently. Nothing is normalised: a path that could be read in two ways is
//! refused, and every other one goes on as the same octets.

/// What an upstream may make of an encoded slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedSlash {
    /// Part of a name: the Head's own affair.
    Part,
    /// Perhaps a separator: refused.
    Refused,
}

/// Whether `path` (without its query) is read alike by everybody.
///
/// Refused are: anything but printable ASCII; a backslash; a leading or inner `//`; `.` and `..`
/// as segments, with or without `;parameters` or spaces; percent signs that begin no octet; UTF-8
/// that is longer than it must be, or stands for no character; and whatever of these comes to light
/// when the path is decoded, once or several times. What is no UTF-8 at all passes: shops have old
/// links in Latin-1.
#[must_use]
pub fn is_plain(path: &[u8], encoded_slash: EncodedSlash) -> bool {
    if path.first() != Some(&b'/') || !path.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    if !path.contains(&b'%') {
        return !is_confusing(path);
    }
    let mut text = path.to_vec();
    // Whoever encodes more than twice has something to hide.
    for round in 0..3 {
        let decoded = decode(&text);
        let slash = decoded.slash && encoded_slash == EncodedSlash::Refused;
        if is_confusing(&text) || slash || (decoded.broken && round == 0) {
            return false;
        }
        if decoded.text == text {
            return true;
        }
        text = decoded.text;
    }
    false
}

/// Whether a segment of `text` climbs, is empty in the middle, or holds what a name never does.
fn is_confusing(text: &[u8]) -> bool {
    let climbs = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        // Windows drops the spaces.
        matches!(name.trim_ascii_end(), b"." | b"..")
    };
    text.windows(2).any(|pair| pair == b"//")
        || text.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control())
        || (0..text.len()).any(|at| is_no_character(&text[at..]))
        || text.split(|byte| *byte == b'/').any(climbs)
}

/// Whether `text` begins with a form that UTF-8 forbids (RFC 3629 section 3) and careless decoders
/// take for a character: an overlong one, by which they get a slash; half of a pair of UTF-16; or
/// one past the last character.
fn is_no_character(text: &[u8]) -> bool {
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
    /// One of the decoded octets was a slash.
    slash: bool,
    /// A percent sign begins no octet; it stays as it is.
    broken: bool,
}

fn decode(text: &[u8]) -> Decoded {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Decoded { text: Vec::with_capacity(text.len()), slash: false, broken: false };
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let octet = match (byte, hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        decoded.text.push(octet.unwrap_or(*byte));
        decoded.slash |= octet == Some(b'/');
        decoded.broken |= *byte == b'%' && octet.is_none();
        at += if octet.is_some() { 3 } else { 1 };
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
    fn attacks_39_and_40_a_path_that_can_be_read_in_two_ways_is_refused() {
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
    fn the_head_may_have_slashes_in_names_but_nobody_climbs_by_them() {
        let head = |path: &str| is_plain(path.as_bytes(), EncodedSlash::Part);
        assert!(head("/product/a%2Fb") && head("/100%25"));
        assert!(!head("/static/..%2fapi/x") && !head("/a%2F%2Fb") && !head("/%252e%252e%252fx"));
    }

    proptest! {
        #[test]
        fn no_octets_can_panic_and_no_plain_path_climbs(path in "/[ -~]{0,40}") {
            if plain(&path) {
                let decoded = percent_encoding::percent_decode_str(&path).collect::<Vec<u8>>();
                let decoded = String::from_utf8_lossy(&decoded).into_owned();
                prop_assert!(!decoded.split('/').any(|segment| segment == ".." || segment == "."));
                prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
            }
        }
    }
}
