//! Where two texts of tables differ: in which table, which row, which column.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use serde::Serialize;

use crate::tables::{LINKS, ROW_ID};

/// Rows of one table that are compared each with each; beyond them they are taken in their order.
const MOST_PAIRS: usize = 250_000;
/// Differences of one table that are shown.
const SHOWN: usize = 20;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The row, by its label in the expected text, or in the other if it is only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// The column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What was expected: a cell, a type, a row; nothing where there is more than was expected.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
}

/// A table, read from its text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    name: String,
    columns: Vec<(String, String)>,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Every difference between two texts.
pub fn differences(expected: &str, found: &str) -> Vec<Difference> {
    if expected.trim_end() == found.trim_end() {
        return Vec::new();
    }
    let (old, new) = (sections(expected), sections(found));
    let mut differences = Vec::new();
    let mut labels = HashMap::new();
    for section in &old {
        match new.iter().find(|other| other.name == section.name) {
            Some(other) => compare(section, other, &mut labels, &mut differences),
            None => differences.push(Difference {
                table: section.name.clone(),
                row: None,
                column: None,
                expected: Some(counted(section.rows.len())),
                found: None,
            }),
        }
    }
    for section in new
        .iter()
        .filter(|section| old.iter().all(|other| other.name != section.name))
    {
        differences.push(Difference {
            table: section.name.clone(),
            row: None,
            column: None,
            expected: None,
            found: Some(counted(section.rows.len())),
        });
    }
    if differences.is_empty() {
        // Somebody has changed the layout of the file; that is no difference of tables, but not what was kept either.
        let line = |text: &str, other: &str| {
            let lines = text.lines().zip(other.lines().map(Some).chain(std::iter::repeat(None)));
            let mut lines = lines.filter(|(line, other)| Some(*line) != *other);
            lines.next().map(|(line, _)| line.to_owned())
        };
        differences.push(Difference {
            table: String::new(),
            row: None,
            column: None,
            expected: line(expected, found),
            found: line(found, expected),
        });
    }
    differences
}

/// The differences for people.
pub fn describe(differences: &[Difference]) -> String {
    let mut text = String::new();
    for of_table in differences.chunk_by(|a, b| a.table == b.table) {
        if !of_table[0].table.is_empty() {
            let _ = writeln!(text, "table {}", of_table[0].table);
        }
        for difference in of_table.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}", line(difference));
        }
        if of_table.len() > SHOWN {
            let _ = writeln!(text, "  … and {} more", of_table.len() - SHOWN);
        }
    }
    text
}

fn line(difference: &Difference) -> String {
    let Difference {
        row,
        column,
        expected,
        found,
        table,
    } = difference;
    let shown = |value: &Option<String>| value.clone().unwrap_or_default();
    if table.is_empty() {
        return format!("expected the line `{}`, found `{}`", shown(expected), shown(found));
    }
    match (row, column, expected, found) {
        (Some(row), Some(column), ..) => {
            format!(
                "row {row}, column {column}: expected {}, found {}",
                shown(expected),
                shown(found)
            )
        }
        (Some(row), None, Some(cells), _) => format!("row {row} is missing: {cells}"),
        (Some(row), None, None, _) => format!("row {row} was not expected: {}", shown(found)),
        (None, Some(column), Some(expected), Some(found)) => {
            format!("column {column}: expected {expected}, found {found}")
        }
        (None, Some(column), Some(expected), None) => format!("column {column} is missing ({expected})"),
        (None, Some(column), None, _) => format!("column {column} was not expected ({})", shown(found)),
        (None, None, Some(rows), None) => format!("is missing; it had {rows}"),
        (None, None, None, _) => format!("was not expected; it has {}", shown(found)),
        (None, None, Some(expected), Some(found)) => format!("expected {expected}, found {found}"),
    }
}

fn counted(rows: usize) -> String {
    format!("{rows} row{}", if rows == 1 { "" } else { "s" })
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match (indent, sections.last_mut()) {
            (4, Some(section)) => {
                let cells = cells(&line[4..]);
                if section.names.is_empty() && !section.columns.is_empty() {
                    section.names = cells;
                } else {
                    section.rows.push(cells);
                }
            }
            (2, Some(section)) => {
                let (name, data_type) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
                section.columns.push((name.to_owned(), data_type.to_owned()));
            }
            _ if line.is_empty() => {}
            _ => sections.push(Section {
                name: line.rsplit_once(": ").map_or(line, |(name, _)| name).to_owned(),
                ..Section::default()
            }),
        }
    }
    sections
}

