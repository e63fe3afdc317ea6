//! What a call of SLAS may say.
//!
//! A name stands in one place and once. What the site's configuration or the browser's own cookies
//! decide is not the caller's to say: client, channel, redirect URI, usid and refresh token are
//! filled in, and a caller who says something else is refused. Names that a call does not know go
//! no further (the SDKs send a few that SLAS ignores).

use std::fmt;

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Refusal;
use super::slas_operations::{Form, Operation};

/// Parameters of one call; the longest known call has twelve.
const MOST: usize = 40;
/// Octets of one value; SLAS takes at most 512 anywhere, a passkey's JSON aside.
const LONGEST: usize = 4096;
/// Beginnings of names that the shop's own script code on the platform reads.
const CUSTOM: &str = "c_";

/// What the site's configuration fixes.
#[derive(Clone, Copy, Debug)]
pub struct SiteValues<'a> {
    /// `client_id`.
    pub client_id: &'a str,
    /// `channel_id`.
    pub channel: &'a str,
    /// The origin of the shop, under which callbacks live.
    pub public_origin: &'a str,
    /// Registered redirect URIs; the first is used where a caller names none.
    pub redirect_uris: &'a [String],
    /// The call carries the secret of a private client.
    pub private: bool,
}

/// What the browser's own cookies say.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShopperValues<'a> {
    /// The usid of an access token that is known to be genuine.
    pub usid: Option<&'a str>,
    /// Do-not-track, where the shopper chose.
    pub dnt: Option<bool>,
}

/// Name and value, in order.
pub type Pairs = Vec<(String, String)>;

/// Names and values of a query or a form; `None` if there are too many, or one is too long.
#[must_use]
pub fn pairs(text: &[u8]) -> Option<Pairs> {
    let pairs: Pairs = form_urlencoded::parse(text).into_owned().take(MOST + 1).collect();
    let fit = pairs.iter().all(|(name, value)| name.len() <= 100 && value.len() <= LONGEST);
    (pairs.len() <= MOST && fit).then_some(pairs)
}

/// What goes to SLAS, in query and body. Only its names print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
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
    /// The value of `name`, wherever it stands.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().chain(&self.form).find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it asks for the exchange of a refresh token.
    #[must_use]
    pub fn refreshes(&self) -> bool {
        self.get("grant_type") == Some("refresh_token")
    }
}

/// What `query` and `form` of a call come to, with the site's and the browser's own values.
pub fn validate(
    operation: Operation,
    query: &Pairs,
    form: &Pairs,
    site_values: &SiteValues<'_>,
    own: &ShopperValues<'_>,
) -> Result<Parameters, Refusal> {
    let all = || query.iter().chain(form).map(|(name, _)| name.as_str());
    if all().enumerate().any(|(at, name)| all().take(at).any(|earlier| earlier == name)) {
        return Err(Refusal::Malformed("A parameter comes twice."));
    }
    if all().any(is_secret) {
        return Err(Refusal::Malformed("A client's secret does not belong here."));
    }
    let in_query = |name: &str| operation.form() == Form::Query || OF_THE_QUERY.contains(&name);
    let misplaced =
        |name: &str, is_query: bool| knows(operation, name) && in_query(name) != is_query;
    if query.iter().any(|(name, _)| misplaced(name, true))
        || form.iter().any(|(name, _)| misplaced(name, false))
    {
        return Err(Refusal::Malformed("A parameter is not where it belongs."));
    }
    let mut parameters =
        Parameters { query: known(operation, query), form: known(operation, form) };
    let place =
        if operation.form() == Form::Query { &mut parameters.query } else { &mut parameters.form };
    complete(operation, place, site_values, own)?;
    Ok(parameters)
}

/// The same for a JSON body. Names that come twice have become one already: the last.
pub fn validate_json(
    operation: Operation,
    body: &[u8],
    site_values: &SiteValues<'_>,
    own: &ShopperValues<'_>,
) -> Result<Map<String, Value>, Refusal> {
    let malformed = |_| Refusal::Malformed("The body must be a JSON object.");
    let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(malformed)?;
    if body.keys().any(|name| is_secret(name)) {
        return Err(Refusal::Malformed("A client's secret does not belong here."));
    }
    body.retain(|name, _| knows(operation, name));
    for (name, value) in [("client_id", site_values.client_id), ("channel_id", site_values.channel)]
    {
        match body.get(name) {
            Some(parameters) if parameters != value => {
                return Err(Refusal::Malformed("Client or channel are not this site's."));
            }
            _ => body.insert(name.to_owned(), value.into()),
        };
    }
    body.remove("usid");
    if let Some(usid) = own.usid.filter(|_| knows(operation, "usid")) {
        body.insert("usid".to_owned(), usid.into());
    }
    Ok(body)
}

