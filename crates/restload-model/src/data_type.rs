//! The type lattice: what a column can hold, and what two types become when they meet in one column.

use serde::{Deserialize, Serialize};

/// What a column holds. The names are those of a `data_type` hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// Any text.
    Text,
    /// A whole number that fits 64 bits.
    Bigint,
    /// A 64-bit floating point number.
    Double,
    /// True or false.
    Bool,
    /// A moment in time, microseconds, UTC.
    Timestamp,
    /// The same without a zone: the wall clock in UTC. A column is so only by declaration.
    TimestampNtz,
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// An exact number of any size.
    Numeric,
    /// A JSON document.
    Json,
    /// Bytes.
    Binary,
}

impl DataType {
    /// The narrowest type that holds every value of both, so that a column widens and never loses a value.
    ///
    /// A double meets an exact number as an exact number, because a double would round it.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        use DataType::{Bigint, Date, Double, Numeric, Text, Timestamp, TimestampNtz};
        match (self, other) {
            (a, b) if a == b => a,
            (Bigint, Double) | (Double, Bigint) => Double,
            (Bigint | Double, Numeric) | (Numeric, Bigint | Double) => Numeric,
            (Date, Timestamp) | (Timestamp, Date) => Timestamp,
            // Whoever has declared a column without a zone keeps it so; nothing is lost, because both are UTC.
            (Date | Timestamp, TimestampNtz) | (TimestampNtz, Date | Timestamp) => TimestampNtz,
            _ => Text,
        }
    }

    /// The name as a user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bigint => "bigint",
            Self::Double => "double",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::TimestampNtz => "timestamp_ntz",
            Self::Date => "date",
            Self::Time => "time",
            Self::Numeric => "numeric",
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }

    /// The type of that name, as stored in a destination's schema table.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.name() == name)
    }

    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Bigint,
        Self::Double,
        Self::Bool,
        Self::Timestamp,
        Self::TimestampNtz,
        Self::Date,
        Self::Time,
        Self::Numeric,
        Self::Json,
        Self::Binary,
    ];
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::DataType::{self, *};

    #[test]
    fn joins_are_symmetric_associative_and_idempotent() {
        for a in DataType::ALL {
            assert_eq!(a.join(a), a);
            for b in DataType::ALL {
                assert_eq!(a.join(b), b.join(a), "{a} {b}");
                for c in DataType::ALL {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)), "{a} {b} {c}");
                }
            }
        }
    }

    #[test]
    fn widens_along_the_documented_paths() {
        assert_eq!(Bigint.join(Double), Double);
        assert_eq!(Double.join(Numeric), Numeric);
        assert_eq!(Date.join(Timestamp), Timestamp);
        assert_eq!(Bool.join(Bigint), Text);
        assert_eq!(Json.join(Text), Text);
    }
}
