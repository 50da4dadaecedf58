//! What is done when records bring what their table does not have: dlt's schema contract, with a mode that only warns.

use std::fmt;

/// What a contract speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// Tables that are not there.
    Tables,
    /// Columns that a table does not have.
    Columns,
    /// Values that do not fit the type of their column.
    DataType,
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tables => "tables",
            Self::Columns => "columns",
            Self::DataType => "data_type",
        })
    }
}

/// What is done about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The table is made, the column added, the type widened.
    #[default]
    Evolve,
    /// The same, and a warning.
    Warn,
    /// The resource fails.
    Freeze,
    /// The row is left out, with its child rows.
    DiscardRow,
    /// The value is left out.
    DiscardValue,
}

impl Mode {
    /// Whether the schema follows the data.
    pub fn evolves(self) -> bool {
        matches!(self, Self::Evolve | Self::Warn)
    }

    /// The mode as a user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evolve => "evolve",
            Self::Warn => "warn",
            Self::Freeze => "freeze",
            Self::DiscardRow => "discard_row",
            Self::DiscardValue => "discard_value",
        }
    }
}

/// The modes that hold for a resource's tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contract {
    /// For tables that are not there.
    pub tables: Mode,
    /// For columns that a table does not have. While its first load lasts, a table has every column that comes.
    pub columns: Mode,
    /// For values that do not fit their column.
    pub data_type: Mode,
}

impl Contract {
    /// The same mode for everything.
    pub fn all(mode: Mode) -> Self {
        Self {
            tables: mode,
            columns: mode,
            data_type: mode,
        }
    }

    /// The mode for one kind of thing.
    pub fn mode(self, entity: Entity) -> Mode {
        match entity {
            Entity::Tables => self.tables,
            Entity::Columns => self.columns,
            Entity::DataType => self.data_type,
        }
    }
}
