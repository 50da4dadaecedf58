//! What an incremental load meets again at its start: rows that earlier loads have added.

use std::collections::BTreeSet;

use restload_model::schema::{Share, WriteDisposition};

use crate::destination::Destination;
use crate::error::DestinationError;
use crate::writers::Param;

impl Destination {
    /// Those of the ids that the tables of an appended resource have of loads whose ids sort before `before`. None when
    /// its rows are to go: what is there now is not there when the load has ended.
    pub async fn rows_there(
        &mut self,
        resource: &str,
        ids: &[String],
        before: &str,
    ) -> Result<BTreeSet<String>, DestinationError> {
        let mut there = BTreeSet::new();
        if ids.is_empty() || self.starts_over(resource) {
            return Ok(there);
        }
        if let Some(taken_up) = self.state.taken_up() {
            let were_there = ids
                .iter()
                .filter(|id| taken_up.rows.contains(&(resource.into(), (*id).clone())));
            return Ok(were_there.cloned().collect());
        }
        let appended = self.targets().iter().filter(|target| {
            *target.resource == *resource
                && target.share != Share::Divided
                && target.write_disposition == WriteDisposition::Append
        });
        let tables: Vec<String> = appended.map(|target| target.table.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (writer, shown, _) = self.open_writer()?;
        let looked_up = async {
            writer.begin().await?;
            let names: Vec<&str> = tables.iter().map(String::as_str).collect();
            let described = writer.describe(&names).await?;
            for table in tables.iter().filter(|table| described.contains_key(*table)) {
                let sql = writer.dialect().known_rows(table);
                let rows = writer.rows(sql, &[Param::List(&ids)]).await?;
                // Compared here: how a database orders texts is its own affair.
                there.extend(rows.into_iter().filter_map(|row| match <[_; 2]>::try_from(row) {
                    Ok([Some(id), Some(load)]) if load.as_str() < before => Some(id),
                    _ => None,
                }));
            }
            writer.commit().await
        };
        match looked_up.await {
            Ok(()) => Ok(there),
            Err(cause) => {
                writer.rollback().await;
                Err(cause.during(format!("cannot look up rows of resource `{resource}`"), &shown))
            }
        }
    }
}
