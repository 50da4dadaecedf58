//! Turns records into typed rows of a root table and its child tables, as dlt does.
//!
//! An object inside a record becomes columns whose names are joined by `__`; a list becomes the rows of a child table;
//! below `max_nesting` levels both stay JSON. A [`Normalizer`] remembers the shape of the records it has seen, so that
//! a record like the last one costs no hashing and no allocation per key: its n-th key is expected where the last
//! record had it. Several normalizers of one resource share the [`names`] they give.

mod coerce;
mod contracts;
mod infer;
pub mod names;
mod rules;
mod table;

use std::sync::Arc;

use crate::batch::{Batch, Cell, ColumnBuffer, Reject};
use crate::contract::Entity;
use crate::naming::{self, MAX_LENGTH};
use crate::row_id::{self, ListIds, PageIds, RowId};
use crate::schema::{Identity, SCALAR_VALUE, Target};
use crate::value::{Object, Value, push_json_string};
use coerce::coerce;
pub use coerce::convert;
use contracts::{Fault, Finding};
use infer::{infer, push_key_text};
use names::Names;
use rules::{Misfit, Rule};
use table::{Member, Shape, TableBuilder};

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
    /// What contracts have to say of the record that is being added.
    findings: Vec<Finding>,
    /// Whether a contract keeps the root table from being made.
    is_root_refused: bool,
    /// What becomes of values that do not fit a settled column; none when columns widen.
    misfit: Option<Misfit>,
    /// The declared columns that take no NULL, each with its place once it has one.
    required: Vec<(Arc<str>, Option<usize>)>,
    only_if_new: Vec<u32>,
    /// The columns that rows are identified by, in the order of their names.
    key: Vec<KeyColumn>,
    page_ids: PageIds,
    list_ids: ListIds,
    page: u64,
    record: u64,
    types_version: u64,
    /// Reused for the JSON of nested values, and for keys.
    scratch: [String; 2],
}

/// A column that rows are identified by.
#[derive(Debug)]
struct KeyColumn {
    name: Arc<str>,
    /// The name as a JSON key, with what stands before and after it.
    json: String,
    /// Where the column was last.
    place: usize,
}

/// The columns of the key that a target's rows are identified by.
fn key_columns(target: &Target) -> Vec<KeyColumn> {
    let Identity::Key(names) = target.identity() else {
        return Vec::new();
    };
    let mut names: Vec<&Arc<str>> = names.iter().collect();
    names.sort();
    let column = |(index, name): (usize, &Arc<str>)| {
        let mut json = String::from(if index == 0 { "{" } else { "," });
        push_json_string(&mut json, name);
        json.push(':');
        KeyColumn {
            name: Arc::clone(name),
            json,
            place: 0,
        }
    };
    names.into_iter().enumerate().map(column).collect()
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
    /// Whether they are known by their places on the page, as the root row is.
    counts_children: bool,
}

