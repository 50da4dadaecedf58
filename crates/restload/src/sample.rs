//! What a preview shows: the requests, the tables that the records make, and the records.

use std::fmt::Write as _;

use indexmap::IndexMap;
use restload_engine::{Asked, Asker, Exchange, Failure};
use restload_model::DataType;
use restload_model::batch::{Batch, Cell, ColumnBuffer, TableBatch};
use restload_model::secret::Redactor;
use restload_source::examination::rows;
use restload_source::plan::ResourcePlan;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::grid::{Grid, cut};
use crate::summary::count;
use crate::table::{Align, Table};
use crate::terminal::Terminal;

/// What was sampled of a resource.
pub(crate) struct Sample<'s> {
    pipeline: &'s str,
    plan: &'s ResourcePlan,
    redactor: &'s Redactor,
    /// With the resources that it needs, parents first.
    asked: Vec<(&'s ResourcePlan, &'s Asked)>,
    own: &'s Asked,
    batch: Batch,
}

impl<'s> Sample<'s> {
    /// The sample of the resource at that place among the asker's; `outcomes` is what came of all of them.
    pub(crate) fn new(pipeline: &'s str, place: usize, asker: &'s Asker, outcomes: &'s [Asked]) -> Self {
        let all: Vec<(&ResourcePlan, &Asked)> = asker.resources().iter().map(|plan| &**plan).zip(outcomes).collect();
        let (plan, own) = all[place];
        let records: Vec<_> = own.records().cloned().collect();
        Self {
            pipeline,
            plan,
            redactor: asker.redactor(),
            batch: rows(plan, &records),
            asked: all,
            own,
        }
    }

    /// Whether the resource, or one that it needs, could not be asked for.
    pub(crate) fn has_failed(&self) -> bool {
        self.asked.iter().any(|(_, asked)| asked.failure.is_some())
    }

    /// Why, for people.
    pub(crate) fn failures(&self, terminal: &Terminal) -> Vec<String> {
        let failed = self.asked.iter().filter_map(|(plan, asked)| {
            let Failure { error, help, .. } = asked.failure.as_ref()?;
            let help = help
                .as_ref()
                .map(|help| format!("\n  help: {help}"))
                .unwrap_or_default();
            Some(format!("{} {}: {error}{help}", terminal.red("error:"), plan.name))
        });
        failed.collect()
    }

