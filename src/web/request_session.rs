//! A request's shopper session: reads the cookies, opens the seal, checks the access token, and
//! resolves what the response changes.

mod bearer;
mod commit;
mod forwarded;
mod identify;
mod local;
mod resolve;
mod revocation;
mod stray_cookies;
mod update;

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
use crate::cookies::set_cookie::CookieLife;
use crate::driver::{FlowContext, FlowResult, drive};
use crate::flow::{self, Access, Decision, Dw, Facts, HeldAccess, Intent, Outcome};
use crate::ids::{DwSignature, Dwsid, Tag};
use crate::model::{Claims, Customer};
use crate::problem::Problem;
use crate::revocations::Reason;
use crate::site::SiteAtHost;
use crate::upstream::CallContext;
use crate::upstream::slas::Credentials;
use crate::web::request_log::{LogFields, RequestId};
pub(crate) use crate::web::request_session::bearer::OwnBearer;
pub(crate) use crate::web::request_session::forwarded::{
    cross_site_dwsid, foreign_cookies, forwardable_unverified,
};
use crate::web::request_session::forwarded::{
    opened_dw_seal, remove_dwsid_of_neighbours, sealed, take_cross_site_dwsid,
};
use crate::web::request_session::revocation::{
    effective_tags, is_fresh, is_live, logged_out_since, presented_tags, revoked,
    without_logged_out,
};
use crate::web::request_session::stray_cookies::Strays;
pub(crate) use crate::web::request_session::update::SessionUpdate;

/// The shopper session that a request presents, on one site.
pub(crate) struct RequestSession {
    pub(crate) site: Arc<SiteAtHost>,
    pub(crate) presented: RequestCookies,
    pub(crate) state: SealedState,
    pub(crate) access: Access,
    pub(crate) log_fields: LogFields,
    context: CallContext,
    preview: Option<Preview>,
    received_at: Instant,
    /// Fingerprints of every credential presented.
    presented_tags: Vec<Tag>,
    /// Fingerprints of the credentials that count.
    effective_tags: Vec<Tag>,
    /// Fingerprints of sealed credentials whose session is over: a logout is a wish to leave all the
    /// same.
    ended_tags: Vec<Tag>,
    /// Fingerprints of tokens that SLAS has granted for this request.
    confirmed: Vec<Tag>,
    /// A login in another tab has just replaced the credentials of this request.
    superseded: bool,
    /// When a logout in another tab ended the session of this request, if that was just now. Such a
    /// late request is served as if it had presented nothing, and changes nothing in the browser.
    logged_out_at: Option<Instant>,
    /// Cookies with our names that do not belong to this browser.
    strays: Strays,
    /// The DW session of a request that another site has caused. It counts only on the paths that the
    /// operator names for that.
    pub(crate) cross_site_dwsid: Option<Dwsid>,
    /// The seal of the DW session alone.
    dw_seal: SealedState,
}

impl FromRequestParts<Arc<App>> for RequestSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (site, log_fields, context) = from_layers(parts)?;
        let mut session = Self::new(site, parts, log_fields, context, app.clock.monotonic());
        session.identify(Keys::Fetched).await;
        Ok(session)
    }
}

/// A session that is read without fetching keys: looking at it must cost no upstream call.
pub(crate) struct LocalSession(pub(crate) RequestSession);

impl FromRequestParts<Arc<App>> for LocalSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (site, log_fields, context) = from_layers(parts)?;
        let mut session =
            RequestSession::new(site, parts, log_fields, context, app.clock.monotonic());
        session.identify(Keys::Known).await;
        // A gateway relays only one cookie, and looking at a session changes nothing.
        session.strays = Strays::default();
        Ok(Self(session))
    }
}

/// The keys that check a token's signature.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// Only the keys in the cache: for requests that must cost no call.
    Known,
    /// The keys of SLAS, fetched if the cache lacks them.
    Fetched,
}

