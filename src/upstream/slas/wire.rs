//! The responses of SLAS as they are on the wire: tokens, codes and keys.
//!
//! A field that is absent, empty or the literal text `null` counts as absent. Errors have three
//! forms (`OpenAPI`'s `error`, the live `status_code`/`message`, and `error` in a redirect); those
//! of the edge have none of them.

use http::header::LOCATION;
use serde::Deserialize;
use url::Url;

use super::error::{Rejection, SlasError, SlasResult};
use crate::access_token::{Audience, read_issued};
use crate::cookies::dw_cookies;
use crate::ids::{AccessToken, IdToken, RefreshToken, Usid, Word};
use crate::model::{Extras, Grant, RefreshGrant};
use crate::timestamp::Timestamp;
use crate::upstream::http::BufferedResponse;

/// A longer lifetime than a year is invalid, in seconds.
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

/// The tokens of a 200 response, or what is wrong with it.
pub(super) fn grant(
    reply: &BufferedResponse,
    audience: &Audience,
    now: Timestamp,
) -> Result<Grant, &'static str> {
    let response: TokenResponse =
        serde_json::from_slice(&reply.body).map_err(|_| "malformed token response")?;
    let access = access_token(&response.access_token)?;
    let claims = read_issued(&access, audience).map_err(|_| "access token for another audience")?;
    if response.expires_in <= 0 || claims.expires_at <= now {
        return Err("expired access token");
    }
    let refresh = refresh(&response)?;
    let extras = Extras {
        id_token: response.id_token.as_deref().and_then(present).and_then(IdToken::parse),
        encoded_user_id: response.enc_user_id.as_deref().and_then(present).and_then(Word::parse),
    };
    Ok(Grant {
        access,
        claims,
        refresh,
        dw: dw_cookies::read(&reply.headers),
        extras,
        other_dnt: false,
    })
}

fn access_token(text: &str) -> Result<AccessToken, &'static str> {
    let (length, longest) = (text.len(), AccessToken::LONGEST);
    if length > longest {
        tracing::error!(
            length,
            longest,
            "access token too long for a request's headers: no shopper gets a session; remove \
             scopes that the shop does not use from the SLAS client"
        );
        return Err("access token too long");
    }
    AccessToken::parse(text).ok_or("invalid access token")
}

fn refresh(response: &TokenResponse) -> Result<Option<RefreshGrant>, &'static str> {
    let Some(text) = response.refresh_token.as_deref().and_then(present) else { return Ok(None) };
    let token = RefreshToken::parse(text).ok_or("refresh token not valid in a cookie")?;
    let valid = |seconds: &f64| (1.0..LONGEST_REFRESH).contains(seconds);
    let lifetime = response.refresh_token_expires_in.filter(valid);
    #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
    let expires_in = lifetime.ok_or("refresh token without a valid lifetime")? as i64;
    Ok(Some(RefreshGrant { token, expires_in }))
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "null").then_some(text)
}

/// What the redirect of an authorize or login call returns.
pub(super) struct Code {
    pub(super) code: String,
    pub(super) usid: Option<Usid>,
}

/// Reads the `Location` of a redirect.
pub(super) fn code(reply: &BufferedResponse) -> SlasResult<Code> {
    let query = location_query(reply).ok_or(SlasError::Malformed("redirect without location"))?;
    let value = |name: &str| {
        let found = query.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    if let Some(error) = value("error") {
        let text = value("error_description").unwrap_or_default();
        return Err(SlasError::Rejected(Rejection::new(reply.status, &error, &text)));
    }
    let code = value("code").ok_or(SlasError::Malformed("redirect without code"))?;
    Ok(Code { code, usid: value("usid").as_deref().and_then(Usid::parse) })
}

/// The redirect URI may be relative or have the scheme of an app: only its query is read.
fn location_query(reply: &BufferedResponse) -> Option<Vec<(String, String)>> {
    let location = reply.headers.get(LOCATION)?.to_str().ok()?;
    let base = Url::parse("https://redirect.invalid/").ok()?;
    Some(base.join(location).ok()?.query_pairs().into_owned().collect())
}

/// A public key of the tenant. SLAS publishes no `alg`; it is always ES256.
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

/// The EC P-256 keys of a key set; no other key can verify ES256.
pub(super) fn keys(reply: &BufferedResponse) -> SlasResult<Vec<Jwk>> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<serde_json::Value>,
    }
    let set: KeySet = serde_json::from_slice(&reply.body)
        .map_err(|_| SlasError::Malformed("malformed key set"))?;
    let is_es256 = |key: &Jwk| key.kty == "EC" && key.crv == "P-256";
    Ok(set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value(key).ok())
        .filter(is_es256)
        .collect())
}
