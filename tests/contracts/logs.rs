//! What a shopper's visit leaves behind: no secret in any log line, metric or error body.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tandem::app::App;
use tandem::clock::Clock;
use tandem::serve::Bound;
use tokio_util::sync::{CancellationToken, DropGuard};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::slas::oauth;
use crate::support::{self, CapturedLog, Settings, Shopper, html, status, unsigned};

const SESSIONS: &str = "/s/RefArch/dw/shop/v24_5/sessions";
const AUTH: &str = "/s/RefArch/dw/shop/v24_5/customers/auth";

/// The life of an access token but for a moment: time to refresh it.
const NEARLY: Duration = Duration::from_secs(36_000 - 40);
/// Longer than any failure makes Tandem rest.
const REST: Duration = Duration::from_secs(61);

/// Tandem before a platform that hides a canary in every secret place, and one browser.
pub(crate) struct Visit {
    platform: MockServer,
    clock: Clock,
    public: SocketAddr,
    admin: SocketAddr,
    jar: BTreeMap<String, String>,
    /// Every body but those of the Head.
    bodies: String,
    client: reqwest::Client,
    _stop: DropGuard,
}

/// A canary of that name in the place of a signature; SLAS hands it over, so nobody checks it.
fn access(shopper: &Shopper, name: &str) -> String {
    let header = json!({"typ": "jwt", "alg": "ES256", "kid": "CANARY-KID"});
    format!("{}.CANARY-{name}", unsigned(&header, &shopper.payload()))
}

fn tokens(shopper: &Shopper, name: &str) -> ResponseTemplate {
    let answer = json!({
        "access_token": access(shopper, name), "id_token": "CANARY-ID", "expires_in": 1800,
        "refresh_token": format!("CANARY-RT-{name}"), "refresh_token_expires_in": 2_592_000,
        "token_type": "Bearer", "usid": "CANARY-USID", "customer_id": "CANARY-CUSTOMER",
        "enc_user_id": "CANARY-ENC", "idp_access_token": "CANARY-IDP", "dnt": "false",
    });
    support::json(200, &answer).append_header("x-debug", "CANARY-HEADER")
}

fn sessions() -> ResponseTemplate {
    status(204)
        .append_header("set-cookie", "dwsid=CANARY-DWSID; Path=/; HttpOnly; Secure")
        .append_header("set-cookie", "dwsecuretoken_abc=CANARY-SECURE; Path=/; Secure")
}

fn refusal(code: u16) -> ResponseTemplate {
    let body = json!({
        "error": "CANARY-ERROR", "error_description": "CANARY-DESCRIPTION",
        "status_code": "CANARY", "message": "CANARY-MESSAGE",
        "fault": {"type": "CANARY-TYPE", "message": "CANARY", "arguments": {"accessToken": "CANARY"}},
    });
    support::json(code, &body)
        .append_header("location", "https://shop.test/?error=CANARY&code=CANARY")
}

