//! The pure core, walked exhaustively: every combination of facts, every answer to every question.
//!
//! [`facts`] makes the sample values and enumerates the starts, [`walk`] follows every path,
//! [`promises`] holds the promises against each of them, [`heeding`] does the same for what ECOM says by its answers, [`table`] prints the ones a human should
//! have read, and [`writing`] and [`again`] look at what an ending does to a browser's cookies.

mod again;
mod answers;
mod bridging_over;
mod browser;
mod facts;
mod heeding;
mod limits;
mod planted;
mod platform;
mod promises;
mod receiving;
mod signing;
mod table;
mod thrown;
mod walk;
mod words;
mod writing;
