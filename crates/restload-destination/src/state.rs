//! The stored state of resources: where their partitions stand.
//!
//! It is asked for and not held: there may be as many partitions as a parent has records.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use restload_model::checkpoint::Checkpoint;

use crate::destination::Destination;
use crate::dispositions::chain::CHAIN;
use crate::error::{Cause, DestinationError};
use crate::system::STATE;
use crate::transaction::Transaction;
use crate::writers::{Param, Writer};

/// Rows of the state that are read or asked for at once; the statement has the same number.
pub(crate) const PAGE: usize = 1_000;

/// The partition under which a recording keeps the rows that were there.
pub const ROWS_THERE: &str = "_rl_rows";

/// Decides what becomes of what is stored when a load has ended. It may be asked again, from the start, when nobody knows
/// whether the answers were stored.
pub trait Settle: Sync {
    /// From here on, whatever was asked before counts no more.
    fn begin(&self);
    /// The resources that have come to their end.
    fn resources(&self) -> &[Arc<str>];
    /// What a checkpoint is from now on; none when it stays as it is.
    fn settle(&self, checkpoint: &Checkpoint) -> Option<Checkpoint>;
    /// Whether the next run of a resource is a new load, after all of its checkpoints were gone through.
    fn is_over(&self, resource: &str) -> bool;
}

/// What the names of resources begin with whose state waits for a replace to take effect, or for the end of the load.
pub(crate) const SHADOW: &str = "_rl_shadow ";

/// The resource under which the state of another waits. There may be as much of it as a parent has records.
pub(crate) fn shadow_resource(resource: &str) -> Arc<str> {
    format!("{SHADOW}{resource}").into()
}

/// What changes the answers to questions about the state.
#[derive(Debug, Default)]
pub(crate) struct StateView {
    /// Resources whose state is forgotten with the first step that has news of them.
    hidden: HashSet<Arc<str>>,
    taken_up: Option<TakenUp>,
}

/// Checkpoints by partition.
type Partitions = BTreeMap<Arc<str>, Checkpoint>;

/// What was stored when a recorded run began; it counts in the place of what is stored now.
#[derive(Debug, Default)]
pub(crate) struct TakenUp {
    checkpoints: HashMap<Arc<str>, Partitions>,
    /// Rows that were there, by resource and id.
    pub(crate) rows: BTreeSet<(Arc<str>, String)>,
}

/// News of the stored state of a resource.
pub(crate) struct StateChange {
    pub(crate) resource: Arc<str>,
    /// What was there before is gone.
    pub(crate) forget: bool,
    /// What was stored of this one is of the resource now.
    pub(crate) moved_from: Option<Arc<str>>,
    /// Only where [`StateView::wants_changes`].
    pub(crate) checkpoints: Vec<Checkpoint>,
}

impl StateView {
    pub(crate) fn hide(&mut self, resource: Arc<str>) {
        self.hidden.insert(resource);
    }

    pub(crate) fn taken_up(&self) -> Option<&TakenUp> {
        self.taken_up.as_ref()
    }

    /// Whether changes are to come with what was changed.
    pub(crate) fn wants_changes(&self) -> bool {
        self.taken_up.is_some()
    }

    fn take_up(&mut self, checkpoint: Checkpoint) {
        let taken_up = self.taken_up.get_or_insert_default();
        if &*checkpoint.partition == ROWS_THERE {
            let ids = checkpoint.position.as_deref().map(serde_json::from_str::<Vec<String>>);
            let ids = ids.and_then(Result::ok).unwrap_or_default().into_iter();
            taken_up
                .rows
                .extend(ids.map(|id| (Arc::clone(&checkpoint.resource), id)));
            return;
        }
        let own = taken_up
            .checkpoints
            .entry(Arc::clone(&checkpoint.resource))
            .or_default();
        own.insert(Arc::clone(&checkpoint.partition), checkpoint);
    }

