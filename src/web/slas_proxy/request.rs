//! What a call says, judged.

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

/// What goes to SLAS.
pub(crate) enum Message {
    /// Names and values.
    Pairs(Form, Parameters),
    /// A JSON object.
    Json(Map<String, Value>),
}

impl Message {
    pub(crate) fn query(&self) -> &[(String, String)] {
        match self {
            Self::Pairs(_, said) => &said.query,
            Self::Json(_) => &[],
        }
    }

    pub(crate) fn body(&self) -> PassthroughBody<'_> {
        match self {
            Self::Pairs(Form::Query, _) => PassthroughBody::None,
            Self::Pairs(_, said) => PassthroughBody::Form(&said.form),
            Self::Json(fields) => PassthroughBody::Json(fields),
        }
    }

    pub(crate) fn refreshes(&self) -> bool {
        matches!(self, Self::Pairs(_, said) if said.refreshes())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        match self {
            Self::Pairs(_, said) => said.get(name),
            Self::Json(_) => None,
        }
    }
}

impl SlasProxyCall {
    pub(crate) fn message(&self, body: &[u8]) -> Result<Message, Problem> {
        const TOO_LONG: Problem = Problem::BadRequest("There are too many parameters.");
        let config = &self.session.site.config;
        let site_values = SiteValues {
            client_id: &config.slas.client_id,
            channel: config.id.as_str(),
            public_origin: config.public_origin.as_str(),
            redirect_uris: &config.slas.redirect_uris,
            private: self.private,
        };
        let operation = self.call.operation;
        let query = self.parts.uri.query().unwrap_or_default();
        let query = pairs(query.as_bytes()).ok_or(TOO_LONG)?;
        let hint = query.iter().find(|(name, _)| name == "hint").map(|(_, hint)| hint.as_str());
        let own = ShopperValues { usid: self.own_usid(hint), dnt: self.session.presented.dnt };
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
                let pairs = pairs(body).ok_or(TOO_LONG)?;
                let said =
                    validate(operation, &query, &pairs, &site_values, &own).map_err(refused)?;
                Ok(Message::Pairs(form, said))
            }
        }
    }

    /// The usid of the browser's own token, if that is a guest's: a registered shopper's would carry
    /// over into somebody else's session. Who begins a guest session while one still lives wants
    /// another one.
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
            Err(Problem::BadRequest("The body is not of the type that SLAS takes."))
        }
    }
}
