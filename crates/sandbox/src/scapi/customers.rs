//! Accounts: a guest registers one, a shopper reads the own one.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::{Answered, caller};
use crate::ask::Ask;
use crate::options::Shopper;
use crate::platform::Platform;
use crate::state::Customer;

/// The shortest password that is taken, in characters.
const PASSWORD_LEAST: usize = 8;

/// The body of a registration.
#[derive(Deserialize)]
struct Registration {
    customer: Applicant,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Applicant {
    login: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// `registerCustomer`: makes the account and nothing more; the shopper still has to log in.
pub(super) fn register(platform: &Platform, ask: &Ask) -> Answered {
    let mut state = platform.state();
    let claims = caller(platform, &state, ask)?;
    if claims.login().is_some() {
        return Err(Problem::forbidden("The token belongs to a registered shopper."));
    }
    if !ask.has_type("application/json") {
        return Err(Problem::unsupported_media_type());
    }
    let wanted: Option<Registration> = ask.json();
    let shopper = wanted.and_then(shopper);
    let shopper = shopper.ok_or_else(|| {
        Problem::bad_request("Login, e-mail and a password of at least 8 characters are needed.")
    })?;
    let id = state.customers.register(&shopper).ok_or_else(Problem::login_in_use)?;
    let customer = state.customers.get(&id);
    customer.map(document).ok_or_else(|| Problem::no_such_customer(&id))
}

pub(super) fn get(platform: &Platform, ask: &Ask) -> Answered {
    let state = platform.state();
    let claims = caller(platform, &state, ask)?;
    let id = ask.path("customer");
    let own = state.customers.get(id).filter(|customer| customer.id == claims.customer_id());
    own.map(document).ok_or_else(|| Problem::no_such_customer(id))
}

/// The account that is asked for, if it is complete.
fn shopper(wanted: Registration) -> Option<Shopper> {
    let Applicant { login, email, first_name, last_name } = wanted.customer;
    let complete = !login.is_empty()
        && email.contains('@')
        && wanted.password.chars().count() >= PASSWORD_LEAST;
    let names: Vec<String> = first_name.into_iter().chain(last_name).collect();
    complete.then(|| Shopper { login, password: wanted.password, name: names.join(" ") })
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
