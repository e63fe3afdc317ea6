//! The cookies that the instance sets for a DW session.

use axum::http::header::{InvalidHeaderValue, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

use super::ids;
use super::options::{EnforceHttps, Options};

/// The cookies of a new session: `dwsid` and `dwanonymous_{hash}`.
pub(super) fn open_session(headers: &mut HeaderMap, options: &Options, dwsid: &str, guest: &str) {
    set(headers, format!("dwsid={dwsid}; Path=/; HttpOnly; Secure; SameSite=None"));
    anonymous(headers, options, guest);
}

/// The same cookies as `plugin_slas` sets them: scripts can read `dwsid`.
pub(super) fn readable_session(
    headers: &mut HeaderMap,
    options: &Options,
    dwsid: &str,
    guest: &str,
) {
    set(headers, format!("dwsid={dwsid}; Path=/; Secure; SameSite=None"));
    anonymous(headers, options, guest);
}

fn anonymous(headers: &mut HeaderMap, options: &Options, guest: &str) {
    let hash = ids::site_hash(&options.site_id);
    set(headers, format!("dwanonymous_{hash}={guest}; Max-Age=15552000; Path=/"));
}

/// The cookie of a session's secure token, depending on the site's "Enforce HTTPS" switch.
pub(super) fn secure_token(headers: &mut HeaderMap, options: &Options, value: &str) {
    let name = secure_token_name(options);
    match options.enforce_https {
        EnforceHttps::Off => set(headers, format!("{name}={value}; Path=/; Secure")),
        EnforceHttps::Silent => {}
        EnforceHttps::Deletes => {
            set(headers, format!("{name}=\"\"; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/"));
        }
    }
}

/// The name of the secure token cookie of this site.
pub(super) fn secure_token_name(options: &Options) -> String {
    format!("dwsecuretoken_{}", ids::site_hash(&options.site_id))
}

/// Appends one `Set-Cookie` header.
pub(super) fn set(headers: &mut HeaderMap, line: String) {
    let value: Result<HeaderValue, InvalidHeaderValue> = line.try_into();
    if let Ok(value) = value {
        headers.append(SET_COOKIE, value);
    }
}
