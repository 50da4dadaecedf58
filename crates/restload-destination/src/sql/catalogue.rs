//! What the databases say of their tables.

use super::{Dialect, Sql};
use crate::url::Kind;

/// Postgres: what is asked of a column.
const COLUMN: &str = "c.relname::text, (c.relkind IN ('v', 'm'))::text, a.attname::text, t.typname::text, \
     a.atttypmod::text, a.attnotnull::text, (a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '')::text";

/// Postgres: where the columns are, with a row for a table that has none.
const COLUMNS: &str = " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
     WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')";

impl Dialect {
    /// Table, whether it is a view, column, type, its modifier, whether it takes NULL, whether it has a value by default;
    /// a table without columns has one row with nulls.
    pub(crate) fn describe_columns(&self) -> Sql {
        match self.kind {
            Kind::Postgres => Sql::new("SELECT ")
                .text(COLUMN)
                .text(COLUMNS)
                .text(" ORDER BY c.relname, a.attnum"),
            Kind::Sqlite => Sql::new(
                "SELECT m.name, CASE m.type WHEN 'view' THEN 'true' ELSE 'false' END, c.name, c.type, NULL, \
                 CASE WHEN c.\"notnull\" THEN 'true' ELSE 'false' END, \
                 CASE WHEN c.dflt_value IS NULL THEN 'false' ELSE 'true' END \
                 FROM json_each($1) AS wanted \
                 JOIN sqlite_schema AS m ON m.type IN ('table', 'view') AND m.name = wanted.value \
                 JOIN pragma_table_info(m.name) AS c ORDER BY m.name, c.cid",
            ),
        }
    }

    /// SQLite: table, index, whether unique, column; one row for each column.
    pub(crate) fn describe_indexes() -> Sql {
        Sql::new(
            "SELECT m.name, i.name, CASE WHEN i.\"unique\" THEN 'true' ELSE 'false' END, c.name \
             FROM json_each($1) AS wanted JOIN sqlite_schema AS m ON m.type = 'table' AND m.name = wanted.value \
             JOIN pragma_index_list(m.name) AS i JOIN pragma_index_info(i.name) AS c \
             ORDER BY m.name, i.name, c.seqno",
        )
    }

    /// Postgres: the same of columns, and then index, whether unique, column for each column of an index, in one answer:
    /// every step asks for both.
    pub(crate) fn describe_tables() -> Sql {
        Sql::new("SELECT ")
            .text(COLUMN)
            .text(", NULL, NULL, NULL, to_char(a.attnum, 'FM00000')")
            .text(COLUMNS)
            .text(
                " UNION ALL SELECT c.relname::text, NULL, NULL, NULL, NULL, NULL, NULL, i.relname::text, \
                 x.indisunique::text, a.attname::text, to_char(a.attnum, 'FM00000') \
                 FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.oid \
                 WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND x.indisvalid \
                 ORDER BY 1, 8, 11",
            )
    }

    /// The tables whose names start with a prefix.
    pub(crate) fn tables_with_prefix(&self) -> Sql {
        match self.kind {
            Kind::Postgres => Sql::new(
                "SELECT c.relname::text FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relkind = 'r' AND starts_with(c.relname, $2) ORDER BY 1",
            ),
            Kind::Sqlite => Sql::new(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, length($1)) = $1 ORDER BY 1",
            ),
        }
    }

    /// SQLite: what keeps a column from being replaced, as type, name and the statement that made it: every trigger and
    /// view, and the indexes on the column.
    pub(crate) fn dependents_of_column() -> Sql {
        Sql::new(
            "SELECT s.type, s.name, s.sql FROM sqlite_schema AS s WHERE s.type IN ('trigger', 'view') \
             OR (s.type = 'index' AND s.tbl_name = $1 AND s.sql IS NOT NULL \
             AND EXISTS (SELECT 1 FROM pragma_index_info(s.name) AS c WHERE c.name = $2)) \
             ORDER BY CASE s.type WHEN 'trigger' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, s.name",
        )
    }

    /// Postgres: the views that show a column, outermost first, as the statements that remove each and make it again.
    pub(crate) fn views_of_column() -> Sql {
        Sql::new(
            "WITH RECURSIVE uses AS (\
             SELECT v.oid, 1 AS depth FROM pg_catalog.pg_depend d \
             JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_class v ON v.oid = r.ev_class \
             JOIN pg_catalog.pg_class c ON c.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid \
             WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass \
             AND v.oid <> c.oid AND n.nspname = $1 AND c.relname = $2 AND a.attname = $3 \
             UNION SELECT v.oid, uses.depth + 1 FROM uses JOIN pg_catalog.pg_depend d ON d.refobjid = uses.oid \
             JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid JOIN pg_catalog.pg_class v ON v.oid = r.ev_class \
             WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND v.oid <> uses.oid), \
             named AS (SELECT v.oid, max(uses.depth) AS depth, format('%s %I.%I', \
             CASE v.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, n.nspname, v.relname) AS name \
             FROM uses JOIN pg_catalog.pg_class v ON v.oid = uses.oid \
             JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace GROUP BY v.oid, v.relkind, n.nspname, v.relname) \
             SELECT 'DROP ' || name, 'CREATE ' || name || ' AS ' \
             || regexp_replace(rtrim(btrim(pg_catalog.pg_get_viewdef(oid)), ';'), '\\s+', ' ', 'g') \
             FROM named ORDER BY depth DESC, name",
        )
    }

    /// Postgres: the statements that give the role what it lacks of the schema `$1` and of the tables `$2` in it.
    pub(crate) fn missing_rights() -> Sql {
        Sql::new(
            "SELECT format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', nspname, current_user) \
             FROM pg_catalog.pg_namespace WHERE nspname = $1 \
             AND NOT (has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')) \
             UNION ALL SELECT * FROM (SELECT CASE WHEN has_table_privilege(c.oid, 'SELECT') \
             AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') \
             AND has_table_privilege(c.oid, 'DELETE') \
             THEN format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, c.relname, current_user) \
             ELSE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO %I', n.nspname, c.relname, current_user) END \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND c.relkind IN ('r', 'p') \
             AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY c.relname) AS of_tables",
        )
    }

    /// SQLite: removes one of them.
    pub(crate) fn drop_dependent(kind: &str, name: &str) -> Sql {
        Sql::new(match kind {
            "trigger" => "DROP TRIGGER ",
            "view" => "DROP VIEW ",
            _ => "DROP INDEX ",
        })
        .name(name)
    }

    /// SQLite: makes it again, by the statement that the database itself keeps of it.
    pub(crate) fn make_dependent_again(stored_statement: &str) -> Sql {
        Sql(stored_statement.to_owned())
    }
}
