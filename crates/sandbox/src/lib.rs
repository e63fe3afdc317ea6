//! A stateful simulator of the platform: SLAS, parts of SCAPI and OCAPI, an ECOM in the style of
//! SFRA, and a demo Head.
//!
//! `tandem sandbox` runs it for users without an account. The end-to-end tests use it as an
//! independent oracle: it is as strict as the real platform about grants, fields and headers, and
//! it logs every call. It shares no wire type with the clients under test, so both must agree on
//! the protocol.

mod call_log;
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
mod ocapi;
mod options;
mod platform;
mod recorder;
mod request;
mod scapi;
mod server;
mod slas;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::call_log::{Call, Operation, Upstream};
pub use self::clock::Clock;
pub use self::control::{
    BasketItem, Control, CustomerKind, DwSessionView, RefreshTokenState, RefreshTokenView,
    TokenSignature, TokenSpec,
};
pub use self::faults::{Fault, Target, Times};
pub use self::options::{
    ClientKind, CookieNames, EcomKind, EnforceHttps, Options, Ports, PrivateClient, Remember,
    Shopper,
};

use self::platform::{Platform, Shared};
use self::server::BoundListener;

/// A running simulator with three loopback listeners. Dropping the value stops them.
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
    /// When a listener cannot be bound, usually because a fixed port is in use.
    pub async fn start(options: Options, clock: impl Into<Clock>) -> io::Result<Self> {
        let ports = options.ports;
        let platform: Shared = Arc::new(Platform::new(options, clock.into()));
        let api = BoundListener::bind(ports.api)?;
        let instance = BoundListener::bind(ports.instance)?;
        let head = BoundListener::bind(ports.head)?;
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
        head.serve(head_host(&platform), &stop);
        tokio::task::yield_now().await;
        Ok(started)
    }

    /// The address of SLAS and SCAPI (the short code host).
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The address of OCAPI and the ECOM controllers (the instance host).
    #[must_use]
    pub fn instance(&self) -> SocketAddr {
        self.instance
    }

    /// The address of the demo Head and the inspector.
    #[must_use]
    pub fn head(&self) -> SocketAddr {
        self.head
    }

    /// The handle with which tests inspect the platform and cause faults.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }
}

fn api_host(platform: &Shared) -> Router {
    recorder::recorded(
        slas::router(platform).merge(scapi::router()),
        platform,
        Operation::ScapiOther,
    )
}

fn instance_host(platform: &Shared) -> Router {
    recorder::recorded(ocapi::router().merge(ecom::router()), platform, Operation::EcomPage)
}

fn head_host(platform: &Shared) -> Router {
    let routes = head::router().nest("/inspector", inspector::router());
    recorder::recorded(routes, platform, Operation::HeadPage)
}
