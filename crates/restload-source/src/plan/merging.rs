//! How the rows of a resource meet those that are there, and the rules of what goes with what.

use std::sync::Arc;

use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::iso_time::{self, MICROS_PER_DAY};
use restload_model::naming::{self, MAX_LENGTH};
use restload_model::schema::{History, MergeStrategy, Merging, WriteDisposition};

use crate::config::{ColumnConfig, Disposition, DispositionOptions, ResourceConfig, Strategy};

/// The columns by which rows meet, and where they are written.
pub(super) struct MergeKeys<'k> {
    pub(super) primary: &'k [Arc<str>],
    pub(super) merge: &'k [Arc<str>],
    pub(super) marks: &'k ColumnMarks,
}

/// Where the config marks columns for `merge`.
#[derive(Default)]
pub(super) struct ColumnMarks {
    merge_key: Option<KeyPath>,
    hard_delete: Option<KeyPath>,
    dedup_sort: Option<KeyPath>,
}

impl ColumnMarks {
    /// Notes the marks of one column.
    pub(super) fn note(&mut self, column: &ColumnConfig, path: &KeyPath, diagnostics: &mut Diagnostics) {
        if column.merge_key == Some(true) {
            self.merge_key.get_or_insert_with(|| path.key("merge_key"));
        }
        let has_hard_delete = column.hard_delete == Some(true);
        for (is_marked, key, known) in [
            (has_hard_delete, "hard_delete", &mut self.hard_delete),
            (column.dedup_sort.is_some(), "dedup_sort", &mut self.dedup_sort),
        ] {
            if !is_marked {
                continue;
            }
            if let Some(first) = known {
                diagnostics.error_with_help(
                    &path.key(key),
                    format_args!("two columns have `{key}`"),
                    format_args!("the other one is `{first}`; leave one of them out"),
                );
            } else {
                *known = Some(path.key(key));
            }
        }
    }
}

/// Compiles a disposition; what does not go together is noted.
pub(super) fn compile(
    config: &ResourceConfig,
    keys: &MergeKeys<'_>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> (WriteDisposition, Merging) {
    let missing = ["primary_key", "merge_key", "columns"].map(|key| path.key(key));
    let mut rules = Rules {
        knows_keys: !missing.iter().any(|key| diagnostics.has_left_out(key)),
        keys,
        merge_key_path: match &keys.marks.merge_key {
            Some(column) if config.merge_key.is_none() => column.clone(),
            _ => path.key("merge_key"),
        },
        path: path.key("write_disposition"),
        diagnostics,
    };
    let options = config.write_disposition.options();
    match config.write_disposition.disposition() {
        Disposition::Merge => (WriteDisposition::Merge, rules.merge(options)),
        other => {
            rules.not_merge(other, options);
            let disposition = match other {
                Disposition::Replace => WriteDisposition::Replace,
                _ => WriteDisposition::Append,
            };
            (disposition, Merging::default())
        }
    }
}

struct Rules<'r, 'k> {
    keys: &'r MergeKeys<'k>,
    /// Whether none of them is left out for a mistake.
    knows_keys: bool,
    merge_key_path: KeyPath,
    path: KeyPath,
    diagnostics: &'r mut Diagnostics,
}

impl Rules<'_, '_> {
    fn merge(&mut self, options: Option<&DispositionOptions>) -> Merging {
        let strategy = options.and_then(|options| options.strategy);
        self.check_keys(strategy);
        self.check_marks(strategy, options.is_some_and(|options| options.deduplicated));
        let history = options.and_then(|options| self.history(strategy, options));
        if let Some(options) = options {
            self.check_options(strategy, options);
        }
        let deduplicated = options.is_some_and(|options| options.deduplicated);
        let merge_key = self.keys.merge.to_vec();
        let mut groups = Vec::new();
        let strategy = match (strategy, history) {
            (Some(Strategy::Scd2), Some(history)) => {
                groups.push(merge_key);
                MergeStrategy::History(history)
            }
            (Some(Strategy::InsertOnly), _) => MergeStrategy::InsertOnly,
            (Some(Strategy::Upsert), _) => MergeStrategy::Upsert,
            // By a primary key alone, deleting and inserting leaves the rows that updating leaves.
            _ if !deduplicated && !self.keys.primary.is_empty() => {
                groups.push(merge_key);
                MergeStrategy::Upsert
            }
            _ => {
                groups.extend([self.keys.primary.to_vec(), merge_key]);
                MergeStrategy::Regroup
            }
        };
        groups.retain(|group| !group.is_empty());
        Merging {
            strategy,
            groups,
            delete_missing: options.is_some_and(|options| options.delete_missing),
        }
    }

