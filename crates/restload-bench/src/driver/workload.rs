//! The workloads: what is served, what restload is told, what must be in the database afterwards, what is aimed at.

use std::fmt::Write as _;

use clap::ValueEnum;

use crate::limit::{FAMILY_CONCURRENCY, LimitProgram, OFFSET_CONCURRENCY};
use crate::pages::{FLAT_PAGE_RECORDS, NESTED_PAGE_RECORDS, OFFSET_PAGE_RECORDS};
use crate::records::{CHILDREN_PER_PARENT, ITEMS_PER_ORDER};
use crate::server::{SiteKind, SiteOptions};

/// The resources of the config that is only checked.
const MANY_RESOURCES: usize = 200;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    FlatSqlite,
    FlatPostgres,
    NestedSqlite,
    NestedPostgres,
    MergeSqlite,
    MergePostgres,
    FamiliesSqlite,
    FamiliesPostgres,
    MillionSqlite,
    MillionPostgres,
    MillionNestedSqlite,
    MillionNestedPostgres,
    Children,
    Offset,
    OnePage,
    Check,
    CheckMany,
}

/// Where a workload writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// At most so many times the limit program's time.
    Ratio(f64),
    /// Less than so many milliseconds.
    Milliseconds(f64),
    /// At least [`SAME_RATE`] of the rate of another workload, at most so many times its peak, and less than so many MiB.
    AsFastAs {
        workload: Workload,
        peak_ratio: f64,
        peak_mib: f64,
    },
}

/// "The same rate", given that medians on a shared machine differ by some percent.
pub(super) const SAME_RATE: f64 = 0.95;

/// A table that a run must leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExpectedTable {
    pub(super) name: &'static str,
    pub(super) row_count: usize,
    /// Whether every row must have an `id` of its own.
    pub(super) has_id: bool,
}

