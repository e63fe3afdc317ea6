//! Settings of a shop that differ from the default.

use std::net::SocketAddr;
use std::time::Duration;

use tandem_sandbox::{CookieNames, EcomKind, EnforceHttps};

use super::{Client, Part, Scenario, Time};

impl Scenario {
    /// A DW session is created before the first request to ECOM.
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

    /// Tandem listens at an address that no other test uses, so that no other test takes a port when
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

    /// The tenant bridges a guest's plain `dwsid`.
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

    /// The Head at this origin instead of the simulator's.
    pub fn with_head(mut self, origin: impl Into<String>) -> Self {
        self.head = Some(origin.into());
        self
    }

    /// The controller pages of this origin instead of the simulator's.
    pub fn with_ecom_at(mut self, origin: impl Into<String>) -> Self {
        self.ecom = Some(origin.into());
        self
    }

    /// The OCAPI of this origin instead of the simulator's.
    pub fn with_ocapi(mut self, origin: impl Into<String>) -> Self {
        self.ocapi = Some(origin.into());
        self
    }

    /// The cookies of that profile. ECOM is configured with its names.
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

    /// Pages for which no tokens can be had are 503, so that a test sees why.
    pub fn refusing_pages_in_outages(self) -> Self {
        self.with_site("session.unavailable", "refuse")
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
