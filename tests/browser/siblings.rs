//! Two host names of one domain in a real browser: the shop's, and one that sets cookies for both.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use cookie::Cookie;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tandem::app::App;
use tandem::clock::Clock;
use tandem::config::{Config, Layers};
use tandem::serve::Bound;
use tandem_sandbox::{Options, Sandbox};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::chromium::Chromium;
use super::head::ScriptedHead;
use super::visitor::{Visitor, lets_visit};
use super::{LOGIN, PASSWORD, classic};

const SAM: &str = "sam@example.com";
const DOMAIN: &str = "tandem.localhost";

/// A shop whose Head says what a test wants, with a platform behind it and a sibling beside it.
struct Siblings {
    sandbox: Sandbox,
    head: ScriptedHead,
    evil: ScriptedHead,
    clock: Clock,
    origin: String,
    /// The same, by address.
    address: String,
    _stop: DropGuard,
}

impl Siblings {
    async fn start() -> Self {
        let clock = Clock::system();
        let sandbox = Sandbox::start(Options::default(), clock.clone()).await.expect("free ports");
        let (head, evil) = (ScriptedHead::start().await, ScriptedHead::start().await);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let port = listener.local_addr().expect("a bound socket").port();
        drop(listener);
        let origin = format!("http://shop.{DOMAIN}:{port}");
        let config = config(&sandbox, &head, port, &origin);
        let layers = Layers::merge("test.toml", &config, Vec::new()).expect("TOML");
        let config = Config::from_layers(&layers).expect("a configuration without problems");
        let admin = config.admin_listen;
        let app = App::new(config, clock.clone()).expect("TLS roots");
        let stop = CancellationToken::new();
        tokio::spawn(Bound::new(app, admin).expect("a free port").run(stop.clone()));
        let address = format!("http://127.0.0.1:{port}");
        let stop = stop.drop_guard();
        Self { sandbox, head, evil, clock, origin, address, _stop: stop }
    }

    /// The sibling host's own address.
    fn evil_origin(&self) -> String {
        let port = self.evil.origin.rsplit(':').next().expect("a port");
        format!("http://evil.{DOMAIN}:{port}")
    }
}

fn config(sandbox: &Sandbox, head: &ScriptedHead, port: u16, origin: &str) -> String {
    let client = Options::default().private_client;
    let (api, instance) = (sandbox.api(), sandbox.instance());
    format!(
        r#"
        [server]
        listen = "127.0.0.1:{port}"
        [admin]
        listen = "127.0.0.1:0"
        [cookies]
        seal_keys = ["a sealing key for tests that is long enough"]
        [[sites]]
        id = "RefArch"
        hosts = ["shop.{DOMAIN}:{port}"]
        public_origin = "{origin}"
        slas.base_url = "http://{api}"
        slas.organization_id = "f_ecom_zzte_053"
        slas.client_id = "{}"
        slas.client_secret = "{}"
        slas.redirect_uri = "{}"
        ocapi.base_url = "http://{instance}"
        routes.head = "{}"
        routes.ecom = "http://{instance}"
        "#,
        client.id,
        client.secret,
        Options::default().redirect_uri,
        head.origin,
    )
}

/// What another device holds of an account.
#[derive(Default)]
struct Stolen {
    cookies: Vec<(String, String)>,
}

async fn logs_in(visitor: &Visitor, login: &str) {
    let body = json!({"username": login, "password": PASSWORD});
    let view = visitor.posts("/bff/login", &body).await;
    assert_eq!(view["login_id"], login, "{view}");
}

/// Signs in as `login` on another device.
async fn steal(world: &Siblings, login: &str) -> Stolen {
    // Of two tokens the newer one counts, and tokens have whole seconds.
    world.clock.advance(Duration::from_secs(2));
    let mut stolen = Stolen::default();
    let body = json!({"username": login, "password": PASSWORD}).to_string();
    for (path, body) in [("/bff/login", Some(body)), (&*classic("Account-Show"), None)] {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let pairs: Vec<_> =
            stolen.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", world.address))
            .header(HOST, world.origin.trim_start_matches("http://"))
            .header("x-bff", "1")
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/json")
            .header(COOKIE, pairs.join("; "))
            .body(Full::<Bytes>::from(body.unwrap_or_default()))
            .expect("a legal request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.expect("a response");
        assert_eq!(response.status(), 200, "{path}");
        stolen.keeps(response.headers());
    }
    stolen
}

impl Stolen {
    fn keeps(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            let cookie = Cookie::parse(line.to_str().expect("text")).expect("a cookie");
            self.cookies.retain(|(name, _)| name != cookie.name());
            self.cookies.push((cookie.name().to_owned(), cookie.value().to_owned()));
        }
        self.cookies.retain(|(_, value)| !value.is_empty());
    }

    fn customer(&self) -> &str {
        self.value("cid")
    }

    fn value(&self, name: &str) -> &str {
        let found = self.cookies.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    }

    /// What a sibling host sets to make this account of a visitor.
    fn for_the_domain(&self, names: &[&str]) -> Vec<String> {
        let line = |name: &&str| format!("{name}={}; Domain={DOMAIN}; Path=/", self.value(name));
        names.iter().map(line).collect()
    }
}

