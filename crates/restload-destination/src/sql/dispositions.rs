//! Statements of the write dispositions.

use std::sync::Arc;

use restload_model::DataType;
use restload_model::schema::{History, LOAD_ID, ROOT_ID, ROW_ID};

use super::{Dialect, KeySource, Sql};
use crate::plan::Conflict;
use crate::url::Kind;

impl Dialect {
    /// Removes the rows whose value in a column is in the bound list.
    pub(crate) fn delete_by_list(&self, table: &str, column: &str) -> Sql {
        let sql = Sql::new("DELETE FROM ")
            .push(&self.table(table))
            .text(" WHERE ")
            .name(column);
        self.in_list(sql, "$1")
    }

    /// Sets columns to NULL in the rows whose ids are in the bound list.
    pub(crate) fn clear_by_list(&self, table: &str, columns: &[Arc<str>]) -> Sql {
        let sql = Sql::new("UPDATE ").push(&self.table(table)).text(" SET ");
        let sql = sql.list(columns, ", ", |sql, column| sql.name(column).text(" = NULL"));
        self.in_list(sql.text(" WHERE ").name(ROW_ID), "$1")
    }

    /// The ids in a bound list that a table has.
    pub(crate) fn known_ids(&self, table: &str) -> Sql {
        self.of_listed_ids(Sql::new("SELECT DISTINCT ").name(ROW_ID), table)
    }

    /// The rows of the ids in a bound list that a table has: id, and the load that has added it.
    pub(crate) fn known_rows(&self, table: &str) -> Sql {
        let sql = Sql::new("SELECT ").list(&[ROW_ID, LOAD_ID], ", ", |sql, column| sql.name(column));
        self.of_listed_ids(sql, table)
    }

    /// A selection of the rows of a table whose ids are in the bound list.
    fn of_listed_ids(&self, selected: Sql, table: &str) -> Sql {
        let sql = selected.text(" FROM ").push(&self.table(table));
        self.in_list(sql.text(" WHERE ").name(ROW_ID), "$1")
    }

    /// The ids of the child rows of the root rows in a bound list.
    pub(crate) fn known_children(&self, table: &str) -> Sql {
        let sql = Sql::new("SELECT ")
            .name(ROW_ID)
            .text(" FROM ")
            .push(&self.table(table))
            .text(" WHERE ")
            .name(ROOT_ID);
        self.in_list(sql, "$1")
    }

    /// The ids that the rows of these keys have in a table.
    pub(crate) fn find_ids(&self, table: &str, key: &[Arc<str>], source: KeySource<'_>, is_filtered: bool) -> Sql {
        let sql = Sql::new("SELECT DISTINCT _rl_old.").name(ROW_ID).text(" FROM ");
        let sql = sql.push(&self.table(table)).text(" AS _rl_old");
        let sql = match source {
            KeySource::Stage(stage) => {
                let sql = sql.text(" JOIN ").push(&self.staged(stage)).text(" AS _rl_new ON ");
                equal_keys(sql, key)
            }
            KeySource::Bound(row_count) => bound_keys(sql.text(" WHERE "), key, row_count),
        };
        if !is_filtered {
            return sql;
        }
        let sql = sql.text(" AND NOT _rl_old.").name(LOAD_ID);
        match source {
            KeySource::Stage(_) => sql.text(" = ANY($1::text[])"),
            // After the bound keys.
            KeySource::Bound(_) => sql.text(" IN (SELECT value FROM json_each(?))"),
        }
    }

    /// Removes the rows of these keys.
    pub(crate) fn delete_by_key(&self, table: &str, key: &[Arc<str>], source: KeySource<'_>) -> Sql {
        let sql = Sql::new("DELETE FROM ").push(&self.table(table)).text(" AS _rl_old");
        match source {
            KeySource::Stage(stage) => {
                let sql = sql.text(" USING ").push(&self.staged(stage)).text(" AS _rl_new WHERE ");
                equal_keys(sql, key)
            }
            KeySource::Bound(row_count) => bound_keys(sql.text(" WHERE "), key, row_count),
        }
    }

    /// Gives the rows of these keys a load, bound first, and answers with the ids of those that had another one.
    pub(crate) fn mark_by_key(&self, table: &str, key: &[Arc<str>], source: KeySource<'_>) -> Sql {
        let sql = Sql::new("UPDATE ")
            .push(&self.table(table))
            .text(" AS _rl_old SET ")
            .name(LOAD_ID);
        let sql = match source {
            KeySource::Stage(stage) => {
                let sql = sql
                    .text(" = $1 FROM ")
                    .push(&self.staged(stage))
                    .text(" AS _rl_new WHERE ");
                equal_keys(sql, key)
                    .text(" AND _rl_old.")
                    .name(LOAD_ID)
                    .text(" IS DISTINCT FROM $1")
            }
            KeySource::Bound(row_count) => bound_keys(sql.text(" = ? WHERE "), key, row_count)
                .text(" AND ")
                .name(LOAD_ID)
                .text(" IS NOT ?"),
        };
        sql.text(" RETURNING ").name(ROW_ID)
    }

