//! Simulated ECOM: controllers in the style of SFRA, which identify a shopper by the `dwsid` alone.

mod account;
mod cart;
mod controller_context;
mod hybrid;
mod pages;
mod plugin_slas;
mod profile;
mod server_calls;
mod signature;
mod token_cookies;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::Value;

use self::controller_context::ControllerContext;
use self::pages::PageContent;
use super::options::EcomKind;
use super::platform::{Platform, Shared};
use super::request::{Endpoint, Request};

/// The longest name that an account keeps, in characters.
const NAME_LIMIT: usize = 60;

/// What the route returns. A controller never fails: it returns a page.
type HandlerResult = Result<Response, StatusCode>;

/// The response of a controller.
enum ControllerResponse {
    Page(PageContent),
    /// A redirect to another controller.
    RedirectTo(&'static str),
    /// A redirect to the URL of the request.
    RedirectToSelf,
    Json(Value),
}

impl From<PageContent> for ControllerResponse {
    fn from(content: PageContent) -> Self {
        Self::Page(content)
    }
}

/// The one route of all controllers.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/on/demandware.store/{site}/{locale}/{controller}", any(Endpoint(run_controller)))
}

fn run_controller(platform: &Platform, request: &Request) -> HandlerResult {
    if request.path("site") != format!("Sites-{}-Site", platform.options.site_id) {
        return Err(StatusCode::NOT_FOUND);
    }
    let mut state = platform.state();
    let mut context = ControllerContext::resume(platform, &mut state, request);
    let response = on_session(&mut context).unwrap_or_else(|| dispatch(&mut context));
    Ok(respond(context, response))
}

/// The hook that runs before the controller and may respond instead of it.
fn on_session(context: &mut ControllerContext<'_>) -> Option<ControllerResponse> {
    match context.platform.options.ecom {
        EcomKind::Plain => None,
        EcomKind::PluginSlas => plugin_slas::on_session(context),
        EcomKind::HybridAuth => {
            hybrid::on_session(context);
            None
        }
    }
}

/// The only method of a controller, if it accepts one alone.
fn only_method(controller: &str) -> Option<Method> {
    match controller {
        "Account-SaveProfile"
        | "Account-SavePassword"
        | "Account-Login"
        | "Account-SubmitRegistration"
        | "Cart-AddProduct" => Some(Method::POST),
        "TandemBridge-Signature" => Some(Method::GET),
        _ => None,
    }
}

fn dispatch(context: &mut ControllerContext<'_>) -> ControllerResponse {
    let controller = context.request.path("controller");
    if only_method(controller).is_some_and(|method| method != context.request.method) {
        return pages::wrong_method().into();
    }
    match controller {
        "Home-Show" => pages::home().into(),
        "Cart-AddProduct" => cart::add_product(context),
        "Cart-Show" => pages::cart(context.customer()).into(),
        "Account-Show" => pages::account(context.customer()).into(),
        "Account-EditProfile" => profile::form(context).into(),
        "Account-SaveProfile" => profile::save(context).into(),
        "Account-SavePassword" => account::save_password(context),
        "Login-Show" => account::show(context),
        "Account-Login" | "COCustomer-LoginForm" | "Shop-SignIn" => account::log_in(context),
        "Cart-SubmitForm" => cart::submit(context),
        "Account-SubmitRegistration" => account::register(context),
        "Login-Logout" | "Shop-SignOut" => account::log_out(context),
        "Account-Logout" | "Shop-QuickLogout" => account::leave(context),
        "TandemBridge-Signature" => signature::show(context),
        _ => pages::not_found().into(),
    }
}

/// The HTTP response, with the cookies that this request sets.
fn respond(context: ControllerContext<'_>, response: ControllerResponse) -> Response {
    let found = |location: String| (StatusCode::FOUND, [(header::LOCATION, location)]);
    let mut response = match response {
        ControllerResponse::Page(page) => pages::render(&context, &page),
        ControllerResponse::RedirectTo(controller) => {
            found(context.path_to(controller)).into_response()
        }
        ControllerResponse::RedirectToSelf => found(context.request.target.clone()).into_response(),
        ControllerResponse::Json(document) => Json(document).into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
    response.headers_mut().extend(context.set_cookies);
    response
}
