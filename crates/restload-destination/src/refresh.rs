//! Starting over: tables are dropped or emptied, and state is forgotten, before a load's first rows are written.
//!
//! It happens in the transaction of the first step that has news of a resource. Until then nothing is changed, so an API
//! that does not answer costs nobody a table; from then on the load goes on like any other, and can be stopped and
//! resumed.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::schema::Target;

use crate::error::DestinationError;
use crate::state::StateChange;
use crate::step::SchemaChange;
use crate::system::{SCHEMA, STATE};
use crate::transaction::Transaction;
use crate::writers::Param;

/// How a load starts over; dlt's three modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Every table of the pipeline is dropped, and all of its state is forgotten.
    DropSources,
    /// The tables of the resources that are loaded are dropped, and the state of the run's resources is forgotten.
    DropResources,
    /// The same, with the tables emptied and not dropped.
    DropData,
}

/// What a load starts over with.
#[derive(Debug, Clone)]
pub(crate) struct StartOver {
    pub(crate) mode: Refresh,
    /// The resources whose tables are dropped or emptied. Others of the run are only read.
    pub(crate) resources: HashSet<Arc<str>>,
}

impl StartOver {
    /// Whether this table stays as it is until its rows are gone.
    pub(crate) fn drops(&self) -> bool {
        self.mode != Refresh::DropData
    }
}

impl<'d> Transaction<'d> {
    /// Makes sure that only what this pipeline has made would be dropped.
    pub(crate) fn refuse_foreign_tables(&self, start_over: &StartOver) -> Result<(), DestinationError> {
        let targets = self.targets;
        for target in targets {
            if !start_over.resources.contains(&target.resource) || !self.exists(&target.table) {
                continue;
            }
            let owner = self.memory.catalog.tables.get(&target.table);
            let owner = owner.map(|(owner, _)| owner.pipeline.to_string());
            if owner.as_deref() != Some(self.stamp.pipeline) {
                return Err(DestinationError::ForeignTable {
                    table: target.table.to_string(),
                    owner,
                });
            }
        }
        Ok(())
    }

    /// Starts over with a resource, if this is the first step that has news of it.
    pub(crate) async fn start_over(&mut self, target: &Target) -> Result<(), DestinationError> {
        let Some(start_over) = self.start_over else {
            return Ok(());
        };
        if self.memory.started_over.contains(&target.resource) {
            return Ok(());
        }
        let targets = self.targets;
        let due: Vec<&'d Target> = match start_over.mode {
            Refresh::DropSources => targets.iter().collect(),
            Refresh::DropResources | Refresh::DropData => {
                targets.iter().filter(|one| one.resource == target.resource).collect()
            }
        };
        for table in self.tables_due(start_over, &due) {
            if start_over.drops() {
                self.drop_table(&table).await?;
            } else {
                self.empty_table(&table).await?;
            }
        }
        for one in due {
            self.memory.started_over.insert(Arc::clone(&one.resource));
            self.memory.chains.forget(&one.resource);
            self.forget_state(Some(&one.resource)).await?;
            self.state_changes.push(StateChange {
                resource: Arc::clone(&one.resource),
                forget: true,
                moved_from: None,
                checkpoints: Vec::new(),
            });
        }
        if start_over.mode == Refresh::DropSources {
            self.forget_state(None).await?;
        }
        Ok(())
    }

    /// The tables of this pipeline's own that have to go.
    fn tables_due(&self, start_over: &StartOver, due: &[&Target]) -> Vec<Arc<str>> {
        let families: HashSet<Arc<str>> = due
            .iter()
            .filter(|target| start_over.resources.contains(&target.resource))
            .flat_map(|target| self.family(target))
            .collect();
        let all = start_over.mode == Refresh::DropSources;
        let own = self.memory.catalog.tables.iter().filter(|(name, (owner, _))| {
            *owner.pipeline == *self.stamp.pipeline && (all || families.contains(&***name))
        });
        own.map(|(name, _)| Arc::clone(name)).collect()
    }

    async fn drop_table(&mut self, table: &Arc<str>) -> Result<(), DestinationError> {
        let sql = self.writer.dialect().drop_table(table);
        let dropped = self.writer.execute(sql, &[]).await;
        self.during(&format!("cannot drop table `{table}`"), dropped)?;
        let sql = self.writer.dialect().forget_table(SCHEMA);
        let forgotten = self.writer.execute(sql, &[Param::Text(table)]).await;
        self.during("cannot update the stored schema", forgotten)?;
        self.memory.catalog.tables.remove(table);
        self.states.remove(&**table);
        self.note(SchemaChange::TableDropped {
            table: Arc::clone(table),
        });
        Ok(())
    }

    async fn empty_table(&mut self, table: &Arc<str>) -> Result<(), DestinationError> {
        self.describe(&[table]).await?;
        if !self.exists(table) {
            return Ok(());
        }
        let sql = self.writer.dialect().delete_all(table);
        let deleted = self.writer.execute(sql, &[]).await;
        self.during(&format!("cannot remove the rows of table `{table}`"), deleted)?;
        self.note(SchemaChange::TableEmptied {
            table: Arc::clone(table),
        });
        Ok(())
    }

    /// Forgets the state of a resource, or of all of the pipeline's.
    async fn forget_state(&mut self, resource: Option<&Arc<str>>) -> Result<(), DestinationError> {
        let pipeline = Param::Text(self.stamp.pipeline);
        let forgotten = match resource {
            Some(resource) => {
                let sql = self.writer.dialect().forget_resource(STATE);
                self.writer.execute(sql, &[pipeline, Param::Text(resource)]).await
            }
            None => {
                let sql = self.writer.dialect().forget_pipeline(STATE);
                self.writer.execute(sql, &[pipeline]).await
            }
        };
        self.during("cannot forget the stored state", forgotten).map(drop)
    }
}
