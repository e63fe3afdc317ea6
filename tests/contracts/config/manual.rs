//! `config/default.toml` is the manual: every key it shows is read, and no other key is accepted.

use std::collections::BTreeSet;

use tandem::config::ConfigError;
use toml::Value;

use super::{SITE, changed, good, load, problems, set};

const MANUAL: &str = include_str!("../../../config/default.toml");

/// Every key of the manual, also those it shows commented out, as dotted keys of a whole
/// configuration with one site.
fn keys() -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in MANUAL.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.replacen("site", "sites.0", 1);
        } else if let Some((name, _)) = line.trim_start_matches("# ").split_once(" = ")
            && !section.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            keys.push(format!("{section}.{name}"));
        }
    }
    keys
}

#[test]
fn the_manual_shows_every_key_once() {
    let keys = keys();
    let distinct: BTreeSet<&String> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    let mut leaves = Vec::new();
    for layer in [MANUAL, SITE] {
        collect(&Value::Table(layer.parse().unwrap()), "", &mut leaves);
    }
    let leaves: BTreeSet<String> = leaves.into_iter().collect();
    let shown: BTreeSet<String> = keys.into_iter().collect();
    assert_eq!(shown, leaves, "the shown keys are the keys of the file");
}

fn collect(value: &Value, key: &str, leaves: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                let name = if key.is_empty() && name == "site" { "sites.0" } else { name };
                let dotted = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
                collect(value, &dotted, leaves);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{key}.{index}"), leaves);
            }
        }
        _ => leaves.push(key.to_owned()),
    }
}

#[test]
fn every_key_of_the_manual_is_read() {
    good(SITE, &[]);
    for key in keys() {
        // No key takes a date: a key that is read is reported.
        let date = Value::Datetime("1979-05-27".parse().unwrap());
        let text = changed(|table| set(table, &key, date));
        let found = problems(&text, &[]);
        assert!(found.iter().any(|problem| problem.key == key), "{key} is not read: {found:?}");
        assert!(found.iter().all(|problem| problem.origin == "test.toml"), "{key}: {found:?}");
        assert_eq!(found.iter().filter(|problem| problem.key == key).count(), 1, "{key}: once");
    }
}

#[test]
fn every_misspelt_key_is_reported() {
    for key in keys() {
        let misspelt = format!("{key}x");
        let text = changed(|table| set(table, &misspelt, Value::Integer(1)));
        let expected = ConfigError {
            key: misspelt,
            origin: "test.toml".to_owned(),
            message: "is not a key of Tandem".to_owned(),
        };
        assert_eq!(problems(&text, &[]), [expected]);
        // The same as a default of all sites.
        if let Some(key) = key.strip_prefix("sites.0.") {
            let text = changed(|table| set(table, &format!("site.{key}x"), Value::Integer(1)));
            let found = problems(&text, &[]);
            assert_eq!(found[0].key, format!("sites.0.{key}x"));
            assert_eq!((found.len(), found[0].origin.as_str()), (1, "test.toml"));
        }
    }
}

#[test]
fn every_key_can_be_set_by_an_environment_variable() {
    for key in keys() {
        let path = key.replace("sites.0", "sites.refarch").replace('.', "__").to_uppercase();
        let variable = format!("TANDEM__{path}");
        let found = load(SITE, &[(&variable, "\u{1}")]);
        // Free text accepts this value; every key with a rule rejects it and names the variable.
        for problem in found.map_or_else(|problems| problems.0, |_| Vec::new()) {
            assert_eq!(problem.key, key);
            assert_eq!(problem.origin, format!("environment {variable}"));
        }
        let misspelt = format!("{variable}X");
        let [problem] = &problems(SITE, &[(&misspelt, "1")])[..] else { panic!("{misspelt}") };
        assert_eq!(problem.key, format!("{key}x"));
        assert_eq!(problem.origin, format!("environment {misspelt}"));
    }
}
