//! `GET authorize`: a code for a guest, or for the session bridge.

use super::refusal::Refusal;
use super::{Answered, client, redirect};
use crate::ask::{Ask, Fields};
use crate::ids;
use crate::platform::Platform;
use crate::state::{Client, Code, Purpose};

pub(super) fn authorize(platform: &Platform, ask: &Ask) -> Answered {
    let query = &ask.query;
    client::check_place(platform, ask, query)?;
    let client = client::of_front_call(platform, ask, query)?;
    let redirect_uri = redirect_uri(platform, query)?;
    if query.get("response_type") != Some("code") {
        return Err(Refusal::incomplete());
    }
    let state = query.get("state");
    let purpose = match query.get("hint") {
        Some("guest") => Purpose::Guest,
        Some("sb-guest") => Purpose::Bridge("sb-guest"),
        Some("sb-user") => Purpose::Bridge("sb-user"),
        // The simulated tenant has no identity provider to send the shopper to.
        _ => {
            let error = ("error", Some("invalid_request"));
            let why = ("error_description", Some("Identity provider not found."));
            return Ok(redirect::to(redirect_uri, &[error, why, ("state", state)]));
        }
    };
    let code = code(platform, query, client, purpose)?;
    let usid = code.usid.clone();
    let value = platform.state().grants.keep_code(code);
    let fields = [
        ("usid", Some(usid.as_str())),
        ("code", Some(&value)),
        ("state", state),
        ("scope", query.get("scope")),
    ];
    Ok(redirect::to(redirect_uri, &fields))
}

/// A code bound to client, redirect URI, challenge and usid; a usid sent along is kept.
pub(super) fn code(
    platform: &Platform,
    fields: &Fields,
    client: Client,
    purpose: Purpose,
) -> Result<Code, Refusal> {
    let challenge = fields.get("code_challenge").filter(|text| (43..=128).contains(&text.len()));
    let challenge = challenge.ok_or(Refusal::Live("code_challenge is required"))?;
    Ok(Code {
        client,
        redirect_uri: redirect_uri(platform, fields)?.to_owned(),
        challenge: challenge.to_owned(),
        usid: usid(fields)?.map_or_else(ids::uuid, ToOwned::to_owned),
        purpose,
        made_at: platform.now(),
    })
}

/// The redirect URI, which must be the registered one.
pub(super) fn redirect_uri<'a>(
    platform: &Platform,
    fields: &'a Fields,
) -> Result<&'a str, Refusal> {
    let given = fields.get("redirect_uri").filter(|uri| *uri == platform.options.redirect_uri);
    given.ok_or_else(|| Refusal::request("Bad or missing redirect_uri."))
}

/// The usid of a call, which must be a UUID if there is one.
pub(super) fn usid(fields: &Fields) -> Result<Option<&str>, Refusal> {
    match fields.get("usid") {
        Some(usid) if !ids::is_uuid(usid) => Err(Refusal::Live("invalid usid")),
        usid => Ok(usid),
    }
}
