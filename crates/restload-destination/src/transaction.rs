//! The parts of a transaction that every kind of work needs: describing tables, changing them, recording it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use restload_model::batch::TableBatch;
use restload_model::contract::Mode;
use restload_model::naming;
use restload_model::schema::{Share, Table, Target, WriteDisposition};

use crate::dispositions::chain::Chains;
use crate::error::{Cause, DestinationError};
use crate::plan::{self, Change, ColumnDef, Conflict, ConflictAction, Obstacle, TableState, Wanted};
use crate::refresh::StartOver;
use crate::rows::Rows;
use crate::state::{SHADOW, StateChange, StateView};
use crate::step::SchemaChange;
use crate::system::{self, Catalog, Owner, SCHEMA, STATE, Stamp};
use crate::writers::{Param, Writer};

/// What a destination knows between transactions. Each works on a copy, which is kept when it is committed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// The dataset was made for this load: no table of anybody's stood in it then.
    pub(crate) is_bare: bool,
    /// Every table of the dataset, as restload left it.
    pub(crate) catalog: Catalog,
    /// The resources that this load has started over with.
    pub(crate) started_over: HashSet<Arc<str>>,
    /// The loads that count as one.
    pub(crate) chains: Chains,
    /// Replaces that have begun and wait for their last step, by root table.
    pub(crate) replacing: HashMap<Arc<str>, Replacing>,
    /// Rows that stand in the tables through this load.
    pub(crate) rows: BTreeMap<Arc<str>, u64>,
    /// The tables that this load has made.
    pub(crate) made: HashSet<Arc<str>>,
    /// Records that were kept out of them.
    pub(crate) rejects: u64,
    /// Of these, the ones that cannot be stored, by resource.
    pub(crate) unstorable: HashMap<Arc<str>, u64>,
    /// Every change to a table, in words.
    pub(crate) changes: Vec<String>,
    /// Changes that no report has told yet.
    pub(crate) untold: Vec<SchemaChange>,
}

/// What a replace keeps until its last step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replacing {
    pub(crate) rows: BTreeMap<Arc<str>, u64>,
}

/// A transaction under way.
pub(crate) struct Transaction<'d> {
    pub(crate) writer: &'d mut Writer,
    pub(crate) stamp: Stamp<'d>,
    pub(crate) started_at: i64,
    pub(crate) shown: &'d str,
    pub(crate) targets: &'d [Target],
    pub(crate) full_refresh: bool,
    pub(crate) start_over: Option<&'d StartOver>,
    pub(crate) memory: Memory,
    pub(crate) changes: Vec<SchemaChange>,
    /// What contracts want to be warned of, by resource.
    pub(crate) warnings: Vec<(Arc<str>, String)>,
    /// The tables that were brought in line, as they now are.
    pub(crate) touched: Vec<Table>,
    /// What the database said of the tables at the start of the transaction, of those that are there.
    pub(crate) states: HashMap<String, TableState>,
    /// Tables that this transaction made.
    pub(crate) created: HashSet<Arc<str>>,
    /// What changes the answers to questions about the stored state.
    pub(crate) state: &'d StateView,
    pub(crate) state_changes: Vec<StateChange>,
}

/// The start of the names of a pipeline's shadow tables. Pipelines that share a dataset keep off each other's.
fn shadow_prefix(pipeline: &str) -> String {
    format!("_rl_shadow_{}", naming::tag(pipeline))
}

/// The table that gathers the rows of a replace until its last step.
pub(crate) fn shadow_name(pipeline: &str, table: &str) -> Arc<str> {
    naming::join(&shadow_prefix(pipeline), table, naming::MAX_LENGTH).into()
}

/// Removes every shadow table of a pipeline, and the state that has waited with them.
pub(crate) async fn drop_shadows(writer: &mut Writer, pipeline: &str) -> Result<(), Cause> {
    let prefix = shadow_prefix(pipeline);
    let sql = writer.dialect().tables_with_prefix();
    let dataset = writer.dialect().dataset.clone();
    let rows = match &dataset {
        Some(dataset) => writer.rows(sql, &[Param::Text(dataset), Param::Text(&prefix)]).await?,
        None => writer.rows(sql, &[Param::Text(&prefix)]).await?,
    };
    for name in rows.into_iter().flatten().flatten() {
        let sql = writer.dialect().drop_table(&name);
        writer.execute(sql, &[]).await?;
    }
    let sql = writer.dialect().forget_resources(STATE);
    writer
        .execute(sql, &[Param::Text(pipeline), Param::Text(SHADOW)])
        .await?;
    Ok(())
}

