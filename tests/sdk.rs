//! What others publish on npm: the client SDK of storefronts, through Tandem (guest, product, basket,
//! login, refresh, logout), and lists of user agents, against the list of Tandem.
//!
//! Needs Node.js 18 or later and npm (Debian: `apt-get install nodejs npm`), and the npm registry
//! once; each test names what is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tandem::config::{Config, Layers};
use tandem::user_agents;
use tandem_sandbox::Options;
use testkit::{Client, JO, Mode, ORGANIZATION, SITE, Scenario, ShopConfig, Time, free_address};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// A run of the script; it takes about two seconds.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// `npm ci` of a few packages.
const INSTALL_LIMIT: Duration = Duration::from_secs(180);

/// The steps of the script, in order; it prints a line per step.
const STEPS: [&str; 11] = [
    "a server that renders pages gets all tokens and no cookies",
    "without a token an API responds as the SDK expects",
    "a guest gets tokens that no script can read",
    "a product is found",
    "an item is added to a basket",
    "the shopper logs in and keeps the usid",
    "the guest's basket is merged",
    "the cookie refreshes the tokens",
    "a wrong password changes no cookie",
    "a logout deletes every cookie",
    "another guest gets tokens",
];

/// A shop for the SDK's HttpOnly mode, at an address of its own.
fn shop(client: Client) -> Scenario {
    let address = free_address();
    Scenario::new(client, Mode::Classic, Time::Landing)
        .at(address, &format!("http://{address}"))
        .server("drain_delay_ms = 0")
        .site("cookies.profile = \"pwa-kit\"\napis.bearer_from = [\"127.0.0.1\"]")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

async fn run(program: &str, arguments: &[&str], limit: Duration) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder()).kill_on_drop(true);
    let output = tokio::time::timeout(limit, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program} takes longer than {limit:?}"));
    output.unwrap_or_else(|error| {
        panic!("{program}: {error}. Install Node.js 18 or later: apt-get install nodejs npm")
    })
}

/// Installs the SDK as the lock file has it, once for all tests.
async fn installed() {
    static DONE: OnceCell<()> = OnceCell::const_new();
    let install = || async {
        let arguments = ["ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"];
        let output = run("npm", &arguments, INSTALL_LIMIT).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "npm ci needs the npm registry: {errors}");
    };
    DONE.get_or_init(install).await;
}

async fn shops(client: Client) {
    installed().await;
    let world = shop(client).start().await;
    let options = Options::default();
    let (kind, client) = match client {
        Client::Private => ("private", &options.private_client.id),
        Client::Public => ("public", &options.public_client),
    };
    let origin = format!("http://{}", world.address);
    let arguments = ["shop.mjs", &origin, kind, client, ORGANIZATION, SITE, JO.0, JO.1];
    let output = run("node", &arguments, TIME_LIMIT).await;
    let (printed, failed) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{failed}");
    let done: Vec<_> = printed.lines().map(|line| line.strip_prefix("ok  ")).collect();
    assert_eq!(done, STEPS.map(Some), "{printed}");
}

/// A file of an installed package.
async fn json(file: &str) -> Value {
    installed().await;
    let text = std::fs::read(folder().join("node_modules").join(file)).expect("an installed file");
    serde_json::from_slice(&text).expect("JSON")
}

/// The texts of `list`, one or several of each entry.
fn texts<'v>(list: &'v Value, key: &'v str) -> impl Iterator<Item = &'v str> {
    let entries = list.as_array().expect("a list").iter().map(move |entry| &entry[key]);
    let texts = entries.flat_map(|entry| match entry {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    });
    texts.map(|text| text.as_str().expect("a text"))
}

#[tokio::test]
async fn kind_6_the_words_recognise_known_crawlers_and_no_person() {
    let config = ShopConfig::minimal("http://127.0.0.1:1").text();
    let layers = Layers::merge("test.toml", &config, Vec::new()).unwrap();
    let rule = Config::from_layers(&layers).unwrap().crawlers;
    let crawlers = json("crawler-user-agents/crawler-user-agents.json").await;
    // Libraries have no session by another rule.
    let known: BTreeSet<_> = texts(&crawlers, "instances")
        .filter(|agent| user_agents::is_browser(agent.as_bytes()))
        .collect();
    let missed: Vec<_> = known.iter().filter(|agent| !rule.is_crawler(agent.as_bytes())).collect();
    assert!(missed.len() * 16 < known.len(), "{} of {}: {missed:#?}", missed.len(), known.len());
    let people = json("user-agents/dist/user-agents.json").await;
    let mistaken: Vec<_> =
        texts(&people, "userAgent").filter(|agent| rule.is_crawler(agent.as_bytes())).collect();
    assert!(mistaken.is_empty(), "{mistaken:#?}");
}

#[tokio::test]
async fn the_sdk_shops_as_a_private_client() {
    shops(Client::Private).await;
}

#[tokio::test]
async fn the_sdk_shops_as_a_public_client() {
    shops(Client::Public).await;
}
