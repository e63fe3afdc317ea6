//! The decision about a request of a gateway: allowed, to be established first, or denied.

use tandem_sandbox::{Operation, TokenSignature, TokenSpec};
use testkit::{Cookies, ORIGIN, get};

use crate::support::{
    BASKETS, CART, GATEWAYS, Gateway, PRODUCT, expect_no_identity, with_german_site,
};

const CRAWLER: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

#[tokio::test]
async fn promise_5_a_warm_request_costs_one_subrequest_and_no_call() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        for jar in [world.guest_cookies().await, world.registered_cookies().await] {
            world.forget_calls();
            for target in ["/", "/cart", CART, PRODUCT] {
                let response =
                    world.send(gateway.subrequest("GET", target).document().cookies(&jar)).await;
                gateway.expect_allowed(&response);
                response.expect_no_cookies();
            }
            assert_eq!(world.auth_calls(), [""; 0]);
            // A subrequest is not forwarded.
            assert_eq!(world.count(Operation::HeadPage) + world.count(Operation::EcomPage), 0);
        }
    }
}

#[tokio::test]
async fn promise_6_passive_requests_pass_without_a_shopper() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        for request in [
            gateway.subrequest("GET", "/assets/app.js"),
            gateway.subrequest("GET", "/logo.svg").document(),
            gateway.subrequest("GET", "/").document().header("user-agent", CRAWLER),
            gateway.subrequest("GET", CART).document().header("user-agent", CRAWLER),
            gateway.subrequest("GET", PRODUCT).header("user-agent", CRAWLER),
            gateway.subrequest("OPTIONS", "/api/me").header("origin", "https://evil.test"),
        ] {
            let response = world.send(request).await;
            gateway.expect_allowed(&response);
            for name in ["authorization", "sfdc_dwsid", "x-bff-customer-type", "cookie"] {
                assert_eq!(response.header(name), Some(""), "{name}");
            }
        }
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn kind_2_a_prefetched_page_is_the_page_of_the_shopper_or_an_error() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let prefetch = |target| {
            let request = gateway.subrequest("GET", target).document();
            request.header("sec-purpose", "prefetch;prerender")
        };
        let jar = world.registered_cookies().await;
        let allowed = world.send(prefetch("/").cookies(&jar)).await;
        gateway.expect_allowed(&allowed);
        assert_eq!(allowed.header("x-bff-customer-type"), Some("registered"));
        world.minutes_pass(31);
        world.forget_calls();
        for jar in [jar, Cookies::default()] {
            let denied = world.send(prefetch("/").cookies(&jar)).await;
            assert_eq!(denied.header("location"), None, "a redirect would be followed");
            expect_no_identity(denied.expect(401));
        }
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_suffix_or_a_header_opens_no_path_for_registered_shoppers() {
    let rules = "routes.rules = [\n\
                 { path = \"/members\", token = \"registered\" },\n\
                 { path = \"/mobify/proxy/api/product/\", token = \"registered\" },\n]";
    for gateway in GATEWAYS {
        let world = gateway.shop().site(rules).start().await;
        let jar = world.guest_cookies().await;
        for request in [
            gateway.subrequest("GET", "/members/list.json").same_origin_fetch(),
            gateway
                .subrequest("GET", "/members")
                .same_origin_fetch()
                .header("sec-purpose", "prefetch"),
            gateway.subrequest("GET", "/members").document().header("sec-purpose", "prefetch"),
            gateway.subrequest("GET", "/members").document().header("user-agent", CRAWLER),
            gateway.subrequest("GET", PRODUCT).same_origin_fetch().header("user-agent", CRAWLER),
            gateway
                .subrequest("GET", PRODUCT)
                .same_origin_fetch()
                .header("sec-purpose", "prefetch"),
        ] {
            expect_no_identity(world.send(request.cookies(&jar)).await.expect(401));
        }
        let jar = world.registered_cookies().await;
        for target in ["/members", "/members/list.json", PRODUCT] {
            let request = gateway.subrequest("GET", target).same_origin_fetch().cookies(&jar);
            gateway.expect_allowed(&world.send(request).await);
        }
        let preflight = gateway.subrequest("OPTIONS", "/members");
        gateway.expect_allowed(&world.send(preflight).await);
    }
}

