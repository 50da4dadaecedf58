//! Checkpoints: where a partition stands once the rows before it are durable.

use std::sync::Arc;

/// How far one partition of a resource has come. It is stored in the transaction that stores the rows it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The resource's name.
    pub resource: Arc<str>,
    /// The partition within the resource; empty for a resource without parents and windows.
    pub partition: Arc<str>,
    /// The JSON text that the extraction resumes from; `None` removes what is stored.
    pub position: Option<String>,
}