impl Workload {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::FlatSqlite => "flat → SQLite",
            Self::FlatPostgres => "flat → Postgres",
            Self::NestedSqlite => "nested → SQLite",
            Self::NestedPostgres => "nested → Postgres",
            Self::MergeSqlite => "merge again → SQLite",
            Self::MergePostgres => "merge again → Postgres",
            Self::FamiliesSqlite => "families again → SQLite",
            Self::FamiliesPostgres => "families again → Postgres",
            Self::MillionNestedSqlite => "nested × 20 → SQLite",
            Self::MillionNestedPostgres => "nested × 20 → Postgres",
            Self::MillionSqlite => "flat × 10 → SQLite",
            Self::MillionPostgres => "flat × 10 → Postgres",
            Self::Children => "children, 32 at once, 20 ms",
            Self::Offset => "offset, 8 at once, 50 ms",
            Self::OnePage => "one page of 10 → SQLite",
            Self::Check => "`restload check`",
            Self::CheckMany => "`restload check`, 200 resources",
        }
    }

    pub(super) fn database(self) -> DatabaseKind {
        match self {
            Self::FlatPostgres
            | Self::NestedPostgres
            | Self::MergePostgres
            | Self::FamiliesPostgres
            | Self::MillionPostgres
            | Self::MillionNestedPostgres => DatabaseKind::Postgres,
            _ => DatabaseKind::Sqlite,
        }
    }

    /// None where restload is compared with itself, and for the one that loads nothing.
    pub(super) fn limit_program(self) -> Option<LimitProgram> {
        match self {
            Self::FlatSqlite | Self::MillionSqlite | Self::OnePage => Some(LimitProgram::FlatSqlite),
            Self::FlatPostgres | Self::MillionPostgres => Some(LimitProgram::FlatPostgres),
            Self::NestedSqlite => Some(LimitProgram::NestedSqlite),
            Self::NestedPostgres => Some(LimitProgram::NestedPostgres),
            Self::MergeSqlite => Some(LimitProgram::MergeSqlite),
            Self::MergePostgres => Some(LimitProgram::MergePostgres),
            Self::Children => Some(LimitProgram::FamilyRequests),
            Self::Offset => Some(LimitProgram::OffsetRequests),
            Self::FamiliesSqlite
            | Self::FamiliesPostgres
            | Self::MillionNestedSqlite
            | Self::MillionNestedPostgres
            | Self::Check
            | Self::CheckMany => None,
        }
    }

    /// Whether the limit is what the first load took.
    pub(super) fn is_measured_by_first_load(self) -> bool {
        matches!(self, Self::FamiliesSqlite | Self::FamiliesPostgres)
    }

    /// Whether nothing is loaded: the config is read and planned.
    pub(super) fn is_check(self) -> bool {
        matches!(self, Self::Check | Self::CheckMany)
    }

    /// Requests alone leave no tables behind.
    pub(super) fn limit_writes(self) -> bool {
        !matches!(self, Self::Children | Self::Offset)
    }

    /// Whether the same is loaded once before every measured run.
    pub(super) fn loads_twice(self) -> bool {
        matches!(self, Self::MergeSqlite | Self::MergePostgres) || self.is_measured_by_first_load()
    }

    /// Records of the root table.
    pub(super) fn record_count(self, is_quick: bool) -> usize {
        let (full, quick) = match self {
            Self::FlatSqlite | Self::FlatPostgres | Self::MergeSqlite | Self::MergePostgres => (100_000, 5_000),
            // Quick, they still reach the pages that the server patches.
            Self::MillionSqlite | Self::MillionPostgres => (1_000_000, 103_000),
            Self::NestedSqlite | Self::NestedPostgres => (50_000, 2_000),
            Self::FamiliesSqlite | Self::FamiliesPostgres => (100_000, 4_000),
            Self::MillionNestedSqlite | Self::MillionNestedPostgres => (1_000_000, 51_500),
            Self::Children => (1_000, 64),
            Self::Offset => (100 * OFFSET_PAGE_RECORDS, 17 * OFFSET_PAGE_RECORDS),
            Self::OnePage | Self::Check | Self::CheckMany => (10, 10),
        };
        if is_quick { quick } else { full }
    }

    pub(super) fn site(self, is_quick: bool) -> SiteOptions {
        let (site, latency_ms) = match self {
            _ if self.is_nested() => (SiteKind::Nested, 0),
            Self::Children => (SiteKind::Family, 20),
            Self::Offset => (SiteKind::Offset, 50),
            _ => (SiteKind::Flat, 0),
        };
        SiteOptions {
            site,
            records: self.record_count(is_quick),
            latency_ms,
        }
    }

    fn is_nested(self) -> bool {
        matches!(
            self,
            Self::NestedSqlite
                | Self::NestedPostgres
                | Self::FamiliesSqlite
                | Self::FamiliesPostgres
                | Self::MillionNestedSqlite
                | Self::MillionNestedPostgres
        )
    }

    /// Records on a page of those that follow cursors.
    pub(super) fn page_records(self) -> usize {
        if self.is_nested() {
            NESTED_PAGE_RECORDS
        } else {
            FLAT_PAGE_RECORDS
        }
    }

    pub(super) fn tables(self, is_quick: bool) -> Vec<ExpectedTable> {
        self.tables_of(self.record_count(is_quick))
    }

    /// The tables that so many records leave behind.
    pub(super) fn tables_of(self, record_count: usize) -> Vec<ExpectedTable> {
        let table = |name, row_count, has_id| ExpectedTable {
            name,
            row_count,
            has_id,
        };
        match self {
            _ if self.is_nested() => vec![
                table("nested", record_count, true),
                table("nested__items", record_count * ITEMS_PER_ORDER, false),
            ],
            Self::Children => vec![
                table("parents", record_count, true),
                table("children", record_count * CHILDREN_PER_PARENT, true),
            ],
            Self::Offset => vec![table("offset", record_count, true)],
            Self::Check | Self::CheckMany => Vec::new(),
            _ => vec![table("flat", record_count, true)],
        }
    }

    pub(super) fn target(self) -> Target {
        let as_fast_as = |workload| Target::AsFastAs {
            workload,
            peak_ratio: 1.2,
            peak_mib: 48.0,
        };
        match self {
            Self::FlatSqlite | Self::MergeSqlite | Self::MergePostgres => Target::Ratio(1.5),
            Self::FlatPostgres | Self::Offset => Target::Ratio(1.3),
            Self::NestedSqlite | Self::NestedPostgres => Target::Ratio(1.6),
            Self::FamiliesSqlite | Self::FamiliesPostgres => Target::Ratio(3.0),
            Self::MillionNestedSqlite => as_fast_as(Self::NestedSqlite),
            Self::MillionNestedPostgres => as_fast_as(Self::NestedPostgres),
            Self::Children => Target::Ratio(1.2),
            Self::MillionSqlite => as_fast_as(Self::FlatSqlite),
            Self::MillionPostgres => as_fast_as(Self::FlatPostgres),
            Self::OnePage => Target::Milliseconds(25.0),
            Self::Check => Target::Milliseconds(20.0),
            Self::CheckMany => Target::Milliseconds(50.0),
        }
    }

    /// The time that latency and concurrency alone make unavoidable, where they are what is measured: one request,
    /// then the others in turns.
    pub(super) fn least_seconds(self, is_quick: bool) -> Option<f64> {
        let record_count = self.record_count(is_quick);
        let turns = match self {
            Self::Children => record_count.div_ceil(FAMILY_CONCURRENCY),
            Self::Offset => (record_count.div_ceil(OFFSET_PAGE_RECORDS) - 1).div_ceil(OFFSET_CONCURRENCY),
            _ => return None,
        };
        Some((1 + turns) as f64 * self.site(is_quick).latency_ms as f64 / 1000.0)
    }

    /// The config that restload is given.
    pub(super) fn config(self, base_url: &str) -> String {
        match self {
            Self::FamiliesSqlite | Self::FamiliesPostgres => {
                cursor_config(base_url, "nested", "merge\n    primary_key: id")
            }
            _ if self.is_nested() => cursor_config(base_url, "nested", "append"),
            Self::MergeSqlite | Self::MergePostgres => cursor_config(base_url, "flat", "merge\n    primary_key: id"),
            Self::Children => format!(
                r#"name: family
client: {{ base_url: "{base_url}", concurrency: {FAMILY_CONCURRENCY} }}
resources:
  - name: parents
    write_disposition: append
    endpoint: {{ path: parents, data_selector: data, paginator: single_page }}
  - name: children
    write_disposition: append
    endpoint: {{ path: "parents/{{resources.parents.id}}/children", data_selector: data, paginator: single_page }}
"#
            ),
            Self::Offset => format!(
                r#"name: offset
client: {{ base_url: "{base_url}", concurrency: {OFFSET_CONCURRENCY} }}
resources:
  - name: offset
    write_disposition: append
    endpoint:
      path: offset
      data_selector: data
      paginator: {{ type: offset, limit: {OFFSET_PAGE_RECORDS}, total_path: total }}
"#
            ),
            Self::CheckMany => many_resources(base_url),
            _ => cursor_config(base_url, "flat", "append"),
        }
    }
}

