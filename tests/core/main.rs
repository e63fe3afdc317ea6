//! The pure core, walked exhaustively: every combination of facts, every answer to every question.
//!
//! [`facts`] makes the sample values and enumerates the starts, [`walk`] follows every path,
//! [`promises`] holds the promises against each of them, [`heeding`] does the same for what ECOM says by its answers, [`table`] prints the ones a human should
//! have read, and [`writing`] and [`again`] look at what an ending does to a browser's cookies.

mod accept_tokens;
mod after;
mod browser;
mod call_limits;
mod describe;
mod facts;
mod generators;
mod login_logout;
mod next_request;
mod planted;
mod platform;
mod promises;
mod reconcile;
mod responses;
mod session_bridge;
mod set_cookie;
mod table;
mod walk;