/// What the layers in front of the routes have put into the request's extensions.
fn from_layers(parts: &Parts) -> Result<(Arc<SiteAtHost>, LogFields, CallContext), Problem> {
    let site = parts.extensions.get::<Arc<SiteAtHost>>().cloned().ok_or(Problem::UnknownHost)?;
    let log_fields = LogFields::of(&parts.extensions);
    let correlation_id = RequestId::of(parts).to_owned();
    let client = parts.extensions.get::<ClientAddress>().and_then(ClientAddress::ip);
    Ok((site, log_fields, CallContext { correlation_id, dnt: None, client }))
}

impl RequestSession {
    fn new(
        site: Arc<SiteAtHost>,
        parts: &Parts,
        log_fields: LogFields,
        context: CallContext,
        received_at: Instant,
    ) -> Self {
        let headers = &parts.headers;
        let cookies = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let mut presented = RequestCookies::read(cookies, &site.names);
        let dw_seal = opened_dw_seal(&presented, &site);
        let state = sealed(&presented, &site).checked_by(&dw_seal);
        ownership::settle_handoff(&mut presented, &state, &site.names);
        let presented_tags = presented_tags(&presented);
        let cross_site_dwsid = take_cross_site_dwsid(&mut presented, &dw_seal, parts, &site);
        remove_dwsid_of_neighbours(&mut presented, headers, &site, &state);
        let logged_out_at = logged_out_since(&presented, &state, &site, received_at);
        let ended_tags = state.sealed_tags().filter(|tag| !is_live(&site, *tag, received_at));
        let ended_tags = ended_tags.collect();
        let state = without_logged_out(state, &site, received_at);
        let preview = Preview::of(headers, &presented, &site.preview_parents);
        if site.config.routes.ecom.is_some() && site.names.access != site.names.handoff {
            // ECOM behind us hands credentials over in its responses: ECOM did not set this cookie.
            presented.handoff = None;
        }
        if presented.handoff == Some(RequestHandoff::Refresh) {
            presented.access.clear();
        }
        let mut strays = Strays::of(parts, presented.repeated.clone());
        let live = |tag| is_live(&site, tag, received_at);
        strays.add(ownership::retain_own(&mut presented, &state, site.layout, &site.names, live));
        let effective_tags = effective_tags(&presented, &state, &site);
        let is_superseded = |tag: &Tag| {
            let revoked = revoked(&site, *tag, received_at);
            revoked.is_some_and(|(reason, at)| {
                reason == Reason::Superseded && is_fresh(at, received_at)
            })
        };
        let superseded = effective_tags.iter().any(is_superseded);
        let context = CallContext { dnt: state.dnt_choice(presented.dnt), ..context };
        let mut session = Self {
            site,
            presented,
            state,
            access: Access::None,
            log_fields,
            context,
            preview,
            received_at,
            presented_tags,
            effective_tags,
            ended_tags,
            confirmed: Vec::new(),
            superseded,
            logged_out_at,
            strays,
            cross_site_dwsid,
            dw_seal,
        };
        if logged_out_at.is_some() {
            session.presented.clear();
        }
        session
    }

    /// The shopper's do-not-track choice.
    pub(crate) fn dnt(&self) -> Option<bool> {
        self.context.dnt
    }

    /// Takes over the do-not-track choice that a SLAS call of this browser states. It counts over the
    /// cookie, which the storefront may write later.
    pub(crate) fn state_dnt(&mut self, dnt: bool) {
        if self.context.dnt != Some(dnt) {
            self.state.state_dnt(dnt, self.presented.dnt);
            self.context.dnt = Some(dnt);
        }
    }

    /// Whether the session that this credential belongs to has been logged out.
    pub(crate) fn is_logged_out(&self, tag: Tag) -> bool {
        let revoked = revoked(&self.site, tag, self.received_at);
        revoked.is_some_and(|(reason, _)| reason.ends_session()) || self.state.logged_out.has(tag)
    }

    /// Whether a logout in another tab has just ended the session of this request.
    pub(crate) fn is_late(&self) -> bool {
        self.logged_out_at.is_some()
    }

