//! The client's IP address: the TCP peer, or `X-Forwarded-For` from trusted proxies.
//!
//! Of all forwarding headers only `X-Forwarded-For` is read, from the right, and only the entries that
//! trusted proxies have added. `Forwarded` (RFC 7239) is neither read nor sent: two headers with the
//! same meaning can disagree, and the platform reads only `X-Forwarded-For`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Entries of a chain that are read, at most. No deployment has more proxies.
const LONGEST_CHAIN: usize = 16;

/// Networks of trusted proxies, or of gateways that may send auth subrequests.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Without any network, every TCP peer is a client.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether there is no network.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is in one of the networks.
    #[must_use]
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client that sent a request with `headers` through `peer`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        let mut chain = vec![peer];
        let mut entries = headers
            .get_all("x-forwarded-for")
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while chain.len() < LONGEST_CHAIN
            && chain.last().is_some_and(|last| self.is_trusted(*last))
            && let Some(address) = entries.next().and_then(address)
        {
            chain.push(address);
        }
        chain.reverse();
        ClientAddress { chain }
    }
}

/// One entry of `X-Forwarded-For`; some proxies add a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().ok();
    address
        .or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|address| address.to_canonical())
}

/// The client of a request. It is in the extensions of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client first, the TCP peer last; all but the client are trusted proxies. Never empty.
    chain: Vec<IpAddr>,
}

impl ClientAddress {
    /// The address of the client: the rightmost that is not a trusted proxy.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.chain.first().copied()
    }

    /// The address of the TCP peer.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        self.chain.last().copied()
    }

    /// The `X-Forwarded-For` for an upstream: the client, then the trusted proxies up to the peer.
    #[must_use]
    pub fn forwarded_for(&self) -> String {
        let mut text = String::new();
        for (at, address) in self.chain.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            // Writing to a `String` does not fail.
            let _ = write!(text, "{comma}{address}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(peer: &str, lines: &[&str]) -> ClientAddress {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        TrustedProxies::new(networks.to_vec()).client(peer.parse().unwrap(), &headers)
    }

    fn chain(peer: &str, lines: &[&str]) -> String {
        seen(peer, lines).forwarded_for()
    }

    #[test]
    fn attack_53_an_untrusted_peer_is_the_client_whatever_its_headers() {
        for lines in [&[][..], &["6.6.6.6"], &["6.6.6.6, 10.0.0.1"], &["10.0.0.9"], &["garbage"]] {
            let client = seen("203.0.113.7", lines);
            assert_eq!(client.forwarded_for(), "203.0.113.7");
        }
    }

    #[test]
    fn attack_54_the_rightmost_untrusted_address_of_a_trusted_chain_is_the_client() {
        let forged = "6.6.6.6, 203.0.113.7, 10.0.0.2";
        let client = seen("10.0.0.1", &[forged]);
        assert_eq!(client.ip(), Some("203.0.113.7".parse().unwrap()));
        assert_eq!(client.forwarded_for(), "203.0.113.7, 10.0.0.2, 10.0.0.1");
        // The same in several lines, and with a forged "trusted" proxy to the left of the client.
        assert_eq!(chain("10.0.0.1", &["6.6.6.6", "203.0.113.7,10.0.0.2"]), client.forwarded_for());
        let planted = chain("10.0.0.1", &["10.9.9.9, 203.0.113.7, 10.0.0.2"]);
        assert_eq!(planted, client.forwarded_for());
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_chain() {
        for entry in ["unknown", "", "_hidden", "1.2.3", "evil.test", "\u{e9}"] {
            let line = format!("203.0.113.7, {entry}, 10.0.0.2");
            assert_eq!(chain("10.0.0.1", &[&line]), "10.0.0.2, 10.0.0.1", "{entry}");
        }
    }

    #[test]
    fn a_chain_of_trusted_proxies_only_begins_at_its_left() {
        assert_eq!(chain("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3, 10.0.0.2, 10.0.0.1");
        assert_eq!(chain("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_parsed() {
        assert_eq!(chain("10.0.0.1", &["203.0.113.7:4711"]), "203.0.113.7, 10.0.0.1");
        assert_eq!(chain("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7, fd00::1");
        assert_eq!(chain("fd00::1", &["[2001:db8::7]"]), "2001:db8::7, fd00::1");
        assert_eq!(chain("::ffff:10.0.0.1", &["::ffff:203.0.113.7"]), "203.0.113.7, 10.0.0.1");
    }

    #[test]
    fn only_the_first_entries_of_a_long_chain_are_read() {
        let long = vec!["10.0.0.3"; 5000].join(",");
        let entries = chain("10.0.0.1", &[&long]).split(", ").count();
        assert_eq!(entries, LONGEST_CHAIN);
    }
}
