//! One site at run time: its configuration, its upstream clients, its caches and revocations.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::access_token::Audience;
use crate::clock::Clock;
use crate::config::{self, Config, Origin, UpstreamLimits};
use crate::cookies::key_ring::KeyRing;
use crate::cookies::ownership::{Layout, Writers};
use crate::cookies::profiles::{CookieNames, Transport};
use crate::flow::{BridgeMode, BridgeResponse, GuestResponse, RefreshResponse};
use crate::ids::Tag;
use crate::metrics::Metrics;
use crate::revocations::{self, Revocations};
use crate::upstream::api_rejections::{self, ApiRejections};
use crate::upstream::http::{self, Sender};
use crate::upstream::jwks::Keys;
use crate::upstream::ocapi::Ocapi;
use crate::upstream::refresh_limit::{self, RefreshLimit};
use crate::upstream::refresh_rejections::{self, RefreshRejections};
use crate::upstream::scapi::Scapi;
use crate::upstream::single_flight::{self, SingleFlight};
use crate::upstream::slas::Slas;
use crate::upstream::verifier::Verifier;

/// When a tenant has refused to bridge a guest's plain `dwsid`, the next attempt is made after this
/// time. The platform has retired this feature, so it rarely comes back.
const ADOPTION_RETIRED: Duration = Duration::from_secs(6 * 60 * 60);

/// For this time after a failed flow, `GET /bff/session` reports that no tokens can be had.
const UNAVAILABLE_NOTICE: Duration = Duration::from_secs(60);

/// A site at run time.
pub struct Site {
    /// The configuration of the site.
    pub config: config::SiteConfig,
    /// The names of the site's cookies.
    pub names: CookieNames,
    /// Origins whose pages may show the shop in a frame.
    pub preview_parents: Vec<String>,
    /// The keys of the sealed cookie.
    pub seal: Arc<KeyRing>,
    /// SLAS.
    pub slas: Slas,
    /// OCAPI, if the site uses it.
    pub ocapi: Option<Ocapi>,
    /// SCAPI.
    pub scapi: Scapi,
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// Refreshes in progress and their recent responses, by refresh token.
    pub refreshes: SingleFlight<Tag, RefreshResponse>,
    /// How often each refresh token has been exchanged.
    pub exchanges: Arc<RefreshLimit>,
    /// Access tokens that an API has rejected.
    pub api_rejections: ApiRejections,
    /// Bridge calls in progress and their recent responses, by access token.
    pub bridges: SingleFlight<Tag, BridgeResponse>,
    /// The guest that all crawlers share.
    pub crawlers: SingleFlight<(), GuestResponse>,
    /// Credentials that login and logout have revoked.
    pub revocations: Revocations,
    /// Which systems write session cookies into browsers.
    pub layout: Layout,
    /// How long a request waits for an upstream call.
    pub call_timeout: Duration,
    /// The source of time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    adoption_refused: Mutex<Option<Instant>>,
    /// When a flow last obtained no tokens because of an upstream.
    unavailable_at: Mutex<Option<Instant>>,
}

/// A site as it is reached by one of its hosts.
pub struct SiteAtHost {
    /// The site.
    pub site: Arc<Site>,
    /// The origin that the browser sees.
    pub public_origin: Origin,
    /// The other sites at this host. Browsers send their cookies with the same requests.
    pub neighbours: Vec<Arc<Site>>,
}

impl Deref for SiteAtHost {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// What all sites share.
pub struct Shared {
    /// The source of time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The keys of the sealed cookie.
    pub seal: Arc<KeyRing>,
    /// The HTTP client for all upstream calls.
    pub http: reqwest::Client,
    /// Limits of upstream calls.
    pub limits: UpstreamLimits,
    /// Whether a gateway proxies requests itself, so that Tandem does not see the responses.
    pub behind_gateway: bool,
}

impl Shared {
    /// Builds what the sites of `config` share. `None` if its keys are unusable, which
    /// [`Config::load`] rules out.
    #[must_use]
    pub fn new(config: &Config, clock: Clock) -> Option<Self> {
        use secrecy::ExposeSecret as _;
        let keys: Vec<&[u8]> =
            config.seal_keys.iter().map(|key| key.expose_secret().as_bytes()).collect();
        Some(Self {
            clock,
            metrics: Arc::default(),
            seal: Arc::new(KeyRing::new(&keys)?),
            http: http::client(&config.upstream).ok()?,
            limits: config.upstream.clone(),
            behind_gateway: config.gateway.dialect.is_some(),
        })
    }

