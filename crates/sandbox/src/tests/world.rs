//! A simulator without sockets, and helpers that send requests to it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded::Serializer;

use super::clock::MovableClock;
use crate::platform::{Platform, Shared};
use crate::{Control, Options, api_host, head_host, ids, instance_host};

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
        head: head_host(&platform),
    }
}

/// A request under construction.
pub(super) struct TestRequest {
    router: Router,
    request: Request<Body>,
}

impl TestRequest {
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

    pub(super) async fn send(self) -> TestResponse {
        let response = self.router.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        TestResponse { status: parts.status, headers: parts.headers, text }
    }
}

pub(super) struct TestResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl TestResponse {
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

    /// The CSRF token of the form on this page.
    #[track_caller]
    pub(super) fn csrf_token(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"csrf_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Checks that `Location` is the path of this controller.
    #[track_caller]
    pub(super) fn expect_redirect_to(&self, controller: &str) {
        let path = format!("/on/demandware.store/Sites-RefArch-Site/en_US/{controller}");
        assert_eq!(self.header("location"), Some(path.as_str()));
    }

    /// The whole `Set-Cookie` line of a cookie.
    pub(super) fn cookie_line(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        let mut lines = lines.map(|line| line.to_str().unwrap());
        lines.find(|line| line.split_once('=').is_some_and(|(known, _)| known == name))
    }

    /// A parameter of the `Location` query.
    pub(super) fn location_field(&self, name: &str) -> Option<String> {
        let location = url::Url::parse(self.header("location")?).unwrap();
        let mut fields = location.query_pairs();
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The value of a cookie in `Set-Cookie`.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        let mut pairs = lines.filter_map(|line| line.to_str().unwrap().split_once('='));
        let (_, rest) = pairs.find(|(known, _)| *known == name)?;
        rest.split(';').next().map(ToOwned::to_owned)
    }
}

/// Requests to any route.
impl World {
    pub(super) fn request(router: &Router, method: Method, uri: &str) -> TestRequest {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        TestRequest { router: router.clone(), request }
    }

    pub(super) fn slas(&self, method: Method, operation: &str) -> TestRequest {
        let organization = &self.options.organization_id;
        let uri = format!("/shopper/auth/v1/organizations/{organization}/oauth2/{operation}");
        Self::request(&self.api, method, &uri)
    }

    pub(super) fn page(&self, method: Method, controller: &str) -> TestRequest {
        let uri = format!("/on/demandware.store/Sites-RefArch-Site/en_US/{controller}");
        Self::request(&self.instance, method, &uri)
    }
}

/// Requests to ECOM's pages.
impl World {
    pub(super) async fn visit(&self, controller: &str, cookies: &str) -> TestResponse {
        self.page(Method::GET, controller).header("cookie", cookies).send().await
    }

    /// Sends a form with the CSRF token of `Login-Show` in the session of these cookies.
    pub(super) async fn submit(
        &self,
        cookies: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> TestResponse {
        let token = self.visit("Login-Show", cookies).await.expect(200).csrf_token();
        let fields = [fields, &[("csrf_token", token.as_str())]].concat();
        self.page(Method::POST, target).header("cookie", cookies).form(&fields).send().await
    }

    /// Logs the demo shopper in on ECOM's own page.
    pub(super) async fn logs_in_on_ecom(&self, cookies: &str) -> TestResponse {
        let fields = [("loginEmail", LOGIN), ("loginPassword", PASSWORD)];
        self.submit(cookies, "Account-Login", &fields).await
    }
}

/// Tokens and sessions that most tests start with.
impl World {
    pub(super) fn private_token_call(&self, fields: &[(&str, &str)]) -> TestRequest {
        let client = &self.options.private_client;
        let call = self.slas(Method::POST, "token").basic(&client.id, &client.secret);
        call.form(&[fields, &[("channel_id", "RefArch")]].concat())
    }

    pub(super) fn public_token_call(&self, fields: &[(&str, &str)]) -> TestRequest {
        let client = [("channel_id", "RefArch"), ("client_id", &self.options.public_client)];
        self.slas(Method::POST, "token").form(&[fields, &client].concat())
    }

    /// Tokens of a guest of the private client.
    pub(super) async fn private_guest(&self) -> TestResponse {
        let call = self.private_token_call(&[("grant_type", "client_credentials")]);
        call.send().await.expect(200)
    }

    /// The response of `/authorize` to a public client.
    pub(super) async fn authorize(&self, hint: &str) -> TestResponse {
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
        self.slas(Method::GET, &uri).send().await
    }

    /// Tokens of a guest of the public client.
    pub(super) async fn public_guest(&self) -> TestResponse {
        let code = self.authorize("guest").await.expect(303).location_field("code").unwrap();
        self.public_token_call(&self.redemption(&code, VERIFIER)).send().await.expect(200)
    }

    /// The form fields that exchange a code.
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
    pub(super) fn login_call(&self, login: &str, password: &str, usid: &str) -> TestRequest {
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

    /// Tokens of the demo shopper after a login with this usid.
    pub(super) async fn shopper(&self, usid: &str) -> TestResponse {
        let located = self.login_call(LOGIN, PASSWORD, usid).send().await.expect(303);
        let (code, usid) =
            (located.location_field("code").unwrap(), located.location_field("usid").unwrap());
        let fields = [&self.redemption(&code, VERIFIER)[..], &[("usid", &usid)]].concat();
        self.private_token_call(&fields).send().await.expect(200)
    }

    /// `POST /sessions` with this token.
    pub(super) fn sessions(&self, token: &str) -> TestRequest {
        let call = Self::request(&self.instance, Method::POST, "/s/RefArch/dw/shop/v24_5/sessions");
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
