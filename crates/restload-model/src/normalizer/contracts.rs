//! What becomes of records, rows and values that a contract keeps out, and of records that cannot be stored.

use std::fmt::Write as _;
use std::sync::Arc;

use super::coerce::coerce;
use super::rules::{Misfit, Rule};
use super::{Normalizer, naming};
use crate::DataType;
use crate::batch::{Cell, ColumnBuffer, Reject, RejectKind};
use crate::contract::{Entity, Mode};
use crate::iso_time;
use crate::naming::MAX_LENGTH;
use crate::value::Value;

/// Why a row is not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its record cannot be stored.
    Unstorable(String),
    /// A contract leaves it out.
    Discarded(String),
}

/// What a contract has to say of a part of a record.
#[derive(Debug)]
pub(super) struct Finding {
    kind: RejectKind,
    table: Arc<str>,
    reason: String,
    raw: String,
}

/// Where a value stands: its table, the object in the row, and the key.
type Place = (usize, usize, usize);

impl Normalizer {
    /// A record of a table that must not be made.
    pub(super) fn refuse_record(&mut self, record: &Value<'_>) {
        let mode = self.plan.target.contract.tables;
        let reason = violation(Entity::Tables, mode, &format!("table `{}` is new", self.tables[0].name));
        let kind = match mode {
            Mode::Freeze => RejectKind::Frozen,
            _ => RejectKind::DiscardedRow,
        };
        self.reject(kind, reason, record.to_json());
    }

    /// A list whose table must not be made; its parent's row is stored all the same.
    pub(super) fn refuse_table(&mut self, table: usize, shape: usize, member: usize, value: &Value<'_>) {
        let builder = &self.tables[table];
        let known = &builder.shapes[shape].members[member];
        let child = naming::join(&builder.name, &known.name, MAX_LENGTH);
        let mode = self.plan.target.contract.tables;
        let reason = violation(Entity::Tables, mode, &format!("table `{child}` is new"));
        let kind = match mode {
            Mode::Freeze => RejectKind::Frozen,
            _ => RejectKind::DiscardedRow,
        };
        let raw = under_its_path(&known.source, value);
        self.findings.push(Finding {
            kind,
            table: child.into(),
            reason,
            raw,
        });
    }

    /// A value whose column must not be added.
    pub(super) fn refuse(
        &mut self,
        entity: Entity,
        table: usize,
        shape: usize,
        member: usize,
        value: &Value<'_>,
    ) -> Result<(), Fault> {
        let builder = &self.tables[table];
        let known = &builder.shapes[shape].members[member];
        let what = format!("column `{}` of table `{}` is new", known.name, builder.name);
        let mode = self.plan.target.contract.mode(entity);
        self.leave_out(entity, mode, &what, (table, shape, member), value)
    }

    /// A value that does not fit its column.
    pub(super) fn put_misfit(
        &mut self,
        misfit: Misfit,
        reason: &str,
        place: Place,
        row: usize,
        value: &Value<'_>,
    ) -> Result<(), Fault> {
        let (table, shape, member) = place;
        let builder = &self.tables[table];
        let column = builder.shapes[shape].members[member]
            .column
            .map(|column| &builder.columns[column]);
        let name = column.map(|column| Arc::clone(&column.name)).unwrap_or_default();
        let mode = match misfit {
            Misfit::Reject => return Err(Fault::Unstorable(format!("column `{name}`: {reason}"))),
            Misfit::Variant => {
                self.put_variant(place, row, value);
                return Ok(());
            }
            Misfit::Freeze => Mode::Freeze,
            Misfit::DiscardRow => Mode::DiscardRow,
            Misfit::DiscardValue => Mode::DiscardValue,
        };
        let data_type = column.and_then(ColumnBuffer::data_type).unwrap_or(DataType::Text);
        let what = format!("column `{name}` of table `{}` takes {data_type}", builder.name);
        self.leave_out(Entity::DataType, mode, &what, place, value)
    }

    fn leave_out(
        &mut self,
        entity: Entity,
        mode: Mode,
        what: &str,
        (table, shape, member): Place,
        value: &Value<'_>,
    ) -> Result<(), Fault> {
        let reason = violation(entity, mode, what);
        let kind = match mode {
            Mode::DiscardRow => return Err(Fault::Discarded(reason)),
            Mode::Freeze => RejectKind::Frozen,
            _ => RejectKind::DiscardedValue,
        };
        let builder = &self.tables[table];
        let raw = under_its_path(&builder.shapes[shape].members[member].source, value);
        self.findings.push(Finding {
            kind,
            table: Arc::clone(&builder.name),
            reason,
            raw,
        });
        Ok(())
    }

    /// A child row that a contract leaves out. Its own lists have not been looked at yet.
    pub(super) fn discard_child(&mut self, table: usize, row: usize, reason: String, element: &Value<'_>) {
        let builder = &mut self.tables[table];
        builder.root_rows.truncate(row);
        builder.truncate(row);
        self.findings.push(Finding {
            kind: RejectKind::DiscardedRow,
            table: Arc::clone(&builder.name),
            reason,
            raw: element.to_json(),
        });
    }

