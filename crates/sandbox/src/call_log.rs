//! Every call that arrived, in order, with counts per operation.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use axum::http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

/// How many calls the log keeps. The counts include dropped calls.
const CAPACITY: usize = 20_000;

/// A simulated system that receives calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Upstream {
    /// Shopper login, under `/shopper/auth/v1`.
    Slas,
    /// The older shop API of the instance.
    Ocapi,
    /// The newer commerce APIs.
    Scapi,
    /// The controllers of the instance.
    Ecom,
    /// The demo Head.
    Head,
}

/// The operation of a call, derived from its route and grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// SLAS `GET authorize`.
    Authorize,
    /// SLAS `POST login`.
    Login,
    /// SLAS `POST token`, grant `client_credentials`.
    TokenGuest,
    /// SLAS `POST token`, grant `authorization_code_pkce`.
    TokenCode,
    /// SLAS `POST token`, grant `refresh_token`.
    TokenRefresh,
    /// SLAS `POST session-bridge/token`.
    SessionBridge,
    /// SLAS `GET logout`.
    Logout,
    /// SLAS `GET jwks`.
    Jwks,
    /// Any other SLAS call, including a token call with an unknown grant.
    SlasOther,
    /// SCAPI list of a customer's baskets.
    BasketList,
    /// SCAPI `baskets/actions/transfer`.
    BasketTransfer,
    /// SCAPI `baskets/actions/merge`.
    BasketMerge,
    /// SCAPI products, one or several.
    Products,
    /// SCAPI product search.
    ProductSearch,
    /// SCAPI registration of a customer.
    CustomerRegister,
    /// SCAPI reading of a customer.
    CustomerGet,
    /// Any other SCAPI call.
    ScapiOther,
    /// OCAPI `POST /sessions`.
    Sessions,
    /// OCAPI `POST /customers/auth`.
    CustomersAuth,
    /// Any other OCAPI call.
    OcapiOther,
    /// A page of an ECOM controller.
    EcomPage,
    /// A page of the Head.
    HeadPage,
    /// A call to the Head's own JSON interface.
    HeadApi,
}

impl Operation {
    /// A stable dotted name, such as `slas.token.refresh`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "slas.authorize",
            Self::Login => "slas.login",
            Self::TokenGuest => "slas.token.guest",
            Self::TokenCode => "slas.token.code",
            Self::TokenRefresh => "slas.token.refresh",
            Self::SessionBridge => "slas.session-bridge",
            Self::Logout => "slas.logout",
            Self::Jwks => "slas.jwks",
            Self::SlasOther => "slas.other",
            Self::BasketList => "scapi.baskets.list",
            Self::BasketTransfer => "scapi.baskets.transfer",
            Self::BasketMerge => "scapi.baskets.merge",
            Self::Products => "scapi.products",
            Self::ProductSearch => "scapi.product-search",
            Self::CustomerRegister => "scapi.customers.register",
            Self::CustomerGet => "scapi.customers.get",
            Self::ScapiOther => "scapi.other",
            Self::Sessions => "ocapi.sessions",
            Self::CustomersAuth => "ocapi.customers.auth",
            Self::OcapiOther => "ocapi.other",
            Self::EcomPage => "ecom.page",
            Self::HeadPage => "head.page",
            Self::HeadApi => "head.api",
        }
    }

    /// The system that this operation belongs to.
    #[must_use]
    pub fn upstream(self) -> Upstream {
        match self {
            Self::Authorize
            | Self::Login
            | Self::TokenGuest
            | Self::TokenCode
            | Self::TokenRefresh
            | Self::SessionBridge
            | Self::Logout
            | Self::Jwks
            | Self::SlasOther => Upstream::Slas,
            Self::BasketList
            | Self::BasketTransfer
            | Self::BasketMerge
            | Self::Products
            | Self::ProductSearch
            | Self::CustomerRegister
            | Self::CustomerGet
            | Self::ScapiOther => Upstream::Scapi,
            Self::Sessions | Self::CustomersAuth | Self::OcapiOther => Upstream::Ocapi,
            Self::EcomPage => Upstream::Ecom,
            Self::HeadPage | Self::HeadApi => Upstream::Head,
        }
    }
}

