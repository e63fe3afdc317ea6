//! Validates and completes the parameters of a SLAS call.
//!
//! A parameter occurs once, in the query or in the body. The caller does not choose what the site's
//! configuration or the browser's cookies decide: client, channel, redirect URI, usid and refresh
//! token are filled in, and a caller that sends other values is rejected. Parameters that an
//! operation does not have are removed (the SDKs send some that SLAS ignores).

use std::fmt;

use serde_json::{Map, Value};

use super::slas_operations::{Form, Operation};
use super::{Pairs, Refusal};

/// The prefix of parameters that the shop's own script code on the platform reads.
const CUSTOM: &str = "c_";

const MISMATCH: Refusal = Refusal::Malformed("Client or channel of another site.");
const INVALID_ADDRESS: Refusal = Refusal::Malformed("Invalid redirect or callback URI.");
const SECRET_SENT: Refusal = Refusal::Malformed("Client secrets are not accepted.");

/// The values that the site's configuration fixes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SiteValues<'a> {
    /// `client_id`.
    pub client_id: &'a str,
    /// `channel_id`.
    pub channel: &'a str,
    /// The origin of the shop; callback URIs must be below it.
    pub public_origin: &'a str,
    /// Registered redirect URIs; the first is the default.
    pub redirect_uris: &'a [String],
    /// The call is sent with the secret of a private client.
    pub private: bool,
}

/// The values from the browser's cookies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShopperValues<'a> {
    /// The usid of a verified access token.
    pub usid: Option<&'a str>,
    /// Do-not-track, where the shopper chose.
    pub dnt: Option<bool>,
}

/// The parameters to send to SLAS. `Debug` shows only their names.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// For the query.
    pub query: Pairs,
    /// For the form.
    pub form: Pairs,
}

impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.query.iter().chain(&self.form).map(|(name, _)| name);
        formatter.debug_set().entries(names).finish()
    }
}

impl Parameters {
    /// The value of `name`, in query or form.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().chain(&self.form).find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether they request the exchange of a refresh token.
    #[must_use]
    pub(crate) fn refreshes(&self) -> bool {
        self.get("grant_type") == Some("refresh_token")
    }
}

/// The parameters to send for `query` and `form` of a call, with the site's and the shopper's values.
pub(crate) fn validate(
    operation: Operation,
    query: &Pairs,
    form: &Pairs,
    site: &SiteValues<'_>,
    shopper: &ShopperValues<'_>,
) -> Result<Parameters, Refusal> {
    let all = || query.iter().chain(form).map(|(name, _)| name.as_str());
    if all().enumerate().any(|(at, name)| all().take(at).any(|earlier| earlier == name)) {
        return Err(Refusal::Malformed("Duplicate parameter."));
    }
    if all().any(is_secret) {
        return Err(SECRET_SENT);
    }
    let in_query = |name: &str| operation.form() == Form::Query || ALWAYS_IN_QUERY.contains(&name);
    let is_known = |name: &str| has_parameter(operation, name);
    if query.iter().any(|(name, _)| is_known(name) && !in_query(name))
        || form.iter().any(|(name, _)| is_known(name) && in_query(name))
    {
        return Err(Refusal::Malformed("A parameter is in the wrong place: query or body."));
    }
    let mut parameters =
        Parameters { query: only_known(operation, query), form: only_known(operation, form) };
    let target =
        if operation.form() == Form::Query { &mut parameters.query } else { &mut parameters.form };
    complete(operation, target, site, shopper)?;
    Ok(parameters)
}

/// The parameters to send for the JSON `body` of a call, with the site's and the shopper's values.
/// Of a duplicate name, the parser has kept the last value.
pub(crate) fn validate_json(
    operation: Operation,
    body: &[u8],
    site: &SiteValues<'_>,
    shopper: &ShopperValues<'_>,
) -> Result<Map<String, Value>, Refusal> {
    let malformed = |_| Refusal::Malformed("The body must be a JSON object.");
    let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(malformed)?;
    if body.keys().any(|name| is_secret(name)) {
        return Err(SECRET_SENT);
    }
    body.retain(|name, _| has_parameter(operation, name));
    for (name, value) in [("client_id", site.client_id), ("channel_id", site.channel)] {
        match body.get(name) {
            Some(sent) if sent != value => return Err(MISMATCH),
            _ => body.insert(name.to_owned(), value.into()),
        };
    }
    body.remove("usid");
    if let Some(usid) = shopper.usid.filter(|_| has_parameter(operation, "usid")) {
        body.insert("usid".to_owned(), usid.into());
    }
    Ok(body)
}

