//! Contracts: the bytes Tandem sends to its upstreams, every response they may send, the
//! configuration, the command line, the dependencies between the modules, what logs must not
//! contain, the numbers of test names, and the names of metrics and log fields.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as loudly as the test")]

mod catalogues;
mod cli;
mod config;
mod image;
mod layering;
mod logs;
mod ocapi;
mod operations;
mod pages;
mod scapi;
mod slas;
mod support;
mod token_verification;
