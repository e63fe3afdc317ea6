//! The errors of a configuration, collected while it is read.

use std::cell::RefCell;

use super::{ConfigError, Layers};

/// The errors found so far.
pub(super) struct Report<'a> {
    layers: &'a Layers,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self { layers, errors: RefCell::new(layers.strays.clone()) }
    }

    /// Adds an error, once: two readers may share a table.
    pub(super) fn error(&self, key: &str, message: &str) {
        let origin = self.layers.origin(key).to_owned();
        let error = ConfigError { key: key.to_owned(), origin, message: message.to_owned() };
        let mut errors = self.errors.borrow_mut();
        if !errors.contains(&error) {
            errors.push(error);
        }
    }

    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        self.errors.into_inner()
    }

    /// Whether the value of the dotted `key` comes from the environment.
    pub(super) fn is_variable(&self, key: &str) -> bool {
        self.layers.origin(key).starts_with("environment ")
    }
}
