//! Access tokens with chosen properties: valid ones, and ones that every client must reject.

use serde_json::json;

use crate::ids;
use crate::jws::{self, SigningKey};
use crate::options::Options;
use crate::platform::Platform;
use crate::slas::access_token::{self, Claims};
use crate::state::{Identity, State};

/// The properties of a token. The default is a valid token of a new guest of the private client.
#[derive(Clone, Debug, Default)]
pub struct TokenSpec {
    /// The customer, if not a new guest. An unknown id means a new guest.
    pub customer_id: Option<String>,
    /// The usid, if not a new one.
    pub usid: Option<String>,
    /// The SLAS client, if not the private one.
    pub client_id: Option<String>,
    /// The tenant, if not this one, such as `zzzz_001`.
    pub tenant: Option<String>,
    /// Seconds from now until it expires, negative for an expired one. The usual lifetime if
    /// absent.
    pub expires_in: Option<i64>,
    /// How it is signed.
    pub signature: TokenSignature,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenSignature {
    /// With the current key.
    #[default]
    Valid,
    /// Not signed: `alg` is `none` and the third part is empty.
    None,
    /// With another key, under a `kid` that is not published.
    UnknownKey,
    /// With another key, under the `kid` of the current key.
    Forged,
}

pub(super) fn forge(platform: &Platform, state: &mut State, spec: &TokenSpec) -> String {
    let claims = claims(platform, state, spec);
    let current = state.keys.current();
    match spec.signature {
        TokenSignature::Valid => claims.sign(state),
        TokenSignature::None => {
            let mut header = access_token::header(current.kid());
            header["alg"] = json!("none");
            format!("{}.", jws::unsigned(&header, &claims))
        }
        TokenSignature::UnknownKey => {
            let other = SigningKey::generate();
            other.sign(&access_token::header(other.kid()), &claims)
        }
        TokenSignature::Forged => {
            SigningKey::generate().sign(&access_token::header(current.kid()), &claims)
        }
    }
}

fn claims(platform: &Platform, state: &mut State, spec: &TokenSpec) -> Claims {
    let options = Options {
        organization_id: organization(&platform.options, spec),
        ..platform.options.clone()
    };
    let client_id = spec.client_id.as_ref().unwrap_or(&options.private_client.id);
    let now = platform.now();
    let identity = identity(state, spec);
    let customer = state.customers.get(&identity.customer_id);
    let mut claims = Claims::new(&options, client_id, &identity, customer, now);
    if let Some(seconds) = spec.expires_in {
        claims.exp = now + seconds;
        claims.iat = claims.iat.min(claims.exp - 1);
        claims.nbf = claims.iat - 30;
    }
    claims
}

fn identity(state: &mut State, spec: &TokenSpec) -> Identity {
    let guest_id = state.customers.new_guest();
    let known = spec.customer_id.as_ref().filter(|id| state.customers.get(id).is_some());
    let customer_id = known.unwrap_or(&guest_id).clone();
    let guest = state.customers.is_guest(&customer_id);
    Identity {
        usid: spec.usid.clone().unwrap_or_else(ids::uuid),
        guest_id: if guest { customer_id.clone() } else { guest_id },
        customer_id,
        bridge: None,
        do_not_track: false,
    }
}

fn organization(options: &Options, spec: &TokenSpec) -> String {
    let other = spec.tenant.as_ref().map(|tenant| format!("f_ecom_{tenant}"));
    other.unwrap_or_else(|| options.organization_id.clone())
}
