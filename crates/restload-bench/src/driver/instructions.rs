//! Instructions per record, counted by callgrind: the figure that a busy machine cannot move.
//!
//! The real binary loads a few pages, then three times as many. What the second run executes more, divided by the
//! records that it loads more, is what a record costs on its whole way; what a start costs falls out. Into Postgres that
//! is restload's own work alone, into SQLite it is the database's, too.

use std::process::{Command, Stdio};

use super::database::Database;
use super::table::{grouped, table};
use super::workload::{ExpectedTable, Workload};
use super::{Bench, Server, page};
use crate::error::{BenchError, During as _};
use crate::server::SiteOptions;

/// What is counted.
const WORKLOADS: [Workload; 4] = [
    Workload::FlatPostgres,
    Workload::NestedPostgres,
    Workload::FlatSqlite,
    Workload::NestedSqlite,
];
/// So few pages that each of the two loads is one step.
const PAGES: [usize; 2] = [3, 9];
/// How much more than recorded is too much.
const MOST_RISE: f64 = 0.05;
/// Where the counts stand on the page.
const HEADING: &str = "## Instructions per record";

/// What the record of one workload costs.
struct Count {
    workload: Workload,
    instructions: u64,
    recorded: Option<u64>,
}

impl Count {
    /// How much more it is than what was recorded, in parts of that.
    fn rise(&self) -> Option<f64> {
        let recorded = self.recorded.filter(|recorded| *recorded > 0)? as f64;
        Some(self.instructions as f64 / recorded - 1.0)
    }
}

/// Counts, and compares with what is `recorded` on the page. Gives the part of the page with the new counts, and the
/// titles of what has risen too far.
pub(super) async fn count(bench: &Bench<'_>, recorded: &str) -> Result<(String, Vec<String>), BenchError> {
    let recorded = page::part(recorded, HEADING).map(recorded_counts).unwrap_or_default();
    let mut counts = Vec::new();
    for workload in bench.those_chosen(&WORKLOADS) {
        let mut totals = Vec::new();
        for pages in PAGES {
            totals.push(bench.count_load(workload, pages * workload.page_records()).await?);
        }
        let records = (PAGES[1] - PAGES[0]) * workload.page_records();
        let instructions = totals[1].saturating_sub(totals[0]) / records as u64;
        let known = recorded.iter().find(|(title, _)| title == workload.title());
        let count = Count {
            workload,
            instructions,
            recorded: known.map(|(_, instructions)| *instructions),
        };
        (bench.progress)(&tell(&count));
        counts.push(count);
    }
    let has_risen = |count: &&Count| count.rise().is_some_and(|rise| rise > MOST_RISE);
    let risen = counts.iter().filter(has_risen).map(tell).collect();
    Ok((to_markdown(&counts, &compiler()), risen))
}

fn tell(count: &Count) -> String {
    let compared = match (count.recorded, count.rise()) {
        (Some(recorded), Some(rise)) => format!(", recorded {} ({:+.1} %)", grouped(recorded as usize), rise * 100.0),
        _ => ", not recorded".to_owned(),
    };
    format!(
        "{}: {} instructions per record{compared}",
        count.workload.title(),
        grouped(count.instructions as usize)
    )
}

/// The counts that a part of a page holds, by title.
fn recorded_counts(part: &str) -> Vec<(String, u64)> {
    let mut counts = Vec::new();
    for line in part.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [title, count, ..] = cells.as_slice()
            && let Ok(count) = count.replace(',', "").parse()
        {
            counts.push(((*title).to_owned(), count));
        }
    }
    counts
}

fn to_markdown(counts: &[Count], compiler: &str) -> String {
    let mut lines = vec![["work".to_owned(), "instructions".to_owned()]];
    for count in counts {
        lines.push([count.workload.title().to_owned(), grouped(count.instructions as usize)]);
    }
    format!(
        "{HEADING}\n\n{}\n\
         - Counted by callgrind over the whole process, compiled by {compiler}: what {} pages cost more than {}, by \
         record, so that a start costs nothing. A nested record is four rows. Into Postgres it is restload's work alone \
         (request, JSON, types, rows, COPY), into SQLite it is the database's, too.\n\
         - `scripts/bench --instructions` counts again and fails when a figure is more than {:.0} % above the one here; with \
         `--out docs/performance.md` it writes the new ones down.\n",
        table(&lines),
        PAGES[1],
        PAGES[0],
        MOST_RISE * 100.0,
    )
}

/// The compiler at hand, which is the one that `scripts/bench` has just used.
fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.unwrap_or_else(|_| "an unknown compiler".to_owned())
}

impl Bench<'_> {
    /// The instructions of one load of so many records into a fresh database.
    async fn count_load(&self, workload: Workload, records: usize) -> Result<u64, BenchError> {
        let site = SiteOptions {
            records,
            ..workload.site(false)
        };
        let server = Server::start(&self.own_program, site)?;
        let config = self.write_config(workload, &server)?;
        let database = self.fresh_database(workload).await?;
        let command = self.restload_command(workload, &config, &database.url());
        let counted = self
            .count_command(&command, &database, &workload.tables_of(records))
            .await;
        database.remove().await?;
        counted
    }

    async fn count_command(
        &self,
        command: &[String],
        database: &Database,
        tables: &[ExpectedTable],
    ) -> Result<u64, BenchError> {
        let counts = self.folder.path().join("callgrind.out");
        let output = Command::new("valgrind")
            .args(["--quiet", "--tool=callgrind"])
            .arg(format!("--callgrind-out-file={}", counts.display()))
            .args(command)
            .stdin(Stdio::null())
            .output()
            .during("could not start valgrind")?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr);
            return Err(BenchError::new(format!("`{}` failed:\n{told}", command.join(" "))));
        }
        database.verify(tables).await?;
        let text = std::fs::read_to_string(&counts).during("could not read what callgrind counted")?;
        total(&text).ok_or_else(|| BenchError::new("callgrind counted nothing"))
    }
}

/// The instructions of a whole process, as callgrind's file tells them.
fn total(counts: &str) -> Option<u64> {
    let line = counts.lines().rev().find_map(|line| line.strip_prefix("totals:"));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(recorded: Option<u64>, instructions: u64) -> Count {
        Count {
            workload: Workload::FlatSqlite,
            instructions,
            recorded,
        }
    }

    #[test]
    fn what_is_written_down_is_found_again() {
        let page = to_markdown(&[count(None, 12_345)], "rustc 1.0");
        assert_eq!(recorded_counts(&page), [("flat → SQLite".to_owned(), 12_345)]);
        assert_eq!(page::part(&page, HEADING), Some(&*page));
    }

    #[test]
    fn a_rise_is_told_in_parts_of_what_was_recorded() {
        assert_eq!(count(Some(100), 106).rise().map(|rise| rise > MOST_RISE), Some(true));
        assert_eq!(count(Some(100), 104).rise().map(|rise| rise > MOST_RISE), Some(false));
        assert_eq!(count(None, 104).rise(), None);
        assert_eq!(
            tell(&count(Some(1_000), 1_100)),
            "flat → SQLite: 1,100 instructions per record, recorded 1,000 (+10.0 %)"
        );
    }

    #[test]
    fn the_total_is_read_from_callgrinds_file() {
        assert_eq!(
            total("events: Ir\nfn=(1) main\n1 20\ntotals: 1234567\n"),
            Some(1_234_567)
        );
        assert_eq!(total("events: Ir\n"), None);
    }
}
