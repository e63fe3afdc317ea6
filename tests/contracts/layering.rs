//! Which module may use which, checked in the sources: a dependency that is not on the list fails
//! here.

mod modules;
mod sources;

use std::collections::BTreeSet;

use modules::{BELOW_WEB, DEPENDENCIES};
use sources::{Source, heads, modules_used, planted, simulator, sources};

/// The core does without these: no network, no executor, no clock, no files, no environment.
const NOT_IN_THE_CORE: [&str; 14] = [
    "tokio",
    "tokio_util",
    "futures_util",
    "reqwest",
    "axum",
    "hyper",
    "hyper_util",
    "tower",
    "tower_http",
    "tracing",
    "std::fs",
    "std::net",
    "std::env",
    "std::time::",
];

const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
const LONGEST_FILE: usize = 400;

#[test]
fn every_dependency_between_modules_is_on_the_list() {
    let found: Vec<String> = sources().iter().flat_map(forbidden_dependencies).collect();
    assert!(found.is_empty(), "not on the list:\n{}", found.join("\n"));
}

#[test]
fn every_dependency_below_web_is_on_the_list_and_every_line_is_a_module() {
    let sources = sources();
    let below: Vec<&Source> =
        sources.iter().filter(|source| source.path.len() > 1 && source.path[0] == "web").collect();
    let modules: BTreeSet<&str> = below.iter().map(|source| source.path[1].as_str()).collect();
    let listed: BTreeSet<&str> = BELOW_WEB.iter().map(|(module, _)| *module).collect();
    assert_eq!(modules, listed);
    let found: Vec<String> = below.iter().flat_map(|source| forbidden_below_web(source)).collect();
    assert!(found.is_empty(), "not on the list:\n{}", found.join("\n"));
}

#[test]
fn no_module_depends_on_itself_through_others() {
    assert_eq!(circle(&DEPENDENCIES), None);
    assert_eq!(circle(&BELOW_WEB), None);
    let planted: [(&str, &[&str]); 3] = [("a", &["b"]), ("b", &["c"]), ("c", &["a"])];
    assert_eq!(circle(&planted).as_deref(), Some("a"));
}

#[test]
fn the_core_knows_no_network_no_clock_and_no_executor() {
    let found: Vec<String> = sources().iter().flat_map(impurities).collect();
    assert!(found.is_empty(), "not in the core:\n{}", found.join("\n"));
}

