//! Every shape of a response, for every call that may receive it, and how the core classifies it.
//! The snapshot is the reviewed table.

use std::fmt::Write as _;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tandem::flow::{
    AdoptResponse, Cause, GuestResponse, LoginResponse, LogoutResponse, LogoutScope,
    RefreshResponse, UpstreamFailure,
};
use tandem::ids::AccessToken;
use tandem::model::{CustomerType, Grant};
use tandem::site::Shared;
use wiremock::ResponseTemplate;

use super::{adopt_call, credentials, oauth, refresh_token, usid};
use crate::support::{
    self, MockPlatform, Received, Settings, Shopper, SigningKey, context, html, redirect, status,
    tokens,
};

/// The call that receives the response in question; calls before and after it succeed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Refresh,
    Guest,
    Authorize,
    CodeExchange,
    Login,
    LoginExchange,
    Adopt,
    Logout,
    Keys,
}

use Call::{Adopt, Authorize, CodeExchange, Guest, Keys, Login, LoginExchange, Logout, Refresh};

type Responses = Vec<(&'static str, ResponseTemplate)>;

impl Call {
    fn name(self) -> &'static str {
        match self {
            Refresh => "refresh",
            Guest => "guest",
            Authorize => "authorize",
            CodeExchange => "code",
            Login => "login",
            LoginExchange => "login's code",
            Adopt => "bridge",
            Logout => "logout",
            Keys => "jwks",
        }
    }

    fn endpoint(self) -> (&'static str, &'static str) {
        match self {
            Refresh | Guest | CodeExchange | LoginExchange => ("POST", "token"),
            Authorize => ("GET", "authorize"),
            Login => ("POST", "login"),
            Adopt => ("POST", "session-bridge/token"),
            Logout => ("GET", "logout"),
            Keys => ("GET", "jwks"),
        }
    }

    async fn classification(self, response: ResponseTemplate, shared: &Shared) -> String {
        let public_client = matches!(self, Authorize | CodeExchange);
        let settings = Settings { public_client, ..Settings::default() };
        let platform = MockPlatform::sharing(&settings, shared).await;
        let (verb, endpoint) = self.endpoint();
        platform.responds(verb, &oauth(endpoint), response).await;
        let code = || redirect("https://shop.test/callback?code=code-1");
        let valid = |shopper| support::json(200, &tokens(&shopper));
        platform.responds("GET", &oauth("authorize"), code()).await;
        platform.responds("POST", &oauth("login"), code()).await;
        let shopper = if self == Login { Shopper::registered() } else { Shopper::guest() };
        platform.responds("POST", &oauth("token"), valid(shopper)).await;
        let outcome = self.send(&platform).await;
        let requests = platform.requests().await;
        let to_it = |request: &&Received| request.0.url.path() == oauth(endpoint);
        let calls = requests.iter().filter(to_it).count();
        if calls == 1 { outcome } else { format!("{outcome} x{calls}") }
    }

    async fn send(self, platform: &MockPlatform) -> String {
        let (slas, context) = (&platform.site.slas, context());
        match self {
            Refresh => match slas.refresh(&refresh_token(), None, &context).await {
                RefreshResponse::Granted(grant) => granted(&grant),
                RefreshResponse::Refused => "refused".to_owned(),
                RefreshResponse::Doubtful(_) => "doubtful".to_owned(),
                RefreshResponse::Failed(failure) => failure_text(failure),
            },
            Guest | Authorize | CodeExchange => match slas.guest(Some(&usid()), &context).await {
                GuestResponse::Granted(grant) => granted(&grant),
                GuestResponse::UsidTaken => "usid taken".to_owned(),
                GuestResponse::Failed(failure) => failure_text(failure),
            },
            Login | LoginExchange => {
                match slas.login(&credentials(), Some(&usid()), &context).await {
                    LoginResponse::Granted(grant) => granted(&grant),
                    LoginResponse::BadCredentials => "bad password".to_owned(),
                    LoginResponse::Conflict => "conflict".to_owned(),
                    LoginResponse::Failed(failure) => failure_text(failure),
                }
            }
            Adopt => match slas.adopt(&adopt_call(CustomerType::Guest, None), &context).await {
                AdoptResponse::Granted(grant) => granted(&grant),
                AdoptResponse::NotPermitted => "not permitted".to_owned(),
                AdoptResponse::Refused => "refused".to_owned(),
                AdoptResponse::Failed(failure) => failure_text(failure),
            },
            Logout => {
                let access = AccessToken::parse("at.at.at").unwrap();
                match slas
                    .logout(&access, &refresh_token(), LogoutScope::ThisDevice, &context)
                    .await
                {
                    LogoutResponse::Revoked => "revoked".to_owned(),
                    LogoutResponse::NothingToRevoke => "nothing to revoke".to_owned(),
                    LogoutResponse::AccessRefused => "access token refused".to_owned(),
                    LogoutResponse::Failed => "failed".to_owned(),
                }
            }
            Keys => match slas.keys().await {
                Some(keys) => format!("{} keys", keys.len()),
                None => "none".to_owned(),
            },
        }
    }
}

