//! `GET authorize`: a code for a guest or for the session bridge.

use super::error::SlasError;
use super::{HandlerResult, client_auth, redirect};
use crate::ids;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::{Fields, Request};
use crate::state::{Code, Purpose};

pub(super) fn authorize(platform: &Platform, request: &Request) -> HandlerResult {
    let query = &request.query;
    client_auth::check_tenant(platform, request, query)?;
    let client = client_auth::authenticate_code_request(platform, request, query)?;
    let redirect_uri = redirect_uri(platform, query)?;
    if query.get("response_type") != Some("code") {
        return Err(SlasError::missing_parameter());
    }
    let state = query.get("state");
    let purpose = match query.get("hint") {
        Some("guest") => Purpose::Guest,
        Some("sb-guest") => Purpose::Bridge("sb-guest"),
        Some("sb-user") => Purpose::Bridge("sb-user"),
        // The simulated tenant has no identity provider.
        _ => {
            let error = ("error", Some("invalid_request"));
            let why = ("error_description", Some("Identity provider not found."));
            return Ok(redirect::to(redirect_uri, &[error, why, ("state", state)]));
        }
    };
    let code = code(platform, query, client, purpose)?;
    let usid = code.usid.clone();
    let value = platform.state().grants.add_code(code);
    let fields = [
        ("usid", Some(usid.as_str())),
        ("code", Some(&value)),
        ("state", state),
        ("scope", query.get("scope")),
    ];
    Ok(redirect::to(redirect_uri, &fields))
}

/// A code bound to client, redirect URI, challenge and usid. It keeps the usid of the request, if
/// any.
pub(super) fn code(
    platform: &Platform,
    fields: &Fields,
    client: ClientKind,
    purpose: Purpose,
) -> Result<Code, SlasError> {
    let challenge = fields.get("code_challenge").filter(|text| (43..=128).contains(&text.len()));
    let challenge = challenge.ok_or(SlasError::Undocumented("code_challenge is required"))?;
    Ok(Code {
        client,
        redirect_uri: redirect_uri(platform, fields)?.to_owned(),
        challenge: challenge.to_owned(),
        usid: usid(fields)?.map_or_else(ids::uuid, ToOwned::to_owned),
        purpose,
        made_at: platform.now(),
    })
}

/// The redirect URI of a request, which must be the registered one.
pub(super) fn redirect_uri<'a>(
    platform: &Platform,
    fields: &'a Fields,
) -> Result<&'a str, SlasError> {
    let given = fields.get("redirect_uri").filter(|uri| *uri == platform.options.redirect_uri);
    given.ok_or_else(|| SlasError::invalid_request("Bad or missing redirect_uri."))
}

/// The usid of a request, which must be a UUID if there is one.
pub(super) fn usid(fields: &Fields) -> Result<Option<&str>, SlasError> {
    match fields.get("usid") {
        Some(usid) if !ids::is_uuid(usid) => Err(SlasError::Undocumented("invalid usid")),
        usid => Ok(usid),
    }
}
