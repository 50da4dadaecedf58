//! Turns records into typed rows of a root table and its child tables, as dlt does.
//!
//! An object inside a record becomes columns whose names are joined by `__`; a list becomes the rows of a child table;
//! below `max_nesting` levels both stay JSON. A [`Normalizer`] remembers the shape of the records it has seen, so that
//! a record like the last one costs no hashing and no allocation per key: its n-th key is expected where the last
//! record had it. Several normalizers of one resource share the [`names`] they give.

mod coerce;
pub mod names;

use std::collections::HashMap;
use std::sync::Arc;

use crate::batch::{Batch, Cell, ColumnBuffer, Reject, TableBatch};
use crate::iso_time;
use crate::naming;
use crate::row_id::{self, PageIds};
use crate::schema::{Identity, LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID, SCALAR_VALUE, Target};
use crate::value::{Object, Value};
use crate::{DataType, naming::MAX_LENGTH};
use coerce::coerce;
use names::Names;

/// The key under which a list inside a list stands in its own table.
const NESTED_LIST: &str = "list";

/// What is fixed for all records of a resource.
#[derive(Debug)]
pub struct NormalizePlan {
    /// Where the records go.
    pub target: Target,
    /// How many levels of objects and lists become columns and tables; what lies deeper stays JSON.
    pub max_nesting: usize,
    /// The load that the rows belong to.
    pub load_id: Arc<str>,
}

/// Turns the records of one page after the other into batches.
#[derive(Debug)]
pub struct Normalizer {
    plan: Arc<NormalizePlan>,
    names: Arc<Names>,
    /// The root table first.
    tables: Vec<TableBuilder>,
    rejects: Vec<Reject>,
    page_ids: PageIds,
    page: u64,
    record: u64,
    types_version: u64,
    /// Reused for the JSON of nested values.
    scratch: String,
}

#[derive(Debug)]
struct TableBuilder {
    name: Arc<str>,
    parent: Option<usize>,
    columns: Vec<ColumnBuffer>,
    /// The type that each column has been declared with.
    declared: Vec<Option<DataType>>,
    /// The digits in all and after the point that a numeric has been declared with; shorter than `columns`.
    digits: Vec<Option<(u32, u32)>>,
    rows: usize,
    root_rows: Vec<u32>,
    /// The first is the row itself, the others are the objects inside it.
    shapes: Vec<Shape>,
    ids: ColumnBuffer,
    parent_ids: ColumnBuffer,
    root_ids: ColumnBuffer,
    list_indexes: ColumnBuffer,
}

/// The keys that an object at one place has had so far, in the order of the first.
#[derive(Debug, Default)]
struct Shape {
    /// The normalised path of the object in its row, empty for the row itself.
    path: String,
    /// The same path as the records spell it.
    source: String,
    members: Vec<Member>,
    by_key: HashMap<Box<str>, usize>,
}

/// What a key has turned into. A key whose values change kind turns into several things.
#[derive(Debug)]
struct Member {
    key: Box<str>,
    /// The column's name, normalised and joined to the path above.
    name: String,
    /// The path as the records spell it.
    source: String,
    column: Option<usize>,
    /// Whether a declared type keeps nested values whole.
    is_declared: bool,
    object: Option<usize>,
    list: Option<usize>,
}

/// A list that waits until its row has an id.
struct PendingList<'v> {
    elements: &'v [Value<'v>],
    table: usize,
    level: usize,
}

/// The row that child rows belong to.
#[derive(Clone, Copy)]
struct Above<'i> {
    parent_id: &'i str,
    root_id: &'i str,
    root_row: u32,
}

impl Normalizer {
    /// A normalizer that has seen nothing yet.
    pub fn new(plan: Arc<NormalizePlan>, names: Arc<Names>) -> Self {
        let page_ids = PageIds::new(&plan.load_id, &plan.target.resource, "", 0);
        let mut root = TableBuilder::new(Arc::clone(&plan.target.table), None);
        // Filled by the destination; a field of the same name gets a column of its own.
        if let Some(history) = plan.target.history() {
            names.withhold(&plan.target.table, &history.valid_from);
            names.withhold(&plan.target.table, &history.valid_to);
        }
        for hint in &plan.target.columns {
            if let Some(data_type) = hint.data_type {
                names.reserve(&plan.target.table, &hint.name);
                let mut column = ColumnBuffer::new(Arc::clone(&hint.name), Arc::clone(&hint.name), Some(data_type));
                column.declared = true;
                root.columns.push(column);
                root.declared.push(Some(data_type));
                root.digits
                    .push(hint.precision.map(|precision| (precision, hint.scale.unwrap_or(0))));
            }
        }
        Self {
            plan,
            names,
            tables: vec![root],
            rejects: Vec::new(),
            page_ids,
            page: 0,
            record: 0,
            types_version: u64::MAX,
            scratch: String::new(),
        }
    }

