//! A world: the simulated platform, Tandem before it, one clock for both.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::metrics::Metrics;
use tandem::serve::Bound;
use tandem_sandbox::{
    ClientKind, Control, CookieNames, EcomKind, EnforceHttps, Operation, Options, Sandbox, Upstream,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::browser::{Browser, Outside};

/// Login and password of the demo shoppers.
pub(crate) const JO: (&str, &str) = ("jo@example.com", "Tandem-2026");
pub(crate) const SAM: (&str, &str) = ("sam@example.com", "Tandem-2026");

const SHOP: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    [admin]
    listen = "127.0.0.1:0"
    [cookies]
    seal_keys = ["a sealing key for tests that is long enough"]
    [[sites]]
    id = "RefArch"
    hosts = ["shop.test"]
    public_origin = "https://shop.test"
    slas.organization_id = "f_ecom_zzte_053"
    slas.redirect_uri = "https://shop.test/callback"
    session.login_page = "/login"
"#;

/// The kind of SLAS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Private,
    Public,
}

/// How a DW session is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Classic,
    Hybrid,
    None,
}

/// When it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Landing,
    OnDemand,
}

/// A world in the making.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) client: Client,
    pub(crate) mode: Mode,
    pub(crate) time: Time,
    options: Options,
    settings: Vec<(String, String)>,
    rules: String,
    fronts_ecom: bool,
    head: Option<String>,
    profile: String,
}

impl Setup {
    pub(crate) fn new(client: Client, mode: Mode, time: Time) -> Self {
        let redirect_uri = "https://shop.test/callback".to_owned();
        let hybrid_auth = mode == Mode::Hybrid;
        let ecom_client = match client {
            Client::Private => ClientKind::Private,
            Client::Public => ClientKind::Public,
        };
        let ecom = if hybrid_auth { EcomKind::HybridAuth } else { EcomKind::Plain };
        let options =
            Options { redirect_uri, hybrid_auth, ecom, ecom_client, ..Options::default() };
        let (settings, rules) = (Vec::new(), String::new());
        let profile = "classic".to_owned();
        Self {
            client,
            mode,
            time,
            options,
            settings,
            rules,
            fronts_ecom: true,
            head: None,
            profile,
        }
    }

    /// A private client that bridges when a shopper lands: what the defaults say.
    pub(crate) fn private() -> Self {
        Self::new(Client::Private, Mode::Classic, Time::Landing)
    }

    /// The same for a public client.
    pub(crate) fn public() -> Self {
        Self::new(Client::Public, Mode::Classic, Time::Landing)
    }

    /// Both kinds of client.
    pub(crate) fn clients() -> [Self; 2] {
        [Self::private(), Self::public()]
    }

    /// Every kind of client, bridge mode and bridge time.
    pub(crate) fn all() -> Vec<Self> {
        let kinds = [
            (Mode::Classic, Time::Landing),
            (Mode::Classic, Time::OnDemand),
            (Mode::Hybrid, Time::Landing),
            (Mode::Hybrid, Time::OnDemand),
            (Mode::None, Time::Landing),
        ];
        let of = |client| kinds.map(|(mode, time)| Self::new(client, mode, time));
        [of(Client::Private), of(Client::Public)].concat()
    }

    /// Every kind that has controller pages.
    pub(crate) fn with_ecom() -> Vec<Self> {
        Self::all().into_iter().filter(|setup| setup.mode != Mode::None).collect()
    }

    pub(crate) fn on_demand(mut self) -> Self {
        self.time = Time::OnDemand;
        self
    }

    /// "Enforce HTTPS" is off: a DW session is proven by two cookies.
    pub(crate) fn without_enforce_https(mut self) -> Self {
        self.options.enforce_https = EnforceHttps::Off;
        self.with_site("ocapi.enforce_https", "false")
    }

    /// The tenant still bridges a guest's plain `dwsid`.
    pub(crate) fn with_guest_dwsid_bridge(mut self) -> Self {
        self.options.guest_dwsid_bridge = true;
        self
    }

    /// ECOM has the `plugin_slas` cartridge, and the site the cookies for it.
    pub(crate) fn with_plugin_slas(self) -> Self {
        self.with_cartridge_alone().with_site("cookies.profile", "plugin-slas")
    }

    /// ECOM has the `plugin_slas` cartridge, and nobody told Tandem.
    pub(crate) fn with_cartridge_alone(mut self) -> Self {
        self.options.ecom = EcomKind::PluginSlas;
        self
    }

