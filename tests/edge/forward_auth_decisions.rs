//! What a gateway is told about a request: it may go on, it must be established first, or neither.

use tandem_sandbox::Operation;

use crate::support::{BASKETS, CART, GATEWAYS, Gateway, ORIGIN, PRODUCT, get, tells_nothing};

const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

#[tokio::test]
async fn promise_5_a_warm_request_costs_one_question_and_no_call() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        for jar in [world.guest().await, world.registered().await] {
            world.forget_calls();
            for target in ["/", "/cart", CART, PRODUCT] {
                let answer = world.ask(gateway.asks("GET", target).document().cookies(&jar)).await;
                gateway.expect_allowed(&answer);
                answer.expect_no_cookies();
            }
            assert_eq!(world.auth_calls(), [""; 0]);
            // It is only asked about: it goes nowhere.
            assert_eq!(world.count(Operation::HeadPage) + world.count(Operation::EcomPage), 0);
        }
    }
}

#[tokio::test]
async fn promise_6_files_crawlers_prefetches_and_preflights_pass_at_once_without_a_shopper() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        for ask in [
            gateway.asks("GET", "/assets/app.js"),
            gateway.asks("GET", "/logo.svg").document(),
            gateway.asks("GET", "/").document().header("user-agent", CRAWLER),
            gateway.asks("GET", CART).document().header("user-agent", CRAWLER),
            gateway.asks("GET", PRODUCT).header("user-agent", CRAWLER),
            gateway.asks("GET", "/").document().header("sec-purpose", "prefetch;prerender"),
            gateway.asks("OPTIONS", "/api/me").header("origin", "https://evil.test"),
        ] {
            let answer = world.ask(ask).await;
            gateway.expect_allowed(&answer);
            for name in ["authorization", "sfdc_dwsid", "x-bff-customer-type", "cookie"] {
                assert_eq!(answer.header(name), Some(""), "{name}");
            }
        }
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn what_is_for_registered_shoppers_cannot_be_had_by_an_ending_or_a_header() {
    let rules = "routes.rules = [\n\
                 { path = \"/members\", token = \"registered\" },\n\
                 { path = \"/mobify/proxy/api/product/\", token = \"registered\" },\n]";
    for gateway in GATEWAYS {
        let world = gateway.shop().site(rules).start().await;
        let jar = world.guest().await;
        for ask in [
            gateway.asks("GET", "/members/list.json").own_page(),
            gateway.asks("GET", "/members").own_page().header("sec-purpose", "prefetch"),
            gateway.asks("GET", "/members").document().header("sec-purpose", "prefetch"),
            gateway.asks("GET", "/members").document().header("user-agent", CRAWLER),
            gateway.asks("GET", PRODUCT).own_page().header("user-agent", CRAWLER),
            gateway.asks("GET", PRODUCT).own_page().header("sec-purpose", "prefetch"),
        ] {
            tells_nothing(world.ask(ask.cookies(&jar)).await.expect(401));
        }
        let jar = world.registered().await;
        for target in ["/members", "/members/list.json", PRODUCT] {
            let ask = gateway.asks("GET", target).own_page().cookies(&jar);
            gateway.expect_allowed(&world.ask(ask).await);
        }
        let preflight = gateway.asks("OPTIONS", "/members");
        gateway.expect_allowed(&world.ask(preflight).await);
    }
}

#[tokio::test]
async fn rules_for_pages_of_ecom_hold_behind_a_gateway_too() {
    let rule = |need: &str| format!("routes.rules = [{{ path = \"{CART}\", {need} }}]");
    for gateway in GATEWAYS {
        let world = gateway.shop().site(&rule("token = \"optional\"")).start().await;
        gateway.expect_allowed(&world.ask(gateway.asks("GET", CART).document()).await);
        let world = gateway
            .shop()
            .site(&format!("bridge.time = \"on-demand\"\n{}", rule("bridge = false")))
            .start()
            .await;
        let jar = world.guest().await.without("dwsid");
        let answer = world.ask(gateway.asks("GET", CART).document().cookies(&jar)).await;
        gateway.expect_allowed(&answer);
    }
}

