//! An imitation of Storefront Next's server: it reads and writes the session's cookies as that server
//! does, and makes its own SLAS calls where the cookies do not suffice.
//!
//! Of several cookies of one name the last counts. An access token counts until it expires, without a
//! margin and without a check of its signature. Without one, the server refreshes by the cookie of the
//! token's kind; if that is refused, or there is none, it logs a guest in. Logins and logouts are form
//! actions of its own pages.

mod cookies;
mod slas;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;
use tandem::clock::Clock;
use tokio::net::TcpListener;

use self::cookies::{Session, Writes};
use self::slas::{Slas, Tokens};
use crate::config::REDIRECT_URI;
use crate::page::TokenClaims;
use crate::scenario::Client;
use crate::world::World;

/// The longest form of an action, in bytes.
const FORM_LIMIT: usize = 16 * 1024;

/// A running storefront. It ends with the test's runtime.
pub struct StorefrontNext {
    /// Its origin.
    pub origin: String,
    server: Arc<Server>,
}

#[derive(Default)]
struct Server {
    platform: Mutex<Option<Platform>>,
    /// The SLAS calls that it has made.
    calls: Mutex<Vec<&'static str>>,
    /// The `Cookie` header of every request.
    received: Mutex<Vec<String>>,
}

#[derive(Clone)]
struct Platform {
    slas: Slas,
    clock: Clock,
}

impl StorefrontNext {
    /// Listens on loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let origin = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let server = Arc::<Server>::default();
        let router = Router::new().fallback(respond).with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { origin, server }
    }

    /// It calls the SLAS of `world`, with the client of the shop.
    pub fn connect(&self, world: &World) {
        let options = &world.scenario.options;
        let address: SocketAddr = world.sandbox.api();
        let secret = match world.scenario.client {
            Client::Private => Some(options.private_client.secret.clone()),
            Client::Public => None,
        };
        let client_id = match world.scenario.client {
            Client::Private => options.private_client.id.clone(),
            Client::Public => options.public_client.clone(),
        };
        let redirect_uri = REDIRECT_URI.to_owned();
        let slas = Slas::new(address, client_id, secret, redirect_uri);
        *lock(&self.server.platform) = Some(Platform { slas, clock: world.clock.clone() });
    }

    /// The SLAS calls that it has made itself since this was last called.
    pub fn take_own_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut lock(&self.server.calls))
    }

    /// The `Cookie` headers since this was last called, empty where a request had none.
    pub fn received_cookies(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.server.received))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(State(server): State<Arc<Server>>, request: Request) -> Response {
    let cookies: Vec<&[u8]> =
        request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let cookies = String::from_utf8_lossy(&cookies.join(&b"; "[..])).into_owned();
    lock(&server.received).push(cookies.clone());
    let platform = lock(&server.platform).clone().expect("a connected platform");
    let session = Session::read(&cookies);
    let visit = Visit { server: &server, platform: &platform, session };
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/action/login") => {
            let body = to_bytes(request.into_body(), FORM_LIMIT).await.expect("a short form");
            visit.log_in(&body).await
        }
        (&Method::POST, "/action/logout") => visit.log_out().await,
        (_, "/rejected-token") => visit.recover().await,
        _ => visit.show().await,
    }
}

/// One request and the session that its cookies name.
struct Visit<'a> {
    server: &'a Server,
    platform: &'a Platform,
    session: Session,
}

impl Visit<'_> {
    fn call(&self, name: &'static str) -> &Slas {
        lock(&self.server.calls).push(name);
        &self.platform.slas
    }

    /// A page for the shopper: it states who that is.
    async fn show(self) -> Response {
        let mut writes = Writes::default();
        let now = self.platform.clock.now().unix();
        let token = if let Some(token) = self.session.valid_access(now) {
            token.to_owned()
        } else {
            let tokens = self.renewed(&mut writes).await;
            writes.set_tokens(&tokens);
            tokens.access
        };
        let claims = TokenClaims::read(&token).expect("a token");
        let customer = if claims.registered { "registered" } else { "guest" };
        let body = json!({"customer_type": customer, "customer_id": claims.customer_id});
        let page = ([(CONTENT_TYPE, "text/html")], body.to_string()).into_response();
        with_cookies(page, &writes)
    }

    async fn renewed(&self, writes: &mut Writes) -> Tokens {
        if let Some(refresh) = self.session.refresh() {
            if let Some(tokens) = self.call("refresh").refresh(refresh).await {
                return tokens;
            }
            writes.delete_all();
        }
        self.call("guest").guest(self.session.usid()).await
    }

    /// The action of its login page. The basket of the guest is moved by the server itself.
    async fn log_in(self, form: &[u8]) -> Response {
        let field = |name: &str| {
            let mut fields = url::form_urlencoded::parse(form);
            fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let (login, password) = (field("username"), field("password"));
        let credentials = (login.unwrap_or_default(), password.unwrap_or_default());
        let usid = self.session.usid().filter(|_| self.session.is_guest());
        let Some(tokens) = self.call("login").log_in(&credentials, usid).await else {
            return StatusCode::UNAUTHORIZED.into_response();
        };
        let mut writes = Writes::default();
        writes.set_tokens(&tokens);
        with_cookies(see_other("/account"), &writes)
    }

    /// A page for which the API has rejected the token: the server refreshes it and redirects the
    /// browser, once.
    async fn recover(self) -> Response {
        let refresh = self.session.refresh().expect("a refresh token");
        let tokens =
            self.call("refresh").refresh(refresh).await.expect("a token that SLAS accepts");
        let mut writes = Writes::default();
        writes.set_tokens(&tokens);
        writes.mark_recovery();
        with_cookies((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/")]).into_response(), &writes)
    }

    /// The action of its logout button.
    async fn log_out(self) -> Response {
        let tokens = (self.session.access(), self.session.refresh());
        if let (Some(access), Some(refresh)) = tokens {
            self.call("logout").log_out(access, refresh).await;
        }
        let mut writes = Writes::default();
        writes.delete_all();
        with_cookies(see_other("/"), &writes)
    }
}

fn see_other(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
}

fn with_cookies(mut response: Response, writes: &Writes) -> Response {
    for line in writes.lines() {
        let line = HeaderValue::from_str(line).expect("a valid header");
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}