impl Transaction<'_> {
    /// Names the act that failed.
    pub(crate) fn during<T>(&self, act: &str, result: Result<T, Cause>) -> Result<T, DestinationError> {
        result.map_err(|cause| cause.during(act, self.shown))
    }

    /// Takes how many records of loads were changed, which is one as long as nobody has marked this load as interrupted.
    /// Whoever does so waits for our transaction to end, or makes it end here.
    pub(crate) fn check_still_ours(&self, changed: u64) -> Result<(), DestinationError> {
        if changed == 1 {
            return Ok(());
        }
        Err(DestinationError::TakenOver {
            pipeline: self.stamp.pipeline.to_owned(),
            destination: self.shown.to_owned(),
        })
    }

    /// Whether the rows of a target take the place of all that are there.
    pub(crate) fn replaces(&self, target: &Target) -> bool {
        self.full_refresh || target.write_disposition == WriteDisposition::Replace
    }

    /// The tables of a target that are known.
    pub(crate) fn family(&self, target: &Target) -> Vec<Arc<str>> {
        let catalog = &self.memory.catalog;
        let mut family = match target.share {
            // What else the resource wrote belongs to other parts of it.
            Share::Part => catalog.below(&target.table),
            Share::Whole | Share::Divided => catalog.family(self.stamp.pipeline, &target.resource, &target.table),
        };
        if !family.contains(&target.table) {
            // It may be there without our having made it.
            family.push(Arc::clone(&target.table));
        }
        family
    }

    /// Whether the table is in the database now.
    pub(crate) fn exists(&self, table: &str) -> bool {
        self.created.contains(table) || self.states.contains_key(table)
    }

    /// Asks the database what it has of these tables, and keeps others from altering them.
    pub(crate) async fn describe<N: AsRef<str>>(&mut self, tables: &[N]) -> Result<(), DestinationError> {
        let names: Vec<&str> = tables.iter().map(AsRef::as_ref).collect();
        let described = self.writer.describe(&names).await;
        let described = self.during("cannot read the catalogue", described)?;
        let there: Vec<&str> = described
            .iter()
            .filter(|(_, state)| !state.is_view)
            .map(|(name, _)| name.as_str())
            .collect();
        let held = self.writer.hold(&there).await;
        let is_unknown = |name: &String| !name.starts_with("_rl_") && self.memory.catalog.table(name).is_none();
        let has_unknown = described.keys().any(is_unknown);
        self.states.extend(described);
        self.during("cannot hold the tables", held)?;
        if has_unknown {
            self.learn_tables().await?;
        }
        Ok(())
    }

    /// Reads of tables that another pipeline has made since this load began.
    async fn learn_tables(&mut self) -> Result<(), DestinationError> {
        let sql = self.writer.dialect().read_schema(SCHEMA);
        let rows = self.writer.rows(sql, &[]).await;
        let rows = self.during("cannot read the stored schema", rows)?;
        for (name, made) in Catalog::from_rows(rows).tables {
            self.memory.catalog.tables.entry(name).or_insert(made);
        }
        Ok(())
    }

    /// Brings a table in line with what is wanted of it, and records how it then stands.
    pub(crate) async fn evolve(&mut self, wanted: &Wanted, resource: &Arc<str>) -> Result<Table, DestinationError> {
        let state = self.states.get(&*wanted.name).cloned();
        let shadow = shadow_name(self.stamp.pipeline, &wanted.name);
        let mut rounding = HashSet::new();
        for column in wanted.columns_to_ask(state.as_ref()) {
            for table in [&wanted.name, &shadow] {
                if self.states.contains_key(&**table) {
                    let sql = self.writer.dialect().has_beyond_double(table, &column);
                    let found = self.writer.finds(sql).await;
                    if self.during("cannot read whole numbers", found)? {
                        rounding.insert(Arc::clone(&column));
                    }
                }
            }
        }
        let known = self.memory.catalog.table(&wanted.name).cloned();
        let planned = plan::plan(wanted, known.as_ref(), state.as_ref(), &rounding)
            .map_err(|obstacle| self.obstacle(&wanted.name, obstacle))?;
        for change in &planned.changes {
            self.warn(&wanted.name, change, known.as_ref(), resource);
            self.apply(&wanted.name, change).await?;
        }
        self.record_table(&planned.table, known.as_ref(), state.is_none(), resource)
            .await?;
        Ok(planned.table)
    }

    fn obstacle(&self, table: &str, obstacle: Obstacle) -> DestinationError {
        match obstacle {
            Obstacle::Altered {
                column,
                found,
                expected,
            } => DestinationError::AlteredTable {
                mend_sql: self.writer.dialect().mend(table, &column, &found, expected).into_text(),
                table: table.to_owned(),
                column: column.to_string(),
                found,
                expected,
            },
            Obstacle::Conflict {
                column,
                declared,
                holder,
                found,
            } => DestinationError::TypeConflict {
                table: table.to_owned(),
                column: column.to_string(),
                declared,
                holder,
                found,
                joined: declared.join(found),
            },
            Obstacle::Frozen { column, from, to } => DestinationError::FrozenType {
                table: table.to_owned(),
                column: column.to_string(),
                from,
                to,
            },
            Obstacle::FrozenLimit { column } => DestinationError::FrozenLimit {
                table: table.to_owned(),
                column: column.to_string(),
            },
            Obstacle::NotNull { column } => DestinationError::ForeignNotNull {
                mend_sql: self.writer.dialect().mend_not_null(table, &column).into_text(),
                table: table.to_owned(),
                column,
            },
            Obstacle::KeyDropped { column } => DestinationError::KeyDropped {
                table: table.to_owned(),
                column: column.to_string(),
            },
            Obstacle::View => DestinationError::View {
                mend_sql: self.writer.dialect().mend_view(table).into_text(),
                table: table.to_owned(),
            },
        }
    }

    /// Says of a change that the data brings what a contract wants to be told of. What is declared surprises nobody, and
    /// a table's first load surprises it with nothing.
    fn warn(&mut self, table: &Arc<str>, change: &Change, known: Option<&Table>, resource: &Arc<str>) {
        let own = |target: &&Target| target.resource == *resource;
        let of_table = self.targets.iter().filter(own).find(|target| target.table == *table);
        let Some(target) = of_table.or_else(|| self.targets.iter().find(own)) else {
            return;
        };
        let is_declared =
            |column: &str| *table == target.table && target.columns.iter().any(|hint| &*hint.name == column);
        let known_column = |name: &str| known?.columns.iter().find(|column| &*column.name == name);
        let text = match change {
            Change::Create(_) if target.contract.tables == Mode::Warn => format!("table `{table}` is new"),
            Change::Add(column)
                if target.contract.columns == Mode::Warn
                    && known.is_some_and(Table::is_settled)
                    && known_column(&column.name).is_none()
                    && !is_declared(&column.name) =>
            {
                format!("column `{}` of table `{table}` is new", column.name)
            }
            Change::Widen { column, from }
                if target.contract.data_type == Mode::Warn
                    && known_column(&column.name).is_some_and(|known| known.is_settled)
                    && !is_declared(&column.name) =>
            {
                format!(
                    "column `{}` of table `{table}` held {from} and now holds {}",
                    column.name, column.data_type
                )
            }
            _ => return,
        };
        self.warnings.push((Arc::clone(resource), text));
    }

    /// Makes one change, and notes it if it is one that the user should hear of.
    async fn apply(&mut self, table: &Arc<str>, change: &Change) -> Result<(), DestinationError> {
        self.change_table(table, change).await?;
        let noted = match change {
            Change::Create(_) => {
                self.created.insert(Arc::clone(table));
                self.memory.made.insert(Arc::clone(table));
                SchemaChange::TableCreated {
                    table: Arc::clone(table),
                }
            }
            Change::Add(column) => SchemaChange::ColumnAdded {
                table: Arc::clone(table),
                column: Arc::clone(&column.name),
                data_type: column.data_type,
            },
            Change::Widen { column, from } => SchemaChange::ColumnWidened {
                table: Arc::clone(table),
                column: Arc::clone(&column.name),
                from: *from,
                to: column.data_type,
            },
            Change::Resize(column) => SchemaChange::ColumnResized {
                table: Arc::clone(table),
                column: Arc::clone(&column.name),
            },
            Change::CreateIndex { .. } | Change::DropIndex { .. } => return Ok(()),
        };
        self.note(noted);
        Ok(())
    }

    /// Notes that the tables of a resource have been through a whole load: from now on contracts hold for them. A table
    /// without a row has not shown yet what it holds.
    pub(crate) async fn settle(&mut self, target: &Target) -> Result<(), DestinationError> {
        let mut settled = Vec::new();
        for name in self.family(target) {
            let Some(table) = self.memory.catalog.table(&name) else {
                continue;
            };
            let is_due = table.columns.iter().any(|column| !column.is_settled);
            if !is_due || !self.exists(&name) {
                continue;
            }
            let has_rows = if table.is_settled() {
                true
            } else {
                let sql = self.writer.dialect().has_rows(&name);
                let found = self.writer.finds(sql).await;
                self.during("cannot look for rows", found)?
            };
            if has_rows {
                settled.push(name);
            }
        }
        if settled.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = settled.iter().map(|name| &**name).collect();
        let sql = self.writer.dialect().settle_tables(SCHEMA);
        let done = self.writer.execute(sql, &[Param::List(&names)]).await;
        self.during("cannot update the stored schema", done)?;
        for name in settled {
            if let Some((_, table)) = self.memory.catalog.tables.get_mut(&name) {
                for column in &mut table.columns {
                    column.is_settled = true;
                }
            }
        }
        Ok(())
    }

    /// Notes a change for the report and for the load's record.
    pub(crate) fn note(&mut self, change: SchemaChange) {
        self.memory.changes.push(change.to_string());
        self.changes.push(change);
    }

    /// Makes one change to a table or a shadow.
    pub(crate) async fn change_table(&mut self, table: &str, change: &Change) -> Result<(), DestinationError> {
        if let Change::Widen { column, .. } | Change::Resize(column) = change {
            let views = self.writer.views_in_the_way(table, &column.name).await;
            if let Some(mend_sql) = self.during("cannot read the catalogue", views)? {
                return Err(DestinationError::ShownByView {
                    table: table.to_owned(),
                    column: column.name.to_string(),
                    to: column.data_type,
                    mend_sql,
                });
            }
        }
        let dialect = self.writer.dialect();
        let done = match change {
            Change::Create(columns) => {
                let sql = dialect.create_table(table, columns, &[]);
                self.writer.execute(sql, &[]).await.map(drop)
            }
            Change::Add(column) => {
                let sql = dialect.add_column(table, column);
                self.writer.execute(sql, &[]).await.map(drop)
            }
            Change::Widen { column, from } => self.writer.widen(table, column, *from).await,
            Change::Resize(column) => {
                let sql = dialect.resize(table, column);
                self.writer.execute(sql, &[]).await.map(drop)
            }
            Change::CreateIndex { name, columns, unique } => {
                let sql = dialect.create_index(name, table, columns, *unique);
                match self.writer.execute(sql, &[]).await {
                    Err(cause) if cause.is_duplicate() && plan::is_unique_index(name) => {
                        return Err(DestinationError::NotUnique {
                            table: table.to_owned(),
                            column: columns.iter().map(ToString::to_string).collect(),
                            source: cause,
                        });
                    }
                    Err(cause) if cause.is_duplicate() => {
                        return Err(DestinationError::DuplicateKeys {
                            table: table.to_owned(),
                            key: columns.iter().map(ToString::to_string).collect(),
                            source: cause,
                        });
                    }
                    done => done.map(drop),
                }
            }
            Change::DropIndex { name } => {
                let sql = dialect.drop_index(name);
                self.writer.execute(sql, &[]).await.map(drop)
            }
        };
        let act = match change {
            Change::Create(_) => format!("cannot make table `{table}`"),
            Change::Add(column) => format!("cannot add column `{}` to table `{table}`", column.name),
            Change::Widen { column, from } => format!(
                "cannot widen column `{}` of table `{table}` from {from} to {}",
                column.name, column.data_type
            ),
            Change::Resize(column) => format!("cannot resize column `{}` of table `{table}`", column.name),
            Change::CreateIndex { name, .. } => format!("cannot make index `{name}` of table `{table}`"),
            Change::DropIndex { name } => format!("cannot drop index `{name}` of table `{table}`"),
        };
        self.during(&act, done)
    }

    /// Keeps the stored schema in step with a table.
    async fn record_table(
        &mut self,
        table: &Table,
        known: Option<&Table>,
        is_new: bool,
        resource: &Arc<str>,
    ) -> Result<(), DestinationError> {
        let owner = match self.memory.catalog.tables.get(&table.name) {
            Some((owner, _)) => owner.clone(),
            None => Owner {
                pipeline: self.stamp.pipeline.into(),
                resource: Arc::clone(resource),
            },
        };
        if is_new && known.is_some() {
            let sql = self.writer.dialect().forget_table(SCHEMA);
            let forgotten = self.writer.execute(sql, &[Param::Text(&table.name)]).await;
            self.during("cannot update the stored schema", forgotten)?;
        }
        let rows = system::schema_rows(self.stamp, &owner, table, |column| {
            is_new || known.is_none_or(|known| !known.columns.contains(column))
        });
        self.write_system(&rows).await?;
        self.memory
            .catalog
            .tables
            .insert(Arc::clone(&table.name), (owner, table.clone()));
        self.touched.push(table.clone());
        Ok(())
    }

    /// Whether a system table that only some loads need is there.
    pub(crate) async fn has_system_table(&mut self, name: &'static str) -> Result<bool, DestinationError> {
        let there = self.writer.describe(&[name]).await;
        Ok(!self.during("cannot read the catalogue", there)?.is_empty())
    }

    /// Makes a system table that only some loads need, if it is not there.
    pub(crate) async fn make_system_table(&mut self, name: &'static str) -> Result<(), DestinationError> {
        if !self.has_system_table(name).await? {
            let sql = system::table(name).create(self.writer.dialect());
            let made = self.writer.execute(sql, &[]).await;
            self.during("cannot make a system table", made)?;
        }
        Ok(())
    }

    /// Writes rows of a system table; rows with the same key are replaced.
    pub(crate) async fn write_system(&mut self, batch: &TableBatch) -> Result<(), DestinationError> {
        if batch.row_count == 0 {
            return Ok(());
        }
        let table = system::table(&batch.name);
        let rows = Rows::new(&table.columns(), [(batch, None)]);
        let conflict = (!table.primary_key.is_empty()).then(|| Conflict {
            key: table.primary_key.iter().map(|column| (*column).into()).collect(),
            action: ConflictAction::Update,
        });
        let written = self.writer.put(table.name, &rows, conflict.as_ref()).await;
        written.map_err(|cause| cause.writing(table.name, rows.count(), self.shown))
    }

    /// Makes the shadow of a table, or brings it in line with the table.
    pub(crate) async fn sync_shadow(&mut self, table: &Table, wanted: &Wanted) -> Result<Arc<str>, DestinationError> {
        let shadow = shadow_name(self.stamp.pipeline, &table.name);
        let defs = table.columns.iter().map(|column| ColumnDef {
            name: Arc::clone(&column.name),
            source_name: Arc::clone(&column.source_name),
            data_type: column.data_type,
            not_null: false,
            limit: None,
        });
        let mut changes = Vec::new();
        match self.states.get(&*shadow) {
            None => {
                changes.push(Change::Create(defs.collect()));
                let named = Wanted {
                    name: Arc::clone(&shadow),
                    ..wanted.clone()
                };
                plan::plan_indexes(&named, None, &table.columns, true, &mut changes);
            }
            Some(state) => {
                for column in defs {
                    match state.column(&column.name).and_then(|column| column.data_type) {
                        None => changes.push(Change::Add(column)),
                        Some(from) if from != column.data_type => changes.push(Change::Widen { column, from }),
                        Some(_) => {}
                    }
                }
            }
        }
        for change in &changes {
            self.change_table(&shadow, change).await?;
        }
        Ok(shadow)
    }
}
