//! `POST token`: which grant, and for which client.

use super::refusal::Refusal;
use super::{HandlerResult, client, grants};
use crate::platform::Platform;
use crate::request::{Fields, Request};
use crate::state::Client;

/// A token call whose client is known.
pub(super) struct TokenCall<'a> {
    pub(super) platform: &'a Platform,
    pub(super) request: &'a Request,
    pub(super) form: Fields,
    pub(super) client: Client,
}

pub(super) fn token(platform: &Platform, request: &Request) -> HandlerResult {
    let form = client::form(platform, request)?;
    let client = client::of_token_call(platform, request, &form)?;
    let call = TokenCall { platform, request, form, client };
    match call.form.get("grant_type") {
        Some("client_credentials") => grants::guest(&call),
        Some("authorization_code_pkce") => grants::code(&call),
        Some("refresh_token") => grants::refresh(&call),
        _ => Err(Refusal::request("Bad or missing grant_type.")),
    }
}

impl TokenCall<'_> {
    /// The `dnt` field, when it is sent.
    pub(super) fn do_not_track(&self) -> Option<bool> {
        self.form.get("dnt").map(|dnt| dnt == "true")
    }
}