    /// Begins a page of a partition; `page` counts from 1 and goes into the row ids.
    pub fn start_page(&mut self, partition: &str, page: u64) {
        self.page_ids = PageIds::new(&self.plan.load_id, &self.plan.target.resource, partition, page);
        self.page = page;
        self.record = 0;
        let version = self.names.types_version();
        if version != self.types_version {
            self.types_version = version;
            for table in &mut self.tables {
                for (column, declared) in table.columns.iter_mut().zip(&table.declared) {
                    if declared.is_none() {
                        let known = self.names.data_type(&table.name, &column.name);
                        *column = ColumnBuffer::new(Arc::clone(&column.name), Arc::clone(&column.source_name), known);
                    }
                }
            }
        }
    }

    /// Adds the rows of one record, or a reject.
    pub fn push(&mut self, record: &Value<'_>) {
        self.record += 1;
        if let Err(reason) = self.push_record(record) {
            self.undo_record();
            self.rejects.push(Reject {
                page: self.page,
                record: self.record,
                reason,
                raw: record.to_json(),
            });
        }
    }

    /// The rows since the page was begun.
    pub fn finish_page(&mut self) -> Batch {
        let mut tables = Vec::with_capacity(self.tables.len());
        for index in 0..self.tables.len() {
            let parent = self.tables[index]
                .parent
                .map(|parent| Arc::clone(&self.tables[parent].name));
            let table = &mut self.tables[index];
            if table.rows > 0 {
                tables.push(table.take(parent, &self.plan.load_id));
            }
        }
        Batch {
            tables,
            rejects: std::mem::take(&mut self.rejects),
        }
    }

    fn push_record(&mut self, record: &Value<'_>) -> Result<(), String> {
        let row = self.tables[0].rows;
        self.tables[0].rows += 1;
        let mut lists = Vec::new();
        self.put_row(0, row, record, self.plan.max_nesting, &mut lists)?;
        let id = self.root_id(row, record)?;
        self.tables[0].ids.put(row, Cell::Text(&id));
        let above = Above {
            parent_id: &id,
            root_id: &id,
            root_row: row as u32,
        };
        self.put_lists(lists, above)
    }

    /// Takes back the rows of the record that is being added.
    fn undo_record(&mut self) {
        let row = self.tables[0].rows - 1;
        for table in &mut self.tables[1..] {
            while table.root_rows.last() == Some(&(row as u32)) {
                table.root_rows.pop();
            }
            table.truncate(table.root_rows.len());
        }
        self.tables[0].truncate(row);
    }

    /// The id of a root row: a digest of its key when rows are merged by it, of all that it holds when its versions are
    /// kept, else the row's place.
    fn root_id(&mut self, row: usize, record: &Value<'_>) -> Result<String, String> {
        let target = &self.plan.target;
        for column in target.group_columns() {
            self.key_cell(row, column)
                .ok_or_else(|| format!("no value for the merge key `{column}`"))?;
        }
        match target.identity() {
            Identity::Place => Ok(self.page_ids.next_id()),
            Identity::Content => Ok(row_id::of_record(record)),
            Identity::Key(key) => self.key_id(row, key),
        }
    }

    fn key_id(&self, row: usize, columns: &[Arc<str>]) -> Result<String, String> {
        let mut names: Vec<&Arc<str>> = columns.iter().collect();
        names.sort();
        let mut key = String::from("{");
        for (index, name) in names.into_iter().enumerate() {
            let cell = self
                .key_cell(row, name)
                .ok_or_else(|| match self.plan.target.history() {
                    Some(_) => format!("no value for the version column `{name}`"),
                    None => format!("no value for the primary key `{name}`"),
                })?;
            if index > 0 {
                key.push(',');
            }
            key.push_str(&serde_json::Value::from(&**name).to_string());
            key.push(':');
            key.push_str(&serde_json::Value::from(key_text(cell)).to_string());
        }
        key.push('}');
        Ok(row_id::of_text(&key))
    }

