//! A gateway that asks before it lets a request through, played by the test.

use super::ask::{Ask, Jar, get, request};
use super::wire::Answer;
use super::world::{HOST, ORIGIN, Plan, World};

/// The headers that replace those of the request.
pub(crate) const REPLACED: [&str; 8] = [
    "authorization",
    "cookie",
    "sfdc_dwsid",
    "x-dw-client-id",
    "x-bff-customer-type",
    "x-bff-customer-id",
    "x-bff-usid",
    "x-bff-upstream",
];

/// A call of SCAPI that every shopper may make.
pub(crate) const PRODUCT: &str = "/mobify/proxy/api/product/shopper-products/v1/organizations/\
     f_ecom_zzte_053/products/brompton?siteId=RefArch";
/// Where a shopper makes a basket.
pub(crate) const BASKETS: &str = "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/\
     f_ecom_zzte_053/baskets?siteId=RefArch";
/// A page of ECOM.
pub(crate) const CART: &str = "/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show";

/// In whose words is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    Nginx,
    Traefik,
    Envoy,
}

pub(crate) const GATEWAYS: [Gateway; 3] = [Gateway::Nginx, Gateway::Traefik, Gateway::Envoy];

impl Gateway {
    /// A shop behind this gateway.
    pub(crate) fn shop(self) -> Plan {
        self.shop_asked_by("127.0.0.1")
    }

    /// A shop that only this address may ask.
    pub(crate) fn shop_asked_by(self, peer: &str) -> Plan {
        let dialect = format!("{self:?}").to_lowercase();
        let gateway = format!("[gateway]\ndialect = \"{dialect}\"\npeers = [\"{peer}\"]\n");
        World::with().more(&gateway)
    }

    /// The question about a request, which still wants the headers of that request.
    pub(crate) fn asks(self, method: &str, target: &str) -> Ask {
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

    pub(crate) fn allowing(self) -> u16 {
        if self == Self::Nginx { 204 } else { 200 }
    }

    /// It may go on, with every header said, and with at most one cookie that every gateway takes.
    #[track_caller]
    pub(crate) fn expect_allowed(self, answer: &Answer) {
        answer.expect(self.allowing());
        for name in REPLACED {
            assert_eq!(answer.all(name).len(), 1, "{name}");
        }
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(answer.text(), "");
        let cookies = answer.all("set-cookie");
        assert!(cookies.len() <= 1, "{cookies:?}");
        for cookie in cookies {
            assert!(cookie.starts_with("__Host-tandem") && cookie.len() < 4000, "{cookie}");
        }
    }

    /// The browser is sent to be given what it needs for `target`.
    #[track_caller]
    pub(crate) fn expect_sent_to_establish(self, answer: &Answer, target: &str) {
        if self == Self::Nginx {
            answer.expect(401);
            assert_eq!(answer.header("location"), None);
        } else {
            let there = format!("{ORIGIN}{}", establish(target));
            answer.expect_location(&there);
        }
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        answer.expect_no_cookies();
    }
}

/// No answer but an allowing one holds anything about a shopper.
#[track_caller]
pub(crate) fn tells_nothing(answer: &Answer) {
    for name in ["authorization", "cookie", "sfdc_dwsid", "x-bff-customer-id", "x-bff-usid"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    answer.expect_no_cookies();
}

/// Our own address for what the way does not allow.
pub(crate) fn establish(target: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/bff/establish?{}", query.append_pair("return_to", target).finish())
}

impl World {
    /// A browser follows from `target` until it is back there with what it needs; how often it was
    /// redirected.
    pub(crate) async fn establish(&self, target: &str, jar: &mut Jar) -> usize {
        let mut there = establish(target);
        for hops in 1..=3 {
            let answer = self.ask(get(&there).document().cookies(jar)).await;
            jar.take(answer.expect(303));
            answer.header("location").expect("a location").clone_into(&mut there);
            if there == target {
                return hops;
            }
        }
        panic!("a circle, by {there}");
    }
}