fn complete(
    operation: Operation,
    pairs: &mut Pairs,
    site_values: &SiteValues<'_>,
    own: &ShopperValues<'_>,
) -> Result<(), Refusal> {
    let mismatch = Refusal::Malformed("Client or channel are not this site's.");
    set_fixed(operation, pairs, "client_id", site_values.client_id).ok_or(mismatch)?;
    set_fixed(operation, pairs, "channel_id", site_values.channel).ok_or(mismatch)?;
    let grant = get(pairs, "grant_type").map(ToOwned::to_owned);
    check_grant(operation, grant.as_deref(), get(pairs, "hint"), site_values.private)?;
    let has_code = grant.is_some_and(|grant| grant.starts_with("authorization_code"));
    let redirects = matches!(
        operation,
        Operation::Authorize | Operation::Login | Operation::TrustedAgentAuthorize
    );
    check_addresses(pairs, redirects || has_code, site_values)?;
    // A code belongs to one usid already, and SLAS may have chosen another one than the cookie's.
    if !has_code && operation.form() != Form::Json {
        pairs.retain(|(name, _)| name != "usid");
        if let Some(usid) = own.usid.filter(|_| knows(operation, "usid")) {
            pairs.push(("usid".to_owned(), usid.to_owned()));
        }
    }
    if let Some(dnt) = own.dnt.filter(|_| knows(operation, "dnt") && get(pairs, "dnt").is_none()) {
        pairs.push(("dnt".to_owned(), dnt.to_string()));
    }
    // Whose refresh token it is, the caller of this function finds out.
    let empty = |(name, value): &(String, String)| name == "refresh_token" && value.is_empty();
    pairs.retain(|pair| !empty(pair));
    Ok(())
}

/// The value that the site fixes is there afterwards; `None` if the caller says another one.
fn set_fixed(operation: Operation, pairs: &mut Pairs, name: &str, value: &str) -> Option<()> {
    match get(pairs, name) {
        Some(parameters) => (parameters == value).then_some(()),
        None if knows(operation, name) => {
            pairs.push((name.to_owned(), value.to_owned()));
            Some(())
        }
        None => Some(()),
    }
}

fn check_grant(
    operation: Operation,
    grant: Option<&str>,
    hint: Option<&str>,
    private: bool,
) -> Result<(), Refusal> {
    let allowed = match operation {
        Operation::Token => match grant {
            Some("authorization_code_pkce" | "refresh_token") => true,
            // Without PKCE and without a secret a code would be anybody's.
            Some("client_credentials" | "authorization_code") => private,
            _ => false,
        },
        Operation::PasswordlessToken => {
            grant == Some("client_credentials") && hint == Some("pwdless_login")
        }
        Operation::TrustedAgentToken => grant == Some("client_credentials"),
        // The session bridge belongs to Tandem itself.
        Operation::Authorize => !hint.is_some_and(|hint| hint.starts_with("sb-")),
        _ => true,
    };
    allowed.then_some(()).ok_or(Refusal::Malformed("This grant is not offered here."))
}

/// Where shoppers and messages are sent is the site's own decision.
fn check_addresses(
    pairs: &mut Pairs,
    redirects: bool,
    site_values: &SiteValues<'_>,
) -> Result<(), Refusal> {
    let wrong = Refusal::Malformed("The redirect or callback URI is not this site's.");
    match get(pairs, "redirect_uri") {
        Some(parameters) if !site_values.redirect_uris.iter().any(|known| known == parameters) => {
            return Err(wrong);
        }
        None if redirects => {
            let first = site_values.redirect_uris.first().ok_or(wrong)?.clone();
            pairs.push(("redirect_uri".to_owned(), first));
        }
        Some(_) | None => {}
    }
    let ours = |uri: &str| {
        let below = uri.strip_prefix(site_values.public_origin);
        below.is_some_and(|rest| rest.starts_with('/'))
            || site_values.redirect_uris.iter().any(|known| known == uri)
    };
    if get(pairs, "callback_uri").is_some_and(|uri| !ours(uri)) {
        return Err(wrong);
    }
    Ok(())
}

fn get<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn known(operation: Operation, pairs: &Pairs) -> Pairs {
    pairs.iter().filter(|(name, _)| knows(operation, name)).cloned().collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("secret") || name.contains("assertion")
}

/// These stand in the query although the rest is a form.
const OF_THE_QUERY: [&str; 2] = ["register_customer", "strict_verify"];

/// Whether `operation` has a parameter of that name (SLAS `OpenAPI` 1.50).
fn knows(operation: Operation, name: &str) -> bool {
    let takes_custom = matches!(operation, Operation::Authorize | Operation::Login);
    names(operation).contains(&name) || (takes_custom && name.starts_with(CUSTOM))
}

#[rustfmt::skip]
fn names(operation: Operation) -> &'static [&'static str] {
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
