//! Secrets: a value, `{ env = "NAME" }` or `{ file = "path" }`.

use std::path::Path;

use secrecy::SecretString;
use toml::Value;

/// The forms that a secret may have, for an error message.
const FORMS: &str = "must be text, { env = \"NAME\" } or { file = \"path\" }";

/// The secret that `value` is or points to, or what is wrong with it.
pub(super) fn resolve(value: &Value) -> Result<SecretString, String> {
    let secret = match value {
        Value::String(text) => text.clone(),
        Value::Table(table) => match (table.len(), table.get("env"), table.get("file")) {
            (1, Some(Value::String(variable)), None) => from_variable(variable)?,
            (1, None, Some(Value::String(file))) => from_file(file)?,
            _ => return Err(FORMS.to_owned()),
        },
        _ => return Err(FORMS.to_owned()),
    };
    Ok(SecretString::from(secret))
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
