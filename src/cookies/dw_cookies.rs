//! Reads [`DwCookies`] from the `Set-Cookie` headers of OCAPI `/sessions`, of Hybrid Auth token
//! responses and of ECOM.

use cookie::Cookie;
use http::HeaderMap;
use http::header::SET_COOKIE;

use super::profiles::{DWSID, MAX_COMPANIONS, is_dw_companion};
use crate::ids::{DwValue, Dwsid};
use crate::model::{DwCompanion, DwCookies};

/// The DW session that a response sets, if it sets exactly one.
///
/// The platform sends `dwsecuretoken_…` in three variants: a value (enforce-https off), none
/// (enforce-https on), and the value `""` with an epoch expiry, which is a deletion.
#[must_use]
pub fn read(headers: &HeaderMap) -> Option<DwCookies> {
    let mut dwsid: Option<Dwsid> = None;
    let mut companions: Vec<DwCompanion> = Vec::new();
    for header in headers.get_all(SET_COOKIE) {
        let Some(cookie) = header.to_str().ok().and_then(|text| Cookie::parse(text).ok()) else {
            continue;
        };
        if cookie.name() == DWSID {
            let value = Dwsid::parse(cookie.value())?;
            if dwsid.as_ref().is_some_and(|first| *first != value) {
                return None;
            }
            dwsid = Some(value);
        } else if is_dw_companion(cookie.name()) && companions.len() < MAX_COMPANIONS {
            companions.push(companion(&cookie));
        }
    }
    dwsid.map(|dwsid| DwCookies { dwsid, companions })
}

fn companion(cookie: &Cookie<'_>) -> DwCompanion {
    let max_age = cookie.max_age().map(cookie::time::Duration::whole_seconds);
    let value = DwValue::parse(cookie.value()).filter(|_| max_age.is_none_or(|age| age > 0));
    DwCompanion { name: cookie.name().to_owned(), value, max_age }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    const SECURE: &str = "dwsecuretoken_a85a5236a2e852d714eb6f1585efb61c";

    #[test]
    fn all_three_variants_of_the_secure_token_are_read() {
        let value = format!("{SECURE}=5Kx5-2P7==; Path=/");
        let deletion = format!("{SECURE}=\"\"; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/");
        let dwsid = "dwsid=abc==; Path=/; HttpOnly; Secure; SameSite=None";
        assert!(read(&headers(&[dwsid])).unwrap().companions.is_empty());
        let with = |line: &str| read(&headers(&[dwsid, line])).unwrap().companions.remove(0);
        assert_eq!(with(&value).value.unwrap().expose(), "5Kx5-2P7==");
        assert_eq!(with(&deletion).value, None);
    }

    #[test]
    fn fault_23_a_missing_or_repeated_dwsid_is_no_session() {
        assert_eq!(read(&headers(&[&format!("{SECURE}=x")])), None);
        assert_eq!(read(&headers(&["dwsid=a", "dwsid=b"])), None);
        assert_eq!(read(&headers(&["dwsid=\"\""])), None);
    }

    #[test]
    fn anonymous_customer_ids_keep_their_lifetime_and_other_cookies_are_left_out() {
        let lines = ["dwsid=a", "dwanonymous_abc=x; Max-Age=15552000; Path=/", "__cq_dnt=0"];
        let companions = read(&headers(&lines)).unwrap().companions;
        assert_eq!(companions.len(), 1);
        assert_eq!(companions[0].max_age, Some(15_552_000));
    }
}
