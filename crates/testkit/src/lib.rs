//! What the tests and benchmarks have in common.
//!
//! - [`ShopConfig`] writes configurations; [`Scenario`] describes a shop and [`World`] runs it: the
//!   simulated platform with Tandem before it, on loopback, on one clock.
//! - [`Browser`] sends requests as a browser does, keeps cookies, and checks the promises after
//!   every response.
//! - [`RawRequest`] and [`Connection`] exchange bytes, checked by nothing.
//! - [`Head`], [`FixedHead`] and [`ScriptedHead`] stand in for the storefront,
//!   [`StorefrontNext`] imitates one, [`Server`] is the
//!   real binary, and [`stop_time`] gives the test the clock.
#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a helper of a test may fail as loudly as the test, and is always used by one"
)]

mod browser;
mod config;
mod connection;
mod head;
mod jar;
mod page;
mod process;
mod promises;
mod raw;
mod request;
mod response;
mod scenario;
mod storefront_next;
mod time;
mod world;

pub use browser::Browser;
pub use config::{
    CLIENT, HOST, ORGANIZATION, ORIGIN, REDIRECT_URI, SITE, ShopConfig, free_address,
};
pub use connection::Connection;
pub use head::{FixedHead, Head, ScriptedHead};
pub use page::{Page, TokenClaims};
pub use process::{Output, Program, Server};
pub use raw::{Cookies, RawRequest, get, post, request};
pub use request::PendingRequest;
pub use response::{HeaderSection, RawResponse};
pub use scenario::{Client, DwSession, JO, Mode, PASSWORD, SAM, Scenario, Time, slas_keys};
pub use storefront_next::StorefrontNext;
pub use time::{StoppedTime, settle, stop_time};
pub use world::{World, start_platform};

/// The path of a controller page, in the only locale of the simulated shop.
pub fn controller(name: &str) -> String {
    format!("/on/demandware.store/Sites-RefArch-Site/en_US/{name}")
}
