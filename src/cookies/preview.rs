//! Storefront Preview: a shop that a trusted parent shows in a frame.
//!
//! In such a frame a browser keeps only cookies that are `SameSite=None` and `Partitioned`. It also
//! sends them with requests that other sites cause. So Tandem writes them only for parent origins
//! on a list, and recognises a preview by what no other page can forge: headers that the browser
//! sets, or Tandem's own cookie.

use http::HeaderMap;
use http::header::REFERER;

use super::request_cookies::RequestCookies;
use crate::header_values::single_text;

/// The cookie that records the parent's origin in its partition (named as in pwa-kit-runtime).
pub const MARKER: &str = "__Host-pwakit_preview_ctx";
/// The header in which scripts of a page in a preview name the parent; never forwarded.
pub const PARENT: &str = "x-pwakit-preview-parent";

/// A preview of a trusted parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The parent's origin.
    pub parent: String,
    /// Whether the browser has the marker already.
    pub marked: bool,
}

impl Preview {
    /// The preview that a request comes from, if its parent is one of `parents`.
    #[must_use]
    pub fn of(headers: &HeaderMap, presented: &RequestCookies, parents: &[String]) -> Option<Self> {
        let listed = |parent: &str| parents.iter().any(|known| known == parent);
        if let Some(parent) = presented.preview.as_deref().filter(|parent| listed(parent)) {
            return Some(Self { parent: parent.to_owned(), marked: true });
        }
        let named = single_text(headers, PARENT).filter(|parent| listed(parent));
        let parent = named.map(str::to_owned).or_else(|| opener(headers, parents))?;
        Some(Self { parent, marked: false })
    }
}

/// The trusted parent that has just opened the shop in a preview.
#[must_use]
pub fn opener(headers: &HeaderMap, parents: &[String]) -> Option<String> {
    let framed = single_text(headers, "sec-fetch-dest") == Some("iframe");
    let foreign =
        matches!(single_text(headers, "sec-fetch-site"), Some("cross-site" | "same-site"));
    let referer = single_text(headers, REFERER.as_str()).filter(|_| framed && foreign)?;
    let from = |parent: &&String| {
        let rest = referer.strip_prefix(parent.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    };
    parents.iter().find(from).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const PREVIEW: &str = "https://preview.test";

    fn preview(pairs: &[(&'static str, &'static str)], marker: Option<&str>) -> Option<Preview> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let presented =
            RequestCookies { preview: marker.map(str::to_owned), ..RequestCookies::default() };
        Preview::of(&headers, &presented, &[PREVIEW.to_owned()])
    }

    const FRAMED: [(&str, &str); 2] =
        [("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")];

    #[test]
    fn a_listed_parent_is_known_by_referer_marker_or_script_header() {
        let opened = [&FRAMED[..], &[("referer", "https://preview.test/x")]].concat();
        assert_eq!(preview(&opened, None).map(|it| it.marked), Some(false));
        assert_eq!(preview(&[], Some(PREVIEW)).map(|it| it.marked), Some(true));
        assert!(preview(&[(PARENT, PREVIEW)], None).is_some());
    }

    #[test]
    fn attack_101_a_parent_that_is_not_listed_is_ignored() {
        for referer in [
            "https://evil.test/",
            "https://preview.test.evil.test/",
            "https://preview.test@evil.test/",
            "http://preview.test/",
            "null",
        ] {
            let opened = [&FRAMED[..], &[("referer", referer)]].concat();
            assert_eq!(preview(&opened, None), None, "{referer}");
        }
        assert_eq!(preview(&[(PARENT, "https://evil.test")], None), None);
        assert_eq!(preview(&[(PARENT, PREVIEW), (PARENT, "https://evil.test")], None), None);
        assert_eq!(preview(&[], Some("https://evil.test")), None);
        // A link from the preview is no preview.
        let link = [("sec-fetch-dest", "document"), ("referer", "https://preview.test/")];
        assert_eq!(preview(&link, None), None);
    }
}
