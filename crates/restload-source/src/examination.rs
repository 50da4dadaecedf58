//! What the records of a page show of what a config says about them: whether its keys and its cursor are there.

use std::collections::HashMap;
use std::sync::Arc;

use restload_model::Value;
use restload_model::batch::{Batch, TableBatch};
use restload_model::contract::Contract;
use restload_model::diagnostics::did_you_mean;
use restload_model::normalizer::names::Names;
use restload_model::normalizer::{NormalizePlan, Normalizer};
use restload_model::schema::{Merging, Target, WriteDisposition};

use crate::plan::ResourcePlan;

/// Whether something is as the config says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Good,
    /// It is not; what to do about it.
    Bad(Option<String>),
    /// Nothing has come that would show it.
    Unknown,
    /// The config says nothing of it.
    Absent,
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// What was seen, in one line.
    pub reason: String,
}

impl Finding {
    /// It is as the config says.
    pub fn good(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Good, reason)
    }

    /// It is not.
    pub fn bad(reason: impl Into<String>, help: Option<String>) -> Self {
        Self::new(Verdict::Bad(help), reason)
    }

    /// There is no telling.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, reason)
    }

    /// There is nothing to be told.
    pub fn absent(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Absent, reason)
    }

    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            reason: reason.into(),
        }
    }
}

/// The rows that records become in tables that are not there yet. A schema contract has no say: it is about what a
/// destination holds already.
pub fn rows(plan: &ResourcePlan, records: &[Value<'_>]) -> Batch {
    normalise(plan, plan.target.clone(), records)
}

fn normalise(plan: &ResourcePlan, mut target: Target, records: &[Value<'_>]) -> Batch {
    target.contract = Contract::default();
    let plan = NormalizePlan {
        target,
        max_nesting: plan.max_nesting,
        load_id: "".into(),
    };
    let mut normalizer = Normalizer::new(Arc::new(plan), Arc::new(Names::new(&[])));
    normalizer.start_page("", 1);
    for record in records {
        normalizer.push(record);
    }
    normalizer.finish_page()
}

/// Whether every record of a page has the resource's primary key, and no two the same.
pub fn primary_key(plan: &ResourcePlan, records: &[Value<'_>]) -> Finding {
    let key = &plan.target.primary_key;
    if key.is_empty() {
        return Finding::absent("the resource has no primary key");
    }
    if records.is_empty() {
        return Finding::unknown("the page has no records");
    }
    // Merged by their key, records without one would be rejected, and not be counted here.
    let mut target = plan.target.clone();
    target.write_disposition = WriteDisposition::Append;
    target.merging = Merging::default();
    for column in &mut target.columns {
        column.nullable = None;
    }
    let batch = normalise(plan, target, records);
    let Some(root) = batch.table(&plan.target.table).filter(|root| root.row_count > 0) else {
        return Finding::unknown("no record of the page can be stored");
    };
    let named = key
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(" and ");
    for name in key {
        let column = root.column(name);
        let rows = 0..root.row_count;
        let missing: Vec<usize> = rows
            .filter(|row| column.is_none_or(|column| column.cell(*row) == restload_model::batch::Cell::Null))
            .collect();
        let Some(first) = missing.first() else { continue };
        let help = column.is_none().then(|| near_column(root, name));
        return Finding::bad(
            format!(
                "`{name}` is missing or null in {} of {} records, first in record {}",
                missing.len(),
                root.row_count,
                first + 1
            ),
            help,
        );
    }
    let mut seen: HashMap<Vec<String>, usize> = HashMap::new();
    for row in 0..root.row_count {
        let values: Vec<String> = key.iter().map(|name| text_of(root, name, row)).collect();
        if let Some(first) = seen.insert(values.clone(), row) {
            return Finding::bad(
                format!(
                    "{named} is {} in record {} and in record {}",
                    values.join(" and "),
                    first + 1,
                    row + 1
                ),
                Some("the key does not tell records apart; add the field that does".to_owned()),
            );
        }
    }
    Finding::good(match root.row_count {
        1 => format!("{named} is in the one record"),
        count => format!("{named} is in each of {count} records, no two alike"),
    })
}

fn near_column(root: &TableBatch, name: &str) -> String {
    let columns = root.columns.iter().map(|column| &*column.name);
    let own = columns.filter(|column| !column.starts_with("_rl_"));
    match did_you_mean(name, own.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the records have {}", own.collect::<Vec<_>>().join(", ")),
    }
}

pub(crate) fn text_of(table: &TableBatch, column: &str, row: usize) -> String {
    let mut text = String::new();
    if let Some(column) = table.column(column) {
        column.cell(row).write_text(&mut text);
    }
    text
}

/// Whether every record of a page has the resource's incremental cursor, of a type that can be compared.
pub fn cursor(plan: &ResourcePlan, records: &[Value<'_>]) -> Finding {
    let Some(incremental) = &plan.incremental else {
        return Finding::absent("the resource is not incremental");
    };
    if records.is_empty() {
        return Finding::unknown("the page has no records");
    }
    incremental.examine(records)
}
