//! The configuration of a test: one shop that works, and what a test changes in it.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use toml::{Table, Value};

/// The host by which browsers know the shop.
pub const HOST: &str = "shop.test";
/// The origin by which browsers know the shop.
pub const ORIGIN: &str = "https://shop.test";
/// The redirect URI of the SLAS client.
pub const REDIRECT_URI: &str = "https://shop.test/callback";
/// The id of the site.
pub const SITE: &str = "RefArch";
/// The organization of the tenant.
pub const ORGANIZATION: &str = "f_ecom_zzte_053";
/// The id of the SLAS client.
pub const CLIENT: &str = "1d0c6a52-93be-4f1a-8d37-5b2f9e6c7a41";

/// A configuration file with one shop in it. Every method returns it changed: tables are merged,
/// lists of tables are extended, and everything else is replaced.
#[derive(Clone, Debug)]
pub struct ShopConfig(Table);

impl ShopConfig {
    /// The smallest configuration: one site with a public SLAS client, whose SLAS, OCAPI and Head
    /// are all at the origin `platform`. Both listeners take any free port.
    pub fn minimal(platform: &str) -> Self {
        let text = format!(
            r#"
            [server]
            listen = "127.0.0.1:0"
            [admin]
            listen = "127.0.0.1:0"
            [cookies]
            seal_keys = ["a sealing key that exists only for tests"]
            [[sites]]
            id = "{SITE}"
            hosts = ["{HOST}"]
            public_origin = "{ORIGIN}"
            slas.base_url = "{platform}"
            slas.organization_id = "{ORGANIZATION}"
            slas.client_id = "{CLIENT}"
            slas.redirect_uri = "{REDIRECT_URI}"
            ocapi.base_url = "{platform}"
            routes.head = "{platform}"
            "#
        );
        Self(parse(&text))
    }

    /// With these lines of `[server]`.
    pub fn server(self, lines: &str) -> Self {
        self.section("server", lines)
    }

    /// With these lines of `[upstream]`.
    pub fn upstream(self, lines: &str) -> Self {
        self.section("upstream", lines)
    }

    fn section(mut self, name: &str, lines: &str) -> Self {
        merge(&mut self.0, Table::from_iter([(name.to_owned(), parse(lines).into())]));
        self
    }

    /// With these lines of the site, with dotted keys. A list of tables is written
    /// `[[routes.rules]]`.
    pub fn site(mut self, lines: &str) -> Self {
        merge(self.first_site(), parse(lines));
        self
    }

    /// With these sections of the file; `[[sites]]` is one more site.
    pub fn sections(mut self, text: &str) -> Self {
        merge(&mut self.0, parse(text));
        self
    }

    /// Without this dotted key of the site.
    pub fn without(mut self, key: &str) -> Self {
        let (tables, key) = key.rsplit_once('.').unwrap_or(("", key));
        let tables = tables.split('.').filter(|name| !name.is_empty());
        let table = tables
            .fold(self.first_site(), |table, name| table[name].as_table_mut().expect("a table"));
        table.remove(key);
        self
    }

    fn first_site(&mut self) -> &mut Table {
        self.0["sites"][0].as_table_mut().expect("a site")
    }

    /// The file.
    pub fn text(&self) -> String {
        toml::to_string(&self.0).expect("TOML")
    }
}

#[track_caller]
fn parse(text: &str) -> Table {
    text.parse().unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn merge(into: &mut Table, changes: Table) {
    for (key, change) in changes {
        match (into.get_mut(&key), change) {
            (Some(Value::Table(known)), Value::Table(change)) => merge(known, change),
            (Some(Value::Array(known)), Value::Array(change))
                if known.iter().chain(&change).all(Value::is_table) =>
            {
                known.extend(change);
            }
            (_, change) => drop(into.insert(key, change)),
        }
    }
}

/// An address of loopback that was free a moment ago. The system gives such ports to nobody who asks for
/// any port, so only another call of this function could take it, and none returns the same one.
pub fn free_address() -> SocketAddr {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    // Below the range that systems choose from (32768 on Linux, 49152 elsewhere).
    let ports = 10_000..32_000_u32;
    // Tests that run at the same time begin at different ports.
    let start = std::process::id().wrapping_mul(97);
    loop {
        let place = start.wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed));
        let port = ports.start + place % (ports.end - ports.start);
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap_or_default()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_merged_key_by_key() {
        let config = ShopConfig::minimal("http://127.0.0.1:1")
            .site("slas.client_id = \"other\"\n[[routes.rules]]\npath = \"/a\"")
            .site("routes.rules = [{ path = \"/b\" }]\nhosts = [\"other.test\"]")
            .sections("[[sites]]\nid = \"second\"\n[upstream]\ntimeout_ms = 1")
            .upstream("refresh_timeout_ms = 2")
            .without("ocapi.base_url");
        let table = parse(&config.text());
        let site = &table["sites"][0];
        assert_eq!(site["slas"]["client_id"].as_str(), Some("other"));
        assert_eq!(site["slas"]["organization_id"].as_str(), Some(ORGANIZATION));
        assert_eq!(site["routes"]["rules"].as_array().map(Vec::len), Some(2));
        assert_eq!(site["hosts"].as_array().map(Vec::len), Some(1));
        assert!(site["ocapi"].get("base_url").is_none());
        assert_eq!(table["sites"][1]["id"].as_str(), Some("second"));
        let upstream = table["upstream"].as_table().expect("a table");
        assert_eq!(upstream.keys().collect::<Vec<_>>(), ["refresh_timeout_ms", "timeout_ms"]);
    }
}
