//! The caller's own access token, in `Authorization`: that of a storefront that stores its tokens
//! itself, or of a server that renders pages.
//!
//! It counts only without a cookie of ours. Such a request has no other authority, and its caller could
//! call the API with the same token directly, so this holds in every cookie profile. A browser with our
//! cookies is the shopper whom they name, whatever else a script adds.

use http::{HeaderMap, HeaderValue};

use crate::ids::AccessToken;
use crate::model::Claims;
use crate::web::headers::authorization;
use crate::web::request_session::{Keys, RequestSession};

/// A verified access token of the caller.
pub(crate) struct OwnBearer {
    /// As the API gets it.
    pub(crate) header: HeaderValue,
    pub(crate) claims: Claims,
}

impl RequestSession {
    /// The caller's own access token, if it counts: with the signature of SLAS, issued for this tenant,
    /// client and site, and not of a session that was logged out here. It may have expired: the API says
    /// so in a way that the caller's SDK understands.
    pub(crate) async fn own_bearer(&self, headers: &HeaderMap, keys: Keys) -> Option<OwnBearer> {
        let (header, token) = self.presented_bearer(headers)?;
        let claims = self.check(&token, keys).await?;
        let ended = self.site.revocations.has_ended(&claims, self.received_at);
        if ended || self.is_logged_out(token.tag()) {
            return None;
        }
        self.record_shopper(&claims);
        Some(OwnBearer { header, claims })
    }

    /// The token that [`own_bearer`](Self::own_bearer) would verify.
    pub(super) fn presented_bearer(
        &self,
        headers: &HeaderMap,
    ) -> Option<(HeaderValue, AccessToken)> {
        let header =
            authorization(headers, "Bearer").filter(|_| self.presented.names.is_empty())?;
        let token = AccessToken::parse(header.to_str().ok()?.split_once(' ')?.1)?;
        Some((header, token))
    }
}
