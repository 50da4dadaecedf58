//! The nouns in flight between a page and a table, and the rules that turn one into the other.
//!
//! A page is decoded into a [`Value`] tree; the [`normalizer`] flattens its records into the typed columns of a
//! [`batch::Batch`]; a destination writes batches together with the [`checkpoint::Checkpoint`] that is true once they
//! are durable. Nothing here does I/O, reads a clock or knows of HTTP, SQL text or YAML.

pub mod batch;
pub mod checkpoint;
pub mod contract;
pub mod data_type;
pub mod diagnostics;
pub mod iso_time;
pub mod naming;
pub mod normalizer;
pub mod row_id;
pub mod schema;
pub mod secret;
pub mod system_error;
pub mod value;

pub use data_type::DataType;
pub use value::Value;
