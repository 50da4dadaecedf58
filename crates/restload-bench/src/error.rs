//! What went wrong, told once for the person at the terminal.

use std::error::Error;

/// The act that failed, with its cause.
#[derive(Debug, thiserror::Error)]
#[error("{act}")]
pub(crate) struct BenchError {
    act: String,
    #[source]
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl BenchError {
    pub(crate) fn new(act: impl Into<String>) -> Self {
        Self {
            act: act.into(),
            cause: None,
        }
    }

    /// The act and all causes on one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.act.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Says which act an error belongs to.
pub(crate) trait During<T> {
    fn during(self, act: &str) -> Result<T, BenchError>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> During<T> for Result<T, E> {
    fn during(self, act: &str) -> Result<T, BenchError> {
        self.map_err(|error| BenchError {
            act: act.to_owned(),
            cause: Some(error.into()),
        })
    }
}
