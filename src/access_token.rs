//! Reads and verifies SLAS access tokens.
//!
//! Claims are read by key, never by position (pwa-kit clients broke on tokens with additional agent
//! or session-bridge pairs). The claims of a token from a cookie are trusted only after [`verify`];
//! a token that the token endpoint just returned needs only [`read_issued`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::ids::{AccessToken, CustomerId, Usid, Word};
use crate::model::{Claims, Customer, CustomerType};
use crate::timestamp::Timestamp;

/// The tenant, client and channel that a token must have been issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The organisation without its `f_ecom_`: `zzte_053`.
    pub tenant: String,
    /// The SLAS client id.
    pub client_id: String,
    /// The site id.
    pub channel: String,
}

/// Why a token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts with a JSON header and payload of the expected form.
    #[error("the access token is malformed")]
    Malformed,
    /// Not signed with ES256, or the signature is invalid.
    #[error("the access token has an invalid signature")]
    Forged,
    /// Issued for another tenant, SLAS client or site.
    #[error("the access token was issued for another tenant, client or site")]
    Foreign,
}

/// The key id in the header of `token`, if its header is that of a SLAS token.
///
/// # Errors
///
/// [`TokenError::Forged`] for any algorithm but ES256: the platform determines the algorithm, never
/// the token. A `jku` is ignored.
pub fn key_id(token: &AccessToken) -> Result<String, TokenError> {
    let header = jsonwebtoken::decode_header(token.expose()).map_err(|_| TokenError::Malformed)?;
    if header.alg != Algorithm::ES256 {
        return Err(TokenError::Forged);
    }
    header.kid.ok_or(TokenError::Malformed)
}

/// Checks the ES256 signature and the audience of a token from a request.
///
/// The expiry is *not* checked: an expired token still identifies its shopper.
pub fn verify(
    token: &AccessToken,
    key: &DecodingKey,
    audience: &Audience,
) -> Result<Claims, TokenError> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let payload = jsonwebtoken::decode::<Payload>(token.expose(), key, &validation)
        .map_err(|_| TokenError::Forged)?
        .claims;
    payload.into_claims(audience)
}

/// Reads a token that SLAS just returned over TLS, or that our sealed cookie confirms.
pub fn read_issued(token: &AccessToken, audience: &Audience) -> Result<Claims, TokenError> {
    let mut parts = token.expose().split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Malformed)?;
    let payload: Payload = serde_json::from_slice(&payload).map_err(|_| TokenError::Malformed)?;
    payload.into_claims(audience)
}

#[derive(Deserialize)]
struct Payload {
    sub: String,
    iss: String,
    isb: String,
    exp: i64,
    #[serde(default)]
    iat: i64,
    #[serde(default)]
    dnt: Option<String>,
}

impl Payload {
    fn into_claims(self, audience: &Audience) -> Result<Claims, TokenError> {
        let subject = Pairs::of(&self.sub);
        let identity = Pairs::of(&self.isb);
        let foreign = subject.value("cc-slas") != Some(&audience.tenant)
            || subject.value("scid") != Some(&audience.client_id)
            || self.iss.rsplit('/').next() != Some(&audience.tenant)
            || identity.value("chid").is_some_and(|channel| channel != audience.channel);
        if foreign {
            return Err(TokenError::Foreign);
        }
        Ok(Claims {
            customer: identity.customer().ok_or(TokenError::Malformed)?,
            usid: subject.value("usid").and_then(Usid::parse).ok_or(TokenError::Malformed)?,
            login_id: identity.login_id(),
            issued_at: Timestamp::from_unix(self.iat),
            expires_at: Timestamp::from_unix(self.exp),
            dnt: self.dnt.as_deref().and_then(parse_dnt),
            origin: identity.value("uido").and_then(Word::parse),
        })
    }
}

