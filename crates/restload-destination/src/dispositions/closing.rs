//! What the last step of a load does with rows that the load did not have: they are deleted, or given an end.
//!
//! Only a load that came to its end says anything about what is not in it: one that failed, was stopped or limited, or
//! had records rejected, deletes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::batch::{Reject, RejectKind};
use restload_model::schema::Target;

use super::chain::marks_rows;
use crate::commit::note;
use crate::error::DestinationError;
use crate::step::StepReport;
use crate::system::{REJECTS, moment};
use crate::transaction::Transaction;
use crate::writers::Param;

impl Transaction<'_> {
    /// Deletes or ends the rows that this load has not had.
    pub(crate) async fn close(&mut self, target: &Target, report: &mut StepReport) -> Result<(), DestinationError> {
        if !marks_rows(target) || self.memory.chains.is_sample || !self.exists(&target.table) {
            return Ok(());
        }
        let (loads, _) = self.memory.chains.loads_and_steps(&target.resource);
        let loads: Vec<&str> = loads.iter().map(String::as_str).collect();
        let action = if target.history().is_some() {
            "given an end"
        } else {
            "deleted"
        };
        if self.memory.chains.is_partial(&target.resource) {
            report.warnings.push((
                Arc::clone(&target.resource),
                format!("no row was {action}: the load goes on with one that was begun with another write disposition"),
            ));
            return Ok(());
        }
        let rejected = self.count_rejects(target, &loads).await?;
        if rejected > 0 {
            report.warnings.push((
                Arc::clone(&target.resource),
                format!("no row was {action}: {rejected} of the load's records are in `{REJECTS}`, not in the table"),
            ));
            return Ok(());
        }
        let groups = &target.merging.groups;
        let all = [Vec::new()];
        let groups: &[Vec<Arc<str>>] = if groups.is_empty() { &all } else { groups };
        for group in groups {
            if target.history().is_some() {
                self.end_versions(target, group, &loads, report).await?;
            } else {
                self.delete_leftovers(target, group, &loads, report).await?;
            }
        }
        Ok(())
    }

    /// Leaves out what an earlier load has kept of the records that come again at the start of an incremental load. Where
    /// the absence of a row is counted, every load keeps its own.
    pub(crate) async fn not_kept_yet<'r>(
        &mut self,
        target: &Target,
        rejects: Vec<&'r Reject>,
    ) -> Result<Vec<&'r Reject>, DestinationError> {
        if !target.meets_records_again || marks_rows(target) {
            return Ok(rejects);
        }
        let raw: Vec<&str> = rejects.iter().map(|reject| &*reject.raw).collect();
        let sql = self.writer.dialect().kept_rejects(REJECTS);
        let params = [
            Param::Text(self.stamp.pipeline),
            Param::Text(&target.resource),
            Param::List(&raw),
            Param::Text(self.stamp.load_id),
        ];
        let kept = self.writer.rows(sql, &params).await;
        let kept: HashSet<Vec<Option<String>>> = self.during("cannot read the rejects", kept)?.into_iter().collect();
        let is_kept = |reject: &&Reject| {
            let texts = [&*reject.raw, &reject.reason, &reject.table, reject.kind.name()];
            kept.contains(&texts.map(|text| Some(text.to_owned()))[..])
        };
        Ok(rejects.into_iter().filter(|reject| !is_kept(reject)).collect())
    }

    async fn count_rejects(&mut self, target: &Target, loads: &[&str]) -> Result<u64, DestinationError> {
        let sql = self.writer.dialect().count_rejects(REJECTS);
        let params = [
            Param::Text(self.stamp.pipeline),
            Param::Text(&target.resource),
            Param::List(loads),
            Param::Text(&target.table),
            Param::Text(RejectKind::DiscardedValue.name()),
        ];
        let counted = self.writer.rows(sql, &params).await;
        let counted = self.during("cannot count the rejects", counted)?;
        let count = counted.into_iter().flatten().flatten().next();
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Deletes rows of other loads, with their child rows: those of the groups that this load has, or all.
    async fn delete_leftovers(
        &mut self,
        target: &Target,
        group: &[Arc<str>],
        loads: &[&str],
        report: &mut StepReport,
    ) -> Result<(), DestinationError> {
        for child in self.children_of(target) {
            let sql = self
                .writer
                .dialect()
                .delete_leftover_children(&child, &target.table, group);
            let deleted = self.writer.execute(sql, &[Param::List(loads)]).await;
            let deleted = self.during(&format!("cannot delete rows of table `{child}`"), deleted)?;
            if deleted > 0 {
                note(report, &child).deleted += deleted;
            }
        }
        let sql = self.writer.dialect().delete_leftovers(&target.table, group);
        let deleted = self.writer.execute(sql, &[Param::List(loads)]).await;
        let deleted = self.during(&format!("cannot delete rows of table `{}`", target.table), deleted)?;
        if deleted > 0 {
            note(report, &target.table).deleted += deleted;
        }
        Ok(())
    }

    async fn end_versions(
        &mut self,
        target: &Target,
        group: &[Arc<str>],
        loads: &[&str],
        report: &mut StepReport,
    ) -> Result<(), DestinationError> {
        let Some(history) = target.history() else { return Ok(()) };
        let boundary = moment(self.boundary(target, history));
        let active_until = history.active_until.map(moment);
        let mut params = vec![Param::Text(&boundary), Param::List(loads)];
        params.extend(active_until.as_deref().map(Param::Text));
        let sql = self.writer.dialect().end_versions(&target.table, history, group);
        let ended = self.writer.execute(sql, &params).await;
        let ended = self.during(&format!("cannot end versions of table `{}`", target.table), ended)?;
        if ended > 0 {
            note(report, &target.table).updated += ended;
        }
        Ok(())
    }
}
