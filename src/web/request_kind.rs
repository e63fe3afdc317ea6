//! What kind of request it is: a person's page, a call of a page, or nobody yet.

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, Method};

use crate::cookies::preview;
use crate::header_values::first_text;
use crate::route::{Kind, Route, TokenNeed};

/// How a request must be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// A page a person will look at: it may begin a session.
    Document,
    /// A call of a page: it may renew a session.
    Call,
    /// Files, prefetches, preflights, crawlers: no auth work.
    Passive,
}

/// Sorts a request. The query never takes part.
pub(crate) fn classify(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    route: &Route,
    site: &KindRules<'_>,
) -> RequestKind {
    let quiet = match route.token {
        TokenNeed::None => true,
        // Neither an ending nor a header makes nobody of the shopper whom the route asks for.
        TokenNeed::Registered => false,
        TokenNeed::Optional | TokenNeed::Shopper => {
            is_file(path, route, site.asset_suffixes) || is_passive(headers, site.crawlers)
        }
    };
    if *method == Method::OPTIONS || quiet {
        RequestKind::Passive
    } else if is_reading(method) && (is_navigation(headers) || is_framed(headers, site)) {
        RequestKind::Document
    } else {
        RequestKind::Call
    }
}

/// By what a site knows requests that need no session.
pub(crate) struct KindRules<'a> {
    pub(crate) asset_suffixes: &'a [String],
    pub(crate) crawlers: &'a [String],
    pub(crate) preview_parents: &'a [String],
}

/// Whether a trusted preview shows the page in a frame of its own.
fn is_framed(headers: &HeaderMap, site: &KindRules<'_>) -> bool {
    preview::opener(headers, site.preview_parents).is_some()
}

/// Whether the method only reads, and may therefore be repeated.
pub(crate) fn is_reading(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Only the Head keeps files anywhere. An ending is one only if every reader sees the same: not
/// behind a `;` or an encoded octet.
pub(crate) fn is_file(path: &str, route: &Route, suffixes: &[String]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    route.kind == Kind::Head
        && !name.contains([';', '%'])
        && suffixes.iter().any(|suffix| name.ends_with(suffix))
}

/// Whether nobody is there yet to have a session: a prefetch, or a crawler.
pub(crate) fn is_passive(headers: &HeaderMap, crawlers: &[String]) -> bool {
    is_prefetch(headers) || is_crawler(headers, crawlers)
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        let purpose = first_text(headers, *name);
        purpose.is_some_and(|purpose| purpose.contains("prefetch") || purpose.contains("preview"))
    })
}

/// Whether the user agent is a known crawler. That only ever takes rights away.
pub(crate) fn is_crawler(headers: &HeaderMap, crawlers: &[String]) -> bool {
    let agent = first_text(headers, USER_AGENT);
    agent.is_some_and(|agent| {
        let agent = agent.to_ascii_lowercase();
        crawlers.iter().any(|crawler| agent.contains(crawler.as_str()))
    })
}

/// Whether a person follows a link or opens an address.
pub(crate) fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| first_text(headers, name);
    match text("sec-fetch-mode") {
        Some(mode) => {
            // A frame on another site gets no cookies from the browser, nor keeps any.
            let ours = text("sec-fetch-site") != Some("cross-site");
            let page = |dest| dest == "document" || (ours && matches!(dest, "iframe" | "frame"));
            mode == "navigate" && text("sec-fetch-dest").is_none_or(page)
        }
        None => text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}
