//! `write_disposition`: what happens to the rows that a table already holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to the rows already there: a word, or a map with the particulars of `merge`.
///
/// ```yaml
/// write_disposition: { disposition: merge, strategy: scd2 }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum DispositionConfig {
    /// In a word.
    Word(Disposition),
    /// With its particulars.
    Full(Box<DispositionOptions>),
}

impl Default for DispositionConfig {
    fn default() -> Self {
        Self::Word(Disposition::default())
    }
}

impl DispositionConfig {
    /// The word.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Word(disposition) => *disposition,
            Self::Full(options) => options.disposition,
        }
    }

    /// The particulars, where there are any.
    pub fn options(&self) -> Option<&DispositionOptions> {
        match self {
            Self::Word(_) => None,
            Self::Full(options) => Some(options),
        }
    }
}

/// What happens to the rows already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// New rows are added.
    #[default]
    Append,
    /// The table holds the rows of this load only. Readers see the old rows until the last page has come. What is
    /// `incremental` starts from the beginning in every load, also where the resource is only read, for its children.
    Replace,
    /// Rows meet the rows that are there by `primary_key` or `merge_key`: see `strategy`.
    Merge,
    /// The resource is not loaded, as with `selected: false`; it is still requested when a child needs it.
    Skip,
}

/// A disposition with its particulars. All but `disposition` are of `merge`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DispositionOptions {
    /// The disposition.
    pub disposition: Disposition,
    /// How rows meet those that are there; `delete-insert` when absent.
    ///
    /// ```yaml
    /// write_disposition: { disposition: merge, strategy: insert-only }
    /// primary_key: id
    /// ```
    #[serde(default)]
    pub strategy: Option<Strategy>,
    /// Whether each load holds everything that exists: rows that a load which ended well did not have are deleted, with
    /// their child rows, in its last transaction. Not after a load that failed, was stopped or limited, and not while
    /// records of it are rejected. False when absent. Every row then carries the load that last had it in
    /// `_rl_load_id`.
    ///
    /// ```yaml
    /// write_disposition: { disposition: merge, delete_missing: true }
    /// primary_key: id
    /// ```
    #[serde(default)]
    pub delete_missing: bool,
    /// For `delete-insert`: whether rows of one load may share their `primary_key`, because the API gives no duplicates
    /// or because all of them are wanted. False when absent: of rows with the same key the last one counts.
    #[serde(default)]
    pub deduplicated: bool,
    /// For `scd2`: the columns of the moments from which and until which a version holds; `_rl_valid_from` and
    /// `_rl_valid_to` when absent.
    ///
    /// ```yaml
    /// write_disposition: { disposition: merge, strategy: scd2, validity_column_names: [valid_from, valid_to] }
    /// ```
    #[serde(default)]
    pub validity_column_names: Option<Vec<String>>,
    /// For `scd2`: what a version that holds has in the second of these columns, as a date or a moment such as
    /// `9999-12-31`; NULL when absent.
    #[serde(default)]
    pub active_record_timestamp: Option<String>,
    /// For `scd2`: the moment of the changes that a load brings, as a date or a moment; the load's start when absent.
    #[serde(default)]
    pub boundary_timestamp: Option<String>,
    /// For `scd2`: the field whose value is another one in every version of a record, such as a hash that the API gives;
    /// all that the record holds when absent.
    #[serde(default)]
    pub row_version_column_name: Option<String>,
}

/// How the rows of `merge` meet those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Rows with the same `primary_key` are replaced. With a `merge_key`, all rows of earlier loads that share its value
    /// with a row of this load are deleted once the load has come to its end, so a day or an account is replaced as a
    /// whole.
    DeleteInsert,
    /// Rows with the same `primary_key` are updated, others are added; `merge_key` has no place.
    Upsert,
    /// Rows whose `primary_key` is there already stay as they are, others are added; so are elements of a list that a
    /// row does not have yet. Of rows of one load with the same key the first one counts.
    InsertOnly,
    /// Every version of a record is kept, with the moments from which and until which it holds. A record that a load
    /// which ended well does not have any more is given an end; with a `merge_key` only where the load has rows with the
    /// same value of it.
    Scd2,
}
