//! Queries for looking at tables part by part, with long values cut, and for what a person asks in SQL.

use restload_model::DataType;

use super::{Dialect, Sql};
use crate::url::Kind;

/// A column and what it holds, as far as the type is one of ours.
pub(crate) type Typed<'c> = (&'c str, Option<DataType>);

/// Which rows of a table, as a condition on their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    Any,
    /// The one at a place, which is bound.
    At,
    /// Those behind a place, which is bound.
    After,
}

/// Some rows, and how much of each value.
pub(crate) struct Wanted<'w> {
    pub(crate) columns: &'w [Typed<'w>],
    /// Text columns; a value is bound for each of them, `$1` and on.
    pub(crate) equal: &'w [&'w str],
    /// The place is bound next.
    pub(crate) places: Places,
    pub(crate) order: Option<(Typed<'w>, bool)>,
    /// Characters of a value.
    pub(crate) chars: usize,
}

impl Dialect {
    /// A transaction for people to look at tables in, which ends by itself if it takes too long.
    ///
    /// Rows without an order come by their places: a scan must neither begin in the middle of the table, as one that
    /// joins another would, nor be shared by several processes.
    pub(crate) fn begin_looking(&self, most_millis: usize) -> Sql {
        let begin = self.begin_reading();
        match self.kind {
            Kind::Sqlite => begin,
            Kind::Postgres => begin
                .text(
                    "; SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0; \
                     SET LOCAL statement_timeout = ",
                )
                .number(most_millis),
        }
    }

    /// Postgres: names without a schema are those of the dataset.
    pub(crate) fn search_dataset(&self) -> Sql {
        let sql = Sql::new("SET LOCAL search_path TO ");
        match &self.dataset {
            Some(dataset) => sql.name(dataset).text(", public"),
            None => sql.text("public"),
        }
    }