#[tokio::test]
async fn rules_for_ecom_pages_apply_behind_a_gateway() {
    let rule = |need: &str| format!("routes.rules = [{{ path = \"{CART}\", {need} }}]");
    for gateway in GATEWAYS {
        let world = gateway.shop().site(&rule("token = \"optional\"")).start().await;
        gateway.expect_allowed(&world.send(gateway.subrequest("GET", CART).document()).await);
        let world = gateway
            .shop()
            .site(&format!("bridge.time = \"on-demand\"\n{}", rule("bridge = false")))
            .start()
            .await;
        let jar = world.guest_cookies().await.without("dwsid");
        let response = world.send(gateway.subrequest("GET", CART).document().cookies(&jar)).await;
        gateway.expect_allowed(&response);
    }
}

#[tokio::test]
async fn a_page_without_a_session_redirects_to_establish() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let target = "/s?q=a&b=//c";
        let new = world.send(gateway.subrequest("GET", target).document()).await;
        gateway.expect_establish(&new, target);
        let jar = world.guest_cookies().await;
        world.minutes_pass(40);
        world.forget_calls();
        for target in [target, CART] {
            let stale =
                world.send(gateway.subrequest("GET", target).document().cookies(&jar)).await;
            gateway.expect_establish(&stale, target);
        }
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn a_repeatable_call_with_an_expired_token_redirects() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest_cookies().await;
        world.minutes_pass(31);
        let read =
            world.send(gateway.subrequest("GET", PRODUCT).same_origin_fetch().cookies(&jar)).await;
        gateway.expect_establish(&read, PRODUCT);
        let written =
            world.send(gateway.subrequest("POST", BASKETS).same_origin_fetch().cookies(&jar)).await;
        let elsewhere = gateway.subrequest("GET", PRODUCT).cookies(&jar);
        let elsewhere = elsewhere.header("sec-fetch-site", "same-site");
        let elsewhere = world.send(elsewhere.header("sec-fetch-mode", "cors")).await;
        for response in [written, elsewhere] {
            expect_no_identity(response.expect(401));
            if gateway != Gateway::Nginx {
                response.expect_problem(401, "renewal_needed");
            }
        }
    }
}

#[tokio::test]
async fn a_form_of_a_dead_session_is_shown_again() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest_cookies().await;
        let form = || {
            let request = gateway.subrequest("POST", CART).document().cookies(&jar);
            request.header("origin", ORIGIN).header("referer", &format!("{ORIGIN}/cart?x=1"))
        };
        gateway.expect_allowed(&world.send(form()).await);
        world.minutes_pass(40);
        gateway.expect_establish(&world.send(form()).await, "/cart?x=1");
    }
}

#[tokio::test]
async fn attack_25_a_change_from_a_foreign_page_is_rejected() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered_cookies().await;
        let request = gateway.subrequest("POST", BASKETS).cookies(&jar);
        let response = world.send(request.header("sec-fetch-site", "cross-site")).await;
        expect_no_identity(response.expect(403));
        let refused = world.send(gateway.subrequest("TRACE", "/").cookies(&jar)).await;
        expect_no_identity(refused.expect(if gateway == Gateway::Nginx { 403 } else { 405 }));
    }
}

