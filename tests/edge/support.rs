//! What only these tests need: gateways, HTTP/2 clients and upstreams behind TLS.

mod gateway;
mod http2;
mod tls;

use testkit::{Head, Program, Scenario, World};

pub(crate) use gateway::{
    BASKETS, CART, COPIED, GATEWAYS, Gateway, PRODUCT, establish, expect_no_identity,
    follow_establish,
};
pub(crate) use http2::{Http2, Reaction, http2_get, http2_reaction, http2_request};
pub(crate) use tls::{LARGE, TlsHead};

/// The real binary.
pub(crate) const TANDEM: Program =
    Program { binary: env!("CARGO_BIN_EXE_tandem"), folder: env!("CARGO_TARGET_TMPDIR") };

/// A shop whose Head the test plays, with these lines of `[upstream]`.
pub(crate) async fn with_head(upstream: &str) -> (World, Head) {
    let head = Head::bind().await;
    let world = Scenario::default().upstream(upstream).with_head(head.origin()).start().await;
    (world, head)
}
