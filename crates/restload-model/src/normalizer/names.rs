//! The names that the columns of a resource's tables have been given, shared by all its normalizers and stored in the
//! destination, so that the same key always fills the same column.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::DataType;
use crate::naming::{self, MAX_LENGTH, PATH_SEPARATOR};
use crate::schema::{LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID, Table};

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
    /// Child tables, by name: the parent and the key that they are made of.
    tables: HashMap<Arc<str>, (Arc<str>, String)>,
}

#[derive(Debug)]
struct KnownColumn {
    /// The path in the records that fills it; `None` while it is only declared.
    source: Option<String>,
    data_type: Option<DataType>,
}

impl Names {
    /// The names that stand in the destination.
    pub fn new(tables: &[Table]) -> Self {
        let mut known = Known::default();
        for table in tables {
            for column in &table.columns {
                let source = Some(column.source_name.to_string());
                let data_type = Some(column.data_type);
                known.columns.insert(
                    (Arc::clone(&table.name), Arc::clone(&column.name)),
                    KnownColumn { source, data_type },
                );
            }
        }
        Self {
            known: Mutex::new(known),
            types_version: AtomicU64::new(0),
        }
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
            .or_insert(KnownColumn {
                source: None,
                data_type: None,
            });
    }

    /// Keeps a name for a column that no key fills.
    pub(super) fn withhold(&self, table: &Arc<str>, column: &Arc<str>) {
        let mut known = self.lock();
        known
            .columns
            .entry((Arc::clone(table), Arc::clone(column)))
            .or_insert(KnownColumn {
                source: Some(String::new()),
                data_type: None,
            });
    }

    /// Whether a key fills the declared column of its name: the first key that normalises to it does.
    pub(super) fn claim_declared(&self, table: &Arc<str>, column: &str, source: &str) -> bool {
        let mut known = self.lock();
        let Some(column) = known.columns.get_mut(&(Arc::clone(table), Arc::from(column))) else {
            return false;
        };
        column.source.get_or_insert_with(|| source.to_owned()) == source
    }

    /// The column that a key fills: the one of its normalised name, or a tagged one when another key has that.
    pub(super) fn column(&self, table: &Arc<str>, source: &str, wanted: &str) -> Arc<str> {
        let mut known = self.lock();
        let mut name: Arc<str> = wanted.into();
        if is_taken(&known, table, &name, source) {
            name = tagged(wanted, source);
        }
        let column = known
            .columns
            .entry((Arc::clone(table), Arc::clone(&name)))
            .or_insert(KnownColumn {
                source: None,
                data_type: None,
            });
        column.source.get_or_insert_with(|| source.to_owned());
        name
    }

    /// The child table that a key fills.
    pub(super) fn table(&self, parent: &Arc<str>, source: &str, wanted: &str) -> Arc<str> {
        let mut known = self.lock();
        let own = (Arc::clone(parent), source.to_owned());
        let mut name: Arc<str> = wanted.into();
        if known.tables.get(&name).is_some_and(|other| *other != own) {
            name = tagged(wanted, source);
        }
        known.tables.entry(Arc::clone(&name)).or_insert(own);
        name
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
