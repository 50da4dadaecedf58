//! What a destination holds, as text that is the same for the same data: rows in a stable order, row ids as labels, loads
//! left out.
//!
//! ```text
//! orders: 2 rows
//!   id BIGINT
//!   _rl_id TEXT NOT NULL
//!     id | _rl_id
//!     1  | orders#1
//!     2  | orders#2
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::exchange::sorted;

/// A destination's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// All of it.
    pub text: String,
    /// The rows alone, columns by name: what every database must hold alike.
    pub rows: String,
    /// The ids of all loads, which messages name.
    pub load_ids: Vec<String>,
}

/// One table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Table {
    /// The columns with their types, as SQLite declares them.
    pub columns: Vec<(String, String)>,
    /// The rows, each cell as text.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What is written where there is no database.
pub const NO_DATABASE: &str = "no database was made\n";

/// The labels of row ids, with the tables that the rows are in: rows with one key have one id in all tables.
#[derive(Debug, Default)]
struct Labels(HashMap<String, Vec<(String, String)>>);

impl Labels {
    /// False when the table has a row of that id already.
    fn insert(&mut self, id: String, table: &str, label: String) -> bool {
        let known = self.0.entry(id).or_default();
        let is_new = known.iter().all(|(other, _)| other != table);
        known.push((table.to_owned(), label));
        is_new
    }

    /// The row that a child table's row belongs to: that of the table whose name is most like the child's.
    fn find(&self, id: &str, child: &str) -> Option<String> {
        let likeness = |table: &str| table.bytes().zip(child.bytes()).take_while(|(a, b)| a == b).count();
        let known = self.0.get(id)?;
        let (_, label) = known.iter().max_by_key(|(table, _)| likeness(table))?;
        Some(label.clone())
    }
}

pub(crate) const ROW_ID: &str = "_rl_id";
pub(crate) const LINKS: [&str; 2] = ["_rl_parent_id", "_rl_root_id"];
const LOAD_ID: &str = "_rl_load_id";

/// A value as both databases' values are written alike.
fn plain(value: String, data_type: &str) -> String {
    let data_type = data_type.trim_end_matches(" NOT NULL");
    match data_type {
        "BOOLEAN" => match value.as_str() {
            "1" | "t" => "true".to_owned(),
            "0" | "f" => "false".to_owned(),
            _ => value,
        },
        "TIMESTAMP TEXT" | "TIMESTAMP_NTZ TEXT" | "TIME TEXT" if value.contains('.') => {
            value.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        "JSON TEXT" => sorted_json(&value),
        // Postgres fills up to the scale that a hint gives.
        _ if data_type.to_uppercase().starts_with("NUMERIC") && value.contains('.') => {
            value.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value,
    }
}

/// A JSON document with its keys in order, and its numbers as they are written.
fn sorted_json(text: &str) -> String {
    /// Stands around a number while the document is sorted, so that none is rounded.
    const MARK: &str = "\u{1}";
    let (mut marked, mut in_text, mut in_number, mut escaped) = (String::new(), false, false, false);
    for character in text.chars() {
        let is_digit =
            !in_text && (character.is_ascii_digit() || (in_number && ".eE+-".contains(character)) || character == '-');
        if is_digit != in_number {
            marked.push_str(if is_digit { "\"\\u0001" } else { "\\u0001\"" });
            in_number = is_digit;
        }
        if character == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = character == '\\' && !escaped;
        marked.push(character);
    }
    if in_number {
        marked.push_str("\\u0001\"");
    }
    serde_json::from_str(&marked).map_or(text.to_owned(), |value| {
        let sorted = sorted(value).to_string();
        sorted
            .replace("\"\\u0001", "")
            .replace("\\u0001\"", "")
            .replace(MARK, "")
    })
}

/// All tables but the system's, each with its rows, parents before children.
pub fn describe(mut tables: BTreeMap<String, Table>) -> Dump {
    let load_ids = column(&tables, "_rl_loads", "load_id");
    let mut labels = Labels::default();
    let mut texts: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut rejects = None;
    tables.retain(|name, table| {
        if name == "_rl_rejects" && !table.rows.is_empty() {
            rejects = Some(std::mem::take(table));
        }
        !name.starts_with("_rl_")
    });
    while !tables.is_empty() {
        // A table whose parents' rows have labels; should a link lead nowhere, the next in order all the same.
        let ready = tables.iter().find(|(name, table)| {
            let parent = table.columns.iter().position(|(name, _)| name == LINKS[0]);
            parent.is_none_or(|index| {
                let mut ids = table.rows.iter().filter_map(|row| row[index].as_ref());
                ids.all(|id| labels.find(id, name).is_some())
            })
        });
        let name = ready.or_else(|| tables.iter().next()).map(|(name, _)| name.clone());
        let Some((name, table)) = name.and_then(|name| tables.remove_entry(&name)) else {
            break;
        };
        let text = describe_table(&name, table, &mut labels);
        texts.insert(name, text);
    }
    let (mut text, rows): (String, String) = texts.into_values().unzip();
    if let Some(rejects) = rejects {
        text.push_str(&describe_rejects(&rejects));
    }
    if text.is_empty() {
        text.push_str("no tables\n");
    }
    Dump { text, rows, load_ids }
}

fn counted(rows: usize) -> String {
    format!("{rows} row{}", if rows == 1 { "" } else { "s" })
}

fn column(tables: &BTreeMap<String, Table>, table: &str, column: &str) -> Vec<String> {
    let Some(table) = tables.get(table) else {
        return Vec::new();
    };
    let Some(index) = table.columns.iter().position(|(name, _)| name == column) else {
        return Vec::new();
    };
    table.rows.iter().filter_map(|row| row[index].clone()).collect()
}

/// The rejected records and the reasons.
fn describe_rejects(rejects: &Table) -> String {
    let shown: Vec<usize> = ["resource", "reason", "record"]
        .iter()
        .filter_map(|wanted| rejects.columns.iter().position(|(name, _)| name == wanted))
        .collect();
    let mut lines: Vec<String> = rejects
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<&str> = shown
                .iter()
                .map(|&index| row[index].as_deref().unwrap_or("NULL"))
                .collect();
            format!("    {}\n", cells.join(" | "))
        })
        .collect();
    lines.sort();
    format!("_rl_rejects: {}\n{}", counted(lines.len()), lines.concat())
}

