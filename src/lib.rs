//! Tandem.

pub mod clock;
pub mod config;
pub mod drive;
pub mod flow;
pub mod ids;
pub mod metrics;
pub mod retired;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod session;
pub mod site;
pub mod timestamp;
pub mod upstream;