    pub(crate) fn apply(&mut self, change: StateChange) {
        self.hidden.remove(&change.resource);
        let Some(taken_up) = &mut self.taken_up else { return };
        let moved = change.moved_from.and_then(|from| taken_up.checkpoints.remove(&from));
        let resource = change.resource;
        let own = taken_up.checkpoints.entry(Arc::clone(&resource)).or_default();
        if change.forget {
            own.clear();
        }
        for (partition, checkpoint) in moved.unwrap_or_default() {
            let resource = Arc::clone(&resource);
            own.insert(partition, Checkpoint { resource, ..checkpoint });
        }
        for checkpoint in change.checkpoints {
            let partition = Arc::clone(&checkpoint.partition);
            if checkpoint.position.is_some() {
                own.insert(partition, checkpoint);
            } else {
                own.remove(&partition);
            }
        }
    }

    /// The next checkpoints of a resource, by partition.
    async fn after(
        &self,
        writer: &mut Writer,
        pipeline: &str,
        resource: &str,
        after: Option<&str>,
    ) -> Result<Vec<Checkpoint>, Cause> {
        if self.hidden.contains(resource) {
            return Ok(Vec::new());
        }
        if let Some(taken_up) = &self.taken_up {
            let own = taken_up.checkpoints.get(resource).into_iter().flatten();
            let rest = own.filter(|(partition, _)| after.is_none_or(|after| &***partition > after));
            return Ok(rest.take(PAGE).map(|(_, checkpoint)| checkpoint.clone()).collect());
        }
        let sql = writer.dialect().read_state_after(STATE, after.is_some());
        let mut params = vec![Param::Text(pipeline), Param::Text(resource), Param::Text(CHAIN)];
        params.extend(after.map(Param::Text));
        let rows = writer.rows(sql, &params).await?;
        let resource: Arc<str> = resource.into();
        let checkpoints = rows.into_iter().filter_map(|row| {
            let [partition, position] = <[Option<String>; 2]>::try_from(row).ok()?;
            Some(Checkpoint {
                resource: Arc::clone(&resource),
                partition: partition?.into(),
                position,
            })
        });
        Ok(checkpoints.collect())
    }

    async fn find(
        &self,
        writer: &mut Writer,
        pipeline: &str,
        resource: &Arc<str>,
        partitions: &[Arc<str>],
    ) -> Result<Vec<Checkpoint>, Cause> {
        let mut found = Vec::new();
        if self.hidden.contains(resource) {
            return Ok(found);
        }
        if let Some(taken_up) = &self.taken_up {
            let own = taken_up.checkpoints.get(resource);
            let own = partitions.iter().filter_map(|partition| own?.get(partition));
            found.extend(own.cloned());
            return Ok(found);
        }
        for some in partitions.chunks(PAGE) {
            let names: Vec<&str> = some.iter().map(|name| &**name).collect();
            let sql = writer.dialect().state_of(STATE);
            let params = [Param::Text(pipeline), Param::Text(resource), Param::List(&names)];
            for row in writer.rows(sql, &params).await? {
                let Ok([Some(partition), position]) = <[Option<String>; 2]>::try_from(row) else {
                    continue;
                };
                found.push(Checkpoint {
                    resource: Arc::clone(resource),
                    partition: partition.into(),
                    position,
                });
            }
        }
        Ok(found)
    }
}

impl Destination {
    /// Has these checkpoints in the place of those that are stored, after [`prepare`](Self::prepare). Nothing is written.
    pub fn take_up(&mut self, checkpoints: impl IntoIterator<Item = Checkpoint>) {
        self.state.taken_up = Some(TakenUp::default());
        for checkpoint in checkpoints {
            self.state.take_up(checkpoint);
        }
    }

    /// The next checkpoints of a resource in the order of their partitions, after one of them or from the first on; none
    /// when there are no more. In a full refresh there are none until it has taken effect.
    pub async fn checkpoints_after(
        &mut self,
        resource: &str,
        after: Option<&str>,
    ) -> Result<Vec<Checkpoint>, DestinationError> {
        let pipeline = self.options.pipeline.clone();
        let (writer, shown, state) = self.open_writer()?;
        let read = async {
            writer.begin().await?;
            let read = state.after(writer, &pipeline, resource, after).await?;
            writer.commit().await?;
            Ok(read)
        };
        match read.await {
            Ok(read) => Ok(read),
            Err(cause) => {
                let cause: Cause = cause;
                writer.rollback().await;
                Err(cause.during(format!("cannot read the state of resource `{resource}`"), &shown))
            }
        }
    }

