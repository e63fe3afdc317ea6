//! The source files, and the modules that they use.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src`, or of the simulator's.
#[derive(Clone)]
pub(super) struct Source {
    /// `["upstream", "slas", "calls"]`.
    pub(super) path: Vec<String>,
    pub(super) text: String,
}

impl Source {
    pub(super) fn module(&self) -> &str {
        &self.path[0]
    }

    /// What is compiled into the product: without comments and unit tests.
    pub(super) fn code(&self) -> String {
        let product = self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.map(|line| line.split(" // ").next().unwrap_or_default());
        code.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn named(&self, what: &str) -> String {
        format!("{} -> {what}", self.path.join("/"))
    }
}

pub(super) fn planted(path: &str, text: &str) -> Source {
    let path = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    Source { path, text: text.to_owned() }
}

/// The product.
pub(super) fn sources() -> Vec<Source> {
    sources_below("src")
}

/// The simulator: a crate of its own, so that the compiler keeps it from using the product.
pub(super) fn simulator() -> Vec<Source> {
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

/// The crate's modules that code at this depth names: by `crate::` or by enough `super::`.
pub(super) fn modules_used(code: &str, depth: usize) -> BTreeSet<String> {
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
pub(super) fn heads(path: &str) -> Vec<String> {
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