#[test]
fn every_module_is_on_the_list_and_every_line_of_the_list_is_a_module() {
    let sources = sources();
    let modules: BTreeSet<&str> = sources.iter().map(Source::module).collect();
    let mut listed: BTreeSet<&str> = DEPENDENCIES.iter().map(|(module, _)| *module).collect();
    listed.extend(["lib", "main"]);
    assert_eq!(modules, listed);
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let all = [sources(), simulator()].concat();
    let long = |source: &&Source| source.text.lines().count() > LONGEST_FILE;
    let long: Vec<_> = all.iter().filter(long).map(|source| source.path.join("/")).collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines: {long:?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let found: Vec<String> =
        [sources(), simulator()].concat().iter().flat_map(unfinished).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_forbidden_use_is_found() {
    for (path, line) in [
        ("flow/ensure_session.rs", "use crate::web::LogFields;"),
        ("flow/ensure_session.rs", "use crate::{ids::Usid, web};"),
        (
            "flow/ensure_session.rs",
            "use crate::{\n    ids::{Usid, SiteId},\n    upstream::{http, slas::Slas},\n};",
        ),
        ("flow/ensure_session.rs", "    let now = crate::clock::Clock::system();"),
        ("flow/ensure_session.rs", "use super::super::config::Config;"),
        ("flow.rs", "use super::config::Config;"),
        ("access_token.rs", "use crate::clock::Timestamp;"),
        ("upstream/slas/operations.rs", "use crate::web::LogFields;"),
        ("upstream/http.rs", "use crate::driver::drive;"),
        ("upstream/http.rs", "use super::super::web;"),
        ("driver.rs", "use crate::web::LogFields;"),
        ("app.rs", "fn f(fields: &crate::web::LogFields) {}"),
        ("cli/sandbox.rs", "use crate::upstream::slas::Slas;"),
        ("proxy/request_headers.rs", "use crate::app::App;"),
        ("config/site.rs", "use crate::upstream::http;"),
    ] {
        assert_eq!(forbidden_dependencies(&planted(path, line)).len(), 1, "{path}: {line}");
    }
    for (path, line) in [
        ("web/request_session/commit.rs", "use crate::web::pages::ProxiedRequest;"),
        ("web/headers.rs", "use crate::web::{bff, request_kind::RequestKind};"),
        ("web/pages.rs", "use crate::web::dispatch;"),
    ] {
        assert!(!forbidden_below_web(&planted(path, line)).is_empty(), "{path}: {line}");
    }
    for line in [
        "tokio::spawn(async {});",
        "use reqwest::Client;",
        "let t = std::time::Instant::now();",
        "use axum::Router;",
    ] {
        assert_eq!(impurities(&planted("flow/ensure_session.rs", line)).len(), 1, "{line}");
        assert_eq!(impurities(&planted("cookies.rs", line)).len(), 1, "{line}");
        assert_eq!(impurities(&planted("driver.rs", line)).len(), 0, "{line}");
    }
    for line in ["    todo!()", "dbg!(x);", "unimplemented!(\"later\")"] {
        assert_eq!(unfinished(&planted("web.rs", line)).len(), 1, "{line}");
    }
}

#[test]
fn a_permitted_use_is_not_found() {
    for (path, line) in [
        ("flow/ensure_session.rs", "use super::state::FlowState;"),
        ("flow/ensure_session.rs", "use crate::{ids::{Usid, SiteId}, model::Grant};"),
        ("upstream/slas/operations.rs", "use super::super::http::Sender;"),
        ("serve.rs", "use crate::web;"),
        ("cli/sandbox.rs", "use crate::config::{Config, Layers};"),
        ("cli/sandbox.rs", "use super::print;"),
        ("flow.rs", "//! See [`web`](crate::web) and tokio."),
        ("flow.rs", "let x = 1; // not crate::web"),
        (
            "flow.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::web::LogFields;\n    use tokio::spawn;\n}",
        ),
        ("flow.rs", "pub(crate) fn notokio() {}"),
    ] {
        let source = planted(path, line);
        assert_eq!(forbidden_dependencies(&source), [""; 0], "{path}: {line}");
        assert_eq!(impurities(&source), [""; 0], "{path}: {line}");
    }
}

fn forbidden_dependencies(source: &Source) -> Vec<String> {
    let own = source.module();
    if matches!(own, "lib" | "main") {
        return Vec::new();
    }
    let listed = DEPENDENCIES.iter().find(|(module, _)| *module == own);
    let listed = listed.map(|(_, permitted)| *permitted).unwrap_or_default();
    let permitted = |used: &str| used == own || listed.contains(&used);
    let used = modules_used(&source.code(), source.path.len());
    used.iter().filter(|used| !permitted(used)).map(|used| source.named(used)).collect()
}

/// What a file below `web` uses of the modules beside its own, against [`BELOW_WEB`].
fn forbidden_below_web(source: &Source) -> Vec<String> {
    let own = source.path[1].as_str();
    let permitted = BELOW_WEB.iter().find(|(module, _)| *module == own);
    let permitted = permitted.map(|(_, permitted)| *permitted).unwrap_or_default();
    let code = source.code();
    let used: BTreeSet<String> = code
        .match_indices("crate::web::")
        .flat_map(|(at, root)| heads(&code[at + root.len()..]))
        .collect();
    let is_module = |used: &str| BELOW_WEB.iter().any(|(module, _)| *module == used);
    let used = used.iter().filter(|used| is_module(used) && *used != own);
    used.filter(|used| !permitted.contains(&used.as_str())).map(|used| source.named(used)).collect()
}

/// A module of the list that can be reached from itself.
fn circle(list: &[(&str, &[&str])]) -> Option<String> {
    let uses = |module: &str| {
        let line = list.iter().find(|(listed, _)| *listed == module);
        line.map(|(_, uses)| *uses).unwrap_or_default()
    };
    let reaches_itself = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = uses(start).to_vec();
        while let Some(module) = next.pop() {
            if module == start {
                return true;
            }
            if seen.insert(module) {
                next.extend(uses(module));
            }
        }
        false
    };
    list.iter().map(|(module, _)| *module).find(|module| reaches_itself(module)).map(str::to_owned)
}

fn impurities(source: &Source) -> Vec<String> {
    if !matches!(
        source.module(),
        "access_token"
            | "cookies"
            | "flow"
            | "header_values"
            | "ids"
            | "lifetimes"
            | "model"
            | "timestamp"
    ) {
        return Vec::new();
    }
    let code = source.code();
    let names = |word: &str| {
        code.match_indices(word).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            let inside = |c: char| c.is_alphanumeric() || c == '_';
            !before.is_some_and(inside) && (word.ends_with(':') || !after.is_some_and(inside))
        })
    };
    let mut found: Vec<_> =
        NOT_IN_THE_CORE.iter().filter(|word| names(word)).map(|word| source.named(word)).collect();
    found.extend(
        [".await", "async fn"]
            .iter()
            .filter(|word| code.contains(*word))
            .map(|word| source.named(word)),
    );
    found
}

fn unfinished(source: &Source) -> Vec<String> {
    let found = UNFINISHED.iter().filter(|word| source.text.contains(*word));
    found.map(|word| source.named(word)).collect()
}
