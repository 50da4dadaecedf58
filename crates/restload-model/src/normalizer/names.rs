//! The names that the columns of a resource's tables have been given, shared by all its normalizers and stored in the
//! destination, so that the same key always fills the same column.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::DataType;
use crate::naming::{self, MAX_LENGTH, PATH_SEPARATOR};
use crate::schema::{LIST_INDEX, LOAD_ID, NO_KEY, PARENT_ID, ROOT_ID, ROW_ID, Table};

/// What stands in the place of a parent for a root table whose name is kept from child tables.
const NO_TABLE: &str = "";

/// Which key fills which column, and what the destination's columns hold.
#[derive(Debug, Default)]
pub struct Names {
    known: Mutex<Known>,
    /// Rises when a type changes, so that a normalizer asks again only then.
    types_version: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    columns: HashMap<(Arc<str>, Arc<str>), KnownColumn>,
    /// Tables, by name: for a child table the parent and the key that it is made of, where that is known.
    tables: HashMap<Arc<str>, (Arc<str>, Option<String>)>,
    /// The tables that stood in the destination when the load began.
    stored: HashSet<Arc<str>>,
    /// Those of them whose first load has come to its end.
    settled: HashSet<Arc<str>>,
}

#[derive(Debug, Default)]
struct KnownColumn {
    /// The path in the records that fills it; `None` while it is only declared.
    source: Option<String>,
    data_type: Option<DataType>,
    /// The type that it had when the load began.
    stored_type: Option<DataType>,
    /// The same, once a load that had it has come to its end.
    settled_type: Option<DataType>,
}

impl Names {
    /// The names that stand in the destination.
    pub fn new(tables: &[Table]) -> Self {
        let mut known = Known::default();
        for table in tables {
            known.stored.insert(Arc::clone(&table.name));
            if table.is_settled() {
                known.settled.insert(Arc::clone(&table.name));
            }
            let made_of = match &table.parent {
                Some(parent) => (Arc::clone(parent), table.source_name.as_deref().map(str::to_owned)),
                None => (Arc::from(NO_TABLE), None),
            };
            known.tables.insert(Arc::clone(&table.name), made_of);
            for column in &table.columns {
                let source = Some(column.source_name.to_string()).filter(|source| !source.is_empty());
                known.columns.insert(
                    (Arc::clone(&table.name), Arc::clone(&column.name)),
                    KnownColumn {
                        source,
                        data_type: Some(column.data_type),
                        stored_type: Some(column.data_type),
                        settled_type: column.is_settled.then_some(column.data_type),
                    },
                );
            }
        }
        Self {
            known: Mutex::new(known),
            types_version: AtomicU64::new(0),
        }
    }

    /// Whether the table stood in the destination when the load began.
    pub(super) fn is_stored(&self, table: &str) -> bool {
        self.lock().stored.contains(table)
    }

    /// Whether the table's first load has come to its end.
    pub(super) fn is_settled(&self, table: &str) -> bool {
        self.lock().settled.contains(table)
    }

    /// The type that a column has come to in earlier loads.
    pub(super) fn settled_type(&self, table: &Arc<str>, column: &Arc<str>) -> Option<DataType> {
        self.lock()
            .columns
            .get(&(Arc::clone(table), Arc::clone(column)))?
            .settled_type
    }

    /// Whether a key fills a column that stood in the destination as JSON: what a lower nesting limit has kept whole is
    /// kept whole.
    pub(super) fn is_stored_json(&self, table: &Arc<str>, column: &str, source: &str) -> bool {
        let known = self.lock();
        let place = (Arc::clone(table), Arc::from(column));
        known.stored.contains(table)
            && known.columns.get(&place).is_some_and(|column| {
                column.stored_type == Some(DataType::Json) && column.source.as_deref() == Some(source)
            })
    }

    /// Takes note of the types that columns have in the destination.
    pub fn set_types(&self, types: &[(Arc<str>, Arc<str>, DataType)]) {
        let mut known = self.lock();
        let mut changed = false;
        for (table, column, data_type) in types {
            if let Some(column) = known.columns.get_mut(&(Arc::clone(table), Arc::clone(column)))
                && column.data_type != Some(*data_type)
            {
                column.data_type = Some(*data_type);
                changed = true;
            }
        }
        if changed {
            self.types_version.fetch_add(1, Ordering::Release);
        }
    }

    pub(super) fn types_version(&self) -> u64 {
        self.types_version.load(Ordering::Acquire)
    }

    pub(super) fn data_type(&self, table: &Arc<str>, column: &Arc<str>) -> Option<DataType> {
        self.lock()
            .columns
            .get(&(Arc::clone(table), Arc::clone(column)))?
            .data_type
    }

