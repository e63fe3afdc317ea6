//! Forward-auth: a gateway (nginx, Traefik, Envoy) sends an auth subrequest to `/bff/auth` before
//! it forwards a request. `/bff/establish` makes a session where the response to it cannot.

pub(super) mod decision;
pub(super) mod dialect;
pub(super) mod establish;
mod headers;
mod original_request;
mod outage;
mod route;
