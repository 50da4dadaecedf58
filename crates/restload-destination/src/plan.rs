//! What has to change in a table before rows can be written to it. Pure: a table as it is wanted, as it was left, and
//! as the database describes it go in; changes and the types in force come out.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::ColumnBuffer;
use restload_model::naming;
use restload_model::schema::{Column, ColumnHint, LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID, Table};

/// A column to be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDef {
    pub(crate) name: Arc<str>,
    pub(crate) source_name: Arc<str>,
    pub(crate) data_type: DataType,
    pub(crate) not_null: bool,
    /// What it is declared to hold at most.
    pub(crate) limit: Option<Limit>,
}

/// The most that a column holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    /// Digits of a numeric, characters of a text, digits after the second of a moment.
    pub(crate) precision: u32,
    /// Digits after the point of a numeric.
    pub(crate) scale: u32,
}

impl Limit {
    /// As Postgres encodes it in a type's modifier.
    pub(crate) fn from_postgres(type_name: &str, modifier: i32) -> Option<Self> {
        let modifier = u32::try_from(modifier).ok()?;
        let (precision, scale) = match type_name {
            "numeric" => {
                let packed = modifier.checked_sub(4)?;
                (packed >> 16, packed & 0x7ff)
            }
            "varchar" => (modifier.checked_sub(4)?, 0),
            "timestamptz" | "timestamp" | "time" => (modifier, 0),
            _ => return None,
        };
        Some(Self { precision, scale })
    }

    fn whole_digits(self) -> u32 {
        self.precision.saturating_sub(self.scale)
    }

    /// The least limit that holds what either holds.
    fn join(self, other: Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self {
            precision: self.whole_digits().max(other.whole_digits()) + scale,
            scale,
        }
    }
}

/// How rows meet rows with the same key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conflict {
    pub(crate) key: Vec<Arc<str>>,
    pub(crate) action: ConflictAction,
}

/// What becomes of a row that has the key of one that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictAction {
    /// It takes the new values.
    Update,
    /// It takes the new values unless only its load differs.
    UpdateChanged,
    /// It stays as it is.
    Keep,
}

/// A table as the database describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TableState {
    pub(crate) is_view: bool,
    pub(crate) columns: Vec<ColumnState>,
    pub(crate) indexes: Vec<IndexState>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnState {
    pub(crate) name: String,
    /// The type in the database's own words.
    pub(crate) type_name: String,
    /// What that can hold; `None` for types that are not ours.
    pub(crate) data_type: Option<DataType>,
    /// The most that it holds, where the type says so.
    pub(crate) limit: Option<Limit>,
    pub(crate) not_null: bool,
    /// Whether a row that does not set it gets a value.
    pub(crate) has_default: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexState {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) columns: Vec<String>,
}

impl TableState {
    pub(crate) fn column(&self, name: &str) -> Option<&ColumnState> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn has_index(&self, name: &str) -> bool {
        self.indexes.iter().any(|index| index.name == name)
    }

    /// Whether rows are found by their root row without reading all of them.
    pub(crate) fn finds_by_root(&self) -> bool {
        self.indexes
            .iter()
            .any(|index| index.columns.first().is_some_and(|column| column == ROOT_ID))
    }

    fn key_index(&self) -> Option<&IndexState> {
        self.indexes
            .iter()
            .find(|index| KEY_INDEXES.iter().any(|prefix| index.name.starts_with(prefix)))
    }

    /// Whether there may be rows whose ids are no digests of their keys.
    pub(crate) fn may_have_foreign_ids(&self) -> bool {
        self.key_index().is_none_or(|index| !index.name.starts_with(KEY_INDEX))
    }
}

/// A table as the rows on their way and the config want it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub(crate) struct Wanted {
    pub(crate) name: Arc<str>,
    pub(crate) parent: Option<Arc<str>>,
    /// The path in the parent's records that the table is made of.
    pub(crate) source_name: Option<Arc<str>>,
    pub(crate) columns: Vec<WantedColumn>,
    /// The columns that identify a row; empty for a table whose rows are only added.
    pub(crate) key: Vec<Arc<str>>,
    /// Columns in which no two rows have the same value.
    pub(crate) unique: Vec<Arc<str>>,
    /// Whether the rows that are there will go, so that what they lack does not matter.
    pub(crate) replaces_rows: bool,
    /// Whether columns that have been through a whole load keep their types.
    pub(crate) keeps_types: bool,
    /// Whether rows are found by their root row.
    pub(crate) root_index: bool,
    /// Whether rows are found by their ids.
    pub(crate) id_index: bool,
    /// Leave the indexes as they are: the rows that stand in the way of a key are about to be replaced.
    pub(crate) defer_indexes: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct WantedColumn {
    name: Arc<str>,
    source_name: Arc<str>,
    /// What the config says.
    declared: Option<DataType>,
    /// The narrowest type that holds every value that came.
    seen: Option<DataType>,
    /// Whether a double holds every whole number that came.
    exact_as_double: bool,
    not_null: bool,
    limit: Option<Limit>,
}