    /// All of them: there may be many.
    pub async fn checkpoints(&mut self, resource: &str) -> Result<Vec<Checkpoint>, DestinationError> {
        let mut all: Vec<Checkpoint> = Vec::new();
        loop {
            let after = all.last().map(|last| Arc::clone(&last.partition));
            let page = self.checkpoints_after(resource, after.as_deref()).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// The checkpoints that some partitions of a resource have, in no order.
    pub async fn find_checkpoints(
        &mut self,
        resource: &Arc<str>,
        partitions: &[Arc<str>],
    ) -> Result<Vec<Checkpoint>, DestinationError> {
        let pipeline = self.options.pipeline.clone();
        let (writer, shown, state) = self.open_writer()?;
        let found = async {
            writer.begin().await?;
            let found = state.find(writer, &pipeline, resource, partitions).await?;
            writer.commit().await?;
            Ok(found)
        };
        match found.await {
            Ok(found) => Ok(found),
            Err(cause) => {
                let cause: Cause = cause;
                writer.rollback().await;
                Err(cause.during(format!("cannot read the state of resource `{resource}`"), &shown))
            }
        }
    }
}

impl Transaction<'_> {
    /// Whether the checkpoints of a resource wait until the load has come to its end. Those of a replace wait for that.
    pub(crate) fn waits_for_the_end(&self, resource: &str) -> bool {
        let mut own = self.targets.iter().filter(|target| *target.resource == *resource);
        self.memory.chains.restarted.contains(resource)
            && !self.full_refresh
            && !own.any(|target| self.replaces(target))
    }

    /// Puts the state of a resource that has waited in place: of all that is stored of it with `forget`, otherwise of the
    /// same partitions.
    pub(crate) async fn put_state_in_place(
        &mut self,
        resource: &Arc<str>,
        waiting: &Arc<str>,
        forget: bool,
    ) -> Result<(), DestinationError> {
        let act = format!("cannot replace the state of resource `{resource}`");
        let [of_pipeline, of_resource, of_waiting] = [self.stamp.pipeline, resource, waiting].map(Param::Text);
        let forgotten = if forget {
            self.memory.chains.forget(resource);
            let sql = self.writer.dialect().forget_resource(STATE);
            self.writer.execute(sql, &[of_pipeline, of_resource]).await
        } else {
            let sql = self.writer.dialect().forget_same_partitions(STATE);
            self.writer.execute(sql, &[of_pipeline, of_resource, of_waiting]).await
        };
        self.during(&act, forgotten)?;
        let sql = self.writer.dialect().rename_resource(STATE);
        let renamed = self.writer.execute(sql, &[of_pipeline, of_waiting, of_resource]).await;
        self.during(&act, renamed)?;
        self.state_changes.push(StateChange {
            resource: Arc::clone(resource),
            forget,
            moved_from: Some(Arc::clone(waiting)),
            checkpoints: Vec::new(),
        });
        Ok(())
    }

    /// Settles what is stored of the resources that have come to their end.
    pub(crate) async fn settle_state(&mut self, settle: &dyn Settle) -> Result<(), DestinationError> {
        settle.begin();
        for resource in settle.resources() {
            if self.waits_for_the_end(resource) {
                self.put_state_in_place(resource, &shadow_resource(resource), false)
                    .await?;
            }
            let mut after: Option<Arc<str>> = None;
            loop {
                let pipeline = self.stamp.pipeline;
                let page = self
                    .state
                    .after(self.writer, pipeline, resource, after.as_deref())
                    .await;
                let page = self.during(&format!("cannot read the state of resource `{resource}`"), page)?;
                let is_last = page.len() < PAGE;
                after = page.last().map(|last| Arc::clone(&last.partition));
                let settled = page.iter().filter_map(|checkpoint| settle.settle(checkpoint));
                let settled: BTreeMap<_, _> = settled.map(|one| (Arc::clone(&one.partition), one)).collect();
                if !settled.is_empty() {
                    self.store_checkpoints(resource, false, settled).await?;
                }
                if is_last {
                    break;
                }
            }
            if self.memory.chains.has(resource) && settle.is_over(resource) {
                let chain = Checkpoint {
                    resource: Arc::clone(resource),
                    partition: CHAIN.into(),
                    position: None,
                };
                let removed = BTreeMap::from([(Arc::clone(&chain.partition), chain)]);
                self.store_checkpoints(resource, false, removed).await?;
            }
        }
        Ok(())
    }
}
