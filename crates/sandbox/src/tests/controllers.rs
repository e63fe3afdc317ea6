//! ECOM's pages: new guest sessions, timeouts, and forms that belong to one session.

use std::time::Duration;

use axum::http::Method;

use super::world::{LOGIN, TestResponse, World, world};
use crate::{CustomerKind, Operation};

async fn get(world: &World, controller: &str, dwsid: &str) -> TestResponse {
    world.visit(controller, &format!("dwsid={dwsid}")).await
}

/// A session in which the demo shopper is logged in on ECOM.
fn shopper_session(world: &World) -> String {
    let dwsid = world.control.new_ecom_visitor();
    assert!(world.control.log_in_on_ecom(&dwsid, LOGIN));
    dwsid
}

async fn save(world: &World, dwsid: &str, token: &str) -> TestResponse {
    let call = world.page(Method::POST, "Account-SaveProfile");
    let fields = [("csrf_token", token), ("name", "Jo <Long>")];
    call.header("cookie", &format!("dwsid={dwsid}")).form(&fields).send().await
}

#[tokio::test]
async fn a_new_guest_silently_replaces_an_expired_session() {
    let world = world();
    let dwsid = shopper_session(&world);
    let live = get(&world, "Home-Show", &dwsid).await.expect(200);
    assert!(live.text.contains("data-customer-type=\"registered\""));
    assert_eq!(live.cookie("dwsid"), None);
    world.clock.advance(Duration::from_secs(30 * 60));
    let silent = get(&world, "Home-Show", &dwsid).await.expect(200);
    assert!(silent.text.contains("data-customer-type=\"guest\""));
    let fresh = silent.cookie("dwsid").unwrap();
    assert_ne!(fresh, dwsid);
    assert_eq!(world.control.dw_session(&fresh).unwrap().customer_type, CustomerKind::Guest);
    assert_eq!(world.control.count(Operation::EcomPage), 2);
}

#[tokio::test]
async fn controller_requests_reset_the_idle_but_not_the_hard_timeout() {
    let world = world();
    let dwsid = shopper_session(&world);
    for _ in 0..17 {
        world.clock.advance(Duration::from_secs(20 * 60));
        assert_eq!(get(&world, "Cart-Show", &dwsid).await.cookie("dwsid"), None);
    }
    world.clock.advance(Duration::from_secs(20 * 60));
    assert!(get(&world, "Cart-Show", &dwsid).await.cookie("dwsid").is_some());
}

#[tokio::test]
async fn a_valid_form_is_saved_and_its_text_escaped() {
    let world = world();
    let dwsid = shopper_session(&world);
    let form = get(&world, "Account-EditProfile", &dwsid).await.expect(200);
    let saved = save(&world, &dwsid, &form.csrf_token()).await.expect(200);
    assert!(saved.text.contains("was saved"));
    assert!(saved.text.contains("Jo &lt;Long&gt;"));
}

#[tokio::test]
async fn a_form_of_another_session_is_rejected_and_logs_out() {
    let world = world();
    let (dwsid, other) = (shopper_session(&world), shopper_session(&world));
    let form = get(&world, "Account-EditProfile", &other).await.expect(200);
    let failed = save(&world, &dwsid, &form.csrf_token()).await.expect(403);
    assert!(failed.text.contains("form failed"));
    let session = world.control.dw_session(&dwsid).unwrap();
    assert_eq!(session.customer_type, CustomerKind::Guest);
    assert!(session.live);
}

#[tokio::test]
async fn a_page_never_shows_the_session_id() {
    let world = world();
    let dwsid = shopper_session(&world);
    let page = get(&world, "Account-Show", &dwsid).await.expect(200);
    assert!(!page.text.contains(&dwsid));
    get(&world, "No-Such", &dwsid).await.expect(404);
}
