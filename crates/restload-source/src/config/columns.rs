//! `columns`: what is known of columns beforehand.

use indexmap::IndexMap;
use restload_model::DataType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is known of columns: a map by name, or a list with names.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnsConfig {
    /// By name.
    #[schemars(with = "std::collections::BTreeMap<String, ColumnConfig>")]
    Map(IndexMap<String, ColumnConfig>),
    /// Each with its `name`.
    List(Vec<ColumnConfig>),
}

/// What is known of a column.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("patternProperties" = {"^x-": true}))]
pub struct ColumnConfig {
    /// The column's name, where columns are written as a list.
    #[serde(default)]
    pub name: Option<String>,
    /// What the column holds. Values that cannot be converted are rejected.
    #[serde(default)]
    pub data_type: Option<DataTypeName>,
    /// Whether the column takes NULL (the default). With `false`, a record without a value is rejected.
    #[serde(default)]
    pub nullable: Option<bool>,
    /// The digits of a decimal, the characters of a text, the bits of a bigint (up to 16, up to 32, or all 64), the
    /// digits after the second of a timestamp or time (0 to 6). What does not fit is rejected; decimals and moments are
    /// rounded. No effect on other types. Unlimited when absent.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub precision: Option<u32>,
    /// The digits after the point of a decimal; 0 when only `precision` is given.
    #[serde(default)]
    pub scale: Option<u32>,
    /// Whether a timestamp has a time zone (the default). With `false` the column holds the wall clock in UTC: an
    /// offset in the data is taken into account and not stored.
    #[serde(default)]
    pub timezone: Option<bool>,
    /// Whether the column is part of the primary key.
    #[serde(default)]
    pub primary_key: Option<bool>,
    /// Whether the column is part of the merge key.
    #[serde(default)]
    pub merge_key: Option<bool>,
    /// For `merge`: whether the column marks records that are gone. When it is true (or, in a column that is no boolean,
    /// when it has a value), the row with the same key is deleted, with its child rows, and nothing is inserted. False
    /// when absent. One column of a resource at most.
    ///
    /// ```yaml
    /// columns: { deleted_at: { hard_delete: true } }
    /// ```
    #[serde(default)]
    pub hard_delete: Option<bool>,
    /// For `merge`: which of several records of a load with the same primary key counts: the one with the greatest
    /// (`desc`) or the least (`asc`) value of this column; the last one that came when absent. One column of a resource
    /// at most.
    ///
    /// ```yaml
    /// columns: { updated_at: { dedup_sort: desc } }
    /// ```
    #[serde(default)]
    pub dedup_sort: Option<SortOrderName>,
    /// Whether no two rows have the same value; a unique index holds it. A record with a value that another row has is
    /// rejected: the load fails, unless `max_rejects` tolerates it. Merged rows that are committed together may hand a
    /// value on to each other, unless the column is `nullable: false`.
    #[serde(default)]
    pub unique: Option<bool>,
    /// What the column means; for readers of the config.
    #[serde(default)]
    pub description: Option<String>,
    /// Accepted for dlt's sake, without effect: neither database lays out tables by a column.
    #[serde(default)]
    pub partition: Option<bool>,
    /// Accepted for dlt's sake, without effect: neither database lays out tables by a column.
    #[serde(default)]
    pub cluster: Option<bool>,
    /// Accepted for dlt's sake, without effect: neither database lays out tables by a column.
    #[serde(default)]
    pub sort: Option<bool>,
    /// Accepted for dlt's sake, without effect: what a load goes on from is written in the endpoint's `incremental`.
    #[serde(default)]
    pub incremental: Option<bool>,
    /// Accepted for dlt's sake, without effect: what is a variant column follows from `variants`.
    #[serde(default)]
    pub variant: Option<bool>,
    /// Accepted for dlt's sake, without effect: rows are identified by `_rl_id`.
    #[serde(default)]
    pub row_key: Option<bool>,
    /// Accepted for dlt's sake, without effect: child rows point to their parents by `_rl_parent_id`.
    #[serde(default)]
    pub parent_key: Option<bool>,
    /// Accepted for dlt's sake, without effect: child rows point to their root rows by `_rl_root_id`.
    #[serde(default)]
    pub root_key: Option<bool>,
    /// What begins with `x-`.
    #[serde(flatten)]
    #[schemars(skip)]
    pub annotations: Annotations,
}

