//! What a user writes: the client, the resources and their endpoints. A key's doc comment is its reference manual.

mod client;
mod columns;
mod contract;
mod disposition;
mod endpoint;
mod incremental;
mod null;
mod resource;

pub use client::{ClientConfig, RateLimitConfig, RetryConfig};
pub use columns::{ColumnConfig, ColumnsConfig, DataTypeName, SortOrderName};
pub use contract::{ContractConfig, ContractMode, ContractModes};
pub use disposition::{Disposition, DispositionConfig, DispositionOptions, Strategy};
pub(crate) use endpoint::data_schema;
pub use endpoint::{EndpointConfig, GraphqlConfig, ParamValue};
pub use incremental::{
    IncrementalConfig, LastValueFunc, OnMissing, RangeBound, RowOrder, StepLength, WindowConfig, WindowEnd,
};
pub(crate) use null::or_default;
pub use resource::{
    Keys, MissingFieldConfig, MissingFieldDefault, MissingFieldWord, OnError, ParentBatch, ParentsPerRequest,
    RecordsConfig, ResourceConfig, Selected, SelectedWhen, expand_resource, merge_defaults,
};
