//! Reads typed values out of the merged table and collects what is wrong, instead of stopping at
//! the first fault.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use toml::{Table, Value};

use super::{ConfigError, Layers};

/// The problems found so far.
pub(super) struct Report<'a> {
    layers: &'a Layers,
    problems: RefCell<Vec<ConfigError>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: RefCell::new(layers.strays.clone()) }
    }

    pub(super) fn root<'r>(&'r self, table: &'r Table) -> Section<'r> {
        Section { table, path: String::new(), known: RefCell::default(), report: self }
    }

    pub(super) fn problem(&self, key: &str, message: &str) {
        let origin = self.layers.origin(key).to_owned();
        let problem = ConfigError { key: key.to_owned(), origin, message: message.to_owned() };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<ConfigError> {
        self.problems.into_inner()
    }

    fn is_variable(&self, key: &str) -> bool {
        self.layers.origin(key).starts_with("environment ")
    }
}

/// One table of the configuration.
pub(super) struct Section<'a> {
    table: &'a Table,
    path: String,
    known: RefCell<BTreeSet<String>>,
    report: &'a Report<'a>,
}

static EMPTY: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::new);

impl<'a> Section<'a> {
    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(name.to_owned());
        self.table.get(name)
    }

    pub(super) fn problem(&self, name: &str, message: &str) {
        self.report.problem(&self.key(name), message);
    }

    fn mistyped<T>(&self, name: &str, wanted: &str) -> Option<T> {
        self.problem(name, &format!("must be {wanted}"));
        None
    }

    /// The table `name`; an empty one, with a problem, if it is something else.
    pub(super) fn section(&self, name: &str) -> Self {
        let table = match self.get(name) {
            Some(Value::Table(table)) => table,
            None => &EMPTY,
            Some(_) => {
                self.problem(name, "must be a table");
                &EMPTY
            }
        };
        Section { table, path: self.key(name), known: RefCell::default(), report: self.report }
    }

    /// The tables of the list `name`.
    pub(super) fn sections(&self, name: &str) -> Vec<Self> {
        let Some(Value::Array(items)) = self.get(name) else {
            if self.table.contains_key(name) {
                self.problem(name, "must be a list of tables");
            }
            return Vec::new();
        };
        let section = |(index, item): (usize, &'a Value)| {
            let path = format!("{}.{index}", self.key(name));
            match item {
                Value::Table(table) => {
                    Some(Section { table, path, known: RefCell::default(), report: self.report })
                }
                _ => self.mistyped(name, "a list of tables"),
            }
        };
        items.iter().enumerate().filter_map(section).collect()
    }

    /// Text that may be absent; empty counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text),
            _ => self.mistyped(name, "text"),
        }
    }

    /// Text that must be there and parse.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let given = self.table.get(name).is_some_and(|value| value.as_str() != Some(""));
        if !given {
            self.get(name);
            return self.mistyped(name, "given");
        }
        self.parse_optional(name, parse)
    }

    /// Text that must parse if it is there.
    pub(super) fn parse_optional<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(name, &message);
                None
            }
        }
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.parse(name, |text| {
            let found = choices.iter().find(|(word, _)| *word == text);
            let words = || choices.iter().map(|(w, _)| format!("\"{w}\"")).collect::<Vec<_>>();
            found
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("must be {}", words().join(" or ")))
        })
    }

    /// One of several words, or nothing.
    pub(super) fn word<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        if self.has(name) { self.choice(name, choices) } else { None }
    }

    /// Whether the key is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Boolean(value)) => Some(*value),
            Some(Value::String(text)) if self.report.is_variable(&self.key(name)) => {
                text.parse().ok().or_else(|| self.mistyped(name, "true or false"))
            }
            _ => self.mistyped(name, "true or false"),
        }
    }

    /// A whole number of at least `least`.
    pub(super) fn number(&self, name: &str, least: usize) -> Option<usize> {
        let number = match self.get(name) {
            Some(Value::Integer(number)) => usize::try_from(*number).ok(),
            Some(Value::String(text)) if self.report.is_variable(&self.key(name)) => {
                text.parse().ok()
            }
            _ => None,
        };
        let wanted = || format!("a whole number of at least {least}");
        number.filter(|number| *number >= least).or_else(|| self.mistyped(name, &wanted()))
    }

    pub(super) fn millis(&self, name: &str, least: usize) -> Option<Duration> {
        self.number(name, least).map(|number| Duration::from_millis(number as u64))
    }

    /// A list of texts; `None` if it is something else.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.get(name) {
            None => Some(Vec::new()),
            Some(Value::String(text)) if self.report.is_variable(&self.key(name)) => {
                Some(text.split(',').map(|item| item.trim().to_owned()).collect())
            }
            Some(Value::Array(items)) if items.iter().all(Value::is_str) => {
                Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Some(_) => self.mistyped(name, "a list of texts"),
        }
    }

    /// A secret that may be absent: a value, `{ env = "NAME" }` or `{ file = "path" }`.
    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        let value = self.get(name)?;
        self.resolve(name, value)
    }

    /// A list of secrets; `None` if one of them is not to be had.
    pub(super) fn secrets(&self, name: &str) -> Option<Vec<SecretString>> {
        match self.get(name) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => {
                let secret = |item: &Value| match item {
                    Value::String(text) => Some(SecretString::from(text.as_str())),
                    pointer => self.resolve(name, pointer),
                };
                // First all of them, so that every fault is told.
                let secrets: Vec<_> = items.iter().map(secret).collect();
                secrets.into_iter().collect()
            }
            Some(Value::String(text)) if self.report.is_variable(&self.key(name)) => {
                Some(text.split(',').map(|item| SecretString::from(item.trim())).collect())
            }
            Some(_) => self.mistyped(name, "a list of secrets"),
        }
    }

    fn resolve(&self, name: &str, value: &Value) -> Option<SecretString> {
        let resolved = match value {
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => Ok(text.clone()),
            Value::Table(table) => match (table.len(), table.get("env"), table.get("file")) {
                (1, Some(Value::String(variable)), None) => from_variable(variable),
                (1, None, Some(Value::String(file))) => from_file(file),
                _ => return self.mistyped(name, "text, { env = \"NAME\" } or { file = \"path\" }"),
            },
            _ => return self.mistyped(name, "text, { env = \"NAME\" } or { file = \"path\" }"),
        };
        match resolved {
            Ok(text) => Some(SecretString::from(text)),
            Err(message) => {
                self.problem(name, &message);
                None
            }
        }
    }

    /// Takes every key of this table as known: somebody else reads it.
    pub(super) fn ignore(&self) {
        self.known.borrow_mut().extend(self.table.keys().cloned());
    }

    /// Takes the key as known: it is read together with others.
    pub(super) fn read_elsewhere(&self, name: &str) {
        self.known.borrow_mut().insert(name.to_owned());
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for name in self.table.keys().filter(|name| !known.contains(*name)) {
            self.problem(name, "is not a key of Tandem");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a secret the configuration points to")]
fn from_variable(variable: &str) -> Result<String, String> {
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(format!("the environment variable {variable} is not set")),
    }
}

fn from_file(file: &str) -> Result<String, String> {
    match std::fs::read_to_string(Path::new(file)) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Ok(_) => Err(format!("the file {file} is empty")),
        Err(error) => Err(format!("the file {file} cannot be read: {error}")),
    }
}
