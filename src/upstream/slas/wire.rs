//! What SLAS says, read as it really says it.
//!
//! Field by field: absent, empty and the literal text `null` all mean absent. Errors come in
//! three shapes (`OpenAPI`'s `error`, the live `status_code`/`message`, and `error` in a
//! redirect), and from the edge in none at all.

use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use url::Url;

use super::{SlasError, SlasResult};
use crate::access_token::{self, Audience};
use crate::cookies::dw_cookies;
use crate::flow::{Cause, UpstreamFailure};
use crate::ids::{AccessToken, IdToken, RefreshToken, Usid, Word};
use crate::model::{Extras, Grant, RefreshGrant};
use crate::timestamp::Timestamp;
use crate::upstream::http::BufferedResponse;

/// A token of more life than a year is nonsense, in seconds.
const LONGEST_REFRESH: f64 = 366.0 * 86_400.0;

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: i64,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    refresh_token_expires_in: Option<f64>,
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    enc_user_id: Option<String>,
}

/// The tokens of a 200 answer, or what is wrong with it.
pub(super) fn grant(
    reply: &BufferedResponse,
    audience: &Audience,
    now: Timestamp,
) -> Result<Grant, &'static str> {
    let answer: TokenResponse =
        serde_json::from_slice(&reply.body).map_err(|_| "tokens that are not as specified")?;
    let access = AccessToken::parse(&answer.access_token).ok_or("no usable access token")?;
    let claims = access_token::read_issued(&access, audience)
        .map_err(|_| "an access token that is not for us")?;
    if answer.expires_in <= 0 || claims.expires_at <= now {
        return Err("an access token that is already dead");
    }
    let refresh = refresh(&answer)?;
    let extras = Extras {
        id_token: answer.id_token.as_deref().and_then(present).and_then(IdToken::parse),
        encoded_user_id: answer.enc_user_id.as_deref().and_then(present).and_then(Word::parse),
    };
    Ok(Grant { access, claims, refresh, dw: dw_cookies::read(&reply.headers), extras })
}

fn refresh(answer: &TokenResponse) -> Result<Option<RefreshGrant>, &'static str> {
    let Some(text) = answer.refresh_token.as_deref().and_then(present) else { return Ok(None) };
    let token = RefreshToken::parse(text).ok_or("a refresh token that fits no cookie")?;
    let life = answer.refresh_token_expires_in.filter(|life| (1.0..LONGEST_REFRESH).contains(life));
    #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
    let expires_in = life.ok_or("a refresh token without a lifetime")? as i64;
    Ok(Some(RefreshGrant { token, expires_in }))
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "null").then_some(text)
}

/// What an authorize or login redirect carries.
pub(super) struct Code {
    pub(super) code: String,
    pub(super) usid: Option<Usid>,
}

/// Reads the `Location` of a redirect.
pub(super) fn code(reply: &BufferedResponse) -> SlasResult<Code> {
    let query = location_query(reply).ok_or(SlasError::Malformed("a redirect to nowhere"))?;
    let value = |name: &str| {
        let found = query.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    if let Some(error) = value("error") {
        let text = value("error_description").unwrap_or_default();
        return Err(SlasError::Refused(Refusal::new(reply.status, &error, &text)));
    }
    let code = value("code").ok_or(SlasError::Malformed("a redirect without a code"))?;
    Ok(Code { code, usid: value("usid").as_deref().and_then(Usid::parse) })
}

/// The redirect URI may be relative or of a scheme of an app: only the query matters.
fn location_query(reply: &BufferedResponse) -> Option<Vec<(String, String)>> {
    let location = reply.headers.get(LOCATION)?.to_str().ok()?;
    let base = Url::parse("https://redirect.invalid/").ok()?;
    Some(base.join(location).ok()?.query_pairs().into_owned().collect())
}

/// A 4xx, or a redirect that carries an error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// `error`, made of lower-case letters and `_`, fit for logs.
    pub(super) code: String,
    /// Everything SLAS said, in lower case, for telling cases apart. It may carry a login, so it
    /// is not for logs.
    text: String,
}

