//! `scd2`: every version of a record is a row, with the moments from which and until which it holds.
//!
//! The id of a row is a digest of all that the record holds, so a version that comes again is known by its id. It is
//! marked with the load; versions that a load which came to its end has not marked are given an end (`closing.rs`).

use std::collections::HashSet;

use restload_model::DataType;
use restload_model::batch::{Batch, Cell, ColumnBuffer};
use restload_model::schema::{History, NO_KEY, Target};

use super::fates::{Fate, Fates};
use crate::error::DestinationError;
use crate::system::moment;
use crate::transaction::Transaction;
use crate::writers::Param;

impl Transaction<'_> {
    /// The moment of the changes that this load brings.
    pub(crate) fn boundary(&self, target: &Target, history: &History) -> i64 {
        let begun_at = self.memory.chains.begun_at(&target.resource);
        history.boundary.or(begun_at).unwrap_or(self.started_at)
    }

    /// Gives the root rows that came the moments from which and until which they hold.
    pub(crate) fn date_rows(&self, target: &Target, batches: &mut [Batch]) {
        let Some(history) = target.history() else { return };
        let boundary = self.boundary(target, history);
        let roots = batches.iter_mut().flat_map(|batch| &mut batch.tables);
        for root in roots.filter(|table| table.name == target.table) {
            for (name, value) in [
                (&history.valid_from, Some(boundary)),
                (&history.valid_to, history.active_until),
            ] {
                let mut column = ColumnBuffer::new(name.clone(), NO_KEY.into(), Some(DataType::Timestamp));
                for row in 0..root.row_count {
                    column.put(row, value.map_or(Cell::Null, Cell::Timestamp));
                }
                root.columns.push(column);
            }
        }
    }

    /// Tells the versions that came from those that are there, and marks the latter as seen.
    pub(crate) async fn find_versions(
        &mut self,
        target: &Target,
        place: &str,
        batches: &[Batch],
        fates: &mut Fates,
    ) -> Result<(), DestinationError> {
        let Some(history) = target.history() else { return Ok(()) };
        let ids: Vec<&str> = fates.written(batches, None).into_iter().map(|(id, _)| id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let active_until = history.active_until.map(moment);
        let mut params = vec![Param::Text(self.stamp.load_id), Param::List(&ids)];
        params.extend(active_until.as_deref().map(Param::Text));
        let sql = self.writer.dialect().mark_active(place, history);
        let active = self.writer.rows(sql, &params).await;
        let active: HashSet<String> = self
            .during(&format!("cannot find the versions of table `{place}`"), active)?
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let known = self.known_ids(place, &ids).await?;
        fates.change(batches, &active, Fate::Stay);
        // A version that held before has its child rows still.
        fates.change(batches, &known, Fate::WriteAlone);
        Ok(())
    }

    /// Those of the ids that a table has.
    pub(crate) async fn known_ids(&mut self, table: &str, ids: &[&str]) -> Result<HashSet<String>, DestinationError> {
        let sql = self.writer.dialect().known_ids(table);
        let known = self.writer.rows(sql, &[Param::List(ids)]).await;
        let known = self.during(&format!("cannot look up rows of table `{table}`"), known)?;
        Ok(known.into_iter().flatten().flatten().collect())
    }
}
