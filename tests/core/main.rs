//! Walks the pure core exhaustively: every combination of facts, every response to every call.
//!
//! [`facts`] has the sample values and enumerates the starts, [`walk`] follows every path, and
//! [`promises`] checks the promises on each of them. [`reconcile`] does the same for the responses of
//! ECOM and of a Head. [`table`] prints the decisions that a person has to review. [`set_cookie`] and
//! [`next_request`] test what a decision does to a browser's cookies.

mod accept_tokens;
mod after;
mod browser;
mod call_limits;
mod describe;
mod facts;
mod generators;
mod login_logout;
mod next_request;
mod page_cookies;
mod planted;
mod platform;
mod promises;
mod reconcile;
mod responses;
mod session_bridge;
mod set_cookie;
mod table;
mod walk;