    /// ECOM is not behind Tandem, but beside it.
    pub(crate) fn beside_ecom(mut self) -> Self {
        self.fronts_ecom = false;
        self
    }

    /// Another Head than the simulator's.
    pub(crate) fn with_head(mut self, origin: &str) -> Self {
        self.head = Some(origin.to_owned());
        self
    }

    /// The cookies of that profile, whose names ECOM knows.
    pub(crate) fn with_profile(mut self, profile: &str) -> Self {
        if profile == "pwa-kit" || profile == "storefront-next" {
            self.options.token_cookies = CookieNames::Suffixed;
        }
        profile.clone_into(&mut self.profile);
        self.with_site("cookies.profile", profile)
    }

    /// The cookie profile's name.
    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// Access tokens live for so many seconds.
    pub(crate) fn with_access_life(mut self, seconds: u64) -> Self {
        self.options.access_life = Duration::from_secs(seconds);
        self
    }

    /// A key of the configuration, such as `upstream.timeout_ms`.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let variable = format!("TANDEM__{}", key.to_uppercase().replace('.', "__"));
        self.settings.push((variable, value.to_owned()));
        self
    }

    /// A key of the site, such as `session.after_logout`.
    pub(crate) fn with_site(self, key: &str, value: &str) -> Self {
        self.with(&format!("sites.refarch.{key}"), value)
    }

    /// An exception of the route table, in TOML.
    pub(crate) fn with_route(mut self, rule: &str) -> Self {
        self.rules = format!("{}\n[[sites.routes.rules]]\n{rule}\n", self.rules);
        self
    }

    /// Upstreams are given up on soon, for tests in which one hangs.
    pub(crate) fn impatient(self) -> Self {
        self.with("upstream.timeout_ms", "250").with("upstream.refresh_timeout_ms", "250")
    }

    /// Whether one of SLAS's own answers makes a landing's DW session, or OCAPI does.
    pub(crate) fn bridges_at_landing(&self) -> bool {
        self.mode == Mode::Classic && self.time == Time::Landing
    }

    /// The calls that make a guest.
    pub(crate) fn guest_calls(&self) -> Vec<&'static str> {
        match self.client {
            Client::Private => vec!["slas.token.guest"],
            Client::Public => vec!["slas.authorize", "slas.token.code"],
        }
    }

    /// Those, and the bridge where one belongs to them.
    pub(crate) fn landing_calls(&self) -> Vec<&'static str> {
        self.and_bridge(self.guest_calls())
    }

    /// `calls`, and the bridge where landing has one.
    pub(crate) fn and_bridge(&self, mut calls: Vec<&'static str>) -> Vec<&'static str> {
        if self.bridges_at_landing() {
            calls.push("ocapi.sessions");
        }
        calls
    }

    pub(crate) async fn start(self) -> World {
        let clock = Clock::system();
        let sandbox =
            Sandbox::start(self.options.clone(), clock.clone()).await.expect("free ports");
        let (outside, metrics, stop) = self.serve(&sandbox, clock);
        let wants_tokens = AtomicBool::new(false);
        World { setup: self, sandbox, outside, metrics, wants_tokens, stop }
    }

    /// A Tandem before `sandbox`.
    fn serve(&self, sandbox: &Sandbox, clock: Clock) -> (Outside, Arc<Metrics>, DropGuard) {
        let variables = self.variables(sandbox);
        let layers =
            Layers::merge("test.toml", &format!("{SHOP}{}", self.rules), variables).expect("TOML");
        let config = Config::from_layers(&layers).expect("a configuration without problems");
        let admin = config.admin_listen;
        let app = App::new(config, clock.clone()).expect("TLS roots");
        let metrics = Arc::clone(&app.metrics);
        let bound = Bound::new(app, admin).expect("free ports");
        let address = bound.address().expect("an address");
        let stop = CancellationToken::new();
        tokio::spawn(bound.run(stop.clone()));
        let bridges = self.mode != Mode::None;
        let control = sandbox.control().clone();
        (Outside::new(address, control, clock, bridges, self), metrics, stop.drop_guard())
    }

    fn variables(&self, sandbox: &Sandbox) -> Vec<(String, String)> {
        let mode = match self.mode {
            Mode::Classic => "classic",
            Mode::Hybrid => "hybrid-auth",
            Mode::None => "none",
        };
        let time = if self.time == Time::Landing { "landing" } else { "on-demand" };
        let instance = format!("http://{}", sandbox.instance());
        let head = self.head.clone().unwrap_or_else(|| format!("http://{}", sandbox.head()));
        let setup = self
            .clone()
            .with_site("bridge.mode", mode)
            .with_site("bridge.time", time)
            .with_site("slas.base_url", &format!("http://{}", sandbox.api()))
            .with_site("ocapi.base_url", &instance)
            .with_site("routes.head", &head);
        let setup = match self.client {
            Client::Private => setup
                .with_site("slas.client_id", &self.options.private_client.id)
                .with_site("slas.client_secret", &self.options.private_client.secret),
            Client::Public => setup.with_site("slas.client_id", &self.options.public_client),
        };
        match self.mode {
            Mode::None => setup.settings,
            _ if !self.fronts_ecom => setup.settings,
            Mode::Classic | Mode::Hybrid => setup.with_site("routes.ecom", &instance).settings,
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client, mode, time) = (self.client, self.mode, self.time);
        write!(formatter, "{client:?}, {mode:?}, {time:?}, {}", self.profile)
    }
}

