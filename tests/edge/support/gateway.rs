//! A gateway, played by the test, that sends an auth subrequest before it forwards a request.

use testkit::{Cookies, HOST, ORIGIN, RawRequest, RawResponse, Scenario, World, get, request};

/// The headers that the gateway copies to the request it forwards.
pub(crate) const COPIED: [&str; 8] = [
    "authorization",
    "cookie",
    "sfdc_dwsid",
    "x-dw-client-id",
    "x-bff-customer-type",
    "x-bff-customer-id",
    "x-bff-usid",
    "x-bff-upstream",
];

/// A SCAPI call that every shopper may make.
pub(crate) const PRODUCT: &str = "/mobify/proxy/api/product/shopper-products/v1/organizations/\
     f_ecom_zzte_053/products/brompton?siteId=RefArch";
/// The SCAPI call that creates a basket.
pub(crate) const BASKETS: &str = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/\
     f_ecom_zzte_053/baskets?siteId=RefArch";
/// A page of ECOM.
pub(crate) const CART: &str = "/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show";

/// The dialect of the subrequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    Nginx,
    Traefik,
    Envoy,
}

pub(crate) const GATEWAYS: [Gateway; 3] = [Gateway::Nginx, Gateway::Traefik, Gateway::Envoy];

impl Gateway {
    /// A shop behind this gateway.
    pub(crate) fn shop(self) -> Scenario {
        self.shop_for_peer("127.0.0.1")
    }

    /// A shop whose only gateway has this address.
    pub(crate) fn shop_for_peer(self, peer: &str) -> Scenario {
        let dialect = format!("{self:?}").to_lowercase();
        let gateway = format!("[gateway]\ndialect = \"{dialect}\"\npeers = [\"{peer}\"]\n");
        Scenario::default().sections(&gateway)
    }

    /// The auth subrequest for a request, without the headers of that request.
    pub(crate) fn subrequest(self, method: &str, target: &str) -> RawRequest {
        match self {
            Self::Nginx => get("/bff/auth").headers(&[
                ("x-original-method", method),
                ("x-original-uri", target),
                ("connection", "close"),
            ]),
            Self::Traefik => get("/bff/auth").host("tandem.internal:8080").headers(&[
                ("x-forwarded-method", method),
                ("x-forwarded-uri", target),
                ("x-forwarded-host", HOST),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-for", "203.0.113.7"),
            ]),
            Self::Envoy => {
                request(method, &format!("/bff/auth{target}")).header("content-length", "0")
            }
        }
    }

    /// The status of a response that allows the request.
    pub(crate) fn allowing(self) -> u16 {
        if self == Self::Nginx { 204 } else { 200 }
    }

    /// The request is allowed, with every header set, and with at most one cookie that fits every
    /// gateway.
    #[track_caller]
    pub(crate) fn expect_allowed(self, response: &RawResponse) {
        response.expect(self.allowing());
        for name in COPIED {
            assert_eq!(response.all(name).len(), 1, "{name}");
        }
        assert_eq!(response.header("cache-control"), Some("private, no-store"));
        assert_eq!(response.text(), "");
        let cookies = response.all("set-cookie");
        assert!(cookies.len() <= 1, "{cookies:?}");
        for cookie in cookies {
            assert!(cookie.starts_with("__Host-tandem") && cookie.len() < 4000, "{cookie}");
        }
    }

    /// The browser is redirected to `/bff/establish` for `target`.
    #[track_caller]
    pub(crate) fn expect_establish(self, response: &RawResponse, target: &str) {
        if self == Self::Nginx {
            response.expect(401);
            assert_eq!(response.header("location"), None);
        } else {
            response.expect_location(&format!("{ORIGIN}{}", establish(target)));
        }
        assert_eq!(response.header("cache-control"), Some("private, no-store"));
        response.expect_no_cookies();
    }
}

/// Only a response that allows the request names the shopper.
#[track_caller]
pub(crate) fn expect_no_identity(response: &RawResponse) {
    for name in ["authorization", "cookie", "sfdc_dwsid", "x-bff-customer-id", "x-bff-usid"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    response.expect_no_cookies();
}

/// The address that establishes a session for `target`.
pub(crate) fn establish(target: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/bff/establish?{}", query.append_pair("return_to", target).finish())
}

/// A browser follows redirects from `/bff/establish` until it is back at `target`. Returns how many
/// there were.
pub(crate) async fn follow_establish(world: &World, target: &str, cookies: &mut Cookies) -> usize {
    let mut next = establish(target);
    for redirects in 1..=3 {
        let response = world.send(get(&next).document().cookies(cookies)).await;
        cookies.take(response.expect(303));
        response.header("location").expect("a location").clone_into(&mut next);
        if next == target {
            return redirects;
        }
    }
    panic!("a redirect loop at {next}");
}