fn granted(grant: &Grant) -> String {
    let refresh = if grant.refresh.is_some() { "" } else { ", no refresh" };
    match grant.claims.customer.kind {
        CustomerType::Guest => format!("guest{refresh}"),
        CustomerType::Registered => format!("registered{refresh}"),
    }
}

fn failure_text(failure: UpstreamFailure) -> String {
    let cause = match failure.cause {
        Cause::Unavailable => "unavailable",
        Cause::Throttled => "throttled",
        Cause::Misconfigured => "misconfigured",
    };
    failure.retry_after.map_or_else(|| cause.to_owned(), |after| format!("{cause} {after}s"))
}

/// A 4xx in the shape of the `OpenAPI` description.
fn specified(code: u16, error: &str, description: &str) -> ResponseTemplate {
    support::json(code, &json!({"error": error, "error_description": description}))
}

/// A 4xx in the shape that live tenants send.
fn live(code: u16, message: &str) -> ResponseTemplate {
    let status = format!("{code} BAD_REQUEST");
    support::json(code, &json!({"status_code": status, "message": message}))
}

fn refusals() -> Responses {
    vec![
        (
            "400 invalid_request: missing refresh token",
            specified(400, "invalid_request", "Bad or missing refresh token."),
        ),
        (
            "400 invalid_request: Invalid Refresh Token",
            specified(400, "invalid_request", "Invalid Refresh Token"),
        ),
        ("400 live: invalid refresh_token", live(400, "invalid refresh_token")),
        ("401 live: invalid refresh_token", live(401, "invalid refresh_token")),
        ("400 invalid_grant", specified(400, "invalid_grant", "")),
        ("400 only error", support::json(400, &json!({"error": "invalid_request"}))),
        (
            "400 invalid_request: client_id",
            specified(400, "invalid_request", "Bad or missing client_id."),
        ),
        ("400 live: invalid channel_id", live(400, "invalid channel_id")),
        ("400 live: invalid organizationId", live(400, "invalid organizationId")),
        ("400 live: code_verifier is required", live(400, "code_verifier is required")),
        ("400 live: redirect_uri does not match", live(400, "redirect_uri doesn't match")),
        (
            "400 live: usid of another session",
            live(400, "usid already assigned to another session"),
        ),
        (
            "400 too many login requests",
            specified(400, "invalid_request", "Too many login requests were made"),
        ),
        ("401 invalid_client", specified(401, "invalid_client", "Basic Authorization failed.")),
        ("401 live: unauthorized", live(401, "Unauthorized")),
        ("403 forbidden", specified(403, "forbidden", "loginEpRestrict")),
        ("404 not_found", specified(404, "not_found", "User not found")),
        ("409 conflict", specified(409, "conflict", "logged in twice within 1 second")),
        ("410 gone", status(410)),
        ("412 precondition_failure", specified(412, "precondition_failure", "not available")),
        ("429, Retry-After: 20", status(429).insert_header("retry-after", "20")),
        ("429 without Retry-After", html(429)),
        ("500 server_error", specified(500, "server_error", "")),
        ("502 HTML", html(502)),
        ("503 gateway_server_error", specified(503, "gateway_server_error", "")),
        ("504 empty", status(504)),
        ("400 empty", status(400)),
        ("400 HTML of the edge", html(400)),
        ("401 empty", status(401)),
        ("401 HTML of the edge", html(401)),
        ("403 HTML of the edge", html(403)),
        ("400 JSON, but a list", support::json(400, &json!(["invalid refresh_token"]))),
        ("400 error is a number", support::json(400, &json!({"error": 7}))),
        ("204 empty", status(204)),
        ("200 empty", status(200)),
        ("200 HTML", html(200)),
        ("200 JSON null", support::json(200, &Value::Null)),
        (
            "200 the word null",
            support::json(200, &json!({"access_token": "null", "expires_in": 0, "usid": "null"})),
        ),
        ("302 without Location", status(302)),
        ("304", status(304)),
        (
            "303 error=invalid_request",
            redirect(
                "https://shop.test/callback?error=invalid_request&error_description=Bad+or+missing+client_id.",
            ),
        ),
        ("303 error alone", redirect("/callback?error=access_denied")),
        ("303 error=server_error", redirect("/callback?error=server_error")),
        ("303 error=temporarily_unavailable", redirect("/callback?error=temporarily_unavailable")),
        ("303 error and code", redirect("/callback?error=invalid_request&code=code-1")),
        ("303 a code", redirect("/callback?code=code-1")),
        ("303 an empty code", redirect("/callback?code=&usid=u")),
        ("303 without query", redirect("/callback")),
        (
            "303 Location is not text",
            status(303).insert_header("location", "/callback?code=\u{fc}"),
        ),
    ]
}

