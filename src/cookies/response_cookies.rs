//! Reads what the `Set-Cookie` headers of ECOM, or of a Head, state about the shopper.
//!
//! `plugin_slas` and Hybrid Auth log shoppers in and out, and inform the Head of it by token
//! cookies. None of these cookies reaches the browser as it is: Tandem writes anew what it takes
//! over, with the same writer and the same attributes as all its cookies.

use cookie::Cookie;
use http::HeaderMap;
use http::header::SET_COOKIE;

use super::dw_cookies;
use super::profiles::{CookieNames, DWSID};
use super::request_cookies::RequestHandoff;
use super::token_pieces::Pieces;
use crate::ids::RefreshToken;
use crate::model::{CustomerType, DwCookies};
use crate::timestamp::Timestamp;

/// What the cookies of a response state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseCookies {
    /// An access token, or the value by which ECOM states that one must be obtained.
    pub handoff: Option<RequestHandoff>,
    /// A refresh token.
    pub refresh: Option<UpstreamRefresh>,
    /// Refresh cookies that the response deletes.
    pub deleted: Vec<CustomerType>,
    /// A DW session.
    pub dw: Option<DwCookies>,
    /// The response sets a malformed `dwsid`, or more than one.
    pub invalid_dwsid: bool,
}

/// A refresh token as ECOM sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRefresh {
    /// The cookie it came in.
    pub kind: CustomerType,
    /// The token.
    pub token: RefreshToken,
    /// The lifetime of its cookie in seconds; `None` until the browser session ends.
    pub max_age: Option<i64>,
}

impl ResponseCookies {
    /// Reads what a response sets. A value that does not parse is left out.
    #[must_use]
    pub fn read(headers: &HeaderMap, names: &CookieNames, now: Timestamp) -> Self {
        let mut cookies = Self { dw: dw_cookies::read(headers), ..Self::default() };
        let mut pieces = Pieces::of_handoff();
        for cookie in set_cookies(headers, now) {
            if cookie.name == DWSID {
                cookies.invalid_dwsid = cookies.dw.is_none() && cookie.is_set();
            } else if cookie.name == names.guest_refresh {
                cookies.take(CustomerType::Guest, &cookie);
            } else if cookie.name == names.registered_refresh {
                cookies.take(CustomerType::Registered, &cookie);
            } else if cookie.is_set() {
                pieces.take(names.piece_of(&cookie.name), &cookie.value);
            }
        }
        cookies.handoff = pieces.joined();
        cookies
    }

    fn take(&mut self, kind: CustomerType, cookie: &ResponseCookie) {
        match RefreshToken::parse(&cookie.value).filter(|_| cookie.is_set()) {
            // Registered before guest, as everywhere.
            Some(token) if kind.is_registered() || self.refresh.is_none() => {
                self.refresh = Some(UpstreamRefresh { kind, token, max_age: cookie.max_age });
            }
            Some(_) => {}
            None => self.deleted.push(kind),
        }
    }
}

/// One cookie that a response sets.
struct ResponseCookie {
    name: String,
    value: String,
    max_age: Option<i64>,
}

impl ResponseCookie {
    fn is_set(&self) -> bool {
        self.max_age.is_none_or(|seconds| seconds > 0)
    }
}

/// Of several headers for one name the last one counts, as in a browser.
fn set_cookies(headers: &HeaderMap, now: Timestamp) -> Vec<ResponseCookie> {
    let mut cookies: Vec<ResponseCookie> = Vec::new();
    for header in headers.get_all(SET_COOKIE) {
        let Some(cookie) = header.to_str().ok().and_then(|text| Cookie::parse(text).ok()) else {
            continue;
        };
        let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
        cookies.retain(|earlier| earlier.name != name);
        cookies.push(ResponseCookie { name, value, max_age: max_age(&cookie, now) });
    }
    cookies
}

