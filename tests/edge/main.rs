//! Hostile and unlucky input against the listeners: what comes in by the wire is written byte by
//! byte, and what goes on to the Head is looked at byte by byte.

mod apis;
mod caching;
mod cookies;
mod csrf;
mod ecom;
mod establish;
mod forward_auth;
mod forward_auth_decisions;
mod framing;
mod headers;
mod http2;
mod identity_headers;
mod instance;
mod limits;
mod log_output;
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