impl Wanted {
    pub(crate) fn new(name: Arc<str>, parent: Option<Arc<str>>) -> Self {
        Self {
            name,
            parent,
            source_name: None,
            columns: Vec::new(),
            key: Vec::new(),
            unique: Vec::new(),
            replaces_rows: false,
            keeps_types: false,
            root_index: false,
            id_index: false,
            defer_indexes: false,
        }
    }

    /// Takes a column of a batch into account.
    pub(crate) fn observe(&mut self, buffer: &ColumnBuffer) {
        let known = self.columns.iter().position(|column| column.name == buffer.name);
        let place = known.unwrap_or_else(|| {
            self.columns.push(WantedColumn {
                name: Arc::clone(&buffer.name),
                source_name: Arc::clone(&buffer.source_name),
                declared: None,
                seen: None,
                exact_as_double: true,
                not_null: is_system_column(&buffer.name),
                limit: None,
            });
            self.columns.len() - 1
        });
        let column = &mut self.columns[place];
        if column.source_name.is_empty() {
            column.source_name = Arc::clone(&buffer.source_name);
        }
        column.exact_as_double &= buffer.is_exact_as_double();
        column.seen = match (column.seen, buffer.data_type()) {
            (Some(seen), Some(new)) => Some(widest(seen, new, column.exact_as_double)),
            (seen, new) => seen.or(new),
        };
    }

    /// Takes the columns of the config into account. Those that no batch has stand before the first that is not
    /// declared, in the order written.
    pub(crate) fn declare(&mut self, hints: &[ColumnHint]) {
        let mut place = self
            .columns
            .iter()
            .take_while(|column| hints.iter().any(|hint| hint.name == column.name))
            .count();
        for hint in hints {
            if !self.columns.iter().any(|column| column.name == hint.name) {
                self.columns.insert(
                    place,
                    WantedColumn {
                        name: Arc::clone(&hint.name),
                        source_name: "".into(),
                        declared: None,
                        seen: None,
                        exact_as_double: true,
                        not_null: false,
                        limit: None,
                    },
                );
                place += 1;
            }
            for column in self.columns.iter_mut().filter(|column| column.name == hint.name) {
                column.declared = hint.data_type;
                column.not_null |= hint.nullable == Some(false);
                column.limit = hint.precision.map(|precision| Limit {
                    precision,
                    scale: hint.scale.unwrap_or(0),
                });
            }
            if hint.unique && self.key[..] != [Arc::clone(&hint.name)] {
                self.unique.push(Arc::clone(&hint.name));
            }
        }
    }

    /// Whether a value came for the column.
    pub(crate) fn has_values(&self, name: &str) -> bool {
        let column = self.columns.iter().find(|column| &*column.name == name);
        column.is_some_and(|column| column.seen.is_some())
    }

    /// The columns of which the database has to be asked whether they hold whole numbers that a double would round,
    /// because they are about to meet fractions.
    pub(crate) fn columns_to_ask(&self, state: Option<&TableState>) -> Vec<Arc<str>> {
        let Some(state) = state else { return Vec::new() };
        let meets_fractions = |column: &&WantedColumn| {
            column.declared.is_none()
                && column.seen == Some(DataType::Double)
                && state.column(&column.name).and_then(|column| column.data_type) == Some(DataType::Bigint)
        };
        let columns = self.columns.iter().filter(meets_fractions);
        columns.map(|column| Arc::clone(&column.name)).collect()
    }
}

/// One change to a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Create(Vec<ColumnDef>),
    Add(ColumnDef),
    Widen {
        column: ColumnDef,
        from: DataType,
    },
    /// The column takes more digits or characters.
    Resize(ColumnDef),
    CreateIndex {
        name: String,
        columns: Vec<Arc<str>>,
        unique: bool,
    },
    DropIndex {
        name: String,
    },
}

/// What a table needs, and what it is then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TablePlan {
    pub(crate) changes: Vec<Change>,
    pub(crate) table: Table,
}

