//! `tandem print-config`: what the layers came to, without a secret in it.

use toml::{Table, Value};

use super::Layers;

/// A key that has one of these in its name holds a secret; so does one that should have been
/// `client_secret` or `seal_keys` but was misspelt.
const SECRET_WORDS: [&str; 4] = ["secret", "key", "password", "token"];

/// The merged configuration as TOML; a secret given in plain shows as `"***"`, one that points to
/// a variable or file shows where it points.
#[must_use]
pub fn redacted(layers: &Layers) -> String {
    let mut table = layers.table.clone();
    // The defaults of sites have gone into each site.
    table.remove("site");
    mask_table(&mut table);
    toml::to_string(&table).unwrap_or_default()
}

fn mask_table(table: &mut Table) {
    for (name, value) in table.iter_mut() {
        let secret = SECRET_WORDS.iter().any(|word| name.to_lowercase().contains(word));
        if secret { mask_secret(value) } else { mask(value) }
    }
}

fn mask(value: &mut Value) {
    match value {
        Value::Table(table) => mask_table(table),
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

fn mask_secret(value: &mut Value) {
    match value {
        Value::Table(table) if table.len() == 1 && is_pointer(table) => {}
        Value::Array(items) => items.iter_mut().for_each(mask_secret),
        other => *other = Value::String("***".to_owned()),
    }
}

fn is_pointer(table: &Table) -> bool {
    ["env", "file"].iter().any(|name| table.get(*name).is_some_and(Value::is_str))
}
