//! The configuration: the manual is complete, every fault is reported with key and origin, the
//! environment overrides the file, and no secret is printed.

use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use tandem::config::{Config, ConfigError, ConfigErrors, Layers, redacted};
use tandem::cookies::profiles::SiteSuffix;
use tandem::route::TokenNeed;
use toml::{Table, Value};

mod manual;
mod rules;

/// A site with every key of the manual that has no default.
const SITE: &str = r#"
[cookies]
seal_keys = ["a-seal-key-of-at-least-32-bytes--"]

[[sites]]
id = "RefArch"
hosts = ["shop.test"]
public_origin = "https://shop.test"

[sites.slas]
base_url = "https://kv7kzm78.api.commercecloud.salesforce.com"
organization_id = "f_ecom_zzte_053"
client_id = "client-1"
client_secret = "secret-1"
redirect_uri = "https://shop.test/callback"

[sites.ocapi]
base_url = "https://instance.test"
client_id = "client-2"

[sites.routes]
head = "http://pwa.test:3000"
ecom = "https://instance.test"
"#;

fn variables(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(own).collect()
}

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from_layers(&Layers::merge("test.toml", text, variables(environment))?)
}

#[track_caller]
fn good(text: &str, environment: &[(&str, &str)]) -> Config {
    load(text, environment).unwrap_or_else(|problems| panic!("{problems}"))
}

#[track_caller]
fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<ConfigError> {
    load(text, environment).map(|_| ()).unwrap_err().0
}

/// [`SITE`] with a change to it, as a text.
fn changed(change: impl FnOnce(&mut Table)) -> String {
    let mut table: Table = SITE.parse().unwrap();
    change(&mut table);
    toml::to_string(&table).unwrap()
}

/// Sets a dotted key; `sites.0` is the site.
fn set(table: &mut Table, key: &str, value: Value) {
    let mut place = table;
    let (parents, last) = key.rsplit_once('.').unwrap_or(("", key));
    for parent in parents.split('.').filter(|parent| *parent != "0" && !parent.is_empty()) {
        let slot = place.entry(parent).or_insert_with(|| Value::Table(Table::new()));
        place = match slot {
            Value::Array(items) => items[0].as_table_mut().unwrap(),
            slot => slot.as_table_mut().unwrap(),
        };
    }
    place.insert(last.to_owned(), value);
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
    assert_eq!(good(SITE, &[]).server.body_limit, 16_384);
    let file = format!("[server]\nbody_limit_bytes = 1000\n{SITE}");
    assert_eq!(good(&file, &[]).server.body_limit, 1000);
    let config = good(&file, &[("TANDEM__SERVER__BODY_LIMIT_BYTES", "2000")]);
    assert_eq!(config.server.body_limit, 2000);
}

#[test]
fn environment_variables_find_a_site_by_its_id() {
    let two = format!(
        "{}\n{}",
        SITE.replace("RefArch", "Ref-Arch.de"),
        &SITE[SITE.find("[[sites]]").unwrap()..].replace("shop.test", "other.test")
    );
    let environment = [
        ("TANDEM__SITES__REF_ARCH_DE__BRIDGE__MODE", "none"),
        ("TANDEM__SITES__REF_ARCH_DE__ROUTES__ECOM", ""),
        ("TANDEM__SITES__REF_ARCH_DE__COOKIES__SUFFIX", "true"),
        ("TANDEM__SITES__REF_ARCH_DE__HOSTS", "a.test, b.test:8443"),
        ("TANDEM__SITES__REFARCH__SLAS__CLIENT_SECRET", ""),
        ("TANDEM__SITES__REFARCH__SESSION__REMEMBER_ME", "false"),
    ];
    let config = good(&two, &environment);
    let [first, second] = &config.sites[..] else { panic!("two sites") };
    assert_eq!(
        first.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(),
        ["a.test", "b.test:8443"]
    );
    assert_eq!(format!("{:?}", first.policy.mode), "None");
    let suffixes = (first.cookies.suffix, second.cookies.suffix);
    assert_eq!(suffixes, (SiteSuffix::Always, SiteSuffix::ProfileDefault));
    assert!(first.slas.client_secret.is_some() && second.slas.client_secret.is_none());
    assert!(first.session.remember_me && !second.session.remember_me);
}

