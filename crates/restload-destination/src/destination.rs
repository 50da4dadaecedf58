//! A destination from opening it to the end of the load.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use restload_model::contract::Mode;
use restload_model::naming;
use restload_model::schema::{Share, Table, Target, WriteDisposition};

use crate::dispositions::chain::{CHAIN, Chains};
use crate::error::{Cause, DestinationError};
use crate::plan::{TableState, Wanted};
use crate::reading::dataset_of;
use crate::refresh::{Refresh, StartOver};
use crate::sql::Sql;
use crate::state::{Settle, StateView};
use crate::step::{LoadOutcome, SchemaChange, Step, StepReport};
use crate::system::{self, Catalog, LOADS, SCHEMA, STATE, Stamp, moment};
use crate::transaction::{Memory, Transaction, drop_shadows};
use crate::url::DestinationUrl;
use crate::writers::{Param, Session, Writer};

/// Which database to open, for which load.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The database.
    pub url: DestinationUrl,
    /// The Postgres schema that holds the tables; the pipeline's normalised name when absent. A SQLite file is a
    /// dataset of its own.
    pub dataset: Option<String>,
    /// The pipeline's name.
    pub pipeline: String,
    /// The load's id.
    pub load_id: String,
    /// When the load began, in microseconds since 1970, UTC.
    pub started_at: i64,
}

/// An open database, locked for one pipeline.
///
/// Dropping it leaves the load's record at `running`; the next [`open`](Self::open) marks it as interrupted.
pub struct Destination {
    pub(crate) options: OpenOptions,
    dataset: String,
    /// Gone once the load is finished.
    writer: Option<Writer>,
    /// A commit has begun and not returned. Set still when the next call comes: its future was dropped half way, and
    /// nobody knows what the connection was saying.
    is_cut_off: bool,
    targets: Vec<Target>,
    full_refresh: bool,
    start_over: Option<StartOver>,
    memory: Memory,
    tables: Vec<Table>,
    pub(crate) state: StateView,
}

impl Destination {
    /// Connects, takes the lock, and reads what is stored. Makes the dataset and the system tables when they are not
    /// there; marks earlier loads of the pipeline that never ended as interrupted, and removes their shadow tables.
    pub async fn open(options: OpenOptions) -> Result<Self, DestinationError> {
        let dataset = dataset_of(options.dataset.as_deref(), &options.pipeline);
        let mut writer = Box::pin(Writer::connect(&Session {
            url: &options.url,
            dataset: &dataset,
            pipeline: &options.pipeline,
        }))
        .await?;
        let shown = options.url.redacted();
        let stored = Box::pin(read_stored(&mut writer, &options, &shown)).await;
        let (memory, tables) = match stored {
            Ok(stored) => stored,
            Err(error) => {
                writer.rollback().await;
                return Err(advise(&mut writer, &[], error).await);
            }
        };
        Ok(Self {
            options,
            dataset,
            writer: Some(writer),
            is_cut_off: false,
            targets: Vec::new(),
            full_refresh: false,
            start_over: None,
            memory,
            tables,
            state: StateView::default(),
        })
    }

    /// The tables of this pipeline and of its targets, with the columns that are really there.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The longest name of a table or column, in characters.
    pub fn identifier_limit(&self) -> usize {
        naming::MAX_LENGTH
    }

    /// What a step should hold, in bytes: enough for its transaction to be worth it, and no more than that needs.
    pub fn step_bytes(&self) -> usize {
        Writer::step_bytes(&self.options.url)
    }

    /// Says, before [`prepare`](Self::prepare), that the load starts over: the tables of these resources are dropped or
    /// emptied, and state is forgotten, with the first step that has news of each.
    pub fn start_over(&mut self, mode: Refresh, resources: impl IntoIterator<Item = Arc<str>>) {
        self.start_over = Some(StartOver {
            mode,
            resources: resources.into_iter().collect(),
        });
    }

