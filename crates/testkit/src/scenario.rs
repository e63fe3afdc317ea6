//! The shop of a test: its SLAS client, its bridge mode and time, its upstreams and settings.

mod settings;

use std::fmt;
use std::net::SocketAddr;

use tandem_sandbox::{ClientKind, EcomKind, Options, Sandbox};

use crate::config::{HOST, ORIGIN, REDIRECT_URI, ShopConfig};

/// The password of the demo shoppers.
pub const PASSWORD: &str = "Tandem-2026";
/// Login and password of a demo shopper.
pub const JO: (&str, &str) = ("jo@example.com", PASSWORD);
/// Login and password of another demo shopper.
pub const SAM: (&str, &str) = ("sam@example.com", PASSWORD);

/// The kind of SLAS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// With a secret; its refresh tokens stay valid.
    Private,
    /// Without a secret; its refresh tokens rotate.
    Public,
}

/// How a DW session is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By OCAPI `/sessions`.
    Classic,
    /// By the platform, with every token response.
    Hybrid,
    /// Never: there are no controller pages.
    None,
}

/// When a DW session is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// With the tokens.
    Landing,
    /// Before the first request to ECOM.
    OnDemand,
}

/// Whether a browser has a DW session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DwSession {
    /// It has a `dwsid`, and its DW session is alive.
    Live,
    /// It has no `dwsid`.
    Absent,
}

impl DwSession {
    /// A live one where `condition` holds, else none.
    pub fn live_if(condition: bool) -> Self {
        if condition { Self::Live } else { Self::Absent }
    }
}

/// A shop to start. By default a private client that bridges when a shopper lands.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The kind of SLAS client.
    pub client: Client,
    /// How a DW session is created.
    pub mode: Mode,
    /// When a DW session is created.
    pub time: Time,
    pub(crate) host: String,
    pub(crate) origin: String,
    pub(crate) options: Options,
    listen: SocketAddr,
    lines: Vec<(Part, String)>,
    environment: Vec<(String, String)>,
    head: Option<String>,
    ecom: Option<String>,
    ocapi: Option<String>,
    fronts_ecom: bool,
    profile: String,
}

/// A part of the configuration file.
#[derive(Clone, Copy, Debug)]
enum Part {
    Server,
    Upstream,
    Site,
    File,
}

impl Default for Scenario {
    fn default() -> Self {
        Self::new(Client::Private, Mode::Classic, Time::Landing)
    }
}

/// The kinds of shop.
impl Scenario {
    /// A shop of this kind.
    pub fn new(client: Client, mode: Mode, time: Time) -> Self {
        let ecom = if mode == Mode::Hybrid { EcomKind::HybridAuth } else { EcomKind::Plain };
        let ecom_client = match client {
            Client::Private => ClientKind::Private,
            Client::Public => ClientKind::Public,
        };
        let options = Options {
            redirect_uri: REDIRECT_URI.to_owned(),
            hybrid_auth: mode == Mode::Hybrid,
            ecom,
            ecom_client,
            ..Options::default()
        };
        Self {
            client,
            mode,
            time,
            host: HOST.to_owned(),
            origin: ORIGIN.to_owned(),
            options,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lines: Vec::new(),
            environment: Vec::new(),
            head: None,
            ecom: None,
            ocapi: None,
            fronts_ecom: true,
            profile: "classic".to_owned(),
        }
    }

    /// A private client that bridges when a shopper lands: the defaults.
    pub fn private() -> Self {
        Self::default()
    }

    /// The same with a public client.
    pub fn public() -> Self {
        Self::new(Client::Public, Mode::Classic, Time::Landing)
    }

    /// Both kinds of client.
    pub fn clients() -> [Self; 2] {
        [Self::private(), Self::public()]
    }

