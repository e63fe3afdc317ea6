//! API calls of crawlers: read-only, without a shopper.

use axum::body::Body;
use axum::response::Response;

use crate::header_values::bearer;
use crate::problem::Problem;
use crate::route::Crawlers;
use crate::web::api_proxy::ApiCall;
use crate::web::replay_body::ReplayBody;
use crate::web::request_kind::is_reading;
use crate::web::shared_guest;

impl ApiCall {
    /// Makes the call without a session, or with the token of the guest that all crawlers share.
    pub(crate) async fn for_crawler(&self) -> Result<Response, Problem> {
        if !is_reading(&self.parts.method) {
            return Err(Problem::Refused);
        }
        let token = match self.route.crawlers {
            Crawlers::SharedGuest => {
                Some(shared_guest::access_token(&self.site.site, &self.parts).await?)
            }
            Crawlers::WithoutSession | Crawlers::Refused => None,
        };
        let bearer = token.as_ref().map(bearer);
        let no_body = ReplayBody::streamed(Body::empty());
        Ok(self.send(no_body, bearer.as_ref(), None).await)
    }
}
