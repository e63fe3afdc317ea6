//! Tandem.

pub mod clock;
#[cfg(feature = "sandbox")]
pub mod sandbox;
