//! A request's shopper: cookies read, seal opened, token checked; and the answer's cookies.

mod commit;
mod forwarded;
mod identify;
mod local;
mod resolve;
mod revocation;
mod stray_cookies;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::header::COOKIE;
use http::request::Parts;

use crate::app::App;
use crate::client_ip::ClientAddress;
use crate::cookies::facts::{self, SiteFacts};
use crate::cookies::ownership;
use crate::cookies::preview::Preview;
use crate::cookies::request_cookies::{RequestCookies, RequestHandoff};
use crate::cookies::sealed_state::SealedState;
use crate::cookies::set_cookie::CookieChanges;
use crate::driver::{FlowContext, FlowResult, drive};
use crate::flow::{self, Access, Decision, Dw, Facts, HeldAccess, Intent, Outcome, TokenChange};
use crate::ids::{DwSignature, Dwsid, Tag};
use crate::model::{Claims, Customer};
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::site::Site;
use crate::upstream::CallContext;
use crate::upstream::slas::Credentials;
use crate::web::request_log::{LogFields, RequestId};
pub(crate) use crate::web::request_session::commit::SHARED_CACHES;
pub(crate) use crate::web::request_session::forwarded::forwardable_unverified;
use crate::web::request_session::forwarded::sealed;
use crate::web::request_session::revocation::{
    effective_tags, is_fresh, is_live, logged_out_since, presented_tags, revoked,
    without_logged_out,
};
use crate::web::request_session::stray_cookies::Strays;

/// Who comes, to which site, with what.
pub(crate) struct RequestSession {
    pub(crate) site: Arc<Site>,
    pub(crate) presented: RequestCookies,
    pub(crate) state: SealedState,
    pub(crate) access: Access,
    pub(crate) log_fields: LogFields,
    context: CallContext,
    preview: Option<Preview>,
    arrived: Instant,
    /// Fingerprints of every credential presented, and of those that count.
    presented_tags: Vec<Tag>,
    effective_tags: Vec<Tag>,
    /// Fingerprints of tokens that SLAS has given for this request.
    confirmed: Vec<Tag>,
    /// A login in another tab has just replaced what this request presents.
    superseded: bool,
    /// A logout in another tab has just ended what this request presents: it is served as if it had
    /// presented nothing, and changes nothing in the browser.
    late: Option<Instant>,
    /// Cookies under our names that are not this browser's own.
    strays: Strays,
}

impl FromRequestParts<Arc<App>> for RequestSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (site, log_fields, context) = found(parts)?;
        let mut session = Self::new(site, parts, log_fields, context, app.clock.monotonic());
        session.identify(Keys::Fetched).await;
        Ok(session)
    }
}

/// An arrival for which no key is fetched: a look at the session must cost no upstream call.
pub(crate) struct LocalSession(pub(crate) RequestSession);

impl FromRequestParts<Arc<App>> for LocalSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (site, log_fields, context) = found(parts)?;
        let mut session =
            RequestSession::new(site, parts, log_fields, context, app.clock.monotonic());
        session.identify(Keys::Known).await;
        // A gateway passes one cookie on, and a look changes nothing.
        session.strays = Strays::default();
        Ok(Self(session))
    }
}

/// With which keys a token's signature is checked.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// Those at hand: for what must cost no call.
    Known,
    /// Those of SLAS, fetched if need be.
    Fetched,
}

/// What the layers before the routes have found out.
fn found(parts: &Parts) -> Result<(Arc<Site>, LogFields, CallContext), Problem> {
    let site = parts.extensions.get::<Arc<Site>>().cloned().ok_or(Problem::UnknownHost)?;
    let log_fields = parts.extensions.get::<LogFields>().cloned().unwrap_or_default();
    let id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let client = parts.extensions.get::<ClientAddress>().and_then(ClientAddress::ip);
    Ok((site, log_fields, CallContext { correlation_id: id, dnt: None, client }))
}

impl RequestSession {
    fn new(
        site: Arc<Site>,
        parts: &Parts,
        log_fields: LogFields,
        context: CallContext,
        arrived: Instant,
    ) -> Self {
        let headers = &parts.headers;
        let cookies = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let mut presented = RequestCookies::read(cookies, &site.names);
        let presented_tags = presented_tags(&presented);
        let state = sealed(&presented, &site);
        let late = logged_out_since(&presented, &state, &site, arrived);
        let state = without_logged_out(state, &site, arrived);
        let preview = Preview::of(headers, &presented, &site.preview_parents);
        if site.config.routes.ecom.is_some() && site.names.access != site.names.handoff {
            // What ECOM behind us hands over is read off its answers, so this is a stranger's.
            presented.handoff = None;
        }
        if presented.handoff == Some(RequestHandoff::Refresh) {
            presented.access.clear();
        }
        let mut strays = Strays::of(parts, presented.repeated.clone());
        let live = |tag| is_live(&site, tag, arrived);
        strays.add(ownership::retain_own(&mut presented, &state, site.layout, &site.names, live));
        let effective_tags = effective_tags(&presented, &state, &site);
        let is_superseded = |tag: &Tag| {
            let revoked = revoked(&site, *tag, arrived);
            revoked
                .is_some_and(|(reason, at)| reason == Reason::Superseded && is_fresh(at, arrived))
        };
        let superseded = effective_tags.iter().any(is_superseded);
        let context = CallContext { dnt: presented.dnt, ..context };
        let mut session = Self {
            site,
            presented,
            state,
            access: Access::None,
            log_fields,
            context,
            preview,
            arrived,
            presented_tags,
            effective_tags,
            confirmed: Vec::new(),
            superseded,
            late,
            strays,
        };
        if late.is_some() {
            session.presented.clear();
        }
        session
    }

