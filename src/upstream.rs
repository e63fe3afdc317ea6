//! Typed clients of SLAS, OCAPI and SCAPI behind one shared sender.

use std::net::IpAddr;

mod breaker;
pub mod http;
pub mod jwks;
pub mod ocapi;
pub mod refresh_limit;
pub mod scapi;
pub mod single_flight;
pub mod slas;
pub mod verifier;

/// What every call of one browser request has in common.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Sent as `correlation-id`, so that a request can be followed through the platform's logs.
    pub correlation_id: String,
    /// The shopper's do-not-track choice.
    pub dnt: Option<bool>,
    /// The shopper's address.
    pub client: Option<IpAddr>,
}
