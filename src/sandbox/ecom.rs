//! Simulated ECOM: controllers in the manner of SFRA, which know a shopper by the `dwsid` alone.

mod account;
mod content;
mod profile;
mod turn;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::any;

use self::content::Content;
use self::turn::{Reply, Turn};
use super::ask::{Ask, Calls};
use super::html::{escape, fill};
use super::ids;
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
    let reply = reply(&mut turn);
    Ok(turn.answer(reply))
}

fn reply(turn: &mut Turn<'_>) -> Reply {
    match turn.ask.path("controller") {
        "Home-Show" => content::home().into(),
        "Cart-Show" => content::cart(turn.customer()).into(),
        "Account-Show" => content::account(turn.customer()).into(),
        "Account-EditProfile" => profile::form(turn).into(),
        "Account-SaveProfile" => profile::save(turn).into(),
        "Login-Show" => account::show(turn),
        "Account-Login" => account::log_in(turn),
        "Account-SubmitRegistration" => account::register(turn),
        "Login-Logout" => account::log_out(turn),
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
    (content.status, Html(page)).into_response()
}