    /// Whether tokens were issued after that logout: they belong to another session.
    pub(crate) fn is_after_logout(&self, claims: &Claims) -> bool {
        let now = self.site.clock.now();
        self.logged_out_at.is_some_and(|at| {
            let age = self.site.clock.monotonic().saturating_duration_since(at).as_secs();
            now.since(claims.issued_at) < i64::try_from(age).unwrap_or(i64::MAX)
        })
    }

    /// Whether the session that the seal names is that of a guest with this `usid`, and the browser
    /// still has a token of it.
    pub(crate) fn is_sealed_guest(&self, usid: Tag) -> bool {
        let (presented, state) = (&self.presented, &self.state);
        let customer = ownership::sealed_customer(presented, state, self.site.layout.tokens);
        let is_session = state.session.as_ref().is_some_and(|session| session.usid == usid);
        is_session && customer.is_some_and(Customer::is_guest)
    }

    /// The context that all upstream calls of this request share.
    pub(crate) fn context(&self) -> &CallContext {
        &self.context
    }

    /// The access token that the browser holds, if it is still valid.
    pub(crate) fn held(&self) -> Option<&HeldAccess> {
        self.access.held()
    }

    /// The DW session in the browser, if it is known to belong to `customer`.
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
        let site_facts = SiteFacts {
            policy: self.site.config.policy,
            signature,
            guest_adoption_retired: self.site.guest_adoption_retired(),
            fronts_ecom: self.site.config.routes.ecom.is_some(),
            layout: self.site.layout,
        };
        let now = self.site.clock.now();
        facts::derive(&self.presented, &self.state, self.access.clone(), site_facts, now)
    }

    /// Decides, makes the upstream calls, and works out what changes in the browser.
    pub(crate) async fn resolve(
        &self,
        facts: Facts,
        intent: Intent,
    ) -> Result<SessionUpdate, Problem> {
        self.resolve_login(facts, intent, None, None).await
    }

    /// [Resolves](Self::resolve) a login: `life` is that of its cookies.
    pub(crate) async fn resolve_login(
        &self,
        facts: Facts,
        intent: Intent,
        credentials: Option<Credentials>,
        life: Option<CookieLife>,
    ) -> Result<SessionUpdate, Problem> {
        let FlowResult { decision, renewed_at, .. } =
            self.decide(facts, intent, credentials).await?;
        Ok(self.commit(decision, life)?.with_renewal(renewed_at))
    }

    async fn decide(
        &self,
        facts: Facts,
        intent: Intent,
        credentials: Option<Credentials>,
    ) -> Result<FlowResult, Problem> {
        let step = flow::decide(facts, intent);
        let is_logout = matches!(intent, Intent::Logout(_));
        if self.is_late() && !is_logout && !matches!(intent, Intent::Login(_)) {
            return Ok(FlowResult::without_calls(Decision::unchanged(Outcome::Ready)));
        }
        if self.superseded && !is_logout && !matches!(step, flow::Step::Done(_)) {
            return Err(Problem::LoginConflict);
        }
        Ok(self.run(step, intent.label(), credentials).await)
    }

    /// Makes the upstream calls that the flow needs, and records the outcome.
    async fn run(
        &self,
        step: flow::Step,
        intent: &'static str,
        credentials: Option<Credentials>,
    ) -> FlowResult {
        let flow_context = FlowContext { context: self.context.clone(), credentials };
        let result = drive(Arc::clone(&self.site.site), step, flow_context).await;
        if result.decision.guest_adoption_refused {
            self.site.retire_guest_adoption();
        }
        self.record(intent, &result.decision, result.upstream_calls);
        result
    }

    /// Records the outcome in the metrics and in the request log.
    fn record(&self, intent: &'static str, decision: &Decision, upstream_calls: u32) {
        let outcome = decision.label();
        self.site.metrics.flow(intent, outcome);
        if upstream_calls > 0 {
            self.site.record_availability(!matches!(decision.outcome, Outcome::Unavailable(_)));
        }
        self.log_fields.with(|fields| {
            fields.outcome = Some(outcome);
            fields.upstream_calls += upstream_calls;
        });
    }
}
