//! Access tokens with chosen claims, and the responses that carry them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tandem::clock::Clock;
use testkit::{CLIENT, SITE};

use super::platform::{TENANT, USID};

/// Whom a token is for, and until when.
#[derive(Clone)]
pub(crate) struct Shopper {
    pub(crate) tenant: &'static str,
    pub(crate) client: &'static str,
    pub(crate) channel: &'static str,
    pub(crate) registered: bool,
    /// Seconds from now.
    pub(crate) life: i64,
    /// What distinguishes this token from others.
    pub(crate) jti: String,
}

impl Shopper {
    pub(crate) fn guest() -> Self {
        let (tenant, client, channel) = (TENANT, CLIENT, SITE);
        Self { tenant, client, channel, registered: false, life: 1800, jti: "C2C-1".to_owned() }
    }

    pub(crate) fn registered() -> Self {
        Self { registered: true, ..Self::guest() }
    }

    pub(crate) fn payload(&self) -> Value {
        let Self { tenant, client, channel, .. } = self;
        let now = Clock::system().now().unix();
        let who = if self.registered {
            "uido:ecom::upn:jo@example.com::uidn:Jo::gcid:abGuest::rcid:abRegistered"
        } else {
            "uido:slas::upn:Guest::uidn:Guest User::gcid:abGuest"
        };
        json!({
            "aut": "GUID", "scp": "sfcc.shopper-myaccount.baskets", "ctx": "slas", "ist": 1,
            "sub": format!("cc-slas::{tenant}::scid:{client}::usid:{USID}"),
            "iss": format!("slas/prod/{tenant}"), "aud": format!("commercecloud/prod/{tenant}"),
            "isb": format!("{who}::chid:{channel}"), "sty": "User", "dnt": "0",
            "nbf": now - 30, "iat": now, "exp": now + self.life, "jti": self.jti,
        })
    }

    /// A token with an invalid signature: SLAS responses are not verified.
    pub(crate) fn token(&self) -> String {
        unsigned(&json!({"typ": "jwt", "alg": "ES256", "kid": "k"}), &self.payload()) + ".c2ln"
    }
}

/// A response of the token endpoint, as SLAS sends it.
pub(crate) fn tokens(shopper: &Shopper) -> Value {
    json!({
        "access_token": shopper.token(), "id_token": "", "refresh_token": "refresh-2",
        "expires_in": 1800, "refresh_token_expires_in": 2_592_000, "token_type": "Bearer",
        "usid": USID, "customer_id": "abGuest", "enc_user_id": "", "idp_access_token": "",
        "idp_refresh_token": "null", "dnt": "false",
    })
}

/// A P-256 key of a tenant.
pub(crate) struct SigningKey {
    pub(crate) kid: &'static str,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    pub(crate) fn new(kid: &'static str) -> Self {
        Self { kid, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    /// The public half as SLAS publishes it: without `alg`.
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.public()[1..].split_at(32);
        let (x, y) = (base64url(x), base64url(y));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": x, "y": y})
    }

    /// The uncompressed point.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A token, signed as SLAS signs it.
    pub(crate) fn sign(&self, shopper: &Shopper) -> String {
        let header = json!({"ver": "1.0", "kid": self.kid, "typ": "jwt", "alg": "ES256"});
        self.sign_under(&header, shopper)
    }

    pub(crate) fn sign_under(&self, header: &Value, shopper: &Shopper) -> String {
        let message = unsigned(header, &shopper.payload());
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signature.as_ref()))
    }
}

/// `header.payload`.
pub(crate) fn unsigned(header: &Value, payload: &Value) -> String {
    format!("{}.{}", base64url(header.to_string()), base64url(payload.to_string()))
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
