//! The one table.

use super::statistics::{largest, median, median_ratio};
use super::table::{figure, grouped, table};
use super::workload::{SAME_RATE, Target, Workload};
use crate::measure::Measurement;

/// All that was measured, and on what.
pub(super) struct Report<'h> {
    pub(super) rows: Vec<Row>,
    pub(super) rounds: usize,
    pub(super) is_quick: bool,
    /// When and on what it was measured.
    pub(super) head: &'h str,
}

/// The runs of one workload.
pub(super) struct Row {
    pub(super) workload: Workload,
    pub(super) record_count: usize,
    pub(super) limit: Side,
    pub(super) restload: Side,
}

/// The measured runs of one program.
#[derive(Default)]
pub(super) struct Side {
    wall_seconds: Vec<f64>,
    cpu_seconds: Vec<f64>,
    peaks_mib: Vec<f64>,
}

impl Side {
    pub(super) fn add_unless(&mut self, is_warm_up: bool, measurement: Measurement) {
        if is_warm_up {
            return;
        }
        self.wall_seconds.push(measurement.wall_seconds);
        self.cpu_seconds.push(measurement.cpu_seconds);
        self.peaks_mib.push(measurement.peak_mib);
    }

    pub(super) fn wall_seconds(&self) -> &[f64] {
        &self.wall_seconds
    }

    pub(super) fn wall(&self) -> Option<f64> {
        median(&self.wall_seconds)
    }

    fn cpu(&self) -> Option<f64> {
        median(&self.cpu_seconds)
    }

    pub(super) fn peak(&self) -> Option<f64> {
        largest(&self.peaks_mib)
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        median_ratio(&self.restload.wall_seconds, &self.limit.wall_seconds)
    }

    fn rate(&self) -> Option<f64> {
        Some(self.record_count as f64 / self.restload.wall()?)
    }
}

const HEADINGS: [&str; 12] = [
    "work",
    "records",
    "limit s",
    "restload s",
    "ratio",
    "records/s",
    "CPU s, limit",
    "CPU s, restload",
    "peak MiB, limit",
    "peak MiB, restload",
    "target",
    "met",
];

impl Report<'_> {
    pub(super) fn to_markdown(&self) -> String {
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        for row in &self.rows {
            lines.push(self.cells(row));
        }
        format!("# Performance\n\n{}\n\n{}\n{}", self.head, table(&lines), self.notes())
    }

    fn cells(&self, row: &Row) -> [String; HEADINGS.len()] {
        let (target, is_met) = self.judge(row);
        // Start-up outweighs everything else at quick sizes.
        let met = match is_met.filter(|_| !self.is_quick) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        let records = match row.workload {
            Workload::Check | Workload::CheckMany => "–".to_owned(),
            _ => grouped(row.record_count),
        };
        let is_load = !row.workload.is_check();
        [
            row.workload.title().to_owned(),
            records,
            figure(row.limit.wall(), 3),
            figure(row.restload.wall(), 3),
            figure(row.ratio(), 2),
            row.rate()
                .filter(|_| is_load)
                .map_or("–".to_owned(), |rate| grouped(rate as usize)),
            figure(row.limit.cpu(), 3),
            figure(row.restload.cpu(), 3),
            figure(row.limit.peak(), 1),
            figure(row.restload.peak(), 1),
            target,
            met.to_owned(),
        ]
    }

    /// The target in words, and whether it is met, where that can be said.
    fn judge(&self, row: &Row) -> (String, Option<bool>) {
        match row.workload.target() {
            Target::Ratio(most) if row.workload.is_measured_by_first_load() => {
                (format!("≤ {most} × first load"), row.ratio().map(|ratio| ratio <= most))
            }
            Target::Ratio(most) => (format!("≤ {most} × limit"), row.ratio().map(|ratio| ratio <= most)),
            Target::Milliseconds(most) => {
                let is_met = row.restload.wall().map(|seconds| seconds * 1000.0 < most);
                (format!("< {most} ms"), is_met)
            }
            Target::AsFastAs {
                workload,
                peak_ratio,
                peak_mib,
            } => {
                let words = format!(
                    "rate of {}, peak ≤ {peak_ratio} × its, < {peak_mib} MiB",
                    workload.title()
                );
                (words, self.is_as_fast(row, workload, peak_ratio, peak_mib))
            }
        }
    }

    fn is_as_fast(&self, row: &Row, other: Workload, peak_ratio: f64, peak_mib: f64) -> Option<bool> {
        let other = self.rows.iter().find(|row| row.workload == other)?;
        let peak = row.restload.peak()?;
        Some(row.rate()? >= SAME_RATE * other.rate()? && peak <= peak_ratio * other.restload.peak()? && peak < peak_mib)
    }

    fn notes(&self) -> String {
        let mut notes = vec![
            format!(
                "Whole processes into fresh databases, limit program and restload in turn, {} measured after one warm-up \
                 ({} for `restload check`). Times are medians, the ratio is the median of the pairwise ratios, \
                 peaks are the largest; CPU is user and system time of the process, without the database server's. The \
                 rows in the database are counted after every run.",
                rounds(self.rounds),
                if self.is_quick { "as many" } else { "20" },
            ),
            "The limit programs know the columns and write them by the fastest way through sqlx that we know: prepared \
             inserts of 3,000 values (250 flat rows) on SQLite (WAL, synchronous NORMAL), binary COPY on Postgres, an upsert of the same on \
             SQLite and by way of a temporary table on Postgres, skipping unchanged rows; always in one transaction. \
             They keep no load ids, no state and no schema, and retry nothing. They are built by \
             `cargo build --release`, without a profile."
                .to_owned(),
            format!(
                "\"Rate of\" another row means at least {SAME_RATE} of its records/s. `scripts/with-postgres` runs its \
                 cluster with fsync, full_page_writes and synchronous_commit off, the same for both programs."
            ),
        ];
        if self.rows.iter().any(|row| row.workload.is_measured_by_first_load()) {
            notes.push(
                "families again: 100,000 parents with 300,000 children in a child table, merged; the limit is \
                 restload's own first load of the same into the empty database."
                    .to_owned(),
            );
        }
        for row in &self.rows {
            if let Some(seconds) = row.workload.least_seconds(self.is_quick) {
                notes.push(format!(
                    "{}: the limit is the requests alone, nothing kept; by arithmetic they take {seconds:.2} s.",
                    row.workload.title()
                ));
            }
        }
        format!("- {}\n", notes.join("\n- "))
    }
}

