//! Hostile and unlucky input against the listeners: what comes in by the wire is written byte by
//! byte, and what goes on to the Head is looked at byte by byte.

mod apis;
mod caching;
mod cookies;
mod csrf;
mod ecom;
mod establish;
mod forward_auth;
mod framing;
mod headers;
mod http2;
mod identity;
mod instance;
mod judged;
mod limits;
mod log_output;
mod patience;
mod problems;
mod proxying;
mod quiet;
mod redirects;
mod shutdown;
mod sites;
mod slow_readers;
mod spelling;
mod streaming;
mod support;
mod tls;
mod uploads;
mod websocket;
