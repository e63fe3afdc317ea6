//! The SLAS calls of a storefront's server.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::config::{ORGANIZATION, SITE};

/// A code verifier, and its challenge.
const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";
const CHALLENGE: &str = "bLRYBPalK1NsU4_TD3JrHRmfVjgoduNjiXgeScRbcr8";

/// The tokens of a response.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) expires_in: i64,
    pub(super) refresh: String,
    pub(super) refresh_expires_in: i64,
}

/// SLAS, called with the client of the shop.
#[derive(Clone)]
pub(super) struct Slas {
    http: Client<HttpConnector, Full<Bytes>>,
    base: String,
    client_id: String,
    secret: Option<String>,
    redirect_uri: String,
}

type Fields<'a> = Vec<(&'a str, &'a str)>;

impl Slas {
    pub(super) fn new(
        address: SocketAddr,
        client_id: String,
        secret: Option<String>,
        redirect_uri: String,
    ) -> Self {
        let base = format!("http://{address}/shopper/auth/v1/organizations/{ORGANIZATION}/oauth2/");
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, base, client_id, secret, redirect_uri }
    }

    pub(super) async fn refresh(&self, token: &str) -> Option<Tokens> {
        self.tokens(vec![("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// A new guest, with that usid if SLAS still allows it.
    pub(super) async fn guest(&self, usid: Option<&str>) -> Tokens {
        for usid in [usid, None] {
            let usid: Fields<'_> = usid.map(|usid| ("usid", usid)).into_iter().collect();
            let tokens = if self.secret.is_some() {
                let grant = vec![("grant_type", "client_credentials")];
                self.tokens([grant, usid].concat()).await
            } else {
                let query = encoded(&[self.code_request(), vec![("hint", "guest")], usid].concat());
                let target = format!("authorize?{query}");
                let redirect = self.send(Method::GET, &target, None, &Vec::new()).await;
                self.exchange(&redirect).await
            };
            if let Some(tokens) = tokens {
                return tokens;
            }
        }
        panic!("SLAS grants no guest");
    }

    /// `None` if SLAS does not accept the credentials.
    pub(super) async fn log_in(
        &self,
        (login, password): &(String, String),
        usid: Option<&str>,
    ) -> Option<Tokens> {
        let usid: Fields<'_> = usid.map(|usid| ("usid", usid)).into_iter().collect();
        let fields = [self.code_request(), usid].concat();
        let basic = format!("Basic {}", STANDARD.encode(format!("{login}:{password}")));
        let redirect = self.send(Method::POST, "login", Some(basic), &fields).await;
        self.exchange(&redirect).await
    }

    pub(super) async fn log_out(&self, access: &str, refresh: &str) {
        let client_id = self.client_id.as_str();
        let query = [("client_id", client_id), ("channel_id", SITE), ("refresh_token", refresh)];
        let target = format!("logout?{}", encoded(&query));
        self.send(Method::GET, &target, Some(format!("Bearer {access}")), &Vec::new()).await;
    }

    fn code_request(&self) -> Fields<'_> {
        vec![
            ("client_id", &self.client_id),
            ("channel_id", SITE),
            ("response_type", "code"),
            ("redirect_uri", &self.redirect_uri),
            ("code_challenge", CHALLENGE),
        ]
    }

    async fn exchange(&self, redirect: &Response<Bytes>) -> Option<Tokens> {
        let location = redirect.headers().get(LOCATION)?.to_str().ok()?;
        let location = url::Url::parse(location).ok()?;
        let value = |name: &str| {
            let mut pairs = location.query_pairs();
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let (code, usid) = (value("code")?, value("usid")?);
        let fields = vec![
            ("grant_type", "authorization_code_pkce"),
            ("code", &*code),
            ("usid", &*usid),
            ("code_verifier", VERIFIER),
            ("redirect_uri", &self.redirect_uri),
        ];
        self.tokens(fields).await
    }

    async fn tokens(&self, mut fields: Fields<'_>) -> Option<Tokens> {
        fields.push(("channel_id", SITE));
        fields.push(("client_id", &self.client_id));
        let basic = self.client_credentials().map(|credentials| format!("Basic {credentials}"));
        let response = self.send(Method::POST, "token", basic, &fields).await;
        let body: Value = serde_json::from_slice(response.body()).ok()?;
        Some(Tokens {
            access: body["access_token"].as_str()?.to_owned(),
            expires_in: body["expires_in"].as_i64()?,
            refresh: body["refresh_token"].as_str()?.to_owned(),
            refresh_expires_in: body["refresh_token_expires_in"].as_i64()?,
        })
    }

    fn client_credentials(&self) -> Option<String> {
        let secret = self.secret.as_ref()?;
        Some(STANDARD.encode(format!("{}:{secret}", self.client_id)))
    }

    async fn send(
        &self,
        method: Method,
        target: &str,
        authorization: Option<String>,
        fields: &Fields<'_>,
    ) -> Response<Bytes> {
        let mut request = Request::builder().method(&method).uri(format!("{}{target}", self.base));
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(credentials) = self.client_credentials().filter(|_| target != "token") {
            request = request.header("x-slas-client-auth", credentials);
        }
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Full::from(encoded(fields))).expect("a valid request");
        let (parts, body) = self.http.request(request).await.expect("a response").into_parts();
        let body = body.collect().await.expect("a whole response").to_bytes();
        Response::from_parts(parts, body)
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
