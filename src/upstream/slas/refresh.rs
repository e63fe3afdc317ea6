//! The refresh of tokens: when it is made once more, and when a rejection ends the refresh token.

use super::error::{Rejection, SlasError, SlasResult};
use super::operations::push_dnt;
use super::{CallContext, Operation, Slas, wire};
use crate::flow::{RefreshResponse, UpstreamFailure};
use crate::header_values;
use crate::ids::{Dwsid, RefreshToken};
use crate::model::Grant;
use crate::upstream::http::CallError;
use crate::upstream::refresh_limit::RefreshLimit;
use crate::upstream::refresh_rejections::Verdict;
use crate::upstream::seconds;
use http::StatusCode;
use std::time::{Duration, Instant};

/// Another attempt may show whether a rejected refresh token has ended.
const UNRESOLVED: UpstreamFailure = UpstreamFailure::unavailable_for(5);

/// The pause before a refresh that failed is made once more.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

impl Slas {
    /// `POST /token` `refresh_token`. `dwsid` is sent for Hybrid Auth tenants.
    pub async fn refresh(
        &self,
        token: &RefreshToken,
        dwsid: Option<&Dwsid>,
        context: &CallContext,
    ) -> RefreshResponse {
        let result = self.request_refresh(token, dwsid, context).await;
        self.refreshed(token, result)
    }

    /// [Refreshes](Self::refresh) as often as `limit` permits. It does so once more after a momentary
    /// failure if the client is private and the first call ended before `repeat_before`. A private
    /// client's refresh token stays valid; that of a public client may be spent, so its refresh is
    /// never repeated.
    pub async fn refresh_limited(
        &self,
        token: &RefreshToken,
        dwsid: Option<&Dwsid>,
        context: &CallContext,
        limit: &RefreshLimit,
        repeat_before: Instant,
    ) -> RefreshResponse {
        if let Err(wait) = limit.acquire(token.tag(), self.clock.monotonic()) {
            return RefreshResponse::Failed(UpstreamFailure::throttled_for(seconds(wait)));
        }
        let first = self.request_counted(token, dwsid, context, limit).await;
        if !self.may_repeat(token, &first, limit, repeat_before) {
            return self.refreshed(token, first);
        }
        tokio::time::sleep(REPEAT_AFTER).await;
        match self.request_counted(token, dwsid, context, limit).await {
            // It was not sent: the first failure is the cause.
            Err(SlasError::Call(CallError::BreakerOpen(_))) => self.refreshed(token, first),
            second => {
                if matches!(&second, Err(SlasError::Call(_) | SlasError::Malformed(_))) {
                    limit.pause(token.tag(), self.clock.monotonic());
                }
                self.refreshed(token, second)
            }
        }
    }

    fn may_repeat(
        &self,
        token: &RefreshToken,
        first: &SlasResult<Grant>,
        limit: &RefreshLimit,
        repeat_before: Instant,
    ) -> bool {
        let now = self.clock.monotonic();
        let momentary = matches!(first, Err(SlasError::Call(error)) if error.is_momentary());
        !self.is_public()
            && momentary
            && now < repeat_before
            && limit.acquire_repeat(token.tag(), now).is_ok()
    }

    /// The request; it does not count if the circuit breaker held it back.
    async fn request_counted(
        &self,
        token: &RefreshToken,
        dwsid: Option<&Dwsid>,
        context: &CallContext,
        limit: &RefreshLimit,
    ) -> SlasResult<Grant> {
        let result = self.request_refresh(token, dwsid, context).await;
        if matches!(&result, Err(SlasError::Call(CallError::BreakerOpen(_)))) {
            limit.release(token.tag(), self.clock.monotonic());
        }
        result
    }

    async fn request_refresh(
        &self,
        token: &RefreshToken,
        dwsid: Option<&Dwsid>,
        context: &CallContext,
    ) -> SlasResult<Grant> {
        let mut form = self.form("refresh_token");
        form.push(("refresh_token", token.expose().to_owned()));
        form.push(("client_id", self.config.client_id.clone()));
        push_dnt(&mut form, context);
        let mut request = self.authorize_client(self.post("token", context)).form(&form);
        if let Some(dwsid) = dwsid {
            request = request.header("sfdc_dwsid", header_values::sensitive(dwsid.expose()));
        }
        // No retry after a 409: the token of a public client may be spent.
        self.exchange_refresh(request.timeout(self.refresh_timeout)).await
    }

    fn refreshed(&self, token: &RefreshToken, result: SlasResult<Grant>) -> RefreshResponse {
        match result {
            Ok(grant) => {
                self.rejections.refreshed(token.tag(), self.clock.monotonic());
                RefreshResponse::Granted(Box::new(grant))
            }
            Err(SlasError::Rejected(rejection)) if rejection.ends_refresh_token() => {
                RefreshResponse::Refused
            }
            Err(error) => {
                error.warn("refresh");
                self.judge(&error, token)
            }
        }
    }

    /// What follows from a refresh that failed without a word about the token.
    fn judge(&self, error: &SlasError, token: &RefreshToken) -> RefreshResponse {
        let SlasError::Rejected(rejection) = error else {
            return RefreshResponse::Failed(error.failure());
        };
        let verdict = rejection
            .doubt()
            .map(|doubt| self.rejections.reject(token.tag(), doubt, self.clock.monotonic()));
        match verdict {
            Some(Verdict::Ended) => {
                let status = rejection.status.as_u16();
                tracing::warn!(
                    status,
                    "refresh token ended: rejected repeatedly, the client works"
                );
                RefreshResponse::Refused
            }
            Some(Verdict::Doubtful) => RefreshResponse::Doubtful(UNRESOLVED),
            Some(Verdict::Open) | None => RefreshResponse::Failed(error.failure()),
        }
    }

    async fn exchange_refresh(&self, request: reqwest::RequestBuilder) -> SlasResult<Grant> {
        let operation = Operation { upstream: "slas", name: "refresh" };
        let reply = self.sender.send(operation, request).await?;
        if reply.status != StatusCode::OK {
            return Err(SlasError::Rejected(Rejection::of(&reply)));
        }
        let grant = wire::grant(&reply, &self.config.audience, self.clock.now());
        match grant.map_err(SlasError::Malformed)? {
            // Without it the session would end with the access token.
            Grant { refresh: None, .. } => Err(SlasError::Malformed("no refresh token")),
            grant => Ok(grant),
        }
    }
}
