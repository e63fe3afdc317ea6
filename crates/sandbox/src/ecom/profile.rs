//! The profile form, whose CSRF token is valid only in the session that showed it.
//!
//! A form of another session logs the shopper out, as SFRA does. A proxy must therefore never
//! repeat a POST in a new session.

use super::NAME_LIMIT;
use super::account::reject_form;
use super::controller_context::ControllerContext;
use super::pages::{PageContent, csrf_field};
use crate::html::escape;

pub(super) fn form(context: &ControllerContext<'_>) -> PageContent {
    let name = context.customer().map_or("", |customer| &customer.name);
    let html = format!(
        "<form method=\"post\" action=\"{}\">{}<p><label for=\"name\">Name</label> <input \
         id=\"name\" name=\"name\" value=\"{}\" maxlength=\"{NAME_LIMIT}\" autocomplete=\"name\" \
         required></p><p><button type=\"submit\">Save</button></p></form>\
         <p>This form is valid in this session only.</p>",
        escape(&context.path_to("Account-SaveProfile")),
        csrf_field(context.csrf_token()),
        escape(name)
    );
    PageContent::ok("Edit profile", html)
}

pub(super) fn save(context: &mut ControllerContext<'_>) -> PageContent {
    let form = context.verified_form();
    let Some(name) = form.as_ref().and_then(|form| form.get("name")) else {
        return reject_form(context, "Account-EditProfile");
    };
    let customer_id = context.customer_id();
    if let Some(customer) = context.state.customers.get_mut(&customer_id) {
        customer.name = name.chars().take(NAME_LIMIT).collect();
    }
    let html = "<p class=\"notice ok\">Your profile was saved.</p>\
                <p><a href=\"Account-Show\">My account</a></p>";
    PageContent::ok("Profile saved", html.to_owned())
}