    /// Which keys a strategy needs, and which have no place in it.
    fn check_keys(&mut self, strategy: Option<Strategy>) {
        let has_primary = !self.keys.primary.is_empty();
        let has_merge = !self.keys.merge.is_empty();
        match strategy {
            Some(Strategy::Scd2) => {}
            Some(strategy @ (Strategy::Upsert | Strategy::InsertOnly)) => {
                let name = name(strategy);
                if !has_primary && self.knows_keys {
                    self.diagnostics.error_with_help(
                        &self.path.key("strategy"),
                        format_args!("`{name}` needs a `primary_key`: without one no record can be told from another"),
                        "name the field that identifies a record",
                    );
                }
                if has_merge {
                    self.diagnostics.error_with_help(
                        &self.merge_key_path,
                        format_args!("`merge_key` has no place in `{name}`"),
                        "leave it out, or use the strategy `delete-insert`",
                    );
                }
            }
            None | Some(Strategy::DeleteInsert) => {
                if !has_primary && !has_merge && self.knows_keys {
                    self.diagnostics.error_with_help(
                        &self.path,
                        "`merge` needs a `primary_key`: without one no record can be told from another",
                        "name the field that identifies a record, or use `append` or `replace`",
                    );
                }
            }
        }
    }

    /// Which marks of columns go with a strategy.
    fn check_marks(&mut self, strategy: Option<Strategy>, deduplicated: bool) {
        if let (Some(path), Some(Strategy::Scd2)) = (&self.keys.marks.hard_delete, strategy) {
            self.diagnostics.error_with_help(
                path,
                "`hard_delete` has no place in `scd2`, which deletes nothing",
                "leave it out: a record that does not come any more is given an end",
            );
        }
        let Some(path) = &self.keys.marks.dedup_sort else {
            return;
        };
        let reason = match strategy {
            Some(Strategy::InsertOnly) => "in `insert-only` the first row of a key stays",
            Some(Strategy::Scd2) => "in `scd2` every version stays",
            _ if deduplicated => "with `deduplicated` all rows of a key stay",
            _ if self.keys.primary.is_empty() && self.knows_keys => "without a `primary_key` all rows stay",
            _ => return,
        };
        self.diagnostics.error_with_help(
            path,
            format_args!("`dedup_sort` has no effect: {reason}"),
            "leave it out",
        );
    }

    fn check_options(&mut self, strategy: Option<Strategy>, options: &DispositionOptions) {
        if options.deduplicated && strategy.is_some_and(|strategy| strategy != Strategy::DeleteInsert) {
            self.diagnostics.error_with_help(
                &self.path.key("deduplicated"),
                "`deduplicated` is of `delete-insert`",
                "set `strategy: delete-insert`, or leave it out",
            );
        }
        if !options.delete_missing {
            return;
        }
        let path = self.path.key("delete_missing");
        let (reason, help) = match strategy {
            Some(Strategy::Scd2) => (
                "has no place in `scd2`, which deletes nothing",
                "leave it out: a record that does not come any more is given an end",
            ),
            Some(Strategy::InsertOnly) => (
                "has no place in `insert-only`, which leaves rows as they are",
                "use the strategy `upsert`",
            ),
            _ if !self.keys.merge.is_empty() => (
                "and `merge_key` exclude each other: a load holds either all there is or all of some groups",
                "leave one of them out",
            ),
            _ => return,
        };
        self.diagnostics
            .error_with_help(&path, format_args!("`delete_missing` {reason}"), help);
    }

