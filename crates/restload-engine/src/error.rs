//! Why a run could not go on.

use restload_destination::DestinationError;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The HTTP client cannot be set up.
    #[error("{0}")]
    Client(String),
    /// What has come cannot be noted.
    #[error("{0}")]
    Scratch(String),
    /// The destination failed; what was committed before stays.
    #[error(transparent)]
    Destination(#[from] DestinationError),
}
