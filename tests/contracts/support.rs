//! The language the contracts are written in: a mocked platform with one site before it, tokens to
//! measure, and a reader for the requests that arrived.

mod captured;
mod peer;
mod tokens;
mod wire;
mod world;

pub(crate) use captured::Captured;
pub(crate) use peer::{Manner, Peer};
pub(crate) use tokens::{Shopper, SigningKey, base64url, tokens, unsigned};
pub(crate) use wire::{Sent, html, json, pairs, redirect, status};
pub(crate) use world::{
    CLIENT, ORGANIZATION, REDIRECT, SECRET, SITE, Settings, USID, World, config, context, shared,
    site,
};
