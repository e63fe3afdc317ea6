//! Tandem.

pub mod clock;
pub mod config;
pub mod flow;
pub mod ids;
pub mod metrics;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod session;
pub mod timestamp;
pub mod upstream;