/// A call that arrived.
#[derive(Clone)]
pub struct Call {
    /// Its operation.
    pub operation: Operation,
    /// Its method.
    pub method: Method,
    /// Its path without the query, which may contain a refresh token.
    pub path: String,
    /// The status of the response; `None` while there is none, or when it was lost.
    pub status: Option<u16>,
    /// Its `correlation-id` header, else its `x-request-id`.
    pub correlation: Option<String>,
    /// When it arrived, in Unix milliseconds of the simulator's clock.
    pub at_ms: i64,
    /// How long the response took, in milliseconds.
    pub took_ms: i64,
    /// Whether ECOM made the call itself, while it served a page.
    pub by_ecom: bool,
    target: String,
    headers: HeaderMap,
}

impl Call {
    pub(super) fn new(operation: Operation, method: Method, path: &str, at_ms: i64) -> Self {
        let headers = HeaderMap::new();
        let (path, target) = (path.to_owned(), path.to_owned());
        Self {
            operation,
            method,
            path,
            status: None,
            correlation: None,
            at_ms,
            took_ms: 0,
            by_ecom: false,
            target,
            headers,
        }
    }

    pub(super) fn with_headers(mut self, headers: &HeaderMap) -> Self {
        self.headers = headers.clone();
        self.correlation = correlation(headers);
        self
    }

    pub(super) fn with_target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// A call that ECOM makes while it serves a page request with these headers.
    pub(super) fn made_by_ecom(mut self, headers: &HeaderMap) -> Self {
        self.by_ecom = true;
        self.correlation = correlation(headers);
        self
    }

    /// Path and query as received. The query may contain a refresh token.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// All headers of the request. They contain tokens.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header, if it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn correlation(headers: &HeaderMap) -> Option<String> {
    let named = headers.get("correlation-id").or_else(|| headers.get("x-request-id"))?;
    named.to_str().ok().map(ToOwned::to_owned)
}

/// Without header values, which contain tokens.
impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, method, path, status, .. } = self;
        write!(formatter, "{} ({method} {path}) -> {status:?}", operation.as_str())
    }
}

/// All calls, oldest first.
#[derive(Default)]
pub(super) struct CallLog {
    calls: VecDeque<Call>,
    dropped: usize,
    counts: HashMap<Operation, usize>,
}

impl CallLog {
    /// Adds a call when it arrives and returns its number.
    pub(super) fn record(&mut self, call: Call) -> usize {
        *self.counts.entry(call.operation).or_default() += 1;
        self.calls.push_back(call);
        if self.calls.len() > CAPACITY {
            self.calls.pop_front();
            self.dropped += 1;
        }
        self.dropped + self.calls.len() - 1
    }

    /// Records the response of a call.
    pub(super) fn complete(&mut self, number: usize, status: u16, now_ms: i64) {
        let entry = number.checked_sub(self.dropped).and_then(|at| self.calls.get_mut(at));
        if let Some(call) = entry {
            call.status = Some(status);
            call.took_ms = now_ms - call.at_ms;
        }
    }

    pub(super) fn calls(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.calls.iter()
    }

    /// The calls with their numbers.
    pub(super) fn numbered(&self) -> impl DoubleEndedIterator<Item = (usize, &Call)> {
        let numbered = |(at, call)| (self.dropped + at, call);
        self.calls.iter().enumerate().map(numbered)
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        self.counts.get(&operation).copied().unwrap_or_default()
    }

    /// Removes all calls. Completing a removed call has no effect.
    pub(super) fn clear(&mut self) {
        self.dropped += self.calls.len();
        self.calls.clear();
        self.counts.clear();
    }
}
