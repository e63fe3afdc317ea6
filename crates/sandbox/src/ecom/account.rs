//! Sign-in, registration and sign-out on ECOM's own pages, with the routes and fields of SFRA.
//!
//! They change whose the DW session is and leave its `dwsid` as it was: from outside, nothing shows
//! that the shopper is another one now, unless `plugin_slas` or Hybrid Auth say so by their cookies.

use super::content::sign_in;
use super::profile::NAME_LIMIT;
use super::turn::{Reply, Turn};
use super::{hybrid, plugin};
use crate::ask::Fields;
use crate::options::{EcomKind, Shopper};
use crate::state::Merge;

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
    let customer_id = customer.map(|customer| customer.id.clone());
    enter(turn, customer_id, form.is_true("loginRememberMe"))
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
    enter(turn, Some(customer_id), false)
}

/// `Login-Logout`: the session lives on as a new guest's.
pub(super) fn log_out(turn: &mut Turn<'_>) -> Reply {
    match turn.platform.options.ecom {
        EcomKind::Plain => turn.become_guest(),
        EcomKind::PluginSlas => plugin::log_out(turn),
        EcomKind::HybridAuth => hybrid::log_out(turn),
    }
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

/// The session becomes the shopper's, or the form is shown again.
fn enter(turn: &mut Turn<'_>, customer_id: Option<String>, remember: bool) -> Reply {
    let entered = match (turn.platform.options.ecom, customer_id) {
        (_, None) => false,
        (EcomKind::PluginSlas, Some(id)) => plugin::log_in(turn, &id, remember).is_some(),
        (kind, Some(id)) => {
            change_hands(turn, &id);
            if kind == EcomKind::HybridAuth {
                hybrid::log_in(turn, &id);
            }
            true
        }
    };
    if entered { Reply::To("Account-Show") } else { sign_in(turn, Some(WRONG)).into() }
}

/// The same session is the shopper's now, and what the guest put into the cart comes along.
fn change_hands(turn: &mut Turn<'_>, customer_id: &str) {
    let before = turn.customer_id();
    if turn.state.customers.is_guest(&before) {
        turn.state.customers.move_basket(&before, customer_id, Merge::Sum);
    }
    turn.hand_to(customer_id);
}