fn cursor_config(base_url: &str, resource: &str, write_disposition: &str) -> String {
    format!(
        r#"name: {resource}
client: {{ base_url: "{base_url}", concurrency: 4 }}
resources:
  - name: {resource}
    write_disposition: {write_disposition}
    endpoint:
      path: {resource}
      data_selector: data
      paginator: {{ type: cursor, cursor_path: next, cursor_param: cursor }}
"#
    )
}

/// A hundred parents, each with a child, and of everything that takes compiling: paths, selectors, templates,
/// expressions, conditions, columns.
fn many_resources(base_url: &str) -> String {
    let mut config = format!(
        r#"name: many
vars: {{ since: "2024-01-01" }}
client: {{ base_url: "{base_url}", paginator: {{ type: cursor, cursor_path: meta.next, cursor_param: cursor }} }}
resource_defaults: {{ primary_key: id, write_disposition: merge }}
resources:
"#
    );
    for number in 0..MANY_RESOURCES / 2 {
        let _ = write!(
            config,
            r#"  - name: parent_{number}
    endpoint:
      path: things_{number}
      params: {{ limit: 100, since: "{{vars.since}}" }}
      data_selector: data
      response_actions: [{{ status_code: 404, action: ignore }}]
    processing_steps: [{{ filter: 'status != "gone"' }}, {{ set: {{ label: "{{name | upper}}" }} }}]
  - name: child_{number}
    endpoint:
      path: "things_{number}/{{resources.parent_{number}.id}}/parts"
      data_selector: items
      incremental: {{ cursor_path: updated_at, initial_value: "2024-01-01T00:00:00Z", start_param: since }}
    include_from_parent: [id]
    columns: {{ price: {{ data_type: decimal, precision: 10, scale: 2 }} }}
"#
        );
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_names_its_key() {
        let config = Workload::MergeSqlite.config("http://127.0.0.1:1");
        assert!(config.contains("    write_disposition: merge\n    primary_key: id\n    endpoint:\n"));
    }

    #[test]
    fn latency_alone_is_one_request_and_then_turns() {
        let milliseconds = |workload: Workload| workload.least_seconds(false).map(|seconds| (seconds * 1000.0).round());
        assert_eq!(milliseconds(Workload::Children), Some(33.0 * 20.0));
        assert_eq!(milliseconds(Workload::Offset), Some(14.0 * 50.0));
        assert_eq!(milliseconds(Workload::OnePage), None);
    }

    #[test]
    fn quick_sizes_are_not_larger() {
        for &workload in Workload::value_variants() {
            assert!(workload.record_count(true) <= workload.record_count(false));
        }
    }
}
