//! The guest that all crawlers of a site share.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::flow::GuestResponse;
use crate::ids::AccessToken;
use crate::problem::Problem;
use crate::site::Site;
use crate::upstream::CallContext;
use crate::web::request_log::RequestId;

/// How long a failure to get the shared guest is cached.
const FAILURE: Duration = Duration::from_secs(5);
/// A token is replaced this long before it expires, in seconds.
const MARGIN: i64 = 60;

/// The access token of the shared guest: one call of SLAS for all crawlers while it is valid.
pub(crate) async fn access_token(site: &Arc<Site>, parts: &Parts) -> Result<AccessToken, Problem> {
    let correlation_id = RequestId::of(parts).to_owned();
    let context = CallContext { correlation_id, dnt: Some(true), client: None };
    let caller = Arc::clone(site);
    let begin = move || async move { caller.slas.guest(None, &context).await };
    let clock = site.clock.clone();
    let lifetime = move |response: &GuestResponse| match response {
        GuestResponse::Granted(grant) => {
            let seconds = grant.claims.expires_at.since(clock.now()) - MARGIN;
            Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        }
        GuestResponse::UsidTaken | GuestResponse::Failed(_) => FAILURE,
    };
    match site.crawlers.join((), begin, lifetime).await.1 {
        Some(GuestResponse::Granted(grant)) => Ok(grant.access),
        Some(GuestResponse::Failed(failure)) => Err(Problem::Upstream(failure)),
        Some(GuestResponse::UsidTaken) | None => Err(Problem::Unreachable),
    }
}
