//! Sites that share a host as PWA Kit lays them out: their pages below a prefix each, API calls and the
//! controllers of ECOM at the root. There a request belongs to the site that it names.

use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox, Upstream};
use testkit::{Client, Cookies, FixedHead, JO, RawRequest, Scenario, World, get, post, slas_keys};

use crate::support::GATEWAYS;

/// The shop `RefArch` at `/global`, and `RefArchUS` at `/us`, on one host.
struct SharedHost {
    world: World,
    american: Sandbox,
    head: FixedHead,
}

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n";
const BASKETS: &str =
    "/mobify/proxy/api/checkout/shopper-baskets/v1/organizations/f_ecom_zzte_053/baskets/none";

impl SharedHost {
    /// `lines` are further keys of the site at `/global`.
    async fn start(lines: &str) -> Self {
        Self::start_with(Scenario::default(), lines).await
    }

    async fn start_with(scenario: Scenario, lines: &str) -> Self {
        let options = Options { site_id: "RefArchUS".to_owned(), ..Options::default() };
        let american = Sandbox::start(options.clone(), Clock::system()).await.expect("a sandbox");
        let head = FixedHead::responding(PAGE).await;
        let (instance, origin) = (american.instance(), head.origin());
        let keys = slas_keys(&american, &options, Client::Private);
        let us = format!(
            r#"
            [[sites]]
            id = "RefArchUS"
            hosts = ["shop.test"]
            public_origin = "https://shop.test"
            path_prefix = "/us"
            cookies.suffix = true
            ocapi.base_url = "http://{instance}"
            routes.head = "{origin}"
            routes.ecom = "http://{instance}"
            {keys}
            "#
        );
        let global = format!("path_prefix = \"/global\"\ncookies.suffix = true\n{lines}");
        let scenario = scenario.with_head(origin).site(&global).sections(&us);
        Self { world: scenario.start().await, american, head }
    }

    /// A browser that has begun a session at both sites, and has logged in at the American one.
    async fn visitor_of_both(&self) -> Cookies {
        let mut jar = Cookies::default();
        for prefix in ["/global", "/us"] {
            let begin = post(&format!("{prefix}/bff/session")).same_origin_fetch().cookies(&jar);
            jar.take(self.world.send(begin).await.expect(200));
        }
        let login = post("/us/bff/login").same_origin_fetch().cookies(&jar).credentials(JO);
        jar.take(self.world.send(login).await.expect(200));
        self.forget_calls();
        jar
    }

    fn forget_calls(&self) {
        self.world.forget_calls();
        self.american.control().forget_calls();
    }

    /// The numbers of calls that reached SCAPI of either site.
    fn api_calls(&self) -> (usize, usize) {
        let count = |calls: Vec<tandem_sandbox::Call>| {
            calls.iter().filter(|call| call.operation.upstream() == Upstream::Scapi).count()
        };
        (count(self.world.control().calls()), count(self.american.control().calls()))
    }

    /// The number of calls to SLAS and OCAPI.
    fn auth_calls(&self) -> usize {
        let others = |calls: Vec<tandem_sandbox::Call>| {
            let is_auth = |upstream| matches!(upstream, Upstream::Slas | Upstream::Ocapi);
            calls.iter().filter(|call| is_auth(call.operation.upstream())).count()
        };
        others(self.world.control().calls()) + others(self.american.control().calls())
    }
}

fn call(target: &str, site: Option<&str>) -> RawRequest {
    let call = get(target).same_origin_fetch();
    match site {
        Some(site) => call.header("x-site-id", site),
        None => call,
    }
}

#[tokio::test]
async fn kind_3_an_api_call_belongs_to_the_site_that_it_names() {
    let host = SharedHost::start("").await;
    let jar = host.visitor_of_both().await;
    // The platform itself rejects a call without the parameter.
    for (query, header, status, expected) in [
        ("?siteId=RefArchUS", Some("RefArchUS"), 404, (0, 1)),
        ("?siteId=RefArchUS", None, 404, (0, 1)),
        ("", Some("RefArchUS"), 400, (0, 1)),
        ("?siteId=RefArch", Some("RefArch"), 404, (1, 0)),
        ("", Some("RefArch"), 400, (1, 0)),
    ] {
        host.forget_calls();
        let call = call(&format!("{BASKETS}{query}"), header).cookies(&jar);
        host.world.send(call).await.expect(status);
        assert_eq!(host.api_calls(), expected, "{query} {header:?}");
        assert_eq!(host.auth_calls(), 0, "{query} {header:?}");
    }
}