/// Errors by which SLAS speaks of its own state (`OpenAPI`; RFC 6749 section 4.1.2.1).
const PASSING: [&str; 3] = ["server_error", "gateway_server_error", "temporarily_unavailable"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: String,
    error_description: String,
    message: String,
}

impl Refusal {
    pub(super) fn of(reply: &BufferedResponse) -> Self {
        let body: ErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = format!("{} {}", body.error_description, body.message);
        Self::new(reply.status, &body.error, &text)
    }

    fn new(status: StatusCode, error: &str, text: &str) -> Self {
        let text = format!("{error} {text}").to_lowercase();
        let plain = error.len() <= 40
            && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let code = if plain { error.to_owned() } else { String::new() };
        Self { status, code, text }
    }

    /// Whether asking again later may help: SLAS speaks of its own state, or it is the edge before
    /// it that speaks, in HTML or not at all.
    pub(super) fn is_passing(&self) -> bool {
        self.text.trim().is_empty() || PASSING.contains(&self.code.as_str())
    }

    /// Whether it ends a refresh token. Any 400 of SLAS does, but for those that speak of the
    /// client, and a 401 only in so many words: a secret that we have wrong must not log out
    /// everybody.
    pub(super) fn ends_refresh_token(&self) -> bool {
        match self.status {
            StatusCode::BAD_REQUEST => {
                self.is_about_refresh_token() || !(self.is_passing() || self.is_about_client())
            }
            StatusCode::UNAUTHORIZED => self.is_about_refresh_token(),
            _ => false,
        }
    }

    /// Whether the same question would get the same answer tomorrow.
    pub(super) fn is_for_good(&self) -> bool {
        match self.status {
            StatusCode::CONFLICT => false,
            // By these the retired form has been reported to answer, with or without words. A
            // shopper must not wait for it for ever.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE => true,
            _ => !self.is_passing(),
        }
    }

    /// What it means where no refusal is the shopper's business.
    pub(super) fn failure(&self) -> UpstreamFailure {
        let (cause, retry_after) = match self.status {
            StatusCode::CONFLICT => (Cause::Throttled, Some(2)),
            _ if self.is_passing() => (Cause::Unavailable, Some(5)),
            _ => (Cause::Misconfigured, None),
        };
        UpstreamFailure { cause, retry_after }
    }

    /// SLAS does not know this client or its secret.
    pub(super) fn is_about_client(&self) -> bool {
        [
            "invalid_client",
            "unauthorized_client",
            "unsupported_grant_type",
            "invalid_scope",
            "client_id",
            "channel_id",
            "redirect",
        ]
        .iter()
        .any(|word| self.text.contains(word))
    }

    /// Our client lacks a scope.
    pub(super) fn is_about_scope(&self) -> bool {
        self.text.contains("scope")
    }

    /// The refresh token is dead: said in so many words.
    fn is_about_refresh_token(&self) -> bool {
        let text = self.text.replace(' ', "_");
        text.contains("refresh_token")
    }

    /// The usid belongs to another session that still lives.
    pub(super) fn is_about_usid(&self) -> bool {
        self.text.contains("usid")
    }
}

/// A public key of the tenant. SLAS publishes no `alg`; it is ES256.
#[derive(Clone, Debug, Deserialize)]
pub struct Jwk {
    /// Key id.
    pub kid: String,
    /// Elliptic curve coordinate.
    pub x: String,
    /// Elliptic curve coordinate.
    pub y: String,
    kty: String,
    crv: String,
}

/// The EC P-256 keys of a key set; others cannot sign what we accept.
pub(super) fn keys(reply: &BufferedResponse) -> SlasResult<Vec<Jwk>> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<serde_json::Value>,
    }
    let set: KeySet = serde_json::from_slice(&reply.body)
        .map_err(|_| SlasError::Malformed("a key set that is not one"))?;
    let ours = |key: &Jwk| key.kty == "EC" && key.crv == "P-256";
    Ok(set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value(key).ok())
        .filter(ours)
        .collect())
}
