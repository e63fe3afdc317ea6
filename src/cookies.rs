//! Cookies, read and written.
//!
//! A request's cookies become [`RequestCookies`](request_cookies::RequestCookies); with our own sealed
//! [`SealedState`](sealed_state::SealedState) and the time they become [`Facts`](crate::flow::Facts)
//! ([`facts`]); what the flow decides goes back to the browser through [`set_cookie`], the only
//! writer of `Set-Cookie`. Pure: no clock, no I/O, no async.

pub mod dw_cookies;
pub mod facts;
pub mod logged_out;
pub mod ownership;
pub mod preview;
pub mod profiles;
pub mod request_cookies;
pub mod response_cookies;
pub mod sealed_state;
pub mod set_cookie;
