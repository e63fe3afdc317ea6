//! The profile form, whose CSRF token belongs to the session in which it was shown.
//!
//! A form from another session fails as it does in SFRA: the shopper is logged out. This is why a
//! POST must never be replayed into a new session.

use super::content::{Content, csrf_field};
use super::turn::Turn;
use crate::html::escape;

/// The longest name that is kept, in characters.
pub(super) const NAME_LIMIT: usize = 60;

pub(super) fn form(turn: &Turn<'_>) -> Content {
    let name = turn.customer().map_or("", |customer| &customer.name);
    let html = format!(
        "<form method=\"post\" action=\"{}\">{}<p><label for=\"name\">Name</label> <input \
         id=\"name\" name=\"name\" value=\"{}\" maxlength=\"{NAME_LIMIT}\" autocomplete=\"name\" \
         required></p><p><button type=\"submit\">Save</button></p></form>\
         <p>This form is good for this session only.</p>",
        escape(&turn.path_to("Account-SaveProfile")),
        csrf_field(turn.csrf_token()),
        escape(name)
    );
    Content::ok("Edit profile", html)
}

pub(super) fn save(turn: &mut Turn<'_>) -> Content {
    let form = turn.own_form();
    let Some(name) = form.as_ref().and_then(|form| form.get("name")) else {
        return turn.refuse_form("Account-EditProfile");
    };
    let customer_id = turn.customer_id();
    if let Some(customer) = turn.state.customers.get_mut(&customer_id) {
        customer.name = name.chars().take(NAME_LIMIT).collect();
    }
    let html = "<p class=\"notice ok\">Your profile was saved.</p>\
                <p><a href=\"Account-Show\">My account</a></p>";
    Content::ok("Profile saved", html.to_owned())
}
