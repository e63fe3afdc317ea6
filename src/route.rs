//! The routes: where a path leads, and the conditions for a request to it.
//!
//! A [`Table`] is built once from the configuration and matches the same bytes that are forwarded
//! later. [`path`] rejects paths that two programs may read differently. Some spellings remain;
//! [`readings`] enumerates them, so that a rule which protects a path protects all its spellings.
//! [`instance`] tells paths of the ECOM instance that are not part of the shop, and [`ecom_proxy`]
//! finds the pages and files of ECOM below the path of the OCAPI proxy. No I/O.

use std::time::Duration;

use http::Method;

pub mod ecom_proxy;
pub mod instance;
pub mod path;
pub mod readings;
mod table;

pub use table::Table;

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The headless front end.
    Head,
    /// The controller pages.
    Ecom,
    /// The Commerce APIs.
    Scapi,
    /// The older API of the instance.
    Ocapi,
    /// The token endpoints.
    Slas(SlasClient),
}

impl Kind {
    /// Whether the route serves pages, and not calls.
    #[must_use]
    pub fn is_pages(self) -> bool {
        matches!(self, Self::Head | Self::Ecom)
    }

    /// The name of the kind in logs, in metrics and for a gateway.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Ecom => "ecom",
            Self::Scapi => "scapi",
            Self::Ocapi => "ocapi",
            Self::Slas(_) => "slas",
        }
    }
}

/// Which SLAS client the calls of a route use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlasClient {
    /// The private one, whose secret Tandem adds.
    Private,
    /// A public one, without a secret.
    Public,
}

/// The SLAS tokens a request needs before it is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenNeed {
    /// No tokens: those of the browser are not read.
    None,
    /// Those of the browser, if any; expired ones are renewed, but no session is created.
    Optional,
    /// Those of any shopper: a document creates a guest session, a call renews an existing one.
    Shopper,
    /// Those of a registered shopper.
    Registered,
}

/// How a request that changes state must prove that a page of this shop sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Csrf {
    /// It need not: the upstream has its own check.
    Upstream,
    /// By `Sec-Fetch-Site`, `Origin`, or Tandem's own header.
    SameOrigin,
}

/// The response to a crawler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crawlers {
    /// The upstream's, without a session.
    WithoutSession,
    /// The upstream's to a read-only call of an API or to a page of the Head, with the token of a guest
    /// that all crawlers share.
    SharedGuest,
    /// An error.
    Refused,
}

/// What happens to the cookies that an upstream sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetCookies {
    /// Session cookies are read and removed; only Tandem writes them.
    Filtered,
    /// All are forwarded, even session cookies: for a developer's tools.
    Passed,
}

/// Whether the browser's `Authorization` is forwarded to the Head or ECOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authorization {
    /// Never.
    None,
    /// If its scheme is `Basic`: a staging password, not a shopper's credential.
    Basic,
    /// Always.
    Any,
}

/// What happens to a form that a page of another site posts. With it, the browser sends none of
/// Tandem's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrossSitePost {
    /// It is forwarded without a session.
    Forwarded,
    /// A small page of the shop's own origin posts it once more, with the cookies: for the return from
    /// a payment page or an identity provider.
    Resubmitted,
    /// It is forwarded to ECOM with the DW session, whose cookie is `SameSite=None`.
    InSession,
}

/// Which part of the browser's path the upstream gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamPath {
    /// The whole path.
    Whole,
    /// The part below the mount.
    BelowMount,
}

/// One route of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path that it matches, with everything below. A prefix that ends in a slash matches only
    /// what is below.
    pub prefix: String,
    /// The path below which the upstream's own paths begin: the prefix, or for an exception the
    /// listed path that it is an exception from.
    pub mount: String,
    /// Which part of the path the upstream gets.
    pub upstream_path: UpstreamPath,
    /// Where it leads.
    pub kind: Kind,
    /// The tokens it needs.
    pub token: TokenNeed,
    /// Whether it needs a live DW session.
    pub bridge: bool,
    /// The CSRF check of requests that change state.
    pub csrf: Csrf,
    /// What happens to forms of other sites.
    pub cross_site_post: CrossSitePost,
    /// The response to crawlers.
    pub crawlers: Crawlers,
    /// What happens to the upstream's cookies.
    pub cookies: SetCookies,
    /// Whether the browser's own credentials are forwarded; the APIs and SLAS have other rules.
    pub authorization: Authorization,
    /// The allowed methods.
    pub methods: Vec<Method>,
    /// Time until the upstream's response head.
    pub timeout: Duration,
    /// Whether it is for static files.
    pub is_files: bool,
    /// Whether the operator has named this path by a rule.
    pub is_rule: bool,
}

/// Methods that pass by default. A response to `TRACE` would show scripts cookies they must not
/// read, and `CONNECT` is for forward proxies only.
pub const PASSING: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

impl Route {
    /// A route with the defaults of its kind.
    #[must_use]
    pub fn new(prefix: &str, kind: Kind, timeout: Duration) -> Self {
        let (token, csrf) = match kind {
            Kind::Head | Kind::Ecom => (TokenNeed::Shopper, Csrf::Upstream),
            Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => (TokenNeed::Optional, Csrf::SameOrigin),
        };
        Self {
            prefix: prefix.to_owned(),
            mount: prefix.to_owned(),
            upstream_path: if kind.is_pages() {
                UpstreamPath::Whole
            } else {
                UpstreamPath::BelowMount
            },
            kind,
            token,
            bridge: kind == Kind::Ecom,
            csrf,
            cross_site_post: CrossSitePost::Forwarded,
            crawlers: Crawlers::WithoutSession,
            cookies: SetCookies::Filtered,
            authorization: match kind {
                // Instances that are not live require a storefront password.
                Kind::Ecom => Authorization::Basic,
                _ => Authorization::None,
            },
            methods: PASSING.to_vec(),
            timeout,
            is_files: false,
            is_rule: false,
        }
    }

    /// This route for static files, which need no tokens and no DW session. Those of an API are read
    /// only: any cache may store the responses.
    #[must_use]
    pub fn for_files(self, prefix: &str) -> Self {
        let reading = [Method::GET, Method::HEAD, Method::OPTIONS];
        Self {
            prefix: prefix.to_owned(),
            token: TokenNeed::None,
            bridge: false,
            is_files: true,
            methods: if self.kind.is_pages() { self.methods } else { reading.to_vec() },
            ..self
        }
    }

    /// The upstream's part of `path`, without a leading slash.
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        rest(path, &self.mount)
    }

    /// This route with the stricter protection of this and `other`; `None` if that changes nothing.
    fn stricter(&self, other: &Self) -> Option<Self> {
        let mut strict = self.clone();
        if other.token == TokenNeed::Registered {
            strict.token = other.token;
        }
        if other.csrf == Csrf::SameOrigin {
            strict.csrf = other.csrf;
        }
        if other.cross_site_post == CrossSitePost::Forwarded {
            strict.cross_site_post = other.cross_site_post;
        }
        if other.crawlers == Crawlers::Refused {
            strict.crawlers = other.crawlers;
        }
        if other.cookies == SetCookies::Filtered {
            strict.cookies = other.cookies;
        }
        strict.authorization = self.authorization.min(other.authorization);
        strict.methods.retain(|method| other.methods.contains(method));
        (strict != *self).then_some(strict)
    }
}

/// The part of `path` below `prefix`, which consists of whole segments.
fn rest<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix)?;
    if prefix.ends_with('/') || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}
