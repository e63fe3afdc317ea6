//! What kind of request it is: a page, a call, or one without auth work. The crawler rule is here.

use http::header::{ACCEPT, ACCEPT_LANGUAGE, COOKIE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::app::App;
use crate::cookies::preview;
use crate::header_values::first_text;
use crate::route::{Kind, Route, TokenNeed, ecom_proxy};
use crate::site::Site;
use crate::user_agents::{self, CrawlerRule};

/// How a request must be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// A page that a person will look at: it may begin a session.
    Document,
    /// A call of a page: it may renew a session.
    Call,
    /// A file, a preflight, a beacon, or a route that needs no token: no auth work.
    Passive,
    /// A page that the browser fetches before the shopper opens it, and that may never be looked at:
    /// no auth call.
    Prefetch,
    /// A known crawler, by its user agent. That only ever takes rights away.
    Crawler,
}

impl RequestKind {
    /// The kind of a request on a route of the table.
    pub(crate) fn on_route(app: &App, site: &Site, route: &Route, parts: &Parts) -> Self {
        let rules = KindRules {
            asset_suffixes: &site.config.routes.asset_suffixes,
            crawlers: &app.crawlers,
            preview_parents: &site.preview_parents,
        };
        classify(&parts.method, parts.uri.path(), &parts.headers, route, &rules)
    }

    /// The kind of a request on one of our own routes.
    pub(crate) fn on_own_route(app: &App, headers: &HeaderMap) -> Self {
        if is_crawler(headers, &app.crawlers) {
            Self::Crawler
        } else if is_prefetch(headers) {
            Self::Prefetch
        } else if is_navigation(headers) && !is_program(headers) {
            Self::Document
        } else {
            Self::Call
        }
    }

    /// Whether the session may be made or renewed for the request.
    pub(crate) fn has_shopper(self) -> bool {
        matches!(self, Self::Document | Self::Call)
    }
}

/// By what a site recognises requests without auth work.
struct KindRules<'a> {
    asset_suffixes: &'a [String],
    crawlers: &'a CrawlerRule,
    preview_parents: &'a [String],
}

/// Classifies a request. The query never takes part.
fn classify(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    route: &Route,
    rules: &KindRules<'_>,
) -> RequestKind {
    let needs_login = route.token == TokenNeed::Registered;
    let needs_token = match route.token {
        TokenNeed::None => false,
        // A file suffix does not lift the requirement of a registered shopper.
        TokenNeed::Registered => true,
        TokenNeed::Optional | TokenNeed::Shopper => !is_file(path, route, rules.asset_suffixes),
    };
    if is_crawler(headers, rules.crawlers) {
        RequestKind::Crawler
    } else if *method == Method::OPTIONS || !needs_token || is_beacon(path, route) {
        RequestKind::Passive
    } else if (route.kind.is_pages() || !needs_login) && is_prefetch(headers) {
        RequestKind::Prefetch
    } else if is_reading(method)
        && (is_navigation(headers) || is_framed(headers, rules))
        && !is_program(headers)
    {
        RequestKind::Document
    } else {
        RequestKind::Call
    }
}

/// Whether a page only reports to ECOM what a shopper does. It does so while it is being left, so a
/// session that began or changed with the report could replace the next page's.
fn is_beacon(path: &str, route: &Route) -> bool {
    let needs_login = route.token == TokenNeed::Registered;
    route.kind == Kind::Ecom && !needs_login && ecom_proxy::is_beacon(path)
}

/// Whether a trusted preview shows the page in a frame of its own.
fn is_framed(headers: &HeaderMap, rules: &KindRules<'_>) -> bool {
    preview::opener(headers, rules.preview_parents).is_some()
}

/// Whether the method only reads, and may therefore be repeated.
pub(crate) fn is_reading(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Whether the path is that of a file. Only the Head has files on any path. A suffix counts only if
/// every reader sees the same: not behind a `;` or an encoded byte.
pub(crate) fn is_file(path: &str, route: &Route, suffixes: &[String]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    route.kind == Kind::Head
        && !name.contains([';', '%'])
        && suffixes.iter().any(|suffix| name.ends_with(suffix))
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        let purpose = first_text(headers, *name);
        purpose.is_some_and(|purpose| purpose.contains("prefetch") || purpose.contains("preview"))
    })
}

fn is_crawler(headers: &HeaderMap, crawlers: &CrawlerRule) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| crawlers.is_crawler(agent.as_bytes()))
}

/// Whether the client shows nothing of a browser: neither its user agent, nor a language, nor fetch
/// metadata (<https://www.w3.org/TR/fetch-metadata/>), nor a cookie. Its first page begins no session.
fn is_program(headers: &HeaderMap) -> bool {
    !headers.get(USER_AGENT).is_some_and(|agent| user_agents::is_browser(agent.as_bytes()))
        && [ACCEPT_LANGUAGE, COOKIE].iter().all(|name| !headers.contains_key(name))
        && !headers.contains_key("sec-fetch-mode")
}