/// Why a table cannot become what is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Obstacle {
    /// Somebody changed the column's type.
    Altered {
        column: Arc<str>,
        found: String,
        expected: DataType,
    },
    /// The config contradicts what is there.
    Conflict {
        column: Arc<str>,
        declared: DataType,
        holder: &'static str,
        found: DataType,
    },
    /// The contract keeps types as they are, and the config declares another.
    Frozen {
        column: Arc<str>,
        from: DataType,
        to: DataType,
    },
    /// The contract keeps types as they are, and the config declares one with more room.
    FrozenLimit { column: Arc<str> },
    /// Somebody added a column that has to be set, which nobody does.
    NotNull { column: String },
    /// Somebody dropped a column that rows are found by.
    KeyDropped { column: Arc<str> },
    /// A view has the table's name.
    View,
}

/// Works out the changes. `known` is the table as it was left; `state` as it is now, `None` when it is not there;
/// `rounding` names the columns asked for that hold whole numbers beyond a double.
pub(crate) fn plan(
    wanted: &Wanted,
    known: Option<&Table>,
    state: Option<&TableState>,
    rounding: &HashSet<Arc<str>>,
) -> Result<TablePlan, Obstacle> {
    let Some(state) = state else {
        return create(wanted);
    };
    if state.is_view {
        return Err(Obstacle::View);
    }
    let mut changes = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    // In the table's own order, then what is added.
    for column in &state.columns {
        let wanted_column = wanted.columns.iter().find(|wanted| *wanted.name == column.name);
        let known_column = known.and_then(|table| table.columns.iter().find(|known| *known.name == column.name));
        let (name, source_name) = match (known_column, wanted_column) {
            // Declared before it was first filled.
            (Some(known), Some(wanted)) if known.source_name.is_empty() => (&known.name, &wanted.source_name),
            (Some(known), _) => (&known.name, &known.source_name),
            (None, Some(wanted)) if wanted.seen.is_some() || wanted.declared.is_some() => {
                (&wanted.name, &wanted.source_name)
            }
            // Somebody else's.
            (None, _) if column.not_null && !column.has_default => {
                return Err(Obstacle::NotNull {
                    column: column.name.clone(),
                });
            }
            (None, _) => continue,
        };
        let is_settled = known_column.is_some_and(|known| known.is_settled);
        let expected = known_column
            .map(|known| known.data_type)
            .or(wanted_column.and_then(|wanted| wanted.declared.or(wanted.seen)));
        let current = match (column.data_type, known_column, expected) {
            (Some(found), Some(known), _)
                if known.data_type.join(found) == found && !loses_zone(known.data_type, found, wanted_column) =>
            {
                found
            }
            (Some(found), None, _) => found,
            (_, _, Some(expected)) => {
                return Err(Obstacle::Altered {
                    column: Arc::clone(name),
                    found: column.type_name.clone(),
                    expected,
                });
            }
            (_, _, None) => continue,
        };
        let needed = match wanted_column {
            Some(wanted) => needed_type(wanted, Some(current), rounding.contains(name))?.unwrap_or(current),
            None => current,
        };
        let def = |limit| ColumnDef {
            name: Arc::clone(name),
            source_name: Arc::clone(source_name),
            data_type: needed,
            not_null: column.not_null,
            limit,
        };
        if needed != current {
            if wanted.keeps_types && is_settled {
                return Err(Obstacle::Frozen {
                    column: Arc::clone(name),
                    from: current,
                    to: needed,
                });
            }
            changes.push(Change::Widen {
                column: def(None),
                from: current,
            });
        } else if let Some(limit) = column.limit
            && let Some(wanted_column) = wanted_column
            && let Room::Needs(wider) = wanted_column.room_beside(limit)
        {
            if wanted.keeps_types && is_settled {
                return Err(Obstacle::FrozenLimit {
                    column: Arc::clone(name),
                });
            }
            changes.push(Change::Resize(def(wider)));
        }
        columns.push(Column {
            name: Arc::clone(name),
            data_type: needed,
            source_name: Arc::clone(source_name),
            is_settled,
        });
    }
    for wanted_column in &wanted.columns {
        let known_column = known.and_then(|table| table.columns.iter().find(|known| known.name == wanted_column.name));
        let known_type = known_column.map(|known| known.data_type);
        if state.column(&wanted_column.name).is_none()
            && let Some(data_type) = needed_type(wanted_column, known_type, false)?
        {
            let is_settled = known_column.is_some_and(|known| known.is_settled);
            add(&mut changes, &mut columns, wanted_column.to_def(data_type), is_settled);
        }
    }
    for known in known.map_or(&[][..], |table| &table.columns) {
        let is_gone = state.column(&known.name).is_none();
        if is_gone && !wanted.replaces_rows && (wanted.key.contains(&known.name) || is_link(&known.name)) {
            return Err(Obstacle::KeyDropped {
                column: Arc::clone(&known.name),
            });
        }
        if columns.iter().all(|column| column.name != known.name) {
            let def = ColumnDef {
                name: Arc::clone(&known.name),
                source_name: Arc::clone(&known.source_name),
                data_type: known.data_type,
                not_null: false,
                limit: None,
            };
            add(&mut changes, &mut columns, def, known.is_settled);
        }
    }
    if !wanted.defer_indexes {
        plan_indexes(wanted, Some(state), &columns, false, &mut changes);
    }
    Ok(TablePlan {
        changes,
        table: Table {
            name: Arc::clone(&wanted.name),
            parent: wanted.parent.clone(),
            source_name: known
                .and_then(|known| known.source_name.clone())
                .or_else(|| wanted.source_name.clone()),
            columns,
        },
    })
}

