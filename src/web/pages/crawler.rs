//! Pages for crawlers.

use std::sync::Arc;

use http::HeaderValue;
use http::request::Parts;

use crate::cookies::profiles::CookieNames;
use crate::ids::AccessToken;
use crate::route::{Crawlers, Kind, Route};
use crate::site::SiteAtHost;
use crate::web::pages::file::File;
use crate::web::request_kind::{RequestKind, is_reading};
use crate::web::request_session::foreign_cookies;
use crate::web::shared_guest;

/// The cookies of a crawler's request for a page of the Head, with the access token of the guest that
/// all crawlers share: a Head whose server needs a token would otherwise log in a guest of its own for
/// every page. `None` for any other request, and where no such token can be had.
pub(super) async fn cookies(
    site: &Arc<SiteAtHost>,
    route: &Route,
    kind: RequestKind,
    parts: &Parts,
) -> Option<HeaderValue> {
    let is_page = File::of(site, route, parts.uri.path()) == File::No && is_reading(&parts.method);
    let shares = route.kind == Kind::Head && route.crawlers == Crawlers::SharedGuest;
    if kind != RequestKind::Crawler || !shares || !is_page {
        return None;
    }
    let token = shared_guest::access_token(&site.site, parts).await;
    let token = token.inspect_err(|_| tracing::warn!("no token for the guest of crawlers")).ok()?;
    let own = foreign_cookies(site, &parts.headers);
    HeaderValue::from_bytes(&with_token(own.as_ref(), &token, &site.names)).ok()
}

fn with_token(own: Option<&HeaderValue>, token: &AccessToken, names: &CookieNames) -> Vec<u8> {
    let own = own.map(|own| own.as_bytes().to_vec());
    let pairs = names.access_pairs(token).into_iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={value}").into_bytes());
    own.into_iter().chain(pairs).collect::<Vec<_>>().join(&b"; "[..])
}