/// Whether a person follows a link or opens an address.
pub(crate) fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| first_text(headers, name);
    match text("sec-fetch-mode") {
        Some(mode) => {
            let site = text("sec-fetch-site");
            // In a frame on another site, the browser neither sends nor stores our cookies. A service
            // worker of the shop that forwards a navigation has no destination.
            let page = |dest| match dest {
                "document" => true,
                "iframe" | "frame" => site != Some("cross-site"),
                "empty" => site == Some("same-origin"),
                _ => false,
            };
            mode == "navigate" && text("sec-fetch-dest").is_none_or(page)
        }
        None => text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    const PAGE: (&str, &str) = ("accept", "text/html");
    const BROWSER: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
    const PREFETCH: (&str, &str) = ("sec-purpose", "prefetch;prerender");
    const CRAWLER: (&str, &str) = ("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)");

    fn kind(
        request: &str,
        headers: &[(&'static str, &'static str)],
        (kind, token): (Kind, TokenNeed),
    ) -> RequestKind {
        let (method, path) = request.split_once(' ').unwrap();
        let header = |(name, value): &(&'static str, &'static str)| {
            (name.parse().unwrap(), HeaderValue::from_static(value))
        };
        let headers = headers.iter().map(header).collect();
        let route = Route { token, ..Route::new("/", kind, Duration::ZERO) };
        let rules = KindRules {
            asset_suffixes: &[".js".to_owned()],
            crawlers: &CrawlerRule::new(&["googlebot".to_owned()], &[]).unwrap(),
            preview_parents: &[],
        };
        classify(&method.parse().unwrap(), path, &headers, &route, &rules)
    }

    #[test]
    fn promise_6_files_prefetches_preflights_and_crawlers_have_no_shopper() {
        let head = (Kind::Head, TokenNeed::Optional);
        assert_eq!(kind("GET /", &[PAGE, BROWSER], head), RequestKind::Document);
        assert_eq!(kind("POST /", &[PAGE, BROWSER], head), RequestKind::Call);
        assert_eq!(kind("GET /", &[], head), RequestKind::Call);
        assert_eq!(kind("GET /app.js", &[], head), RequestKind::Passive);
        assert_eq!(kind("OPTIONS /", &[], head), RequestKind::Passive);
        assert_eq!(kind("GET /", &[PAGE, PREFETCH], head), RequestKind::Prefetch);
        assert_eq!(kind("GET /", &[PAGE, PREFETCH, CRAWLER], head), RequestKind::Crawler);
        assert_eq!(kind("GET /", &[PAGE], (Kind::Ecom, TokenNeed::None)), RequestKind::Passive);
        for kind in [RequestKind::Passive, RequestKind::Prefetch, RequestKind::Crawler] {
            assert!(!kind.has_shopper());
        }
    }

    #[test]
    fn kind_6_the_first_page_of_a_program_begins_no_session() {
        const LIBRARY: (&str, &str) = ("user-agent", "python-requests/2.32");
        let head = (Kind::Head, TokenNeed::Shopper);
        assert_eq!(kind("GET /", &[PAGE], head), RequestKind::Call);
        assert_eq!(kind("GET /", &[PAGE, LIBRARY], head), RequestKind::Call);
        for shown in
            [BROWSER, ("accept-language", "de"), ("sec-fetch-mode", "navigate"), ("cookie", "a=1")]
        {
            assert_eq!(kind("GET /", &[PAGE, shown], head), RequestKind::Document, "{shown:?}");
        }
    }

    #[test]
    fn kind_10_a_navigation_through_a_service_worker_is_a_document() {
        let fetch = |dest, site| {
            let headers = [
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", dest),
                ("sec-fetch-site", site),
            ];
            kind("GET /", &headers, (Kind::Head, TokenNeed::Shopper))
        };
        assert_eq!(fetch("empty", "same-origin"), RequestKind::Document);
        assert_eq!(fetch("document", "cross-site"), RequestKind::Document);
        for (dest, site) in
            [("empty", "cross-site"), ("empty", "same-site"), ("image", "same-origin")]
        {
            assert_eq!(fetch(dest, site), RequestKind::Call, "{dest} {site}");
        }
    }

    #[test]
    fn a_route_for_registered_shoppers_has_no_files_and_its_calls_no_prefetches() {
        let registered = |kind| (kind, TokenNeed::Registered);
        assert_eq!(kind("GET /app.js", &[], registered(Kind::Head)), RequestKind::Call);
        assert_eq!(kind("GET /x", &[PREFETCH], registered(Kind::Ecom)), RequestKind::Prefetch);
        assert_eq!(kind("GET /x", &[PREFETCH], registered(Kind::Scapi)), RequestKind::Call);
        assert_eq!(kind("GET /x", &[CRAWLER], registered(Kind::Scapi)), RequestKind::Crawler);
    }
}
