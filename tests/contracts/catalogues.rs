//! The numbered catalogues in `docs` and the numbers in test names are equal: no number without a
//! definition, no definition without a test unless it is marked **open**.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The word in test names, the page that defines its numbers, and whether the numbers have gaps.
const CATALOGUES: [(&str, &str, Numbers); 4] = [
    ("promise", "docs/promises.md", Numbers::Consecutive),
    ("attack", "docs/threats.md", Numbers::Consecutive),
    ("fault", "docs/faults.md", Numbers::Consecutive),
    ("kind", "docs/field.md", Numbers::WithGaps),
];

const SOURCES: [&str; 3] = ["src", "crates", "tests"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    Consecutive,
    WithGaps,
}

/// One line of a catalogue that begins with a number.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    number: u32,
    open: bool,
}

/// A number in the name of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    word: &'static str,
    number: u32,
    test: String,
}

/// The entries of `text`: lines like "- `attack_7` **Title.**" or "- `attack_8` **open** ...".
fn entries(word: &str, text: &str) -> Vec<Entry> {
    text.lines().filter_map(|line| entry(word, line)).collect()
}

fn entry(word: &str, line: &str) -> Option<Entry> {
    let (number, rest) = line.strip_prefix("- `")?.strip_prefix(word)?.split_once("` ")?;
    let number = number.strip_prefix('_')?.parse().ok()?;
    Some(Entry { number, open: rest.starts_with("**open**") })
}

/// Lines that look like an entry and are none.
fn malformed<'a>(word: &str, text: &'a str) -> Vec<&'a str> {
    let begun = text.lines().filter(|line| line.trim_start().starts_with("- "));
    begun.filter(|line| entry(word, line).is_none()).collect()
}

/// The names of all tests in a source file.
fn test_names(source: &str) -> Vec<&str> {
    let mut is_test = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = function_name(line).filter(|_| is_test) {
            names.push(name);
            is_test = false;
        }
    }
    names
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The numbers that a test name refers to. `attack_7_...` has one; after a plural they are a list:
/// `attacks_50_53_and_58_...`, `attacks_19_to_23_...`.
fn references(test: &str) -> Vec<Reference> {
    let parts: Vec<&str> = test.split('_').collect();
    let mut found = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        for (word, ..) in CATALOGUES {
            let numbers = match part.strip_prefix(word) {
                Some("") => list(&parts[at + 1..]).into_iter().take(1).collect(),
                Some("s") => list(&parts[at + 1..]),
                _ => Vec::new(),
            };
            found.extend(numbers.into_iter().map(|number| Reference {
                word,
                number,
                test: test.to_owned(),
            }));
        }
    }
    found
}

fn list(parts: &[&str]) -> Vec<u32> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut rest = parts.iter();
    while let Some(part) = rest.next() {
        let after =
            |rest: &mut std::slice::Iter<'_, &str>| rest.next().and_then(|n| n.parse().ok());
        let more = match (*part, numbers.last().copied()) {
            ("and", Some(_)) => after(&mut rest).map(|number| number..=number),
            ("to", Some(last)) => after(&mut rest).map(|number| last + 1..=number),
            (part, _) => part.parse().ok().map(|number| number..=number),
        };
        match more {
            Some(more) => numbers.extend(more),
            None => break,
        }
    }
    numbers
}

/// What is wrong with one catalogue, given everything that test names refer to.
fn faults(word: &str, page: &str, numbers: Numbers, references: &[Reference]) -> Vec<String> {
    let entries = entries(word, page);
    let mut tests: BTreeMap<u32, &str> = BTreeMap::new();
    for reference in references.iter().filter(|reference| reference.word == word) {
        tests.insert(reference.number, &reference.test);
    }
    let mut faults: Vec<String> =
        malformed(word, page).iter().map(|line| format!("not an entry: {line}")).collect();
    faults.extend(out_of_order(word, numbers, &entries));
    for (number, test) in &tests {
        if !entries.iter().any(|entry| entry.number == *number) {
            faults.push(format!("{word}_{number} of {test} is not defined"));
        }
    }
    for Entry { number, open } in &entries {
        match (tests.get(number), open) {
            (None, false) => faults.push(format!("{word}_{number} has no test and is not open")),
            (Some(test), true) => faults.push(format!("{word}_{number} is open, but see {test}")),
            (None, true) | (Some(_), false) => {}
        }
    }
    faults
}