    /// What is worth saying beside the data.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for (plan, asked) in &self.asked {
            remarks.extend(asked.notes.iter().map(|note| format!("{}: note: {note}", plan.name)));
        }
        let rejects = self.batch.rejects.iter();
        remarks.extend(rejects.map(|reject| {
            let reason = self.redactor.redact(&reject.reason);
            format!("record {} would be kept out of the tables: {reason}", reject.record)
        }));
        remarks
    }

    pub(crate) fn as_text(&self, terminal: &Terminal) -> String {
        let mut sections = vec![self.requests_as_text(terminal)];
        sections.extend(
            self.batch
                .tables
                .iter()
                .map(|table| self.table_as_text(table, terminal)),
        );
        sections.push(self.records_as_text(terminal));
        sections.retain(|section| !section.is_empty());
        sections.join("\n")
    }

    fn requests_as_text(&self, terminal: &Terminal) -> String {
        let mut text = String::new();
        for (plan, asked) in &self.asked {
            if let Some(reason) = &asked.not_asked {
                let _ = writeln!(text, "{}: {reason}", terminal.bold(&plan.name));
            }
            let mut partition: Option<&str> = None;
            let widths = Widths::of(&asked.exchanges);
            for exchange in &asked.exchanges {
                if partition != Some(&exchange.partition) {
                    partition = Some(&exchange.partition);
                    let of = if exchange.partition.is_empty() { "" } else { ", for " };
                    let _ = writeln!(text, "{}{of}{}", terminal.bold(&plan.name), exchange.partition);
                }
                let line = widths.line(exchange);
                let line = match terminal.known_width() {
                    Some(width) => cut(&line, width - 2),
                    None => line,
                };
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }

    fn table_as_text(&self, table: &TableBatch, terminal: &Terminal) -> String {
        let mut shown = Table::new(&[("column", Align::Left), ("type", Align::Left), ("", Align::Left)]);
        for column in own_columns(table) {
            let data_type = column.data_type().map_or("-", DataType::name).to_owned();
            shown.row([column.name.to_string(), data_type, self.about(table, column).join("; ")]);
        }
        let heading = match &table.parent {
            None => format!(
                "table {} ({})",
                terminal.bold(&table.name),
                json!(self.plan.target.write_disposition).as_str().unwrap_or_default()
            ),
            Some(parent) => format!("table {}, below {parent}", terminal.bold(&table.name)),
        };
        let rows = count(table.row_count as u64, "row");
        let body = shown.render(terminal).replace('\n', "\n  ");
        let mut text = format!("{heading}: {rows}\n  {}\n", body.trim_end());
        let empty = self.only_null();
        if table.parent.is_none() && !empty.is_empty() {
            let _ = writeln!(text, "  no column as long as there is only null: {}", empty.join(", "));
        }
        text
    }

    /// The fields of the records that have no value in any of them.
    fn only_null(&self) -> Vec<String> {
        let mut fields: IndexMap<String, bool> = IndexMap::new();
        for (key, value) in self
            .own
            .records()
            .filter_map(|record| record.as_object())
            .flat_map(|record| &record.0)
        {
            let is_empty = fields.entry(key.to_string()).or_insert(true);
            *is_empty &= value.is_null();
        }
        fields.retain(|_, is_empty| *is_empty);
        fields.into_keys().collect()
    }

    /// What is to be said of a column besides its type.
    fn about(&self, table: &TableBatch, column: &ColumnBuffer) -> Vec<String> {
        let mut about = Vec::new();
        let target = &self.plan.target;
        if table.parent.is_none() {
            if target.primary_key.contains(&column.name) {
                about.push("primary key".to_owned());
            }
            if target.merging.groups.iter().flatten().any(|name| *name == column.name) {
                about.push("merge key".to_owned());
            }
        }
        if column.declared {
            about.push("type as declared".to_owned());
        }
        if *column.source_name != *column.name && !column.source_name.is_empty() {
            about.push(format!("from {}", column.source_name));
        }
        about
    }

    fn records_as_text(&self, terminal: &Terminal) -> String {
        let taken = self.own.records().count() as u64;
        let Some(root) = self.batch.tables.first().filter(|table| table.parent.is_none()) else {
            return if self.has_failed() || taken > 0 {
                String::new()
            } else {
                "no records\n".to_owned()
            };
        };
        let mut grid = Grid::new();
        for column in own_columns(root) {
            let cells = (0..root.row_count).map(|row| self.redactor.redact(&text_of(column.cell(row))));
            let is_number = matches!(
                column.data_type(),
                Some(DataType::Bigint | DataType::Double | DataType::Numeric)
            );
            let align = if is_number { Align::Right } else { Align::Left };
            grid.column(&column.name, align, &cells.collect::<Vec<_>>());
        }
        let fitted = grid.fit(terminal.width(), terminal);
        let mut text = fitted.text;
        let more = match (self.own.has_more, self.has_failed(), taken) {
            (true, _, _) => "there are more",
            (false, true, _) => "before it failed",
            (false, false, 1) => "which is all there is",
            (false, false, _) => "which are all there are",
        };
        let _ = write!(text, "{}, {more}", count(taken, "record"));
        if !fitted.left_out.is_empty() {
            let _ = write!(text, "; no room for {}", fitted.left_out.join(", "));
        }
        text.push('\n');
        text
    }

    pub(crate) fn as_json(&self) -> String {
        let raw = |text: String| match RawValue::from_string(text.clone()) {
            Ok(raw) => raw,
            // A secret that stood where JSON has no quotes.
            Err(_) => serde_json::value::to_raw_value(&text).unwrap_or_default(),
        };
        let records: Vec<Box<RawValue>> = self
            .own
            .records()
            .map(|record| raw(self.redactor.redact(&record.to_json())))
            .collect();
        let tables: Vec<Value> = self
            .batch
            .tables
            .iter()
            .map(|table| self.table_as_json(table))
            .collect();
        let requests: Vec<&Exchange> = self.asked.iter().flat_map(|(_, asked)| &asked.exchanges).collect();
        let failures = self.asked.iter().filter_map(|(plan, asked)| {
            let failure = asked.failure.as_ref()?;
            Some(json!({ "resource": &*plan.name, "error": failure.error, "help": failure.help }))
        });
        let shown = Shown {
            pipeline: self.pipeline,
            resource: &self.plan.name,
            requests,
            tables,
            records,
            has_more: self.own.has_more,
            remarks: self.remarks(),
            failures: failures.collect(),
        };
        serde_json::to_string_pretty(&shown).unwrap_or_default()
    }

    fn table_as_json(&self, table: &TableBatch) -> Value {
        let is_root = table.parent.is_none();
        let columns = own_columns(table).map(|column| {
            json!({
                "column": &*column.name,
                "data_type": column.data_type(),
                "source": &*column.source_name,
                "declared": column.declared,
                "primary_key": is_root && self.plan.target.primary_key.contains(&column.name),
            })
        });
        json!({
            "table": &*table.name,
            "parent": table.parent.as_deref(),
            "rows": table.row_count,
            "columns": columns.collect::<Vec<_>>(),
        })
    }
}

/// The document for programs.
#[derive(Serialize)]
struct Shown<'s> {
    pipeline: &'s str,
    resource: &'s str,
    requests: Vec<&'s Exchange>,
    tables: Vec<Value>,
    /// As they came, with every digit.
    records: Vec<Box<RawValue>>,
    has_more: bool,
    remarks: Vec<String>,
    failures: Vec<Value>,
}

/// The columns that records fill; those that every table has are left out.
fn own_columns(table: &TableBatch) -> impl Iterator<Item = &ColumnBuffer> {
    table.columns.iter().filter(|column| !column.name.starts_with("_rl_"))
}

fn text_of(cell: Cell<'_>) -> String {
    let mut text = String::new();
    cell.write_text(&mut text);
    text
}

/// How wide the parts of the lines about requests are.
struct Widths {
    page: usize,
    records: usize,
}

impl Widths {
    fn of(exchanges: &[Exchange]) -> Self {
        let widest = |of: fn(&Exchange) -> u64| exchanges.iter().map(|exchange| of(exchange).to_string().len()).max();
        Self {
            page: widest(|exchange| exchange.page).unwrap_or(1),
            records: widest(|exchange| exchange.records.unwrap_or(0)).unwrap_or(1),
        }
    }

    fn line(&self, exchange: &Exchange) -> String {
        let status = exchange
            .status
            .map_or_else(|| "---".to_owned(), |status| status.to_string());
        let records = match exchange.records {
            Some(1) => format!("{:>1$} record ", 1, self.records),
            Some(records) => format!("{records:>0$} records", self.records),
            None => " ".repeat(self.records + " records".len()),
        };
        format!(
            "page {:<page$}  {status}  {:>5} ms  {records}  {} {}",
            exchange.page,
            exchange.millis,
            exchange.method,
            exchange.url,
            page = self.page,
        )
    }
}
