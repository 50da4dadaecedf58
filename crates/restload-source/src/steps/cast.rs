//! `cast`: converts fields.

use indexmap::IndexMap;
use restload_model::normalizer::convert;
use restload_model::{DataType, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::Field;
use super::{Misfit, shown};
use crate::decoders::decode_json;

/// Convert fields, `field: type`, so that later steps and children see the converted value. A null stays null, a field
/// that a record lacks is left out, and a value that cannot be converted is an error. `user.age` is a field within an
/// object, or within every object of a list. What only the table is to hold as another type is said in `columns`.
///
/// ```yaml
/// processing_steps: [ { cast: { amount: numeric, created: timestamp, details: json } } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CastConfig(#[schemars(with = "std::collections::BTreeMap<String, CastType>")] IndexMap<String, CastType>);

/// What a field is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CastType {
    /// A text; objects and lists as JSON.
    Text,
    /// A whole number of 64 bits.
    Bigint,
    /// A floating point number.
    Double,
    /// An exact number of any size. Its column is one of doubles unless `columns` says `numeric` too.
    Numeric,
    /// dlt's name of `numeric`.
    Decimal,
    /// True or false, from `true`, `yes`, `t`, `y`, `1` and their opposites.
    Bool,
    /// A moment as ISO 8601 text in UTC, from ISO 8601 text or from seconds since 1970.
    Timestamp,
    /// A calendar day as ISO 8601 text.
    Date,
    /// A time of day as ISO 8601 text.
    Time,
    /// What a text that holds JSON stands for: an object, a list, a number.
    Json,
}

#[derive(Debug)]
pub(super) struct Cast(Vec<(Field, CastType)>);

impl CastConfig {
    pub(super) fn compile(&self) -> Cast {
        Cast(self.0.iter().map(|(name, kind)| (Field::new(name), *kind)).collect())
    }
}

impl CastType {
    /// The column type whose conversion it is; none for JSON, which is read instead.
    fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::Text => DataType::Text,
            Self::Bigint => DataType::Bigint,
            Self::Double => DataType::Double,
            Self::Numeric | Self::Decimal => DataType::Numeric,
            Self::Bool => DataType::Bool,
            Self::Timestamp => DataType::Timestamp,
            Self::Date => DataType::Date,
            Self::Time => DataType::Time,
            Self::Json => return None,
        })
    }
}

impl Cast {
    pub(super) fn wants_exact_numbers(&self) -> bool {
        self.0
            .iter()
            .any(|(_, kind)| matches!(kind, CastType::Numeric | CastType::Decimal))
    }

    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Result<Value<'a>, Misfit> {
        for (field, kind) in &self.0 {
            field.change(&mut record, &mut |value| {
                let converted = match kind.data_type() {
                    Some(data_type) => convert(value, data_type),
                    None => read_json(value),
                };
                match converted {
                    Ok(converted) => {
                        *value = converted;
                        Ok(())
                    }
                    Err(reason) => Err(Misfit::new(
                        format!("`{}`: {reason}", field.name),
                        "convert such values with `set` or `jq` first, or leave their records out with `filter`",
                    )),
                }
            })?;
        }
        Ok(record)
    }
}

fn read_json<'a>(value: &mut Value<'a>) -> Result<Value<'a>, String> {
    let Value::Text(text) = value else {
        return Ok(std::mem::take(value));
    };
    match decode_json(text.as_bytes(), true) {
        Ok(read) => Ok(read.into_owned()),
        Err(_) => Err(format!("{} is not JSON", shown(value))),
    }
}
