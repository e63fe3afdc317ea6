//! Simulated ECOM: controllers in the manner of SFRA, which know a shopper by the `dwsid` alone.

mod account;
mod backstage;
mod content;
mod hybrid;
mod plugin;
mod profile;
mod signature;
mod token_cookies;
mod turn;

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;

use self::content::Content;
use self::turn::{Reply, Turn};
use super::ask::{Ask, Calls};
use super::html::{escape, fill};
use super::ids;
use super::options::EcomKind;
use super::platform::{Platform, Shared};

const TEMPLATE: &str = include_str!("pages/ecom.html");

/// What a controller answers: it never fails, it makes a page.
type Answered = Result<Response, StatusCode>;

/// The one route of all controllers.
pub(super) fn router() -> Router<Shared> {
    Router::new().route("/on/demandware.store/{site}/{locale}/{controller}", any(Calls(controller)))
}

fn controller(platform: &Platform, ask: &Ask) -> Answered {
    if ask.path("site") != format!("Sites-{}-Site", platform.options.site_id) {
        return Err(StatusCode::NOT_FOUND);
    }
    let mut state = platform.state();
    let mut turn = Turn::begin(platform, &mut state, ask);
    let reply = on_session(&mut turn).unwrap_or_else(|| reply(&mut turn));
    Ok(turn.answer(reply))
}

/// What happens before the controller, and may take its place.
fn on_session(turn: &mut Turn<'_>) -> Option<Reply> {
    match turn.platform.options.ecom {
        EcomKind::Plain => None,
        EcomKind::PluginSlas => plugin::on_session(turn),
        EcomKind::HybridAuth => {
            hybrid::on_session(turn);
            None
        }
    }
}

/// The one method of controllers that take a single one.
fn only_method(controller: &str) -> Option<Method> {
    match controller {
        "Account-SaveProfile" | "Account-Login" | "Account-SubmitRegistration" => {
            Some(Method::POST)
        }
        "TandemBridge-Signature" => Some(Method::GET),
        _ => None,
    }
}

fn reply(turn: &mut Turn<'_>) -> Reply {
    let controller = turn.ask.path("controller");
    if only_method(controller).is_some_and(|method| method != turn.ask.method) {
        return content::wrong_method().into();
    }
    match controller {
        "Home-Show" => content::home().into(),
        "Cart-Show" => content::cart(turn.customer()).into(),
        "Account-Show" => content::account(turn.customer()).into(),
        "Account-EditProfile" => profile::form(turn).into(),
        "Account-SaveProfile" => profile::save(turn).into(),
        "Login-Show" => account::show(turn),
        "Account-Login" => account::log_in(turn),
        "Account-SubmitRegistration" => account::register(turn),
        "Login-Logout" => account::log_out(turn),
        "TandemBridge-Signature" => signature::show(turn),
        _ => content::unknown().into(),
    }
}

fn page(turn: &Turn<'_>, content: &Content) -> Response {
    let (id, kind, name) = turn.customer().map_or(("", "guest", "Guest"), |customer| {
        let name = if customer.name.is_empty() { "Guest" } else { &customer.name };
        (customer.id.as_str(), customer.kind(), name)
    });
    let fingerprint = ids::sha256(&turn.dwsid);
    let page = fill(
        TEMPLATE,
        &[
            ("title", &escape(content.title)),
            ("customer_type", kind),
            ("customer_id", &escape(id)),
            ("customer_name", &escape(name)),
            ("session_short", &escape(&fingerprint[..8])),
            ("base", &escape(&turn.path_to(""))),
            ("content", &content.html),
        ],
    );
    let no_store = [(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate")];
    (content.status, no_store, Html(page)).into_response()
}