#[test]
fn a_variable_for_an_unknown_site_is_a_fault() {
    for variable in [
        "TANDEM__SITES__NOSUCH__SLAS__CLIENT_ID",
        "TANDEM__SITES__REFARCH",
        "TANDEM__SITES__0__SLAS__CLIENT_ID",
        "TANDEM__COOKIES__SEAL_KEYS__0__ENV",
    ] {
        let [problem] = &problems(SITE, &[(variable, "x")])[..] else { panic!("{variable}") };
        assert_eq!(problem.origin, format!("environment {variable}"));
    }
}

#[test]
fn a_default_of_all_sites_may_come_from_the_environment() {
    let environment = [
        ("TANDEM__SITE__OCAPI__ENFORCE_HTTPS", "false"),
        ("TANDEM__SITE__BRIDGE__TIME", "on-demand"),
        ("TANDEM__SITE__ROUTES__ASSET_PATHS", "/a/,/b/"),
    ];
    let site = good(SITE, &environment).sites.remove(0);
    assert!(!site.ocapi.unwrap().enforce_https);
    let is_file = |path: &str| site.routes.table.find(path).unwrap().token == TokenNeed::None;
    assert!(is_file("/a/x") && is_file("/b/x") && !is_file("/c/x"));
    let short = SITE.replace("[\"a-seal", "[\"\", \"a-seal");
    assert_eq!(problems(&short, &[])[0].message, "a key must have at least 32 bytes");
    let [problem] = &problems(SITE, &[("TANDEM__SITE__BRIDGE__TIME", "later")])[..] else {
        panic!("one fault")
    };
    assert_eq!(problem.key, "sites.0.bridge.time");
    assert_eq!(problem.origin, "environment TANDEM__SITE__BRIDGE__TIME");
}

/// Each line breaks one rule.
const EVERYTHING_WRONG: &str = r#"
typo = 1
[server]
listen = "localhost"
header_read_timeout_ms = 0
body_limit_bytes = 255
request_timeout_ms = "soon"
drain_delay_ms = -1
connection_limit = 0
trusted_proxies = ["10.0.0.0/33"]
idle_timeout_ms = 0
write_timeout_ms = 0
[admin]
listen = ":9090"
[gateway]
dialect = "haproxy"
peers = ["the gateway"]
[upstream]
connect_timeout_ms = 0
timeout_ms = 1.5
body_limit_bytes = 4095
proxy_timeout_ms = true
proxy_idle_timeout_ms = 0
proxy_http2 = "maybe"
proxy_concurrency = 0
websocket_idle_ms = 0
[cookies]
seal_keys = ["CANARY-too-short"]
[log]
filter = "info,=,"
[crawlers]
user_agents = [1]

[[sites]]
id = "Ref Arch"
hosts = []
public_origin = "http://shop.test"
path_prefix = "de"
cors_origins = ["*", "https://a.test/path", "https://b.test"]
slas.base_url = "http://kv7kzm78.api.commercecloud.salesforce.com"
slas.organization_id = "zzte_053"
slas.client_id = "client 1"
slas.client_secret = { env = "CANARY_NO_SUCH_VARIABLE_OF_TANDEM" }
slas.redirect_uri = "/callback"
slas.strict_client_auth = "true"
bridge.mode = "sometimes"
bridge.time = ""
ocapi.base_url = "https://user@instance.test"
ocapi.version = "24.5"
ocapi.client_id = "ä"
ocapi.enforce_https = 1
basket.action = "copy"
cookies.suffix = "no"
session.remember_me = 0
session.after_logout = "login"
session.protected_paths = ["account"]
session.login_page = "https://evil.test/login"
routes.head = "pwa.internal:3000"
routes.ecom = "ftp://instance.test"
routes.ecom_paths = ["//x"]
routes.asset_paths = "/assets/"
routes.asset_suffixes = [".js", 1]

