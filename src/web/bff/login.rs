//! `POST /bff/login`: B2C Commerce credentials, as JSON or as a form.

use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::cookies::set_cookie::CookieLife;
use crate::flow::{GuestBasket, Intent};
use crate::problem::Problem;
use crate::upstream::slas::Credentials;
use crate::web::bff::body::{self, Format};
use crate::web::bff::cookies;
use crate::web::headers::see_other;
use crate::web::redirect::local_path;
use crate::web::request_kind::is_navigation;
use crate::web::request_session::RequestSession;

/// Longest login or password, in bytes.
const LONGEST: usize = 1024;

#[derive(Deserialize)]
struct LoginRequest {
    username: String,
    password: SecretString,
    #[serde(default)]
    remember_me: Option<Flag>,
    /// Whether the page knows that the guest's basket is `empty` or has `items`.
    #[serde(default)]
    basket: Option<Basket>,
    #[serde(default)]
    return_to: Option<String>,
}

/// A checkbox: a boolean in JSON, a word in a form.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Flag {
    Boolean(bool),
    Word(Word),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    On,
    True,
    #[serde(alias = "off")]
    False,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Basket {
    Empty,
    Items,
}

/// Guest → registered, for SLAS and ECOM.
pub(crate) async fn login(
    session: RequestSession,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (request, format) = parse(&headers, &body)?;
    let remember = match request.remember_me {
        Some(Flag::Boolean(checked)) => checked,
        Some(Flag::Word(word)) => !matches!(word, Word::False),
        // A form omits an unchecked checkbox.
        None => format == Format::Json && session.site.config.session.remember_me,
    };
    let life = if remember { CookieLife::Tokens } else { CookieLife::BrowserSession };
    let basket = match request.basket {
        None => GuestBasket::Unknown,
        Some(Basket::Empty) => GuestBasket::Empty,
        Some(Basket::Items) => GuestBasket::HasItems,
    };
    let credentials = Credentials { username: request.username, password: request.password };
    let intent = Intent::Login(basket);
    let update =
        session.resolve_login(session.facts(None), intent, Some(credentials), Some(life)).await?;
    let return_to = request.return_to.as_deref();
    // A script or a plain HTTP client that sends a form gets the address that it asked for.
    let is_page = format == Format::Form && is_navigation(&headers);
    if is_page && update.rejection().is_none() && !cookies::keeps_cookies(&session) {
        let target = return_to.and_then(local_path).unwrap_or("/");
        let check = cookies::check_path(&session.site.config.path_prefix, target);
        return Ok((update, see_other(&check)).into_response());
    }
    Ok(format.respond(&session, update, return_to))
}

fn parse(headers: &HeaderMap, body: &[u8]) -> Result<(LoginRequest, Format), Problem> {
    let (request, format): (Option<LoginRequest>, _) = body::read(headers, body)?;
    let request = request
        .ok_or(Problem::BadRequest("The body must contain username and password, each once."))?;
    let length = request.password.expose_secret().len();
    let is_invalid = |length: usize| length == 0 || length > LONGEST;
    // `Authorization: Basic` ends the login at the first colon (RFC 7617 section 2).
    if is_invalid(request.username.len()) || is_invalid(length) || request.username.contains(':') {
        return Err(Problem::BadRequest(
            "Login or password is empty or too long, or the login contains a colon.",
        ));
    }
    Ok((request, format))
}