    /// Whether a session that this credential belongs to has been signed out of.
    pub(crate) fn is_logged_out(&self, tag: Tag) -> bool {
        let revoked = revoked(&self.site, tag, self.arrived);
        revoked.is_some_and(|(reason, _)| reason == Reason::LoggedOut)
            || self.state.logged_out.has(tag)
    }

    /// Whether a logout in another tab has just ended what this request presents.
    pub(crate) fn is_late(&self) -> bool {
        self.late.is_some()
    }

    /// Whether tokens were issued after that logout: they are of another session.
    pub(crate) fn is_after_logout(&self, claims: &Claims) -> bool {
        let now = self.site.clock.now();
        self.late.is_some_and(|at| {
            let age = self.site.clock.monotonic().saturating_duration_since(at).as_secs();
            now.since(claims.issued_at) < i64::try_from(age).unwrap_or(i64::MAX)
        })
    }

    /// What the calls made for this request have in common.
    pub(crate) fn context(&self) -> &CallContext {
        &self.context
    }

    /// The access token in hand, if it still works.
    pub(crate) fn held(&self) -> Option<&HeldAccess> {
        match &self.access {
            Access::Fresh(held) | Access::Expiring(held) => Some(held),
            Access::Expired(_) | Access::None => None,
        }
    }

    /// The DW session in the browser, if it is known to be this customer's.
    pub(crate) fn dwsid_of(&self, customer: &Customer) -> Option<Dwsid> {
        match self.facts(None).dw {
            Dw::Live { held, owner } | Dw::Unverified { held, owner: Some(owner) } => {
                (owner == *customer).then_some(held.dwsid)
            }
            Dw::Absent | Dw::Unverified { owner: None, .. } | Dw::Dead => None,
        }
    }

    /// The facts of this request.
    pub(crate) fn facts(&self, signature: Option<DwSignature>) -> Facts {
        let surroundings = SiteFacts {
            signature,
            guest_adoption_retired: self.site.guest_adoption_retired(),
            fronts_ecom: self.site.config.routes.ecom.is_some(),
            layout: self.site.layout,
        };
        let policy = self.site.config.policy;
        let now = self.site.clock.now();
        facts::derive(&self.presented, &self.state, self.access.clone(), policy, surroundings, now)
    }

    /// Decides, asks, and works out what changes in the browser.
    pub(crate) async fn resolve(
        &self,
        facts: Facts,
        intent: Intent,
    ) -> Result<SessionUpdate, Problem> {
        self.resolve_login(facts, intent, None, None).await
    }

    /// As [`travel`](Self::travel), for a login.
    pub(crate) async fn resolve_login(
        &self,
        facts: Facts,
        intent: Intent,
        credentials: Option<Credentials>,
        remember: Option<bool>,
    ) -> Result<SessionUpdate, Problem> {
        let decision = self.decide(facts, intent, credentials).await?;
        self.commit(decision, remember)
    }

    async fn decide(
        &self,
        facts: Facts,
        intent: Intent,
        credentials: Option<Credentials>,
    ) -> Result<Decision, Problem> {
        let step = flow::decide(facts, intent);
        let leaving = matches!(intent, Intent::Logout { .. });
        if self.is_late() && !leaving && !matches!(intent, Intent::Login(_)) {
            return Ok(Decision::unchanged(Outcome::Ready));
        }
        if self.superseded && !leaving && !matches!(step, flow::Step::Done(_)) {
            return Err(Problem::LoginConflict);
        }
        Ok(self.run(step, intent.label(), credentials).await)
    }

    /// Asks what there is to ask, and writes down how it went.
    async fn run(
        &self,
        step: flow::Step,
        intent: &'static str,
        credentials: Option<Credentials>,
    ) -> Decision {
        let flow_context = FlowContext { context: self.context.clone(), credentials };
        let FlowResult { decision, upstream_calls } =
            drive(Arc::clone(&self.site), step, flow_context).await;
        if decision.guest_adoption_refused {
            self.site.retire_guest_adoption();
        }
        self.record(intent, &decision, upstream_calls);
        decision
    }

    /// For metrics and the log.
    fn record(&self, intent: &'static str, decision: &Decision, upstream_calls: u32) {
        let outcome = decision.label();
        self.site.metrics.flow(intent, outcome);
        self.log_fields.with(|fields| {
            fields.outcome = Some(outcome);
            fields.upstream_calls += upstream_calls;
        });
    }
}

/// The end of a journey, and what changes in the browser.
pub(crate) struct SessionUpdate {
    pub(crate) decision: Decision,
    pub(crate) changes: CookieChanges,
}

impl SessionUpdate {
    /// Who the shopper of `arrival` is now.
    pub(crate) fn customer<'a>(&'a self, session: &'a RequestSession) -> Option<&'a Customer> {
        match (&self.decision.tokens, &session.access) {
            (TokenChange::Set(grant), _) => Some(&grant.claims.customer),
            (TokenChange::Keep, Access::Fresh(held) | Access::Expiring(held)) => {
                Some(&held.claims.customer)
            }
            _ => None,
        }
    }
}
