//! Typed clients of SLAS, OCAPI and SCAPI, which share one sender.

use std::net::IpAddr;
use std::time::Duration;

pub mod api_rejections;
mod breaker;
pub mod http;
pub mod jwks;
pub mod ocapi;
pub mod refresh_limit;
pub mod refresh_rejections;
pub mod scapi;
pub mod single_flight;
pub mod slas;
pub mod verifier;

/// What all calls for one browser request have in common.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Sent as `correlation-id`, to find the request in the platform's logs.
    pub correlation_id: String,
    /// The shopper's do-not-track choice.
    pub dnt: Option<bool>,
    /// The shopper's IP address.
    pub client: Option<IpAddr>,
}

/// The whole seconds after which `wait` is over, as in `Retry-After`.
pub(crate) fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)
}
