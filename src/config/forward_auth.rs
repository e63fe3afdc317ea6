//! Forward-auth: a gateway that proxies requests itself and sends an auth subrequest for each.

use super::section::{Section, read_fields};
use crate::client_ip::TrustedProxies;

/// The format of a gateway's auth subrequests, and the responses that it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// nginx, `auth_request`: the request is in `X-Original-Method` and `X-Original-URI`. It
    /// understands 2xx, 401 and 403; any other status is an error.
    Nginx,
    /// Traefik, `forwardAuth`: the request is in `X-Forwarded-Method`, `-Host` and `-Uri`. 2xx
    /// allows it; any other response is passed to the browser.
    Traefik,
    /// Envoy, `ext_authz` over HTTP: the subrequest is the request itself, below `/bff/auth`. 200
    /// allows it; any other response is passed to the browser.
    Envoy,
}

/// Which gateways may send auth subrequests, and in which format.
#[derive(Clone, Debug, Default)]
pub struct ForwardAuthConfig {
    /// `None`: there is no gateway.
    pub dialect: Option<Dialect>,
    /// The networks of the gateways.
    pub peers: TrustedProxies,
}

const DIALECTS: [(&str, Option<Dialect>); 4] = [
    ("none", None),
    ("nginx", Some(Dialect::Nginx)),
    ("traefik", Some(Dialect::Traefik)),
    ("envoy", Some(Dialect::Envoy)),
];

pub(super) fn read(section: &Section<'_>) -> Option<ForwardAuthConfig> {
    read_fields!(ForwardAuthConfig {
        dialect: section.choice("dialect", &DIALECTS),
        peers: read_peers(section, dialect.flatten()),
    })
}

fn read_peers(section: &Section<'_>, dialect: Option<Dialect>) -> Option<TrustedProxies> {
    let peers = section.networks("peers")?;
    if dialect.is_some() && peers.is_empty() {
        section.error(
            "peers",
            "must name the gateway's networks: no other client may send auth subrequests",
        );
    }
    Some(peers)
}
