//! A simulator without sockets, and a small language to talk to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded::Serializer;

use crate::platform::{Platform, Shared};
use crate::{Clock, Control, Options, api_host, head, ids, instance_host};

pub(super) const LOGIN: &str = "jo@example.com";
pub(super) const PASSWORD: &str = "Tandem-2026";
pub(super) const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-section-4";

pub(super) struct World {
    pub(super) options: Options,
    pub(super) clock: MovableClock,
    pub(super) control: Control,
    pub(super) api: Router,
    pub(super) instance: Router,
    pub(super) head: Router,
}

pub(super) fn world() -> World {
    world_with(Options::default())
}

pub(super) fn world_with(options: Options) -> World {
    let clock = MovableClock::default();
    let platform: Shared = Arc::new(Platform::new(options.clone(), clock.clone().into()));
    World {
        options,
        clock,
        control: Control::new(Arc::clone(&platform)),
        api: api_host(&platform),
        instance: instance_host(&platform),
        head: head::router(&platform),
    }
}

/// The system's time, which a test can move forward.
#[derive(Clone, Default)]
pub(super) struct MovableClock(Arc<AtomicU64>);

impl MovableClock {
    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    fn moved(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl From<MovableClock> for Clock {
    #[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
    fn from(clock: MovableClock) -> Self {
        let other = clock.clone();
        let now = move || {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            i64::try_from((since_epoch + clock.moved()).as_secs()).unwrap()
        };
        Self::new(now, move || Instant::now() + other.moved())
    }
}

/// A request in the making.
pub(super) struct Asking {
    router: Router,
    request: Request<Body>,
}

impl Asking {
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().append(name, value.parse().unwrap());
        self
    }

    pub(super) fn basic(self, name: &str, password: &str) -> Self {
        self.header("authorization", &format!("Basic {}", pair(name, password)))
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        *self.request.body_mut() = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(super) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        *self.request.body_mut() = Body::from(encode(fields));
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    pub(super) async fn answer(self) -> Answer {
        let response = self.router.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// A text member of the JSON body.
    #[track_caller]
    pub(super) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The token of the form on this page.
    #[track_caller]
    pub(super) fn csrf_token(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"csrf_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// The controller that `Location` leads to.
    #[track_caller]
    pub(super) fn leads_to(&self, controller: &str) {
        let path = format!("/on/demandware.store/Sites-RefArch-Site/en_US/{controller}");
        assert_eq!(self.header("location"), Some(path.as_str()));
    }

    /// The whole `Set-Cookie` line of a cookie.
    pub(super) fn cookie_line(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        let mut lines = lines.map(|line| line.to_str().unwrap());
        lines.find(|line| line.split_once('=').is_some_and(|(known, _)| known == name))
    }

    /// A field of the `Location` query.
    pub(super) fn located(&self, name: &str) -> Option<String> {
        let location = url::Url::parse(self.header("location")?).unwrap();
        let mut fields = location.query_pairs();
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The value that a `Set-Cookie` line gives to a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        let mut pairs = lines.filter_map(|line| line.to_str().unwrap().split_once('='));
        let (_, rest) = pairs.find(|(known, _)| *known == name)?;
        rest.split(';').next().map(ToOwned::to_owned)
    }
}

/// Asking anything.
impl World {
    pub(super) fn ask(router: &Router, method: Method, uri: &str) -> Asking {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        Asking { router: router.clone(), request }
    }

    pub(super) fn slas(&self, method: Method, operation: &str) -> Asking {
        let organization = &self.options.organization_id;
        let uri = format!("/shopper/auth/v1/organizations/{organization}/oauth2/{operation}");
        Self::ask(&self.api, method, &uri)
    }

    pub(super) fn page(&self, method: Method, controller: &str) -> Asking {
        let uri = format!("/on/demandware.store/Sites-RefArch-Site/en_US/{controller}");
        Self::ask(&self.instance, method, &uri)
    }
}

/// A visitor of ECOM's pages.
impl World {
    pub(super) async fn visit(&self, controller: &str, cookies: &str) -> Answer {
        self.page(Method::GET, controller).header("cookie", cookies).answer().await
    }

    /// Sends a form that was shown on the page `Login-Show` in the session of these cookies.
    pub(super) async fn submit(
        &self,
        cookies: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let token = self.visit("Login-Show", cookies).await.expect(200).csrf_token();
        let fields = [fields, &[("csrf_token", token.as_str())]].concat();
        self.page(Method::POST, target).header("cookie", cookies).form(&fields).answer().await
    }

    /// Signs the demo shopper in on ECOM's own page.
    pub(super) async fn signs_in_on_ecom(&self, cookies: &str) -> Answer {
        let fields = [("loginEmail", LOGIN), ("loginPassword", PASSWORD)];
        self.submit(cookies, "Account-Login", &fields).await
    }
}

/// What most tests need first.
impl World {
    pub(super) fn private_token_call(&self, fields: &[(&str, &str)]) -> Asking {
        let client = &self.options.private_client;
        let call = self.slas(Method::POST, "token").basic(&client.id, &client.secret);
        call.form(&[fields, &[("channel_id", "RefArch")]].concat())
    }

    pub(super) fn public_token_call(&self, fields: &[(&str, &str)]) -> Asking {
        let client = [("channel_id", "RefArch"), ("client_id", &self.options.public_client)];
        self.slas(Method::POST, "token").form(&[fields, &client].concat())
    }

    /// Tokens of a guest of the private client.
    pub(super) async fn private_guest(&self) -> Answer {
        let call = self.private_token_call(&[("grant_type", "client_credentials")]);
        call.answer().await.expect(200)
    }

    /// The answer of `/authorize` for a public guest or bridge code.
    pub(super) async fn authorize(&self, hint: &str) -> Answer {
        let challenge = ids::sha256(VERIFIER);
        let fields = [
            ("hint", hint),
            ("response_type", "code"),
            ("client_id", &self.options.public_client),
            ("channel_id", "RefArch"),
            ("redirect_uri", &self.options.redirect_uri),
            ("code_challenge", &challenge),
            ("state", "s t"),
        ];
        let uri = format!("authorize?{}", encode(&fields));
        self.slas(Method::GET, &uri).answer().await
    }

    /// Tokens of a guest of the public client.
    pub(super) async fn public_guest(&self) -> Answer {
        let code = self.authorize("guest").await.expect(303).located("code").unwrap();
        self.public_token_call(&self.redemption(&code, VERIFIER)).answer().await.expect(200)
    }

    /// The fields that exchange a code.
    pub(super) fn redemption<'a>(
        &'a self,
        code: &'a str,
        verifier: &'a str,
    ) -> [(&'static str, &'a str); 4] {
        [
            ("grant_type", "authorization_code_pkce"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", &self.options.redirect_uri),
        ]
    }

    /// `/login` of the private client.
    pub(super) fn login_call(&self, login: &str, password: &str, usid: &str) -> Asking {
        let client = &self.options.private_client;
        let challenge = ids::sha256(VERIFIER);
        let fields = [
            ("client_id", client.id.as_str()),
            ("channel_id", "RefArch"),
            ("redirect_uri", &self.options.redirect_uri),
            ("code_challenge", &challenge),
            ("usid", usid),
        ];
        let call = self.slas(Method::POST, "login").basic(login, password).form(&fields);
        call.header("x-slas-client-auth", &pair(&client.id, &client.secret))
    }

    /// Tokens of the demo shopper, who was a guest with that usid before.
    pub(super) async fn shopper(&self, usid: &str) -> Answer {
        let located = self.login_call(LOGIN, PASSWORD, usid).answer().await.expect(303);
        let (code, usid) = (located.located("code").unwrap(), located.located("usid").unwrap());
        let fields = [&self.redemption(&code, VERIFIER)[..], &[("usid", &usid)]].concat();
        self.private_token_call(&fields).answer().await.expect(200)
    }

    /// `POST /sessions` with that token.
    pub(super) fn sessions(&self, token: &str) -> Asking {
        let call = Self::ask(&self.instance, Method::POST, "/s/RefArch/dw/shop/v24_5/sessions");
        call.bearer(token).header("content-length", "0")
    }
}

pub(super) fn pair(name: &str, password: &str) -> String {
    STANDARD.encode(format!("{name}:{password}"))
}

/// The claims of an access token.
#[track_caller]
pub(super) fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn encode(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}
