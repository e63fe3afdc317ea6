//! Who may use whom, read off the sources: a door that is not on the list fails here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of the crate, and the modules it may use. Nobody but `serve` has `web`.
const DOORS: [(&str, &[&str]); 27] = [
    ("allowlist", &["route"]),
    ("header_values", &["ids"]),
    ("ids", &[]),
    ("lifetimes", &[]),
    ("timestamp", &[]),
    ("telemetry", &[]),
    ("expiring_map", &[]),
    ("client_ip", &[]),
    ("metrics", &["telemetry"]),
    ("route", &[]),
    ("clock", &["timestamp"]),
    ("revocations", &["expiring_map", "ids", "model", "timestamp"]),
    ("flow", &["ids", "lifetimes", "model", "timestamp"]),
    ("model", &["ids", "timestamp"]),
    ("access_token", &["ids", "model", "timestamp"]),
    (
        "cookies",
        &["access_token", "flow", "header_values", "ids", "lifetimes", "model", "timestamp"],
    ),
    ("config", &["access_token", "cookies", "flow", "ids", "client_ip", "route"]),
    ("problem", &["flow", "header_values"]),
    ("proxy", &["config", "cookies", "header_values", "metrics", "client_ip", "problem"]),
    (
        "upstream",
        &[
            "access_token",
            "clock",
            "config",
            "cookies",
            "expiring_map",
            "flow",
            "header_values",
            "ids",
            "lifetimes",
            "metrics",
            "model",
            "timestamp",
        ],
    ),
    (
        "site",
        &[
            "access_token",
            "clock",
            "config",
            "cookies",
            "flow",
            "ids",
            "lifetimes",
            "metrics",
            "model",
            "revocations",
            "upstream",
        ],
    ),
    ("driver", &["flow", "ids", "model", "site", "upstream"]),
    ("app", &["clock", "config", "metrics", "proxy", "site"]),
    ("admin", &["metrics"]),
    (
        "web",
        &[
            "access_token",
            "app",
            "clock",
            "config",
            "cookies",
            "driver",
            "allowlist",
            "flow",
            "header_values",
            "ids",
            "lifetimes",
            "metrics",
            "model",
            "client_ip",
            "problem",
            "proxy",
            "revocations",
            "route",
            "site",
            "upstream",
        ],
    ),
    ("serve", &["admin", "app", "client_ip", "clock", "config", "web"]),
    ("cli", &["app", "clock", "config", "serve", "telemetry"]),
];

/// Every module below `web`, and the modules beside it that it may use: features (`bff`, `pages`, the
/// proxies, forward-auth) use a request's session, and the session uses no feature.
const BELOW_WEB: [(&str, &[&str]); 16] = [
    (
        "api_proxy",
        &[
            "csrf",
            "headers",
            "incoming",
            "pages",
            "request_kind",
            "request_log",
            "request_session",
            "site_lookup",
            "slas_proxy",
            "tokens",
        ],
    ),
    ("bff", &["headers", "redirect", "request_kind", "request_session"]),
    ("csrf", &["request_kind"]),
    (
        "dispatch",
        &[
            "api_proxy",
            "csrf",
            "incoming",
            "pages",
            "request_kind",
            "request_log",
            "request_session",
            "site_lookup",
            "slas_proxy",
        ],
    ),
    (
        "forward_auth",
        &[
            "api_proxy",
            "csrf",
            "dispatch",
            "headers",
            "incoming",
            "pages",
            "redirect",
            "request_kind",
            "request_session",
            "site_lookup",
            "slas_proxy",
        ],
    ),
    ("headers", &[]),
    ("incoming", &["request_kind"]),
    ("layers", &["csrf", "forward_auth", "headers", "request_log", "site_lookup"]),
    (
        "pages",
        &["headers", "incoming", "redirect", "request_kind", "request_log", "request_session"],
    ),
    ("redirect", &[]),
    ("request_kind", &[]),
    ("request_log", &[]),
    ("request_session", &["headers", "request_log"]),
    ("site_lookup", &["request_log"]),
    (
        "slas_proxy",
        &[
            "csrf",
            "headers",
            "incoming",
            "request_kind",
            "request_log",
            "request_session",
            "site_lookup",
            "tokens",
        ],
    ),
    ("tokens", &["request_session"]),
];

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
fn every_door_between_modules_is_on_the_list() {
    let found: Vec<String> = sources().iter().flat_map(forbidden_doors).collect();
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
    assert_eq!(circle(&DOORS), None);
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
    let mut listed: BTreeSet<&str> = DOORS.iter().map(|(module, _)| *module).collect();
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
        assert_eq!(forbidden_doors(&planted(path, line)).len(), 1, "{path}: {line}");
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
        assert_eq!(forbidden_doors(&source), [""; 0], "{path}: {line}");
        assert_eq!(impurities(&source), [""; 0], "{path}: {line}");
    }
}

/// A file of `src`, or of the simulator's.
#[derive(Clone)]
struct Source {
    /// `["upstream", "slas", "calls"]`.
    path: Vec<String>,
    text: String,
}

impl Source {
    fn module(&self) -> &str {
        &self.path[0]
    }

    /// What is compiled into the product: without comments and unit tests.
    fn code(&self) -> String {
        let product = self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.map(|line| line.split(" // ").next().unwrap_or_default());
        code.collect::<Vec<_>>().join("\n")
    }

    fn named(&self, what: &str) -> String {
        format!("{} -> {what}", self.path.join("/"))
    }
}

fn planted(path: &str, text: &str) -> Source {
    let path = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    Source { path, text: text.to_owned() }
}

/// The product.
fn sources() -> Vec<Source> {
    sources_below("src")
}

/// The simulator: a crate of its own, so that the compiler keeps it from using the product.
fn simulator() -> Vec<Source> {
    sources_below("crates/sandbox/src")
}

fn sources_below(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().with_extension("");
        let path = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        Source { path, text: fs::read_to_string(&file).unwrap() }
    };
    let sources: Vec<Source> = files.into_iter().map(read).collect();
    assert!(sources.len() > 50, "the sources were found");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn forbidden_doors(source: &Source) -> Vec<String> {
    let own = source.module();
    if matches!(own, "lib" | "main") {
        return Vec::new();
    }
    let doors = DOORS.iter().find(|(module, _)| *module == own);
    let doors = doors.map(|(_, doors)| *doors).unwrap_or_default();
    let permitted = |used: &str| used == own || doors.contains(&used);
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

/// The crate's modules that code at this depth names: by `crate::` or by enough `super::`.
fn modules_used(code: &str, depth: usize) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let supers = "super::".repeat(depth);
    for root in ["crate::", supers.as_str()] {
        for (at, _) in code.match_indices(root) {
            let boundary = code[..at].chars().next_back();
            if !boundary
                .is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':' | '$'))
            {
                used.extend(heads(&code[at + root.len()..]));
            }
        }
    }
    used
}

/// `web::LogFields` → `web`; `{ids::{Usid}, web}` → `ids`, `web`.
fn heads(path: &str) -> Vec<String> {
    let ident = |text: &str| {
        let name: String =
            text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // An upper-case name is an item of the crate's root; there are none.
        (!name.is_empty()).then_some(name)
    };
    let Some(group) = path.strip_prefix('{') else { return ident(path).into_iter().collect() };
    let mut nested = 0;
    let mut found = Vec::new();
    let mut begins = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => nested += 1,
            '}' if nested == 0 => break,
            '}' => nested -= 1,
            ',' if nested == 0 => begins = true,
            _ if begins && !character.is_whitespace() => {
                found.extend(ident(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
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
