//! What Postgres says of its tables.

use std::collections::HashMap;

use super::data_type;
use crate::error::Cause;
use crate::plan::{ColumnState, IndexState, Limit, TableState};

/// Name, type, its modifier, whether it takes no NULL, whether it has a value by default.
type ColumnParts = (String, String, i32, bool, bool);
/// Name, whether unique, columns.
type IndexParts = (String, bool, Vec<String>);

/// Reads the rows of the catalogue query.
pub(crate) fn table_states(rows: Vec<Vec<Option<String>>>) -> Result<HashMap<String, TableState>, Cause> {
    let mut tables = HashMap::new();
    for row in rows {
        let Ok([Some(table), is_view, columns, indexes]) = <[Option<String>; 4]>::try_from(row) else {
            continue;
        };
        let wrong = |error: serde_json::Error| Cause::new(error.to_string());
        // Where there are none, there is no list.
        let columns: Vec<ColumnParts> = serde_json::from_str(columns.as_deref().unwrap_or("[]")).map_err(wrong)?;
        let indexes: Vec<IndexParts> = serde_json::from_str(indexes.as_deref().unwrap_or("[]")).map_err(wrong)?;
        let indexes = indexes.into_iter();
        let mut indexes: Vec<IndexState> = indexes
            .map(|(name, unique, columns)| IndexState { name, unique, columns })
            .collect();
        indexes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let state = TableState {
            is_view: is_view.as_deref() == Some("true"),
            columns: columns.into_iter().map(column_state).collect(),
            indexes,
        };
        tables.insert(table, state);
    }
    Ok(tables)
}

fn column_state((name, type_name, modifier, not_null, has_default): ColumnParts) -> ColumnState {
    ColumnState {
        name,
        data_type: data_type(&type_name),
        limit: Limit::from_postgres(&type_name, modifier),
        type_name,
        not_null,
        has_default,
    }
}
