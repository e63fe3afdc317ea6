//! `tandem sandbox`: the simulator and Tandem in front of it, on loopback, in one process.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use tandem_sandbox::{ClientKind, EcomKind, Options, Sandbox};

use super::print;
use crate::app::App;
use crate::clock::{self, Clock};
use crate::config::{Config, Layers};
use crate::serve::{Bound, stopped};
use crate::telemetry;

const CONFIG: &str = include_str!("../../config/sandbox.toml");

/// The options of `tandem sandbox`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SandboxOptions {
    /// The port for browsers.
    #[arg(long, default_value_t = 8080)]
    pub(super) port: u16,
    /// Tandem's kind of SLAS client.
    #[arg(long, value_enum, default_value_t = Client::Private)]
    pub(super) client: Client,
    /// How SLAS tokens get a DW session.
    #[arg(long, value_enum, default_value_t = Mode::Classic)]
    pub(super) mode: Mode,
    /// When they get it.
    #[arg(long, value_enum, default_value_t = Time::Landing)]
    pub(super) time: Time,
    /// How ECOM uses SLAS.
    #[arg(long, value_enum, default_value_t = Ecom::Plain)]
    pub(super) ecom: Ecom,
}

/// How ECOM uses SLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Ecom {
    /// Not at all.
    Plain,
    /// With the cartridge `plugin_slas`: token cookies, and a redirect for returning shoppers.
    PluginSlas,
    /// Under Hybrid Auth; use it with that mode.
    HybridAuth,
}

/// The kind of SLAS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    /// With a secret; its refresh tokens do not rotate.
    Private,
    /// Without a secret; its refresh tokens rotate.
    Public,
}

/// The bridge mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// OCAPI `/sessions`.
    Classic,
    /// The platform sets `dwsid` on token responses.
    HybridAuth,
    /// No DW session, and no controller pages.
    None,
}

/// The bridge time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Time {
    /// With the tokens.
    Landing,
    /// Before an ECOM page.
    OnDemand,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            port: 8080,
            client: Client::Private,
            mode: Mode::Classic,
            time: Time::Landing,
            ecom: Ecom::Plain,
        }
    }
}

/// Tandem's clock as the simulator's clock, so that both systems have the same time.
impl From<Clock> for tandem_sandbox::Clock {
    fn from(clock: Clock) -> Self {
        let monotonic = clock.clone();
        Self::new(move || clock.now().unix(), move || monotonic.monotonic())
    }
}

/// Runs until the process receives a signal to stop.
pub(super) async fn run(options: SandboxOptions) -> io::Result<()> {
    let clock = Clock::system();
    let simulated = simulated(&options);
    let sandbox = Sandbox::start(simulated.clone(), clock.clone()).await?;
    let layers = layers(&options, &simulated, &sandbox)?;
    let config = Config::from_layers(&layers).map_err(io::Error::other)?;
    let _log = telemetry::start(&config.log_filter);
    let admin = config.admin_listen;
    let app = App::new(config, clock).ok_or_else(|| io::Error::other("no usable TLS roots"))?;
    let bound = Bound::new(app, admin).map_err(|error| port_error(&options, &error))?;
    let stop = stopped();
    let _ = print(&welcome(options.port, &simulated));
    bound.run(stop).await;
    drop(sandbox);
    Ok(())
}

/// The platform of these options. ECOM must be the same SLAS client as Tandem.
fn simulated(options: &SandboxOptions) -> Options {
    Options {
        redirect_uri: format!("http://127.0.0.1:{}/callback", options.port),
        hybrid_auth: options.mode == Mode::HybridAuth,
        ecom: match options.ecom {
            Ecom::Plain => EcomKind::Plain,
            Ecom::PluginSlas => EcomKind::PluginSlas,
            Ecom::HybridAuth => EcomKind::HybridAuth,
        },
        ecom_client: match options.client {
            Client::Private => ClientKind::Private,
            Client::Public => ClientKind::Public,
        },
        ..Options::default()
    }
}

fn layers(options: &SandboxOptions, simulated: &Options, sandbox: &Sandbox) -> io::Result<Layers> {
    let port = options.port;
    let site = |key: &str, value: String| (format!("TANDEM__SITES__REFARCH__{key}"), value);
    let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
        value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let client_id = match options.client {
        Client::Private => simulated.private_client.id.clone(),
        Client::Public => simulated.public_client.clone(),
    };
    let mut overrides = vec![
        ("TANDEM__SERVER__LISTEN".to_owned(), format!("127.0.0.1:{port}")),
        ("TANDEM__ADMIN__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("TANDEM__COOKIES__SEAL_KEYS".to_owned(), STANDARD.encode(clock::random::<32>())),
        site("HOSTS", format!("127.0.0.1:{port},localhost:{port}")),
        site("PUBLIC_ORIGIN", format!("http://127.0.0.1:{port}")),
        site("SLAS__BASE_URL", format!("http://{}", sandbox.api())),
        site("SLAS__CLIENT_ID", client_id),
        site("SLAS__REDIRECT_URI", simulated.redirect_uri.clone()),
        site("OCAPI__BASE_URL", format!("http://{}", sandbox.instance())),
        site("ROUTES__HEAD", format!("http://{}", sandbox.head())),
        site("BRIDGE__MODE", name(&|| options.mode.to_possible_value())),
        site("BRIDGE__TIME", name(&|| options.time.to_possible_value())),
    ];
    if options.mode != Mode::None {
        overrides.push(site("ROUTES__ECOM", format!("http://{}", sandbox.instance())));
    }
    if options.client == Client::Private {
        overrides.push(site("SLAS__CLIENT_SECRET", simulated.private_client.secret.clone()));
    }
    Layers::merge("config/sandbox.toml", CONFIG, overrides).map_err(io::Error::other)
}

fn port_error(options: &SandboxOptions, error: &io::Error) -> io::Error {
    let port = options.port;
    io::Error::other(format!("port {port}: {error} (try `tandem sandbox --port {}`)", port + 1))
}

fn welcome(port: u16, simulated: &Options) -> String {
    let shopper = simulated.shoppers.first();
    let account = shopper.map_or_else(String::new, |shopper| {
        format!("\n  Log in as  {}  with  {}\n", shopper.login, shopper.password)
    });
    format!(
        "\n  Tandem sandbox: a shop with a simulated platform, on this machine\n\
         \n    Shop        http://127.0.0.1:{port}/\
         \n    Inspector   http://127.0.0.1:{port}/inspector\n{account}\
         \n  Press Ctrl-C to stop.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulated_ecom_has_the_requested_kind_and_tandems_client() {
        let kinds = [
            (Ecom::Plain, EcomKind::Plain),
            (Ecom::PluginSlas, EcomKind::PluginSlas),
            (Ecom::HybridAuth, EcomKind::HybridAuth),
        ];
        let clients =
            [(Client::Private, ClientKind::Private), (Client::Public, ClientKind::Public)];
        for (ecom, kind) in kinds {
            for (client, of_ecom) in clients {
                let options = SandboxOptions { client, ecom, ..SandboxOptions::default() };
                let simulated = simulated(&options);
                assert_eq!((simulated.ecom, simulated.ecom_client), (kind, of_ecom));
            }
        }
    }
}