    /// Says what is to be loaded, brings the tables that are there in line with it, and starts the load's record.
    ///
    /// In a full refresh the state of these resources is forgotten and their rows are replaced by this load's, whatever
    /// the disposition; both happen in the last step of each, and not at all if it never comes.
    pub async fn prepare(&mut self, targets: Vec<Target>, full_refresh: bool) -> Result<(), DestinationError> {
        self.targets = targets;
        self.add_known_parts();
        self.full_refresh = full_refresh;
        let at = self.options.started_at;
        self.in_transaction(at, Work::Prepare).await?;
        if full_refresh || self.start_over.is_some() {
            for target in &self.targets {
                self.state.hide(Arc::clone(&target.resource));
            }
        }
        if let Some(start_over) = &self.start_over
            && start_over.drops()
        {
            // Their columns are not to shape the rows that come.
            let started_over = self
                .targets
                .iter()
                .filter(|target| start_over.resources.contains(&target.resource));
            let gone: HashSet<Arc<str>> = started_over
                .flat_map(|target| {
                    let catalog = &self.memory.catalog;
                    catalog.family(&self.options.pipeline, &target.resource, &target.table)
                })
                .collect();
            self.tables.retain(|table| !gone.contains(&table.name));
        }
        Ok(())
    }

    /// Adds targets for the tables that earlier loads' records have named.
    fn add_known_parts(&mut self) {
        let mut parts = Vec::new();
        for target in self.targets.iter().filter(|target| target.share == Share::Divided) {
            for (name, (owner, table)) in &self.memory.catalog.tables {
                let is_own = *owner.pipeline == *self.options.pipeline && owner.resource == target.resource;
                let is_others = || self.targets.iter().any(|other| other.table == *name);
                if is_own && table.parent.is_none() && !is_others() {
                    parts.push(target.part(name));
                }
            }
        }
        self.targets.extend(parts);
    }

    /// Adds targets for the tables that a step's records are the first to name.
    fn add_new_parts(&mut self, step: &Step) {
        for part in &step.parts {
            let Some(table) = &part.table else { continue };
            let is_known = |target: &Target| target.resource == part.resource && target.table == *table;
            let divided = |target: &&Target| target.resource == part.resource && target.share == Share::Divided;
            if !self.targets.iter().any(is_known)
                && let Some(new) = self.targets.iter().find(divided).map(|target| target.part(table))
            {
                self.targets.push(new);
            }
        }
    }

    /// Says that the resource begins with its first page, whatever an interrupted load has left of it: that load's rows
    /// count as those of any earlier load. Its checkpoints wait, and are there once [`finish`](Self::finish) has settled
    /// it: until then the next run has to begin where this one did.
    pub fn restart(&mut self, resource: &Arc<str>) {
        self.memory.chains.restarted.insert(Arc::clone(resource));
    }

    /// Says that this load is limited: what it does not have may be there all the same, so nothing is deleted for its
    /// absence.
    pub fn limit(&mut self) {
        self.memory.chains.is_sample = true;
    }

    /// Writes a step in one transaction: changes to tables, rows, checkpoints, rejects and the load's record. On an
    /// error nothing of it is kept, and the destination can be used further.
    ///
    /// The future must be driven to its end: when it is dropped half way, all that can still be done is to
    /// [`finish`](Self::finish).
    pub async fn commit(&mut self, step: Step) -> Result<StepReport, DestinationError> {
        let at = step.committed_at;
        self.add_new_parts(&step);
        self.in_transaction(at, Work::Step(step)).await
    }

