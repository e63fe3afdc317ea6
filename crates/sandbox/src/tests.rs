//! The rules of the platform that the end-to-end tests rely on.

mod apis;
mod baskets;
mod browser;
mod clock;
mod controllers;
mod ecom_login;
mod faults;
mod head;
mod hybrid_ecom;
mod login;
mod ocapi;
mod plugin_slas;
mod refresh;
mod session_bridge;
mod world;
