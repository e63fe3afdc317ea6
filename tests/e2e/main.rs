//! End-to-end tests: a browser, Tandem on a real listener, and the simulated platform as the oracle.
//!
//! A test starts a [`testkit::Scenario`] and drives a [`testkit::Browser`]. After *every* response
//! the browser checks the promises that hold everywhere: its cookies name one shopper, responses
//! that set cookies are not stored, deletions come before writes, no response of ours contains a
//! secret, and tokens are deleted only by a logout or with an error.

mod api;
mod bridge;
mod caching;
mod cost;
mod devices;
mod ecom;
mod ecom_first;
mod ecom_login;
mod faults;
mod first_click;
mod forward_auth;
mod go;
mod handoff;
mod landing;
mod late_requests;
mod login;
mod logout;
mod logout_sticks;
mod long_tokens;
mod outages;
mod own_tokens;
mod password_change;
mod planted_cookies;
mod planted_dw_sessions;
mod planted_paths;
mod preview;
mod profiles;
mod pwa_kit;
mod races;
mod refused_refresh;
mod replicas;
mod returning;
mod route_rules;
mod session_route;
mod slas_allowlist;
mod storefront_next;
