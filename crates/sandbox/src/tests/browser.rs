//! A client that visits ECOM's pages and stores cookies. It follows no redirect.

use std::collections::BTreeMap;

use axum::http::{Method, header};

use super::world::{LOGIN, PASSWORD, TestResponse, World};
use crate::DwSessionView;

pub(super) struct Browser<'a> {
    pub(super) world: &'a World,
    jar: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub(super) fn of(world: &'a World) -> Self {
        Self { world, jar: BTreeMap::new() }
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(String::as_str)
    }

    #[track_caller]
    pub(super) fn expect_cookie(&self, name: &str) -> String {
        self.cookie(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.names())).to_owned()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.jar.keys().map(String::as_str);
        names.filter(|name| !name.starts_with("dwanonymous_")).collect()
    }

    pub(super) fn set_cookie(&mut self, name: &str, value: &str) {
        self.jar.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn delete_cookie(&mut self, name: &str) {
        self.jar.remove(name);
    }

    /// The DW session of the stored `dwsid`.
    #[track_caller]
    pub(super) fn session(&self) -> DwSessionView {
        self.world.control.dw_session(&self.expect_cookie("dwsid")).unwrap()
    }

    /// The access token, joined from its pieces.
    pub(super) fn access_token(&self, name: &str) -> String {
        let piece = |number: u32| match number {
            1 => self.cookie(name),
            _ => self.cookie(&format!("{name}_{number}")),
        };
        (1..).map_while(piece).collect()
    }

    pub(super) async fn visits(&mut self, controller: &str) -> TestResponse {
        let response = self.world.visit(controller, &self.line()).await;
        self.store_cookies(&response);
        response
    }

    /// Sends a form with the token of the page `Login-Show`.
    pub(super) async fn submits(&mut self, target: &str, fields: &[(&str, &str)]) -> TestResponse {
        let token = self.visits("Login-Show").await.expect(200).csrf_token();
        self.posts(target, &[fields, &[("csrf_token", token.as_str())]].concat()).await
    }

    pub(super) async fn posts(&mut self, target: &str, fields: &[(&str, &str)]) -> TestResponse {
        let call = self.world.page(Method::POST, target).header("cookie", &self.line());
        let response = call.form(fields).send().await;
        self.store_cookies(&response);
        response
    }

    /// Logs the demo shopper in on ECOM's own page.
    pub(super) async fn logs_in(&mut self) -> TestResponse {
        self.submits("Account-Login", &[("loginEmail", LOGIN), ("loginPassword", PASSWORD)]).await
    }

    fn line(&self) -> String {
        let pairs = self.jar.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn store_cookies(&mut self, response: &TestResponse) {
        for line in response.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0;") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
