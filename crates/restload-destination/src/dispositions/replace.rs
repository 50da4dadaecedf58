//! `replace`, and a full refresh: rows are gathered beside the tables, and take the place of the former rows at once.

use std::sync::Arc;

use restload_model::schema::Target;

use crate::error::DestinationError;
use crate::plan::{self, Wanted};
use crate::transaction::{Transaction, shadow_name};

impl Transaction<'_> {
    /// Removes all rows of a resource's tables, and makes the indexes that had to wait for that.
    pub(crate) async fn empty_tables(&mut self, target: &Target) -> Result<(), DestinationError> {
        for name in self.family(target) {
            // A foreign table of the same name that we have never written to is not ours to empty, but then its rows
            // are not this load's either: a replace says that the table holds this load's rows only.
            if !self.exists(&name) {
                continue;
            }
            let sql = self.writer.dialect().delete_all(&name);
            let deleted = self.writer.execute(sql, &[]).await;
            self.during(&format!("cannot remove the former rows of table `{name}`"), deleted)?;
            let mut wanted = Wanted::new(Arc::clone(&name), None);
            self.add_rules(&mut wanted, target);
            if wanted.defer_indexes {
                let mut changes = Vec::new();
                let columns = self.memory.catalog.table(&name).map(|table| table.columns.clone());
                let columns = columns.unwrap_or_default();
                plan::plan_indexes(&wanted, self.states.get(&*name), &columns, true, &mut changes);
                for change in &changes {
                    self.change_table(&name, change).await?;
                }
            }
        }
        Ok(())
    }

    /// Puts what a replace has gathered in the place of the former rows.
    pub(crate) async fn swap(&mut self, target: &Target) -> Result<(), DestinationError> {
        let family = self.family(target);
        let shadows: Vec<Arc<str>> = family
            .iter()
            .map(|name| shadow_name(self.stamp.pipeline, name))
            .collect();
        // The shadows that this very step made are not in what was described at its start.
        let described = self
            .writer
            .describe(&shadows.iter().map(|name| &**name).collect::<Vec<_>>())
            .await;
        let described = self.during("cannot read the catalogue", described)?;
        self.empty_tables(target).await?;
        for (name, shadow) in family.iter().zip(&shadows) {
            let Some(gathered) = described.get(&**shadow) else {
                continue;
            };
            let columns: Vec<Arc<str>> = gathered
                .columns
                .iter()
                .map(|column| column.name.as_str().into())
                .collect();
            let sql = self.writer.dialect().insert_from(name, &columns, shadow);
            let moved = self.writer.execute(sql, &[]).await;
            let count = self
                .memory
                .replacing
                .get(&target.table)
                .and_then(|replacing| replacing.rows.get(name))
                .copied()
                .unwrap_or(0);
            moved.map_err(|cause| cause.writing(name, count, self.shown))?;
            let sql = self.writer.dialect().drop_table(shadow);
            let dropped = self.writer.execute(sql, &[]).await;
            self.during(&format!("cannot drop table `{shadow}`"), dropped)?;
        }
        Ok(())
    }
}
