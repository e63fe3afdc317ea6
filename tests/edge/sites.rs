//! Several sites in one process: distinguished by host and path, and never mixed up.

use tandem::clock::Clock;
use tandem_sandbox::{Options, Sandbox};
use testkit::{Client, Cookies, FixedHead, JO, Scenario, World, get, post, slas_keys};

/// A shop at `/` and another at `/de`, on one host, with tenants of their own.
struct TwoSites {
    world: World,
    german: Sandbox,
}

async fn start_two_sites() -> TwoSites {
    let options = Options { site_id: "RefArchDE".to_owned(), ..Options::default() };
    let german = Sandbox::start(options.clone(), Clock::system()).await;
    let german = german.expect("a sandbox");
    let (instance, head) = (german.instance(), german.head());
    let other = format!(
        r#"
        [[sites]]
        id = "RefArchDE"
        hosts = ["shop.test"]
        public_origin = "https://shop.test"
        path_prefix = "/de"
        cookies.suffix = true
        ocapi.base_url = "http://{instance}"
        routes.head = "http://{head}"
        {}
        "#,
        slas_keys(&german, &options, Client::Private)
    );
    let world = Scenario::default().site("cookies.suffix = true").sections(&other).start().await;
    TwoSites { world, german }
}

#[tokio::test]
async fn two_sites_on_one_host_keep_their_shoppers_apart() {
    let TwoSites { world, german } = start_two_sites().await;
    let mut jar = Cookies::default();
    jar.take(world.send(post("/bff/session").same_origin_fetch()).await.expect(200));
    let names: Vec<_> = jar.0.keys().map(String::as_str).collect();
    assert!(names.contains(&"token_RefArch") && names.contains(&"__Host-tandem_RefArch"));
    jar.take(
        world.send(post("/de/bff/session").same_origin_fetch().cookies(&jar)).await.expect(200),
    );
    assert!(jar.0.contains_key("token_RefArchDE"));
    let login = post("/de/bff/login").same_origin_fetch().cookies(&jar).credentials(JO);
    jar.take(world.send(login).await.expect(200));
    let here = world.session(&jar).await;
    let there = world.send(get("/de/bff/session").same_origin_fetch().cookies(&jar)).await.json();
    assert_eq!(
        (&here["customer_type"], &there["customer_type"]),
        (&"guest".into(), &"registered".into())
    );
    let customer = german.control().customer_id_of("jo@example.com");
    assert_eq!(there["customer_id"].as_str(), customer.as_deref());
}

#[tokio::test]
async fn attack_5_credentials_of_one_site_mean_nothing_to_another() {
    let TwoSites { world, .. } = start_two_sites().await;
    let mut jar = Cookies::default();
    jar.take(world.send(post("/bff/session").same_origin_fetch()).await.expect(200));
    let renamed =
        jar.0.iter().map(|(name, value)| (name.replace("_RefArch", "_RefArchDE"), value.clone()));
    let renamed = Cookies(renamed.collect());
    let session =
        world.send(get("/de/bff/session").same_origin_fetch().cookies(&renamed)).await.json();
    assert_eq!(session["customer_type"], "none");
    assert_ne!(session["dw_session"], "live");
}

#[tokio::test]
async fn a_sites_prefix_is_a_whole_segment() {
    let head = FixedHead::responding("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let site = |path: &str| format!("path_prefix = \"{path}\"\n");
    let world = Scenario::default().with_head(head.origin()).site(&site("/de")).start().await;
    for path in ["/de/bff/session", "/de/bff/session?x=1"] {
        world.send(get(path)).await.expect(200);
    }
    for path in ["/bff/session", "/dex/bff/session", "/DE/bff/session", "/", "//de/bff/session"] {
        world.send(get(path)).await.expect_problem(421, "bad_request");
    }
    for path in ["/de/bff/nothing", "/de/bff/"] {
        world.send(get(path)).await.expect_problem(404, "not_found");
    }
    // The prefix is kept in the proxied path.
    for path in ["/de", "/de/", "/de/cart?x=/bff/session", "/de/de/bff/session", "/de?/bff/session"]
    {
        let before = head.requests().len();
        world.send(get(path).same_origin_fetch()).await.expect(200);
        assert_eq!(head.requests()[before].0.first, format!("GET {path} HTTP/1.1"));
    }
}

#[tokio::test]
async fn attack_48_a_site_named_by_the_client_is_ignored() {
    let TwoSites { world, german } = start_two_sites().await;
    world.forget_calls();
    german.control().forget_calls();
    let request =
        post("/bff/session?siteId=RefArchDE").same_origin_fetch().header("x-site-id", "RefArchDE");
    let response = world.send(request).await;
    assert!(response.all("set-cookie").iter().any(|cookie| cookie.starts_with("token_RefArch=")));
    assert!(german.control().calls().is_empty());
}
