//! Defaults, file and environment, merged into one table that remembers where each key came from.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::{Problem, Problems};

const DEFAULTS: &str = include_str!("../../config/default.toml");
const PREFIX: &str = "TANDEM__";

/// The merged layers.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    pub(super) table: Table,
    origins: BTreeMap<String, String>,
    /// The file an absent key should have been in.
    file: String,
}

impl Layers {
    /// The defaults, `file`, and the variables of this process.
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub fn load(file: &Path) -> Result<Self, Problems> {
        let name = file.display().to_string();
        let unreadable = |error: std::io::Error| {
            Problems(vec![Problem {
                key: "--config".to_owned(),
                origin: name.clone(),
                message: format!("cannot be read: {error}"),
            }])
        };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let variables = std::env::vars().filter(|(name, _)| name.starts_with(PREFIX));
        Self::merge(&name, &text, variables)
    }

    /// The defaults, a file's text, and `variables`.
    pub fn merge(
        name: &str,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let mut layers = Self { file: name.to_owned(), ..Self::default() };
        for (origin, text) in [("the defaults", DEFAULTS), (name, text)] {
            let table = text.parse::<Table>().map_err(|error| {
                let message = format!("is not TOML: {}", error.to_string().trim_end());
                let key = "--config".to_owned();
                Problems(vec![Problem { key, origin: origin.to_owned(), message }])
            })?;
            overlay(&mut layers.table, table, "", origin, &mut layers.origins);
        }
        for (variable, value) in variables {
            layers.set_variable(&variable, value);
        }
        layers.give_sites_their_defaults();
        Ok(layers)
    }

    /// Where the dotted `key` was set; the file it belongs in if it was not.
    pub(super) fn origin(&self, key: &str) -> &str {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return origin;
            }
            match key.rfind('.') {
                Some(dot) => key = &key[..dot],
                None => return &self.file,
            }
        }
    }

    fn set_variable(&mut self, variable: &str, value: String) {
        let path = variable.strip_prefix(PREFIX).unwrap_or(variable);
        let segments: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let Some((last, parents)) = segments.split_last() else { return };
        let mut key = String::new();
        let mut table = &mut self.table;
        let mut parents = parents.iter();
        while let Some(parent) = parents.next() {
            let slot = table.entry(parent.clone()).or_insert_with(|| Value::Table(Table::new()));
            push(&mut key, parent);
            table = match slot {
                Value::Table(inner) => inner,
                Value::Array(sites) => {
                    let Some(wanted) = parents.next() else { return };
                    let Some(index) = sites.iter().position(|site| is_site(site, wanted)) else {
                        self.origins.insert(key.clone(), format!("environment {variable}"));
                        return;
                    };
                    push(&mut key, &index.to_string());
                    let Some(Value::Table(site)) = sites.get_mut(index) else { return };
                    site
                }
                other => {
                    *other = Value::Table(Table::new());
                    let Value::Table(inner) = other else { return };
                    inner
                }
            };
        }
        push(&mut key, last);
        table.insert(last.clone(), Value::String(value));
        self.origins.insert(key, format!("environment {variable}"));
    }

    fn give_sites_their_defaults(&mut self) {
        let defaults = match self.table.get("site") {
            Some(Value::Table(defaults)) => defaults.clone(),
            _ => Table::new(),
        };
        if let Some(Value::Array(sites)) = self.table.get_mut("sites") {
            for site in sites.iter_mut().filter_map(Value::as_table_mut) {
                underlay(site, &defaults);
            }
        }
    }
}

/// Whether a variable's segment names the site: its id, with `_` for everything odd.
fn is_site(site: &Value, segment: &str) -> bool {
    let id = site.get("id").and_then(Value::as_str).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    id.chars().map(plain).eq(segment.chars())
}

fn overlay(
    base: &mut Table,
    over: Table,
    path: &str,
    origin: &str,
    origins: &mut BTreeMap<String, String>,
) {
    for (name, value) in over {
        let mut key = path.to_owned();
        push(&mut key, &name);
        match (base.get_mut(&name), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => {
                overlay(inner, value, &key, origin, origins);
            }
            (_, Value::Table(value)) => {
                let mut inner = Table::new();
                origins.insert(key.clone(), origin.to_owned());
                overlay(&mut inner, value, &key, origin, origins);
                base.insert(name, Value::Table(inner));
            }
            (_, value) => {
                origins.insert(key, origin.to_owned());
                base.insert(name, value);
            }
        }
    }
}

fn underlay(table: &mut Table, defaults: &Table) {
    for (name, default) in defaults {
        match (table.get_mut(name), default) {
            (Some(Value::Table(inner)), Value::Table(default)) => underlay(inner, default),
            (Some(_), _) => {}
            (None, _) => {
                table.insert(name.clone(), default.clone());
            }
        }
    }
}

fn push(key: &mut String, name: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    key.push_str(name);
}
