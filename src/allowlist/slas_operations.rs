//! The SLAS calls that are forwarded, and the credentials that each of them needs.
//!
//! The list has the calls of the shipped proxy, `authorize`, which a login by an identity provider
//! needs, and the calls that take the shopper's own token. Never on it: `trusted-system/token` and
//! `session-bridge/token` (with our client secret a caller could become any shopper, by name or by a
//! stolen `dwsid`), `revoke` and `introspect`.

use http::Method;

use super::Refusal;
use crate::route::path::{EncodedSlash, is_plain};

/// The path below which all SLAS calls are.
const BASE: &str = "/shopper/auth/v1/organizations/";

/// An operation of SLAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// `GET authorize`: a code, by redirect.
    Authorize,
    /// `POST login`: a code for B2C Commerce credentials, by redirect.
    Login,
    /// `GET logout`: ends the session of a registered shopper.
    Logout,
    /// `POST otp/request`.
    OtpRequest,
    /// `POST otp/verify`.
    OtpVerify,
    /// `DELETE webauthn/passkey/user/{login}/credentials/{credential}`.
    PasskeyCredential,
    /// `GET` or `DELETE webauthn/passkey/user/{login}`.
    PasskeyUser,
    /// `POST password/action`: sets a new password.
    PasswordAction,
    /// `POST password/reset`: requests a code to set a new password.
    PasswordReset,
    /// `POST passwordless/login`: requests a code to log in with.
    PasswordlessLogin,
    /// `POST passwordless/token`: tokens for that code.
    PasswordlessToken,
    /// `POST token`.
    Token,
    /// `GET trusted-agent/authorize`: sends an agent's browser to Account Manager.
    TrustedAgentAuthorize,
    /// `POST trusted-agent/token`: tokens of an agent.
    TrustedAgentToken,
    /// `GET userinfo`.
    UserInfo,
    /// `POST webauthn/authenticate/finish`: tokens, in a nested object.
    WebauthnAuthenticateFinish,
    /// `POST webauthn/authenticate/start`.
    WebauthnAuthenticateStart,
    /// `POST webauthn/register/authorize`.
    WebauthnRegisterAuthorize,
    /// `POST webauthn/register/finish`.
    WebauthnRegisterFinish,
    /// `POST webauthn/register/start`.
    WebauthnRegisterStart,
}

/// The credentials that a call needs, and where they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Those of our SLAS client: `Authorization: Basic`, which replaces the caller's.
    Client,
    /// The shopper's: the caller's `Authorization: Basic`. Under Strict Client Auth, those of our
    /// client are in `x-slas-client-auth`.
    Shopper,
    /// No credentials, except for `x-slas-client-auth` under Strict Client Auth.
    None,
    /// The agent's: the code of Account Manager in the caller's `Authorization: Bearer`, and those of
    /// our client in `_sfdc_client_auth`.
    Agent,
    /// The shopper's access token, from the cookie.
    AccessToken,
}

/// Where the parameters of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In the query; there is no body.
    Query,
    /// In an `application/x-www-form-urlencoded` body.
    Body,
    /// In a JSON body.
    Json,
}

/// A call that is forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The operation.
    pub operation: Operation,
    /// The method at SLAS.
    pub method: Method,
    /// The path below `…/oauth2/`, which is [plain](is_plain).
    pub path: String,
}

struct Entry {
    operation: Operation,
    /// `*` matches one segment.
    path: &'static str,
    methods: &'static [Method],
}

const fn entry(operation: Operation, path: &'static str, methods: &'static [Method]) -> Entry {
    Entry { operation, path, methods }
}

const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const DELETE: &[Method] = &[Method::DELETE];

