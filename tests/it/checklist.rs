//! `docs/compatibility.md` says how many cases of dlt's checklists a test holds. Counted here, from the tests' own words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::support::repository;

/// The groups of the two checklists: what a case's id begins with, how many there are, and what they are about.
const CONFIG: [(&str, usize, &str); 17] = [
    ("I-", 40, "placeholders"),
    ("N-", 15, "incremental config"),
    ("A-", 11, "auth config"),
    ("R-", 22, "dependent resources"),
    ("P-", 10, "paginator config"),
    ("X-", 6, "response actions, config"),
    ("C-", 26, "config tree"),
    ("O-", 37, "end to end"),
    ("S-", 11, "processing steps"),
    ("E-", 10, "response actions, end to end"),
    ("L-", 7, "source level"),
    ("K-", 24, "REST client"),
    ("G-", 40, "paginators"),
    ("D-", 24, "detection"),
    ("U-", 7, "URLs"),
    ("T-", 11, "retries"),
    ("Z-", 21, "what only restload holds"),
];
const LOAD: [(&str, usize, &str); 7] = [
    ("N", 18, "naming"),
    ("J", 30, "flattening and ids"),
    ("T", 29, "types"),
    ("S", 15, "schema"),
    ("C", 18, "contracts"),
    ("W", 32, "write dispositions"),
    ("L", 20, "load, state, lifecycle"),
];

/// The id of a case: `I-07` in the config's checklist, `W7` in the load's.
fn id(prefix: &str, number: usize) -> String {
    if prefix.ends_with('-') {
        format!("{prefix}{number:02}")
    } else {
        format!("{prefix}{number}")
    }
}

/// The words of a text that look like ids.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
        .filter(|word| {
            let rest = word.trim_start_matches(|first: char| first.is_ascii_uppercase());
            word.len() - rest.len() == 1 && !rest.is_empty() && rest.trim_start_matches('-').parse::<u8>().is_ok()
        })
}

/// The ids that the name of a test begins with: `j4_j5_child_rows_carry_their_parents`, and with a hyphen in the id
/// `n_12_n_13_placeholders_have_values`.
fn ids_of_test(line: &str) -> Vec<String> {
    let line = line.trim_start().trim_start_matches("async ");
    let name = line.strip_prefix("fn ").unwrap_or_default();
    let mut parts = name.split('_').peekable();
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        let digits = part.trim_start_matches(|first: char| first.is_ascii_lowercase());
        let letter = part[..part.len() - digits.len()].to_ascii_uppercase();
        if letter.len() != 1 {
            break;
        }
        if digits.parse::<u8>().is_ok() {
            found.push(format!("{letter}{digits}"));
        } else if let Some(number) = parts.next_if(|next| digits.is_empty() && next.parse::<u8>().is_ok()) {
            found.push(format!("{letter}-{number}"));
        } else {
            break;
        }
    }
    found
}

/// The ids that tests name: in test code, in the configs and scripts of scenarios, and in the configs that break a rule.
fn named(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, found);
            continue;
        }
        let is_test = match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => {
                let breaks_a_rule = path.components().any(|part| part.as_os_str() == "mistakes");
                breaks_a_rule || path.ends_with("api.yaml") || path.ends_with("pipeline.yaml")
            }
            Some("rs") => !path.ends_with("checklist.rs"),
            _ => false,
        };
        if is_test {
            let text = std::fs::read_to_string(&path).unwrap();
            // In a source file with tests only these count, not the code that they are about.
            let inside = path.to_string_lossy().contains("/src/");
            let whole = ["/tests.rs", "/tests/", "/conformance/"];
            let own = whole.iter().any(|part| path.to_string_lossy().contains(part));
            let text = match text.find("#[cfg(test)]") {
                _ if !inside || own => text.as_str(),
                Some(start) => &text[start..],
                None => continue,
            };
            // The conformance suite calls its loads L1, L2 and so on.
            let names_loads = path.to_string_lossy().contains("/restload-destination/");
            let of_load = |id: &&str| names_loads && id.starts_with('L') && !id.contains('-');
            found.extend(ids(text).filter(|id| !of_load(id)).map(str::to_owned));
            found.extend(text.lines().flat_map(ids_of_test));
        }
    }
}

/// The ids in the first column of the page's first table after a heading.
fn listed<'p>(page: &'p str, heading: &str) -> BTreeSet<&'p str> {
    let section = page.split(heading).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .flat_map(ids)
        .collect()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE=1 is how a developer asks for the files to be written"
)]
fn the_table_of_cases_is_true() {
    let mut tested = BTreeSet::new();
    named(&repository().join("tests"), &mut tested);
    named(&repository().join("crates"), &mut tested);
    let file = repository().join("docs/compatibility.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let beside = listed(&page, "## What does not apply");

    let mut table = String::new();
    for (title, groups) in [("config language", &CONFIG[..]), ("load", &LOAD[..])] {
        let _ = write!(
            table,
            "\n| {title} | cases | held by a test | do not apply | open |\n|---|---|---|---|---|\n"
        );
        let mut sums = [0; 3];
        let mut open: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (prefix, count, about) in groups {
            let mut counts = [0; 3];
            for number in 1..=*count {
                let id = id(prefix, number);
                let is_beside = beside.contains(&*id);
                let is_tested = tested.contains(&id);
                let column = match (is_beside, is_tested) {
                    (true, _) => 1,
                    (false, true) => 0,
                    (false, false) => 2,
                };
                counts[column] += 1;
                sums[column] += 1;
                if column == 2 {
                    open.entry(prefix).or_default().push(id);
                }
            }
            let [held, beside, left] = counts;
            let _ = writeln!(table, "| {prefix}: {about} | {count} | {held} | {beside} | {left} |");
        }
        let total: usize = sums.iter().sum();
        let _ = writeln!(
            table,
            "| **all** | **{total}** | **{}** | **{}** | **{}** |",
            sums[0], sums[1], sums[2]
        );
        if !open.is_empty() {
            let open: Vec<String> = open.into_values().flatten().collect();
            let _ = write!(table, "\nOpen: {}.\n", open.join(", "));
        }
    }
    let (before, rest) = page.split_once("checklist` -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let wanted = format!("{before}checklist` -->\n{table}\n<!-- end -->{after}");
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(
        page == wanted,
        "docs/compatibility.md is stale: run this test with UPDATE=1"
    );
}