impl Normalizer {
    /// A normalizer that has seen nothing yet.
    pub fn new(plan: Arc<NormalizePlan>, names: Arc<Names>) -> Self {
        let page_ids = PageIds::new(&plan.load_id, &plan.target.resource, "", 0);
        let target = &plan.target;
        let takes_new_columns = target.contract.columns.evolves() || !names.is_settled(&target.table);
        let mut root = TableBuilder::new(Arc::clone(&target.table), None, takes_new_columns);
        // Filled by the destination; a field of the same name gets a column of its own.
        if let Some(history) = target.history() {
            names.withhold(&target.table, &history.valid_from);
            names.withhold(&target.table, &history.valid_to);
        }
        for hint in &target.columns {
            if let Some(data_type) = hint.data_type {
                names.reserve(&target.table, &hint.name);
                let mut column = ColumnBuffer::new(Arc::clone(&hint.name), "".into(), Some(data_type));
                column.declared = true;
                root.columns.push(column);
                let rule = Rule::declared(hint, data_type, target.contract, target.variants);
                root.rules.push(Some(rule));
            }
        }
        let required = target.columns.iter().filter(|hint| hint.nullable == Some(false));
        Self {
            is_root_refused: !target.contract.tables.evolves() && !names.is_stored(&target.table),
            misfit: Misfit::of(target.contract.data_type, target.variants),
            required: required.map(|hint| (Arc::clone(&hint.name), None)).collect(),
            key: key_columns(target),
            plan,
            names,
            tables: vec![root],
            rejects: Vec::new(),
            findings: Vec::new(),
            only_if_new: Vec::new(),
            page_ids,
            list_ids: ListIds::default(),
            page: 0,
            record: 0,
            types_version: u64::MAX,
            scratch: [String::new(), String::new()],
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
                for (column, rule) in table.columns.iter_mut().zip(&table.rules) {
                    if rule.is_none() {
                        let known = self.names.data_type(&table.name, &column.name);
                        *column = ColumnBuffer::new(Arc::clone(&column.name), Arc::clone(&column.source_name), known);
                    }
                }
            }
        }
        for table in &mut self.tables {
            table.make_room();
        }
    }

    /// Says which record of the page comes next, counted from 1, where not all of them come here.
    pub fn skip_to(&mut self, record: u64) {
        self.record = record - 1;
    }

    /// Adds the rows of one record, or a reject.
    pub fn push(&mut self, record: &Value<'_>) {
        self.push_with(record, None, false);
    }

    /// The same with an id that the record has in every load. Where `only_if_new`, its rows are added only when no row
    /// with that id is there.
    pub fn push_as(&mut self, record: &Value<'_>, id: &str, only_if_new: bool) {
        self.push_with(record, Some(id), only_if_new);
    }

    fn push_with(&mut self, record: &Value<'_>, id: Option<&str>, only_if_new: bool) {
        self.record += 1;
        if self.is_root_refused {
            self.refuse_record(record);
            return;
        }
        let row = self.tables[0].rows;
        let pushed = self.push_record(record, id);
        if pushed.is_err() || !self.findings.is_empty() {
            self.settle(record, pushed.err());
        }
        // A record that is refused after all has left no row.
        if only_if_new && self.tables[0].rows > row {
            self.only_if_new.push(row as u32);
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
            page: self.page,
            tables,
            rejects: std::mem::take(&mut self.rejects),
            only_if_new: std::mem::take(&mut self.only_if_new),
        }
    }

    fn push_record(&mut self, record: &Value<'_>, id: Option<&str>) -> Result<(), Fault> {
        let row = self.tables[0].rows;
        self.tables[0].rows += 1;
        let mut lists = Vec::new();
        self.put_row(0, row, record, self.plan.max_nesting, &mut lists)?;
        self.check_required(row)?;
        let counts_children = id.is_none() && matches!(self.plan.target.identity(), Identity::Place);
        let own;
        let id = match id {
            Some(id) => id,
            None => {
                own = self.root_id(row, record).map_err(Fault::Unstorable)?;
                own.as_str()
            }
        };
        self.tables[0].ids.put(row, Cell::Text(id));
        let above = Above {
            parent_id: id,
            root_id: id,
            root_row: row as u32,
            counts_children,
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
    fn root_id(&mut self, row: usize, record: &Value<'_>) -> Result<RowId, String> {
        let target = &self.plan.target;
        for column in target.group_columns() {
            let root = &self.tables[0].columns;
            root.iter()
                .find(|known| known.name == *column)
                .and_then(|known| value_of(known, row))
                .ok_or_else(|| format!("no value for the merge key `{column}`"))?;
        }
        match target.identity() {
            Identity::Place => Ok(self.page_ids.next_id()),
            Identity::Content => Ok(row_id::of_record(record)),
            Identity::Key(_) => self.key_id(row),
        }
    }

    /// The id of the values that a root row has in the columns of the key.
    fn key_id(&mut self, row: usize) -> Result<RowId, String> {
        let columns = &self.tables[0].columns;
        let [json, text] = &mut self.scratch;
        json.clear();
        for key in &mut self.key {
            if columns.get(key.place).is_none_or(|column| column.name != key.name) {
                let place = columns.iter().position(|column| column.name == key.name);
                key.place = place.unwrap_or(usize::MAX);
            }
            let cell = columns.get(key.place).and_then(|column| value_of(column, row));
            let cell = cell.ok_or_else(|| match self.plan.target.history() {
                Some(_) => format!("no value for the version column `{}`", key.name),
                None => format!("no value for the primary key `{}`", key.name),
            })?;
            json.push_str(&key.json);
            text.clear();
            push_key_text(text, cell);
            push_json_string(json, text);
        }
        json.push('}');
        Ok(row_id::of_key(json))
    }

    /// Writes one row: an object's members, or a scalar in `value`, or a list in `list`.
    fn put_row<'v>(
        &mut self,
        table: usize,
        row: usize,
        value: &'v Value<'v>,
        level: usize,
        lists: &mut Vec<PendingList<'v>>,
    ) -> Result<(), Fault> {
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
    ) -> Result<(), Fault> {
        let mut has_objects = false;
        for (position, (key, value)) in object.0.iter().enumerate() {
            has_objects |= self.put_member(table, shape, position, row, key, value, level, lists)?;
        }
        if !has_objects {
            return Ok(());
        }
        // Objects come after the scalars, the last one first: the column order of dlt's tables.
        for (position, (key, value)) in object.0.iter().enumerate().rev() {
            let Value::Object(nested) = value else { continue };
            let member = self.member(table, shape, position, key);
            if self.tables[table].shapes[shape].members[member].is_declared {
                continue;
            }
            let inner = self.object_shape(table, shape, member);
            self.put_object(table, inner, row, nested, level - 1, lists)?;
        }
        Ok(())
    }

    /// Writes the value of one key, or says that it is an object that becomes columns, whose turn comes later.
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
    ) -> Result<bool, Fault> {
        let member = self.member(table, shape, position, key);
        let known = &self.tables[table].shapes[shape].members[member];
        match value {
            Value::Null => {
                if let Some(column) = known.column {
                    self.tables[table].columns[column].put_null(row);
                }
                return Ok(false);
            }
            Value::Object(_) if level > 0 && !known.is_declared => return Ok(true),
            Value::List(elements) if level > 0 && !known.is_declared => {
                if elements.is_empty() {
                    return Ok(false);
                }
                match self.list_table(table, shape, member) {
                    Some(child) => lists.push(PendingList {
                        elements,
                        table: child,
                        level: level - 1,
                    }),
                    None => self.refuse_table(table, shape, member, value),
                }
                return Ok(false);
            }
            _ => {}
        }
        let Some(column) = known.column.or_else(|| self.find_column(table, shape, member)) else {
            return self
                .refuse(Entity::Columns, table, shape, member, value)
                .map(|()| false);
        };
        let builder = &mut self.tables[table];
        let buffer = &mut builder.columns[column];
        match &builder.rules[column] {
            None => infer(buffer, row, value, &mut self.scratch[0]),
            Some(rule) => {
                if let Err(reason) = coerce(buffer, row, value, rule, &mut self.scratch[0]) {
                    let misfit = rule.misfit;
                    return self
                        .put_misfit(misfit, &reason, (table, shape, member), row, value)
                        .map(|()| false);
                }
            }
        }
        Ok(false)
    }

    fn put_lists(&mut self, lists: Vec<PendingList<'_>>, above: Above<'_>) -> Result<(), Fault> {
        for list in lists {
            let mut nested = Vec::new();
            if !above.counts_children {
                self.list_ids.of_list(above.parent_id, &self.tables[list.table].name);
            }
            for (index, element) in list.elements.iter().enumerate() {
                let id = if above.counts_children {
                    self.page_ids.next_child_id()
                } else {
                    self.list_ids.id(index)
                };
                let table = &mut self.tables[list.table];
                let row = table.rows;
                table.rows += 1;
                table.root_rows.push(above.root_row);
                table.ids.put(row, Cell::Text(&id));
                table.parent_ids.put(row, Cell::Text(above.parent_id));
                table.root_ids.put(row, Cell::Text(above.root_id));
                table.list_indexes.put(row, Cell::Bigint(index as i64));
                let found = self.findings.len();
                match self.put_row(list.table, row, element, list.level, &mut nested) {
                    Err(Fault::Discarded(reason)) => {
                        nested.clear();
                        self.findings.truncate(found);
                        self.discard_child(list.table, row, reason, element);
                        continue;
                    }
                    put => put?,
                }
                if !nested.is_empty() {
                    self.put_lists(
                        std::mem::take(&mut nested),
                        Above {
                            parent_id: &id,
                            ..above
                        },
                    )?;
                    if !above.counts_children {
                        self.list_ids.of_list(above.parent_id, &self.tables[list.table].name);
                    }
                }
            }
        }
        Ok(())
    }

    /// The member of a key, which is most often where the last record had it.
    #[inline]
    fn member(&mut self, table: usize, shape: usize, position: usize, key: &str) -> usize {
        let known = &self.tables[table].shapes[shape];
        if known.members.get(position).is_some_and(|member| *member.key == *key) {
            return position;
        }
        self.find_member(table, shape, key)
    }

    /// The same when it is somewhere else, or new.
    #[inline(never)]
    fn find_member(&mut self, table: usize, shape: usize, key: &str) -> usize {
        let known = &self.tables[table].shapes[shape];
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
                let buffer = &root.columns[*column];
                buffer.declared && *buffer.name == *name && self.names.claim_declared(&root.name, &name, &source)
            })
        } else {
            None
        };
        let is_declared = column.is_some() || self.names.is_stored_json(&self.tables[table].name, &name, &source);
        if let Some(column) = column {
            self.tables[table].columns[column].source_name = source.as_str().into();
        }
        let known = &mut self.tables[table].shapes[shape];
        let member = known.members.len();
        known.members.push(Member {
            key: key.into(),
            name,
            source,
            column,
            is_declared,
            object: None,
            list: None,
            variants: Vec::new(),
            is_column_refused: false,
            is_table_refused: false,
        });
        known.by_key.insert(key.into(), member);
        member
    }

    /// The column of a key, which is new where it may be; none where it may not.
    fn find_column(&mut self, table: usize, shape: usize, member: usize) -> Option<usize> {
        let builder = &mut self.tables[table];
        let member = &mut builder.shapes[shape].members[member];
        if member.is_column_refused {
            return None;
        }
        let found = self
            .names
            .column(&builder.name, &member.source, &member.name, builder.takes_new_columns);
        let Some(name) = found else {
            member.is_column_refused = true;
            return None;
        };
        let settled = self.names.settled_type(&builder.name, &name);
        let rule = settled
            .zip(self.misfit)
            .map(|(data_type, misfit)| Rule::settled(data_type, misfit));
        let known = self.names.data_type(&builder.name, &name);
        let column = builder.columns.len();
        let data_type = rule.map(|rule| rule.data_type).or(known);
        let source = member.source.as_str().into();
        builder.columns.push(ColumnBuffer::new(name, source, data_type));
        builder.rules.push(rule);
        member.column = Some(column);
        Some(column)
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

    /// The child table of a key, which is new where it may be; none where it may not.
    fn list_table(&mut self, table: usize, shape: usize, member: usize) -> Option<usize> {
        let child = self.tables.len();
        let builder = &mut self.tables[table];
        let known = &mut builder.shapes[shape].members[member];
        if known.list.is_some() || known.is_table_refused {
            return known.list;
        }
        let wanted = naming::join(&builder.name, &known.name, MAX_LENGTH);
        let contract = self.plan.target.contract;
        let found = self
            .names
            .table(&builder.name, &known.source, &wanted, contract.tables.evolves());
        let Some(name) = found else {
            known.is_table_refused = true;
            return None;
        };
        known.list = Some(child);
        let source: Arc<str> = known.source.as_str().into();
        let takes_new_columns = contract.columns.evolves() || !self.names.is_settled(&name);
        let mut child_table = TableBuilder::new(name, Some(table), takes_new_columns);
        child_table.source_name = Some(source);
        self.tables.push(child_table);
        Some(child)
    }
}

/// The value that a column has in a row, if it has one.
fn value_of(column: &ColumnBuffer, row: usize) -> Option<Cell<'_>> {
    let cell = (column.len() > row).then(|| column.cell(row))?;
    (cell != Cell::Null).then_some(cell)
}

#[cfg(test)]
mod tests;
