//! The small language of these tests: a world to build, requests as bytes, answers to expect.

mod ask;
mod gateway;
mod head;
mod http2;
mod process;
mod time;
mod tls;
mod wire;
mod world;

pub(crate) use ask::{Ask, Jar, get, post, request};
pub(crate) use gateway::{
    BASKETS, CART, GATEWAYS, Gateway, PRODUCT, REPLACED, establish, tells_nothing,
};
pub(crate) use head::{Head, StandIn};
pub(crate) use http2::{Http2, Reaction, http2_get, http2_reaction, http2_request};
pub(crate) use process::{Output, Server};
pub(crate) use time::{StoppedTime, stop_time};
pub(crate) use tls::{LARGE, TlsHead};
pub(crate) use wire::{Answer, Line};
pub(crate) use world::{HOST, ORIGIN, Plan, World, slas};
