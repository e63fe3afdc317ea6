//! The cookies of Storefront Next, as its server reads and writes them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::slas::Tokens;
use crate::config::SITE;
use crate::page::TokenClaims;

/// Every cookie of the session, without the site.
const NAMES: [&str; 7] =
    ["cc-at", "cc-nx", "cc-nx-g", "usid", "enc_user_id", "id_token", "customer_id"];

/// What the cookies of a request state.
pub(super) struct Session(BTreeMap<String, String>);

impl Session {
    /// Of several cookies of one name the last counts.
    pub(super) fn read(header: &str) -> Self {
        let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.get(&format!("{name}_{SITE}")).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn access(&self) -> Option<&str> {
        self.value("cc-at")
    }

    /// The access token, if it expires later than `now`.
    pub(super) fn valid_access(&self, now: i64) -> Option<&str> {
        self.access().filter(|token| expiry(token).is_some_and(|expiry| expiry > now))
    }

    /// Whether the token is a guest's; without a token, by the cookies.
    pub(super) fn is_guest(&self) -> bool {
        let claims = self.access().and_then(TokenClaims::read);
        claims.map_or_else(|| self.value("cc-nx").is_none(), |claims| !claims.registered)
    }

    /// The refresh token of the kind that the access token has.
    pub(super) fn refresh(&self) -> Option<&str> {
        let of_kind = if self.is_guest() { "cc-nx-g" } else { "cc-nx" };
        self.value(of_kind)
    }

    pub(super) fn usid(&self) -> Option<&str> {
        self.value("usid")
    }
}

fn expiry(token: &str) -> Option<i64> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Value>(&payload).ok()?["exp"].as_i64()
}

/// `Set-Cookie` lines.
#[derive(Default)]
pub(super) struct Writes(Vec<String>);

impl Writes {
    pub(super) fn lines(&self) -> &[String] {
        &self.0
    }

    fn set(&mut self, name: &str, value: &str, seconds: i64) {
        self.0.push(format!(
            "{name}_{SITE}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax"
        ));
    }

    fn delete(&mut self, name: &str) {
        self.set(name, "", 0);
    }

    pub(super) fn delete_all(&mut self) {
        for name in NAMES {
            self.delete(name);
        }
    }

    /// The guard against a loop of redirects.
    pub(super) fn mark_recovery(&mut self) {
        self.set("cc-auth-recover", "1", 30);
    }

    /// The cookie of the other kind of refresh token is deleted first.
    pub(super) fn set_tokens(&mut self, tokens: &Tokens) {
        let claims = TokenClaims::read(&tokens.access).expect("a token of SLAS");
        let (set, other) =
            if claims.registered { ("cc-nx", "cc-nx-g") } else { ("cc-nx-g", "cc-nx") };
        self.delete(other);
        self.set(set, &tokens.refresh, tokens.refresh_expires_in);
        self.set("usid", &claims.usid, tokens.refresh_expires_in);
        self.set("cc-at", &tokens.access, tokens.expires_in);
        self.delete("customer_id");
    }
}
