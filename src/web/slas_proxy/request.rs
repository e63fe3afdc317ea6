//! Validates the parameters of a call and adds those of the site and the shopper.

use serde_json::{Map, Value};

use crate::allowlist::pairs;
use crate::allowlist::slas_operations::{Form, Operation};
use crate::allowlist::slas_parameters::{
    Parameters, ShopperValues, SiteValues, validate, validate_json,
};
use crate::flow::Access;
use crate::header_values::has_media_type;
use crate::ids::Usid;
use crate::problem::Problem;
use crate::upstream::slas::PassthroughBody;
use crate::web::slas_proxy::{SlasProxyCall, refused};

/// The parameters that SLAS gets.
pub(crate) enum Message {
    /// Names and values.
    Pairs(Form, Parameters),
    /// A JSON object.
    Json(Map<String, Value>),
}

impl Message {
    pub(crate) fn query(&self) -> &[(String, String)] {
        match self {
            Self::Pairs(_, parameters) => &parameters.query,
            Self::Json(_) => &[],
        }
    }

    pub(crate) fn body(&self) -> PassthroughBody<'_> {
        match self {
            Self::Pairs(Form::Query, _) => PassthroughBody::None,
            Self::Pairs(_, parameters) => PassthroughBody::Form(&parameters.form),
            Self::Json(fields) => PassthroughBody::Json(fields),
        }
    }

    /// The do-not-track choice that the call states.
    pub(crate) fn dnt(&self) -> Option<bool> {
        self.get("dnt")?.parse().ok()
    }

    pub(crate) fn refreshes(&self) -> bool {
        matches!(self, Self::Pairs(_, parameters) if parameters.refreshes())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        match self {
            Self::Pairs(_, parameters) => parameters.get(name),
            Self::Json(_) => None,
        }
    }
}

impl SlasProxyCall {
    pub(crate) fn message(&self, body: &[u8]) -> Result<Message, Problem> {
        const TOO_MANY: Problem = Problem::BadRequest("Too many parameters.");
        let config = &self.session.site.config;
        let site_values = SiteValues {
            client_id: &config.slas.client_id,
            channel: config.id.as_str(),
            public_origin: self.session.site.public_origin.as_str(),
            redirect_uris: &config.slas.redirect_uris,
            private: self.private,
        };
        let operation = self.call.operation;
        let query = self.parts.uri.query().unwrap_or_default();
        let query = pairs(query.as_bytes()).ok_or(TOO_MANY)?;
        let own_usid = |form: &[(String, String)]| {
            self.own_usid(find(&query, "hint"), find(form, "usid").or(find(&query, "usid")))
        };
        let own = |usid| ShopperValues { usid, dnt: self.session.dnt() };
        match operation.form() {
            Form::Json => {
                self.is_of_type("application/json")?;
                let usid = own_usid(&[]);
                let own = own(usid.as_ref().map(Usid::as_str));
                Ok(Message::Json(
                    validate_json(operation, body, &site_values, &own).map_err(refused)?,
                ))
            }
            form => {
                if form == Form::Body && !body.is_empty() {
                    self.is_of_type("application/x-www-form-urlencoded")?;
                }
                let pairs = pairs(body).ok_or(TOO_MANY)?;
                let usid = own_usid(&pairs);
                let own = own(usid.as_ref().map(Usid::as_str));
                let parameters =
                    validate(operation, &query, &pairs, &site_values, &own).map_err(refused)?;
                Ok(Message::Pairs(form, parameters))
            }
        }
    }

    /// The usid of the browser's own token, if that is a guest's: that of a registered shopper
    /// would be carried over into another customer's session. A caller that begins a guest session
    /// while one is valid wants another one. A storefront that has taken its access token out of the
    /// cookies names the usid itself; it counts if the seal names the same.
    fn own_usid(&self, hint: Option<&str>, named: Option<&str>) -> Option<Usid> {
        let begins_guest = self.call.operation == Operation::Token || hint == Some("guest");
        let claims = match &self.session.access {
            Access::Fresh(held) | Access::Expiring(held) if !begins_guest => &held.claims,
            Access::Expired(claims) => claims,
            Access::None if !begins_guest => {
                let named = named.and_then(Usid::parse);
                return named.filter(|usid| self.session.is_sealed_guest(usid.tag()));
            }
            _ => return None,
        };
        claims.customer.is_guest().then(|| claims.usid.clone())
    }

    fn is_of_type(&self, wanted: &str) -> Result<(), Problem> {
        if has_media_type(&self.parts.headers, wanted) {
            Ok(())
        } else {
            Err(Problem::BadRequest("The Content-Type is not the one that SLAS accepts."))
        }
    }
}

fn find<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