    /// The value that a root row has in a column, if it has one.
    fn key_cell(&self, row: usize, name: &Arc<str>) -> Option<Cell<'_>> {
        let column = self.tables[0].columns.iter().find(|column| column.name == *name)?;
        let cell = (column.len() > row).then(|| column.cell(row))?;
        (cell != Cell::Null).then_some(cell)
    }

    /// Writes one row: an object's members, or a scalar in `value`, or a list in `list`.
    fn put_row<'v>(
        &mut self,
        table: usize,
        row: usize,
        value: &'v Value<'v>,
        level: usize,
        lists: &mut Vec<PendingList<'v>>,
    ) -> Result<(), String> {
        match value {
            Value::Object(object) => self.put_object(table, 0, row, object, level, lists),
            // A list under the resource itself has its elements in `value`; inside another list, in `list`.
            Value::List(_) if table == 0 => self
                .put_member(table, 0, 0, row, SCALAR_VALUE, value, level, lists)
                .map(drop),
            Value::List(_) => self
                .put_member(table, 0, 0, row, NESTED_LIST, value, level, lists)
                .map(drop),
            scalar => self
                .put_member(table, 0, 0, row, SCALAR_VALUE, scalar, level, lists)
                .map(drop),
        }
    }

    fn put_object<'v>(
        &mut self,
        table: usize,
        shape: usize,
        row: usize,
        object: &'v Object<'v>,
        level: usize,
        lists: &mut Vec<PendingList<'v>>,
    ) -> Result<(), String> {
        // Objects come after the scalars, the last one first: the column order of dlt's tables.
        let mut objects: Vec<(usize, &'v Object<'v>)> = Vec::new();
        for (position, (key, value)) in object.0.iter().enumerate() {
            if let Some(nested) = self.put_member(table, shape, position, row, key, value, level, lists)? {
                objects.push(nested);
            }
        }
        for (member, nested) in objects.into_iter().rev() {
            let inner = self.object_shape(table, shape, member);
            self.put_object(table, inner, row, nested, level - 1, lists)?;
        }
        Ok(())
    }

    /// Writes the value of one key; an object that becomes columns is handed back, for its turn.
    #[expect(
        clippy::too_many_arguments,
        reason = "the place of a value has this many parts, and no two travel alone"
    )]
    fn put_member<'v>(
        &mut self,
        table: usize,
        shape: usize,
        position: usize,
        row: usize,
        key: &str,
        value: &'v Value<'v>,
        level: usize,
        lists: &mut Vec<PendingList<'v>>,
    ) -> Result<Option<(usize, &'v Object<'v>)>, String> {
        let member = self.member(table, shape, position, key);
        let known = &self.tables[table].shapes[shape].members[member];
        match value {
            Value::Null => {
                if let Some(column) = known.column {
                    self.tables[table].columns[column].put_null(row);
                }
                return Ok(None);
            }
            Value::Object(object) if level > 0 && !known.is_declared => return Ok(Some((member, object))),
            Value::List(elements) if level > 0 && !known.is_declared => {
                if !elements.is_empty() {
                    let child = self.list_table(table, shape, member);
                    lists.push(PendingList {
                        elements,
                        table: child,
                        level: level - 1,
                    });
                }
                return Ok(None);
            }
            _ => {}
        }
        let column = match known.column {
            Some(column) => column,
            None => self.add_column(table, shape, member),
        };
        let builder = &mut self.tables[table];
        let buffer = &mut builder.columns[column];
        let digits = builder.digits.get(column).copied().flatten();
        match builder.declared[column] {
            Some(data_type) => coerce(buffer, row, value, (data_type, digits), &mut self.scratch)
                .map_err(|reason| format!("column `{}`: {reason}", buffer.name))?,
            None => infer(buffer, row, value, &mut self.scratch),
        }
        Ok(None)
    }

    fn put_lists(&mut self, lists: Vec<PendingList<'_>>, above: Above<'_>) -> Result<(), String> {
        for list in lists {
            for (index, element) in list.elements.iter().enumerate() {
                let table = &mut self.tables[list.table];
                let row = table.rows;
                let id = row_id::of_child(above.parent_id, &table.name, index);
                table.rows += 1;
                table.root_rows.push(above.root_row);
                table.ids.put(row, Cell::Text(&id));
                table.parent_ids.put(row, Cell::Text(above.parent_id));
                table.root_ids.put(row, Cell::Text(above.root_id));
                table.list_indexes.put(row, Cell::Bigint(index as i64));
                let mut nested = Vec::new();
                self.put_row(list.table, row, element, list.level, &mut nested)?;
                if !nested.is_empty() {
                    self.put_lists(
                        nested,
                        Above {
                            parent_id: &id,
                            ..above
                        },
                    )?;
                }
            }
        }
        Ok(())
    }

    /// The member of a key, which is most often where the last record had it.
    fn member(&mut self, table: usize, shape: usize, position: usize, key: &str) -> usize {
        let known = &self.tables[table].shapes[shape];
        if known.members.get(position).is_some_and(|member| *member.key == *key) {
            return position;
        }
        if let Some(member) = known.by_key.get(key) {
            return *member;
        }
        let raw = if key.trim().is_empty() { naming::EMPTY_KEY } else { key };
        let own = naming::normalize(raw, MAX_LENGTH);
        let (name, source) = if known.path.is_empty() {
            (own, raw.to_owned())
        } else {
            (
                naming::join(&known.path, &own, MAX_LENGTH),
                format!("{}.{raw}", known.source),
            )
        };
        // A declared column exists before its key is met.
        let column = if table == 0 {
            let root = &self.tables[0];
            (0..root.columns.len()).find(|column| {
                root.declared[*column].is_some() && *root.columns[*column].name == *name && {
                    self.names.claim_declared(&root.name, &name, &source)
                }
            })
        } else {
            None
        };
        let known = &mut self.tables[table].shapes[shape];
        let member = known.members.len();
        let is_declared = column.is_some();
        known.members.push(Member {
            key: key.into(),
            name,
            source,
            column,
            is_declared,
            object: None,
            list: None,
        });
        known.by_key.insert(key.into(), member);
        member
    }

    fn add_column(&mut self, table: usize, shape: usize, member: usize) -> usize {
        let builder = &mut self.tables[table];
        let member = &mut builder.shapes[shape].members[member];
        let name = self.names.column(&builder.name, &member.source, &member.name);
        let known = self.names.data_type(&builder.name, &name);
        let column = builder.columns.len();
        builder
            .columns
            .push(ColumnBuffer::new(name, member.source.as_str().into(), known));
        builder.declared.push(None);
        member.column = Some(column);
        column
    }

    fn object_shape(&mut self, table: usize, shape: usize, member: usize) -> usize {
        let shapes = &mut self.tables[table].shapes;
        if let Some(inner) = shapes[shape].members[member].object {
            return inner;
        }
        let inner = shapes.len();
        let member = &mut shapes[shape].members[member];
        member.object = Some(inner);
        let (path, source) = (member.name.clone(), member.source.clone());
        shapes.push(Shape {
            path,
            source,
            ..Shape::default()
        });
        inner
    }

    fn list_table(&mut self, table: usize, shape: usize, member: usize) -> usize {
        let known = &self.tables[table].shapes[shape].members[member];
        if let Some(child) = known.list {
            return child;
        }
        let wanted = naming::join(&self.tables[table].name, &known.name, MAX_LENGTH);
        let name = self.names.table(&self.tables[table].name, &known.source, &wanted);
        let child = self.tables.len();
        self.tables.push(TableBuilder::new(name, Some(table)));
        self.tables[table].shapes[shape].members[member].list = Some(child);
        child
    }
}

