//! Tandem: a Backend-for-frontend that keeps the SLAS tokens and the DW session of a B2C Commerce
//! shopper in step.
//!
//! A request meets the modules roughly in this order: `serve` accepts it, `web` routes it,
//! `cookies` reads its cookies into facts, `flow` decides, `driver` makes the calls to `upstream`
//! that the decision needs, `cookies::set_cookie` turns the decision into cookies, and `proxy`
//! forwards the request. `ARCHITECTURE.md` lists which module may use which.

pub mod access_token;
mod admin;
mod allowlist;
pub mod app;
pub mod cli;
pub mod client_ip;
pub mod clock;
pub mod config;
pub mod cookies;
mod driver;
mod expiring_map;
pub mod flow;
mod header_values;
pub mod ids;
pub mod lifetimes;
pub mod metrics;
pub mod model;
pub mod problem;
pub mod proxy;
pub mod revocations;
pub mod route;
pub mod serve;
pub mod site;
mod telemetry;
pub mod timestamp;
pub mod upstream;
pub mod user_agents;
mod web;