#[tokio::test]
async fn kind_3_a_call_that_names_no_site_two_sites_or_a_strange_one_reaches_none() {
    let host = SharedHost::start("").await;
    let jar = host.visitor_of_both().await;
    for (query, header) in [
        ("", None),
        ("?siteId=RefArchUS", Some("RefArch")),
        ("?siteId=RefArchUS&siteId=RefArch", None),
        ("?siteId=Other", None),
        ("", Some("Other")),
    ] {
        let target = format!("{BASKETS}{query}");
        let response = host.world.send(call(&target, header).cookies(&jar)).await;
        response.expect_problem(421, "bad_request");
        // With another name in another spelling, the site's own check rejects it.
        let hidden = format!("{BASKETS}?siteId=RefArchUS&c_siteId=RefArch");
        host.world.send(call(&hidden, None).cookies(&jar)).await.expect(403);
    }
    assert_eq!(host.api_calls(), (0, 0));
}

#[tokio::test]
async fn kind_3_the_slas_calls_of_a_site_are_those_of_its_own_client() {
    let host = SharedHost::start("").await;
    let jar = host.visitor_of_both().await;
    let slas = "/mobify/slas/private/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2";
    let token = post(&format!("{slas}/token"))
        .same_origin_fetch()
        .header("x-site-id", "RefArchUS")
        .header("x-grant-type", "refresh_token")
        .cookies(&jar)
        .form("grant_type=refresh_token&refresh_token=&channel_id=RefArchUS");
    let response = host.world.send(token).await;
    let cookies = response.expect(200).all("set-cookie");
    assert!(cookies.iter().any(|line| line.starts_with("cc-nx_RefArchUS=")), "{cookies:?}");
    assert_eq!(host.auth_calls(), 1);
}

#[tokio::test]
async fn kind_3_a_controller_is_served_in_the_session_of_its_own_site() {
    let host = SharedHost::start("default_site = true").await;
    let jar = host.visitor_of_both().await;
    let show = |site: &str| {
        let path = format!("/on/demandware.store/Sites-{site}-Site/en_US/Account-Show");
        get(&path).document().cookies(&jar)
    };
    // The browser has the DW session of the site that it visited last.
    let response = host.world.send(show("RefArchUS")).await;
    assert!(response.expect(200).text().contains("jo@example.com"));
    assert_eq!(host.auth_calls(), 0);
    host.world.send(show("RefArchOther")).await.expect(403);
    // PWA Kit's proxy of the instance leads to the same page.
    let path = "/mobify/proxy/ocapi/on/demandware.store/Sites-RefArchUS-Site/en_US/Account-Show";
    let response = host.world.send(get(path).document().cookies(&jar)).await;
    assert!(response.expect(200).text().contains("jo@example.com"));
}

#[tokio::test]
async fn kind_3_a_dw_session_of_one_site_never_reaches_the_pages_of_another() {
    let host = SharedHost::start("").await;
    let jar = host.visitor_of_both().await;
    let dwsid = jar.value("dwsid").to_owned();
    let path = "/on/demandware.store/Sites-RefArch-Site/en_US/Account-Show";
    for request in [get(path).document(), get(path).same_origin_fetch()] {
        host.forget_calls();
        host.world.send(request.cookies(&jar)).await.expect(200);
        let calls = host.world.control().calls();
        let pages = calls.iter().filter(|call| call.operation.upstream() == Upstream::Ecom);
        for page in pages {
            assert!(!page.header("cookie").unwrap_or_default().contains(&dwsid));
        }
        assert_eq!(host.american.control().calls().len(), 0);
    }
}

