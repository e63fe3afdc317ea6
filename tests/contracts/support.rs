//! What only these tests need: a mocked platform with one site before it, tokens, and a reader for
//! the requests that the mock received.

mod captured;
mod misbehaving;
mod platform;
mod received;
mod tokens;

pub(crate) use captured::CapturedLog;
pub(crate) use misbehaving::{Behavior, MisbehavingUpstream};
pub(crate) use platform::{MockPlatform, SECRET, Settings, USID, config, context, shared, site};
pub(crate) use received::{Received, html, json, pairs, redirect, status};
pub(crate) use tokens::{Shopper, SigningKey, base64url, tokens, unsigned};
