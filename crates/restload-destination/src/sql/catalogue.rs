//! What the databases say of their tables.

use super::{Dialect, Sql};
use crate::url::Kind;

impl Dialect {
    /// SQLite: table, whether it is a view, column, type, whether it takes NULL, whether it has a value by default.
    pub(crate) fn describe_columns() -> Sql {
        Sql::new(
            "SELECT m.name, CASE m.type WHEN 'view' THEN 'true' ELSE 'false' END, c.name, c.type, \
             CASE WHEN c.\"notnull\" THEN 'true' ELSE 'false' END, \
             CASE WHEN c.dflt_value IS NULL THEN 'false' ELSE 'true' END \
             FROM json_each($1) AS wanted \
             JOIN sqlite_schema AS m ON m.type IN ('table', 'view') AND m.name = wanted.value \
             JOIN pragma_table_info(m.name) AS c ORDER BY m.name, c.cid",
        )
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

    /// Postgres: table, whether it is a view, its columns (name, type, its modifier, whether it takes NULL, whether it has a
    /// value by default) and its indexes (name, whether unique, columns), these two as JSON.
    ///
    /// Every step asks for it, in a session that has no statement prepared, so what counts is how long it takes to plan:
    /// 0.8 ms as it is, 2.4 ms with joins in the place of the subqueries.
    pub(crate) fn describe_tables() -> Sql {
        Sql::new(
            "SELECT c.relname::text, (c.relkind IN ('v', 'm'))::text, \
             (SELECT json_agg(json_build_array(a.attname, \
             (SELECT t.typname FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid), a.atttypmod, a.attnotnull, \
             a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '') ORDER BY a.attnum) \
             FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text, \
             (SELECT json_agg(json_build_array(\
             (SELECT i.relname FROM pg_catalog.pg_class i WHERE i.oid = x.indexrelid), x.indisunique, \
             (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = x.indexrelid))) \
             FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisvalid)::text \
             FROM pg_catalog.pg_class c \
             WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1) \
             AND c.relname = ANY($2::name[]) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')",
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
