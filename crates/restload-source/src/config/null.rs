//! Nulls that dlt takes where a key has a value of its own: a dumped config may hold them.

use serde::{Deserialize, Deserializer};

use super::incremental::RangeBound;
use super::resource::Selected;

/// Reads a value; null is its type's default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a bound; null is an open one.
pub(super) fn or_open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RangeBound, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(RangeBound::Open))
}

/// Reads whether a resource is loaded; one whose answer is null is not.
pub(super) fn or_never<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Selected, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(Selected::Always(false)))
}
