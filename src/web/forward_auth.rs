//! Forward-auth: a gateway (nginx, Traefik, Envoy) asks `/bff/auth` whether a request may go on, and
//! `/bff/establish` makes the session that such a response cannot make.

pub(super) mod decision;
pub(super) mod dialect;
pub(super) mod establish;
mod headers;
mod original_request;
mod route;
