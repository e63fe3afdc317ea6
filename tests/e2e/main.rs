//! Journeys: a browser that behaves like one, Tandem on a real listener, and the simulated
//! platform as the oracle.
//!
//! [`support`] is the small language the tests speak: a world to build, a browser with a cookie
//! jar, expectations that point at the line that expected. After *every* answer the browser itself
//! holds the promises that need no test of their own: its cookies name one shopper, answers that
//! set cookies are not stored, deletions come first, and no answer of ours tells a secret.

mod api;
mod bridge;
mod caching;
mod cost;
mod ecom;
mod ecom_first;
mod ecom_login;
mod faults;
mod forward_auth;
mod go;
mod handoff;
mod identity;
mod landing;
mod login;
mod logout;
mod logout_sticks;
mod outages;
mod planted_cookies;
mod preview;
mod profiles;
mod races;
mod returning;
mod route_rules;
mod session_route;
mod slas_allowlist;