#[tokio::test]
async fn a_page_without_what_it_needs_is_left_for_our_own_address_and_nobody_is_asked() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let target = "/s?q=a&b=//c";
        let new = world.ask(gateway.asks("GET", target).document()).await;
        gateway.expect_sent_to_establish(&new, target);
        let jar = world.guest().await;
        world.minutes_pass(40);
        world.forget_calls();
        for target in [target, CART] {
            let stale = world.ask(gateway.asks("GET", target).document().cookies(&jar)).await;
            gateway.expect_sent_to_establish(&stale, target);
        }
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_call_with_a_dead_token_is_renewed_by_a_redirect_where_it_can_be_repeated() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest().await;
        world.minutes_pass(31);
        let read = world.ask(gateway.asks("GET", PRODUCT).own_page().cookies(&jar)).await;
        gateway.expect_sent_to_establish(&read, PRODUCT);
        let written = world.ask(gateway.asks("POST", BASKETS).own_page().cookies(&jar)).await;
        let elsewhere = gateway.asks("GET", PRODUCT).cookies(&jar);
        let elsewhere = elsewhere.header("sec-fetch-site", "same-site");
        let elsewhere = world.ask(elsewhere.header("sec-fetch-mode", "cors")).await;
        for answer in [written, elsewhere] {
            tells_nothing(answer.expect(401));
            if gateway != Gateway::Nginx {
                answer.expect_problem(401, "renewal_needed");
            }
        }
    }
}

#[tokio::test]
async fn a_form_whose_session_is_gone_is_shown_again() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest().await;
        let form = || {
            let ask = gateway.asks("POST", CART).document().cookies(&jar);
            ask.header("origin", ORIGIN).header("referer", &format!("{ORIGIN}/cart?x=1"))
        };
        gateway.expect_allowed(&world.ask(form()).await);
        world.minutes_pass(40);
        gateway.expect_sent_to_establish(&world.ask(form()).await, "/cart?x=1");
    }
}

#[tokio::test]
async fn attack_25_a_change_that_no_page_of_ours_sends_is_refused() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered().await;
        let ask = gateway.asks("POST", BASKETS).cookies(&jar);
        let answer = world.ask(ask.header("sec-fetch-site", "cross-site")).await;
        tells_nothing(answer.expect(403));
        let refused = world.ask(gateway.asks("TRACE", "/").cookies(&jar)).await;
        tells_nothing(refused.expect(if gateway == Gateway::Nginx { 403 } else { 405 }));
    }
}

#[tokio::test]
async fn attacks_46_to_49_a_token_goes_to_the_own_organisation_and_site_only() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered().await;
        for (method, target) in [
            ("GET", PRODUCT.replace("zzte_053", "other_001")),
            ("GET", PRODUCT.replace("RefArch", "Other")),
            ("GET", format!("{PRODUCT}&siteId=Other")),
            ("GET", "/mobify/proxy/ocapi/s/Other/dw/shop/v24_5/products/x".to_owned()),
            ("GET", "/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/x?method=delete".to_owned()),
            ("POST", PRODUCT.to_owned()),
            ("POST", PRODUCT.replace("product/shopper-products", "shopper/auth")),
        ] {
            let answer = world.ask(gateway.asks(method, &target).own_page().cookies(&jar)).await;
            let refused = if gateway == Gateway::Nginx { &[403][..] } else { &[403, 405] };
            assert!(refused.contains(&answer.status), "{method} {target}: {}", answer.status);
            tells_nothing(&answer);
        }
        let other = gateway.asks("GET", PRODUCT).own_page().cookies(&jar);
        let other = world.ask(other.header("x-site-id", "Other")).await;
        tells_nothing(other.expect(if gateway == Gateway::Nginx { 403 } else { 400 }));
    }
}