/// SLAS writes do-not-track as `0`/`1` in tokens and as `true`/`false` in responses.
fn parse_dnt(text: &str) -> Option<bool> {
    match text {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// `key:value` pairs joined with `::`, as in `sub` and `isb`.
///
/// In `sub` the tenant has `cc-slas::zzte_053`: a key without a value followed by a value without a
/// key. The two are read as one pair. The colon of a key with an empty value runs into the
/// separator: its value then begins with a colon and counts as empty.
struct Pairs<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Pairs<'a> {
    fn of(text: &'a str) -> Self {
        let mut pairs = Vec::with_capacity(8);
        let mut parts = text.split("::");
        while let Some(part) = parts.next() {
            let pair = part.split_once(':');
            pairs.push(pair.unwrap_or_else(|| (part, parts.next().unwrap_or_default())));
        }
        Self(pairs)
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        let given = |value: &str| !value.is_empty() && !value.starts_with(':');
        self.0.iter().find(|(name, value)| *name == key && given(value)).map(|(_, value)| *value)
    }

    /// Registered if and only if there is a non-empty `rcid`.
    fn customer(&self) -> Option<Customer> {
        let (kind, id) = match self.value("rcid") {
            Some(id) => (CustomerType::Registered, id),
            None => (CustomerType::Guest, self.value("gcid")?),
        };
        Some(Customer { kind, id: CustomerId::parse(id)? })
    }

    fn login_id(&self) -> Option<String> {
        self.value("rcid")?;
        self.value("upn").map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn audience() -> Audience {
        Audience {
            tenant: "zzte_053".into(),
            client_id: "client-1".into(),
            channel: "RefArch".into(),
        }
    }

    fn issued(isb: &str, sub: &str, iss: &str) -> Result<Claims, TokenError> {
        let payload = serde_json::json!({
            "sub": sub, "iss": iss, "isb": isb, "exp": 1900, "iat": 100, "dnt": "1",
        });
        let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
        let token = AccessToken::parse(&format!("e30.{payload}.c2ln")).unwrap();
        read_issued(&token, &audience())
    }

    const SUB: &str = "cc-slas::zzte_053::scid:client-1::usid:u-1";
    const ISS: &str = "slas/prod/zzte_053";

    #[test]
    fn a_guest_is_identified_by_gcid() {
        let claims =
            issued("uido:slas::upn:Guest::uidn:Guest User::gcid:abG::chid:RefArch", SUB, ISS)
                .unwrap();
        assert_eq!(claims.customer.kind, CustomerType::Guest);
        assert_eq!(claims.customer.id.as_str(), "abG");
        assert_eq!(claims.login_id, None);
        assert_eq!(claims.dnt, Some(true));
    }

    #[test]
    fn pairs_are_read_by_key_whatever_other_pairs_there_are() {
        let isb = "agent:a@b::taob:x::uido:ecom::upn:jo@example.com::uidn:Jo%3A B\
                   ::gcid:abG::rcid:abR::chid:RefArch";
        let claims = issued(isb, SUB, ISS).unwrap();
        assert_eq!(claims.customer.kind, CustomerType::Registered);
        assert_eq!(claims.customer.id.as_str(), "abR");
        assert_eq!(claims.login_id.as_deref(), Some("jo@example.com"));
    }

    #[test]
    fn an_empty_rcid_is_a_guest() {
        let claims = issued("gcid:abG::rcid:::chid:RefArch", SUB, ISS);
        assert_eq!(claims.unwrap().customer.kind, CustomerType::Guest);
    }

    #[test]
    fn a_token_of_another_tenant_client_or_site_is_rejected() {
        let guest = "gcid:abG::chid:RefArch";
        for (isb, sub, iss) in [
            (guest, "cc-slas::aaaa_001::scid:client-1::usid:u-1", ISS),
            (guest, "cc-slas::zzte_053::scid:client-2::usid:u-1", ISS),
            (guest, SUB, "slas/prod/aaaa_001"),
            ("gcid:abG::chid:Other", SUB, ISS),
        ] {
            assert_eq!(issued(isb, sub, iss), Err(TokenError::Foreign), "{isb} {sub} {iss}");
        }
    }

    proptest! {
        #[test]
        fn no_text_in_the_pairs_causes_a_panic(text in "\\PC{0,200}") {
            let _ = issued(&text, &text, &text);
        }
    }
}
