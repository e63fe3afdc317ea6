//! Registration of an account, and the profile of the token's customer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::problem::ScapiProblem;
use super::{HandlerResult, caller};
use crate::options::Shopper;
use crate::platform::Platform;
use crate::request::Request;
use crate::state::Customer;

/// The shortest password, in characters.
const PASSWORD_MINIMUM: usize = 8;

/// The body of a registration.
#[derive(Deserialize)]
struct Registration {
    customer: NewCustomer,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewCustomer {
    login: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// `registerCustomer`: creates the account. The shopper still has to log in.
pub(super) fn register(platform: &Platform, request: &Request) -> HandlerResult {
    let mut state = platform.state();
    let claims = caller(platform, &state, request)?;
    if claims.login().is_some() {
        return Err(ScapiProblem::forbidden("The token belongs to a registered shopper."));
    }
    if !request.has_type("application/json") {
        return Err(ScapiProblem::unsupported_media_type());
    }
    let registration: Option<Registration> = request.json();
    let shopper = registration.and_then(shopper);
    let shopper = shopper.ok_or_else(|| {
        ScapiProblem::bad_request(
            "Login, e-mail and a password of at least 8 characters are needed.",
        )
    })?;
    let id = state.customers.register(&shopper).ok_or_else(ScapiProblem::login_in_use)?;
    let customer = state.customers.get(&id);
    customer.map(document).ok_or_else(|| ScapiProblem::customer_not_found(&id))
}

pub(super) fn get(platform: &Platform, request: &Request) -> HandlerResult {
    let state = platform.state();
    let claims = caller(platform, &state, request)?;
    let id = request.path("customer");
    let own = state.customers.get(id).filter(|customer| customer.id == claims.customer_id());
    own.map(document).ok_or_else(|| ScapiProblem::customer_not_found(id))
}

/// The requested account, if it is complete.
fn shopper(registration: Registration) -> Option<Shopper> {
    let NewCustomer { login, email, first_name, last_name } = registration.customer;
    let complete = !login.is_empty()
        && email.contains('@')
        && registration.password.chars().count() >= PASSWORD_MINIMUM;
    let names: Vec<String> = first_name.into_iter().chain(last_name).collect();
    complete.then(|| Shopper { login, password: registration.password, name: names.join(" ") })
}

fn document(customer: &Customer) -> Response {
    let (first, last) = customer.name.split_once(' ').unwrap_or((&customer.name, ""));
    let body = json!({
        "authType": customer.kind(), "customerId": customer.id, "login": customer.login(),
        "email": customer.login(), "firstName": first, "lastName": last,
        "preferredLocale": "en-US",
    });
    Json(body).into_response()
}