const LIST: [Entry; 20] = [
    entry(Operation::Token, "token", POST),
    entry(Operation::Authorize, "authorize", GET),
    entry(Operation::Login, "login", POST),
    entry(Operation::Logout, "logout", &[Method::GET, Method::POST]),
    entry(Operation::PasswordlessLogin, "passwordless/login", POST),
    entry(Operation::PasswordlessToken, "passwordless/token", POST),
    entry(Operation::PasswordReset, "password/reset", POST),
    entry(Operation::PasswordAction, "password/action", POST),
    entry(Operation::TrustedAgentAuthorize, "trusted-agent/authorize", GET),
    entry(Operation::TrustedAgentToken, "trusted-agent/token", POST),
    entry(Operation::OtpRequest, "otp/request", POST),
    entry(Operation::OtpVerify, "otp/verify", POST),
    entry(Operation::UserInfo, "userinfo", GET),
    entry(Operation::WebauthnRegisterAuthorize, "webauthn/register/authorize", POST),
    entry(Operation::WebauthnRegisterStart, "webauthn/register/start", POST),
    entry(Operation::WebauthnRegisterFinish, "webauthn/register/finish", POST),
    entry(Operation::WebauthnAuthenticateStart, "webauthn/authenticate/start", POST),
    entry(Operation::WebauthnAuthenticateFinish, "webauthn/authenticate/finish", POST),
    entry(Operation::PasskeyUser, "webauthn/passkey/user/*", &[Method::GET, Method::DELETE]),
    entry(Operation::PasskeyCredential, "webauthn/passkey/user/*/credentials/*", DELETE),
];

/// The listed call for `method` and `path` (below the proxy's own prefix). `organization` is the
/// site's.
pub(crate) fn find(method: &Method, path: &str, organization: &str) -> Result<Call, Refusal> {
    let below = path.strip_prefix(BASE).and_then(|rest| rest.strip_prefix(organization));
    let path = below
        .and_then(|rest| rest.strip_prefix("/oauth2/"))
        .filter(|_| is_plain(path.as_bytes(), EncodedSlash::Refused));
    let path = path.ok_or(Refusal::Forbidden)?;
    let entry = LIST.iter().find(|entry| matches(entry.path, path)).ok_or(Refusal::Forbidden)?;
    if !entry.methods.contains(method) {
        return Err(Refusal::Method);
    }
    let operation = entry.operation;
    // The SDKs call logout by GET or POST, SLAS has only GET.
    let method = if operation == Operation::Logout { Method::GET } else { method.clone() };
    Ok(Call { operation, method, path: path.to_owned() })
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    pattern.split('/').all(|expected| match segments.next() {
        Some(segment) if expected == "*" => is_name(segment),
        segment => segment == Some(expected),
    }) && segments.next().is_none()
}

/// Whether `segment` may be a login or a credential id: no URL library writes it in another form.
fn is_name(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@+=%".contains(&byte);
    !segment.is_empty() && segment.len() <= 1024 && segment.bytes().all(is_allowed)
}

impl Operation {
    /// The credentials it needs.
    #[must_use]
    pub(crate) fn credential(self) -> Credential {
        match self {
            Self::Token
            | Self::PasswordlessLogin
            | Self::PasswordlessToken
            | Self::PasswordReset
            | Self::PasswordAction
            | Self::WebauthnRegisterAuthorize
            | Self::WebauthnRegisterStart
            | Self::WebauthnRegisterFinish
            | Self::WebauthnAuthenticateStart
            | Self::WebauthnAuthenticateFinish => Credential::Client,
            Self::Login => Credential::Shopper,
            Self::Authorize | Self::TrustedAgentAuthorize => Credential::None,
            Self::TrustedAgentToken => Credential::Agent,
            Self::Logout
            | Self::OtpRequest
            | Self::OtpVerify
            | Self::PasskeyUser
            | Self::PasskeyCredential
            | Self::UserInfo => Credential::AccessToken,
        }
    }

    /// Where its parameters are.
    #[must_use]
    pub(crate) fn form(self) -> Form {
        match self {
            Self::Authorize
            | Self::Logout
            | Self::TrustedAgentAuthorize
            | Self::UserInfo
            | Self::PasskeyUser
            | Self::PasskeyCredential => Form::Query,
            Self::WebauthnRegisterFinish | Self::WebauthnAuthenticateFinish => Form::Json,
            _ => Form::Body,
        }
    }