    /// Puts the checkpoints that have waited in place, settles what is stored of resources that have come to their end,
    /// and closes the load's record, in one transaction: a load whose record says `completed` has left nothing to go on
    /// with. In it go the shadow tables of resources that did not come to their last step. Then gives the lock back and
    /// closes the connection.
    ///
    /// When the connection is lost on the way, nobody knows whether the transaction was committed; so a new one is made,
    /// and the load's record tells.
    pub async fn finish(&mut self, outcome: LoadOutcome, settle: Option<&dyn Settle>) -> Result<(), DestinationError> {
        if self.writer.is_some() && self.is_cut_off {
            self.connect_again().await?;
        }
        let at = outcome.finished_at;
        match self.in_transaction(at, Work::Finish(&outcome, settle)).await {
            Err(DestinationError::Unreachable { .. }) => {
                self.connect_again().await?;
                if self.is_running().await? {
                    self.in_transaction(at, Work::Finish(&outcome, settle)).await?;
                }
            }
            done => drop(done?),
        }
        if let Some(writer) = self.writer.take() {
            let shown = self.options.url.redacted();
            writer
                .close()
                .await
                .map_err(|cause| cause.during(format!("cannot close {shown}"), &shown))?;
        }
        Ok(())
    }

    /// A new connection: the server undoes what the old one was doing when that is gone.
    async fn connect_again(&mut self) -> Result<(), DestinationError> {
        self.writer = None;
        let session = Session {
            url: &self.options.url,
            dataset: &self.dataset,
            pipeline: &self.options.pipeline,
        };
        self.writer = Some(Box::pin(Writer::connect(&session)).await?);
        self.is_cut_off = false;
        Ok(())
    }

    /// Whether the load's record is still open.
    async fn is_running(&mut self) -> Result<bool, DestinationError> {
        let shown = self.options.url.redacted();
        let Some(writer) = &mut self.writer else {
            return Ok(false);
        };
        let status = read_status(writer, &self.options.load_id).await;
        let status = status.map_err(|cause| cause.during("cannot read the record of the load", &shown))?;
        Ok(status.as_deref() == Some("running"))
    }

    /// What is loaded.
    pub(crate) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether the rows that a resource had are to go with this load.
    pub(crate) fn starts_over(&self, resource: &str) -> bool {
        let names = |start_over: &StartOver| start_over.resources.contains(resource);
        self.full_refresh || self.start_over.as_ref().is_some_and(names)
    }

    /// The connection, the database's name for messages, and what to see of the state.
    pub(crate) fn open_writer(&mut self) -> Result<(&mut Writer, String, &StateView), DestinationError> {
        if self.is_cut_off {
            return Err(DestinationError::Misuse(
                "an earlier commit was cut off half way; finish the load and open the destination again".to_owned(),
            ));
        }
        let shown = self.options.url.redacted();
        match &mut self.writer {
            Some(writer) => Ok((writer, shown, &self.state)),
            None => Err(DestinationError::Misuse("the load is finished already".to_owned())),
        }
    }

    /// Does some work in a transaction, and remembers what came of it only once it is committed.
    async fn in_transaction(&mut self, at: i64, work: Work<'_>) -> Result<StepReport, DestinationError> {
        if self.is_cut_off {
            return Err(DestinationError::Misuse(
                "an earlier commit was cut off half way; finish the load and open the destination again".to_owned(),
            ));
        }
        let Some(writer) = &mut self.writer else {
            return Err(DestinationError::Misuse("the load is finished already".to_owned()));
        };
        self.is_cut_off = true;
        let shown = self.options.url.redacted();
        let mut transaction = Transaction {
            writer,
            stamp: Stamp {
                pipeline: &self.options.pipeline,
                load_id: &self.options.load_id,
                at,
            },
            started_at: self.options.started_at,
            shown: &shown,
            targets: &self.targets,
            full_refresh: self.full_refresh,
            start_over: self.start_over.as_ref(),
            memory: self.memory.clone(),
            changes: Vec::new(),
            warnings: Vec::new(),
            touched: Vec::new(),
            states: HashMap::new(),
            created: HashSet::new(),
            state: &self.state,
            state_changes: Vec::new(),
        };
        let done = Box::pin(transaction.run(work)).await;
        let report = match done {
            Ok(report) => report,
            Err(error) => {
                transaction.writer.rollback().await;
                let tables: Vec<String> = transaction.states.into_keys().collect();
                self.is_cut_off = false;
                return Err(advise(transaction.writer, &tables, error).await);
            }
        };
        let Transaction {
            memory,
            touched,
            state_changes,
            ..
        } = transaction;
        self.is_cut_off = false;
        self.memory = memory;
        for table in touched {
            remember(&mut self.tables, table);
        }
        for change in state_changes {
            self.state.apply(change);
        }
        Ok(report)
    }
}