    /// The options of `scd2`, where that is the strategy; its options elsewhere are mistakes.
    fn history(&mut self, strategy: Option<Strategy>, options: &DispositionOptions) -> Option<History> {
        if strategy.is_none() && self.diagnostics.is_left_out(&self.path.key("strategy")) {
            return None;
        }
        if strategy != Some(Strategy::Scd2) {
            for key in scd2_options(options) {
                self.diagnostics.error_with_help(
                    &self.path.key(key),
                    format_args!("`{key}` is of `scd2`"),
                    "set `strategy: scd2`, or leave it out",
                );
            }
            return None;
        }
        let (valid_from, valid_to) = self.validity_columns(options.validity_column_names.as_deref());
        Some(History {
            valid_from,
            valid_to,
            active_until: self.moment("active_record_timestamp", options.active_record_timestamp.as_deref()),
            boundary: self.moment("boundary_timestamp", options.boundary_timestamp.as_deref()),
            version: options
                .row_version_column_name
                .as_deref()
                .map(|name| naming::normalize(name, MAX_LENGTH).into()),
        })
    }

    fn validity_columns(&mut self, names: Option<&[String]>) -> (Arc<str>, Arc<str>) {
        let own = || ("_rl_valid_from".into(), "_rl_valid_to".into());
        let Some(names) = names else { return own() };
        let [from, to] = names else {
            self.diagnostics.error_with_help(
                &self.path.key("validity_column_names"),
                format_args!("expected two names, found {}", names.len()),
                "name the columns of the start and of the end: `[valid_from, valid_to]`",
            );
            return own();
        };
        let (from, to) = (naming::normalize(from, MAX_LENGTH), naming::normalize(to, MAX_LENGTH));
        if from == to {
            self.diagnostics.error(
                &self.path.key("validity_column_names"),
                format_args!("the two columns are both named `{from}`"),
            );
        }
        (from.into(), to.into())
    }

    fn moment(&mut self, key: &str, text: Option<&str>) -> Option<i64> {
        let text = text?;
        let moment = iso_time::parse_timestamp(text)
            .or_else(|| iso_time::parse_date(text).map(|days| i64::from(days) * MICROS_PER_DAY));
        if moment.is_none() {
            self.diagnostics.error_with_help(
                &self.path.key(key),
                format_args!("`{text}` is neither a date nor a moment"),
                "write `2024-01-31` or `2024-01-31T12:00:00Z`",
            );
        }
        moment
    }

    /// What is of `merge` has no place in another disposition. The hints on keys and columns are only said to have no
    /// effect: a config may switch its disposition and keep them.
    fn not_merge(&mut self, disposition: Disposition, options: Option<&DispositionOptions>) {
        if self.diagnostics.is_left_out(&self.path.key("disposition")) {
            return;
        }
        let name = match disposition {
            Disposition::Append => "append",
            Disposition::Replace => "replace",
            Disposition::Merge => "merge",
            Disposition::Skip => return,
        };
        if let Some(options) = options {
            let mut keys = scd2_options(options);
            keys.extend(options.strategy.map(|_| "strategy"));
            keys.extend(options.delete_missing.then_some("delete_missing"));
            keys.extend(options.deduplicated.then_some("deduplicated"));
            for key in keys {
                self.diagnostics.error_with_help(
                    &self.path.key(key),
                    format_args!("`{key}` is of `merge`, and this disposition is `{name}`"),
                    "set `disposition: merge`, or leave it out",
                );
            }
        }
        let marks = self.keys.marks;
        let merge_key = (!self.keys.merge.is_empty()).then_some(&self.merge_key_path);
        for (key, path) in [
            ("merge_key", merge_key),
            ("hard_delete", marks.hard_delete.as_ref()),
            ("dedup_sort", marks.dedup_sort.as_ref()),
        ] {
            if let Some(path) = path {
                let help = "set `write_disposition: merge`, or leave it out".to_owned();
                let message = format_args!("`{key}` has no effect: the disposition is `{name}`");
                self.diagnostics.warning(path, message, Some(help));
            }
        }
    }
}

fn name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::DeleteInsert => "delete-insert",
        Strategy::Upsert => "upsert",
        Strategy::InsertOnly => "insert-only",
        Strategy::Scd2 => "scd2",
    }
}

/// The options of `scd2` that are given.
fn scd2_options(options: &DispositionOptions) -> Vec<&'static str> {
    let mut given = Vec::new();
    for (key, is_given) in [
        ("validity_column_names", options.validity_column_names.is_some()),
        ("active_record_timestamp", options.active_record_timestamp.is_some()),
        ("boundary_timestamp", options.boundary_timestamp.is_some()),
        ("row_version_column_name", options.row_version_column_name.is_some()),
    ] {
        if is_given {
            given.push(key);
        }
    }
    given
}
