//! What a shop of the tests is like: its SLAS client, how and when it bridges, what stands beside it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_sandbox::{ClientKind, CookieNames, EcomKind, EnforceHttps, Options, Sandbox};

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
    /// With a secret; its refresh tokens stay.
    Private,
    /// Without; its refresh tokens rotate.
    Public,
}

/// How a DW session is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By OCAPI `/sessions`.
    Classic,
    /// By the platform, with every token response.
    Hybrid,
    /// Not at all: there are no controller pages.
    None,
}

/// When it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// With the tokens.
    Landing,
    /// Before the first request to ECOM.
    OnDemand,
}

/// A shop to start. By default a private client that bridges when a shopper lands.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The kind of SLAS client.
    pub client: Client,
    /// How a DW session is made.
    pub mode: Mode,
    /// When it is made.
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

/// Which shop.
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

/// What differs from the default.
impl Scenario {
    /// A DW session is made before the first request to ECOM.
    pub fn on_demand(mut self) -> Self {
        self.time = Time::OnDemand;
        self
    }

    /// A SLAS client without a secret.
    pub fn with_public_client(mut self) -> Self {
        self.client = Client::Public;
        self
    }

    /// Tandem listens at `address`, and browsers know the shop by `origin`.
    pub fn at(mut self, address: SocketAddr, origin: &str) -> Self {
        self.listen = address;
        origin.clone_into(&mut self.origin);
        origin.rsplit('/').next().unwrap_or_default().clone_into(&mut self.host);
        self.options.redirect_uri = format!("{origin}/callback");
        self
    }

    /// Tandem listens at an address that no other test uses, so that no one else takes a port when
    /// it is closed.
    pub fn on_its_own_address(mut self) -> Self {
        self.listen = SocketAddr::from(([127, 0, 0, 77], 0));
        self
    }

    /// "Enforce HTTPS" is off: a DW session is proven by two cookies.
    pub fn without_enforce_https(mut self) -> Self {
        self.options.enforce_https = EnforceHttps::Off;
        self.with_site("ocapi.enforce_https", "false")
    }

    /// The tenant still bridges a guest's plain `dwsid`.
    pub fn with_guest_dwsid_bridge(mut self) -> Self {
        self.options.guest_dwsid_bridge = true;
        self
    }

    /// ECOM has the `plugin_slas` cartridge, and the site the cookies for it.
    pub fn with_plugin_slas(self) -> Self {
        self.with_cartridge_alone().with_site("cookies.profile", "plugin-slas")
    }

    /// ECOM has the `plugin_slas` cartridge, and Tandem is not configured for it.
    pub fn with_cartridge_alone(mut self) -> Self {
        self.options.ecom = EcomKind::PluginSlas;
        self
    }

    /// Tandem does not front ECOM.
    pub fn without_fronting_ecom(mut self) -> Self {
        self.fronts_ecom = false;
        self
    }

    /// Another Head than the simulator's, at this origin.
    pub fn with_head(mut self, origin: impl Into<String>) -> Self {
        self.head = Some(origin.into());
        self
    }

    /// Other controller pages than the simulator's, at this origin.
    pub fn with_ecom_at(mut self, origin: impl Into<String>) -> Self {
        self.ecom = Some(origin.into());
        self
    }

    /// Another OCAPI than the simulator's, at this origin.
    pub fn with_ocapi(mut self, origin: impl Into<String>) -> Self {
        self.ocapi = Some(origin.into());
        self
    }

    /// The cookies of that profile, whose names ECOM knows.
    pub fn with_profile(mut self, profile: &str) -> Self {
        if profile == "pwa-kit" || profile == "storefront-next" {
            self.options.token_cookies = CookieNames::Suffixed;
        }
        profile.clone_into(&mut self.profile);
        self.with_site("cookies.profile", profile)
    }

    /// The cookie profile's name.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Access tokens are valid for so many seconds.
    pub fn with_access_life(mut self, seconds: u64) -> Self {
        self.options.access_life = Duration::from_secs(seconds);
        self
    }

    /// An environment variable for a key of the configuration, such as `upstream.timeout_ms`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let variable = format!("TANDEM__{}", key.to_uppercase().replace('.', "__"));
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// The same for a key of the site, such as `session.after_logout`.
    pub fn with_site(self, key: &str, value: &str) -> Self {
        self.with(&format!("sites.refarch.{key}"), value)
    }

    /// Upstream calls time out soon, for tests in which one hangs.
    pub fn with_short_timeouts(self) -> Self {
        self.with("upstream.timeout_ms", "250").with("upstream.refresh_timeout_ms", "250")
    }

    /// These lines of `[server]`.
    pub fn server(self, lines: &str) -> Self {
        self.part(Part::Server, lines)
    }

    /// These lines of `[upstream]`.
    pub fn upstream(self, lines: &str) -> Self {
        self.part(Part::Upstream, lines)
    }

    /// These lines of the site, with dotted keys.
    pub fn site(self, lines: &str) -> Self {
        self.part(Part::Site, lines)
    }

    /// One rule of the site's route table.
    pub fn route(self, rule: &str) -> Self {
        self.site(&format!("[[routes.rules]]\n{rule}"))
    }

    /// These sections of the file, such as another site.
    pub fn sections(self, text: &str) -> Self {
        self.part(Part::File, text)
    }

    fn part(mut self, part: Part, lines: &str) -> Self {
        self.lines.push((part, lines.to_owned()));
        self
    }
}

/// What is expected of such a shop.
impl Scenario {
    /// Whether landing makes a DW session by OCAPI.
    pub fn bridges_at_landing(&self) -> bool {
        self.mode == Mode::Classic && self.time == Time::Landing
    }

    /// Whether a shopper has a DW session after landing on the Head.
    pub fn has_dw_session_after_landing(&self) -> bool {
        self.mode == Mode::Hybrid || self.bridges_at_landing()
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
