//! Typed clients of SLAS, OCAPI and SCAPI behind one shared sender.

use std::net::IpAddr;

pub mod allowance;
mod breaker;
pub mod flight;
pub mod http;
pub mod keys;
pub mod ocapi;
pub mod scapi;
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