impl TableBuilder {
    fn new(name: Arc<str>, parent: Option<usize>) -> Self {
        let system = |name: &str, data_type| ColumnBuffer::new(name.into(), name.into(), Some(data_type));
        Self {
            name,
            parent,
            columns: Vec::new(),
            declared: Vec::new(),
            digits: Vec::new(),
            rows: 0,
            root_rows: Vec::new(),
            shapes: vec![Shape::default()],
            ids: system(ROW_ID, DataType::Text),
            parent_ids: system(PARENT_ID, DataType::Text),
            root_ids: system(ROOT_ID, DataType::Text),
            list_indexes: system(LIST_INDEX, DataType::Bigint),
        }
    }

    fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        for column in &mut self.columns {
            column.truncate(rows);
        }
        for column in [
            &mut self.ids,
            &mut self.parent_ids,
            &mut self.root_ids,
            &mut self.list_indexes,
        ] {
            column.truncate(rows);
        }
    }

    /// Hands the rows over and begins again with empty columns of the same names.
    fn take(&mut self, parent: Option<Arc<str>>, load_id: &Arc<str>) -> TableBatch {
        let row_count = std::mem::take(&mut self.rows);
        let mut columns = Vec::with_capacity(self.columns.len() + 4);
        for (column, declared) in self.columns.iter_mut().zip(&self.declared) {
            columns.push(take_column(column, *declared, row_count));
        }
        let text = Some(DataType::Text);
        if parent.is_none() {
            columns.push(ColumnBuffer::repeated(LOAD_ID.into(), Arc::clone(load_id), row_count));
        } else {
            columns.push(take_column(&mut self.parent_ids, text, row_count));
            columns.push(take_column(&mut self.root_ids, text, row_count));
            columns.push(take_column(&mut self.list_indexes, Some(DataType::Bigint), row_count));
        }
        columns.push(take_column(&mut self.ids, text, row_count));
        let root_rows = std::mem::take(&mut self.root_rows);
        TableBatch {
            name: Arc::clone(&self.name),
            parent,
            columns,
            row_count,
            root_rows,
        }
    }
}