/// The cells of a line. One in quotes may hold what stands between cells.
fn cells(line: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let end = quoted_end(rest).or_else(|| rest.find(" | ")).unwrap_or(rest.len());
        cells.push(rest[..end].trim_end().to_owned());
        match rest[end..].trim_start_matches(' ').strip_prefix("| ") {
            Some(next) => rest = next,
            None if rest[end..].trim() == "|" => {
                cells.push(String::new());
                return cells;
            }
            None => return cells,
        }
    }
}

/// The end of a quoted cell, if this is one.
fn quoted_end(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inside.char_indices().find(|(_, character)| {
        let ends = *character == '"' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        ends
    });
    let end = end?.0 + 2;
    let after = text[end..].trim_start_matches(' ');
    (after.is_empty() || after.starts_with("| ")).then_some(end)
}

fn compare(old: &Section, new: &Section, labels: &mut HashMap<String, String>, differences: &mut Vec<Difference>) {
    let start = differences.len();
    let difference =
        |row: Option<&str>, column: Option<&str>, expected: Option<&str>, found: Option<&str>| Difference {
            table: old.name.clone(),
            row: row.map(str::to_owned),
            column: column.map(str::to_owned),
            expected: expected.map(str::to_owned),
            found: found.map(str::to_owned),
        };
    let type_in = |section: &Section, name: &str| {
        let found = section.columns.iter().find(|(known, _)| known == name);
        found.map(|(_, data_type)| data_type.clone())
    };
    for (name, data_type) in &old.columns {
        let found = type_in(new, name);
        if found.as_ref() != Some(data_type) {
            differences.push(difference(None, Some(name), Some(data_type), found.as_deref()));
        }
    }
    for (name, data_type) in &new.columns {
        if type_in(old, name).is_none() {
            differences.push(difference(None, Some(name), None, Some(data_type)));
        }
    }
    // Rejects have no columns; their cells are compared by their places.
    let common: Vec<(usize, usize, &str)> = if old.names.is_empty() {
        (0..old.rows.iter().chain(&new.rows).map(Vec::len).max().unwrap_or(0))
            .map(|index| (index, index, ""))
            .collect()
    } else {
        let place = |name: &String| new.names.iter().position(|other| other == name);
        let common = old.names.iter().enumerate();
        common
            .filter(|(_, name)| *name != ROW_ID)
            .filter_map(|(index, name)| Some((index, place(name)?, name.as_str())))
            .collect()
    };
    let cell = |row: &[String], index: usize| row.get(index).cloned().unwrap_or_default();
    // A row that belongs to another one is the same where the other one is the same, whatever number that has now.
    let of_old = |row: &[String], labels: &HashMap<String, String>| -> Vec<String> {
        let cells = common.iter().map(|(index, _, name)| {
            let value = cell(row, *index);
            match labels.get(&value) {
                Some(label) if LINKS.contains(name) => label.clone(),
                _ => value,
            }
        });
        cells.collect()
    };
    let old_rows: Vec<Vec<String>> = old.rows.iter().map(|row| of_old(row, labels)).collect();
    let new_rows: Vec<Vec<String>> = new
        .rows
        .iter()
        .map(|row| common.iter().map(|(_, index, _)| cell(row, *index)).collect())
        .collect();
    let label = |section: &Section, index: usize| {
        let place = section.names.iter().position(|name| name == ROW_ID);
        let label = place.and_then(|place| section.rows[index].get(place));
        label
            .cloned()
            .unwrap_or_else(|| format!("{}#{}", section.name, index + 1))
    };
    let pairs = pair(&old_rows, &new_rows);
    let mut is_paired = vec![false; new_rows.len()];
    for (index, other) in pairs.iter().enumerate() {
        let own = label(old, index);
        let Some(other) = *other else {
            differences.push(difference(Some(&own), None, Some(&old.rows[index].join(" | ")), None));
            continue;
        };
        is_paired[other] = true;
        labels.insert(own.clone(), label(new, other));
        for (place, (old_place, new_place, name)) in common.iter().enumerate() {
            if old_rows[index][place] != new_rows[other][place] {
                let (expected, found) = (cell(&old.rows[index], *old_place), cell(&new.rows[other], *new_place));
                let name = if name.is_empty() {
                    format!("{}", place + 1)
                } else {
                    (*name).to_owned()
                };
                differences.push(difference(Some(&own), Some(&name), Some(&expected), Some(&found)));
            }
        }
    }
    for (index, _) in is_paired.iter().enumerate().filter(|(_, paired)| !**paired) {
        differences.push(difference(
            Some(&label(new, index)),
            None,
            None,
            Some(&new.rows[index].join(" | ")),
        ));
    }
    if differences.len() == start && old.names != new.names {
        let (expected, found) = (old.names.join(", "), new.names.join(", "));
        differences.push(difference(
            None,
            None,
            Some(&format!("the columns {expected}")),
            Some(&format!("{found}, in another order")),
        ));
    }
}

