//! Checks organization and channel, and authenticates the SLAS client.

use super::error::SlasError;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::{Fields, Request, decode_pair};

/// Checks that the path names the organization of this tenant.
pub(super) fn check_organization(platform: &Platform, request: &Request) -> Result<(), SlasError> {
    if request.path("organization") == platform.options.organization_id {
        Ok(())
    } else {
        Err(SlasError::Undocumented("invalid organizationId"))
    }
}

/// Checks organization and channel. With a refresh token, another channel makes the token invalid,
/// not the channel.
pub(super) fn check_tenant(
    platform: &Platform,
    request: &Request,
    fields: &Fields,
) -> Result<(), SlasError> {
    check_organization(platform, request)?;
    let refreshes = fields.get("grant_type") == Some("refresh_token");
    match fields.get("channel_id") {
        Some(channel) if channel == platform.options.site_id => Ok(()),
        Some(_) if refreshes => Err(SlasError::invalid_refresh_token()),
        _ => Err(SlasError::Undocumented("invalid channel_id")),
    }
}

/// The form of a POST request. Checks organization and channel too.
pub(super) fn read_form(platform: &Platform, request: &Request) -> Result<Fields, SlasError> {
    let form = request.form().ok_or_else(SlasError::missing_parameter)?;
    check_tenant(platform, request, &form)?;
    Ok(form)
}

/// The client of a token request: `Basic` for the private one, only `client_id` for the public one.
pub(super) fn authenticate_token_request(
    platform: &Platform,
    request: &Request,
    form: &Fields,
) -> Result<ClientKind, SlasError> {
    let named = form.get("client_id").map(|id| client_named(platform, id)).transpose()?;
    if request.headers.contains_key("authorization") {
        let pair = request.basic().filter(|pair| is_private_client(platform, pair));
        pair.ok_or_else(|| SlasError::invalid_client("Basic Authorization failed."))?;
        return match named {
            Some(ClientKind::Public) => {
                Err(SlasError::invalid_request("Bad or missing client_id."))
            }
            _ => Ok(ClientKind::Private),
        };
    }
    match named {
        Some(ClientKind::Public) => Ok(ClientKind::Public),
        Some(ClientKind::Private) => Err(SlasError::invalid_client("Authorization failed.")),
        None => Err(SlasError::invalid_request("Bad or missing client_id.")),
    }
}

/// The client of `/login` or `/authorize`, where `Authorization` holds the shopper's password. A
/// private client sends its credentials in `x-slas-client-auth`, as base64 without a scheme.
pub(super) fn authenticate_code_request(
    platform: &Platform,
    request: &Request,
    fields: &Fields,
) -> Result<ClientKind, SlasError> {
    let id = fields.get("client_id").unwrap_or_default();
    let client = client_named(platform, id)?;
    let credentials = request.header("x-slas-client-auth");
    let authenticated = match credentials {
        Some(encoded) => {
            decode_pair(encoded).is_some_and(|pair| is_private_client(platform, &pair))
        }
        None => !platform.options.strict_client_auth,
    };
    match client {
        ClientKind::Private if !authenticated => {
            Err(SlasError::invalid_client("Authorization failed."))
        }
        client => Ok(client),
    }
}

/// The id of a client.
pub(super) fn client_id(platform: &Platform, client: ClientKind) -> &str {
    match client {
        ClientKind::Private => &platform.options.private_client.id,
        ClientKind::Public => &platform.options.public_client,
    }
}

fn client_named(platform: &Platform, id: &str) -> Result<ClientKind, SlasError> {
    [ClientKind::Private, ClientKind::Public]
        .into_iter()
        .find(|client| client_id(platform, *client) == id)
        .ok_or_else(|| SlasError::invalid_request("Bad or missing client_id."))
}

fn is_private_client(platform: &Platform, (id, secret): &(String, String)) -> bool {
    let client = &platform.options.private_client;
    client.id == *id && client.secret == *secret
}
