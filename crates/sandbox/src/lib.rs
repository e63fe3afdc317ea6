//! An embedded, stateful simulator of the platform: SLAS, a little of SCAPI and OCAPI, an SFRA-like
//! ECOM and a demo Head.
//!
//! It is what `tandem sandbox` shows to a newcomer who has no account, and it is the oracle of the
//! integration tests: as strict as the real platform about grants, fields and headers, and with a
//! ledger of every call. It shares no wire type with the clients it judges, so it can disagree.

mod ask;
mod catalog;
mod clock;
mod control;
mod cookies;
mod ecom;
mod faults;
mod head;
mod html;
mod ids;
mod inspector;
mod jws;
mod ledger;
mod ocapi;
mod options;
mod platform;
mod scapi;
mod server;
mod slas;
mod state;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::clock::Clock;
pub use self::control::{
    BasketLine, Control, CustomerKind, DwView, RefreshState, RefreshView, TokenSignature, TokenSpec,
};
pub use self::faults::{Fault, Target, Times};
pub use self::ledger::{Call, Operation, Upstream};
pub use self::options::{
    ClientKind, CookieNames, EcomKind, EnforceHttps, Options, Ports, PrivateClient, Remember,
    Shopper,
};

use self::platform::{Platform, Shared};
use self::server::Listening;

/// A running simulator on three loopback listeners. They stop when this value is dropped.
pub struct Sandbox {
    api: SocketAddr,
    instance: SocketAddr,
    head: SocketAddr,
    control: Control,
    _stop: DropGuard,
}

impl Sandbox {
    /// Binds the three listeners and serves until the value is dropped.
    ///
    /// # Errors
    ///
    /// When a listener cannot be bound, mostly because a fixed port is taken.
    pub async fn start(options: Options, clock: impl Into<Clock>) -> io::Result<Self> {
        let ports = options.ports;
        let platform: Shared = Arc::new(Platform::new(options, clock.into()));
        let api = Listening::bind(ports.api)?;
        let instance = Listening::bind(ports.instance)?;
        let head = Listening::bind(ports.head)?;
        let stop = CancellationToken::new();
        let started = Self {
            api: api.address(),
            instance: instance.address(),
            head: head.address(),
            control: Control::new(Arc::clone(&platform)),
            _stop: stop.clone().drop_guard(),
        };
        api.serve(api_host(&platform), &stop);
        instance.serve(instance_host(&platform), &stop);
        head.serve(head::router(&platform), &stop);
        tokio::task::yield_now().await;
        Ok(started)
    }

    /// Where SLAS and SCAPI answer (the short code host).
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Where OCAPI and the ECOM controllers answer (the instance host).
    #[must_use]
    pub fn instance(&self) -> SocketAddr {
        self.instance
    }

    /// Where the demo Head and the inspector answer.
    #[must_use]
    pub fn head(&self) -> SocketAddr {
        self.head
    }

    /// The handle by which tests look inside and break things.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }
}

fn api_host(platform: &Shared) -> Router {
    watch::watched(slas::router(platform).merge(scapi::router()), platform, Operation::ScapiOther)
}

fn instance_host(platform: &Shared) -> Router {
    watch::watched(ocapi::router().merge(ecom::router()), platform, Operation::EcomPage)
}