/// One table as text, and its rows alone.
fn describe_table(name: &str, table: Table, labels: &mut Labels) -> (String, String) {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|index| table.columns[*index].0 != LOAD_ID)
        .collect();
    let id_column = table.columns.iter().position(|(column, _)| column == ROW_ID);
    // Widening moves a column to the end on SQLite; the order of rows must not depend on that.
    let mut by_name: Vec<usize> = (0..shown.len()).collect();
    by_name.sort_by_key(|position| {
        let column = &table.columns[shown[*position]].0;
        (!column.starts_with("_rl_"), column != "id", column.clone())
    });
    let mut rows: Vec<(Vec<String>, Vec<String>, Option<String>)> = table
        .rows
        .into_iter()
        .map(|row| {
            let id = id_column.and_then(|index| row[index].clone());
            let cells: Vec<String> = shown
                .iter()
                .map(|&index| {
                    let (column, data_type) = &table.columns[index];
                    match row[index].clone() {
                        None => "NULL".to_owned(),
                        Some(id) if LINKS.contains(&column.as_str()) => {
                            labels.find(&id, name).unwrap_or_else(|| "NO SUCH ROW".to_owned())
                        }
                        Some(_) if column == ROW_ID => String::new(),
                        Some(value) => quoted(plain(value, data_type)),
                    }
                })
                .collect();
            let key = by_name.iter().map(|position| sort_key(&cells[*position])).collect();
            (key, cells, id)
        })
        .collect();
    rows.sort();

    let mut text = format!("{name}: {}\n", counted(rows.len()));
    let mut alone = text.clone();
    for &index in &shown {
        let (column, data_type) = &table.columns[index];
        let _ = writeln!(text, "  {column} {data_type}");
    }
    let names: Vec<String> = shown.iter().map(|&index| table.columns[index].0.clone()).collect();
    let mut lines = vec![names];
    for (number, (_, mut cells, id)) in rows.into_iter().enumerate() {
        let label = format!("{name}#{}", number + 1);
        for (cell, &index) in cells.iter_mut().zip(&shown) {
            if Some(index) == id_column {
                cell.clone_from(&label);
            }
        }
        if let Some(id) = id
            && !labels.insert(id, name, label)
        {
            text.push_str("  TWO ROWS HAVE ONE ID\n");
        }
        lines.push(cells);
    }
    for line in &lines {
        let cells: Vec<&str> = by_name.iter().map(|position| line[*position].as_str()).collect();
        let _ = writeln!(alone, "    {}", cells.join(" | "));
    }
    if lines.len() > 1 {
        text.push_str(&aligned(&lines));
    }
    text.push('\n');
    (text, alone)
}

/// Numbers sort by their size, labels by their number.
fn sort_key(cell: &str) -> String {
    match cell.rsplit_once('#') {
        Some((table, number)) => format!("{table}#{number:0>12}"),
        None if cell.bytes().all(|byte| byte.is_ascii_digit()) => format!("{cell:0>24}"),
        None => cell.to_owned(),
    }
}

/// A value in quotes where it could be taken for something else.
fn quoted(value: String) -> String {
    let is_plain =
        !value.is_empty() && value != "NULL" && value.trim() == value && !value.contains(['\n', '|', '\\', '\t']);
    if is_plain { value } else { format!("{value:?}") }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "    {}", cells.join(" | ").trim_end());
    }
    text
}