/// Numbers that do not rise, or that leave a gap where none may be.
fn out_of_order(word: &str, numbers: Numbers, entries: &[Entry]) -> Vec<String> {
    let mut last = 0;
    let mut faults = Vec::new();
    for Entry { number, .. } in entries {
        let follows = match numbers {
            Numbers::Consecutive => *number == last + 1,
            Numbers::WithGaps => *number > last,
        };
        if !follows {
            faults.push(format!("{word}_{number} after {word}_{last}"));
        }
        last = *number;
    }
    faults
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in listing.map(|item| item.unwrap().path()) {
        if path.is_dir() && !path.ends_with("node_modules") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn all_references() -> Vec<Reference> {
    let files = SOURCES.iter().flat_map(|folder| rust_files(&root().join(folder)));
    let of_file = |file: PathBuf| {
        let source = fs::read_to_string(file).unwrap();
        test_names(&source).into_iter().flat_map(references).collect::<Vec<_>>()
    };
    files.flat_map(of_file).collect()
}

#[test]
fn the_numbers_in_test_names_and_in_the_catalogues_are_equal() {
    let references = all_references();
    for (word, page, numbers) in CATALOGUES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        assert!(!entries(word, &text).is_empty(), "{page} defines nothing");
        let faults = faults(word, &text, numbers, &references);
        assert!(faults.is_empty(), "{page}:\n{}", faults.join("\n"));
    }
}

#[test]
fn tests_with_numbers_are_found_in_every_kind_of_source() {
    let references = all_references();
    assert!(references.len() > 400, "only {} references", references.len());
    for (word, ..) in CATALOGUES {
        assert!(references.iter().any(|reference| reference.word == word), "no {word}");
    }
    let source = "#[test]\nfn one() {}\nfn helper() {}\n    #[tokio::test(flavor = \"x\")]\n    \
                  #[ignore]\n    async fn two() {}\n#[test]\nfn three(\n    a: u8,\n) {}";
    assert_eq!(test_names(source), ["one", "two", "three"]);
}

#[test]
fn a_name_refers_to_one_number_or_after_a_plural_to_several() {
    let read = |test: &str| -> Vec<String> {
        let found = references(test).into_iter();
        found.map(|found| format!("{} {}", found.word, found.number)).collect()
    };
    assert_eq!(read("attack_7_2_cookies"), ["attack 7"]);
    assert_eq!(read("attacks_5_7_and_9_x_10"), ["attack 5", "attack 7", "attack 9"]);
    assert_eq!(read("kinds_2_to_4_and_8_x"), ["kind 2", "kind 3", "kind 4", "kind 8"]);
    assert_eq!(read("promise_3_fault_1_x"), ["promise 3", "fault 1"]);
    assert_eq!(read("attack_8_and_fault_6_x"), ["attack 8", "fault 6"]);
    assert_eq!(read("a_fault_of_the_attack"), [""; 0]);
}

#[test]
fn a_planted_fault_of_each_kind_is_found() {
    let check = |page: &str, tests: &[&str]| {
        let references: Vec<_> = tests.iter().flat_map(|test| references(test)).collect();
        faults("fault", page, Numbers::Consecutive, &references)
    };
    let good = "Text.\n\n- `fault_1` **A.** x\n  more\n- `fault_2` **open** **B.** y\n";
    assert_eq!(check(good, &["fault_1_x", "attack_9_x"]), [""; 0]);
    assert_eq!(check(good, &["fault_1_x", "fault_3_x"]), ["fault_3 of fault_3_x is not defined"]);
    assert_eq!(check(good, &[]), ["fault_1 has no test and is not open"]);
    assert_eq!(check(good, &["faults_1_and_2_x"]), ["fault_2 is open, but see faults_1_and_2_x"]);
    let twice = "- `fault_1` **A.**\n- `fault_1` **B.**\n";
    assert_eq!(check(twice, &["fault_1_x"]), ["fault_1 after fault_1"]);
    assert_eq!(check("- `fault_2` **A.**\n", &["fault_2_x"]), ["fault_2 after fault_0"]);
    assert_eq!(check("- fault_1 **A.**\n", &[]), ["not an entry: - fault_1 **A.**"]);
}