/// Whether somebody took the zone from a column. Nobody knows which zone's wall clock it has shown since, unless the
/// config says that it is UTC's.
fn loses_zone(known: DataType, found: DataType, wanted: Option<&WantedColumn>) -> bool {
    let is_declared = wanted.and_then(|wanted| wanted.declared) == Some(DataType::TimestampNtz);
    known != found && found == DataType::TimestampNtz && !is_declared
}

/// A column that joins a table takes NULL: the rows that are there have no value for it.
fn add(changes: &mut Vec<Change>, columns: &mut Vec<Column>, def: ColumnDef, is_settled: bool) {
    columns.push(Column {
        name: Arc::clone(&def.name),
        data_type: def.data_type,
        source_name: Arc::clone(&def.source_name),
        is_settled,
    });
    changes.push(Change::Add(ColumnDef { not_null: false, ..def }));
}

fn create(wanted: &Wanted) -> Result<TablePlan, Obstacle> {
    let mut defs = Vec::new();
    for column in &wanted.columns {
        if let Some(data_type) = needed_type(column, None, false)? {
            let mut def = column.to_def(data_type);
            def.not_null |= wanted.key.contains(&def.name);
            defs.push(def);
        }
    }
    let columns: Vec<Column> = defs
        .iter()
        .map(|def| Column {
            name: Arc::clone(&def.name),
            data_type: def.data_type,
            source_name: Arc::clone(&def.source_name),
            is_settled: false,
        })
        .collect();
    let mut changes = vec![Change::Create(defs)];
    if !wanted.defer_indexes {
        plan_indexes(wanted, None, &columns, true, &mut changes);
    }
    Ok(TablePlan {
        changes,
        table: Table {
            name: Arc::clone(&wanted.name),
            parent: wanted.parent.clone(),
            source_name: wanted.source_name.clone(),
            columns,
        },
    })
}

/// The indexes that a table has and should not have, has not and should have.
///
/// There are four kinds and no more: the key of a table that merges, the root id of its child tables, the columns that
/// are declared unique, and the row ids of a table that keeps versions, or whose newest rows come again because only
/// what is new is loaded. A unique index on every row id would double the time that rows take to write (100,000 rows of
/// 14 columns: 0.15 s against 0.37 s in
/// Postgres, 0.31 s against 0.60 s in SQLite), and buy nothing: a step is committed once, with its checkpoint, or not at
/// all.
pub(crate) fn plan_indexes(
    wanted: &Wanted,
    state: Option<&TableState>,
    columns: &[Column],
    is_empty: bool,
    changes: &mut Vec<Change>,
) {
    let present = state.and_then(TableState::key_index);
    let fits = present.is_some_and(|index| {
        let columns = index.columns.iter().map(String::as_str);
        index.unique && columns.eq(wanted.key.iter().map(|column| &**column))
    });
    if let Some(index) = present
        && !fits
    {
        changes.push(Change::DropIndex {
            name: index.name.clone(),
        });
    }
    if !wanted.key.is_empty() && !fits {
        let prefix = if is_empty { KEY_INDEX } else { LATE_KEY_INDEX };
        changes.push(Change::CreateIndex {
            name: naming::join(prefix, &wanted.name, naming::MAX_LENGTH),
            columns: wanted.key.clone(),
            unique: true,
        });
    }
    let name = root_index(&wanted.name);
    if wanted.root_index && !state.is_some_and(|state| state.has_index(&name)) {
        changes.push(Change::CreateIndex {
            name,
            columns: vec![ROOT_ID.into()],
            unique: false,
        });
    }
    let name = id_index(&wanted.name);
    if wanted.id_index && !state.is_some_and(|state| state.has_index(&name)) {
        changes.push(Change::CreateIndex {
            name,
            columns: vec![ROW_ID.into()],
            unique: false,
        });
    }
    let unique_indexes = state.map_or(&[][..], |state| &state.indexes).iter();
    let unique_indexes: Vec<&IndexState> = unique_indexes.filter(|index| is_unique_index(&index.name)).collect();
    for index in &unique_indexes {
        if !wanted
            .unique
            .iter()
            .any(|column| index.columns[..] == [column.to_string()])
        {
            changes.push(Change::DropIndex {
                name: index.name.clone(),
            });
        }
    }
    for column in &wanted.unique {
        let is_there = unique_indexes
            .iter()
            .any(|index| index.columns[..] == [column.to_string()]);
        if !is_there && columns.iter().any(|there| there.name == *column) {
            let table_part = naming::join(UNIQUE_INDEX, &wanted.name, naming::MAX_LENGTH);
            changes.push(Change::CreateIndex {
                name: naming::join(&table_part, column, naming::MAX_LENGTH),
                columns: vec![Arc::clone(column)],
                unique: true,
            });
        }
    }
}

