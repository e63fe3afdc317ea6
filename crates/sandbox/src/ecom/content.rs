//! What stands between header and footer of a controller page.

use axum::http::StatusCode;

use super::turn::Turn;
use crate::catalog::PRODUCTS;
use crate::html::escape;
use crate::state::{Customer, Line};

/// Title, status and body of a page; the body is HTML in which all text is escaped.
pub(super) struct Content {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) html: String,
}

impl Content {
    pub(super) fn ok(title: &'static str, html: String) -> Self {
        Self { status: StatusCode::OK, title, html }
    }
}

pub(super) fn home() -> Content {
    let rows = PRODUCTS.iter().map(|product| {
        let price = price(product.cents);
        format!(
            "<tr><td>{}</td><td>{}</td><td>{price}</td></tr>",
            escape(product.name),
            escape(product.blurb)
        )
    });
    let table = table(&["Product", "About it", "Price"], &rows.collect::<String>());
    Content::ok(
        "Home",
        format!("<h2>Our range</h2>{table}<p><a href=\"/\">Order on the new pages</a></p>"),
    )
}

pub(super) fn cart(customer: Option<&Customer>) -> Content {
    let basket = customer.and_then(|customer| customer.basket.as_ref());
    let html = match basket.filter(|basket| !basket.lines.is_empty()) {
        None => "<p>Your cart is empty.</p><p><a href=\"/\">Go shopping</a></p>".to_owned(),
        Some(basket) => {
            let rows: String = basket.lines.iter().map(line).collect();
            let total = price(basket.total_cents());
            let table = table(&["Product", "Quantity", "Price"], &rows);
            format!(
                "{table}<p>Total <strong id=\"ecom-total\">{total}</strong></p>\
                     <p><a href=\"/cart\">Back to the cart on the new pages</a></p>"
            )
        }
    };
    Content::ok("Your cart", html)
}

pub(super) fn account(customer: Option<&Customer>) -> Content {
    let registered = customer.and_then(|customer| Some((customer, customer.login()?)));
    let html = match registered {
        None => "<p class=\"notice\">You are not signed in here.</p>\
                 <p><a href=\"Login-Show\">Sign in</a></p>"
            .to_owned(),
        Some((customer, login)) => format!(
            "<table><tbody><tr><th scope=\"row\">Name</th><td>{}</td></tr>\
             <tr><th scope=\"row\">E-mail</th><td>{}</td></tr></tbody></table>\
             <p><a href=\"Account-EditProfile\">Edit profile</a></p>",
            escape(&customer.name),
            escape(login)
        ),
    };
    Content::ok("My account", html)
}

pub(super) fn unknown() -> Content {
    let html = "<p>There is no such page. <a href=\"Home-Show\">Home</a></p>".to_owned();
    Content { status: StatusCode::NOT_FOUND, title: "Page not found", html }
}

pub(super) fn wrong_method() -> Content {
    let html = "<p>This address is not asked in this way. <a href=\"Home-Show\">Home</a></p>";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Content { status, title: "Not this way", html: html.to_owned() }
}

/// The answer to a form that belongs to another session.
pub(super) fn refused(again: &str) -> Content {
    let html = format!(
        "<p class=\"notice error\">The form failed: it does not belong to this session. Nothing \
         was saved, and you were logged out.</p><p><a href=\"{}\">Open the form again</a></p>",
        escape(again)
    );
    Content { status: StatusCode::FORBIDDEN, title: "The form failed", html }
}

/// The forms of shoppers with and without an account, with what was wrong the last time.
pub(super) fn sign_in(turn: &Turn<'_>, trouble: Option<&str>) -> Content {
    let notice = trouble.map_or_else(String::new, |trouble| {
        format!("<p class=\"notice error\" role=\"alert\">{}</p>", escape(trouble))
    });
    let form = |title: &str, action: &str, target: &str, fields: &str| {
        format!(
            "<section><h2>{title}</h2><form method=\"post\" action=\"{}\">{}{fields}\
             <p><button type=\"submit\">{action}</button></p></form></section>",
            escape(&turn.path_to(target)),
            csrf_field(turn.csrf_token())
        )
    };
    let html = format!(
        "{notice}<div class=\"ecom-pair\">{}{}</div>\
         <p>Demo account: <code>jo@example.com</code> with <code>Tandem-2026</code>. These forms \
         belong to the classic pages alone; there is <a href=\"/login\">a sign-in on the new \
         pages</a>, too.</p>",
        form("You have an account", "Sign in", "Account-Login", SIGN_IN_FIELDS),
        form(
            "You are new here",
            "Create an account",
            "Account-SubmitRegistration",
            REGISTRATION_FIELDS
        )
    );
    Content::ok("Sign in", html)
}

/// The hidden field by which a form shows that it belongs to a session.
pub(super) fn csrf_field(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"csrf_token\" value=\"{}\">", escape(token))
}

const SIGN_IN_FIELDS: &str = r#"
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

fn line(line: &Line) -> String {
    format!(
        "<tr data-product-id=\"{}\"><td>{}</td><td>{}</td><td>{}</td></tr>",
        escape(line.product.id),
        escape(line.product.name),
        line.quantity,
        price(line.cents())
    )
}

fn table(heads: &[&str], rows: &str) -> String {
    let heads = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head)));
    let heads: String = heads.collect();
    format!("<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>")
}

/// An amount as shoppers of this shop are used to reading it: `$2,499.00`.
fn price(cents: u32) -> String {
    let (units, rest) = (cents / 100, cents % 100);
    if units < 1000 {
        return format!("${units}.{rest:02}");
    }
    format!("${},{:03}.{rest:02}", units / 1000, units % 1000)
}