fn rounds(count: usize) -> String {
    if count == 1 {
        "1 round".to_owned()
    } else {
        format!("{count} rounds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(wall_seconds: &[f64], peak_mib: f64) -> Side {
        let mut side = Side::default();
        for &wall_seconds in wall_seconds {
            let measurement = Measurement {
                wall_seconds,
                cpu_seconds: wall_seconds,
                peak_mib,
                exit_code: Some(0),
            };
            side.add_unless(false, measurement);
        }
        side
    }

    fn report(rows: Vec<Row>) -> Report<'static> {
        Report {
            rows,
            rounds: 3,
            is_quick: false,
            head: "Measured somewhere.",
        }
    }

    fn row(workload: Workload, limit: Side, restload: Side) -> Row {
        Row {
            workload,
            record_count: workload.record_count(false),
            limit,
            restload,
        }
    }

    fn verdict(report: &Report<'_>) -> Option<bool> {
        report.judge(&report.rows[report.rows.len() - 1]).1
    }

    #[test]
    fn a_ratio_is_met_up_to_the_target() {
        let flat = |seconds| {
            row(
                Workload::FlatSqlite,
                side(&[1.0, 1.0], 9.0),
                side(&[seconds, seconds], 9.0),
            )
        };
        assert_eq!(verdict(&report(vec![flat(1.5)])), Some(true));
        assert_eq!(verdict(&report(vec![flat(1.6)])), Some(false));
        assert_eq!(
            verdict(&report(vec![row(
                Workload::FlatSqlite,
                side(&[1.0], 9.0),
                Side::default()
            )])),
            None
        );
    }

    #[test]
    fn a_million_must_hold_rate_and_peak_of_a_tenth() {
        let both = |seconds, peak| {
            report(vec![
                row(Workload::FlatSqlite, Side::default(), side(&[1.0], 30.0)),
                row(Workload::MillionSqlite, Side::default(), side(&[seconds], peak)),
            ])
        };
        assert_eq!(verdict(&both(10.0, 36.0)), Some(true));
        assert_eq!(verdict(&both(11.0, 36.0)), Some(false));
        assert_eq!(verdict(&both(10.0, 37.0)), Some(false));
        let alone = report(vec![row(Workload::MillionSqlite, Side::default(), side(&[10.0], 30.0))]);
        assert_eq!(verdict(&alone), None);
    }

    #[test]
    fn the_table_tells_the_figures() {
        let text = report(vec![row(
            Workload::FlatSqlite,
            side(&[0.2], 16.0),
            side(&[0.25], 20.04),
        )])
        .to_markdown();
        assert!(text.starts_with("# Performance\n\nMeasured somewhere.\n"));
        let line = text.lines().find(|line| line.starts_with("| flat")).unwrap();
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let expected = [
            "flat → SQLite",
            "100,000",
            "0.200",
            "0.250",
            "1.25",
            "400,000",
            "0.200",
            "0.250",
            "16.0",
            "20.0",
            "≤ 1.5 × limit",
            "yes",
        ];
        assert_eq!(cells, expected);
    }
}
