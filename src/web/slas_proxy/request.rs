//! Validates the parameters of a call and adds those of the site and the shopper.

use serde_json::{Map, Value};

use crate::allowlist::pairs;
use crate::allowlist::slas_operations::{Form, Operation};
use crate::allowlist::slas_parameters::{
    Parameters, ShopperValues, SiteValues, validate, validate_json,
};
use crate::flow::Access;
use crate::header_values::has_media_type;
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
        let hint = query.iter().find(|(name, _)| name == "hint").map(|(_, hint)| hint.as_str());
        let own = ShopperValues { usid: self.own_usid(hint), dnt: self.session.dnt() };
        match operation.form() {
            Form::Json => {
                self.is_of_type("application/json")?;
                Ok(Message::Json(
                    validate_json(operation, body, &site_values, &own).map_err(refused)?,
                ))
            }
            form => {
                if form == Form::Body && !body.is_empty() {
                    self.is_of_type("application/x-www-form-urlencoded")?;
                }
                let pairs = pairs(body).ok_or(TOO_MANY)?;
                let parameters =
                    validate(operation, &query, &pairs, &site_values, &own).map_err(refused)?;
                Ok(Message::Pairs(form, parameters))
            }
        }
    }

    /// The usid of the browser's own token, if that is a guest's: that of a registered shopper
    /// would be carried over into another customer's session. A caller that begins a guest session
    /// while one is valid wants another one.
    fn own_usid(&self, hint: Option<&str>) -> Option<&str> {
        let begins_guest = self.call.operation == Operation::Token || hint == Some("guest");
        let claims = match &self.session.access {
            Access::Fresh(held) | Access::Expiring(held) if !begins_guest => &held.claims,
            Access::Expired(claims) => claims,
            _ => return None,
        };
        claims.customer.is_guest().then(|| claims.usid.as_str())
    }

    fn is_of_type(&self, wanted: &str) -> Result<(), Problem> {
        if has_media_type(&self.parts.headers, wanted) {
            Ok(())
        } else {
            Err(Problem::BadRequest("The Content-Type is not the one that SLAS accepts."))
        }
    }
}
