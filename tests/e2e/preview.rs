//! The shop in a frame of a trusted preview: only there cookies are partitioned.

use testkit::{Browser, JO, PendingRequest, Scenario, World};

const PREVIEW: &str = "https://preview.test";
const MARKER: &str = "__Host-pwakit_preview_ctx";

async fn previewed() -> World {
    let scenario = Scenario::private().with_site("cookies.profile", "pwa-kit");
    scenario.with_site("cookies.preview_parents", PREVIEW).start().await
}

/// The page `referer` shows the shop in a frame.
fn framed_by(browser: &Browser, referer: &str) -> PendingRequest {
    browser
        .visits("/")
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-dest", "iframe")
        .header("referer", referer)
}

#[tokio::test]
async fn in_a_trusted_frame_every_cookie_is_partitioned() {
    let world = previewed().await;
    let browser = world.browser();
    let page = framed_by(&browser, "https://preview.test/site/").await.expect(200);
    let lines = page.set_cookies();
    assert!(lines.len() > 5, "{lines:?}");
    for line in &lines {
        assert!(line.contains("SameSite=None") && line.contains("Partitioned"), "{line}");
        assert!(line.contains("Secure") && line.contains("Path=/"), "{line}");
    }
    assert_eq!(browser.expect_cookie(MARKER), PREVIEW);
    // Scripts in the frame log in; the marker cookie names the frame.
    let page = browser.logs_in(JO).await.expect(200);
    assert!(page.set_cookies().iter().all(|line| line.contains("SameSite=None")));
    let page = browser.logs_out().await.expect(200);
    let gone = |line: &str| line.starts_with(MARKER) && line.contains("Max-Age=0");
    assert!(page.set_cookies().iter().any(|line| gone(line)), "{:?}", page.set_cookies());
}

#[tokio::test]
async fn attack_101_a_spoofed_preview_stays_lax() {
    let world = previewed().await;
    for referer in ["https://evil.test/", "https://preview.test.evil.test/"] {
        framed_by(&world.browser(), referer).await.expect(200).expect_no_cookies();
    }
    let browser = world.browser();
    let evil = browser.visits("/").header("x-pwakit-preview-parent", "https://evil.test");
    let page = evil.await.expect(200);
    assert!(!page.set_cookies().is_empty());
    for line in page.set_cookies() {
        assert!(line.contains("SameSite=Lax") && !line.contains("Partitioned"), "{line}");
    }
    browser.stores_host_cookie(MARKER, "https://evil.test");
    world.minutes_pass(40);
    let page = browser.visits("/").await.expect(200);
    assert!(page.set_cookies().iter().all(|line| line.contains("SameSite=Lax")));
}

#[tokio::test]
async fn attack_101_without_a_list_no_frame_is_trusted() {
    let world = Scenario::private().start().await;
    // A frame on another site creates no session.
    let browser = world.browser();
    framed_by(&browser, "https://preview.test/").await.expect(200).expect_no_cookies();
}
