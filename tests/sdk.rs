//! The client SDK of storefronts, through Tandem: guest, product, basket, login, refresh, logout.
//!
//! Needs Node.js 18 or later and npm (Debian: `apt-get install nodejs npm`), and the npm registry
//! once; each test says so when something is missing.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::serve::Bound;
use tandem_sandbox::{Options, Sandbox};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A run of the script; it takes about two seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// `npm ci` of a handful of packages.
const INSTALLING: Duration = Duration::from_secs(180);

/// What the script does, in this order; it prints a line per step.
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

const SHOP: &str = r#"
    [server]
    drain_delay_ms = 0
    [admin]
    listen = "127.0.0.1:0"
    [cookies]
    seal_keys = ["a sealing key for tests that is long enough"]
    [[sites]]
    id = "RefArch"
    slas.organization_id = "f_ecom_zzte_053"
    cookies.profile = "pwa-kit"
    apis.bearer_from = ["127.0.0.1"]
"#;

/// The platform, Tandem, and where it is reached.
struct Shop {
    origin: String,
    options: Options,
    _sandbox: Sandbox,
    _stop: DropGuard,
}

impl Shop {
    async fn open(private: bool) -> Self {
        let port = free_port();
        let origin = format!("http://127.0.0.1:{port}");
        let options = Options { redirect_uri: format!("{origin}/callback"), ..Options::default() };
        let clock = Clock::system();
        let sandbox = Sandbox::start(options.clone(), clock.clone()).await.expect("free ports");
        let layers = Layers::merge("sdk.toml", SHOP, settings(port, private, &options, &sandbox));
        let config = Config::from_layers(&layers.expect("TOML")).expect("a configuration");
        let admin = config.admin_listen;
        let app = App::new(config, clock).expect("TLS roots");
        let bound = Bound::new(app, admin).expect("a free port");
        let stop = CancellationToken::new();
        tokio::spawn(bound.run(stop.clone()));
        Self { origin, options, _sandbox: sandbox, _stop: stop.drop_guard() }
    }
}

fn settings(
    port: u16,
    private: bool,
    options: &Options,
    sandbox: &Sandbox,
) -> Vec<(String, String)> {
    let origin = format!("http://127.0.0.1:{port}");
    let site =
        |key: &str, value: &str| (format!("TANDEM__SITES__REFARCH__{key}"), value.to_owned());
    let client = if private { &options.private_client.id } else { &options.public_client };
    let mut settings = vec![
        ("TANDEM__SERVER__LISTEN".to_owned(), format!("127.0.0.1:{port}")),
        site("HOSTS", &format!("127.0.0.1:{port}")),
        site("PUBLIC_ORIGIN", &origin),
        site("SLAS__BASE_URL", &format!("http://{}", sandbox.api())),
        site("SLAS__CLIENT_ID", client),
        site("SLAS__REDIRECT_URI", &options.redirect_uri),
        site("OCAPI__BASE_URL", &format!("http://{}", sandbox.instance())),
        site("ROUTES__HEAD", &format!("http://{}", sandbox.head())),
    ];
    if private {
        settings.push(site("SLAS__CLIENT_SECRET", &options.private_client.secret));
    }
    settings
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("a bound socket").port()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

async fn run(program: &str, arguments: &[&str], patience: Duration) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder()).kill_on_drop(true);
    let output = tokio::time::timeout(patience, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program} takes longer than {patience:?}"));
    output.unwrap_or_else(|error| {
        panic!("{program}: {error}. Install Node.js 18 or later: apt-get install nodejs npm")
    })
}

/// Installs the SDK as the lock file has it, once for all tests.
async fn installed() {
    static DONE: OnceCell<()> = OnceCell::const_new();
    let install = || async {
        let arguments = ["ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"];
        let output = run("npm", &arguments, INSTALLING).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "npm ci needs the npm registry: {errors}");
    };
    DONE.get_or_init(install).await;
}

async fn shops(private: bool) {
    installed().await;
    let shop = Shop::open(private).await;
    let Options { organization_id, site_id, shoppers, .. } = &shop.options;
    let (kind, client) = if private {
        ("private", &shop.options.private_client.id)
    } else {
        ("public", &shop.options.public_client)
    };
    let who = &shoppers[0];
    let arguments = [
        "shop.mjs",
        &shop.origin,
        kind,
        client,
        organization_id,
        site_id,
        &who.login,
        &who.password,
    ];
    let output = run("node", &arguments, PATIENCE).await;
    let (printed, failed) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{failed}");
    let done: Vec<_> = printed.lines().map(|line| line.strip_prefix("ok  ")).collect();
    assert_eq!(done, STEPS.map(Some), "{printed}");
}

#[tokio::test]
async fn the_sdk_shops_as_a_private_client() {
    shops(true).await;
}

#[tokio::test]
async fn the_sdk_shops_as_a_public_client() {
    shops(false).await;
}
