//! Queries for people who look at what is stored. Every column comes as text, moments as ISO 8601 in UTC.

use restload_model::DataType;

use super::{Dialect, Sql};
use crate::url::Kind;

const LOAD_COLUMNS: [(&str, Option<DataType>); 10] = [
    ("load_id", None),
    ("status", None),
    ("started_at", Some(DataType::Timestamp)),
    ("finished_at", Some(DataType::Timestamp)),
    ("rows", None),
    ("requests", None),
    ("retries", None),
    ("schema_changes", None),
    ("rejects", None),
    ("error", None),
];

const STATE_COLUMNS: [(&str, Option<DataType>); 5] = [
    ("resource", None),
    ("partition", None),
    ("checkpoint", None),
    ("load_id", None),
    ("updated_at", Some(DataType::Timestamp)),
];

impl Dialect {
    /// The names of all tables of a file.
    pub(crate) fn list_file_tables() -> Sql {
        Sql::new(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )
    }

    /// A table of a file as it was declared: its columns, their types, whether they may be null.
    pub(crate) fn describe_file_table(table: &str) -> Sql {
        Sql::new("SELECT name, type || CASE WHEN \"notnull\" THEN ' NOT NULL' ELSE '' END FROM pragma_table_info(")
            .name(table)
            .text(")")
    }

    /// All rows of a table of a file.
    pub(crate) fn whole_file_table(table: &str) -> Sql {
        Sql::new("SELECT * FROM ").name(table)
    }

    /// A column as text.
    pub(super) fn as_text(&self, sql: Sql, column: &str, data_type: Option<DataType>) -> Sql {
        match (self.kind, data_type) {
            (Kind::Postgres, Some(DataType::Timestamp)) => sql
                .text("to_char(")
                .name(column)
                .text(" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"),
            (Kind::Sqlite, Some(DataType::Timestamp)) => sql.text("replace(").name(column).text(", ' ', 'T') || 'Z'"),
            (Kind::Postgres, Some(DataType::Binary)) => sql.text("encode(").name(column).text(", 'hex')"),
            (Kind::Sqlite, Some(DataType::Binary)) => sql.text("lower(hex(").name(column).text("))"),
            (Kind::Sqlite, Some(DataType::Bool)) => sql
                .text("CASE ")
                .name(column)
                .text(" WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
            _ => sql.text("CAST(").name(column).text(" AS text)"),
        }
    }

    pub(super) fn select(&self, columns: &[(&str, Option<DataType>)], table: &str) -> Sql {
        Sql::new("SELECT ")
            .list(columns, ", ", |sql, (column, data_type)| {
                self.as_text(sql, column, *data_type)
            })
            .text(" FROM ")
            .push(&self.table(table))
    }

    /// The loads of a pipeline, the newest first.
    pub(crate) fn list_loads(&self, loads: &str) -> Sql {
        self.select(&LOAD_COLUMNS, loads)
            .text(" WHERE pipeline = $1 ORDER BY ")
            .name("started_at")
            .text(" DESC, ")
            .name("load_id")
            .text(" DESC LIMIT $2 OFFSET $3")
    }

    /// One of them.
    pub(crate) fn find_load(&self, loads: &str) -> Sql {
        self.select(&LOAD_COLUMNS, loads)
            .text(" WHERE pipeline = $1 AND load_id = $2")
    }

    /// The state of a pipeline, without what waits for a full refresh to take effect.
    pub(crate) fn list_state(&self, state: &str) -> Sql {
        self.select(&STATE_COLUMNS, state)
            .text(" WHERE pipeline = $1 AND substr(resource, 1, 11) <> '_rl_shadow ' ORDER BY resource, \"partition\"")
    }

    /// The state of those partitions of a resource whose names hold a text.
    pub(crate) fn find_state(&self, state: &str) -> Sql {
        let sql = self
            .select(&STATE_COLUMNS, state)
            .text(" WHERE pipeline = $1 AND resource = $2 AND ");
        let sql = sql.text(match self.kind {
            Kind::Postgres => "strpos",
            Kind::Sqlite => "instr",
        });
        sql.text("(\"partition\", $3) > 0 ORDER BY \"partition\" LIMIT $4 OFFSET $5")
    }

    /// The columns of the tables of a pipeline.
    pub(crate) fn list_columns(&self, schema: &str) -> Sql {
        let columns = [
            ("table_name", None),
            ("resource", None),
            ("parent", None),
            ("column_name", None),
            ("source_name", None),
            ("data_type", None),
            ("load_id", None),
            ("changed_at", Some(DataType::Timestamp)),
        ];
        self.select(&columns, schema)
            .text(" WHERE pipeline = $1 ORDER BY table_name, \"position\", column_name")
    }

    /// The rejects of a pipeline, the newest first.
    ///
    /// `later` are columns that an earlier version's table does not have.
    pub(crate) fn list_rejects(&self, rejects: &str, later: &[&'static str]) -> Sql {
        let mut columns = vec![
            ("load_id", None),
            ("resource", None),
            ("page", None),
            ("record", None),
            ("reason", None),
            ("raw", None),
            ("rejected_at", Some(DataType::Timestamp)),
        ];
        columns.extend(later.iter().map(|column| (*column, None)));
        self.select(&columns, rejects)
            .text(" WHERE pipeline = $1 ORDER BY ")
            .name("rejected_at")
            .text(" DESC, resource, ")
            .name("page")
            .text(", ")
            .name("record")
            .text(" LIMIT $2 OFFSET $3")
    }

    pub(crate) fn count_rows(&self, table: &str) -> Sql {
        Sql::new("SELECT CAST(count(*) AS text) FROM ").push(&self.table(table))
    }

    /// Rows of any table.
    pub(crate) fn list_rows(
        &self,
        table: &str,
        columns: &[(&str, Option<DataType>)],
        order: Option<(&str, bool)>,
    ) -> Sql {
        let sql = self.select(columns, table);
        let sql = match order {
            Some((column, descending)) => sql
                .text(" ORDER BY ")
                .push(&self.table(table))
                .text(".")
                .name(column)
                .text(if descending { " DESC" } else { "" }),
            None => sql,
        };
        sql.text(" LIMIT $1 OFFSET $2")
    }
}
