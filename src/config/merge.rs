//! Defaults, file and environment, merged into one table that records where each key comes from.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::{ConfigError, ConfigErrors};

const DEFAULTS: &str = include_str!("../../config/default.toml");
const PREFIX: &str = "TANDEM__";

/// The merged layers.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    pub(super) table: Table,
    origins: BTreeMap<String, String>,
    /// The file that an absent key should be in.
    file: String,
    /// Variables that name no key of the table.
    pub(super) strays: Vec<ConfigError>,
}

impl Layers {
    /// The defaults, `file`, and the variables of this process.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let name = file.display().to_string();
        let unreadable = |error: std::io::Error| {
            ConfigErrors(vec![ConfigError {
                key: "--config".to_owned(),
                origin: name.clone(),
                message: format!("cannot be read: {error}"),
            }])
        };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        Self::merge(&name, &text, variables()?)
    }

    /// The defaults, a file's text, and `variables`.
    pub fn merge(
        name: &str,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let mut layers = Self { file: name.to_owned(), ..Self::default() };
        for (origin, text) in [("the defaults", DEFAULTS), (name, text)] {
            let table = text.parse::<Table>().map_err(|error| {
                let message = not_toml(text, &error);
                let key = "--config".to_owned();
                ConfigErrors(vec![ConfigError { key, origin: origin.to_owned(), message }])
            })?;
            overlay(&mut layers.table, table, "", origin, &mut layers.origins);
        }
        for (variable, value) in variables {
            layers.set_variable(&variable, value);
        }
        layers.copy_defaults_into_sites();
        Ok(layers)
    }

    /// Where the dotted `key` was set; the file that it belongs in if it was not.
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
        let path = variable.strip_prefix(PREFIX).unwrap_or(variable).to_lowercase();
        let origin = format!("environment {variable}");
        match entry(&mut self.table, &path) {
            Some((table, name, key)) => {
                table.insert(name, Value::String(value));
                self.origins.insert(key, origin);
            }
            None => self.strays.push(ConfigError {
                key: path.replace("__", "."),
                origin,
                message: "is not a key of Tandem, or of a site that is not there".to_owned(),
            }),
        }
    }

    fn copy_defaults_into_sites(&mut self) {
        let defaults = match self.table.get("site") {
            Some(Value::Table(defaults)) => defaults.clone(),
            _ => Table::new(),
        };
        if let Some(Value::Array(sites)) = self.table.get_mut("sites") {
            for (index, site) in sites.iter_mut().enumerate() {
                let Value::Table(site) = site else { continue };
                underlay(site, &defaults, "site", &format!("sites.{index}"), &mut self.origins);
            }
        }
    }
}

/// The variables of this process that begin with the prefix.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn variables() -> Result<Vec<(String, String)>, ConfigErrors> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
        Some((name, value))
    });
    variables
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigErrors(vec![ConfigError {
                key: name[PREFIX.len()..].to_lowercase().replace("__", "."),
                origin: format!("environment {name}"),
                message: "is not UTF-8".to_owned(),
            }])),
        })
        .collect()
}

/// The line itself may hold a secret, so only its number is printed.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("is not TOML: line {line}: {}", error.message().trim_end())
}

/// The table that a variable's key belongs in, its name there, and its dotted path. An entry of the
/// list of sites is selected by its id.
fn entry<'t>(mut table: &'t mut Table, path: &str) -> Option<(&'t mut Table, String, String)> {
    let mut key = String::new();
    let (parents, last) = path.rsplit_once("__").unwrap_or(("", path));
    let mut parents = parents.split("__").filter(|_| !parents.is_empty());
    while let Some(parent) = parents.next() {
        push(&mut key, parent);
        let slot = table.entry(parent).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Array(sites) = slot {
            let wanted = parents.next()?;
            let index = sites.iter().position(|site| is_site(site, wanted))?;
            push(&mut key, &index.to_string());
            table = sites[index].as_table_mut()?;
        } else {
            if !slot.is_table() {
                *slot = Value::Table(Table::new());
            }
            table = slot.as_table_mut()?;
        }
    }
    push(&mut key, last);
    Some((table, last.to_owned(), key))
}

/// Whether a segment of a variable names the site: its id, with `_` for all but letters and digits.
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

/// Copies into `table`, which is at `to`, the keys of `defaults` (at `from`) that it lacks.
fn underlay(
    table: &mut Table,
    defaults: &Table,
    from: &str,
    to: &str,
    origins: &mut BTreeMap<String, String>,
) {
    for (name, default) in defaults {
        let [from, to] = [from, to].map(|path| format!("{path}.{name}"));
        match default {
            Value::Table(default) => {
                let slot = table.entry(name.as_str()).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(inner) = slot {
                    underlay(inner, default, &from, &to, origins);
                }
            }
            default if !table.contains_key(name) => {
                table.insert(name.clone(), default.clone());
                if let Some(origin) = origins.get(&from).cloned() {
                    origins.insert(to, origin);
                }
            }
            _ => {}
        }
    }
}

fn push(key: &mut String, name: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    key.push_str(name);
}
