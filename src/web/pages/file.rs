//! Requests for files: which cookies are forwarded, and which caches may store the response.
//!
//! Shared caches treat a path with a file suffix as a file. If a Head serves a page there all the
//! same (`/account/x.css` as `/account`), it must be a page without a shopper, or no cache may
//! store it.

use axum::response::Response;
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::header_values::has_media_type;
use crate::route::Route;
use crate::site::{Site, SiteAtHost};
use crate::web::headers::{no_shared_store, no_store};
use crate::web::pages::passthrough_cookies;
use crate::web::request_kind::is_file;
use crate::web::request_session::foreign_cookies;

/// Frameworks fetch the data of a page, which is the shopper's, by paths with this suffix.
const DATA: &str = ".json";

/// Whether a path is that of a file, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// A page, or a call.
    No,
    /// A page or call that a cache may take for a file: the suffix is in capitals, behind a parameter
    /// or an encoded slash, or at ECOM.
    Lookalike,
    /// By its suffix; it may be the data of a page.
    Data,
    /// By its suffix, in any folder.
    Suffix,
    /// By its folder, which the operator has for files only.
    Folder,
}

/// For whom an upstream made a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeFor {
    /// The request had a shopper's cookies.
    OneShopper,
    /// It had none.
    Everyone,
}

impl File {
    pub(crate) fn of(site: &Site, route: &Route, path: &str) -> Self {
        let suffixes = &site.config.routes.asset_suffixes;
        if route.is_files {
            Self::Folder
        } else if is_file(path, route, suffixes) {
            if path.ends_with(DATA) { Self::Data } else { Self::Suffix }
        } else if suffixes.iter().any(|suffix| ends_with(path, suffix)) {
            Self::Lookalike
        } else {
            Self::No
        }
    }

    /// The cookies of a request without auth work. By its suffix alone a file may be a page after
    /// all: it gets no cookies of a shopper.
    pub(crate) fn cookies(
        self,
        site: &SiteAtHost,
        route: &Route,
        parts: &Parts,
    ) -> Option<HeaderValue> {
        match self {
            Self::Suffix => foreign_cookies(site, &parts.headers),
            Self::No | Self::Lookalike | Self::Data | Self::Folder => {
                passthrough_cookies(site, route.kind, parts)
            }
        }
    }

    /// Keeps a response out of shared caches if it was made for one shopper. A page, or a response
    /// that sets cookies, is kept out of all caches.
    pub(crate) fn limit_caching(self, made_for: MadeFor, response: &mut Response) {
        if self == Self::No {
            return;
        }
        let page = response.status().is_success() && is_page(response.headers());
        let headers = response.headers_mut();
        if page || headers.contains_key(SET_COOKIE) {
            no_store(headers);
        } else if made_for == MadeFor::OneShopper {
            no_shared_store(headers);
        }
    }
}

fn ends_with(path: &str, suffix: &str) -> bool {
    let end = path.len().checked_sub(suffix.len()).and_then(|at| path.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

fn is_page(headers: &HeaderMap) -> bool {
    ["text/html", "application/xhtml+xml"].iter().any(|page| has_media_type(headers, page))
}