/// The platform and Tandem, running.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) sandbox: Sandbox,
    pub(super) outside: Outside,
    metrics: Arc<Metrics>,
    /// Whether SLAS was asked for tokens, as far as calls were forgotten.
    wants_tokens: AtomicBool,
    stop: DropGuard,
}

/// The calls that bring tokens.
const TOKEN_CALLS: [Operation; 4] = [
    Operation::TokenGuest,
    Operation::TokenCode,
    Operation::TokenRefresh,
    Operation::SessionBridge,
];

impl World {
    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.outside.clone())
    }

    /// Tandem restarts, and forgets what only the process remembered; `browser` keeps its cookies.
    pub(crate) fn restarts(&mut self, browser: &mut Browser) {
        let (clock, landed) = (self.outside.clock.clone(), Arc::clone(&self.outside.landed));
        (self.outside, self.metrics, self.stop) = self.setup.serve(&self.sandbox, clock);
        self.outside.landed = landed;
        browser.outside = self.outside.clone();
    }

    /// The value of a metric, by its name and labels as they are shown.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    pub(crate) fn control(&self) -> &Control {
        self.sandbox.control()
    }

    /// Moves the one clock.
    pub(crate) fn passes(&self, time: Duration) {
        self.outside.clock.advance(time);
    }

    pub(crate) fn minutes_pass(&self, minutes: u64) {
        self.passes(Duration::from_secs(minutes * 60));
    }

    /// The calls to SLAS, OCAPI and SCAPI since the last question, by name and in order.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        let auth = |operation: &Operation| {
            !matches!(operation.upstream(), Upstream::Head | Upstream::Ecom)
        };
        let calls = self.control().calls();
        self.forgets_calls();
        calls.iter().map(|call| call.operation).filter(auth).map(Operation::as_str).collect()
    }

    /// Forgets all calls so far.
    pub(crate) fn forgets_calls(&self) {
        if TOKEN_CALLS.iter().any(|operation| self.control().count(*operation) > 0) {
            self.wants_tokens.store(true, Ordering::Relaxed);
        }
        self.control().forget_calls();
    }

    /// The tokens of this world are for no browser, or never come.
    pub(crate) fn lands_no_browser(&self) {
        self.outside.landed.store(true, Ordering::Relaxed);
    }

    /// Those calls were made since the last question, and no others.
    #[track_caller]
    pub(crate) fn has_called(&self, expected: &[&str]) {
        assert_eq!(self.calls(), expected, "calls in {}", self.setup);
    }

    /// Waits until the platform has received so many calls of that kind.
    pub(crate) async fn receives(&self, operation: Operation, count: usize) {
        let received = async {
            while self.control().count(operation) < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), received).await;
        assert!(in_time.is_ok(), "{} was not called {count} times", operation.as_str());
    }
}

impl Drop for World {
    /// A test in which no browser ever held a token proves nothing about who the shopper is.
    fn drop(&mut self) {
        self.forgets_calls();
        let landed = self.outside.landed.load(Ordering::Relaxed);
        let wants_tokens = self.wants_tokens.load(Ordering::Relaxed);
        assert!(
            landed || !wants_tokens || std::thread::panicking(),
            "SLAS was asked for tokens, and no browser ever held one in {}",
            self.setup
        );
    }
}