    /// Puts a value into the column of its own type beside the one that it does not fit.
    fn put_variant(&mut self, (table, shape, member): Place, row: usize, value: &Value<'_>) {
        let own = own_type(value);
        let builder = &mut self.tables[table];
        let known = &mut builder.shapes[shape].members[member];
        let rule = Rule {
            is_declared: true,
            ..Rule::settled(own, Misfit::Reject)
        };
        let found = known.variants.iter().find(|(data_type, _)| *data_type == own);
        let column = if let Some((_, column)) = found {
            *column
        } else {
            let base = known.column.map_or_else(
                || Arc::from(known.name.as_str()),
                |column| Arc::clone(&builder.columns[column].name),
            );
            let wanted = naming::join(&base, &format!("v_{own}"), MAX_LENGTH);
            let source = format!("{} → {own}", known.source);
            let name = self.names.variant(&builder.name, &source, &wanted);
            let buffer = ColumnBuffer::new(name, source.into(), Some(own));
            builder.columns.push(buffer);
            builder.rules.push(Some(rule));
            known.variants.push((own, builder.columns.len() - 1));
            builder.columns.len() - 1
        };
        // A value always fits a column of its own type.
        let _ = coerce(&mut builder.columns[column], row, value, &rule, &mut self.scratch[0]);
    }

    /// Refuses a record without a value in a declared column that takes no NULL.
    pub(super) fn check_required(&mut self, row: usize) -> Result<(), Fault> {
        for (name, place) in &mut self.required {
            let root = &self.tables[0];
            if place.is_none() {
                *place = root.columns.iter().position(|column| column.name == *name);
            }
            let column = place.map(|place| &root.columns[place]);
            let cell = column
                .filter(|column| column.len() > row)
                .map(|column| column.cell(row));
            if matches!(cell, None | Some(Cell::Null)) {
                return Err(Fault::Unstorable(format!(
                    "no value for column `{name}`, which is declared `nullable: false`"
                )));
            }
        }
        Ok(())
    }

    /// Decides on a record of which something is to be said.
    pub(super) fn settle(&mut self, record: &Value<'_>, fault: Option<Fault>) {
        let findings = std::mem::take(&mut self.findings);
        if findings.iter().any(|finding| finding.kind == RejectKind::Frozen) {
            let mut reason = String::new();
            for finding in findings.iter().filter(|finding| finding.kind == RejectKind::Frozen) {
                if !reason.is_empty() {
                    reason.push_str("; ");
                }
                reason.push_str(&finding.reason);
            }
            reason.push_str(&self.identity());
            self.undo_record();
            self.reject(RejectKind::Frozen, reason, record.to_json());
            return;
        }
        let (kind, reason) = match fault {
            Some(Fault::Unstorable(reason)) => (RejectKind::Unstorable, reason),
            Some(Fault::Discarded(reason)) => (RejectKind::DiscardedRow, reason),
            None => {
                for finding in findings {
                    self.rejects.push(Reject {
                        kind: finding.kind,
                        table: finding.table,
                        page: self.page,
                        record: self.record,
                        reason: finding.reason,
                        raw: finding.raw,
                    });
                }
                return;
            }
        };
        self.undo_record();
        self.reject(kind, reason, record.to_json());
    }

    fn reject(&mut self, kind: RejectKind, reason: String, raw: String) {
        self.rejects.push(Reject {
            kind,
            table: Arc::clone(&self.tables[0].name),
            page: self.page,
            record: self.record,
            reason,
            raw,
        });
    }

    /// The keys of the newest root row, for a reader to find its record by.
    fn identity(&self) -> String {
        let target = &self.plan.target;
        let unique = target.columns.iter().filter(|hint| hint.unique).map(|hint| &hint.name);
        let mut text = String::new();
        let root = &self.tables[0];
        let row = root.rows.saturating_sub(1);
        let mut told: Vec<&Arc<str>> = Vec::new();
        for name in target.primary_key.iter().chain(target.group_columns()).chain(unique) {
            let column = root.columns.iter().find(|column| column.name == *name);
            let cell = column
                .filter(|column| column.len() > row)
                .map(|column| column.cell(row));
            if let Some(cell) = cell.filter(|cell| *cell != Cell::Null)
                && !told.contains(&name)
            {
                let _ = write!(text, "{}{name}: ", if text.is_empty() { " (" } else { ", " });
                cell.write_text(&mut text);
                told.push(name);
            }
        }
        if !text.is_empty() {
            text.push(')');
        }
        text
    }
}

fn violation(entity: Entity, mode: Mode, what: &str) -> String {
    format!("{what}, and the schema contract says `{entity}: {}`", mode.name())
}

fn under_its_path(source: &str, value: &Value<'_>) -> String {
    format!("{{{}:{}}}", serde_json::Value::from(source), value.to_json())
}

/// The type that a value has by itself.
fn own_type(value: &Value<'_>) -> DataType {
    match value {
        Value::Bool(_) => DataType::Bool,
        Value::Integer(_) => DataType::Bigint,
        Value::Double(_) => DataType::Double,
        Value::Number(_) => DataType::Numeric,
        Value::Text(text) if iso_time::parse_timestamp(text).is_some() => DataType::Timestamp,
        Value::Text(text) if iso_time::parse_date(text).is_some() => DataType::Date,
        Value::Null | Value::Text(_) => DataType::Text,
        Value::List(_) | Value::Object(_) => DataType::Json,
    }
}