/// For each old row the new one that it has become: the same one, or the one with most in common.
fn pair(old: &[Vec<String>], new: &[Vec<String>]) -> Vec<Option<usize>> {
    let mut same: HashMap<&[String], VecDeque<usize>> = HashMap::new();
    for (index, row) in new.iter().enumerate() {
        same.entry(row).or_default().push_back(index);
    }
    let mut pairs: Vec<Option<usize>> = old
        .iter()
        .map(|row| same.get_mut(row.as_slice()).and_then(VecDeque::pop_front))
        .collect();
    let mut rest: Vec<usize> = same.into_values().flatten().collect();
    rest.sort_unstable();
    let open = pairs.iter().filter(|pair| pair.is_none()).count();
    let is_small = open.saturating_mul(rest.len()) <= MOST_PAIRS;
    for (index, row) in old.iter().enumerate() {
        if pairs[index].is_some() || rest.is_empty() {
            continue;
        }
        if !is_small {
            pairs[index] = Some(rest.remove(0));
            continue;
        }
        let alike = |other: &usize| row.iter().zip(&new[*other]).filter(|(a, b)| a == b).count();
        let best = rest
            .iter()
            .enumerate()
            .max_by_key(|(place, other)| (alike(other), rest.len() - place));
        // Rows that have nothing in common are two rows.
        if let Some((place, other)) = best
            && alike(other) * 2 >= row.len().min(2)
            && alike(other) > 0
        {
            pairs[index] = Some(*other);
            rest.remove(place);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "\
orders: 3 rows
  id BIGINT
  note TEXT
  _rl_id TEXT NOT NULL
    id | note      | _rl_id
    1  | \"a | b\"   | orders#1
    2  | \"x\" y     | orders#2
    3  | NULL      | orders#3

orders__items: 2 rows
  value BIGINT
  _rl_parent_id TEXT NOT NULL
  _rl_id TEXT NOT NULL
    value | _rl_parent_id | _rl_id
    7     | orders#2      | orders__items#1
    8     | orders#3      | orders__items#2
";

    fn said(found: &str) -> String {
        describe(&differences(ORDERS, found))
    }

    #[test]
    fn names_table_row_and_column() {
        assert_eq!(said(ORDERS), "");
        let found = ORDERS
            .replace("\"x\" y ", "\"x\" z ")
            .replace("value BIGINT", "value TEXT");
        assert_eq!(
            said(&found),
            "table orders\n  row orders#2, column note: expected \"x\" y, found \"x\" z\n\
             table orders__items\n  column value: expected BIGINT, found TEXT\n"
        );
    }

    #[test]
    fn a_row_that_is_gone_is_one_difference_with_its_children() {
        let found = "\
orders: 2 rows
  id BIGINT
  note TEXT
  _rl_id TEXT NOT NULL
    id | note      | _rl_id
    2  | \"x\" y     | orders#1
    3  | NULL      | orders#2

orders__items: 2 rows
  value BIGINT
  _rl_parent_id TEXT NOT NULL
  _rl_id TEXT NOT NULL
    value | _rl_parent_id | _rl_id
    7     | orders#1      | orders__items#1
    8     | orders#2      | orders__items#2
";
        assert_eq!(
            said(found),
            "table orders\n  row orders#1 is missing: 1 | \"a | b\" | orders#1\n"
        );
    }

    #[test]
    fn tables_columns_and_layout_are_told() {
        assert_eq!(
            said("no tables\n"),
            "table orders\n  is missing; it had 3 rows\ntable orders__items\n  is missing; it had 2 rows\n\
             table no tables\n  was not expected; it has 0 rows\n"
        );
        let found = ORDERS.replace("  note TEXT\n", "").replace(" | note      ", "");
        let found = found
            .replace(" | \"a | b\"  ", "")
            .replace(" | \"x\" y    ", "")
            .replace(" | NULL     ", "");
        assert!(
            said(&found).starts_with("table orders\n  column note is missing (TEXT)\ntable")
                || said(&found) == "table orders\n  column note is missing (TEXT)\n",
            "{}",
            said(&found)
        );
        assert_eq!(
            said(&ORDERS.replace("\n\n", "\n# mine\n\n")),
            "table # mine\n  was not expected; it has 0 rows\n"
        );
    }
}
