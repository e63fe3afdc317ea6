//! The shopper's access token: its claims and its verification.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids;
use crate::options::Options;
use crate::state::{Customer, Identity, State};

/// The scopes of a typical hybrid shop, which account for most of a token's length.
const SCOPES: &str = "sfcc.shopper-myaccount.baskets openid offline_access email \
    sfcc.shopper-standard sfcc.session_bridge sfcc.shopper-baskets-orders.rw \
    sfcc.shopper-customers.login sfcc.shopper-customers.register sfcc.shopper-products \
    sfcc.shopper-categories sfcc.shopper-product-search sfcc.shopper-promotions \
    sfcc.shopper-gift-certificates sfcc.shopper-stores sfcc.shopper-context.rw \
    sfcc.shopper-myaccount.rw sfcc.shopper-myaccount.addresses.rw \
    sfcc.shopper-myaccount.orders sfcc.shopper-myaccount.paymentinstruments.rw \
    sfcc.shopper-myaccount.productlists.rw sfcc.shopper-discovery-search \
    sfcc.shopper-myaccount sfcc.shopper-myaccount.addresses sfcc.shopper-baskets-orders \
    sfcc.shopper-myaccount.paymentinstruments sfcc.shopper-myaccount.productlists \
    sfcc.shopper-customers.update sfcc.shopper-productlists sfcc.pwdless_login \
    sfcc.shopper-experience sfcc.shopper-seo sfcc.shopper-context \
    sfcc.shopper-myaccount.emailsubscriptions.rw sfcc.shopper-consents.rw \
    sfcc.shopper-configurations c_loyalty.balance_r c_loyalty.history_r";

/// The claims of an access token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) aut: String,
    pub(crate) scp: String,
    pub(crate) sub: String,
    pub(crate) ctx: String,
    pub(crate) iss: String,
    pub(crate) ist: i64,
    pub(crate) aud: String,
    pub(crate) nbf: i64,
    pub(crate) sty: String,
    pub(crate) isb: String,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    pub(crate) dnt: String,
}

/// Why a token is invalid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidToken {
    /// Malformed, or not signed by this tenant for one of its clients.
    Foreign,
    Expired,
    Revoked,
    /// The shopper's password changed after the token was issued.
    CredentialsChanged,
}

impl Claims {
    pub(crate) fn new(
        options: &Options,
        client_id: &str,
        identity: &Identity,
        customer: Option<&Customer>,
        now: i64,
    ) -> Self {
        let tenant = options.tenant();
        let life = i64::try_from(options.access_life.as_secs()).unwrap_or(i64::MAX);
        Self {
            aut: "GUID".to_owned(),
            scp: SCOPES.to_owned(),
            sub: format!("cc-slas::{tenant}::scid:{client_id}::usid:{}", identity.usid),
            ctx: "slas".to_owned(),
            iss: format!("slas/prod/{tenant}"),
            ist: 1,
            aud: format!("commercecloud/prod/{tenant}"),
            nbf: now - 30,
            sty: "User".to_owned(),
            isb: issuer_subject(options, identity, customer),
            exp: now.saturating_add(life),
            iat: now,
            jti: ids::token_id(),
            dnt: if identity.do_not_track { "1" } else { "0" }.to_owned(),
        }
    }

    pub(crate) fn usid(&self) -> &str {
        pair(&self.sub, "usid").unwrap_or_default()
    }

    /// The id of the registered customer, else of the guest.
    pub(crate) fn customer_id(&self) -> &str {
        pair(&self.isb, "rcid").or_else(|| pair(&self.isb, "gcid")).unwrap_or_default()
    }

    /// The id of the guest customer, which a registered shopper has too.
    pub(crate) fn guest_id(&self) -> &str {
        pair(&self.isb, "gcid").unwrap_or_default()
    }

    pub(crate) fn customer_type(&self) -> &'static str {
        if pair(&self.isb, "rcid").is_some() { "registered" } else { "guest" }
    }

    /// The login id of a registered shopper.
    pub(crate) fn login(&self) -> Option<&str> {
        pair(&self.isb, "rcid").and_then(|_| pair(&self.isb, "upn"))
    }

    /// These claims with so many more scopes that the signed token has at least `length`
    /// characters.
    pub(crate) fn lengthened(mut self, state: &State, length: usize) -> Self {
        // Three characters of a claim are four of the token.
        let missing = length.saturating_sub(self.sign(state).len()).div_ceil(4) * 3;
        if missing > 0 {
            let more = " c_shop.more_r".chars().cycle().take(missing);
            self.scp.extend(more);
        }
        self
    }

    /// These claims with no more scopes than a typical shop has.
    pub(crate) fn shortened(mut self) -> Self {
        SCOPES.clone_into(&mut self.scp);
        self
    }

    /// The signed token.
    pub(crate) fn sign(&self, state: &State) -> String {
        let key = state.keys.current();
        key.sign(&header(key.kid()), self)
    }
}

/// The protected header of an access token.
pub(crate) fn header(kid: &str) -> Value {
    json!({"ver": "1.0", "kid": kid, "typ": "jwt", "clv": "J2.3.4", "alg": "ES256"})
}

/// The claims of a token with a valid signature, expired or not.
pub(crate) fn open(state: &State, token: &str) -> Option<Claims> {
    state.keys.of(token)?.open(token)
}

/// The claims of a valid token.
pub(crate) fn verify(
    options: &Options,
    state: &State,
    token: &str,
    now: i64,
) -> Result<Claims, InvalidToken> {
    let claims = open(state, token).filter(|claims| is_of_tenant(options, claims));
    let claims = claims.ok_or(InvalidToken::Foreign)?;
    let customer = state.customers.get(claims.customer_id()).ok_or(InvalidToken::Foreign)?;
    if now >= claims.exp || now < claims.nbf {
        return Err(InvalidToken::Expired);
    }
    if state.revoked.contains(&claims.jti) {
        return Err(InvalidToken::Revoked);
    }
    if customer.changed_since(claims.iat) {
        return Err(InvalidToken::CredentialsChanged);
    }
    Ok(claims)
}

fn is_of_tenant(options: &Options, claims: &Claims) -> bool {
    let tenant = options.tenant();
    let clients = [&options.private_client.id, &options.public_client];
    claims.iss == format!("slas/prod/{tenant}")
        && claims.aud == format!("commercecloud/prod/{tenant}")
        && clients.iter().any(|client| pair(&claims.sub, "scid") == Some(client))
}

fn issuer_subject(options: &Options, identity: &Identity, customer: Option<&Customer>) -> String {
    let guest = format!("gcid:{}", identity.guest_id);
    let registered = customer.and_then(|customer| Some((customer, customer.login()?)));
    let mut pairs = match registered {
        Some((customer, login)) => vec![
            "uido:ecom".to_owned(),
            format!("upn:{}", escaped(login)),
            format!("uidn:{}", escaped(&customer.name)),
            guest,
            format!("rcid:{}", customer.id),
        ],
        None => vec![
            "uido:slas".to_owned(),
            "upn:Guest".to_owned(),
            "uidn:Guest User".to_owned(),
            guest,
        ],
    };
    pairs.extend(identity.bridge.map(|hint| format!("sesb:{hint}")));
    pairs.push(format!("chid:{}", options.site_id));
    pairs.join("::")
}

fn escaped(value: &str) -> String {
    value.replace(':', "%3A")
}

/// The value of a key in `key:value` pairs joined with `::`.
fn pair<'a>(pairs: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = pairs.split("::").filter_map(|pair| pair.split_once(':'));
    pairs.find(|(known, _)| *known == key).map(|(_, value)| value)
}