/// 200 responses to a call for tokens.
fn grants() -> Responses {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut response = tokens(&Shopper::guest());
        change(&mut response);
        support::json(200, &response)
    };
    let set = |name: &'static str, value: Value| with(&|response| response[name] = value.clone());
    let without =
        |name: &'static str| with(&|response| drop(response.as_object_mut().unwrap().remove(name)));
    let token_of = |shopper: Shopper| set("access_token", json!(shopper.token()));
    vec![
        ("a guest", with(&|_| ())),
        ("a registered shopper", token_of(Shopper::registered())),
        ("201", support::json(201, &tokens(&Shopper::guest()))),
        (
            "only what is guaranteed",
            support::json(
                200,
                &json!({
                    "access_token": Shopper::guest().token(), "expires_in": 1800,
                }),
            ),
        ),
        ("of another tenant", token_of(Shopper { tenant: "aaaa_001", ..Shopper::guest() })),
        ("of another client", token_of(Shopper { client: "another", ..Shopper::guest() })),
        ("of another channel", token_of(Shopper { channel: "Other", ..Shopper::guest() })),
        ("already expired", token_of(Shopper { life: -1, ..Shopper::guest() })),
        ("access_token missing", without("access_token")),
        ("access_token empty", set("access_token", json!(""))),
        ("access_token null", set("access_token", Value::Null)),
        ("access_token is no JWT", set("access_token", json!("opaque"))),
        ("access_token with a semicolon", set("access_token", json!("a.b;c.d"))),
        ("access_token of 8 kB", set("access_token", json!("a".repeat(8000)))),
        ("expires_in missing", without("expires_in")),
        ("expires_in 0", set("expires_in", json!(0))),
        ("expires_in negative", set("expires_in", json!(-1800))),
        ("expires_in is text", set("expires_in", json!("1800"))),
        ("refresh_token missing", without("refresh_token")),
        ("refresh_token empty", set("refresh_token", json!(""))),
        ("refresh_token the word null", set("refresh_token", json!("null"))),
        ("refresh_token with a line end", set("refresh_token", json!("a\r\nset-cookie: x=1"))),
        ("refresh_token of 257 bytes", set("refresh_token", json!("r".repeat(257)))),
        ("refresh_token_expires_in missing", without("refresh_token_expires_in")),
        ("refresh_token_expires_in negative", set("refresh_token_expires_in", json!(-5))),
        ("refresh_token_expires_in 0", set("refresh_token_expires_in", json!(0))),
        (
            "refresh_token_expires_in a fraction",
            set("refresh_token_expires_in", json!(2_591_999.5)),
        ),
        ("refresh_token_expires_in 1e300", set("refresh_token_expires_in", json!(1e300))),
        ("usid missing", without("usid")),
        ("unknown fields", set("novelty", json!({"deep": [1, 2]}))),
        (
            "dwsid twice, two values",
            with(&|_| ())
                .append_header("set-cookie", "dwsid=a")
                .append_header("set-cookie", "dwsid=b"),
        ),
    ]
}

/// 200 responses to a call for keys.
fn key_sets() -> Responses {
    let jwk = SigningKey::new("k-1").jwk();
    let with = |name: &'static str, value: Value| {
        let mut key = jwk.clone();
        key[name] = value;
        support::json(200, &json!({"keys": [key, jwk]}))
    };
    vec![
        ("one key", support::json(200, &json!({"keys": [jwk]}))),
        ("no keys", support::json(200, &json!({"keys": []}))),
        ("a list", support::json(200, &json!([jwk]))),
        ("one RSA key beside ours", with("kty", json!("RSA"))),
        ("one P-384 key beside ours", with("crv", json!("P-384"))),
        ("one key without kid beside ours", with("kid", Value::Null)),
        ("one key that is text beside ours", support::json(200, &json!({"keys": ["x", jwk]}))),
    ]
}

async fn table(title: &str, calls: &[Call], responses: Responses) -> String {
    let mut text = row(title, calls.iter().map(|call| call.name().to_owned()));
    let _ = writeln!(text, "{}", "-".repeat(45 + 19 * calls.len()));
    // One HTTP client for all rows: creating one takes longer than every call here.
    let shared = support::shared();
    for (name, response) in responses {
        let classified = calls.iter().map(|call| call.classification(response.clone(), &shared));
        text += &row(name, join_all(classified).await);
    }
    text
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) -> String {
    let mut row = format!("{name:<45}");
    for cell in cells {
        let _ = write!(row, " | {cell:<16}");
    }
    format!("{}\n", row.trim_end())
}

#[tokio::test]
async fn every_response_of_slas_has_a_reviewed_classification() {
    let all = [Refresh, Guest, Authorize, CodeExchange, Login, LoginExchange, Adopt, Logout, Keys];
    let granting = [Refresh, Guest, CodeExchange, LoginExchange, Adopt];
    let tables = [
        table("any response", &all, refusals()).await,
        table("200 with tokens", &granting, grants()).await,
        table("200 with keys", &[Keys], key_sets()).await,
    ];
    insta::assert_snapshot!("slas", tables.join("\n"));
}