fn complete(
    operation: Operation,
    pairs: &mut Pairs,
    site: &SiteValues<'_>,
    shopper: &ShopperValues<'_>,
) -> Result<(), Refusal> {
    set_fixed(operation, pairs, "client_id", site.client_id)?;
    set_fixed(operation, pairs, "channel_id", site.channel)?;
    let grant = get(pairs, "grant_type").map(ToOwned::to_owned);
    check_grant(operation, grant.as_deref(), get(pairs, "hint"), site)?;
    let has_code = grant.is_some_and(|grant| grant.starts_with("authorization_code"));
    let redirects = matches!(
        operation,
        Operation::Authorize | Operation::Login | Operation::TrustedAgentAuthorize
    );
    if redirects || has_code {
        set_redirect_uri(pairs, site)?;
    }
    check_addresses(pairs, site)?;
    // A code already belongs to a usid, which may differ from the one in the cookie.
    if !has_code && operation.form() != Form::Json {
        pairs.retain(|(name, _)| name != "usid");
        if let Some(usid) = shopper.usid.filter(|_| has_parameter(operation, "usid")) {
            pairs.push(("usid".to_owned(), usid.to_owned()));
        }
    }
    let lacks_dnt = has_parameter(operation, "dnt") && get(pairs, "dnt").is_none();
    if let Some(dnt) = shopper.dnt.filter(|_| lacks_dnt) {
        pairs.push(("dnt".to_owned(), dnt.to_string()));
    }
    // The caller of this function fills in the refresh token.
    let empty = |(name, value): &(String, String)| name == "refresh_token" && value.is_empty();
    pairs.retain(|pair| !empty(pair));
    Ok(())
}

/// Sets a parameter that the site fixes; an error if the caller sent another value.
fn set_fixed(
    operation: Operation,
    pairs: &mut Pairs,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    match get(pairs, name) {
        Some(sent) if sent != value => return Err(MISMATCH),
        None if has_parameter(operation, name) => pairs.push((name.to_owned(), value.to_owned())),
        Some(_) | None => {}
    }
    Ok(())
}

fn check_grant(
    operation: Operation,
    grant: Option<&str>,
    hint: Option<&str>,
    site: &SiteValues<'_>,
) -> Result<(), Refusal> {
    let allowed = match operation {
        Operation::Token => match grant {
            Some("authorization_code_pkce" | "refresh_token") => true,
            // Without PKCE and without a secret, any holder of a code could exchange it.
            Some("client_credentials" | "authorization_code") => site.private,
            _ => false,
        },
        Operation::PasswordlessToken => {
            grant == Some("client_credentials") && hint == Some("pwdless_login")
        }
        Operation::TrustedAgentToken => grant == Some("client_credentials"),
        // Only Tandem itself uses the session bridge.
        Operation::Authorize => !hint.is_some_and(|hint| hint.starts_with("sb-")),
        _ => true,
    };
    allowed.then_some(()).ok_or(Refusal::Malformed("Grant type not allowed."))
}

/// Sets the site's first redirect URI if the caller sent none.
fn set_redirect_uri(pairs: &mut Pairs, site: &SiteValues<'_>) -> Result<(), Refusal> {
    if get(pairs, "redirect_uri").is_none() {
        let first = site.redirect_uris.first().ok_or(INVALID_ADDRESS)?;
        pairs.push(("redirect_uri".to_owned(), first.clone()));
    }
    Ok(())
}

