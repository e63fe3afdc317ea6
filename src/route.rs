//! Where a path leads, and what must be true before a request may go there.
//!
//! A [`Table`] is made once from the configuration. It is asked with the very octets that are
//! forwarded later; [`path`] refuses what two programs could read in two ways, and what of that is
//! left, [`readings`] tell, so that a rule which protects a path protects all its spellings.
//! [`instance`] is what of ECOM's host is none of the shop's. Pure.

use std::time::Duration;

use http::Method;

pub mod instance;
pub mod path;
pub mod readings;
mod table;

pub use table::Table;

/// What stands behind a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The headless front.
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

/// As which client a caller of the SLAS façade speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlasClient {
    /// The one whose secret we add.
    Private,
    /// One without a secret.
    Public,
}

/// Which SLAS tokens a request needs before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenNeed {
    /// None, and none is looked at.
    None,
    /// Those there are; expired ones are renewed, but nothing is begun.
    Optional,
    /// Some shopper's: a document begins a guest session, a call renews what there is.
    Shopper,
    /// Those of a shopper who has signed in.
    Registered,
}

/// How a request that changes state must prove that a page of this shop sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Csrf {
    /// The upstream checks by itself.
    Upstream,
    /// By `Sec-Fetch-Site`, `Origin`, or our own header.
    SameOrigin,
}

/// What a crawler gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crawlers {
    /// The answer, without a session.
    WithoutSession,
    /// The answer to a reading call, with the token of a guest whom all crawlers share.
    SharedGuest,
    /// Nothing.
    Refused,
}

/// What becomes of the cookies that an upstream sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetCookies {
    /// Those about the shopper are read and go no further; only we write them.
    Filtered,
    /// They pass, even ours: for a developer's tools.
    Passed,
}

/// Whether a browser's own `Authorization` goes on to the Head or ECOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authorization {
    /// Never.
    None,
    /// If its scheme is `Basic`: a staging password, which is no shopper's credential.
    Basic,
    /// Always.
    Any,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path it is for: everything below, if it ends in a slash; else the path itself and
    /// everything below.
    pub prefix: String,
    /// The path below which the upstream's own paths begin: the prefix, or for an exception the
    /// listed path that it is an exception from.
    pub mount: String,
    /// What stands behind it.
    pub kind: Kind,
    /// Which tokens it needs.
    pub token: TokenNeed,
    /// Whether it needs a live DW session.
    pub bridge: bool,
    /// How a change of state is guarded.
    pub csrf: Csrf,
    /// What crawlers get.
    pub crawlers: Crawlers,
    /// What becomes of the upstream's cookies.
    pub cookies: SetCookies,
    /// What goes on of the browser's own credentials; the APIs and SLAS have rules of their own.
    pub authorization: Authorization,
    /// The methods that pass.
    pub methods: Vec<Method>,
    /// Time until the upstream's response head.
    pub timeout: Duration,
    /// It is for a folder of files.
    pub is_files: bool,
    /// The operator has named this very path by a rule.
    pub is_rule: bool,
}

/// Methods that pass by default. `TRACE` would show a page's script the cookies it must not read,
/// and `CONNECT` is not for us.
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
    /// A route with what its kind needs.
    #[must_use]
    pub fn new(prefix: &str, kind: Kind, timeout: Duration) -> Self {
        let (token, csrf) = match kind {
            Kind::Head | Kind::Ecom => (TokenNeed::Shopper, Csrf::Upstream),
            Kind::Scapi | Kind::Ocapi | Kind::Slas(_) => (TokenNeed::Optional, Csrf::SameOrigin),
        };
        Self {
            prefix: prefix.to_owned(),
            mount: prefix.to_owned(),
            kind,
            token,
            bridge: kind == Kind::Ecom,
            csrf,
            crawlers: Crawlers::WithoutSession,
            cookies: SetCookies::Filtered,
            authorization: match kind {
                // Instances that are not live ask for a storefront password.
                Kind::Ecom => Authorization::Basic,
                _ => Authorization::None,
            },
            methods: PASSING.to_vec(),
            timeout,
            is_files: false,
            is_rule: false,
        }
    }

    /// The same for files: no auth work at all.
    #[must_use]
    pub fn for_files(self, prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            token: TokenNeed::None,
            bridge: false,
            is_files: true,
            ..self
        }
    }

    /// What of `path` is the upstream's own path, without a leading slash.
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        rest(path, &self.mount)
    }

    /// The same route with the stricter of both in everything that protects; `None` if that is the
    /// route itself.
    fn as_strict_as(&self, other: &Self) -> Option<Self> {
        let refused = |route: &Self| route.crawlers == Crawlers::Refused;
        let registered = |route: &Self| route.token == TokenNeed::Registered;
        let filtered = |route: &Self| route.cookies == SetCookies::Filtered;
        let mut strict = self.clone();
        if registered(other) {
            strict.token = other.token;
        }
        if other.csrf == Csrf::SameOrigin {
            strict.csrf = other.csrf;
        }
        if refused(other) {
            strict.crawlers = other.crawlers;
        }
        if filtered(other) {
            strict.cookies = other.cookies;
        }
        strict.authorization = self.authorization.min(other.authorization);
        strict.methods.retain(|method| other.methods.contains(method));
        (strict != *self).then_some(strict)
    }
}

/// What of `path` lies below `prefix`, which ends with a whole segment.
fn rest<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix)?;
    if prefix.ends_with('/') || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}