#[tokio::test]
async fn what_is_no_cookie_of_the_session_goes_on_to_an_api() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let mut jar = world.guest().await;
        jar.0.insert("dw_attribution".to_owned(), "utm_source=x".to_owned());
        let answer = world.ask(gateway.asks("GET", PRODUCT).own_page().cookies(&jar)).await;
        gateway.expect_allowed(&answer);
        assert_eq!(answer.header("cookie"), Some("dw_attribution=utm_source=x"));
    }
}

#[tokio::test]
async fn attack_30_a_foreign_page_opens_no_websocket_past_a_gateway() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest().await;
        for (origin, allowed) in
            [(ORIGIN, true), ("https://evil.shop.test", false), ("null", false)]
        {
            let ask = gateway.asks("GET", "/socket").own_page().cookies(&jar);
            let ask = ask.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            let answer = world.ask(ask.header("origin", origin)).await;
            if allowed {
                gateway.expect_allowed(&answer);
            } else {
                tells_nothing(answer.expect(403));
            }
        }
    }
}

#[tokio::test]
async fn a_shop_under_a_path_is_asked_about_and_established_under_that_path() {
    let german = r#"
        [[sites]]
        id = "RefArchDE"
        hosts = ["shop.test"]
        public_origin = "https://shop.test"
        path_prefix = "/de"
        bridge.mode = "none"
        cookies.suffix = true
        routes.head = "http://127.0.0.1:1"
        slas.base_url = "http://127.0.0.1:1"
        slas.organization_id = "f_ecom_zzte_053"
        slas.client_id = "client"
        slas.redirect_uri = "https://shop.test/de/callback"
        "#;
    for gateway in GATEWAYS {
        let shop = gateway.shop().site("cookies.suffix = true").more(german);
        let world = shop.start().await;
        let answer = world.ask(gateway.asks("GET", "/de/cart").document()).await;
        if gateway == Gateway::Nginx {
            answer.expect(401);
            let handed = get("/bff/establish").document().header("x-original-uri", "/de/a.js");
            world.ask(handed).await.expect_location("/de/a.js");
        } else {
            answer.expect_location(&format!("{ORIGIN}/de/bff/establish?return_to=%2Fde%2Fcart"));
        }
        let own = world.ask(gateway.asks("GET", "/de/bff/session").own_page()).await;
        gateway.expect_allowed(&own);
        assert_eq!(own.header("x-bff-upstream"), Some("tandem"));
        let asking = world.ask(gateway.asks("GET", "/de/bff/auth").own_page()).await;
        tells_nothing(asking.expect(403));
    }
}

#[tokio::test]
async fn promise_2_what_is_for_registered_shoppers_only_is_left_for_the_login_page() {
    let rule = "session.login_page = \"/login\"\n\
        routes.rules = [{ path = \"/account\", token = \"registered\" }, \
        { path = \"/mobify/proxy/api/customer/\", token = \"registered\" }]";
    for gateway in [Gateway::Traefik, Gateway::Envoy] {
        let world = gateway.shop().site(rule).start().await;
        let (guest, jo) = (world.guest().await, world.registered().await);
        let api = "/mobify/proxy/api/customer/shopper-customers/v1/organizations/\
             f_ecom_zzte_053/customers/x";
        let page = world.ask(gateway.asks("GET", "/account").document().cookies(&guest)).await;
        page.expect_location(&format!("{ORIGIN}/login?return_to=%2Faccount"));
        let call = world.ask(gateway.asks("POST", api).own_page().cookies(&guest)).await;
        call.expect_problem(401, "login_required");
        for target in ["/account", api] {
            let answer = world.ask(gateway.asks("GET", target).document().cookies(&jo)).await;
            gateway.expect_allowed(&answer);
        }
    }
}