    /// Whether a 200 response has tokens.
    #[must_use]
    pub(crate) fn returns_tokens(self) -> bool {
        matches!(
            self,
            Self::Token
                | Self::PasswordlessToken
                | Self::TrustedAgentToken
                | Self::WebauthnAuthenticateFinish
        )
    }

    /// Whether it changes anything in the browser or for the shopper, whatever its method.
    #[must_use]
    pub(crate) fn changes_state(self) -> bool {
        !matches!(self, Self::Authorize | Self::TrustedAgentAuthorize | Self::UserInfo)
    }

    /// The name of the operation in metrics and logs.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::OtpRequest => "otp_request",
            Self::OtpVerify => "otp_verify",
            Self::PasskeyCredential => "passkey_credential",
            Self::PasskeyUser => "passkey_user",
            Self::PasswordAction => "password_action",
            Self::PasswordReset => "password_reset",
            Self::PasswordlessLogin => "passwordless_login",
            Self::PasswordlessToken => "passwordless_token",
            Self::Token => "token",
            Self::TrustedAgentAuthorize => "trusted_agent_authorize",
            Self::TrustedAgentToken => "trusted_agent_token",
            Self::UserInfo => "userinfo",
            Self::WebauthnAuthenticateFinish => "webauthn_authenticate_finish",
            Self::WebauthnAuthenticateStart => "webauthn_authenticate_start",
            Self::WebauthnRegisterAuthorize => "webauthn_register_authorize",
            Self::WebauthnRegisterFinish => "webauthn_register_finish",
            Self::WebauthnRegisterStart => "webauthn_register_start",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORGANIZATION: &str = "f_ecom_zzte_053";

    fn below_oauth2(path: &str) -> String {
        format!("{BASE}{ORGANIZATION}/oauth2/{path}")
    }

    fn find_post(path: &str) -> Result<Call, Refusal> {
        find(&Method::POST, path, ORGANIZATION)
    }

    #[test]
    fn every_listed_call_passes_with_its_methods_only() {
        for entry in &LIST {
            let path = below_oauth2(&entry.path.replace('*', "jo%40example.com"));
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
                let found = find(&method, &path, ORGANIZATION);
                if entry.methods.contains(&method) {
                    assert_eq!(found.unwrap().operation, entry.operation);
                } else {
                    assert_eq!(found, Err(Refusal::Method), "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn attack_44_no_spelling_reaches_a_call_that_is_not_listed() {
        for path in [
            "trusted-system/token",
            "%74rusted-system/token",
            "token/../trusted-system/token",
            "token/%2e%2e/trusted-system/token",
            "token/..%2ftrusted-system/token",
            "token/",
            "token//",
            "/token",
            "TOKEN",
            "Token",
            "%74oken",
            "token;x=1",
            "token%00",
            "token%20",
            "token%3Fx",
            "session-bridge/token",
            "revoke",
            "introspect",
            "jwks",
            ".well-known/openid-configuration",
            "webauthn/passkey/user",
            "webauthn/passkey/user/",
            "webauthn/passkey/user/..",
            "webauthn/passkey/user/a%2f..%2fb",
            "webauthn/passkey/user/jo/credentials",
        ] {
            assert_eq!(find_post(&below_oauth2(path)), Err(Refusal::Forbidden), "{path}");
        }
    }

    #[test]
    fn attack_46_only_the_sites_own_organisation_passes() {
        for path in [
            "/shopper/auth/v1/organizations/f_ecom_other_001/oauth2/token",
            "/shopper/auth/v1/organizations/f_ecom_zzte_0531/oauth2/token",
            "/shopper/auth/v1/organizations/F_ECOM_ZZTE_053/oauth2/token",
            "/shopper/auth/v2/organizations/f_ecom_zzte_053/oauth2/token",
            "/shopper/auth/v1/organizations//f_ecom_zzte_053/oauth2/token",
            "/x/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token",
            "/token",
        ] {
            assert_eq!(find_post(path), Err(Refusal::Forbidden), "{path}");
        }
    }

    #[test]
    fn logout_is_always_sent_to_slas_as_get() {
        assert_eq!(find_post(&below_oauth2("logout")).unwrap().method, Method::GET);
    }
}
