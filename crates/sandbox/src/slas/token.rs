//! `POST token`: which grant, and for which client.

use super::refusal::Refusal;
use super::{Answered, client, grants};
use crate::ask::{Ask, Fields};
use crate::platform::Platform;
use crate::state::Client;

/// A token call whose client is known.
pub(super) struct TokenCall<'a> {
    pub(super) platform: &'a Platform,
    pub(super) ask: &'a Ask,
    pub(super) form: Fields,
    pub(super) client: Client,
}

pub(super) fn token(platform: &Platform, ask: &Ask) -> Answered {
    let form = client::form(platform, ask)?;
    let client = client::of_token_call(platform, ask, &form)?;
    let call = TokenCall { platform, ask, form, client };
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
