//! What a user writes: the client, the resources and their endpoints. A key's doc comment is its reference manual.

mod client;
mod endpoint;
mod resource;

pub use client::{ClientConfig, RateLimitConfig, RetryConfig};
pub use endpoint::{EndpointConfig, ParamValue};
pub use resource::{
    ColumnConfig, ColumnsConfig, DataTypeName, Disposition, Keys, RecordsConfig, ResourceConfig, Selected,
    SelectedWhen, expand_resource, merge_defaults,
};
