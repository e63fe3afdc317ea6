//! Who calls: the organization, the channel, and the SLAS client with its credentials.

use super::error::SlasError;
use crate::options::ClientKind;
use crate::platform::Platform;
use crate::request::{Fields, Request, decode_pair};

/// Whether the organization of the path is this tenant's.
pub(super) fn check_organization(platform: &Platform, request: &Request) -> Result<(), SlasError> {
    if request.path("organization") == platform.options.organization_id {
        Ok(())
    } else {
        Err(SlasError::Undocumented("invalid organizationId"))
    }
}

/// Whether organization and channel are this tenant's. A refresh token of another channel is
/// refused as a refresh token, not for its channel.
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

/// The form of a POST call, with organization and channel checked.
pub(super) fn read_form(platform: &Platform, request: &Request) -> Result<Fields, SlasError> {
    let form = request.form().ok_or_else(SlasError::missing_parameter)?;
    check_tenant(platform, request, &form)?;
    Ok(form)
}

/// The client of a token call: `Basic` for the private one, `client_id` alone for the public one.
pub(super) fn authenticate_token_request(
    platform: &Platform,
    request: &Request,
    form: &Fields,
) -> Result<ClientKind, SlasError> {
    let named = form.get("client_id").map(|id| client_named(platform, id)).transpose()?;
    if request.headers.contains_key("authorization") {
        let given = request.basic().filter(|given| is_private_client(platform, given));
        given.ok_or_else(|| SlasError::invalid_client("Basic Authorization failed."))?;
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

/// The client of `/login` or `/authorize`, where `Authorization` belongs to the shopper: a private
/// client shows its credentials in `x-slas-client-auth`, raw base64 without a scheme.
pub(super) fn authenticate_code_request(
    platform: &Platform,
    request: &Request,
    fields: &Fields,
) -> Result<ClientKind, SlasError> {
    let id = fields.get("client_id").unwrap_or_default();
    let client = client_named(platform, id)?;
    let shown = request.header("x-slas-client-auth");
    let proven = match shown {
        Some(encoded) => {
            decode_pair(encoded).is_some_and(|given| is_private_client(platform, &given))
        }
        None => !platform.options.strict_client_auth,
    };
    match client {
        ClientKind::Private if !proven => Err(SlasError::invalid_client("Authorization failed.")),
        client => Ok(client),
    }
}

/// The client id of a client.
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
