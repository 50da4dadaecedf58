//! What SQLite says of its tables.

use std::collections::HashMap;

use super::data_type;
use crate::plan::{ColumnState, IndexState, TableState};

/// Groups the rows of the two catalogue queries.
pub(crate) fn table_states(
    columns: Vec<Vec<Option<String>>>,
    indexes: Vec<Vec<Option<String>>>,
) -> HashMap<String, TableState> {
    let mut tables: HashMap<String, TableState> = HashMap::new();
    for row in columns {
        let Ok([Some(table), is_view, Some(name), Some(type_name), not_null, has_default]) =
            <[Option<String>; 6]>::try_from(row)
        else {
            continue;
        };
        let is_true = |text: Option<String>| text.as_deref() == Some("true");
        let state = tables.entry(table).or_default();
        state.is_view = is_true(is_view);
        state.columns.push(ColumnState {
            name,
            data_type: data_type(&type_name),
            limit: None,
            type_name,
            not_null: is_true(not_null),
            has_default: is_true(has_default),
        });
    }
    for row in indexes {
        let Ok([Some(table), Some(name), unique, column]) = <[Option<String>; 4]>::try_from(row) else {
            continue;
        };
        let state = tables.entry(table).or_default();
        let known = state.indexes.iter().position(|index| index.name == name);
        let place = known.unwrap_or_else(|| {
            state.indexes.push(IndexState {
                name,
                unique: unique.as_deref() == Some("true"),
                columns: Vec::new(),
            });
            state.indexes.len() - 1
        });
        state.indexes[place].columns.extend(column);
    }
    tables
}