/// The visitor opens a page of the sibling host, which plants `lines`.
async fn meets_the_sibling(visitor: &Visitor, evil: &ScriptedHead, at: &str, lines: Vec<String>) {
    evil.sets(lines);
    visitor.goes_to(at).await;
}

/// The cookies of the shop that a host of the whole domain has set.
async fn planted(visitor: &Visitor) -> Vec<String> {
    let cookies = visitor.cookies().await.into_iter();
    let whole = cookies.filter(|it| it.domain().is_some_and(|at| !at.starts_with("shop.")));
    whole.map(|it| it.name().to_owned()).collect()
}

#[tokio::test]
async fn promise_13_a_sibling_host_changes_nothing_of_who_the_shopper_is() {
    let world = Siblings::start().await;
    let (origin, at) = (world.origin.clone(), world.evil_origin());
    let chromium = Chromium::start().await;
    let credentials = ["cc-nx", "token", "dwsid"];
    lets_visit("siblings", chromium, &origin, async move |visitor: Visitor| {
        let sam = steal(&world, SAM).await;

        // A guest meets the sibling.
        visitor.goes("/").await;
        let guest = visitor.session("customer_id").await;
        meets_the_sibling(&visitor, &world.evil, &at, sam.for_the_domain(&credentials)).await;
        visitor.goes("/").await;
        assert_eq!(visitor.session("customer_id").await, guest);
        visitor.goes(&classic("Account-Show")).await;
        assert_eq!(visitor.attribute("#ecom-customer", "data-customer-id").await, guest);
        // `token` may be another application's in this domain, and counts for nothing.
        assert_eq!(planted(&visitor).await, ["token"], "what was planted is gone");

        // So does a shopper who signs in, and who leaves again.
        visitor.goes("/").await;
        logs_in(&visitor, LOGIN).await;
        let jo = visitor.session("customer_id").await;
        meets_the_sibling(&visitor, &world.evil, &at, sam.for_the_domain(&credentials)).await;
        visitor.goes(&classic("Account-Show")).await;
        assert_eq!(visitor.attribute("#ecom-customer", "data-customer-id").await, jo);
        visitor.goes("/").await;
        visitor.posts("/bff/logout", &json!({})).await;
        meets_the_sibling(&visitor, &world.evil, &at, sam.for_the_domain(&credentials)).await;
        visitor.goes("/").await;
        assert_eq!(visitor.session("customer_type").await, "guest");
        assert_ne!(visitor.session("customer_id").await, sam.customer());
        drop(world);
    })
    .await;
}

#[tokio::test]
async fn kind_35_a_dw_session_of_the_whole_domain_signs_no_new_visitor_in() {
    let world = Siblings::start().await;
    let (origin, at) = (world.origin.clone(), world.evil_origin());
    let chromium = Chromium::start().await;
    lets_visit("planted-dwsid", chromium, &origin, async move |visitor: Visitor| {
        let sam = steal(&world, SAM).await;
        for first in ["/".to_owned(), classic("Account-Show")] {
            visitor.forgets_all_cookies().await;
            meets_the_sibling(&visitor, &world.evil, &at, sam.for_the_domain(&["dwsid"])).await;
            visitor.goes(&first).await;
            visitor.goes("/").await;
            assert_eq!(visitor.session("customer_type").await, "guest", "{first}");
            visitor.goes(&classic("Account-Show")).await;
            let shown = visitor.attribute("#ecom-customer", "data-customer-type").await;
            assert_eq!(shown, "guest", "{first}");
        }
        drop(world);
    })
    .await;
}

#[tokio::test]
async fn kind_36_whom_the_head_signs_in_is_the_same_shopper_on_the_classic_pages() {
    let world = Siblings::start().await;
    let origin = world.origin.clone();
    let chromium = Chromium::start().await;
    lets_visit("handed-over", chromium, &origin, async move |visitor: Visitor| {
        visitor.goes("/").await;
        visitor.goes(&classic("Home-Show")).await;
        for login in [LOGIN, SAM] {
            let shopper = steal(&world, login).await;
            world.head.sets([
                "cc-nx-g=; Path=/; Max-Age=0".to_owned(),
                format!("cc-nx={}; Path=/; Max-Age=7776000; HttpOnly", shopper.value("cc-nx")),
                format!("cc-at={}; Path=/; Max-Age=1800; HttpOnly", shopper.value("token")),
            ]);
            visitor.goes("/head/login").await;
            assert_eq!(visitor.session("customer_id").await, shopper.customer());
            visitor.goes(&classic("Account-Show")).await;
            let shown = visitor.attribute("#ecom-customer", "data-customer-id").await;
            assert_eq!(shown, shopper.customer(), "the classic pages show somebody else");
        }
        world.head.sets(["cc-nx=; Path=/; Max-Age=0".to_owned()]);
        visitor.goes("/head/logout").await;
        assert_eq!(visitor.session("customer_type").await, "none");
        visitor.goes(&classic("Account-Show")).await;
        let shown = visitor.attribute("#ecom-customer", "data-customer-type").await;
        assert_eq!(shown, "guest");
        drop(world.sandbox);
    })
    .await;
}