#[tokio::test]
async fn attacks_46_to_49_a_token_goes_to_its_own_organization_only() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.registered_cookies().await;
        for (method, target) in [
            ("GET", PRODUCT.replace("zzte_053", "other_001")),
            ("GET", PRODUCT.replace("RefArch", "Other")),
            ("GET", format!("{PRODUCT}&siteId=Other")),
            ("GET", "/mobify/proxy/ocapi/s/Other/dw/shop/v24_5/products/x".to_owned()),
            ("GET", "/mobify/proxy/ocapi/s/RefArch/dw/shop/v24_5/x?method=delete".to_owned()),
            ("POST", PRODUCT.to_owned()),
            ("POST", PRODUCT.replace("product/shopper-products", "shopper/auth")),
        ] {
            let response = world
                .send(gateway.subrequest(method, &target).same_origin_fetch().cookies(&jar))
                .await;
            let refused = if gateway == Gateway::Nginx { &[403][..] } else { &[403, 405] };
            assert!(refused.contains(&response.status), "{method} {target}: {}", response.status);
            expect_no_identity(&response);
        }
        let other = gateway.subrequest("GET", PRODUCT).same_origin_fetch().cookies(&jar);
        let other = world.send(other.header("x-site-id", "Other")).await;
        expect_no_identity(other.expect(if gateway == Gateway::Nginx { 403 } else { 400 }));
    }
}

#[tokio::test]
async fn other_cookies_are_forwarded_to_an_api() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let mut jar = world.guest_cookies().await;
        jar.0.insert("dw_attribution".to_owned(), "utm_source=x".to_owned());
        let response =
            world.send(gateway.subrequest("GET", PRODUCT).same_origin_fetch().cookies(&jar)).await;
        gateway.expect_allowed(&response);
        assert_eq!(response.header("cookie"), Some("dw_attribution=utm_source=x"));
    }
}

#[tokio::test]
async fn attack_30_a_foreign_page_opens_no_websocket_past_a_gateway() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest_cookies().await;
        for (origin, allowed) in
            [(ORIGIN, true), ("https://evil.shop.test", false), ("null", false)]
        {
            let request = gateway.subrequest("GET", "/socket").same_origin_fetch().cookies(&jar);
            let request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            let response = world.send(request.header("origin", origin)).await;
            if allowed {
                gateway.expect_allowed(&response);
            } else {
                expect_no_identity(response.expect(403));
            }
        }
    }
}

#[tokio::test]
async fn a_shop_under_a_path_is_established_under_that_path() {
    for gateway in GATEWAYS {
        let shop = with_german_site(gateway.shop());
        let world = shop.start().await;
        let response = world.send(gateway.subrequest("GET", "/de/cart").document()).await;
        if gateway == Gateway::Nginx {
            response.expect(401);
            let handed = get("/bff/establish").document().header("x-original-uri", "/de/a.js");
            world.send(handed).await.expect_location("/de/a.js");
        } else {
            response.expect_location(&format!("{ORIGIN}/de/bff/establish?return_to=%2Fde%2Fcart"));
        }
        let own =
            world.send(gateway.subrequest("GET", "/de/bff/session").same_origin_fetch()).await;
        gateway.expect_allowed(&own);
        assert_eq!(own.header("x-bff-upstream"), Some("tandem"));
        let nested =
            world.send(gateway.subrequest("GET", "/de/bff/auth").same_origin_fetch()).await;
        expect_no_identity(nested.expect(403));
    }
}

#[tokio::test]
async fn promise_2_a_guest_is_redirected_to_the_login_page() {
    let rule = "session.login_page = \"/login\"\n\
        routes.rules = [{ path = \"/account\", token = \"registered\" }, \
        { path = \"/mobify/proxy/api/customer/\", token = \"registered\" }]";
    for gateway in [Gateway::Traefik, Gateway::Envoy] {
        let world = gateway.shop().site(rule).start().await;
        let (guest, registered) = (world.guest_cookies().await, world.registered_cookies().await);
        let api = "/mobify/proxy/api/customer/shopper-customers/v1/organizations/\
             f_ecom_zzte_053/customers/x";
        let page =
            world.send(gateway.subrequest("GET", "/account").document().cookies(&guest)).await;
        page.expect_location(&format!("{ORIGIN}/login?return_to=%2Faccount"));
        let call =
            world.send(gateway.subrequest("POST", api).same_origin_fetch().cookies(&guest)).await;
        call.expect_problem(401, "login_required");
        for target in ["/account", api] {
            let response =
                world.send(gateway.subrequest("GET", target).document().cookies(&registered)).await;
            gateway.expect_allowed(&response);
        }
    }
}

