//! What the neighbours of each cookie profile find after a token has passed.

use super::{begins, leaves, signs_in};
use testkit::{Browser, Client, JO, Page, Scenario, World};

async fn world(profile: &str) -> (World, Browser) {
    let world = Scenario::private().with_site("cookies.profile", profile).start().await;
    let browser = world.browser();
    (world, browser)
}

/// `+name` for a cookie that is set, `-name` for one that goes.
fn changes(page: &Page) -> Vec<String> {
    let lines = page.set_cookies().into_iter();
    let named = lines.map(|line| {
        let (name, rest) = line.split_once('=').unwrap_or((line, ""));
        format!("{}{name}", if rest.starts_with(';') { '-' } else { '+' })
    });
    named.filter(|name| !name.contains("tandem")).collect()
}

#[tokio::test]
async fn pwa_kit_finds_what_its_own_runtime_writes() {
    let (_world, browser) = world("pwa-kit").await;
    let page = begins(&browser, Client::Private).await.expect(200);
    let mut written = changes(&page);
    written.sort();
    assert_eq!(
        written,
        [
            "+cc-at-dnt_RefArch",
            "+cc-at-expires_RefArch",
            "+cc-at_RefArch",
            "+cc-nx-expires_RefArch",
            "+cc-nx-g_RefArch",
            "+customer_id_RefArch",
            "+customer_type_RefArch",
            "+uido_RefArch",
            "+usid_RefArch",
        ]
    );
    let page = signs_in(&browser, Client::Private, JO).await.expect(200);
    let written = changes(&page);
    let at = |name: &str| written.iter().position(|change| change == name).unwrap();
    // Whoever walks the lines takes the last one for the refresh token.
    assert!(at("-cc-nx-g_RefArch") < at("+cc-nx_RefArch"), "{written:?}");
    assert!(page.json().get("access_token").is_none());
    let page = leaves(&browser, Client::Private).await.expect(200);
    assert!(changes(&page).iter().all(|change| change.starts_with('-')));
    let left: Vec<String> =
        browser.names().into_iter().filter(|name| !name.contains("tandem")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn storefront_next_finds_one_token_and_nothing_for_scripts() {
    let (_world, browser) = world("storefront-next").await;
    begins(&browser, Client::Private).await.expect(200);
    assert!(browser.cookie("cc-at_RefArch").is_some());
    assert_eq!(browser.script_sees(), Vec::<String>::new());
}

#[tokio::test]
async fn plugin_slas_finds_the_token_in_pieces() {
    let (_world, browser) = world("plugin-slas").await;
    let page = begins(&browser, Client::Private).await.expect(200);
    assert!(browser.holds("cc-at").len() <= 1199);
    assert!(page.json().get("access_token").is_none());
}

#[tokio::test]
async fn a_head_that_has_to_read_its_tokens_gets_them() {
    let scenario = Scenario::private()
        .with_site("cookies.profile", "plugin-slas")
        .with_site("cookies.readable_tokens", "true");
    let world = scenario.start().await;
    let browser = world.browser();
    let said = begins(&browser, Client::Private).await.expect(200).json();
    let token = said["access_token"].as_str().unwrap();
    assert!(token.starts_with(&browser.holds("cc-at")));
    assert!(browser.script_sees().contains(&"cc-nx-g".to_owned()));
}