/// Swaps a filled column for an empty one.
///
/// The type that a page came to is not carried to the next: each page is typed by its own values and by what the
/// destination is known to hold, so the outcome does not depend on which pages a normalizer happened to see.
fn take_column(column: &mut ColumnBuffer, fixed: Option<DataType>, row_count: usize) -> ColumnBuffer {
    let mut empty = ColumnBuffer::new(
        Arc::clone(&column.name),
        Arc::clone(&column.source_name),
        fixed.or(column.initial_type()),
    );
    empty.declared = column.declared;
    let mut filled = std::mem::replace(column, empty);
    filled.pad(row_count);
    filled
}

/// Sets a cell to a value of any kind, letting the column's type follow.
fn infer(column: &mut ColumnBuffer, row: usize, value: &Value<'_>, scratch: &mut String) {
    match value {
        Value::Null => column.put_null(row),
        Value::Bool(flag) => column.put(row, Cell::Bool(*flag)),
        Value::Integer(number) => column.put(row, Cell::Bigint(*number)),
        Value::Double(number) => column.put(row, Cell::Double(*number)),
        Value::Number(text) => infer_number(column, row, text),
        Value::Text(text) if text.as_bytes().contains(&0) => infer_text(column, row, &without_nul(text)),
        Value::Text(text) => infer_text(column, row, text),
        Value::List(_) | Value::Object(_) => {
            scratch.clear();
            value.write_json(scratch);
            column.put(row, Cell::Json(&json_without_nul(scratch)));
        }
    }
}

/// A number whose own text is known, because it is beyond 64 bits or because every digit counts.
fn infer_number(column: &mut ColumnBuffer, row: usize, text: &str) {
    let is_integer = !text.contains(['.', 'e', 'E']);
    if is_integer && let Ok(number) = text.parse() {
        return column.put(row, Cell::Bigint(number));
    }
    if !is_integer
        && column.data_type() != Some(DataType::Numeric)
        && let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return column.put(row, Cell::Double(number));
    }
    match coerce::plain_decimal(text) {
        Some(plain) => column.put(row, Cell::Numeric(&plain)),
        None => column.put(row, Cell::Text(text)),
    }
}

fn infer_text(column: &mut ColumnBuffer, row: usize, text: &str) {
    match column.data_type() {
        None | Some(DataType::Timestamp | DataType::Date) => {
            if let Some(micros) = iso_time::parse_timestamp(text) {
                column.put_detected(row, Cell::Timestamp(micros), text);
            } else if let Some(days) = iso_time::parse_date(text) {
                column.put_detected(row, Cell::Date(days), text);
            } else {
                column.put(row, Cell::Text(text));
            }
        }
        _ => column.put(row, Cell::Text(text)),
    }
}

/// Postgres has no NUL in text, and many tools end a text there; both destinations get the replacement character.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The same inside JSON, where a NUL is spelled as an escape.
fn json_without_nul(json: &str) -> std::borrow::Cow<'_, str> {
    if !json.contains("\\u0000") {
        return json.into();
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        if rest[at..].starts_with("\\u0000") {
            clean.push('\u{fffd}');
            rest = &rest[at + 6..];
        } else {
            // An escape is at least two characters; a backslash that is escaped must not be taken for the next one's.
            clean.push_str(&rest[at..at + 2]);
            rest = &rest[at + 2..];
        }
    }
    clean.push_str(rest);
    clean.into()
}

/// The spelling of a key value in a row id: the same for values that a database holds to be equal.
fn key_text(cell: Cell<'_>) -> String {
    let mut text = String::new();
    cell.write_text(&mut text);
    match cell {
        Cell::Double(_) if text.ends_with(".0") => text.truncate(text.len() - 2),
        Cell::Numeric(_) if text.contains('.') => {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests;
