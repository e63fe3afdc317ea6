//! Login, registration and logout on ECOM's own pages, with the routes and fields of SFRA.
//!
//! They change the customer of the DW session and keep its `dwsid`. A proxy cannot see the change
//! from outside, unless `plugin_slas` or Hybrid Auth set cookies that show it.

use serde_json::json;

use super::controller_context::ControllerContext;
use super::pages::{self, PageContent};
use super::{ControllerResponse, NAME_LIMIT, hybrid, plugin_slas};
use crate::options::{EcomKind, Shopper};
use crate::request::Fields;
use crate::state::MergeMode;

/// The shortest password that a registration accepts, in characters.
const PASSWORD_MINIMUM: usize = 8;

const WRONG: &str = "That e-mail and password do not match. Please try again.";
const INCOMPLETE: &str = "Name, e-mail and a password of at least 8 characters are needed.";
const TAKEN: &str = "There is an account with this e-mail already. Please log in.";

/// `Login-Show`: both forms; redirects a registered shopper to the account.
pub(super) fn show(context: &mut ControllerContext<'_>) -> ControllerResponse {
    if context.login().is_some() {
        return ControllerResponse::RedirectTo("Account-Show");
    }
    pages::login(context, None).into()
}

/// `Account-Login`.
pub(super) fn log_in(context: &mut ControllerContext<'_>) -> ControllerResponse {
    let Some(form) = context.verified_form() else {
        return reject_form(context, "Login-Show").into();
    };
    let (login, password) = (form.get("loginEmail"), form.get("loginPassword"));
    let customer = login.and_then(|login| context.state.customers.by_login(login));
    let customer = customer.filter(|one| password.is_some_and(|text| one.has_password(text)));
    let customer_id = customer.map(|customer| customer.id.clone());
    enter(context, customer_id, form.is_true("loginRememberMe"))
}

/// `Account-SubmitRegistration`: creates an account and logs its shopper in.
pub(super) fn register(context: &mut ControllerContext<'_>) -> ControllerResponse {
    let Some(form) = context.verified_form() else {
        return reject_form(context, "Login-Show").into();
    };
    let Some(shopper) = read_registration(&form) else {
        return pages::login(context, Some(INCOMPLETE)).into();
    };
    let Some(customer_id) = context.state.customers.register(&shopper) else {
        return pages::login(context, Some(TAKEN)).into();
    };
    enter(context, Some(customer_id), false)
}

/// `Account-SavePassword`: invalidates every token of the shopper; the session stays. Whether it has
/// worked is in the document.
pub(super) fn save_password(context: &mut ControllerContext<'_>) -> ControllerResponse {
    let Some(form) = context.verified_form() else {
        return reject_form(context, "Account-Show").into();
    };
    let current = form.get("dwfrm_profile_login_currentpassword").unwrap_or_default();
    let new = form.get("dwfrm_profile_login_newpasswords_newpassword").unwrap_or_default();
    let known = context.customer().filter(|customer| customer.has_password(current));
    let shopper =
        known.and_then(|customer| Some((customer.id.clone(), customer.login()?.to_owned())));
    let Some((id, login)) = shopper.filter(|_| new.chars().count() >= PASSWORD_MINIMUM) else {
        return ControllerResponse::Json(json!({"success": false}));
    };
    // Tokens count in seconds: those that follow in this one are newer than the change.
    let just_now = context.platform.now() - 1;
    context.state.customers.change_password(&login, new, just_now);
    context.state.grants.revoke_all_of(&id);
    let redirect = context.path_to("Account-Show");
    ControllerResponse::Json(json!({"success": true, "redirectUrl": redirect}))
}

/// `Login-Logout`: the session continues as a new guest's.
pub(super) fn log_out(context: &mut ControllerContext<'_>) -> ControllerResponse {
    match context.platform.options.ecom {
        EcomKind::Plain => context.reset_to_guest(),
        EcomKind::PluginSlas => plugin_slas::log_out(context),
        EcomKind::HybridAuth => hybrid::log_out(context),
    }
    ControllerResponse::RedirectTo("Home-Show")
}

/// `Account-Logout` as in SiteGenesis, and a logout of the shop's own: another session begins, with a
/// `dwsid` of its own.
pub(super) fn leave(context: &mut ControllerContext<'_>) -> ControllerResponse {
    context.begin_session();
    if context.platform.options.ecom == EcomKind::HybridAuth {
        hybrid::log_out(context);
    }
    ControllerResponse::RedirectTo("Home-Show")
}

/// Rejects a form of another session and logs the shopper out, as SFRA does. Hybrid Auth changes
/// the tokens too; `plugin_slas` leaves them.
pub(super) fn reject_form(context: &mut ControllerContext<'_>, retry: &str) -> PageContent {
    match context.platform.options.ecom {
        EcomKind::HybridAuth => hybrid::log_out(context),
        EcomKind::Plain | EcomKind::PluginSlas => context.reset_to_guest(),
    }
    pages::rejected_form(&context.path_to(retry))
}

/// The account that a registration form describes, if it is complete.
fn read_registration(form: &Fields) -> Option<Shopper> {
    let customer = |field| form.get(&format!("dwfrm_profile_customer_{field}"));
    let name = format!("{} {}", customer("firstname")?, customer("lastname")?);
    let email = customer("email").filter(|email| email.contains('@'))?;
    let password = form.get("dwfrm_profile_login_password")?;
    (password.chars().count() >= PASSWORD_MINIMUM).then(|| Shopper {
        login: email.to_owned(),
        password: password.to_owned(),
        name: name.chars().take(NAME_LIMIT).collect(),
    })
}

/// Logs that customer in, or shows the form again.
fn enter(
    context: &mut ControllerContext<'_>,
    customer_id: Option<String>,
    remember: bool,
) -> ControllerResponse {
    let entered = match (context.platform.options.ecom, customer_id) {
        (_, None) => false,
        (EcomKind::PluginSlas, Some(id)) => plugin_slas::log_in(context, &id, remember).is_some(),
        (kind, Some(id)) => {
            assign_session(context, &id);
            if kind == EcomKind::HybridAuth {
                hybrid::log_in(context, &id);
            }
            true
        }
    };
    if entered {
        ControllerResponse::RedirectTo("Account-Show")
    } else {
        pages::login(context, Some(WRONG)).into()
    }
}

/// Assigns the session to the shopper and moves the guest's basket.
fn assign_session(context: &mut ControllerContext<'_>, customer_id: &str) {
    let before = context.customer_id();
    if context.state.customers.is_guest(&before) {
        context.state.customers.move_basket(&before, customer_id, MergeMode::Sum);
    }
    context.assign_to(customer_id);
}
