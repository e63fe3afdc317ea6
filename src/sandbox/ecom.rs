//! Simulated ECOM: controllers in the manner of SFRA, which know a shopper by the `dwsid` alone.

mod content;
mod profile;
mod visit;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::any;

use self::content::Content;
use self::visit::Visit;
use super::ask::{Ask, Calls};
use super::html::{escape, fill};
use super::ids;
use super::platform::{Platform, Shared};
use super::state::{Customer, State};

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
    let visit = Visit::begin(platform, &mut state, ask);
    let content = match ask.path("controller") {
        "Home-Show" => content::home(),
        "Cart-Show" => content::cart(visit.customer(&state)),
        "Account-Show" => content::account(visit.customer(&state)),
        "Account-EditProfile" => profile::form(platform, &state, &visit, ask),
        "Account-SaveProfile" => profile::save(platform, &mut state, &visit, ask),
        "Login-Logout" => return Ok(log_out(platform, &mut state, &visit, ask)),
        _ => content::unknown(),
    };
    Ok(visit.answer(platform, page(&visit, visit.customer(&state), &content)))
}

/// The shopper leaves: the session lives on as a new guest's.
fn log_out(platform: &Platform, state: &mut State, visit: &Visit, ask: &Ask) -> Response {
    visit.become_guest(state);
    let home = path_to(platform, ask, "Home-Show");
    visit.answer(platform, Redirect::to(&home).into_response())
}

/// The path of another controller, in the same locale.
fn path_to(platform: &Platform, ask: &Ask, controller: &str) -> String {
    let site = &platform.options.site_id;
    format!("/on/demandware.store/Sites-{site}-Site/{}/{controller}", ask.path("locale"))
}

fn page(visit: &Visit, customer: Option<&Customer>, content: &Content) -> Response {
    let (id, kind, name) = customer.map_or(("", "guest", "Guest"), |customer| {
        let name = if customer.name.is_empty() { "Guest" } else { &customer.name };
        (customer.id.as_str(), customer.kind(), name)
    });
    let fingerprint = ids::sha256(&visit.dwsid);
    let page = fill(
        TEMPLATE,
        &[
            ("title", &escape(content.title)),
            ("customer_type", kind),
            ("customer_id", &escape(id)),
            ("customer_name", &escape(name)),
            ("session_short", &escape(&fingerprint[..8])),
            ("content", &content.html),
        ],
    );
    let no_store = [(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate")];
    (content.status, no_store, Html(page)).into_response()
}