/// Adds to an error about missing rights what would give them, for these tables and restload's own.
async fn advise(writer: &mut Writer, tables: &[String], error: DestinationError) -> DestinationError {
    let DestinationError::NoPermission { act, source } = error else {
        return error;
    };
    let own = system::TABLES.iter().map(|table| table.name);
    let tables: Vec<&str> = tables.iter().map(String::as_str).chain(own).collect();
    let statements = writer.missing_rights(&tables).await;
    DestinationError::NoPermission {
        act,
        source: source.advise_rights(&statements),
    }
}

/// What is done in a transaction.
pub(crate) enum Work<'w> {
    Prepare,
    Step(Step),
    Finish(&'w LoadOutcome, Option<&'w dyn Settle>),
}

fn remember(tables: &mut Vec<Table>, table: Table) {
    match tables.iter_mut().find(|known| known.name == table.name) {
        Some(known) => *known = table,
        None => tables.push(table),
    }
}

/// What a load begins with, and the pipeline's tables.
type Stored = (Memory, Vec<Table>);

/// Makes what is missing, tidies up after earlier loads, and reads the rest.
async fn read_stored(writer: &mut Writer, options: &OpenOptions, shown: &str) -> Result<Stored, DestinationError> {
    let act = |act: &'static str| move |cause: Cause| cause.during(format!("cannot {act} {shown}"), shown);
    writer.begin_making().await.map_err(act("begin a transaction in"))?;
    let is_empty = writer.create_dataset().await.map_err(act("make the dataset in"))?;
    let there = if is_empty {
        HashMap::new()
    } else {
        let names: Vec<&str> = system::TABLES.iter().map(|table| table.name).collect();
        writer.describe(&names).await.map_err(act("read the catalogue of"))?
    };
    let (known, missing): (Vec<_>, Vec<_>) = system::TABLES.iter().partition(|table| there.contains_key(table.name));
    if !missing.is_empty() {
        let dialect = writer.dialect();
        let sql = Sql::all_of(missing.into_iter().map(|table| table.create(dialect)));
        let made = writer.execute(sql, &[]).await;
        made.map_err(act("make the system tables in"))?;
    }
    for table in &known {
        // Earlier versions have made the table with fewer columns.
        for column in table.defs() {
            if there[table.name].column(&column.name).is_none() {
                let sql = writer.dialect().add_column(table.name, &column);
                writer
                    .execute(sql, &[])
                    .await
                    .map_err(act("add to the system tables in"))?;
            }
        }
    }
    let is_new = known.is_empty();
    if !is_new {
        let sql = writer.dialect().interrupt_loads(LOADS);
        let marked = writer.execute(sql, &[Param::Text(&options.pipeline)]).await;
        marked.map_err(act("mark interrupted loads in"))?;
    }
    if !is_empty {
        let dropped = drop_shadows(writer, &options.pipeline).await;
        dropped.map_err(act("remove shadow tables from"))?;
    }
    if is_new {
        // Nothing stands in tables that were just made.
        writer.commit().await.map_err(act("commit to"))?;
        let memory = Memory {
            is_bare: is_empty,
            ..Memory::default()
        };
        return Ok((memory, Vec::new()));
    }
    let sql = writer.dialect().read_schema(SCHEMA);
    let rows = writer.rows(sql, &[]).await.map_err(act("read the stored schema of"))?;
    let catalog = Catalog::from_rows(rows);
    let chains = read_chains(writer, &options.pipeline).await;
    let chains = chains.map_err(act("read the stored state of"))?;
    let own = |owner: &system::Owner| *owner.pipeline == *options.pipeline;
    let names: Vec<&str> = catalog
        .tables
        .iter()
        .filter(|(_, (owner, _))| own(owner))
        .map(|(name, _)| &**name)
        .collect();
    let states = writer.describe(&names).await.map_err(act("read the catalogue of"))?;
    writer.commit().await.map_err(act("commit to"))?;
    let mut tables: Vec<Table> = names
        .iter()
        .filter_map(|name| Some(present(catalog.table(name)?, states.get(*name)?)))
        .collect();
    // Parents first, whatever their names.
    tables.sort_by_key(|table| {
        let mut depth = 0;
        let mut parent = table.parent.as_deref();
        while let Some(name) = parent {
            depth += 1;
            parent = catalog.table(name).and_then(|table| table.parent.as_deref());
        }
        depth
    });
    let memory = Memory {
        catalog,
        chains,
        ..Memory::default()
    };
    Ok((memory, tables))
}

