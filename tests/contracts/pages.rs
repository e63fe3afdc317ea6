//! The written pages are true: their links lead somewhere, and the lists in them are complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest README, in lines: what, try, test, run. Everything else has a page below `docs`.
const LONGEST_README: usize = 145;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Every page at the top and below `docs`.
fn pages() -> Vec<PathBuf> {
    let folders = [root(), root().join("docs")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// Targets of the links in a page, but those to other servers.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

fn has_anchor(page: &str, wanted: &str) -> bool {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|anchor| anchor == wanted)
}

/// Whether `link` in `page` leads to a file, and to a heading in it if it names one.
fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
    if heading.is_empty() {
        return target.exists();
    }
    fs::read_to_string(target).is_ok_and(|text| has_anchor(&text, heading))
}

/// The words between backticks in the first cell of every table row below a heading.
fn listed(page: &str, heading: &str) -> BTreeSet<String> {
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let rows = lines.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn product(path: &str) -> String {
    let source = text(path);
    source.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// Every string of a source text that is one lower-case word like `session_expired`.
fn words(source: &str) -> BTreeSet<String> {
    let is_word = |text: &&str| {
        let letters = text.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_');
        letters && !text.is_empty() && !text.starts_with('_')
    };
    source.split('"').skip(1).step_by(2).filter(is_word).map(str::to_owned).collect()
}

#[test]
fn the_readme_is_short() {
    let lines = text("README.md").lines().count();
    assert!(lines <= LONGEST_README, "{lines} lines");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            count += 1;
            assert!(leads_somewhere(&page, link), "{}: {link}", page.display());
        }
    }
    assert!(count > 20, "only {count} links");
}

#[test]
fn a_planted_broken_link_is_found() {
    let page = root().join("docs/README.md");
    assert_eq!(links("[a](b.md) [c](https://d.example) [e](f.md#g)"), ["b.md", "f.md#g"]);
    assert!(leads_somewhere(&page, "routes.md#errors"));
    assert!(!leads_somewhere(&page, "roads.md"));
    assert!(!leads_somewhere(&page, "routes.md#eros"));
    assert_eq!(anchor(" Values of `route`"), "values-of-route");
}

#[test]
fn every_problem_code_is_in_the_list_and_the_list_has_no_other() {
    let not_codes = ["title", "status", "code", "type", "navigate", "nosniff"].map(str::to_owned);
    let mut codes = words(&product("src/problem.rs"));
    codes.retain(|word| !not_codes.contains(word));
    assert!(codes.contains("session_expired") && codes.len() > 10, "{codes:?}");
    assert_eq!(listed(&text("docs/routes.md"), "## Errors"), codes);
}

#[test]
fn every_route_of_our_own_is_in_the_list() {
    let source = product("src/web.rs");
    let routes = source.split('"').skip(1).step_by(2);
    let routes: Vec<_> =
        routes.filter(|path| path.starts_with("/bff/") && !path.contains('{')).collect();
    assert!(routes.len() > 5, "{routes:?}");
    let page = text("docs/routes.md");
    for route in routes {
        assert!(page.contains(route), "{route} is not in docs/routes.md");
    }
}

#[test]
fn every_file_that_contributing_names_exists() {
    let page = text("CONTRIBUTING.md");
    let folders = ["src/", "crates/", "config/", "docs/", "tests/"];
    let named = page.split('`').skip(1).step_by(2);
    let named = named.filter(|name| folders.iter().any(|folder| name.starts_with(folder)));
    let missing: Vec<_> = named.filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
