//! The cookies that the SLAS proxy sets and deletes after a token call of the SDKs, in each cookie
//! profile.

use testkit::{Browser, Client, JO, Page, Scenario, World};

use super::{sdk_guest, sdk_login, sdk_logout};

/// The longest value that `plugin_slas` puts into one cookie.
const PIECE: usize = 1199;

async fn start_with_profile(profile: &str) -> (World, Browser) {
    let world = Scenario::private().with_site("cookies.profile", profile).start().await;
    let browser = world.browser();
    (world, browser)
}

/// The cookies of the response but for Tandem's seals, in order: `+name` for one that is set,
/// `-name` for one that is deleted.
fn cookie_changes(page: &Page) -> Vec<String> {
    let change = |line: &str| {
        let (name, value_and_attributes) = line.split_once('=').unwrap_or((line, ""));
        let is_deletion = value_and_attributes.starts_with(';');
        format!("{}{name}", if is_deletion { '-' } else { '+' })
    };
    let changes = page.set_cookies().into_iter().map(change);
    changes.filter(|change| !change.contains("tandem")).collect()
}

#[tokio::test]
async fn pwa_kit_gets_the_cookies_of_its_own_runtime() {
    let (_world, browser) = start_with_profile("pwa-kit").await;
    let page = sdk_guest(&browser, Client::Private).await.expect(200);
    let mut changes = cookie_changes(&page);
    changes.sort();
    assert_eq!(
        changes,
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
}

#[tokio::test]
async fn a_login_of_pwa_kit_deletes_the_guest_token_before_it_sets_the_registered_one() {
    let (_world, browser) = start_with_profile("pwa-kit").await;
    sdk_guest(&browser, Client::Private).await.expect(200);
    let page = sdk_login(&browser, Client::Private, JO).await.expect(200);
    let changes = cookie_changes(&page);
    let position = |change: &str| changes.iter().position(|other| other == change).unwrap();
    // A client that reads the lines in order uses the last one as refresh token.
    assert!(position("-cc-nx-g_RefArch") < position("+cc-nx_RefArch"), "{changes:?}");
    assert!(page.json().get("access_token").is_none());
}

#[tokio::test]
async fn a_logout_of_pwa_kit_deletes_all_its_cookies() {
    let (_world, browser) = start_with_profile("pwa-kit").await;
    sdk_guest(&browser, Client::Private).await.expect(200);
    sdk_login(&browser, Client::Private, JO).await.expect(200);
    let page = sdk_logout(&browser, Client::Private).await.expect(200);
    let changes = cookie_changes(&page);
    assert!(changes.iter().all(|change| change.starts_with('-')), "{changes:?}");
    let mut remaining = browser.names();
    remaining.retain(|name| !name.contains("tandem"));
    assert_eq!(remaining, Vec::<String>::new());
}

#[tokio::test]
async fn storefront_next_gets_one_token_and_no_readable_cookie() {
    let (_world, browser) = start_with_profile("storefront-next").await;
    sdk_guest(&browser, Client::Private).await.expect(200);
    assert!(browser.cookie("cc-at_RefArch").is_some());
    assert_eq!(browser.script_readable_cookies(), Vec::<String>::new());
}

#[tokio::test]
async fn plugin_slas_gets_the_token_in_pieces() {
    let (_world, browser) = start_with_profile("plugin-slas").await;
    let page = sdk_guest(&browser, Client::Private).await.expect(200);
    let (first, second) = (browser.expect_cookie("cc-at"), browser.expect_cookie("cc-at_2"));
    assert_eq!(first.len(), PIECE);
    assert!((1..=PIECE).contains(&second.len()), "{} bytes", second.len());
    // Both pieces together are the token.
    assert!(browser.token().is_some());
    assert!(page.json().get("access_token").is_none());
}

#[tokio::test]
async fn a_head_that_must_read_its_tokens_gets_them() {
    let scenario = Scenario::private()
        .with_site("cookies.profile", "plugin-slas")
        .with_site("cookies.readable_tokens", "true");
    let world = scenario.start().await;
    let browser = world.browser();
    let body = sdk_guest(&browser, Client::Private).await.expect(200).json();
    let pieces = browser.expect_cookie("cc-at") + &browser.expect_cookie("cc-at_2");
    assert_eq!(body["access_token"], pieces);
    let readable = browser.script_readable_cookies();
    for name in ["cc-at", "cc-at_2", "cc-nx-g"] {
        assert!(readable.iter().any(|cookie| cookie == name), "{name} in {readable:?}");
    }
}
