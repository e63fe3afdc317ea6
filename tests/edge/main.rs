//! Hostile and unusual input against the listeners: a test writes requests byte by byte, and compares
//! what the Head receives byte by byte.

mod apis;
mod caching;
mod cookies;
mod csrf;
mod ecom;
mod ecom_proxy;
mod establish;
mod forward_auth;
mod forward_auth_decisions;
mod framing;
mod headers;
mod hosts;
mod http2;
mod identity_headers;
mod instance;
mod limits;
mod log_output;
mod named_sites;
mod passive_requests;
mod path_spellings;
mod problems;
mod proxying;
mod redirects;
mod shutdown;
mod sites;
mod slow_readers;
mod streaming;
mod support;
mod timeouts;
mod tls;
mod uploads;
mod websocket;
