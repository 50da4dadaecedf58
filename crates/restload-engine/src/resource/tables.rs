//! The root tables that a resource's records go to: one, or the one that each record names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use restload_model::batch::{Batch, Reject, RejectKind};
use restload_model::normalizer::names::Names;
use restload_model::normalizer::{NormalizePlan, Normalizer};
use restload_source::extraction::ExtractError;
use restload_source::incremental::Taken;
use restload_source::table_name::TableName;

/// Turns pages into rows. Normalizers that are not in use are kept, because they remember the records' shape.
#[derive(Debug)]
pub(crate) struct Tables {
    plan: Arc<NormalizePlan>,
    names: Arc<Names>,
    /// Root tables of other resources, which no record may name.
    others: Vec<Arc<str>>,
    /// By root table.
    pools: Mutex<HashMap<Arc<str>, Pool>>,
}

#[derive(Debug)]
struct Pool {
    plan: Arc<NormalizePlan>,
    idle: Vec<Normalizer>,
}

/// The rows of a page that go to one root table; none is named where there is only one.
#[derive(Debug)]
pub(crate) struct TableRows {
    pub(crate) table: Option<Arc<str>>,
    pub(crate) batch: Batch,
}

impl Tables {
    pub(crate) fn new(plan: NormalizePlan, names: Arc<Names>, others: Vec<Arc<str>>) -> Self {
        Self {
            plan: Arc::new(plan),
            names,
            others,
            pools: Mutex::default(),
        }
    }

    /// The rows of a page.
    pub(super) fn rows(
        &self,
        table_name: Option<&TableName>,
        partition: &str,
        page: u64,
        taken: &Taken<'_>,
    ) -> Result<Vec<TableRows>, ExtractError> {
        let Some(table_name) = table_name else {
            let table = &self.plan.target.table;
            let mut normalizer = self.normalizer(table, || Arc::clone(&self.plan));
            normalizer.start_page(partition, page);
            for index in 0..taken.records.len() {
                push(&mut normalizer, taken, index);
            }
            let batch = normalizer.finish_page();
            self.put_back(table, normalizer);
            return Ok(vec![TableRows { table: None, batch }]);
        };
        let mut normalizers: IndexMap<Arc<str>, Normalizer> = IndexMap::new();
        let mut rejects = Vec::new();
        for (index, record) in taken.records.iter().enumerate() {
            let number = index as u64 + 1;
            let table = match table_name.of(record).and_then(|table| self.claim(table)) {
                Ok(table) => table,
                Err(reason) => {
                    rejects.push(Reject {
                        kind: RejectKind::Unstorable,
                        table: Arc::clone(&self.plan.target.table),
                        page,
                        record: number,
                        reason,
                        raw: record.to_json(),
                    });
                    continue;
                }
            };
            if !normalizers.contains_key(&table) {
                self.bound(&table, table_name)?;
                let mut normalizer = self.normalizer(&table, || self.plan_of(&table));
                normalizer.start_page(partition, page);
                normalizers.insert(Arc::clone(&table), normalizer);
            }
            let normalizer = &mut normalizers[&table];
            normalizer.skip_to(number);
            push(normalizer, taken, index);
        }
        let mut rows = Vec::with_capacity(normalizers.len() + 1);
        for (table, mut normalizer) in normalizers {
            let batch = normalizer.finish_page();
            self.put_back(&table, normalizer);
            rows.push(TableRows {
                table: Some(table),
                batch,
            });
        }
        if !rejects.is_empty() {
            let batch = Batch {
                page,
                tables: Vec::new(),
                rejects,
                only_if_new: Vec::new(),
            };
            rows.push(TableRows { table: None, batch });
        }
        Ok(rows)
    }

    /// Refuses names that are others' tables.
    fn claim(&self, table: Arc<str>) -> Result<Arc<str>, String> {
        if self.others.contains(&table) {
            return Err(format!("it names table `{table}`, which is another resource's"));
        }
        if !self.names.claim_root(&table) {
            return Err(format!("it names table `{table}`, which is the child table of another"));
        }
        Ok(table)
    }

    fn bound(&self, table: &Arc<str>, table_name: &TableName) -> Result<(), ExtractError> {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let most = table_name.most;
        if pools.contains_key(table) || pools.len() < most {
            return Ok(());
        }
        Err(ExtractError::new(format!(
            "the records name more than {most} tables; the next one would be `{table}`"
        ))
        .with_help("let `table_name` depend on a field that has few values, or allow more tables with `max_tables`"))
    }

    fn plan_of(&self, table: &Arc<str>) -> Arc<NormalizePlan> {
        Arc::new(NormalizePlan {
            target: self.plan.target.part(table),
            max_nesting: self.plan.max_nesting,
            load_id: Arc::clone(&self.plan.load_id),
        })
    }

    fn normalizer(&self, table: &Arc<str>, plan: impl FnOnce() -> Arc<NormalizePlan>) -> Normalizer {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry(Arc::clone(table)).or_insert_with(|| Pool {
            plan: plan(),
            idle: Vec::new(),
        });
        pool.idle
            .pop()
            .unwrap_or_else(|| Normalizer::new(Arc::clone(&pool.plan), Arc::clone(&self.names)))
    }

    fn put_back(&self, table: &Arc<str>, normalizer: Normalizer) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get_mut(table) {
            pool.idle.push(normalizer);
        }
    }
}

fn push(normalizer: &mut Normalizer, taken: &Taken<'_>, index: usize) {
    let record = &taken.records[index];
    match taken.ids.get(index) {
        Some(id) => normalizer.push_as(record, id, taken.at_start[index]),
        None => normalizer.push(record),
    }
}
