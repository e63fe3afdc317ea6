//! A small page that posts a form of another site once more, from the shop's own origin.
//!
//! With a cross-site POST, browsers send no cookies that are `SameSite=Lax` (RFC 6265bis section
//! 5.2), so ECOM would begin a session of its own. With the second one they send them.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, COOKIE, HeaderName, ORIGIN, REFERRER_POLICY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::clock;
use crate::cookies::request_cookies::RequestCookies;
use crate::header_values::{first_text, has_media_type};
use crate::problem::{Problem, wants_page};
use crate::route::CrossSitePost;
use crate::site::SiteAtHost;
use crate::web::headers::{no_store, path_and_query};
use crate::web::incoming::Incoming;
use crate::web::pages::changes_shopper;
use crate::web::replay_body::ReplayBody;
use crate::web::request_session::cross_site_dwsid;

const FORM: &str = "application/x-www-form-urlencoded";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Responds with the page, or continues with a request that is to be forwarded as it is.
pub(crate) async fn intercept(
    mut incoming: Incoming,
) -> Result<ControlFlow<Response, Incoming>, Problem> {
    if !applies(&incoming) {
        return Ok(ControlFlow::Continue(incoming));
    }
    let body = std::mem::replace(&mut incoming.body, Body::empty());
    let body = ReplayBody::read(body, &incoming.parts, incoming.route.timeout).await?;
    if let Some(fields) = body.bytes().and_then(fields) {
        return Ok(ControlFlow::Break(page(path_and_query(&incoming.parts.uri), &fields)));
    }
    incoming.body = body.into_body();
    Ok(ControlFlow::Continue(incoming))
}

fn applies(incoming: &Incoming) -> bool {
    let Incoming { site, route, parts, .. } = incoming;
    let is_resubmitted = || match route.cross_site_post {
        CrossSitePost::Forwarded => false,
        CrossSitePost::Resubmitted => true,
        // Where no DW session comes with the form, or the page changes the shopper.
        CrossSitePost::InSession => {
            changes_shopper(site, route, parts) || cross_site_dwsid(parts, site).is_none()
        }
    };
    route.cross_site_post != CrossSitePost::Forwarded
        && parts.method == Method::POST
        && wants_page(&parts.headers)
        && has_media_type(&parts.headers, FORM)
        && is_cross_site(&parts.headers, site)
        && has_no_session(incoming, parts)
        && is_resubmitted()
}

/// Whether the form comes from a page of another site. A sibling sub-domain is the same site: with
/// its forms, browsers send the cookies.
fn is_cross_site(headers: &HeaderMap, site: &SiteAtHost) -> bool {
    match first_text(headers, SEC_FETCH_SITE) {
        Some(relation) => relation == "cross-site",
        None => {
            first_text(headers, ORIGIN).is_some_and(|origin| origin != site.public_origin.as_str())
        }
    }
}

/// Whether the browser has sent none of Tandem's own cookies. Otherwise no second POST is needed. A
/// stray `dwsid` of the domain may come with every form.
fn has_no_session(incoming: &Incoming, parts: &Parts) -> bool {
    let cookies = parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    !RequestCookies::read(cookies, &incoming.site.names).has(&incoming.site.names.seal)
}

/// The fields of a form as hidden inputs; `None` if a browser would not send the same bytes again.
fn fields(body: &[u8]) -> Option<String> {
    let mut inputs = String::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        // HTML cannot represent these: the parser would change them.
        if [&name, &value].iter().any(|text| text.contains(['\0', '\u{fffd}'])) {
            return None;
        }
        let (name, value) = (escape(&name), escape(&value));
        let _ = writeln!(inputs, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    Some(inputs)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // So that no text is taken for a placeholder of the page.
            '{' => escaped.push_str("&#123;"),
            // Attributes keep these only as references.
            '\r' => escaped.push_str("&#13;"),
            '\n' => escaped.push_str("&#10;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn page(action: &str, fields: &str) -> Response {
    let nonce = format!("{:032x}", u128::from_be_bytes(clock::random()));
    let html = include_str!("resubmit.html")
        .replace("{{nonce}}", &nonce)
        .replace("{{action}}", &escape(action))
        .replace("{{fields}}", fields);
    // No `form-action`: browsers apply it to the redirects that follow the POST as well.
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'"
    );
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    no_store(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_36_fields_cannot_leave_their_attribute() {
        let form = fields(b"a=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&%27x=1%0D%0A2").unwrap();
        assert!(!form.contains("<script") && !form.contains("\">alert"), "{form}");
        assert!(!escape("{{fields}}").contains("{{"));
        assert!(
            form.contains("&quot;&gt;&lt;script&gt;") && form.contains("1&#13;&#10;2"),
            "{form}"
        );
    }

    #[test]
    fn a_form_that_html_cannot_represent_is_not_posted_again() {
        assert_eq!(fields(b"a=%00"), None);
        assert_eq!(fields(b"a=%ff"), None);
        assert!(fields("a=%C3%A4&b=".as_bytes()).is_some());
    }
}
