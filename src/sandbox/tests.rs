//! The strictness that others rely on: each test is named for the promise it keeps.

mod baskets;
mod controllers;
mod ecom_sign_in;
mod faults;
mod front;
mod login;
mod ocapi;
mod refresh;
mod session_bridge;
mod world;