    /// Every kind of client, bridge mode and bridge time.
    pub fn all() -> Vec<Self> {
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
    pub fn with_ecom() -> Vec<Self> {
        Self::all().into_iter().filter(|scenario| scenario.mode != Mode::None).collect()
    }
}

/// What is expected of such a shop.
impl Scenario {
    /// Whether landing creates a DW session by OCAPI.
    pub fn bridges_at_landing(&self) -> bool {
        self.mode == Mode::Classic && self.time == Time::Landing
    }

    /// Whether a shopper has a DW session after landing on the Head.
    pub fn dw_session_after_landing(&self) -> DwSession {
        DwSession::live_if(self.mode == Mode::Hybrid || self.bridges_at_landing())
    }

    /// The calls that create a guest.
    pub fn guest_calls(&self) -> Vec<&'static str> {
        match self.client {
            Client::Private => vec!["slas.token.guest"],
            Client::Public => vec!["slas.authorize", "slas.token.code"],
        }
    }

    /// Those, and the bridge where one belongs to them.
    pub fn landing_calls(&self) -> Vec<&'static str> {
        self.and_bridge(self.guest_calls())
    }

    /// `calls`, and the bridge where landing has one.
    pub fn and_bridge(&self, mut calls: Vec<&'static str>) -> Vec<&'static str> {
        if self.bridges_at_landing() {
            calls.push("ocapi.sessions");
        }
        calls
    }
}

/// Its configuration.
impl Scenario {
    /// The configuration file, with the simulated platform at `sandbox`.
    pub fn config(&self, sandbox: &Sandbox) -> ShopConfig {
        let instance = format!("http://{}", sandbox.instance());
        let head = self.head.clone().unwrap_or_else(|| format!("http://{}", sandbox.head()));
        let ocapi = self.ocapi.as_ref().unwrap_or(&instance);
        let (mode, time) = (self.mode_name(), self.time_name());
        let mut config = ShopConfig::minimal(&instance)
            .server(&format!("listen = \"{}\"", self.listen))
            .site(&site_keys(&self.host, &self.origin))
            .site(&slas_keys(sandbox, &self.options, self.client))
            .site(&format!("bridge.mode = \"{mode}\"\nbridge.time = \"{time}\""))
            .site(&format!("ocapi.base_url = \"{ocapi}\"\nroutes.head = \"{head}\""));
        if self.fronts_ecom && self.mode != Mode::None {
            let ecom = self.ecom.as_ref().unwrap_or(&instance);
            config = config.site(&format!("routes.ecom = \"{ecom}\""));
        }
        self.lines.iter().fold(config, |config, (part, lines)| match part {
            Part::Server => config.server(lines),
            Part::Upstream => config.upstream(lines),
            Part::Site => config.site(lines),
            Part::File => config.sections(lines),
        })
    }

    /// The environment variables beside it.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    fn mode_name(&self) -> &'static str {
        match self.mode {
            Mode::Classic => "classic",
            Mode::Hybrid => "hybrid-auth",
            Mode::None => "none",
        }
    }

    fn time_name(&self) -> &'static str {
        if self.time == Time::Landing { "landing" } else { "on-demand" }
    }
}

fn site_keys(host: &str, origin: &str) -> String {
    format!("hosts = [\"{host}\"]\npublic_origin = \"{origin}\"\nsession.login_page = \"/login\"")
}

/// The keys of a site's SLAS client, at the platform `sandbox` with these `options`.
pub fn slas_keys(sandbox: &Sandbox, options: &Options, client: Client) -> String {
    let private = &options.private_client;
    let client = match client {
        Client::Private => format!(
            "slas.client_id = \"{}\"\nslas.client_secret = \"{}\"",
            private.id, private.secret
        ),
        Client::Public => format!("slas.client_id = \"{}\"", options.public_client),
    };
    format!(
        "slas.base_url = \"http://{}\"\nslas.organization_id = \"{}\"\n\
         slas.redirect_uri = \"{}\"\n{client}",
        sandbox.api(),
        options.organization_id,
        options.redirect_uri
    )
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client, mode, time) = (self.client, self.mode, self.time);
        write!(formatter, "{client:?}, {mode:?}, {time:?}, {}", self.profile)
    }
}
