//! A page that cannot be shown as asked.

use std::error::Error;

use axum::http::StatusCode;
use restload_destination::DestinationError;

/// What to say instead of a page.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nothing was ever loaded.
    NothingYet,
    /// There is no such thing.
    Missing(String),
    /// The destination failed.
    Destination(DestinationError),
}

impl From<DestinationError> for Problem {
    fn from(error: DestinationError) -> Self {
        Self::Destination(error)
    }
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NothingYet => StatusCode::OK,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Destination(DestinationError::Misuse(_) | DestinationError::NotAQuery { .. }) => {
                StatusCode::BAD_REQUEST
            }
            Self::Destination(DestinationError::Stopped { .. }) => StatusCode::GATEWAY_TIMEOUT,
            Self::Destination(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error and its causes, in one sentence.
pub(crate) fn chain(error: &DestinationError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