[[sites]]
slas.client_secret = { env = "A", file = "b" }
hosts = ["shop test"]

[[sites]]
slas.client_secret = { file = "/no/such/file" }
bridge.mode = "none"
ocapi = 1
"#;

#[test]
fn attack_99_every_broken_rule_is_reported_with_key_and_origin() {
    let found = load(EVERYTHING_WRONG, &[("TANDEM__LOG__FILTERS", "debug")]).unwrap_err();
    assert!(!found.to_string().contains("CANARY-"), "{found}");
    insta::assert_snapshot!("everything_wrong", found.to_string());
}

#[test]
fn kind_1_a_rule_that_resubmits_forms_must_accept_them_and_lead_to_pages() {
    for rule in
        ["path = \"/return\"\ncsrf = \"same-origin\"", "path = \"/mobify/proxy/api/return\""]
    {
        let rule = format!("{rule}\ncross_site_post = \"resubmit\"");
        let text = format!("{SITE}\n[[sites.routes.rules]]\n{rule}\n");
        let found = problems(&text, &[]);
        assert!(found.iter().any(|it| it.key.ends_with("cross_site_post")), "{rule}: {found:?}");
    }
}

#[test]
fn attack_94_a_gateway_needs_peer_addresses() {
    for dialect in ["nginx", "traefik", "envoy"] {
        let gateway = format!("[gateway]\ndialect = \"{dialect}\"\n");
        let [problem] = &problems(&format!("{gateway}{SITE}"), &[])[..] else {
            panic!("one fault")
        };
        assert_eq!(problem.key, "gateway.peers");
        let listed = format!("{gateway}peers = [\"10.0.0.7\", \"fd00::/8\"]\n{SITE}");
        let peers = good(&listed, &[]).gateway.peers;
        assert!(peers.is_trusted("10.0.0.7".parse().unwrap()));
        assert!(!peers.is_trusted("10.0.0.8".parse().unwrap()));
    }
    assert_eq!(good(SITE, &[]).gateway.dialect, None);
}

#[test]
fn an_empty_file_names_every_required_key() {
    insta::assert_snapshot!("empty", load("", &[]).unwrap_err().to_string());
    insta::assert_snapshot!("empty_site", load("[[sites]]", &[]).unwrap_err().to_string());
}

#[test]
fn attack_99_two_sites_never_share_host_and_path() {
    let site = &SITE[SITE.find("[[sites]]").unwrap()..];
    let second = site.replace("RefArch", "Other");
    let clash = problems(&format!("{SITE}\n{second}"), &[]);
    let clash: Vec<String> = clash.iter().map(ToString::to_string).collect();
    assert_eq!(
        clash,
        [
            "sites.1.hosts: shop.test belongs to two sites (test.toml)",
            "sites.1.cookies.suffix: must be true: several sites share shop.test (the defaults)",
        ]
    );
    // Neither case nor a trailing slash makes it another host and path.
    let disguised = second.replace("\"shop.test\"", "\"SHOP.test\"");
    assert_eq!(problems(&format!("{SITE}\n{disguised}"), &[]).len(), 2);
    let under = second.replace(
        "[sites.slas]",
        "path_prefix = \"/de/\"\n[sites.cookies]\nsuffix = true\n[sites.slas]",
    );
    let config = good(&format!("{SITE}\n{under}"), &[]);
    assert_eq!(config.sites[1].path_prefix, "/de");
    let keys = |second: &str| {
        let found = problems(&format!("{SITE}\n{second}"), &[]);
        found.into_iter().map(|problem| problem.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&under.replace("Other", "REFARCH")), ["sites.1.id"]);
    let default = format!("default_site = true\n{}", under.split_once("]]\n").unwrap().1);
    assert_eq!(keys(&format!("[[sites]]\n{default}")), ["sites.1.default_site"]);
}

