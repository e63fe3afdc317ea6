//! A world: the simulated platform, Tandem in front of it, and one clock for both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::metrics::Metrics;
use tandem::serve::Bound;
use tandem_sandbox::{Call, Control, Operation, Options, Sandbox, Upstream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::browser::{Browser, Environment};
use crate::controller;
use crate::scenario::{JO, Mode, Scenario};

/// The calls that bring tokens.
const TOKEN_CALLS: [Operation; 4] = [
    Operation::TokenGuest,
    Operation::TokenCode,
    Operation::TokenRefresh,
    Operation::SessionBridge,
];

/// The platform and Tandem, running until dropped.
pub struct World {
    /// What shop it runs.
    pub scenario: Scenario,
    /// The simulated platform.
    pub sandbox: Sandbox,
    /// The clock of both.
    pub clock: Clock,
    /// Where Tandem listens.
    pub address: SocketAddr,
    /// Where its admin listener is.
    pub admin: SocketAddr,
    metrics: Arc<Metrics>,
    /// Whether any browser has held tokens.
    landed: Arc<AtomicBool>,
    has_browsers: AtomicBool,
    /// Whether a forgotten call requested tokens of SLAS.
    wanted_tokens: AtomicBool,
    stop: DropGuard,
}

/// Starts the simulated platform alone.
pub async fn start_platform(options: Options, clock: &Clock) -> Sandbox {
    let (now, monotonic) = (clock.clone(), clock.clone());
    let clock = tandem_sandbox::Clock::new(move || now.now().unix(), move || monotonic.monotonic());
    Sandbox::start(options, clock).await.expect("free ports")
}

/// A running Tandem.
struct Running {
    address: SocketAddr,
    admin: SocketAddr,
    metrics: Arc<Metrics>,
    stop: DropGuard,
}

impl Scenario {
    /// Starts the platform and Tandem.
    pub async fn start(self) -> World {
        let clock = Clock::system();
        let sandbox = start_platform(self.options.clone(), &clock).await;
        let Running { address, admin, metrics, stop } = self.serve(&sandbox, &clock);
        World {
            scenario: self,
            sandbox,
            clock,
            address,
            admin,
            metrics,
            landed: Arc::default(),
            has_browsers: AtomicBool::default(),
            wanted_tokens: AtomicBool::default(),
            stop,
        }
    }

    fn serve(&self, sandbox: &Sandbox, clock: &Clock) -> Running {
        let file = self.config(sandbox).text();
        let layers = Layers::merge("test.toml", &file, self.environment().iter().cloned());
        let config = Config::from_layers(&layers.expect("TOML")).expect("a valid configuration");
        let admin = config.admin_listen;
        let app = App::new(config, clock.clone()).expect("TLS roots");
        let metrics = Arc::clone(&app.metrics);
        let bound = Bound::new(app, admin).expect("free ports");
        let address = bound.address().expect("a bound socket");
        let admin = bound.admin_address().expect("a bound socket");
        let stop = CancellationToken::new();
        tokio::spawn(bound.run(stop.clone()));
        Running { address, admin, metrics, stop: stop.drop_guard() }
    }
}

/// Browsers.
impl World {
    /// The default shop.
    pub async fn start() -> Self {
        Scenario::default().start().await
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        self.has_browsers.store(true, Ordering::Relaxed);
        Browser::new(self.environment())
    }

    fn environment(&self) -> Environment {
        Environment::new(self, Arc::clone(&self.landed))
    }

    /// A guest who has landed on the Head. The calls for that are forgotten.
    pub async fn guest(&self) -> Browser {
        let browser = self.browser();
        browser.visits("/").await.expect(200);
        let claims = browser.token().expect("a token after landing");
        assert!(!claims.registered, "a guest in {}", self.scenario);
        self.forget_calls();
        browser
    }

    /// A shopper who has landed as a guest and logged in. The calls for that are forgotten.
    pub async fn logged_in(&self, shopper: (&str, &str)) -> Browser {
        let browser = self.guest().await;
        browser.logs_in(shopper).await.expect(200);
        let claims = browser.token().expect("a token after the login");
        assert!(claims.registered, "a registered shopper in {}", self.scenario);
        self.forget_calls();
        browser
    }

    /// Jo ([`JO`]), logged in.
    pub async fn registered(&self) -> Browser {
        self.logged_in(JO).await
    }

    /// Jo ([`JO`]), logged in, with a DW session where there is ECOM.
    pub async fn registered_on_ecom(&self) -> Browser {
        let browser = self.registered().await;
        self.visit_ecom(&browser).await;
        browser
    }

    /// A guest with a DW session where there is ECOM.
    pub async fn guest_on_ecom(&self) -> Browser {
        let browser = self.guest().await;
        self.visit_ecom(&browser).await;
        browser
    }

    /// A browser that has visited only ECOM and is a guest there, its `dwsid` and its customer.
    pub fn ecom_visitor(&self) -> (Browser, String, String) {
        let dwsid = self.control().new_ecom_visitor();
        let guest = self.control().dw_session(&dwsid).expect("a session").customer_id;
        let browser = self.browser();
        browser.stores_host_cookie("dwsid", &dwsid);
        (browser, dwsid, guest)
    }

    async fn visit_ecom(&self, browser: &Browser) {
        if self.scenario.mode != Mode::None {
            browser.visits(&controller("Home-Show")).await.expect(200);
        }
        self.forget_calls();
    }

    /// Tandem restarts, and loses what only the process remembered; `browser` keeps its cookies.
    pub fn restarts(&mut self, browser: &mut Browser) {
        let Running { address, admin, metrics, stop } =
            self.scenario.serve(&self.sandbox, &self.clock);
        (self.address, self.admin, self.metrics, self.stop) = (address, admin, metrics, stop);
        browser.environment = self.environment();
    }

    /// No browser of this test needs to receive tokens. The end of a world fails the test otherwise.
    pub fn allow_no_landing(&self) {
        self.landed.store(true, Ordering::Relaxed);
    }
}

/// Time and calls.
impl World {
    /// The handle that looks into the platform and breaks it.
    pub fn control(&self) -> &Control {
        self.sandbox.control()
    }

    /// Moves the one clock.
    pub fn time_passes(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Moves the one clock by seconds.
    pub fn seconds_pass(&self, seconds: u64) {
        self.time_passes(Duration::from_secs(seconds));
    }

    /// Moves the one clock by minutes.
    pub fn minutes_pass(&self, minutes: u64) {
        self.seconds_pass(minutes * 60);
    }

    /// The calls to SLAS, OCAPI and SCAPI since calls were last forgotten, by name and in order.
    pub fn auth_calls(&self) -> Vec<&'static str> {
        let pages = [Upstream::Head, Upstream::Ecom];
        let calls = self.control().calls();
        let auth = calls.iter().filter(|call| !pages.contains(&call.operation.upstream()));
        auth.map(|call| call.operation.as_str()).collect()
    }

    /// The same calls, which are then forgotten.
    pub fn take_calls(&self) -> Vec<&'static str> {
        let calls = self.auth_calls();
        self.forget_calls();
        calls
    }

    /// Exactly these calls were made since calls were last forgotten.
    #[track_caller]
    pub fn expect_calls(&self, expected: &[&str]) {
        assert_eq!(self.take_calls(), expected, "calls in {}", self.scenario);
    }

    /// How many calls of that kind were made since calls were last forgotten.
    pub fn count(&self, operation: Operation) -> usize {
        self.control().count(operation)
    }

    /// How many POSTs have reached ECOM since calls were last forgotten.
    pub fn count_ecom_posts(&self) -> usize {
        let calls = self.control().calls();
        let is_post = |call: &&Call| {
            call.operation.upstream() == Upstream::Ecom && call.method == Method::POST
        };
        calls.iter().filter(is_post).count()
    }

    /// Forgets all calls so far.
    pub fn forget_calls(&self) {
        if TOKEN_CALLS.iter().any(|operation| self.count(*operation) > 0) {
            self.wanted_tokens.store(true, Ordering::Relaxed);
        }
        self.control().forget_calls();
    }

    /// Waits until the platform has received so many calls of that kind.
    pub async fn wait_for_calls(&self, operation: Operation, count: usize) {
        let received = async {
            while self.count(operation) < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), received).await;
        assert!(in_time.is_ok(), "{} was not called {count} times", operation.as_str());
    }

    /// The value of a metric, by its name and labels as they are exposed.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }
}

impl Drop for World {
    /// A test in which no browser ever held a token proves nothing about who the shopper is.
    fn drop(&mut self) {
        self.forget_calls();
        let lands_none = self.has_browsers.load(Ordering::Relaxed)
            && self.wanted_tokens.load(Ordering::Relaxed)
            && !self.landed.load(Ordering::Relaxed);
        assert!(
            !lands_none || std::thread::panicking(),
            "Tandem requested tokens of SLAS, and no browser held one in {}",
            self.scenario
        );
    }
}
