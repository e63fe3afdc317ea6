//! A crawler's calls: it reads, and never as anybody.

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
use crate::web::api_proxy::replay_body::ReplayBody;
use crate::web::request_log::RequestId;

/// How long a failed try counts.
const FAILURE: Duration = Duration::from_secs(5);
/// Less life than this is not worth a call with the token, in seconds.
const MARGIN: i64 = 60;

impl ApiCall {
    /// Without a session, or with the token of the one guest all crawlers share.
    pub(crate) async fn for_crawler(&self) -> Result<Response, Problem> {
        if !self.reads() {
            return Err(Problem::Refused);
        }
        let token = match self.route.crawlers {
            Crawlers::SharedGuest => Some(self.shared_token().await?),
            Crawlers::WithoutSession | Crawlers::Refused => None,
        };
        let bearer = token.as_ref().map(bearer);
        let nothing = ReplayBody::streamed(Body::empty());
        Ok(self.forwarded(nothing, bearer.as_ref(), None).await)
    }

    async fn shared_token(&self) -> Result<AccessToken, Problem> {
        let correlation_id = RequestId::of(&self.parts).to_owned();
        let context = CallContext { correlation_id, dnt: Some(true), client: None };
        let site = std::sync::Arc::clone(&self.site);
        let begin = move || async move { site.slas.guest(None, &context).await };
        let clock = self.site.clock.clone();
        let keep = move |answer: &GuestResponse| match answer {
            GuestResponse::Granted(grant) => {
                let left = grant.claims.expires_at.since(clock.now()) - MARGIN;
                Duration::from_secs(u64::try_from(left).unwrap_or_default())
            }
            GuestResponse::UsidTaken | GuestResponse::Unavailable(_) => FAILURE,
        };
        let shared = self.site.crawlers.join((), begin, keep);
        match shared.await.1 {
            Some(GuestResponse::Granted(grant)) => Ok(grant.access),
            Some(GuestResponse::Unavailable(failure)) => Err(Problem::Upstream(failure)),
            Some(GuestResponse::UsidTaken) | None => Err(Problem::Unreachable),
        }
    }
}