    /// What names a row for as long as it is not written again: its place in the table.
    ///
    /// A table of SQLite may have a column of the same name, which goes first; there are three to choose from.
    fn place(&self, columns: &[Typed<'_>]) -> &'static str {
        if self.kind == Kind::Postgres {
            return "ctid";
        }
        let is_free = |name: &&str| {
            let mut columns = columns.iter();
            !columns.any(|(column, _)| column.eq_ignore_ascii_case(name))
        };
        ["rowid", "_rowid_", "oid"].into_iter().find(is_free).unwrap_or("rowid")
    }

    /// A value, as far as it is shown. Its kind stays in SQLite, where any column may hold values of any kind.
    fn cut(&self, sql: Sql, (column, data_type): Typed<'_>, from: usize, chars: usize) -> Sql {
        let sub = |sql: Sql, value: Sql, from: usize, chars: usize| {
            sql.text("substr(")
                .push(&value)
                .text(", ")
                .number(from)
                .text(", ")
                .number(chars)
                .text(")")
        };
        // A byte is shown as two characters.
        let (from_byte, bytes) = (from / 2 + 1, chars.div_ceil(2));
        match (self.kind, data_type) {
            (Kind::Postgres, Some(DataType::Binary)) => {
                let sql = sub(sql.text("encode("), Sql::default().name(column), from_byte, bytes);
                sql.text(", 'hex')")
            }
            (Kind::Postgres, _) | (Kind::Sqlite, Some(DataType::Timestamp | DataType::Bool)) => {
                sub(sql, self.as_text(Sql::default(), column, data_type), from, chars)
            }
            (Kind::Sqlite, _) => {
                let name = Sql::default().name(column);
                let sql = sql.text("CASE typeof(").push(&name).text(") WHEN 'text' THEN ");
                let sql = sub(sql, Sql::default().name(column), from, chars).text(" WHEN 'blob' THEN ");
                let sql = sub(sql, Sql::default().name(column), from_byte, bytes);
                sql.text(" ELSE ").push(&name).text(" END")
            }
        }
    }

    fn conditions(&self, sql: Sql, equal: &[&str], places: Places, place: &'static str) -> Sql {
        let mut sql = sql;
        for (index, column) in equal.iter().enumerate() {
            sql = sql
                .text(if index == 0 { " WHERE " } else { " AND " })
                .name(column)
                .text(" = $")
                .number(index + 1);
        }
        let comparison = match places {
            Places::Any => return sql,
            Places::At => " = ",
            Places::After => " > ",
        };
        sql.text(if equal.is_empty() { " WHERE " } else { " AND " })
            .text(place)
            .text(comparison)
            .text("CAST(CAST($")
            .number(equal.len() + 1)
            .text(match self.kind {
                Kind::Postgres => " AS text) AS tid)",
                Kind::Sqlite => " AS text) AS integer)",
            })
    }

    /// Rows with their places. The slice is bound last, as limit and offset.
    pub(crate) fn look_at_rows(&self, table: &str, wanted: &Wanted<'_>) -> Sql {
        let place = self.place(wanted.columns);
        let sql = Sql::new("SELECT CAST(")
            .text(place)
            .text(" AS text)")
            .list(wanted.columns, "", |sql, column| {
                self.cut(sql.text(", "), *column, 1, wanted.chars)
            })
            .text(" FROM ")
            .push(&self.table(table));
        let sql = self.conditions(sql, wanted.equal, wanted.places, place);
        let bound = wanted.equal.len() + usize::from(wanted.places != Places::Any);
        let sql = match wanted.order {
            Some(((column, data_type), descending)) => {
                let by = self.table(table).text(".").name(column);
                let sql = match (self.kind, data_type) {
                    // These are texts there.
                    (Kind::Sqlite, Some(DataType::Numeric)) => sql.text(" ORDER BY CAST(").push(&by).text(" AS REAL)"),
                    _ => sql.text(" ORDER BY ").push(&by),
                };
                sql.text(if descending { " DESC" } else { "" })
                    .text(" NULLS LAST, ")
                    .text(place)
            }
            // Rows that are found by an index come in its order, all others by their places anyway.
            None if self.kind == Kind::Sqlite || !wanted.equal.is_empty() => sql.text(" ORDER BY ").text(place),
            None => sql,
        };
        sql.text(" LIMIT $")
            .number(bound + 1)
            .text(" OFFSET $")
            .number(bound + 2)
    }

    /// How many characters the values of a row have; the place is bound.
    pub(crate) fn lengths(&self, table: &str, all: &[Typed<'_>], columns: &[Typed<'_>]) -> Sql {
        let sql = Sql::new("SELECT ")
            .list(columns, ", ", |sql, (column, data_type)| {
                let value = match (self.kind, data_type) {
                    (Kind::Postgres, Some(DataType::Binary)) | (Kind::Sqlite, _) => Sql::default().name(column),
                    _ => self.as_text(Sql::default(), column, *data_type),
                };
                sql.text("CAST(length(").push(&value).text(") AS text)")
            })
            .text(" FROM ")
            .push(&self.table(table));
        self.conditions(sql, &[], Places::At, self.place(all))
    }

    /// A part of one value; the place is bound.
    pub(crate) fn part_of_value(
        &self,
        table: &str,
        all: &[Typed<'_>],
        column: Typed<'_>,
        from: usize,
        chars: usize,
    ) -> Sql {
        let sql = self.cut(Sql::new("SELECT "), column, from, chars);
        let sql = sql.text(" FROM ").push(&self.table(table));
        self.conditions(sql, &[], Places::At, self.place(all))
    }

    /// How many rows there are, counted up to a limit.
    pub(crate) fn count_up_to(&self, table: &str, equal: &[&str], most: usize) -> Sql {
        let sql = Sql::new("SELECT CAST(count(*) AS text) FROM (SELECT 1 FROM ").push(&self.table(table));
        self.conditions(sql, equal, Places::Any, "")
            .text(" LIMIT ")
            .number(most)
            .text(") AS counted")
    }

    /// About how many rows there are, told at once. Postgres: schema and table are bound.
    pub(crate) fn estimate_rows(&self, table: &str, columns: &[Typed<'_>]) -> Sql {
        match self.kind {
            Kind::Postgres => Sql::new(
                "SELECT CAST(CAST(c.reltuples AS bigint) AS text) FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
            ),
            Kind::Sqlite => Sql::new("SELECT CAST(max(")
                .text(self.place(columns))
                .text(") AS text) FROM ")
                .push(&self.table(table)),
        }
    }

    /// The loads whose changes to the tables hold a text, the newest first.
    pub(crate) fn find_changes(&self, loads: &str) -> Sql {
        let columns = [
            ("load_id", None),
            ("started_at", Some(DataType::Timestamp)),
            ("schema_changes", None),
        ];
        let sql = self.select(&columns, loads).text(match self.kind {
            Kind::Postgres => " WHERE pipeline = $1 AND strpos(CAST(schema_changes AS text), $2) > 0 ORDER BY ",
            Kind::Sqlite => " WHERE pipeline = $1 AND instr(schema_changes, $2) > 0 ORDER BY ",
        });
        sql.name("started_at").text(" DESC, load_id DESC LIMIT $3 OFFSET $4")
    }

    /// How many partitions of each resource have something stored.
    pub(crate) fn count_state(&self, state: &str) -> Sql {
        Sql::new("SELECT resource, CAST(count(*) AS text) FROM ")
            .push(&self.table(state))
            .text(" WHERE pipeline = $1 GROUP BY resource ORDER BY resource")
    }

    /// What a person asks, as it was typed: to learn the columns of the answer. It is prepared, not run.
    pub(crate) fn as_typed(query: &str) -> Sql {
        Sql(query.to_owned())
    }

    /// The same query within one of ours, which limits rows and cuts values, whatever their types.
    ///
    /// Its place is one where both databases take only a query that reads.
    pub(crate) fn limit_typed(&self, query: &str, column_count: usize, rows: usize, chars: usize) -> Sql {
        let names: Vec<String> = (0..column_count).map(|index| format!("c{index}")).collect();
        let mut sql = Sql::new("WITH _rl_typed (").names(&names).text(") AS (");
        sql.0.push_str(query);
        // The query may end with a comment.
        sql.text("\n) SELECT ")
            .list(&names, ", ", |sql, name| self.cut(sql, (name, None), 1, chars))
            .text(" FROM _rl_typed LIMIT ")
            .number(rows)
    }
}
