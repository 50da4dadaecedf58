//! How the records of a resource are to stand in the destination: its table, keys, and what is declared of columns.

use std::sync::Arc;

use restload_model::DataType;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::naming::{self, MAX_LENGTH};
use restload_model::schema::{ColumnHint, Share, SortOrder, Target};

use super::merging::{self, ColumnMarks, MergeKeys};
use crate::config::{ColumnConfig, ColumnsConfig, ContractConfig, DataTypeName, Keys, ResourceConfig, SortOrderName};
use crate::table_name::{RESERVED, TableName};

/// Where a resource's records go.
pub(super) struct Stored {
    /// As the destination knows it.
    pub(super) target: Target,
    /// The table that each record names, where it does.
    pub(super) table_name: Option<TableName>,
    /// Whether some column wants every digit of a number.
    pub(super) exact_numbers: bool,
}

/// Compiles where a resource's records go; mistakes are noted.
pub(super) fn compile(config: &ResourceConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> Stored {
    let named = config.table_name.as_deref().unwrap_or(&config.name);
    let table_path = path.key("table_name");
    let template = config.table_name.as_deref().filter(|text| TableName::is_template(text));
    let table_name = template.and_then(|text| TableName::compile(text, config.max_tables, &table_path, diagnostics));
    if template.is_some() && table_name.is_none() {
        diagnostics.leave_out(&table_path);
    }
    let (table, share) = if template.is_some() {
        (named.to_owned(), Share::Divided)
    } else {
        (naming::normalize(named, MAX_LENGTH), Share::Whole)
    };
    if table.starts_with(RESERVED) {
        let key = if config.table_name.is_some() {
            "table_name"
        } else {
            "name"
        };
        diagnostics.error_with_help(
            &path.key(key),
            format_args!("`{table}` is a name of restload's own tables, which begin with `{RESERVED}`"),
            "choose another `table_name`",
        );
    }
    let columns: Vec<(KeyPath, String, ColumnConfig)> = match &config.columns {
        None => Vec::new(),
        Some(ColumnsConfig::Map(columns)) => {
            let path = path.key("columns");
            columns
                .iter()
                .map(|(name, column)| (path.key(name.clone()), name.clone(), column.clone()))
                .collect()
        }
        Some(ColumnsConfig::List(columns)) => columns
            .iter()
            .enumerate()
            .filter_map(|(index, column)| {
                let path = path.key("columns").index(index);
                match &column.name {
                    Some(name) => Some((path, name.clone(), column.clone())),
                    None if diagnostics.is_left_out(&path.key("name")) => None,
                    None => {
                        diagnostics.error(&path, "a column in a list needs a `name`");
                        None
                    }
                }
            })
            .collect(),
    };
    let mut hints: Vec<ColumnHint> = Vec::new();
    let mut primary_key = normalized(config.primary_key.as_ref());
    let mut merge_key = normalized(config.merge_key.as_ref());
    let mut marks = ColumnMarks::default();
    for (path, name, column) in columns {
        let normalized: Arc<str> = naming::normalize(&name, MAX_LENGTH).into();
        if hints.iter().any(|hint| hint.name == normalized) {
            let help = "in the database names are in snake_case; leave one of the two out".to_owned();
            diagnostics.key_error(&path, format_args!("two columns are named `{normalized}`"), Some(help));
        }
        if column.primary_key == Some(true) && !primary_key.contains(&normalized) {
            primary_key.push(Arc::clone(&normalized));
        }
        if column.merge_key == Some(true) && !merge_key.contains(&normalized) {
            merge_key.push(Arc::clone(&normalized));
        }
        for (hint, reason) in column.without_effect() {
            diagnostics.key_warning(
                &path.key(hint),
                format_args!("`{hint}` has no effect: {reason}"),
                "leave it out",
            );
        }
        marks.note(&column, &path, diagnostics);
        hints.push(compile_hint(normalized, &column, &path, diagnostics));
    }
    let keys = MergeKeys {
        primary: &primary_key,
        merge: &merge_key,
        marks: &marks,
    };
    let (write_disposition, merging) = merging::compile(config, &keys, path, diagnostics);
    let exact = hints
        .iter()
        .any(|hint| matches!(hint.data_type, Some(DataType::Numeric | DataType::Json)));
    let target = Target {
        resource: config.name.as_str().into(),
        table: table.into(),
        write_disposition,
        merging,
        primary_key,
        columns: hints,
        contract: config
            .schema_contract
            .as_ref()
            .map(ContractConfig::contract)
            .unwrap_or_default(),
        variants: config.variants,
        share,
        max_rejects: config.max_rejects,
        finds_rows_by_id: false,
        meets_records_again: false,
    };
    Stored {
        target,
        table_name,
        exact_numbers: exact,
    }
}

/// What is said of one column; what contradicts itself is noted.
fn compile_hint(name: Arc<str>, column: &ColumnConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> ColumnHint {
    let mut data_type = column.data_type.map(DataTypeName::data_type);
    match (column.timezone, data_type) {
        (Some(false), Some(DataType::Timestamp)) => data_type = Some(DataType::TimestampNtz),
        (Some(_), Some(DataType::Timestamp)) | (None, _) => {}
        (Some(_), None) if diagnostics.is_left_out(&path.key("data_type")) => {}
        (Some(_), _) => diagnostics.error_with_help(
            &path.key("timezone"),
            format_args!("`timezone` says nothing of column `{name}`, which is no timestamp"),
            "give it `data_type: timestamp` too",
        ),
    }
    match (column.precision, column.scale) {
        (None, Some(_)) if diagnostics.is_left_out(&path.key("precision")) => {}
        (None, Some(_)) => diagnostics.error_with_help(
            &path.key("scale"),
            "`scale` needs a `precision`: the digits in all, of which those after the point are a part",
            "write both: `precision: 38, scale: 9`",
        ),
        (Some(0), _) if matches!(data_type, Some(DataType::Numeric | DataType::Text)) => {
            diagnostics.error(&path.key("precision"), "a `precision` of 0 leaves room for nothing");
        }
        (Some(precision), Some(scale)) if scale > precision => diagnostics.error(
            &path.key("scale"),
            format_args!("{scale} digits after the point do not fit {precision} digits in all"),
        ),
        (Some(precision), _) => {
            let is_moment = matches!(
                data_type,
                Some(DataType::Timestamp | DataType::TimestampNtz | DataType::Time)
            );
            if is_moment && precision > 6 {
                diagnostics.error_with_help(
                    &path.key("precision"),
                    format_args!("a moment has 6 digits after the second at most; this is {precision}"),
                    "both databases keep microseconds; leave `precision` out",
                );
            }
        }
        (None, None) => {}
    }
    ColumnHint {
        name,
        data_type,
        nullable: column.nullable,
        precision: column.precision,
        scale: column.scale,
        unique: column.unique == Some(true),
        hard_delete: column.hard_delete == Some(true),
        dedup_sort: column.dedup_sort.map(|order| match order {
            SortOrderName::Asc => SortOrder::Asc,
            SortOrderName::Desc => SortOrder::Desc,
        }),
    }
}

/// Names of fields as the names of their columns.
fn normalized(keys: Option<&Keys>) -> Vec<Arc<str>> {
    let names = keys.map(Keys::names).unwrap_or_default();
    let normalized = |name: &str| Arc::from(naming::normalize(name, MAX_LENGTH));
    names.into_iter().map(normalized).collect()
}
