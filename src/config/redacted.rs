//! `tandem print-config`: the merged layers, without any secret.

use toml::{Table, Value};

use super::Layers;

/// A key whose name contains one of these may hold a secret: also `client_secret` or `seal_keys`
/// when they are misspelt.
const SECRET_WORDS: [&str; 4] = ["secret", "key", "password", "token"];

/// The merged configuration as TOML. A secret that is written out is replaced by `"***"`; one that
/// points to a variable or file stays as it is.
#[must_use]
pub fn redacted(layers: &Layers) -> String {
    let mut table = layers.table.clone();
    // Every site has its own copy of the defaults.
    table.remove("site");
    redact_table(&mut table);
    toml::to_string(&table).unwrap_or_default()
}

fn redact_table(table: &mut Table) {
    for (name, value) in table.iter_mut() {
        let secret = SECRET_WORDS.iter().any(|word| name.to_lowercase().contains(word));
        if secret { redact_secret(value) } else { redact(value) }
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Table(table) => redact_table(table),
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

fn redact_secret(value: &mut Value) {
    match value {
        Value::Table(table) if table.len() == 1 && is_pointer(table) => {}
        Value::Array(items) => items.iter_mut().for_each(redact_secret),
        other => *other = Value::String("***".to_owned()),
    }
}

fn is_pointer(table: &Table) -> bool {
    ["env", "file"].iter().any(|name| table.get(*name).is_some_and(Value::is_str))
}