/// Hints of a column that begin with `x-`, as dlt and its users add them for their own use. Any other key that a column
/// does not have is a mistake.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Annotations(Map<String, Value>);

impl TryFrom<Map<String, Value>> for Annotations {
    type Error = String;

    fn try_from(members: Map<String, Value>) -> Result<Self, String> {
        match members.keys().find(|key| !key.starts_with("x-")) {
            Some(unknown) => Err(format!("unknown key `{unknown}`")),
            None => Ok(Self(members)),
        }
    }
}

impl ColumnConfig {
    /// Hints of dlt's that are given and have no effect, each with the reason.
    pub(crate) fn without_effect(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let layout = "neither database lays out tables by a column";
        let hints = [
            ("partition", self.partition, layout),
            ("cluster", self.cluster, layout),
            ("sort", self.sort, layout),
            (
                "incremental",
                self.incremental,
                "what a load goes on from is the endpoint's `incremental`",
            ),
            ("variant", self.variant, "variant columns follow from `variants`"),
            ("row_key", self.row_key, "rows are identified by `_rl_id`"),
            (
                "parent_key",
                self.parent_key,
                "child rows point to their parents by `_rl_parent_id`",
            ),
            (
                "root_key",
                self.root_key,
                "child rows point to their root rows by `_rl_root_id`",
            ),
        ];
        let given = hints.into_iter().filter(|(_, given, _)| *given == Some(true));
        let annotations = self.annotations.0.iter().filter(|(_, value)| !value.is_null());
        given
            .map(|(hint, _, reason)| (hint, reason))
            .chain(annotations.map(|(hint, _)| (hint.as_str(), "nothing reads annotations")))
    }
}

/// The order of records with the same key, the one that counts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortOrderName {
    /// The least value counts.
    Asc,
    /// The greatest value counts.
    Desc,
}

/// What a column holds, by its name or by dlt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataTypeName {
    /// Any text.
    Text,
    /// A whole number of 64 bits.
    Bigint,
    /// A floating point number.
    Double,
    /// True or false.
    Bool,
    /// True or false.
    Boolean,
    /// A moment, from ISO 8601 text or from seconds since 1970.
    Timestamp,
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// An exact number of any size.
    Numeric,
    /// dlt's name of `numeric`.
    Decimal,
    /// dlt's name of a `numeric` for amounts of tokens.
    Wei,
    /// A JSON document, kept whole.
    Json,
    /// dlt's former name of `json`.
    Complex,
    /// Bytes, from base64 or `0x` text.
    Binary,
}

impl DataTypeName {
    /// The type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Text,
            Self::Bigint => DataType::Bigint,
            Self::Double => DataType::Double,
            Self::Bool | Self::Boolean => DataType::Bool,
            Self::Timestamp => DataType::Timestamp,
            Self::Date => DataType::Date,
            Self::Time => DataType::Time,
            Self::Numeric | Self::Decimal | Self::Wei => DataType::Numeric,
            Self::Json | Self::Complex => DataType::Json,
            Self::Binary => DataType::Binary,
        }
    }
}

/// Merges columns hint by hint; a resource's own win. A column that is only named comes last.
pub(super) fn merge_columns(own: &mut Value, defaults: &Value) {
    let by_name = |columns: &Value| -> Option<Map<String, Value>> {
        match columns {
            Value::Object(columns) => Some(columns.clone()),
            Value::Array(columns) => columns
                .iter()
                .map(|column| {
                    let mut column = column.as_object()?.clone();
                    let name = column.remove("name")?.as_str()?.to_owned();
                    Some((name, Value::Object(column)))
                })
                .collect(),
            _ => None,
        }
    };
    let (Some(mut merged), Some(own_columns)) = (by_name(defaults), by_name(own)) else {
        return;
    };
    for (name, hints) in own_columns {
        match (merged.get_mut(&name), hints) {
            (Some(Value::Object(known)), Value::Object(hints)) => known.extend(hints),
            (_, hints) => {
                merged.insert(name, hints);
            }
        }
    }
    let is_named_only = |hints: &Value| hints.as_object().is_some_and(Map::is_empty);
    let (named, described): (Map<_, _>, Map<_, _>) = merged.into_iter().partition(|(_, hints)| is_named_only(hints));
    *own = Value::Object(described.into_iter().chain(named).collect());
}
