//! What stands between header and footer of a controller page.

use axum::http::StatusCode;

use crate::sandbox::catalog::PRODUCTS;
use crate::sandbox::html::escape;
use crate::sandbox::state::{Customer, Line};

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
                 <p><a href=\"/login\">Sign in</a></p>"
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
