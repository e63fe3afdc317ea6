//! Sign-in, registration and sign-out on ECOM's own pages, with the routes and fields of SFRA.
//!
//! They change whose the DW session is and leave its `dwsid` as it was: from outside, nothing shows
//! that the shopper is another one now.

use super::content::sign_in;
use super::profile::NAME_LIMIT;
use super::turn::{Reply, Turn};
use crate::sandbox::ask::Fields;
use crate::sandbox::options::Shopper;
use crate::sandbox::state::Merge;

/// The shortest password that a registration takes, in characters.
const PASSWORD_LEAST: usize = 8;

const WRONG: &str = "That e-mail and password do not match. Please try again.";
const INCOMPLETE: &str = "Name, e-mail and a password of at least 8 characters are needed.";
const TAKEN: &str = "There is an account with this e-mail already. Please sign in.";

/// `Login-Show`: both forms; who is signed in already is sent to the account.
pub(super) fn show(turn: &mut Turn<'_>) -> Reply {
    if turn.login().is_some() {
        return Reply::To("Account-Show");
    }
    sign_in(turn, None).into()
}

/// `Account-Login`.
pub(super) fn log_in(turn: &mut Turn<'_>) -> Reply {
    let Some(form) = turn.own_form() else {
        return turn.refuse_form("Login-Show").into();
    };
    let (login, password) = (form.get("loginEmail"), form.get("loginPassword"));
    let customer = login.and_then(|login| turn.state.customers.by_login(login));
    let customer = customer.filter(|one| password.is_some_and(|text| one.has_password(text)));
    let Some(customer_id) = customer.map(|customer| customer.id.clone()) else {
        return sign_in(turn, Some(WRONG)).into();
    };
    enter(turn, &customer_id);
    Reply::To("Account-Show")
}

/// `Account-SubmitRegistration`: a new account, signed in at once.
pub(super) fn register(turn: &mut Turn<'_>) -> Reply {
    let Some(form) = turn.own_form() else {
        return turn.refuse_form("Login-Show").into();
    };
    let Some(shopper) = applicant(&form) else {
        return sign_in(turn, Some(INCOMPLETE)).into();
    };
    let Some(customer_id) = turn.state.customers.register(&shopper) else {
        return sign_in(turn, Some(TAKEN)).into();
    };
    enter(turn, &customer_id);
    Reply::To("Account-Show")
}

/// `Login-Logout`: the session lives on as a new guest's.
pub(super) fn log_out(turn: &mut Turn<'_>) -> Reply {
    turn.become_guest();
    Reply::To("Home-Show")
}

/// Whom a registration form describes, if it is complete.
fn applicant(form: &Fields) -> Option<Shopper> {
    let customer = |field| form.get(&format!("dwfrm_profile_customer_{field}"));
    let name = format!("{} {}", customer("firstname")?, customer("lastname")?);
    let email = customer("email").filter(|email| email.contains('@'))?;
    let password = form.get("dwfrm_profile_login_password")?;
    (password.chars().count() >= PASSWORD_LEAST).then(|| Shopper {
        login: email.to_owned(),
        password: password.to_owned(),
        name: name.chars().take(NAME_LIMIT).collect(),
    })
}

/// The session becomes the shopper's, and what the guest put into the cart comes along.
fn enter(turn: &mut Turn<'_>, customer_id: &str) {
    let before = turn.customer_id();
    if turn.state.customers.is_guest(&before) {
        turn.state.customers.move_basket(&before, customer_id, Merge::Sum);
    }
    turn.hand_to(customer_id);
}
