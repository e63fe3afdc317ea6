//! What a visitor does and sees. Every check waits in bounded time for what it expects to see.

use std::time::Duration;

use fantoccini::cookies::Cookie;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::chromium::Chromium;
use super::shop::Shop;

/// Longer than any page here takes, also on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A visitor at the browser.
pub(crate) struct Visitor {
    client: Client,
    origin: String,
}

/// Starts `tandem sandbox` with `arguments` and a browser, runs `visit`, and ends both, also
/// after a failure.
pub(crate) async fn visit_sandbox<Visit>(
    name: &str,
    arguments: &[&str],
    visit: impl FnOnce(Visitor) -> Visit,
) where
    Visit: Future<Output = ()> + Send + 'static,
{
    let shop = Shop::open(arguments).await;
    let chromium = Chromium::start().await;
    self::visit(name, chromium, &shop.origin, visit).await;
}

/// Runs `visit` at the shop at `origin` and closes the browser, also after a failure.
pub(crate) async fn visit<Visit>(
    name: &str,
    chromium: Chromium,
    origin: &str,
    visit: impl FnOnce(Visitor) -> Visit,
) where
    Visit: Future<Output = ()> + Send + 'static,
{
    let visitor = Visitor { client: chromium.client.clone(), origin: origin.to_owned() };
    let visited = tokio::spawn(visit(visitor)).await;
    let failed = match visited {
        Ok(()) => None,
        Err(failed) => Some((failed, chromium.screenshot(name).await)),
    };
    chromium.close().await;
    if let Some((failed, screenshot)) = failed {
        eprintln!("screenshot: {}", screenshot.display());
        std::panic::resume_unwind(failed.into_panic());
    }
}

impl Visitor {
    /// Opens a path of the shop.
    pub(crate) async fn goes(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.expect("the page loads");
    }

    /// Opens an address anywhere.
    pub(crate) async fn goes_to(&self, address: &str) {
        self.client.goto(address).await.expect("the page loads");
    }

    /// Deletes every cookie, as a browser that has never been here.
    pub(crate) async fn forgets_all_cookies(&self) {
        self.client.delete_all_cookies().await.expect("a browser that forgets");
    }

    /// Loses one cookie, as a browser whose jar is full.
    pub(crate) async fn forgets_cookie(&self, name: &str) {
        self.client.delete_cookie(name).await.expect("a browser that forgets");
    }

    /// The page's own script posts a form, as those of a product page do. The status and the body.
    pub(crate) async fn sends_form(&self, path: &str, form: &str) -> (u64, String) {
        let script = "const [path, form, done] = arguments;
            fetch(path, {method: 'POST', body: new URLSearchParams(form)})
                .then(async (response) => done([response.status, await response.text()]),
                    (error) => done([0, String(error)]));";
        let arguments = vec![json!(path), json!(form)];
        let sent = self.client.execute_async(script, arguments).await.expect("a script that runs");
        let text = sent[1].as_str().unwrap_or_default().to_owned();
        (sent[0].as_u64().unwrap_or_default(), text)
    }

    /// The page's own script posts JSON.
    pub(crate) async fn posts(&self, path: &str, body: &Value) -> Value {
        let script = "const [path, body, done] = arguments;
            const headers = {'content-type': 'application/json'};
            fetch(path, {method: 'POST', headers, body: JSON.stringify(body)})
                .then((response) => response.json()).then(done, () => done(null));";
        let arguments = vec![json!(path), body.clone()];
        self.client.execute_async(script, arguments).await.expect("a script that runs")
    }

    /// Waits for the element and clicks it.
    pub(crate) async fn clicks(&self, selector: &str) {
        self.is_shown(selector).await;
        let element = self.client.find(Locator::Css(selector)).await.expect("an element");
        element.click().await.unwrap_or_else(|error| panic!("cannot click {selector}: {error}"));
    }

    pub(crate) async fn clicks_link(&self, text: &str) {
        let wait = self.client.wait().at_most(TIME_LIMIT);
        let link = wait.for_element(Locator::LinkText(text)).await;
        link.expect("a link").click().await.expect("a link that can be clicked");
    }

    /// Replaces the text of a field.
    pub(crate) async fn types(&self, selector: &str, text: &str) {
        self.is_shown(selector).await;
        let field = self.client.find(Locator::Css(selector)).await.expect("a field");
        field.clear().await.expect("a field that can be changed");
        field.send_keys(text).await.expect("a field that can be changed");
    }

    /// Waits until an element shows a text that contains `text`.
    pub(crate) async fn sees(&self, selector: &str, text: &str) {
        let (quoted, wanted) = (json!(selector), json!(text));
        let condition = format!(
            "[...document.querySelectorAll({quoted})].some((shown) => shown.checkVisibility() \
             && shown.textContent.includes({wanted}))"
        );
        self.until(&condition, &format!("{text:?} in {selector}")).await;
    }

    async fn is_shown(&self, selector: &str) {
        let condition = format!("document.querySelector({})?.checkVisibility()", json!(selector));
        self.until(&condition, selector).await;
    }

    /// Waits until a script expression is true on the page that is shown then.
    pub(crate) async fn until(&self, condition: &str, what: &str) {
        let start = Instant::now();
        let mut ticks = interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            // Between two pages the script fails.
            let held = self.client.execute(&format!("return Boolean({condition});"), vec![]).await;
            if matches!(held, Ok(Value::Bool(true))) {
                return;
            }
            if start.elapsed() > TIME_LIMIT {
                let shown = self.evaluates("document.body.innerText").await;
                panic!("does not see {what} in {TIME_LIMIT:?} but: {shown:#}");
            }
        }
    }

    pub(crate) async fn evaluates(&self, expression: &str) -> Value {
        let value = self.client.execute(&format!("return {expression};"), vec![]).await;
        value.expect("a script that runs")
    }

    pub(crate) async fn attribute(&self, selector: &str, name: &str) -> String {
        let element = self.client.find(Locator::Css(selector)).await.expect("an element");
        element.attr(name).await.expect("an element").expect("an attribute")
    }

    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.expect("a page").len()
    }

    /// A field of `GET /bff/session`, fetched by the page's own script.
    pub(crate) async fn session(&self, field: &str) -> String {
        let script = "const done = arguments[0];
            fetch('/bff/session').then((response) => response.json()).then(done, () => done(null));";
        let session = self.client.execute_async(script, vec![]).await.expect("a script that runs");
        session[field].as_str().unwrap_or_else(|| panic!("no {field} in {session}")).to_owned()
    }

    pub(crate) async fn cookies(&self) -> Vec<Cookie<'static>> {
        self.client.get_all_cookies().await.expect("the browser's cookies")
    }
}
