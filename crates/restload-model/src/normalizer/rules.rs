//! What a column with a fixed type takes, and what becomes of a value that does not fit.

use crate::DataType;
use crate::contract::{Contract, Mode};
use crate::schema::ColumnHint;

/// What a column takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) data_type: DataType,
    /// Digits of a numeric, characters of a text, bits of a bigint, digits after the second of a moment.
    pub(super) precision: Option<u32>,
    /// Digits after the point of a numeric.
    pub(super) scale: u32,
    /// Whether a value may lose something on its way: whoever declares a type asks for it.
    pub(super) is_declared: bool,
    pub(super) misfit: Misfit,
}

/// What becomes of a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Its record cannot be stored.
    Reject,
    /// It goes to a column of its own type.
    Variant,
    /// The resource fails.
    Freeze,
    /// Its row is left out.
    DiscardRow,
    /// It is left out.
    DiscardValue,
}

impl Rule {
    /// For a column that the config gives a type.
    pub(super) fn declared(hint: &ColumnHint, data_type: DataType, contract: Contract, variants: bool) -> Self {
        Self {
            data_type,
            precision: hint.precision,
            scale: hint.scale.unwrap_or(0),
            is_declared: true,
            misfit: Misfit::of(contract.data_type, variants).unwrap_or(Misfit::Reject),
        }
    }

    /// For a column of a settled table, where its type is not to change.
    pub(super) fn settled(data_type: DataType, misfit: Misfit) -> Self {
        Self {
            data_type,
            precision: None,
            scale: 0,
            is_declared: false,
            misfit,
        }
    }
}

impl Misfit {
    /// What the config asks for; none when types widen.
    pub(super) fn of(mode: Mode, variants: bool) -> Option<Self> {
        match mode {
            Mode::Evolve | Mode::Warn => variants.then_some(Self::Variant),
            Mode::Freeze => Some(Self::Freeze),
            Mode::DiscardRow => Some(Self::DiscardRow),
            Mode::DiscardValue => Some(Self::DiscardValue),
        }
    }
}