/// How the name of the index on a column starts that is declared unique.
const UNIQUE_INDEX: &str = "_rl_unique";

/// Whether an index is one on a column that is declared unique.
pub(crate) fn is_unique_index(name: &str) -> bool {
    name.starts_with(UNIQUE_INDEX)
}

/// How the name of the unique index on a table's key starts.
const KEY_INDEX: &str = "_rl_merge_key";
/// The same for an index on a table that held rows before its resource merged. The ids of such rows are no digests of
/// their keys, so whoever replaces one has to look up the id that its child rows point to.
const LATE_KEY_INDEX: &str = "_rl_late_key";
/// The same for one that was made when ids were another digest of the key.
const FORMER_KEY_INDEX: &str = "_rl_key";
const KEY_INDEXES: [&str; 3] = [KEY_INDEX, LATE_KEY_INDEX, FORMER_KEY_INDEX];

fn id_index(table: &str) -> String {
    naming::join("_rl_row", table, naming::MAX_LENGTH)
}

fn root_index(table: &str) -> String {
    naming::join("_rl_root", table, naming::MAX_LENGTH)
}

/// The system columns that tie rows together; what they held cannot be made again.
fn is_link(name: &str) -> bool {
    [ROW_ID, PARENT_ID, ROOT_ID].contains(&name)
}

/// The system columns of rows, which always have a value.
pub(crate) fn is_system_column(name: &str) -> bool {
    [ROW_ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_INDEX].contains(&name)
}

impl WantedColumn {
    fn to_def(&self, data_type: DataType) -> ColumnDef {
        ColumnDef {
            name: Arc::clone(&self.name),
            source_name: Arc::clone(&self.source_name),
            data_type,
            not_null: self.not_null,
            limit: self.limit,
        }
    }

    /// Whether the limit that a column has leaves room for what it is declared with. A column that is not declared keeps
    /// whatever somebody has given it.
    fn room_beside(&self, limit: Limit) -> Room {
        match (self.declared, self.limit) {
            (None, _) => Room::Enough,
            (Some(_), None) => Room::Needs(None),
            (Some(_), Some(wanted)) if limit.join(wanted) == limit => Room::Enough,
            (Some(_), Some(wanted)) => Room::Needs(Some(limit.join(wanted))),
        }
    }
}

/// Whether a column has room enough.
enum Room {
    Enough,
    /// It has not, and needs this limit, or none.
    Needs(Option<Limit>),
}

/// The join of two types, where whole numbers that a double would round make it exact.
fn widest(a: DataType, b: DataType, exact_as_double: bool) -> DataType {
    match a.join(b) {
        DataType::Double if !exact_as_double => DataType::Numeric,
        joined => joined,
    }
}

/// The type that a column needs; none when nothing says what it holds.
fn needed_type(
    column: &WantedColumn,
    current: Option<DataType>,
    table_rounds: bool,
) -> Result<Option<DataType>, Obstacle> {
    let Some(declared) = column.declared else {
        return Ok(match (column.seen, current) {
            (Some(seen), Some(current)) => Some(widest(seen, current, column.exact_as_double && !table_rounds)),
            (seen, current) => seen.or(current),
        });
    };
    for (holder, found) in [("the data has", column.seen), ("the table holds", current)] {
        if let Some(found) = found
            && declared.join(found) != declared
        {
            return Err(Obstacle::Conflict {
                column: Arc::clone(&column.name),
                declared,
                holder,
                found,
            });
        }
    }
    Ok(Some(declared))
}

#[cfg(test)]
mod tests;
