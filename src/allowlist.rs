//! The rules of which calls the SLAS proxy and the API proxies forward, without any I/O.
//!
//! A client of the shipped SDKs calls SLAS below `/mobify/slas/private` or `/mobify/slas/public`,
//! SCAPI below `/mobify/proxy/api` and OCAPI below `/mobify/proxy/ocapi`. Only what is listed here
//! is forwarded: [`slas_operations`] has the calls of SLAS, [`slas_parameters`] their parameters,
//! [`redact`] what a script may read of the response, and [`commerce_apis`] the API addresses of
//! the site's own organisation and site.

use url::form_urlencoded;

pub(crate) mod commerce_apis;
pub(crate) mod redact;
pub(crate) mod slas_operations;
pub(crate) mod slas_parameters;

/// Why a request is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not on the list, or for another organisation or site.
    Forbidden,
    /// On the list, but not with this method.
    Method,
    /// The request contradicts itself or the site's settings; the text explains it.
    Malformed(&'static str),
}

/// The most parameters in a query or form; the longest known call has twelve.
const MAX_PAIRS: usize = 40;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 100;
/// The longest value, in bytes; by far the longest are access tokens and the JSON of a
/// passkey.
const LONGEST_VALUE: usize = 8192;

/// Names and values, in order.
pub(crate) type Pairs = Vec<(String, String)>;

/// The names and values of a query or a form; `None` if there are too many, or one is too long.
#[must_use]
pub(crate) fn pairs(text: &[u8]) -> Option<Pairs> {
    let pairs: Pairs = form_urlencoded::parse(text).into_owned().take(MAX_PAIRS + 1).collect();
    let fits = |(name, value): &(String, String)| {
        name.len() <= LONGEST_NAME && value.len() <= LONGEST_VALUE
    };
    (pairs.len() <= MAX_PAIRS && pairs.iter().all(fits)).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_or_too_long_parameters_are_rejected() {
        assert_eq!(pairs("a=1&".repeat(MAX_PAIRS + 1).as_bytes()), None);
        assert_eq!(pairs(format!("a={}", "x".repeat(LONGEST_VALUE + 1)).as_bytes()), None);
    }
}