    /// The ids of the rows of these keys that have another load than the one bound last. The key has an index.
    pub(crate) fn find_again(&self, table: &str, key: &[Arc<str>], source: KeySource<'_>) -> Sql {
        let sql = Sql::new("SELECT _rl_old.").name(ROW_ID).text(" FROM ");
        match source {
            KeySource::Stage(stage) => {
                let one = Sql::new("SELECT ")
                    .names([ROW_ID, LOAD_ID])
                    .text(" FROM ")
                    .push(&self.table(table))
                    .text(" AS _rl_old WHERE ");
                sql.push(&self.staged(stage))
                    .text(" AS _rl_new")
                    .push(&for_each(&equal_keys(one, key)))
                    .text(" AS _rl_old WHERE _rl_old.")
                    .name(LOAD_ID)
                    .text(" IS DISTINCT FROM $1")
            }
            KeySource::Bound(row_count) => {
                let sql = sql.push(&self.table(table)).text(" AS _rl_old WHERE ");
                bound_keys(sql, key, row_count)
                    .text(" AND _rl_old.")
                    .name(LOAD_ID)
                    .text(" IS NOT ?")
            }
        }
    }

    /// The rows of a child table that belong to the root rows in the list `$1`. The root ids have an index.
    fn rows_below(&self, child: &str, columns: &[Arc<str>]) -> Sql {
        let sql = Sql::new("SELECT ")
            .names(columns)
            .text(" FROM ")
            .push(&self.table(child))
            .text(" WHERE ")
            .name(ROOT_ID);
        match self.kind {
            Kind::Postgres => Sql::new("SELECT _rl_old.* FROM unnest($1::text[]) AS _rl_root (id)")
                .push(&for_each(&sql.text(" = _rl_root.id")))
                .text(" AS _rl_old"),
            Kind::Sqlite => self.in_list(sql, "$1"),
        }
    }

    /// The root rows in the list `$1` that have rows in a child table. Without an index on the root ids, which a table has
    /// only once rows were merged into it, the table is to be read once and not for each of them.
    pub(crate) fn roots_with_children(&self, child: &str, has_index: bool) -> Sql {
        let sql = Sql::new("SELECT DISTINCT ").name(ROOT_ID).text(" FROM ");
        if has_index {
            return sql
                .text("(")
                .push(&self.rows_below(child, &[ROOT_ID.into()]))
                .text(") AS _rl_old");
        }
        let sql = sql.push(&self.table(child)).text(" WHERE ").name(ROOT_ID);
        self.in_list(sql, "$1")
    }

    /// The root rows in the list `$1` whose rows in a child table are others than those of a stage. The stage has rows of
    /// these root rows only.
    pub(crate) fn roots_that_differ(&self, child: &str, stage: &str, columns: &[Arc<str>]) -> Sql {
        let links: [Arc<str>; 2] = [ROW_ID.into(), ROOT_ID.into()];
        let sql = Sql::new("SELECT DISTINCT coalesce(_rl_old.")
            .name(ROOT_ID)
            .text(", _rl_new.")
            .name(ROOT_ID)
            .text(") FROM (")
            .push(&self.rows_below(child, columns))
            .text(") AS _rl_old FULL JOIN ")
            .push(&self.staged(stage))
            .text(" AS _rl_new ON ");
        let sql = equal_keys(sql, &links)
            .text(" WHERE _rl_old.")
            .name(ROW_ID)
            .text(" IS NULL OR _rl_new.")
            .name(ROW_ID)
            .text(" IS NULL OR ");
        let others = columns.iter().filter(|column| !links.contains(column));
        sql.list(others, " OR ", |sql, column| {
            sql.text("_rl_old.")
                .name(column)
                .text(" IS DISTINCT FROM _rl_new.")
                .name(column)
        })
    }

    /// The rows that no load of the list `$1` had: those of the groups that one of these loads has, or all.
    fn leftovers(&self, sql: Sql, table: &str, group: &[Arc<str>], loads: &'static str) -> Sql {
        let sql = self.in_list(sql.text(" NOT (").name(LOAD_ID), loads).text(")");
        if group.is_empty() {
            return sql;
        }
        let sql = sql
            .text(" AND (")
            .names(group)
            .text(") IN (SELECT ")
            .names(group)
            .text(" FROM ")
            .push(&self.table(table))
            .text(" WHERE ")
            .name(LOAD_ID);
        self.in_list(sql, loads).text(")")
    }

    pub(crate) fn delete_leftovers(&self, table: &str, group: &[Arc<str>]) -> Sql {
        let sql = Sql::new("DELETE FROM ").push(&self.table(table)).text(" WHERE");
        self.leftovers(sql, table, group, "$1")
    }

    pub(crate) fn delete_leftover_children(&self, child: &str, root: &str, group: &[Arc<str>]) -> Sql {
        let sql = Sql::new("DELETE FROM ")
            .push(&self.table(child))
            .text(" WHERE ")
            .name(ROOT_ID)
            .text(" IN (SELECT ")
            .name(ROW_ID)
            .text(" FROM ")
            .push(&self.table(root))
            .text(" WHERE");
        self.leftovers(sql, root, group, "$1").text(")")
    }