/// Checks that shoppers and messages are sent only to addresses of the site.
fn check_addresses(pairs: &Pairs, site: &SiteValues<'_>) -> Result<(), Refusal> {
    let is_registered = |uri: &str| site.redirect_uris.iter().any(|known| known == uri);
    let is_ours = |uri: &str| {
        let below = uri.strip_prefix(site.public_origin);
        below.is_some_and(|rest| rest.starts_with('/')) || is_registered(uri)
    };
    let valid = get(pairs, "redirect_uri").is_none_or(is_registered)
        && get(pairs, "callback_uri").is_none_or(is_ours);
    if valid { Ok(()) } else { Err(INVALID_ADDRESS) }
}

fn get<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn only_known(operation: Operation, pairs: &Pairs) -> Pairs {
    pairs.iter().filter(|(name, _)| has_parameter(operation, name)).cloned().collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("secret") || name.contains("assertion")
}

/// Parameters in the query, even if the others are in the body.
const ALWAYS_IN_QUERY: [&str; 2] = ["register_customer", "strict_verify"];

/// Whether `operation` has a parameter of that name (SLAS `OpenAPI` 1.50).
fn has_parameter(operation: Operation, name: &str) -> bool {
    let takes_custom = matches!(operation, Operation::Authorize | Operation::Login);
    parameter_names(operation).contains(&name) || (takes_custom && name.starts_with(CUSTOM))
}

#[rustfmt::skip]
fn parameter_names(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::Authorize => &[
            "client_id", "channel_id", "redirect_uri", "response_type", "code_challenge", "hint",
            "usid", "scope", "state", "ui_locales",
        ],
        Operation::Login => &[
            "client_id", "channel_id", "redirect_uri", "response_type", "code_challenge", "usid",
            "scope", "state",
        ],
        Operation::Logout => &["client_id", "channel_id", "refresh_token", "hint"],
        Operation::Token => &[
            "client_id", "channel_id", "redirect_uri", "grant_type", "code", "code_verifier",
            "refresh_token", "usid", "dnt",
        ],
        Operation::PasswordlessLogin => &[
            "channel_id", "user_id", "mode", "locale", "callback_uri", "usid", "last_name",
            "first_name", "email", "phone_number", "customer_no", "register_customer",
            "strict_verify",
        ],
        Operation::PasswordlessToken => &[
            "client_id", "grant_type", "hint", "pwdless_login_token", "code_verifier", "login_id",
            "dnt",
        ],
        Operation::PasswordReset | Operation::WebauthnRegisterAuthorize => &[
            "client_id", "channel_id", "user_id", "mode", "locale", "code_challenge",
            "callback_uri", "idp_name", "hint",
        ],
        Operation::PasswordAction => &[
            "client_id", "channel_id", "pwd_action_token", "code_verifier", "new_password", "hint",
            "user_id",
        ],
        Operation::TrustedAgentAuthorize => &[
            "client_id", "channel_id", "code_challenge", "login_id", "idp_origin", "redirect_uri",
            "response_type", "state",
        ],
        Operation::TrustedAgentToken => &[
            "client_id", "channel_id", "code_verifier", "grant_type", "login_id", "idp_origin",
            "agent_id", "usid", "dnt", "state",
        ],
        Operation::OtpRequest => &[
            "client_id", "channel_id", "user_id", "mode", "email", "callback_uri", "locale",
        ],
        Operation::OtpVerify => &["client_id", "channel_id", "user_id", "pwd_action_token"],
        Operation::UserInfo => &["channel_id", "idpValidate"],
        Operation::PasskeyUser | Operation::PasskeyCredential => &["channel_id"],
        Operation::WebauthnRegisterStart => &[
            "client_id", "channel_id", "user_id", "pwd_action_token", "display_name", "nick_name",
        ],
        Operation::WebauthnRegisterFinish => &[
            "client_id", "channel_id", "username", "pwd_action_token", "credential",
        ],
        Operation::WebauthnAuthenticateStart => &["client_id", "channel_id", "user_id", "tenant_id"],
        Operation::WebauthnAuthenticateFinish => &[
            "client_id", "channel_id", "credential", "user_id", "email", "usid", "tenant_id",
        ],
    }
}

#[cfg(test)]
mod tests;
