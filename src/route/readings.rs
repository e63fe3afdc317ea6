//! The readings of a path: how an upstream may interpret it.
//!
//! A path is forwarded as the same bytes. The upstream may still decode it, once or several times,
//! drop the parameters that follow a `;`, merge slashes, drop trailing dots and spaces (as Windows
//! does), and ignore case. A rule that protects a path must hold for each of these readings.

/// A path with more readings is [rejected](are_bounded): a usual one has a few.
const MAX_READINGS: usize = 256;

/// Whether `test` holds for any reading of `path`, which must be [plain](super::path::is_plain):
/// first for the path itself, then for its decoded and shortened forms. `test` decides about case,
/// see [`is_below`]. A path with a single reading costs no allocation.
pub fn any(path: &str, mut test: impl FnMut(&str) -> bool) -> bool {
    test(path) || (!is_literal(path) && others(path).iter().any(|reading| test(reading)))
}

/// Whether [`any`] tests all readings of `path`. A path with more of them is to be rejected.
#[must_use]
pub fn are_bounded(path: &str) -> bool {
    is_literal(path) || others(path).len() + 1 < MAX_READINGS
}

/// Whether `reading` is `prefix` or below it, ignoring ASCII case. `prefix` consists of whole
/// segments.
#[must_use]
pub fn is_below(reading: &str, prefix: &str) -> bool {
    let Some((start, rest)) = reading.as_bytes().split_at_checked(prefix.len()) else {
        return false;
    };
    let whole = prefix.ends_with('/') || matches!(rest.first(), None | Some(b'/'));
    whole && start.eq_ignore_ascii_case(prefix.as_bytes())
}

/// The shortest reading of `path`, in which everything is decoded and removed that may be: the form
/// in which the path of a rule is compared.
#[must_use]
pub fn shortest(path: &str) -> String {
    others(path).into_iter().min_by_key(String::len).unwrap_or_else(|| path.to_owned())
}

/// Whether there is nothing in `path` to decode, drop or merge.
fn is_literal(path: &str) -> bool {
    let bytes = path.as_bytes();
    let ends_segment = |at: usize| matches!(bytes.get(at + 1), None | Some(b'/'));
    !bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'%' | b';' => true,
        b'.' => ends_segment(at),
        b'/' => bytes.get(at + 1) == Some(&b'/'),
        _ => false,
    })
}

/// All other readings: each change applied to each result, since the upstream's order is unknown.
fn others(path: &str) -> Vec<String> {
    let mut readings = vec![path.to_owned()];
    let mut at = 0;
    while let Some(reading) = readings.get(at).cloned() {
        for change in [decoded, slashed, without_parameters, trimmed, in_ascii] {
            let changed = change(&reading);
            if readings.len() < MAX_READINGS && !readings.contains(&changed) {
                readings.push(changed);
            }
        }
        at += 1;
    }
    readings.remove(0);
    readings
}

fn decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// `/a\b` → `/a/b`. Only an encoded backslash gets this far.
fn slashed(path: &str) -> String {
    path.replace('\\', "/")
}

/// `/a;x=1/b;y` → `/a/b`.
fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    names.collect::<Vec<_>>().join("/")
}

/// `path` without dots and spaces at the end of segments, and without empty segments inside.
fn trimmed(path: &str) -> String {
    let mut trimmed = String::with_capacity(path.len());
    for segment in path.split('/').map(|segment| segment.trim_end_matches(['.', ' '])) {
        if !segment.is_empty() {
            trimmed.push('/');
            trimmed.push_str(segment);
        }
    }
    if path.ends_with('/') || trimmed.is_empty() {
        trimmed.push('/');
    }
    trimmed
}

/// `path` with an ASCII letter in place of each letter that case folding turns into one, such as the
/// Kelvin sign.
fn in_ascii(path: &str) -> String {
    path.chars().map(|letter| ascii_of(letter).unwrap_or(letter)).collect()
}

fn ascii_of(letter: char) -> Option<char> {
    let only = |mut folded: [Option<char>; 2]| folded[0].take().filter(|_| folded[1].is_none());
    let (mut lower, mut upper) = (letter.to_lowercase(), letter.to_uppercase());
    let folded = [only([lower.next(), lower.next()]), only([upper.next(), upper.next()])];
    folded.into_iter().flatten().find(char::is_ascii).filter(|_| !letter.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_as(path: &str, other: &str) -> bool {
        any(path, |reading| is_below(reading, other))
    }

    #[test]
    fn decoded_shortened_merged_and_case_folded_paths_are_readings() {
        for path in [
            "/checkout",
            "/CheckOut/pay",
            "/%63heckout",
            "/%2563heckout",
            "/checkout;x=1",
            "/checkout%3Bx",
            "/checkout.",
            "/checkout.../",
            "/checkout%20",
            "/checkout%20.;x/pay",
            "/;x/checkout",
            "/;a%2Fb/%63heckout",
            "/chec%E2%84%AAout",
            "/checkout%5Cpay",
            "/;x%5C%63heckout",
        ] {
            assert!(reads_as(path, "/checkout"), "{path}");
        }
        for path in ["/checkouts", "/check", "/a/checkout", "/%2563heckouts", "/checkout-x"] {
            assert!(!reads_as(path, "/checkout"), "{path}");
        }
    }

    #[test]
    fn an_encoded_slash_in_a_parameter_does_not_hide_the_rest_of_the_path() {
        assert!(reads_as("/checkout;a%2Fb/%70ay", "/checkout/pay"));
        assert!(reads_as("/a;b%2Fcheckout", "/a/checkout"));
    }

    #[test]
    fn a_path_with_a_single_reading_is_tested_once() {
        for path in ["/", "/cart", "/Cart/Show.html", "/a.b/..c/d", "/s/RefArch/x~y/"] {
            let mut count = 0;
            any(path, |_| {
                count += 1;
                false
            });
            assert_eq!(count, 1, "{path}");
        }
    }

    #[test]
    fn promise_12_a_path_with_too_many_readings_is_not_bounded() {
        let unusual = "/a%252E%253Bx/a./b;x/%3Bc/%2E%63d%2E/e%253Bf/i%25E2%2584%25AA/h%E2%84%AA";
        assert!(are_bounded(unusual) && are_bounded("/checkout"));
        let encoded_many_times = format!("/%{}41", "25".repeat(MAX_READINGS));
        assert!(!are_bounded(&encoded_many_times));
    }

    #[test]
    fn a_rule_may_be_written_in_any_spelling() {
        assert_eq!(shortest("/caf%C3%A9/"), "/caf\u{e9}/");
        assert_eq!(shortest("/Account"), "/Account");
    }
}