    /// Keeps a declared column's name for the key that normalises to it.
    pub(super) fn reserve(&self, table: &Arc<str>, column: &Arc<str>) {
        let mut known = self.lock();
        known
            .columns
            .entry((Arc::clone(table), Arc::clone(column)))
            .or_default();
    }

    /// Keeps a name for a column that no key fills.
    pub(super) fn withhold(&self, table: &Arc<str>, column: &Arc<str>) {
        let mut known = self.lock();
        known
            .columns
            .entry((Arc::clone(table), Arc::clone(column)))
            .or_default()
            .source = Some(NO_KEY.to_owned());
    }

    /// Whether a key fills the declared column of its name: the first key that normalises to it does.
    pub(super) fn claim_declared(&self, table: &Arc<str>, column: &str, source: &str) -> bool {
        let mut known = self.lock();
        let Some(column) = known.columns.get_mut(&(Arc::clone(table), Arc::from(column))) else {
            return false;
        };
        column.source.get_or_insert_with(|| source.to_owned()) == source
    }

    /// The column that a key fills: the one of its normalised name, or a tagged one when another key has that. None
    /// when there is no such column and `may_add` is false.
    pub(super) fn column(&self, table: &Arc<str>, source: &str, wanted: &str, may_add: bool) -> Option<Arc<str>> {
        let mut known = self.lock();
        let mut name: Arc<str> = wanted.into();
        if is_taken(&known, table, &name, source) {
            name = tagged(wanted, source);
        }
        let place = (Arc::clone(table), Arc::clone(&name));
        if !may_add && !known.columns.contains_key(&place) {
            return None;
        }
        let column = known.columns.entry(place).or_default();
        column.source.get_or_insert_with(|| source.to_owned());
        Some(name)
    }

    /// The column beside another for the values that do not fit it: of the wanted name, or a tagged one when a key fills
    /// a column of that name, or one is declared.
    pub(super) fn variant(&self, table: &Arc<str>, source: &str, wanted: &str) -> Arc<str> {
        let mut known = self.lock();
        let mut name: Arc<str> = wanted.into();
        let taken = known.columns.get(&(Arc::clone(table), Arc::clone(&name)));
        if taken.is_some_and(|column| column.source.as_deref() != Some(source)) {
            name = tagged(wanted, source);
        }
        let column = known.columns.entry((Arc::clone(table), Arc::clone(&name))).or_default();
        column.source.get_or_insert_with(|| source.to_owned());
        name
    }

    /// The child table that a key fills. None when there is no such table and `may_add` is false.
    pub(super) fn table(&self, parent: &Arc<str>, source: &str, wanted: &str, may_add: bool) -> Option<Arc<str>> {
        let mut known = self.lock();
        let is_taken = |known: &Known, name: &str| {
            known.tables.get(name).is_some_and(|(other_parent, other_source)| {
                other_parent != parent || other_source.as_deref().is_some_and(|other| other != source)
            })
        };
        let mut name: Arc<str> = wanted.into();
        if is_taken(&known, &name) {
            name = tagged(wanted, source);
        }
        if !may_add && !known.tables.contains_key(&name) {
            return None;
        }
        let own = known
            .tables
            .entry(Arc::clone(&name))
            .or_insert_with(|| (Arc::clone(parent), None));
        own.1.get_or_insert_with(|| source.to_owned());
        Some(name)
    }

    /// Keeps a name for a root table that records name, and says whether it is free: no child table has it.
    pub fn claim_root(&self, table: &Arc<str>) -> bool {
        let mut known = self.lock();
        let root = || (Arc::from(NO_TABLE), None);
        let (parent, _) = known.tables.entry(Arc::clone(table)).or_insert_with(root);
        **parent == *NO_TABLE
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_taken(known: &Known, table: &Arc<str>, name: &Arc<str>, source: &str) -> bool {
    if [ROW_ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_INDEX].contains(&&**name) {
        return true;
    }
    known
        .columns
        .get(&(Arc::clone(table), Arc::clone(name)))
        .and_then(|column| column.source.as_deref())
        .is_some_and(|taken| taken != source)
}

/// The name of what comes second to a name: with the tag of its own spelling.
fn tagged(wanted: &str, source: &str) -> Arc<str> {
    let tag = naming::tag(source);
    let room = MAX_LENGTH - tag.len() - PATH_SEPARATOR.len();
    let head: String = wanted.chars().take(room).collect();
    format!("{head}{PATH_SEPARATOR}{tag}").into()
}