    fn sender(&self) -> Sender {
        let (clock, metrics) = (self.clock.clone(), Arc::clone(&self.metrics));
        Sender::new(self.http.clone(), &self.limits, clock, metrics)
    }
}

impl Site {
    /// Builds a site from its configuration.
    #[must_use]
    pub fn new(config: config::SiteConfig, shared: &Shared) -> Self {
        let clock = shared.clock.clone();
        let metrics = &shared.metrics;
        let rejections = metrics.cache("refresh_rejections", refresh_rejections::LIMIT);
        let slas = Slas::new(
            shared.sender(),
            clock.clone(),
            config.slas.clone(),
            shared.limits.refresh_timeout,
            RefreshRejections::new(&rejections),
        );
        // Keys have a sender of their own: an open breaker of the token endpoint must not block them.
        let key_slas = slas.with_sender(shared.sender());
        let keys = Keys::new(key_slas, clock.clone());
        let ocapi = config.ocapi.clone();
        let responses = metrics.cache("upstream_responses", 3 * single_flight::LIMIT);
        let exchanges = metrics.cache("refresh_limits", refresh_limit::LIMIT);
        let rejected = metrics.cache("api_rejections", api_rejections::LIMIT);
        let revocations = metrics.cache("revocations", 2 * revocations::LIMIT);
        Self {
            names: names(&config),
            preview_parents: preview_parents(&config),
            seal: Arc::clone(&shared.seal),
            ocapi: ocapi.map(|ocapi| {
                let address = config.client_ip_header.clone();
                Ocapi::new(shared.sender(), &config.id, ocapi, address)
            }),
            scapi: Scapi::new(shared.sender(), &config.slas, config.id.clone(), config.basket),
            verifier: Verifier::new(keys, config.slas.audience.clone()),
            refreshes: SingleFlight::new(clock.clone(), RefreshResponse::heap_bytes, &responses),
            exchanges: Arc::new(RefreshLimit::new(&exchanges)),
            api_rejections: ApiRejections::new(&rejected),
            bridges: SingleFlight::new(clock.clone(), BridgeResponse::heap_bytes, &responses),
            crawlers: SingleFlight::new(clock.clone(), GuestResponse::heap_bytes, &responses),
            revocations: Revocations::new(&revocations),
            layout: layout(&config, shared),
            call_timeout: shared.limits.timeout,
            metrics: Arc::clone(&shared.metrics),
            adoption_refused: Mutex::default(),
            unavailable_at: Mutex::default(),
            slas,
            clock,
            config,
        }
    }

    /// The tenant, client and channel that tokens must have been issued for.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.config.slas.audience
    }

    /// Whether the tenant has recently refused to bridge a guest's plain `dwsid`.
    #[must_use]
    pub fn guest_adoption_retired(&self) -> bool {
        let refused = *self.adoption_refused.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        refused.is_some_and(|at| now.saturating_duration_since(at) < ADOPTION_RETIRED)
    }

    /// Whether a flow has obtained no tokens a short time ago because of an upstream, and none has
    /// obtained some since.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let at = *self.unavailable_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        at.is_some_and(|at| now.saturating_duration_since(at) < UNAVAILABLE_NOTICE)
    }

    /// Records whether a flow with upstream calls has obtained its tokens.
    pub fn record_availability(&self, available: bool) {
        let at = (!available).then(|| self.clock.monotonic());
        *self.unavailable_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Records that the tenant has just refused.
    pub fn retire_guest_adoption(&self) {
        let now = self.clock.monotonic();
        *self.adoption_refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

/// Tandem is the only writer of session cookies if all responses of the Head and of ECOM pass through
/// it. Scripts may write tokens that they can read, but no `dwsid`.
fn layout(config: &config::SiteConfig, shared: &Shared) -> Layout {
    let ecom_is_beside = config.policy.mode != BridgeMode::None && config.routes.ecom.is_none();
    let tandem = if config.cookies.accept_unsealed { Writers::Tandem } else { Writers::OnlyTandem };
    let dw = if shared.behind_gateway || ecom_is_beside { Writers::Others } else { tandem };
    Layout { tokens: if config.cookies.readable_tokens { Writers::Others } else { dw }, dw }
}

/// None without https: in a frame of another site, a browser stores only `Secure` cookies.
fn preview_parents(config: &config::SiteConfig) -> Vec<String> {
    let parents = config.cookies.preview_parents.iter();
    let secure = config.main_origin.is_https();
    parents.filter(|_| secure).map(|parent| parent.as_str().to_owned()).collect()
}

fn names(config: &config::SiteConfig) -> CookieNames {
    let cookies = &config.cookies;
    let is_https = config.main_origin.is_https();
    let transport = if is_https { Transport::Https } else { Transport::PlainHttp };
    let names = CookieNames::new(cookies.profile, &config.id, cookies.suffix, transport);
    let names = if cookies.readable_tokens { names.with_readable_tokens() } else { names };
    let cross_site = config.routes.table.has_cross_site_sessions();
    if cross_site { names.with_cross_site_dw() } else { names }
}