#[test]
fn kind_3_a_valid_file_is_noted_where_sites_share_a_host_and_a_path_is_no_ones() {
    let site = &SITE[SITE.find("[[sites]]").unwrap()..];
    let at = |id: &str, prefix: &str, more: &str| {
        let keys =
            format!("path_prefix = \"{prefix}\"\ncookies.suffix = true\n{more}\n[sites.slas]");
        site.replace("RefArch", id).replace("[sites.slas]", &keys)
    };
    let notes = |sites: &[String]| {
        let keys = &SITE[..SITE.find("[[sites]]").unwrap()];
        good(&format!("{keys}{}", sites.concat()), &[]).notes()
    };
    assert!(good(SITE, &[]).notes().is_empty());
    let us = at("RefArchUS", "/us", "");
    let other_head = us.replace("http://pwa.test:3000", "http://pwa.us.test:3000");
    let global = at("RefArchGlobal", "/global", "ecom.sites = [\"RefArchUS\", \"B2B\"]");
    let all = notes(&[global, other_head]);
    insta::assert_snapshot!("notes_of_sites_that_share_a_host", all.join("\n"));
    let default = at("RefArchGlobal", "/global", "default_site = true");
    let left = notes(&[default, us]);
    assert!(left.len() == 1 && left[0].contains("dwsid"), "{left:?}");
    let default = at("RefArchGlobal", "/global", "default_site = true");
    let swallows = notes(&[default, at("RefArchUS", "/on", "")]);
    assert!(swallows[0].contains("/on is the path_prefix of RefArchUS"), "{swallows:?}");
}

#[test]
fn kind_45_each_host_has_its_origin_unless_an_edge_replaces_the_host() {
    let origins = |hosts: &str, main: &str| {
        let site = SITE.replace("[\"shop.test\"]", hosts).replace("https://shop.test", main);
        let config = good(&site, &[]);
        let hosts = config.sites[0].hosts.iter();
        hosts.map(|host| host.public_origin.as_str().to_owned()).collect::<Vec<_>>()
    };
    let countries = origins("[\"shop.test\", \"shop.fr:8443\"]", "https://shop.test");
    assert_eq!(countries, ["https://shop.test", "https://shop.fr:8443"]);
    let another_port = origins("[\"shop.test\", \"shop.fr\"]", "https://shop.test:8443");
    assert_eq!(another_port, ["https://shop.test:8443", "https://shop.fr"]);
    let replaced = origins("[\"origin.internal\", \"probe.internal\"]", "https://shop.test");
    assert_eq!(replaced, ["https://shop.test", "https://shop.test"]);
    let internal =
        origins("[\"shop.test\"]\ninternal_hosts = [\"origin.internal\"]", "https://shop.test");
    assert_eq!(internal, ["https://shop.test", "https://shop.test"]);
}

#[test]
fn attack_99_http_without_tls_is_refused_except_on_loopback() {
    for (key, origin, fine) in [
        ("sites.0.public_origin", "http://shop.test", false),
        ("sites.0.public_origin", "http://127.0.0.1.evil.test", false),
        ("sites.0.public_origin", "http://127.0.0.1:8080", true),
        ("sites.0.public_origin", "http://[::1]:8080", true),
        ("sites.0.public_origin", "http://localhost", true),
        ("sites.0.slas.base_url", "http://api.test", false),
        ("sites.0.slas.base_url", "http://localhost:1", true),
        ("sites.0.slas.base_url", "https://user:password@api.test", false),
        ("sites.0.slas.base_url", "https://api.test/shopper", false),
        ("sites.0.slas.base_url", "https://api.test/?", false),
        ("sites.0.ocapi.base_url", "http://instance.test", false),
        ("sites.0.ocapi.base_url", "https://instance.test/", true),
        ("sites.0.routes.head", "http://pwa.internal:3000", true),
    ] {
        let text = changed(|table| set(table, key, Value::String(origin.to_owned())));
        let named: Vec<String> = match load(&text, &[]) {
            Ok(_) => Vec::new(),
            Err(ConfigErrors(found)) => found.into_iter().map(|problem| problem.key).collect(),
        };
        assert_eq!(named, if fine { vec![] } else { vec![key.to_owned()] }, "{key} {origin}");
    }
}