impl Visit {
    pub(crate) async fn begin(settings: &Settings) -> Self {
        let platform = MockServer::start().await;
        let clock = Clock::system();
        let config = support::config(settings, &platform.uri());
        let app = App::new(config, clock.clone()).unwrap();
        let bound = Bound::new(app, "127.0.0.1:0".parse().unwrap()).unwrap();
        let (public, admin) = (bound.address().unwrap(), bound.admin_address().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(bound.run(stop.clone()));
        let client = reqwest::Client::builder().no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self {
            platform,
            clock,
            public,
            admin,
            jar: BTreeMap::new(),
            bodies: String::new(),
            client,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) async fn all_goes_well(&self) {
        self.platform.reset().await;
        let code = "https://shop.test/callback?usid=CANARY-USID&code=CANARY-CODE";
        let guest = self.living(Shopper::guest());
        self.responds("GET", &oauth("authorize"), support::redirect(code)).await;
        self.responds("POST", &oauth("login"), support::redirect(code)).await;
        self.responds("POST", &oauth("token"), tokens(&guest, "AT-GUEST")).await;
        self.responds("GET", &oauth("logout"), status(200)).await;
        self.responds("POST", SESSIONS, sessions()).await;
        let page = ResponseTemplate::new(200).set_body_raw("<p>the Head", "text/html");
        let other = Mock::given(any()).respond_with(page).with_priority(9);
        other.mount(&self.platform).await;
    }

    /// For ten hours by the clock of this visit.
    fn living(&self, shopper: Shopper) -> Shopper {
        Shopper { life: self.clock.now().since(Clock::system().now()) + 36_000, ..shopper }
    }

    async fn a_login_goes_well(&self) {
        let answer = tokens(&self.living(Shopper::registered()), "AT-REGISTERED");
        for form in ["grant_type=authorization_code_pkce", "CANARY-RT-AT-REGISTERED"] {
            let form = wiremock::matchers::body_string_contains(form);
            let mock = Mock::given(method("POST")).and(path(oauth("token"))).and(form);
            mock.respond_with(answer.clone()).with_priority(1).mount(&self.platform).await;
        }
    }

    async fn all_fails_with(&self, answer: ResponseTemplate) {
        let platform = wiremock::matchers::path_regex("^/(shopper|s|customer|checkout)/");
        Mock::given(platform).respond_with(answer).with_priority(1).mount(&self.platform).await;
    }

    async fn responds(&self, verb: &str, at: &str, response: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(response).mount(&self.platform).await;
    }

    pub(crate) async fn opens(&mut self, at: &str) -> u16 {
        self.sends(self.request("GET", at).header("accept", "text/html")).await
    }

    pub(crate) async fn posts(&mut self, at: &str, body: &Value) -> u16 {
        let request = self.request("POST", at).header("x-bff", "1");
        let request = request.header("content-type", "application/json");
        self.sends(request.body(body.to_string())).await
    }

    async fn logs_in(&mut self) -> u16 {
        let body = json!({"username": "CANARY-LOGIN@example.com", "password": "CANARY-PASSWORD"});
        self.posts("/bff/login", &body).await
    }

    fn request(&self, verb: &str, at: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{at}", self.public);
        let cookies: Vec<String> =
            self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(verb.parse().unwrap(), url);
        request
            .header("host", "shop.test")
            .header("cookie", cookies.join("; "))
            .header("user-agent", "CANARY-AGENT")
            .header("referer", "https://shop.test/CANARY-REFERER")
            .header("x-forwarded-for", "CANARY-ADDRESS")
    }

    async fn sends(&mut self, request: reqwest::RequestBuilder) -> u16 {
        #[expect(clippy::disallowed_methods, reason = "this is the browser")]
        let response = request.send().await.unwrap();
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = response.status().as_u16();
        self.bodies += &response.text().await.unwrap();
        status
    }

    async fn metrics(&self) -> String {
        #[expect(clippy::disallowed_methods, reason = "this is the scraper")]
        let response =
            self.client.get(format!("http://{}/metrics", self.admin)).send().await.unwrap();
        response.text().await.unwrap()
    }

    /// Promise 8, after whatever has happened.
    #[track_caller]
    fn left_nothing_behind(&self, captured: &CapturedLog, metrics: &str) {
        let log = captured.text();
        assert!(log.contains("\"message\":\"request\""), "the log was captured: {log}");
        assert!(metrics.contains("tandem_http_requests_total"), "the metrics were read: {metrics}");
        for (name, text) in [("log", log.as_str()), ("metrics", metrics)] {
            // Whatever the case: texts are lowered before they are compared.
            let line = text.lines().find(|line| line.to_lowercase().contains("canary"));
            assert_eq!(line, None, "in the {name}");
            let token = self.jar.get("token").map(|token| token.split('.').nth(1).unwrap());
            assert!(token.is_none_or(|payload| !text.contains(payload)), "in the {name}");
        }
        // Whom the shopper is may be told to the shopper; what makes it so may not.
        let told = ["CANARY-USID", "CANARY-CUSTOMER", "CANARY-LOGIN@example.com"];
        let rest = told.iter().fold(self.bodies.clone(), |text, told| text.replace(told, ""));
        assert!(!rest.to_lowercase().contains("canary"), "{rest}");
    }
}

pub(crate) const CLIENTS: [Settings; 2] = [
    Settings { public_client: false, site: "", limits: "" },
    Settings { public_client: true, site: "", limits: "" },
];

#[tokio::test]
async fn attack_70_a_visit_that_goes_well_leaves_no_secret_behind() {
    let captured = CapturedLog::start();
    for settings in CLIENTS {
        let mut visit = Visit::begin(&settings).await;
        visit.all_goes_well().await;
        assert_eq!(visit.opens("/CANARY-PATH?token=CANARY-QUERY").await, 200);
        assert!(visit.jar["token"].ends_with("CANARY-AT-GUEST"), "{:?}", visit.jar);
        assert_eq!(visit.jar["dwsid"], "CANARY-DWSID");
        assert_eq!(visit.opens("/bff/session?x=CANARY-QUERY").await, 200);
        visit.a_login_goes_well().await;
        assert_eq!(visit.logs_in().await, 200);
        assert!(visit.jar["token"].ends_with("CANARY-AT-REGISTERED"));
        visit.clock.advance(NEARLY);
        assert_eq!(visit.opens("/cart").await, 200, "refreshed, and bridged anew");
        assert_eq!(visit.posts("/bff/logout", &json!({"all_devices": true})).await, 200);
        let metrics = visit.metrics().await;
        visit.left_nothing_behind(&captured, &metrics);
    }
}

#[tokio::test]
async fn promise_8_and_attack_70_a_visit_on_which_everything_fails_leaves_no_secret_behind() {
    let captured = CapturedLog::start();
    let slow = Settings {
        limits: "[upstream]\ntimeout_ms = 60\nrefresh_timeout_ms = 60",
        ..CLIENTS[0].clone()
    };
    for settings in [CLIENTS[0].clone(), CLIENTS[1].clone(), slow] {
        let mut visit = Visit::begin(&settings).await;
        let mut answers: Vec<_> =
            [303, 400, 401, 403, 404, 429, 500, 503].into_iter().map(refusal).collect();
        answers.push(html(403));
        answers.push(status(200).set_body_string("{\"access_token\":\"CANARY"));
        answers.push(status(200).set_body_string("CANARY").set_delay(Duration::from_millis(200)));
        for answer in answers {
            visit.jar.clear();
            visit.all_goes_well().await;
            visit.clock.advance(REST);
            visit.opens("/").await;
            visit.all_fails_with(answer).await;
            visit.logs_in().await;
            visit.clock.advance(NEARLY.saturating_sub(REST));
            visit.opens("/cart").await;
            visit.posts("/bff/session", &json!({"dwsgst": "CANARY-SIGNATURE"})).await;
            visit.posts("/bff/session", &json!({"CANARY": "CANARY"})).await;
            visit.posts("/bff/login", &json!({"username": "CANARY", "pass": "CANARY"})).await;
            visit.opens("/bff/go?to=//CANARY.test").await;
            visit.opens("/bff/CANARY").await;
            visit.posts("/bff/logout", &json!({})).await;
            visit.jar.insert("dwsid".to_owned(), "CANARY-DWSID-PLANTED".to_owned());
            visit.jar.insert("cc-nx".to_owned(), "CANARY-RT-PLANTED".to_owned());
            visit.jar.insert("token".to_owned(), access(&Shopper::registered(), "FORGED"));
            visit.jar.insert("__Host-tandem".to_owned(), "CANARY-SEALED".to_owned());
            visit.opens("/").await;
        }
        let metrics = visit.metrics().await;
        visit.left_nothing_behind(&captured, &metrics);
    }
}

#[tokio::test]
async fn attack_74_a_logout_that_finds_nobody_does_not_log_its_url() {
    let captured = CapturedLog::start();
    let mut visit = Visit::begin(&CLIENTS[0]).await;
    visit.all_goes_well().await;
    visit.a_login_goes_well().await;
    visit.opens("/").await;
    assert_eq!(visit.logs_in().await, 200);
    // The platform is gone; its port refuses connections.
    let gone = MockServer::builder().start().await;
    drop(std::mem::replace(&mut visit.platform, gone));
    visit.posts("/bff/logout", &json!({})).await;
    visit.opens("/").await;
    let metrics = visit.metrics().await;
    visit.left_nothing_behind(&captured, &metrics);
}

#[tokio::test]
async fn a_canary_that_is_logged_is_found() {
    let captured = CapturedLog::start();
    tokio::spawn(async { tracing::trace!(secret = "CANARY-CONTROL", "deliberately") })
        .await
        .unwrap();
    assert!(captured.text().contains("CANARY-CONTROL"));
}

/// The probe of a DW session is on the way of every visit that begins with ECOM.
#[tokio::test]
async fn attack_70_a_visit_that_begins_with_ecom_leaves_no_secret_behind() {
    let captured = CapturedLog::start();
    let mut visit = Visit::begin(&CLIENTS[0]).await;
    visit.all_goes_well().await;
    let customer = json!({"auth_type": "registered", "customer_id": "CANARY-CUSTOMER", "login": "CANARY-LOGIN@example.com"});
    let answer = support::json(200, &customer).append_header("authorization", "Bearer CANARY-JWT");
    visit.responds("POST", AUTH, answer).await;
    visit.responds("POST", &oauth("session-bridge/token"), refusal(400)).await;
    visit.jar.insert("dwsid".to_owned(), "CANARY-DWSID-ECOM".to_owned());
    visit.opens("/").await;
    let metrics = visit.metrics().await;
    visit.left_nothing_behind(&captured, &metrics);
}
