//! The HTML pages of the controllers.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::controller_context::ControllerContext;
use crate::catalog::PRODUCTS;
use crate::html::{escape, fill};
use crate::ids;
use crate::state::{Customer, LineItem};

const TEMPLATE: &str = include_str!("../pages/ecom.html");

/// Title, status and body of a page. The body is HTML in which all text is escaped.
pub(super) struct PageContent {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) html: String,
}

impl PageContent {
    pub(super) fn ok(title: &'static str, html: String) -> Self {
        Self { status: StatusCode::OK, title, html }
    }
}

/// The HTML document of a page, with header and footer.
pub(super) fn render(context: &ControllerContext<'_>, page: &PageContent) -> Response {
    let (id, kind, name) = context.customer().map_or(("", "guest", "Guest"), |customer| {
        let name = if customer.name.is_empty() { "Guest" } else { &customer.name };
        (customer.id.as_str(), customer.kind(), name)
    });
    let fingerprint = ids::sha256(&context.dwsid);
    let document = fill(
        TEMPLATE,
        &[
            ("title", &escape(page.title)),
            ("customer_type", kind),
            ("customer_id", &escape(id)),
            ("customer_name", &escape(name)),
            ("session_short", &escape(&fingerprint[..8])),
            ("base", &escape(&context.path_to(""))),
            ("content", &page.html),
        ],
    );
    let no_store = [(header::CACHE_CONTROL, "no-cache, no-store, must-revalidate")];
    (page.status, no_store, Html(document)).into_response()
}

pub(super) fn home() -> PageContent {
    let rows = PRODUCTS.iter().map(|product| {
        let price = price(product.cents);
        format!(
            "<tr><td>{}</td><td>{}</td><td>{price}</td></tr>",
            escape(product.name),
            escape(product.blurb)
        )
    });
    let table = table(&["Product", "About it", "Price"], &rows.collect::<String>());
    PageContent::ok(
        "Home",
        format!("<h2>Our range</h2>{table}<p><a href=\"/\">Order on the new pages</a></p>"),
    )
}

pub(super) fn cart(customer: Option<&Customer>) -> PageContent {
    let basket = customer.and_then(|customer| customer.basket.as_ref());
    let html = match basket.filter(|basket| !basket.items.is_empty()) {
        None => "<p>Your cart is empty.</p><p><a href=\"/\">Go shopping</a></p>".to_owned(),
        Some(basket) => {
            let rows: String = basket.items.iter().map(item_row).collect();
            let total = price(basket.total_cents());
            let table = table(&["Product", "Quantity", "Price"], &rows);
            format!(
                "{table}<p>Total <strong id=\"ecom-total\">{total}</strong></p>\
                     <p><a href=\"/cart\">Back to the cart on the new pages</a></p>"
            )
        }
    };
    PageContent::ok("Your cart", html)
}

pub(super) fn account(customer: Option<&Customer>) -> PageContent {
    let registered = customer.and_then(|customer| Some((customer, customer.login()?)));
    let html = match registered {
        None => "<p class=\"notice\">You are not logged in here.</p>\
                 <p><a href=\"Login-Show\">Log in</a></p>"
            .to_owned(),
        Some((customer, login)) => format!(
            "<table><tbody><tr><th scope=\"row\">Name</th><td>{}</td></tr>\
             <tr><th scope=\"row\">E-mail</th><td>{}</td></tr></tbody></table>\
             <p><a href=\"Account-EditProfile\">Edit profile</a></p>",
            escape(&customer.name),
            escape(login)
        ),
    };
    PageContent::ok("My account", html)
}

pub(super) fn not_found() -> PageContent {
    let html = "<p>There is no such page. <a href=\"Home-Show\">Home</a></p>".to_owned();
    PageContent { status: StatusCode::NOT_FOUND, title: "Page not found", html }
}

pub(super) fn wrong_method() -> PageContent {
    let html = "<p>This page does not accept this method. <a href=\"Home-Show\">Home</a></p>";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    PageContent { status, title: "Method not allowed", html: html.to_owned() }
}

/// The response to a form of another session.
pub(super) fn rejected_form(retry: &str) -> PageContent {
    let html = format!(
        "<p class=\"notice error\">The form failed: it does not belong to this session. Nothing \
         was saved, and you were logged out.</p><p><a href=\"{}\">Open the form again</a></p>",
        escape(retry)
    );
    PageContent { status: StatusCode::FORBIDDEN, title: "The form failed", html }
}

/// The login form and the registration form, with the error of the previous attempt.
pub(super) fn login(context: &ControllerContext<'_>, error: Option<&str>) -> PageContent {
    let notice = error.map_or_else(String::new, |error| {
        format!("<p class=\"notice error\" role=\"alert\">{}</p>", escape(error))
    });
    let form = |title: &str, action: &str, target: &str, fields: &str| {
        format!(
            "<section><h2>{title}</h2><form method=\"post\" action=\"{}\">{}{fields}\
             <p><button type=\"submit\">{action}</button></p></form></section>",
            escape(&context.path_to(target)),
            csrf_field(context.csrf_token())
        )
    };
    let html = format!(
        "{notice}<div class=\"ecom-pair\">{}{}</div>\
         <p>Demo account: <code>jo@example.com</code> with <code>Tandem-2026</code>. These forms \
         belong to the classic pages only; the new pages have <a href=\"/login\">their own \
         login</a>.</p>",
        form("You have an account", "Log in", "Account-Login", LOGIN_FIELDS),
        form(
            "You are new here",
            "Create an account",
            "Account-SubmitRegistration",
            REGISTRATION_FIELDS
        )
    );
    PageContent::ok("Log in", html)
}

/// The hidden field that ties a form to its session.
pub(super) fn csrf_field(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"csrf_token\" value=\"{}\">", escape(token))
}

const LOGIN_FIELDS: &str = r#"
<p><label for="login-email">E-mail</label>
<input id="login-email" name="loginEmail" type="email" autocomplete="username" required></p>
<p><label for="login-password">Password</label>
<input id="login-password" name="loginPassword" type="password" autocomplete="current-password" required></p>
<p class="check"><label><input type="checkbox" name="loginRememberMe" value="true"> Remember me</label></p>
"#;

const REGISTRATION_FIELDS: &str = r#"
<p><label for="first-name">First name</label>
<input id="first-name" name="dwfrm_profile_customer_firstname" autocomplete="given-name" required></p>
<p><label for="last-name">Last name</label>
<input id="last-name" name="dwfrm_profile_customer_lastname" autocomplete="family-name" required></p>
<p><label for="new-email">E-mail</label>
<input id="new-email" name="dwfrm_profile_customer_email" type="email" autocomplete="email" required></p>
<p><label for="new-password">Password</label>
<input id="new-password" name="dwfrm_profile_login_password" type="password" autocomplete="new-password" minlength="8" required></p>
"#;

fn item_row(item: &LineItem) -> String {
    format!(
        "<tr data-product-id=\"{}\"><td>{}</td><td>{}</td><td>{}</td></tr>",
        escape(item.product.id),
        escape(item.product.name),
        item.quantity,
        price(item.cents())
    )
}

fn table(heads: &[&str], rows: &str) -> String {
    let heads = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head)));
    let heads: String = heads.collect();
    format!("<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>")
}

/// An amount in US format: `$2,499.00`.
fn price(cents: u32) -> String {
    let (units, rest) = (cents / 100, cents % 100);
    if units < 1000 {
        return format!("${units}.{rest:02}");
    }
    format!("${},{:03}.{rest:02}", units / 1000, units % 1000)
}
