//! `schema_contract`: what is done when records bring what is not there.

use restload_model::contract::{Contract, Mode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::null;

/// What is done when records bring what is not there: one mode for everything, or one for each kind of thing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ContractConfig {
    /// For tables, columns and types alike.
    All(ContractMode),
    /// One for each; what is not named evolves.
    Each(ContractModes),
}

/// One mode for each kind of thing.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContractModes {
    /// For tables that are not there, child tables too; `evolve` when absent or null. `discard_row` and `discard_value` are the
    /// same here: the table is not made, and a parent's row is stored without it.
    #[serde(default, deserialize_with = "null::or_default")]
    #[schemars(with = "Option<ContractMode>")]
    pub tables: ContractMode,
    /// For columns that a table does not have; `evolve` when absent. The first load of a table gives it its columns,
    /// and declared ones are always welcome. NULL violates nothing.
    #[serde(default, deserialize_with = "null::or_default")]
    #[schemars(with = "Option<ContractMode>")]
    pub columns: ContractMode,
    /// For values that do not fit the type of their column, which is what its first load came to, or what is declared;
    /// `evolve` when absent: the column widens, and a value that does not fit a declared type is rejected.
    #[serde(default, deserialize_with = "null::or_default")]
    #[schemars(with = "Option<ContractMode>")]
    pub data_type: ContractMode,
}

/// What is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContractMode {
    /// The table is made, the column added, the type widened.
    #[default]
    Evolve,
    /// The same, and a warning says so.
    Warn,
    /// The resource fails, and says what is new in which records. Nothing of the page is stored.
    Freeze,
    /// The row is left out with its child rows, counted, and kept in `_rl_rejects`.
    DiscardRow,
    /// The value is left out, counted, and kept in `_rl_rejects`; its row is stored.
    DiscardValue,
}

impl ContractMode {
    fn mode(self) -> Mode {
        match self {
            Self::Evolve => Mode::Evolve,
            Self::Warn => Mode::Warn,
            Self::Freeze => Mode::Freeze,
            Self::DiscardRow => Mode::DiscardRow,
            Self::DiscardValue => Mode::DiscardValue,
        }
    }
}

impl ContractConfig {
    /// The modes that hold.
    pub fn contract(&self) -> Contract {
        match self {
            Self::All(mode) => Contract::all(mode.mode()),
            Self::Each(modes) => Contract {
                tables: modes.tables.mode(),
                columns: modes.columns.mode(),
                data_type: modes.data_type.mode(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn c1_a_mode_alone_holds_for_everything_and_what_is_not_named_evolves() {
        for (config, [tables, columns, data_type]) in [
            (json!("freeze"), [Mode::Freeze; 3]),
            (json!("warn"), [Mode::Warn; 3]),
            (json!({}), [Mode::Evolve; 3]),
            (
                json!({"columns": "discard_value"}),
                [Mode::Evolve, Mode::DiscardValue, Mode::Evolve],
            ),
            (
                json!({"tables": "discard_row", "data_type": "freeze"}),
                [Mode::DiscardRow, Mode::Evolve, Mode::Freeze],
            ),
        ] {
            let parsed: ContractConfig = serde_json::from_value(config).unwrap();
            let expected = Contract {
                tables,
                columns,
                data_type,
            };
            assert_eq!(parsed.contract(), expected);
        }
    }
}
