//! The simulator with Tandem before it, on loopback, sharing one clock.

use std::net::SocketAddr;
use std::time::Duration;

use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::serve::Bound;
use tandem_sandbox::{Control, Operation, Options, Sandbox, Upstream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ask::{Ask, Jar, get, post};
use super::wire::{Answer, Line};

/// The host and the origin by which browsers know the shop.
pub(crate) const HOST: &str = "shop.test";
pub(crate) const ORIGIN: &str = "https://shop.test";

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    _stop: DropGuard,
}

/// What is special about a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    server: String,
    site: String,
    more: String,
    head: Option<String>,
    ecom: Option<SocketAddr>,
    ocapi: Option<SocketAddr>,
    public_client: bool,
    alone: bool,
}

impl World {
    pub(crate) fn with() -> Plan {
        Plan::default()
    }

    /// The ordinary shop.
    pub(crate) async fn start() -> Self {
        Plan::default().start().await
    }

    /// A new connection.
    pub(crate) async fn line(&self) -> Line {
        Line::open(self.address).await
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let mut line = self.line().await;
        line.write(ask.bytes()).await;
        line.answer(&ask.method).await
    }

    /// Sends bytes on a connection of their own.
    pub(crate) async fn ask_raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut line = self.line().await;
        line.write(bytes).await;
        line.answer("GET").await
    }

    /// The cookies of a guest who has just landed.
    pub(crate) async fn guest(&self) -> Jar {
        let mut jar = Jar::default();
        jar.take(self.ask(get("/").document()).await.expect(200));
        jar
    }

    /// The cookies of a shopper who has just signed in.
    pub(crate) async fn registered(&self) -> Jar {
        let mut jar = self.guest().await;
        let login = post("/bff/login").own_page().cookies(&jar);
        let login = login.json(r#"{"username":"jo@example.com","password":"Tandem-2026"}"#);
        jar.take(self.ask(login).await.expect(200));
        jar
    }

    /// Who a browser with these cookies is, by our own word.
    pub(crate) async fn session(&self, jar: &Jar) -> serde_json::Value {
        self.ask(get("/bff/session").own_page().cookies(jar)).await.expect(200).json()
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        let mut line = Line::open(self.admin).await;
        line.write(get("/metrics").bytes()).await;
        line.answer("GET").await.expect(200).text()
    }

    pub(crate) fn control(&self) -> &Control {
        self.sandbox.control()
    }

    /// Calls to SLAS, OCAPI and SCAPI since the last [`forget_calls`](Self::forget_calls).
    pub(crate) fn auth_calls(&self) -> Vec<&'static str> {
        let pages = [Upstream::Head, Upstream::Ecom];
        let calls = self.control().calls();
        let auth = calls.iter().filter(|call| !pages.contains(&call.operation.upstream()));
        auth.map(|call| call.operation.as_str()).collect()
    }

    pub(crate) fn count(&self, operation: Operation) -> usize {
        self.control().count(operation)
    }

    pub(crate) fn forget_calls(&self) {
        self.control().forget_calls();
    }

    pub(crate) fn minutes_pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }
}

impl Plan {
    /// Lines of `[server]`.
    pub(crate) fn server(mut self, lines: &str) -> Self {
        self.server.push_str(lines);
        self.server.push('\n');
        self
    }

    /// At an address of its own, whose ports nobody else takes when it lets go of them.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Lines of the site, with dotted keys.
    pub(crate) fn site(mut self, lines: &str) -> Self {
        self.site.push_str(lines);
        self.site.push('\n');
        self
    }

    /// Whole sections, for example another site.
    pub(crate) fn more(mut self, sections: &str) -> Self {
        self.more.push_str(sections);
        self
    }

    /// Another Head than the simulator's.
    pub(crate) fn head(mut self, address: SocketAddr) -> Self {
        self.head = Some(format!("http://{address}"));
        self
    }

    /// Another Head than the simulator's, by its origin.
    pub(crate) fn head_at(mut self, origin: &str) -> Self {
        self.head = Some(origin.to_owned());
        self
    }

    /// Other controller pages than the simulator's.
    pub(crate) fn ecom(mut self, address: SocketAddr) -> Self {
        self.ecom = Some(address);
        self
    }

    /// Another OCAPI than the simulator's.
    pub(crate) fn ocapi(mut self, address: SocketAddr) -> Self {
        self.ocapi = Some(address);
        self
    }

    /// A SLAS client without a secret.
    pub(crate) fn public_client(mut self) -> Self {
        self.public_client = true;
        self
    }

    pub(crate) async fn start(self) -> World {
        let clock = Clock::system();
        let sandbox = Sandbox::start(Options::default(), clock.clone()).await.expect("a sandbox");
        let layers = Layers::merge("test.toml", &self.config(&sandbox), []).expect("TOML");
        let config = Config::from_layers(&layers).expect("a configuration");
        let admin = config.admin_listen;
        let app = App::new(config, clock.clone()).expect("an application");
        let bound = Bound::new(app, admin).expect("two loopback ports");
        let address = bound.address().expect("a bound socket");
        let admin = bound.admin_address().expect("a bound socket");
        let stop = CancellationToken::new();
        tokio::spawn(bound.run(stop.clone()));
        World { sandbox, clock, address, admin, _stop: stop.drop_guard() }
    }

    /// The configuration file for this plan.
    pub(crate) fn config(&self, sandbox: &Sandbox) -> String {
        let Self { server, site, more, head, ecom, ocapi, public_client, alone } = self;
        let address = if *alone { "127.0.0.77" } else { "127.0.0.1" };
        let options = Options::default();
        let head = head.clone().unwrap_or_else(|| format!("http://{}", sandbox.head()));
        let instance = sandbox.instance();
        let (ecom, ocapi) = (ecom.unwrap_or(instance), ocapi.unwrap_or(instance));
        format!(
            r#"
            [server]
            listen = "{address}:0"
            {server}
            [admin]
            listen = "127.0.0.1:0"
            [cookies]
            seal_keys = ["a key for tests only, long enough"]
            [[sites]]
            id = "RefArch"
            hosts = ["{HOST}"]
            public_origin = "{ORIGIN}"
            ocapi.base_url = "http://{ocapi}"
            routes.head = "{head}"
            routes.ecom = "http://{ecom}"
            {slas}
            {site}
            {more}
            "#,
            slas = slas(sandbox, &options, *public_client),
        )
    }
}

/// The SLAS client of a site.
pub(crate) fn slas(sandbox: &Sandbox, options: &Options, public_client: bool) -> String {
    let client = &options.private_client;
    let client = if public_client {
        format!("slas.client_id = \"{}\"", options.public_client)
    } else {
        format!("slas.client_id = \"{}\"\nslas.client_secret = \"{}\"", client.id, client.secret)
    };
    let (api, organization) = (sandbox.api(), &options.organization_id);
    format!(
        "slas.base_url = \"http://{api}\"\nslas.organization_id = \"{organization}\"\n\
         slas.redirect_uri = \"{}\"\n{client}",
        options.redirect_uri
    )
}
