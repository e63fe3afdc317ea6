//! Login, registration and logout on ECOM's own pages.

use axum::http::Method;
use serde_json::json;

use super::world::{LOGIN, PASSWORD, World, world};
use crate::CustomerKind;

const NEWCOMER: [(&str, &str); 4] = [
    ("dwfrm_profile_customer_firstname", "Kim"),
    ("dwfrm_profile_customer_lastname", "<Newcomer>"),
    ("dwfrm_profile_customer_email", "kim@example.com"),
    ("dwfrm_profile_login_password", "long enough"),
];

/// A guest's session with a bell in the cart; returns the `Cookie` line and the guest's id.
async fn guest_with_bell(world: &World) -> (String, String) {
    let guest = world.private_guest().await;
    let token = guest.member("access_token");
    let cart = json!({"product_id": "bell-brass", "quantity": 1});
    let call = World::request(&world.head, Method::POST, "/api/basket/items").json(&cart);
    call.header("cookie", &format!("token={token}")).send().await.expect(200);
    let dwsid = world.sessions(&token).send().await.cookie("dwsid").unwrap();
    (format!("dwsid={dwsid}"), guest.member("customer_id"))
}

fn dwsid(cookies: &str) -> &str {
    cookies.strip_prefix("dwsid=").unwrap()
}

#[tokio::test]
async fn a_login_assigns_the_same_session_and_moves_the_cart() {
    let world = world();
    let (cookies, guest) = guest_with_bell(&world).await;
    let done = world.logs_in_on_ecom(&cookies).await.expect(302);
    done.expect_redirect_to("Account-Show");
    assert_eq!(done.cookie("dwsid"), None, "the response does not show the change");
    let session = world.control.dw_session(dwsid(&cookies)).unwrap();
    assert_eq!(session.login.as_deref(), Some(LOGIN));
    assert_eq!(world.control.basket_of(&session.customer_id).len(), 1);
    assert!(world.control.basket_of(&guest).is_empty());
    world.visit("Login-Show", &cookies).await.expect(302).expect_redirect_to("Account-Show");
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_keeps_the_guest() {
    let world = world();
    let (cookies, guest) = guest_with_bell(&world).await;
    for fields in [
        [("loginEmail", LOGIN), ("loginPassword", "wrong")],
        [("loginEmail", "nobody@example.com"), ("loginPassword", PASSWORD)],
        [("loginEmail", LOGIN), ("loginPassword", "")],
    ] {
        let page = world.submit(&cookies, "Account-Login", &fields).await.expect(200);
        assert!(page.text.contains("do not match"));
        page.csrf_token();
    }
    assert_eq!(world.control.dw_session(dwsid(&cookies)).unwrap().customer_id, guest);
}

#[tokio::test]
async fn a_registration_logs_in_and_works_for_slas_too() {
    let world = world();
    let (cookies, _) = guest_with_bell(&world).await;
    let done = world.submit(&cookies, "Account-SubmitRegistration", &NEWCOMER).await.expect(302);
    done.expect_redirect_to("Account-Show");
    let session = world.control.dw_session(dwsid(&cookies)).unwrap();
    assert_eq!(session.login.as_deref(), Some("kim@example.com"));
    assert_eq!(world.control.basket_of(&session.customer_id).len(), 1);
    let page = world.visit("Account-Show", &cookies).await.expect(200);
    assert!(page.text.contains("Kim &lt;Newcomer&gt;"));
    world.login_call("kim@example.com", "long enough", "").send().await.expect(303);
}

#[tokio::test]
async fn an_incomplete_or_taken_registration_makes_no_account() {
    let world = world();
    let cookies = format!("dwsid={}", world.control.new_ecom_visitor());
    let with = |field: &str, value: &'static str| {
        NEWCOMER.map(|(name, known)| if name == field { (name, value) } else { (name, known) })
    };
    for (fields, message) in [
        (with("dwfrm_profile_customer_email", "no address"), "are needed"),
        (with("dwfrm_profile_login_password", "short"), "are needed"),
        (with("dwfrm_profile_customer_firstname", ""), "are needed"),
        (with("dwfrm_profile_customer_email", LOGIN), "an account with this e-mail already"),
    ] {
        let page = world.submit(&cookies, "Account-SubmitRegistration", &fields).await;
        assert!(page.expect(200).text.contains(message), "{fields:?}");
    }
    assert_eq!(world.control.customer_id_of("kim@example.com"), None);
    let session = world.control.dw_session(dwsid(&cookies)).unwrap();
    assert_eq!(session.customer_type, CustomerKind::Guest);
}

#[tokio::test]
async fn forms_of_another_session_are_rejected_and_log_out() {
    let world = world();
    let other = format!("dwsid={}", world.control.new_ecom_visitor());
    let foreign = world.visit("Login-Show", &other).await.expect(200).csrf_token();
    for target in ["Account-Login", "Account-SubmitRegistration"] {
        for token in [foreign.as_str(), ""] {
            let dwsid = world.control.new_ecom_visitor();
            assert!(world.control.log_in_on_ecom(&dwsid, LOGIN));
            let fields = [("loginEmail", LOGIN), ("loginPassword", PASSWORD)];
            let fields = [&fields[..], &NEWCOMER, &[("csrf_token", token)]].concat();
            let call = world.page(Method::POST, target).form(&fields);
            call.header("cookie", &format!("dwsid={dwsid}")).send().await.expect(403);
            let session = world.control.dw_session(&dwsid).unwrap();
            assert_eq!(session.customer_type, CustomerKind::Guest, "{target}");
        }
    }
    assert_eq!(world.control.customer_id_of("kim@example.com"), None);
}

#[tokio::test]
async fn a_logout_assigns_the_session_to_a_new_guest() {
    let world = world();
    let (cookies, _) = guest_with_bell(&world).await;
    world.logs_in_on_ecom(&cookies).await.expect(302);
    let done = world.visit("Login-Logout", &cookies).await.expect(302);
    done.expect_redirect_to("Home-Show");
    assert_eq!(done.cookie("dwsid"), None);
    let session = world.control.dw_session(dwsid(&cookies)).unwrap();
    assert_eq!((session.customer_type, session.live), (CustomerKind::Guest, true));
    assert!(world.control.basket_of(&session.customer_id).is_empty());
}

#[tokio::test]
async fn a_get_of_a_form_target_does_not_log_out() {
    let world = world();
    let dwsid = world.control.new_ecom_visitor();
    assert!(world.control.log_in_on_ecom(&dwsid, LOGIN));
    for target in ["Account-Login", "Account-SubmitRegistration", "Account-SaveProfile"] {
        world.visit(target, &format!("dwsid={dwsid}")).await.expect(405);
    }
    assert_eq!(world.control.dw_session(&dwsid).unwrap().login.as_deref(), Some(LOGIN));
}

#[tokio::test]
async fn every_page_links_to_login_or_logout() {
    let world = world();
    let dwsid = world.control.new_ecom_visitor();
    let base = "href=\"/on/demandware.store/Sites-RefArch-Site/en_US";
    let page = world.visit("Home-Show", &format!("dwsid={dwsid}")).await.expect(200);
    for controller in ["Login-Show", "Login-Logout"] {
        assert!(page.text.contains(&format!("{base}/{controller}\"")), "{controller}");
    }
    let login = World::request(&world.head, Method::GET, "/login").send().await.expect(200);
    assert!(login.text.contains(&format!("{base}/Login-Show\"")));
}
