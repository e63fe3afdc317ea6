//! ES256 signatures in compact form, without a JWT library: SLAS headers have members that no
//! library writes, and tests need invalid tokens that no library signs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ids;

/// A P-256 key with its id.
pub(super) struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    #[expect(clippy::expect_used, reason = "a machine that cannot make a key cannot run a sandbox")]
    pub(super) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self { kid: ids::uuid(), pair: pair.expect("a P-256 key can be generated") }
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as SLAS publishes it: without an `alg` member.
    pub(super) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid,
               "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    }

    /// The signed token.
    #[expect(clippy::expect_used, reason = "signing fails only when the system has no randomness")]
    pub(super) fn sign(&self, header: &Value, claims: &impl Serialize) -> String {
        let message = unsigned(header, claims);
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.expect("a P-256 key can sign");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that this key signed.
    pub(super) fn open<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        let (message, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key());
        public.verify(message.as_bytes(), &signature).ok()?;
        let (header, claims) = message.split_once('.')?;
        (part::<Value>(header)?["alg"] == "ES256").then(|| part(claims)).flatten()
    }
}

/// `header.claims`, which is what gets signed.
#[expect(clippy::expect_used, reason = "plain structs always serialize")]
pub(super) fn unsigned(header: &Value, claims: &impl Serialize) -> String {
    let claims = serde_json::to_vec(claims).expect("claims serialize");
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims))
}

/// The `kid` a token names, unverified.
pub(super) fn kid_of(token: &str) -> Option<String> {
    let header: Value = part(token.split('.').next()?)?;
    header["kid"].as_str().map(ToOwned::to_owned)
}

fn part<T: DeserializeOwned>(encoded: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}
