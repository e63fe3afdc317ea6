//! What the SLAS façade and the API proxies let through: pure rules, no I/O.
//!
//! A client of the shipped SDKs calls SLAS below `/mobify/slas/private` or `/mobify/slas/public`,
//! SCAPI below `/mobify/proxy/api` and OCAPI below `/mobify/proxy/ocapi`. Only what is on a list
//! here goes on: [`operations`] names the calls of SLAS, [`parameters`] what they may say,
//! [`body`] what a script may read of the answer, and [`apis`] which addresses of the APIs are
//! those of the own organisation and site.

pub mod commerce_apis;
pub mod redact;
pub mod slas_operations;
pub mod slas_parameters;

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not on the list, or of another organisation or site.
    Forbidden,
    /// On the list, but not with this method.
    Method,
    /// It contradicts itself or the site's settings; the text says what is wrong.
    Malformed(&'static str),
}