/// The lifetime of a cookie in seconds from now; `Max-Age` before `Expires` (RFC 6265 section 5.3).
fn max_age(cookie: &Cookie<'_>, now: Timestamp) -> Option<i64> {
    let until = || cookie.expires_datetime().map(|at| at.unix_timestamp() - now.unix());
    cookie.max_age().map(cookie::time::Duration::whole_seconds).or_else(until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookies::profiles::{SiteSuffix, Transport};
    use crate::ids::SiteId;
    use http::HeaderValue;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn read(lines: &[String]) -> ResponseCookies {
        let names = CookieNames::classic(
            &SiteId::parse("R_A").unwrap(),
            SiteSuffix::Always,
            Transport::Https,
        );
        let mut headers = HeaderMap::new();
        for cookie in lines {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        ResponseCookies::read(&headers, &names, NOW)
    }

    fn read_all(lines: &[&str]) -> ResponseCookies {
        read(&lines.iter().map(|cookie| (*cookie).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn attack_6_a_token_in_pieces_is_joined_and_a_truncated_one_is_ignored() {
        let token = format!("{}.{}.c2ln", "a".repeat(1500), "b".repeat(800));
        let piece = |number: usize, text: &str| match number {
            1 => format!("cc-at_R_A={text}; Path=/; Secure; Max-Age=1800"),
            _ => format!("cc-at_R_A_{number}={text}; Path=/; Secure; Max-Age=1800"),
        };
        let pieces = [piece(1, &token[..1199]), piece(2, &token[1199..])];
        let Some(RequestHandoff::Token(joined)) = read(&pieces).handoff else { panic!("no token") };
        assert_eq!(joined.expose(), token);
        assert_eq!(read(&pieces[..1]).handoff, None);
        assert_eq!(read(&pieces[1..]).handoff, None);
        // A piece left over from a longer token is ignored.
        let stale = [piece(1, "a.b.c"), piece(2, "rest")];
        let Some(RequestHandoff::Token(short)) = read(&stale).handoff else { panic!("no token") };
        assert_eq!(short.expose(), "a.b.c");
    }

    #[test]
    fn a_logout_is_the_value_refresh_and_deleted_cookies() {
        let cookies = read_all(&[
            "cc-nx_R_A=; Max-Age=0; Path=/",
            "cc-nx-g_R_A=x; Expires=Thu, 01-Jan-1970 00:00:10 GMT",
            "cc-at_R_A=refresh; Max-Age=1800",
        ]);
        assert_eq!(cookies.handoff, Some(RequestHandoff::Refresh));
        assert_eq!(cookies.deleted, [CustomerType::Registered, CustomerType::Guest]);
        assert_eq!(cookies.refresh, None);
    }

    #[test]
    fn the_registered_refresh_token_precedes_the_guests_and_keeps_its_lifetime() {
        let cookies = read_all(&["cc-nx_R_A=r; Max-Age=600", "cc-nx-g_R_A=g; Max-Age=900"]);
        let refresh = cookies.refresh.unwrap();
        assert_eq!((refresh.kind, refresh.max_age), (CustomerType::Registered, Some(600)));
        assert_eq!(read_all(&["cc-nx-g_R_A=g"]).refresh.unwrap().max_age, None);
        let dated = read_all(&["cc-nx_R_A=r; Expires=Fri, 15 Jan 2027 08:10:00 GMT"]);
        assert_eq!(dated.refresh.unwrap().max_age, Some(600));
    }

    #[test]
    fn of_several_headers_for_one_name_the_last_one_counts() {
        let cookies = read_all(&[
            "cc-nx_R_A=r; Max-Age=600",
            "cc-at_R_A=a.b.c; Max-Age=600",
            "cc-nx_R_A=; Max-Age=0",
            "cc-nx-g_R_A=g; Max-Age=600",
            "cc-at_R_A=d.e.f; Max-Age=600",
        ]);
        assert_eq!(cookies.refresh.unwrap().kind, CustomerType::Guest);
        assert_eq!(cookies.deleted, [CustomerType::Registered]);
        let Some(RequestHandoff::Token(token)) = cookies.handoff else { panic!("no token") };
        assert_eq!(token.expose(), "d.e.f");
    }

    #[test]
    fn other_cookies_are_ignored() {
        let cookies = read_all(&["cc-at=a.b.c", "usid_R_A=x", "dwac_x=y", "cc-at_R_A=; Max-Age=0"]);
        assert_eq!(cookies, ResponseCookies::default());
    }
}