/// A table without the columns that somebody dropped, with types that somebody widened.
fn present(known: &Table, state: &TableState) -> Table {
    let mut table = known.clone();
    table.columns.retain_mut(|column| match state.column(&column.name) {
        Some(there) => {
            if let Some(found) = there.data_type
                && column.data_type.join(found) == found
            {
                column.data_type = found;
            }
            true
        }
        None => false,
    });
    table
}

/// The loads that count as one, and the resources that anything is stored of.
async fn read_chains(writer: &mut Writer, pipeline: &str) -> Result<Chains, Cause> {
    let mut chains = Chains::default();
    let params = [Param::Text(pipeline), Param::Text(CHAIN)];
    let sql = writer.dialect().read_chains(STATE);
    for row in writer.rows(sql, &params).await? {
        if let Ok([Some(resource), position]) = <[Option<String>; 2]>::try_from(row) {
            chains.remember(resource.into(), position.as_deref().unwrap_or_default());
        }
    }
    let sql = writer.dialect().resources_with_state(STATE);
    let resources = writer.rows(sql, &params).await?;
    chains.resumed = resources.into_iter().flatten().flatten().map(Into::into).collect();
    Ok(chains)
}

impl Transaction<'_> {
    async fn run(&mut self, work: Work<'_>) -> Result<StepReport, DestinationError> {
        let roots = roots(self.targets, &work);
        let begun = self.writer.begin_in_turn(&roots).await;
        self.during("cannot begin a transaction", begun)?;
        let report = match work {
            Work::Prepare => self.prepare().await?,
            Work::Step(step) => Box::pin(self.write_step(step)).await?,
            Work::Finish(outcome, settle) => self.finish(outcome, settle).await?,
        };
        let committed = self.writer.commit().await;
        self.during("cannot commit", committed)?;
        Ok(report)
    }

    /// Brings the tables that are there in line with the config, so that what stands in the way is found before the
    /// first request.
    async fn prepare(&mut self) -> Result<StepReport, DestinationError> {
        let targets: Vec<&Target> = self.targets.iter().filter(|one| one.share != Share::Divided).collect();
        let families: Vec<Vec<Arc<str>>> = targets.iter().map(|target| self.family(target)).collect();
        if !self.memory.is_bare {
            self.describe(&families.concat()).await?;
        }
        if let Some(start_over) = self.start_over {
            self.refuse_foreign_tables(start_over)?;
        }
        for (target, family) in targets.iter().zip(&families) {
            let starts_over = |start_over: &StartOver| start_over.resources.contains(&target.resource);
            if self.start_over.is_some_and(starts_over) {
                // What stands in the way of its rows goes with the first step.
                continue;
            }
            for name in family {
                if !self.states.contains_key(&**name) {
                    continue;
                }
                let parent = self.memory.catalog.table(name).and_then(|table| table.parent.clone());
                // A table that restload has not made is new, and this contract takes none.
                let is_known = self.memory.catalog.table(name).is_some();
                if !is_known && !target.contract.tables.evolves() {
                    continue;
                }
                let mut wanted = Wanted::new(Arc::clone(name), parent);
                self.add_rules(&mut wanted, target);
                self.evolve(&wanted, &target.resource).await?;
            }
        }
        // Told with the first step.
        self.memory.untold = std::mem::take(&mut self.changes);
        let stamp = self.stamp;
        let started = moment(self.started_at);
        let sql = self.writer.dialect().start_load(LOADS);
        let params = [
            Param::Text(stamp.load_id),
            Param::Text(stamp.pipeline),
            Param::Text(&started),
            Param::Text("{}"),
            Param::Text("[]"),
        ];
        let started = self.writer.execute(sql, &params).await;
        self.during("cannot start the record of the load", started)?;
        Ok(StepReport::default())
    }

    async fn finish(
        &mut self,
        outcome: &LoadOutcome,
        settle: Option<&dyn Settle>,
    ) -> Result<StepReport, DestinationError> {
        if let Some(settle) = settle {
            self.settle_state(settle).await?;
        }
        if self.may_gather() {
            let dropped = drop_shadows(self.writer, self.stamp.pipeline).await;
            self.during("cannot remove shadow tables", dropped)?;
        }
        let finished = moment(outcome.finished_at);
        let sql = self.writer.dialect().finish_load(LOADS);
        let params = [
            Param::Text(outcome.status.name()),
            Param::Text(&finished),
            Param::Integer(outcome.requests as i64),
            Param::Integer(outcome.retries as i64),
            Param::OptionalText(outcome.error.as_deref()),
            Param::Text(self.stamp.load_id),
        ];
        let finished = self.writer.execute(sql, &params).await;
        let changed = self.during("cannot close the record of the load", finished)?;
        self.check_still_ours(changed)?;
        Ok(StepReport::default())
    }

    /// Whether this load may have made shadow tables, or state that waits.
    fn may_gather(&self) -> bool {
        self.targets.iter().any(|target| self.replaces(target)) || !self.memory.chains.restarted.is_empty()
    }

    /// What a table of a target needs beside its columns.
    pub(crate) fn add_rules(&self, wanted: &mut Wanted, target: &Target) {
        if wanted.name == target.table {
            wanted.key = target.unique_key().to_vec();
            wanted.id_index = target.history().is_some() || target.finds_rows_by_id;
            wanted.declare(&target.columns);
        } else {
            wanted.root_index = target.write_disposition == WriteDisposition::Merge;
        }
        wanted.defer_indexes = self.full_refresh;
        wanted.replaces_rows = self.replaces(target);
        wanted.keeps_types = target.contract.data_type == Mode::Freeze;
    }
}

/// The root tables that some work is about.
fn roots<'t>(targets: &'t [Target], work: &Work<'_>) -> Vec<&'t str> {
    let is_part = |target: &&Target| match work {
        Work::Prepare => true,
        Work::Step(step) => step.parts.iter().any(|part| part.resource == target.resource),
        Work::Finish(..) => false,
    };
    targets.iter().filter(is_part).map(|target| &*target.table).collect()
}

/// How a load ended, as its record has it.
async fn read_status(writer: &mut Writer, load_id: &str) -> Result<Option<String>, Cause> {
    writer.begin().await?;
    writer.wait_briefly().await?;
    let sql = writer.dialect().load_status(LOADS);
    let rows = writer.rows(sql, &[Param::Text(load_id)]).await?;
    writer.commit().await?;
    Ok(rows.into_iter().flatten().flatten().next())
}

/// Whether rows of a target meet rows with the same key. Without a key there is nothing to meet by: rows are added.
pub(crate) fn merges(target: &Target) -> bool {
    !target.unique_key().is_empty()
}

impl SchemaChange {
    /// The changes as the load's record keeps them.
    pub(crate) fn to_json(changes: &[String]) -> String {
        serde_json::json!(changes).to_string()
    }
}
