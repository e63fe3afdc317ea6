//! The small language of these tests: a world to build, requests as bytes, answers to expect.

mod ask;
mod gateway;
mod head;
mod process;
mod wire;
mod world;

pub(crate) use ask::{Ask, Jar, get, post, request};
pub(crate) use gateway::{CART, GATEWAYS, Gateway, PRODUCT, establish};
pub(crate) use head::{Head, StandIn};
pub(crate) use process::Server;
pub(crate) use wire::{Answer, Line};
pub(crate) use world::{HOST, ORIGIN, Plan, World, slas};