    fn is_active(&self, sql: Sql, history: &History) -> Sql {
        let sql = sql.name(&history.valid_to);
        match history.active_until {
            None => sql.text(" IS NULL"),
            Some(_) => self.cast(sql.text(" = "), "$3", DataType::Timestamp),
        }
    }

    /// Gives the versions that hold, of those in the list `$2`, the load `$1`, and answers with their ids.
    pub(crate) fn mark_active(&self, table: &str, history: &History) -> Sql {
        let sql = Sql::new("UPDATE ")
            .push(&self.table(table))
            .text(" SET ")
            .name(LOAD_ID)
            .text(" = $1 WHERE ")
            .name(ROW_ID);
        let sql = self.in_list(sql, "$2").text(" AND ");
        self.is_active(sql, history).text(" RETURNING ").name(ROW_ID)
    }

    /// Ends the versions that hold and that no load of the list `$2` had, at the moment `$1`.
    pub(crate) fn end_versions(&self, table: &str, history: &History, group: &[Arc<str>]) -> Sql {
        let sql = Sql::new("UPDATE ")
            .push(&self.table(table))
            .text(" SET ")
            .name(&history.valid_to)
            .text(" = ");
        let sql = self.cast(sql, "$1", DataType::Timestamp).text(" WHERE ");
        let sql = self.is_active(sql, history).text(" AND");
        self.leftovers(sql, table, group, "$2")
    }

    pub(crate) fn newest_values(&self, newest: &str) -> Sql {
        let sql = Sql::new("SELECT row_id, sort_value FROM ")
            .push(&self.table(newest))
            .text(" WHERE pipeline = $1 AND resource = $2 AND row_id");
        let sql = self.in_list(sql, "$3").text(" AND load_id");
        self.in_list(sql, "$4")
    }

    /// The rejects of a resource that other loads than `$4` have kept of the records in the list `$3`.
    pub(crate) fn kept_rejects(&self, rejects: &str) -> Sql {
        let sql = Sql::new("SELECT DISTINCT raw, reason, table_name, kind FROM ")
            .push(&self.table(rejects))
            .text(" WHERE pipeline = $1 AND resource = $2 AND raw");
        self.in_list(sql, "$3").text(" AND load_id <> $4")
    }

    /// How many records of the loads in the list `$3` were kept out of the table `$4` as a whole.
    pub(crate) fn count_rejects(&self, rejects: &str) -> Sql {
        let sql = Sql::new("SELECT CAST(count(*) AS text) FROM ")
            .push(&self.table(rejects))
            .text(" WHERE pipeline = $1 AND resource = $2 AND load_id");
        self.in_list(sql, "$3")
            .text(" AND (coalesce(table_name, $4) = $4 OR table_name LIKE '%{%') AND coalesce(kind, '') <> $5")
    }

    /// Postgres: an insert that answers how many rows were new, and how many it wrote.
    pub(crate) fn counted(insert: &Sql) -> Sql {
        Sql::new("WITH written AS (")
            .push(insert)
            // A row that took the place of another one has been locked by this transaction before.
            .text(
                " RETURNING (_rl_old.xmax = 0) AS is_new) \
                 SELECT CAST(count(*) FILTER (WHERE is_new) AS text), CAST(count(*) AS text) FROM written",
            )
    }

    /// Postgres: takes staged rows over, counted, and removes the table that held them, all in one message.
    pub(crate) fn move_from_stage(&self, table: &str, columns: &[Arc<str>], stage: &str, conflict: &Conflict) -> Sql {
        Self::counted(&self.insert_from_stage(table, columns, stage, conflict))
            .text("; ")
            .push(&self.drop_stage(stage))
    }

    /// SQLite: rows that are added to a table come after all others.
    pub(crate) fn last_row(&self, table: &str) -> Sql {
        Sql::new("SELECT CAST(coalesce(max(rowid), 0) AS text) FROM ").push(&self.table(table))
    }
}

/// Postgres: joins a query that is run for each row on the left. As a join like any other it would be at the mercy of
/// statistics, which nobody has taken yet of a table that was just loaded: all of it would be read, for each step again.
fn for_each(query: &Sql) -> Sql {
    Sql::new(" CROSS JOIN LATERAL (").push(query).text(" OFFSET 0)")
}

fn equal_keys(sql: Sql, key: &[Arc<str>]) -> Sql {
    sql.list(key, " AND ", |sql, column| {
        sql.text("_rl_new.").name(column).text(" = _rl_old.").name(column)
    })
}

fn bound_keys(sql: Sql, key: &[Arc<str>], row_count: usize) -> Sql {
    let row = Sql::new("(").list(key, ",", |sql, _| sql.text("?")).text(")");
    sql.text("(")
        .names(key)
        .text(") IN (VALUES ")
        .list(0..row_count, ",", |sql, _| sql.push(&row))
        .text(")")
}
