//! Rows that are found by their keys, and the ones that are compared with what is there.

use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;

use super::{MOST_PARAMETERS, Sqlite, add, bind, fetch};
use crate::error::Cause;
use crate::rows::Rows;
use crate::sql::{Dialect, KeySource, Sql};
use crate::writers::{Param, stage_name};

impl Sqlite {
    pub(in crate::writers) async fn find_ids(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        other_than: Option<&[&str]>,
    ) -> Result<Vec<String>, Cause> {
        let loads = other_than.map(|loads| serde_json::json!(loads).to_string());
        let find = |dialect: &Dialect, source: KeySource<'_>| dialect.find_ids(table, key, source, loads.is_some());
        let chunks = keys_in_chunks(rows, key, None)?;
        self.ids_by_key(chunks, loads.as_deref(), find).await
    }

    /// The ids that a statement about bound keys answers with, chunk by chunk; `last` is bound behind the keys.
    async fn ids_by_key(
        &mut self,
        chunks: Vec<(SqliteArguments, usize)>,
        last: Option<&str>,
        statement: impl Fn(&Dialect, KeySource<'_>) -> Sql,
    ) -> Result<Vec<String>, Cause> {
        let mut ids = Vec::new();
        for (mut arguments, count) in chunks {
            if let Some(last) = last {
                add(&mut arguments, last)?;
            }
            let sql = statement(&self.dialect, KeySource::Bound(count));
            let found = fetch(&mut self.connection, sql.into_safe(), arguments).await?;
            ids.extend(found.into_iter().flatten().flatten());
        }
        Ok(ids)
    }

    pub(in crate::writers) async fn delete_by_key(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
    ) -> Result<u64, Cause> {
        let mut deleted = 0;
        for (arguments, count) in keys_in_chunks(rows, key, None)? {
            let sql = self.dialect.delete_by_key(table, key, KeySource::Bound(count));
            let done = sqlx::query_with(sql.into_safe(), arguments)
                .persistent(false)
                .execute(&mut self.connection)
                .await?;
            deleted += done.rows_affected();
        }
        Ok(deleted)
    }

    pub(in crate::writers) async fn find_again(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        load_id: &str,
    ) -> Result<Vec<String>, Cause> {
        let find = |dialect: &Dialect, source: KeySource<'_>| dialect.find_again(table, key, source);
        let chunks = keys_in_chunks(rows, key, None)?;
        self.ids_by_key(chunks, Some(load_id), find).await
    }

    pub(in crate::writers) async fn mark_by_key(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        load_id: &str,
    ) -> Result<Vec<String>, Cause> {
        let mark = |dialect: &Dialect, source: KeySource<'_>| dialect.mark_by_key(table, key, source);
        let chunks = keys_in_chunks(rows, key, Some(load_id))?;
        self.ids_by_key(chunks, Some(load_id), mark).await
    }

    pub(in crate::writers) async fn roots_that_differ(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        roots: &[&str],
    ) -> Result<Vec<String>, Cause> {
        let stage = stage_name(table);
        self.execute(self.dialect.create_stage(&stage, &rows.columns), &[])
            .await?;
        let place = self.dialect.staged(&stage);
        self.insert_rows(&place, rows, None).await?;
        // Without it every row would be compared with every other one.
        self.execute(Dialect::index_stage(&stage), &[]).await?;
        let sql = self.dialect.roots_that_differ(table, &stage, &rows.names());
        let found = self.rows(sql, &[Param::List(roots)]).await?;
        self.execute(self.dialect.drop_stage(&stage), &[]).await?;
        Ok(found.into_iter().flatten().flatten().collect())
    }
}

/// The keys of rows, bound for statements of some hundred rows each, with their numbers; before them, what comes first in
/// the statement.
fn keys_in_chunks(
    rows: &Rows<'_>,
    key: &[Arc<str>],
    first: Option<&str>,
) -> Result<Vec<(SqliteArguments, usize)>, Cause> {
    let keys = rows.only(key);
    let all: Vec<_> = keys.iter().collect();
    let mut chunks = Vec::new();
    for chunk in all.chunks(500.min(MOST_PARAMETERS / key.len().max(1)).max(1)) {
        let mut arguments = SqliteArguments::default();
        if let Some(first) = first {
            add(&mut arguments, first)?;
        }
        for row in chunk {
            for column in 0..key.len() {
                bind(&mut arguments, row.cell(column))?;
            }
        }
        chunks.push((arguments, chunk.len()));
    }
    Ok(chunks)
}
