//! Reads and writes cookies.
//!
//! [`RequestCookies`](request_cookies::RequestCookies) holds the cookies of a request. [`facts`]
//! derives the [`Facts`](crate::flow::Facts) from them, from Tandem's own
//! [`SealedState`](sealed_state::SealedState) and from the time. [`set_cookie`], the only writer of
//! `Set-Cookie`, carries the decision of the flow to the browser. Pure: no clock, no I/O, no async.

pub mod dw_cookies;
pub mod facts;
pub mod key_ring;
pub mod logged_out;
pub mod ownership;
pub mod preview;
pub mod profiles;
pub mod request_cookies;
pub mod response_cookies;
pub mod sealed_state;
pub mod set_cookie;
mod token_pieces;
