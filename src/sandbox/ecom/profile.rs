//! The profile form, whose CSRF token belongs to the session in which it was shown.
//!
//! A form from another session fails as it does in SFRA: the shopper is logged out. This is why a
//! POST must never be replayed into a new session.

use axum::http::{Method, StatusCode};

use super::content::Content;
use super::path_to;
use super::visit::Visit;
use crate::sandbox::ask::Ask;
use crate::sandbox::html::escape;
use crate::sandbox::platform::Platform;
use crate::sandbox::state::State;

/// The longest name that is kept, in characters.
const NAME_LIMIT: usize = 60;

pub(super) fn form(platform: &Platform, state: &State, visit: &Visit, ask: &Ask) -> Content {
    let name = visit.customer(state).map_or("", |customer| &customer.name);
    let token = visit.session(state).map_or("", |session| &session.csrf_token);
    let action = path_to(platform, ask, "Account-SaveProfile");
    let html = format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"csrf_token\" \
         value=\"{}\"><p><label for=\"name\">Name</label> <input id=\"name\" name=\"name\" \
         value=\"{}\" maxlength=\"{NAME_LIMIT}\" autocomplete=\"name\" required></p>\
         <p><button type=\"submit\">Save</button></p></form>\
         <p>This form is good for this session only.</p>",
        escape(&action),
        escape(token),
        escape(name)
    );
    Content::ok("Edit profile", html)
}

pub(super) fn save(platform: &Platform, state: &mut State, visit: &Visit, ask: &Ask) -> Content {
    let form = ask.form().filter(|_| ask.method == Method::POST);
    let given = form.as_ref().and_then(|form| form.get("csrf_token"));
    let right = visit.session(state).is_some_and(|session| given == Some(&session.csrf_token));
    let name = form.as_ref().and_then(|form| form.get("name")).filter(|_| right);
    let Some(name) = name else {
        return refuse(platform, state, visit, ask);
    };
    let customer_id = visit.session(state).map(|session| session.customer_id.clone());
    let customer = customer_id.and_then(|id| state.customers.get_mut(&id));
    if let Some(customer) = customer {
        customer.name = name.chars().take(NAME_LIMIT).collect();
    }
    let html = "<p class=\"notice ok\">Your profile was saved.</p>\
                <p><a href=\"Account-Show\">My account</a></p>";
    Content::ok("Profile saved", html.to_owned())
}

fn refuse(platform: &Platform, state: &mut State, visit: &Visit, ask: &Ask) -> Content {
    visit.become_guest(state);
    let again = path_to(platform, ask, "Account-EditProfile");
    let html = format!(
        "<p class=\"notice error\">The form failed: it does not belong to this session. Nothing \
         was saved, and you were logged out.</p><p><a href=\"{}\">Open the form again</a></p>",
        escape(&again)
    );
    Content { status: StatusCode::FORBIDDEN, title: "The form failed", html }
}
