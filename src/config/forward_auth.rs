//! The gateway in front that asks us about every request instead of sending it through us.

use super::section::Section;
use crate::client_ip::TrustedProxies;

/// How a gateway asks about a request, and which answers it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// nginx, `auth_request`: the question is in `X-Original-Method` and `X-Original-URI`; it hears
    /// 2xx, 401 and 403, and takes anything else for a fault.
    Nginx,
    /// Traefik, `forwardAuth`: the question is in `X-Forwarded-Method`, `-Host` and `-Uri`; 2xx
    /// allows, and every other answer goes to the browser.
    Traefik,
    /// Envoy, `ext_authz` over HTTP: the question is the request itself, below `/bff/auth`; 200
    /// allows, and every other answer goes to the browser.
    Envoy,
}

/// Who may ask, and how.
#[derive(Clone, Debug, Default)]
pub struct ForwardAuthConfig {
    /// None: nobody asks.
    pub dialect: Option<Dialect>,
    /// The networks of the gateways.
    pub peers: TrustedProxies,
}

pub(super) fn read(section: &Section<'_>) -> Option<ForwardAuthConfig> {
    let dialect = section.choice(
        "dialect",
        &[
            ("none", None),
            ("nginx", Some(Dialect::Nginx)),
            ("traefik", Some(Dialect::Traefik)),
            ("envoy", Some(Dialect::Envoy)),
        ],
    );
    let peers = super::read_networks(section, "peers");
    if dialect.is_some_and(|dialect| dialect.is_some())
        && peers.as_ref().is_some_and(TrustedProxies::is_empty)
    {
        section.problem("peers", "must name the gateway's networks: nobody else may ask");
    }
    section.finish();
    Some(ForwardAuthConfig { dialect: dialect?, peers: peers? })
}
