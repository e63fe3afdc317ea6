//! Typed reading of one table. Errors are collected, so that all of them are reported at once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;
use toml::{Table, Value};

use super::parse::{self, Origin};
use super::report::Report;
use super::secret;
use crate::client_ip::TrustedProxies;

/// Reads all fields of a struct before it returns at the first `None`, so that every error is
/// reported. Each value is an `Option`, and may use the fields above it, which are `Option`s too.
macro_rules! read_fields {
    ($type:ident { $($field:ident: $value:expr),+ $(,)? }) => {{
        $(let $field = $value;)+
        Some($type { $($field: $field?),+ })
    }};
}

pub(super) use read_fields;

/// One table of the configuration.
pub(super) struct Section<'a> {
    table: &'a Table,
    path: String,
    /// Keys that have been read.
    known: RefCell<BTreeSet<String>>,
    report: &'a Report<'a>,
}

static EMPTY: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::new);

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) fn root(table: &'a Table, report: &'a Report<'a>) -> Self {
        Self { table, path: String::new(), known: RefCell::default(), report }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(name.to_owned());
        self.table.get(name)
    }

    /// Whether the value of `name` comes from the environment, where everything is text.
    fn is_variable(&self, name: &str) -> bool {
        self.report.is_variable(&self.key(name))
    }

    /// Reports an error of the key `name`.
    pub(super) fn error(&self, name: &str, message: &str) {
        self.report.error(&self.key(name), message);
    }

    /// Reports that the key `name` must be something else.
    pub(super) fn must_be<T>(&self, name: &str, expected: &str) -> Option<T> {
        self.error(name, &format!("must be {expected}"));
        None
    }

    /// The table `name`; an empty one, with an error, if it is something else.
    pub(super) fn section(&self, name: &str) -> Self {
        let table = match self.get(name) {
            Some(Value::Table(table)) => table,
            None => &EMPTY,
            Some(_) => {
                self.error(name, "must be a table");
                &EMPTY
            }
        };
        Section { table, path: self.key(name), known: RefCell::default(), report: self.report }
    }

    /// Reads the table `name` with `read`. A key that it does not read is an error.
    pub(super) fn within<T>(&self, name: &str, read: impl FnOnce(&Self) -> T) -> T {
        let section = self.section(name);
        let value = read(&section);
        section.finish();
        value
    }

    /// Reads each table of the list `name` with `read`. A key that it does not read is an error.
    pub(super) fn each<T>(&self, name: &str, mut read: impl FnMut(&Self) -> T) -> Vec<T> {
        let Some(Value::Array(items)) = self.get(name) else {
            if self.has(name) {
                self.error(name, "must be a list of tables");
            }
            return Vec::new();
        };
        let section = |(index, item): (usize, &'a Value)| {
            let Value::Table(table) = item else { return self.must_be(name, "a list of tables") };
            let path = format!("{}.{index}", self.key(name));
            Some(Section { table, path, known: RefCell::default(), report: self.report })
        };
        let sections = items.iter().enumerate().filter_map(section);
        sections
            .map(|section| {
                let value = read(&section);
                section.finish();
                value
            })
            .collect()
    }

    /// Reads the key `name` with `read`, if the key is present.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Self, &str) -> Option<T>,
    ) -> Option<T> {
        if self.has(name) { read(self, name) } else { None }
    }

    /// Text that may be absent; empty counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text),
            _ => self.must_be(name, "text"),
        }
    }

    /// Text that is required and that `parse` accepts.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let is_given = self.table.get(name).is_some_and(|value| value.as_str() != Some(""));
        if !is_given {
            self.get(name);
            return self.must_be(name, "given");
        }
        self.parse_optional(name, parse)
    }

    /// Text that `parse` accepts, if there is any.
    pub(super) fn parse_optional<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(self.text(name)?).map_err(|message| self.error(name, &message)).ok()
    }

    /// One of several words; required.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.parse(name, |text| {
            let found = choices.iter().find(|(word, _)| *word == text);
            let words = || choices.iter().map(|(w, _)| format!("\"{w}\"")).collect::<Vec<_>>();
            found
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("must be {}", words().join(" or ")))
        })
    }

    /// One of several words, if the key is present.
    pub(super) fn word<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.optional(name, |section, name| section.choice(name, choices))
    }

    /// Whether the key is present.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        let value = match self.get(name) {
            Some(Value::Boolean(value)) => Some(*value),
            Some(Value::String(text)) if self.is_variable(name) => text.parse().ok(),
            _ => None,
        };
        value.or_else(|| self.must_be(name, "true or false"))
    }

    /// A whole number of at least `least`.
    pub(super) fn number(&self, name: &str, least: usize) -> Option<usize> {
        let number = match self.get(name) {
            Some(Value::Integer(number)) => usize::try_from(*number).ok(),
            Some(Value::String(text)) if self.is_variable(name) => text.parse().ok(),
            _ => None,
        };
        let expected = || format!("a whole number of at least {least}");
        number.filter(|number| *number >= least).or_else(|| self.must_be(name, &expected()))
    }

    /// A number of milliseconds, at least `least`.
    pub(super) fn millis(&self, name: &str, least: usize) -> Option<Duration> {
        self.number(name, least).map(|number| Duration::from_millis(number as u64))
    }

    /// A list of texts; empty if it is absent.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.get(name) {
            None => Some(Vec::new()),
            Some(Value::String(text)) if self.is_variable(name) => {
                Some(text.split(',').map(|item| item.trim().to_owned()).collect())
            }
            Some(Value::Array(items)) if items.iter().all(Value::is_str) => {
                Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Some(_) => self.must_be(name, "a list of texts"),
        }
    }

    /// A list of texts, if `parse` accepts all of them; `expected` says what they must be.
    pub(super) fn list<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let values: Option<_> = self.texts(name)?.iter().map(|text| parse(text)).collect();
        values.or_else(|| self.must_be(name, expected))
    }

    /// A list of networks. A single address is a network of one.
    pub(super) fn networks(&self, name: &str) -> Option<TrustedProxies> {
        let skip_empty = |text: &str| match text {
            "" => Some(None),
            text => parse::network(text).map(Some),
        };
        let networks = self.list(name, "networks, like 10.0.0.0/8 or fd00::/8", skip_empty)?;
        Some(TrustedProxies::new(networks.into_iter().flatten().collect()))
    }

    /// A list of origins. Invalid ones are reported and left out.
    pub(super) fn origins(&self, name: &str) -> Vec<Origin> {
        let report = |text: &str, message: &str| self.error(name, &format!("\"{text}\" {message}"));
        let parse = |text: &String| Origin::parse(text).map_err(|message| report(text, &message));
        self.texts(name).iter().flatten().filter_map(|text| parse(text).ok()).collect()
    }

    /// A list of paths. Invalid ones are reported and kept.
    pub(super) fn paths(&self, name: &str) -> Vec<String> {
        let paths = self.texts(name).unwrap_or_default();
        if paths.iter().any(|path| parse::path(path).is_err()) {
            self.error(name, "must be a list of paths that begin with /");
        }
        paths
    }

    /// A secret that may be absent; empty counts as absent.
    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        let value = self.get(name).filter(|value| value.as_str() != Some(""))?;
        self.resolve(name, value)
    }

    /// A list of secrets; `None` if one of them cannot be read.
    pub(super) fn secrets(&self, name: &str) -> Option<Vec<SecretString>> {
        match self.get(name) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) => {
                // First all of them, so that every error is reported.
                let secrets: Vec<_> = items.iter().map(|item| self.resolve(name, item)).collect();
                secrets.into_iter().collect()
            }
            Some(Value::String(text)) if self.is_variable(name) => {
                Some(text.split(',').map(|item| SecretString::from(item.trim())).collect())
            }
            Some(_) => self.must_be(name, "a list of secrets"),
        }
    }

    fn resolve(&self, name: &str, value: &Value) -> Option<SecretString> {
        secret::resolve(value).map_err(|message| self.error(name, &message)).ok()
    }

    /// Marks the key as read: another reader uses it.
    pub(super) fn read_elsewhere(&self, name: &str) {
        self.known.borrow_mut().insert(name.to_owned());
    }

    /// Reports every key that has not been read.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for name in self.table.keys().filter(|name| !known.contains(*name)) {
            self.error(name, "is not a key of Tandem");
        }
    }
}
