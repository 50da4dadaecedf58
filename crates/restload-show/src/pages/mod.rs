//! The pages, a file for each kind.

pub(crate) mod query;
pub(crate) mod rejects;
pub(crate) mod runs;
pub(crate) mod state;
pub(crate) mod tables;
