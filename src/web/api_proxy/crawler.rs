//! API calls of crawlers: read-only, without a shopper.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;

use crate::flow::GuestResponse;
use crate::header_values::bearer;
use crate::ids::AccessToken;
use crate::problem::Problem;
use crate::route::Crawlers;
use crate::upstream::CallContext;
use crate::web::api_proxy::ApiCall;
use crate::web::replay_body::ReplayBody;
use crate::web::request_kind::is_reading;
use crate::web::request_log::RequestId;

/// How long a failure to get the shared guest is cached.
const FAILURE: Duration = Duration::from_secs(5);
/// A token is replaced this long before it expires, in seconds.
const MARGIN: i64 = 60;

impl ApiCall {
    /// Makes the call without a session, or with the token of the guest that all crawlers share.
    pub(crate) async fn for_crawler(&self) -> Result<Response, Problem> {
        if !is_reading(&self.parts.method) {
            return Err(Problem::Refused);
        }
        let token = match self.route.crawlers {
            Crawlers::SharedGuest => Some(self.shared_token().await?),
            Crawlers::WithoutSession | Crawlers::Refused => None,
        };
        let bearer = token.as_ref().map(bearer);
        let no_body = ReplayBody::streamed(Body::empty());
        Ok(self.send(no_body, bearer.as_ref(), None).await)
    }

    async fn shared_token(&self) -> Result<AccessToken, Problem> {
        let correlation_id = RequestId::of(&self.parts).to_owned();
        let context = CallContext { correlation_id, dnt: Some(true), client: None };
        let site = std::sync::Arc::clone(&self.site);
        let begin = move || async move { site.slas.guest(None, &context).await };
        let clock = self.site.clock.clone();
        let lifetime = move |response: &GuestResponse| match response {
            GuestResponse::Granted(grant) => {
                let seconds = grant.claims.expires_at.since(clock.now()) - MARGIN;
                Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
            }
            GuestResponse::UsidTaken | GuestResponse::Failed(_) => FAILURE,
        };
        let shared = self.site.crawlers.join((), begin, lifetime);
        match shared.await.1 {
            Some(GuestResponse::Granted(grant)) => Ok(grant.access),
            Some(GuestResponse::Failed(failure)) => Err(Problem::Upstream(failure)),
            Some(GuestResponse::UsidTaken) | None => Err(Problem::Unreachable),
        }
    }
}