#[tokio::test]
async fn promise_14_kind_3_a_dw_session_that_another_site_sends_along_is_no_neighbours() {
    let rule = "routes.rules = [{ path = \"/on/demandware.store/Sites-RefArch-Site/en_US/Cart-Show\", \
                cross_site_post = \"session\" }]";
    let host = SharedHost::start(rule).await;
    let mut jar = host.visitor_of_both().await;
    let global = "/on/demandware.store/Sites-RefArch-Site/en_US/Home-Show";
    jar.take(host.world.send(get(global).document().cookies(&jar)).await.expect(200));
    host.forget_calls();
    let sent = Cookies::of(&[("dwsid", jar.value("dwsid"))]);
    for request in [
        post("/on/demandware.store/Sites-RefArchUS-Site/en_US/Account-Show").form("a=b"),
        get("/on/demandware.store/Sites-RefArchUS-Site/en_US/Account-Show"),
    ] {
        let request = request.headers(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
        ]);
        host.world.send(request.cookies(&sent)).await.expect_no_cookies();
        assert_eq!(host.auth_calls(), 0);
        let calls = host.american.control().calls();
        let cookies = calls.iter().filter_map(|call| call.header("cookie"));
        assert_eq!(cookies.count(), 0);
    }
}

#[tokio::test]
async fn kind_3_files_and_callbacks_at_the_root_are_the_same_for_all_sites() {
    let keys = "slas.redirect_uri = \"https://shop.test/callback\"";
    let host = SharedHost::start(keys).await;
    host.world.send(get("/mobify/bundle/1/main.js")).await.expect(200);
    host.world.send(get("/favicon.ico")).await.expect(200);
    assert_eq!(host.head.requests().len(), 2);
    host.world.send(call("/callback?code=1", None)).await.expect(200);
    assert_eq!(host.head.requests().len(), 2);
    for path in ["/", "/cart", "/bff/session", "/globalx", "/mobify/ping"] {
        host.world.send(get(path).document()).await.expect(421);
    }
}

#[tokio::test]
async fn kind_3_all_other_paths_belong_to_the_default_site() {
    let host = SharedHost::start("default_site = true").await;
    for path in ["/", "/cart?siteId=RefArchUS", "/globalx"] {
        let response = host.world.send(get(path).document()).await;
        let cookies = response.expect(200).all("set-cookie");
        assert!(cookies.iter().all(|line| !line.contains("RefArchUS")), "{path}");
        assert!(cookies.iter().any(|line| line.starts_with("token_RefArch=")), "{path}");
    }
    // A page at the root has its own routes there.
    host.world.send(get("/bff/session")).await.expect(200);
    let requests = host.head.requests();
    assert_eq!(requests[2].0.first, "GET /globalx HTTP/1.1");
    // No spelling of another site's prefix gets the default site's shopper.
    host.world.send(get("/%75s/cart").document()).await.expect(400);
}

#[tokio::test]
async fn kind_3_a_gateway_gets_the_shopper_of_the_named_site() {
    for gateway in GATEWAYS {
        let host = SharedHost::start_with(gateway.shop(), "").await;
        let jar = host.visitor_of_both().await;
        for (site, login) in [("RefArchUS", "registered"), ("RefArch", "guest")] {
            let page = format!("/on/demandware.store/Sites-{site}-Site/en_US/Account-Show");
            let call = format!("{BASKETS}?siteId={site}");
            let question = gateway.subrequest("GET", &call).same_origin_fetch().cookies(&jar);
            let response = host.world.send(question).await;
            gateway.expect_allowed(&response);
            let token = jar.value(&format!("token_{site}"));
            assert_eq!(response.header("authorization"), Some(&*format!("Bearer {token}")));
            // The browser has the DW session of the American site, which it visited last.
            let question = gateway.subrequest("GET", &page).document().cookies(&jar);
            let response = host.world.send(question).await;
            if login == "registered" {
                gateway.expect_allowed(&response);
                assert_eq!(response.header("x-bff-customer-type"), Some(login));
            } else {
                assert!(!response.text().contains(jar.value("dwsid")));
                assert_ne!(response.status, gateway.allowing());
            }
        }
        let nowhere = gateway.subrequest("GET", "/cart").document().cookies(&jar);
        let response = host.world.send(nowhere).await;
        assert_ne!(response.status, gateway.allowing());
    }
}
