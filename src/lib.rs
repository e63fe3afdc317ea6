//! Tandem: a Backend-for-frontend that keeps the SLAS tokens and the DW session of a B2C Commerce
//! shopper in step.
//!
//! A request meets the modules roughly in this order: `serve` accepts it, `web` routes it,
//! `cookies` reads its cookies into facts, `flow` decides, `drive` asks `upstream` what the
//! decision needs, `cookies::set_cookie` turns the outcome into cookies, and `proxy` carries the
//! request on. `ARCHITECTURE.md` tells who may use whom.

pub mod access_token;
pub mod admin;
pub mod allowlist;
pub mod app;
pub mod cli;
pub mod client_ip;
pub mod clock;
pub mod config;
pub mod cookies;
pub mod driver;
mod expiring_map;
pub mod flow;
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
pub mod telemetry;
pub mod timestamp;
pub mod upstream;
pub mod web;
