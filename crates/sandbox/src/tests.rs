//! The strictness that others rely on: each test is named for the promise it keeps.

mod apis;
mod baskets;
mod browser;
mod controllers;
mod ecom_sign_in;
mod faults;
mod front;
mod hybrid_ecom;
mod login;
mod ocapi;
mod plugin_slas;
mod refresh;
mod session_bridge;
mod world;
