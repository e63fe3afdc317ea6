//! Who calls: the organization, the channel, and the SLAS client with its credentials.

use super::refusal::Refusal;
use crate::ask::{Ask, Fields, decode_pair};
use crate::platform::Platform;
use crate::state::Client;

/// Whether the organization of the path is this tenant's.
pub(super) fn check_organization(platform: &Platform, ask: &Ask) -> Result<(), Refusal> {
    if ask.path("organization") == platform.options.organization_id {
        Ok(())
    } else {
        Err(Refusal::Live("invalid organizationId"))
    }
}

/// Whether organization and channel are this tenant's. A refresh token of another channel is
/// refused as a refresh token, not for its channel.
pub(super) fn check_place(platform: &Platform, ask: &Ask, fields: &Fields) -> Result<(), Refusal> {
    check_organization(platform, ask)?;
    let refreshes = fields.get("grant_type") == Some("refresh_token");
    match fields.get("channel_id") {
        Some(channel) if channel == platform.options.site_id => Ok(()),
        Some(_) if refreshes => Err(Refusal::refresh_token()),
        _ => Err(Refusal::Live("invalid channel_id")),
    }
}

/// The form of a POST call, with organization and channel checked.
pub(super) fn form(platform: &Platform, ask: &Ask) -> Result<Fields, Refusal> {
    let form = ask.form().ok_or_else(Refusal::incomplete)?;
    check_place(platform, ask, &form)?;
    Ok(form)
}

/// The client of a token call: `Basic` for the private one, `client_id` alone for the public one.
pub(super) fn of_token_call(
    platform: &Platform,
    ask: &Ask,
    form: &Fields,
) -> Result<Client, Refusal> {
    let named = form.get("client_id").map(|id| named(platform, id)).transpose()?;
    if ask.headers.contains_key("authorization") {
        let given = ask.basic().filter(|given| is_private(platform, given));
        given.ok_or_else(|| Refusal::client("Basic Authorization failed."))?;
        return match named {
            Some(Client::Public) => Err(Refusal::request("Bad or missing client_id.")),
            _ => Ok(Client::Private),
        };
    }
    match named {
        Some(Client::Public) => Ok(Client::Public),
        Some(Client::Private) => Err(Refusal::client("Authorization failed.")),
        None => Err(Refusal::request("Bad or missing client_id.")),
    }
}

/// The client of `/login` or `/authorize`, where `Authorization` belongs to the shopper: a private
/// client shows its credentials in `x-slas-client-auth`, raw base64 without a scheme.
pub(super) fn of_front_call(
    platform: &Platform,
    ask: &Ask,
    fields: &Fields,
) -> Result<Client, Refusal> {
    let id = fields.get("client_id").unwrap_or_default();
    let client = named(platform, id)?;
    let shown = ask.header("x-slas-client-auth");
    let proven = match shown {
        Some(encoded) => decode_pair(encoded).is_some_and(|given| is_private(platform, &given)),
        None => !platform.options.strict_client_auth,
    };
    match client {
        Client::Private if !proven => Err(Refusal::client("Authorization failed.")),
        client => Ok(client),
    }
}

/// The client id of a client.
pub(super) fn id(platform: &Platform, client: Client) -> &str {
    match client {
        Client::Private => &platform.options.private_client.id,
        Client::Public => &platform.options.public_client,
    }
}

fn named(platform: &Platform, id: &str) -> Result<Client, Refusal> {
    [Client::Private, Client::Public]
        .into_iter()
        .find(|client| self::id(platform, *client) == id)
        .ok_or_else(|| Refusal::request("Bad or missing client_id."))
}

fn is_private(platform: &Platform, (id, secret): &(String, String)) -> bool {
    let client = &platform.options.private_client;
    client.id == *id && client.secret == *secret
}