#[test]
fn a_secret_is_a_value_or_a_variable_or_a_file() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("a-secret");
    std::fs::write(&file, " two words \r\n").unwrap();
    let empty = folder.join("an-empty-secret");
    std::fs::write(&empty, "\n").unwrap();
    // A variable that cargo sets for every test.
    let variable = "CARGO_MANIFEST_DIR";
    for (value, expected) in [
        ("\"plain\"".to_owned(), Ok("plain")),
        (format!("{{ env = \"{variable}\" }}"), Ok(env!("CARGO_MANIFEST_DIR"))),
        // Only the line end is removed.
        (format!("{{ file = \"{}\" }}", file.display()), Ok(" two words ")),
        (format!("{{ file = \"{}\" }}", empty.display()), Err("is empty")),
        ("{ file = \"/no/such/file\" }".to_owned(), Err("the file /no/such/file cannot be read")),
        ("{ env = \"NO_SUCH_VARIABLE\" }".to_owned(), Err("NO_SUCH_VARIABLE is not set")),
        ("{ vault = \"x\" }".to_owned(), Err("must be text, { env = ")),
        ("{ env = \"A\", file = \"b\" }".to_owned(), Err("must be text, { env = ")),
        ("7".to_owned(), Err("must be text, { env = ")),
    ] {
        let text = SITE.replace("\"secret-1\"", &value);
        match (load(&text, &[]), expected) {
            (Ok(config), Ok(expected)) => {
                let secret = config.sites[0].slas.client_secret.as_ref().unwrap();
                assert_eq!(secret.expose_secret(), expected);
            }
            (Err(ConfigErrors(found)), Err(expected)) => {
                assert_eq!(found[0].key, "sites.0.slas.client_secret");
                assert!(found[0].message.contains(expected), "{}", found[0]);
            }
            (loaded, _) => panic!("{value}: {loaded:?}"),
        }
    }
}

#[test]
fn a_numeric_secret_from_the_environment_stays_text() {
    let environment = [("TANDEM__SITES__REFARCH__SLAS__CLIENT_SECRET", "007")];
    let secret = good(SITE, &environment).sites[0].slas.client_secret.clone().unwrap();
    assert_eq!(secret.expose_secret(), "007");
}

#[test]
fn attack_98_neither_redacted_print_nor_debug_shows_a_secret() {
    let text = SITE.replace("secret-1", "CANARY-1").replace("a-seal-key", "CANARY-2-key");
    let environment = [("TANDEM__COOKIES__SEAL_KEYS", "CANARY-3-of-at-least-32-bytes-is-long-")];
    for environment in [&environment[..], &[]] {
        let layers = Layers::merge("test.toml", &text, variables(environment)).unwrap();
        let printed = redacted(&layers);
        assert!(printed.contains("client_secret = \"***\""), "{printed}");
        assert!(!printed.contains("CANARY"), "{printed}");
        let config = Config::from_layers(&layers).unwrap();
        assert!(!format!("{config:?}").contains("CANARY"), "{config:?}");
    }
}

#[test]
fn a_redacted_print_is_a_valid_configuration() {
    let pointing = SITE
        .replace("\"secret-1\"", "{ env = \"CARGO_MANIFEST_DIR\" }")
        .replace("\"a-seal-key-of-at-least-32-bytes--\"", "{ env = \"CARGO_MANIFEST_DIR\" }");
    let layers = Layers::merge("test.toml", &pointing, []).unwrap();
    let printed = redacted(&layers);
    let again = Layers::merge("printed.toml", &printed, []).unwrap();
    assert_eq!(redacted(&again), printed);
}

#[test]
fn the_sandbox_sample_lacks_only_the_keys_set_at_start() {
    let sample = include_str!("../../config/sandbox.toml");
    let missing: Vec<String> =
        problems(sample, &[]).into_iter().map(|problem| problem.key).collect();
    assert_eq!(
        missing,
        [
            "cookies.seal_keys",
            "sites.0.slas.base_url",
            "sites.0.slas.client_id",
            "sites.0.ocapi.base_url",
        ]
    );
}