#[tokio::test]
async fn kind_1_a_form_of_another_site_keeps_the_dw_session_on_a_named_path() {
    for gateway in GATEWAYS {
        let rule = format!("path = \"{CART}\"\ncross_site_post = \"session\"");
        let world = gateway.shop().route(&rule).start().await;
        let jar = world.guest_cookies().await;
        let sent = ["dwsid", "__Host-tandem-dw"].map(|name| (name, jar.value(name)));
        let returns = |target| {
            let question = gateway.subrequest("POST", target).headers(&[
                ("origin", "https://acs.bank.example"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ]);
            question.cookies(&Cookies::of(&sent))
        };
        world.forget_calls();
        let response = world.send(returns(CART)).await;
        gateway.expect_allowed(&response);
        let dwsid = format!("dwsid={}", jar.value("dwsid"));
        assert_eq!(response.header("cookie"), Some(dwsid.as_str()));
        let written = response.all("set-cookie");
        assert!(written.len() == 1 && written[0].starts_with("__Host-tandem-dw="), "{written:?}");
        let other = world.send(returns(&CART.replace("Cart-Show", "Account-Show"))).await;
        assert!(!other.header("cookie").unwrap_or_default().contains("dwsid"));
        assert_eq!(world.auth_calls(), [""; 0]);
    }
}

#[tokio::test]
async fn kind_38_a_storefronts_own_token_is_verified_with_known_keys() {
    for gateway in GATEWAYS {
        let world = gateway.shop().start().await;
        let jar = world.guest_cookies().await;
        let own = format!("Bearer {}", jar.value("token"));
        let forged = TokenSpec { signature: TokenSignature::Forged, ..TokenSpec::default() };
        let forged = format!("Bearer {}", world.control().forge_token(&forged));
        let call = |token: &str, cookies: &Cookies| {
            let request = gateway.subrequest("GET", PRODUCT).same_origin_fetch();
            request.cookies(cookies).header("authorization", token)
        };
        let none = Cookies::default();
        // The key is fetched in the background, for the next call.
        let first = world.send(call(&own, &none)).await;
        assert_eq!(first.header("authorization"), Some(""));
        world.wait_for_calls(Operation::Jwks, 1).await;
        let sees = async {
            while world.send(call(&own, &none)).await.header("authorization") != Some(&*own) {}
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), sees).await.expect("the key");
        let other = world.send(call(&own, &world.guest_cookies().await)).await;
        gateway.expect_allowed(&other);
        assert_ne!(other.header("authorization"), Some(&*own), "the cookies count");
        assert_eq!(world.send(call(&forged, &none)).await.header("authorization"), Some(""));
        let page = gateway.subrequest("GET", "/").same_origin_fetch();
        let page = world.send(page.header("authorization", &own)).await;
        assert_eq!(page.header("authorization"), Some(""), "no token for the Head");
    }
}

#[tokio::test]
async fn kind_38_slas_below_the_api_path_is_served_by_tandem() {
    for gateway in GATEWAYS {
        let world = gateway.shop().with_public_client().start().await;
        let token = "/mobify/proxy/api/shopper/auth/v1/organizations/f_ecom_zzte_053/oauth2/token";
        let request =
            gateway.subrequest("POST", token).same_origin_fetch().header("origin", ORIGIN);
        let response = world.send(request).await;
        gateway.expect_allowed(&response);
        assert_eq!(response.header("x-bff-upstream"), Some("tandem"));
    }
}
