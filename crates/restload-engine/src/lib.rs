//! Where waiting, retrying, limiting, cancelling and concurrency happen, and nowhere else.
//!
//! [`run()`] takes a plan and an open destination and moves the records from one to the other. Each resource has a task
//! that walks its partitions; the page of a walk is decoded and normalised on another thread while the next one is
//! being fetched; a single task writes. What is under way is bounded in bytes, so a slow database slows the requests
//! and nothing piles up.

mod asking;
mod auth;
mod clock;
mod cookies;
mod ending;
mod error;
mod exchanges;
mod family;
mod fetch;
mod http;
mod limiter;
mod page_threads;
mod redirects;
mod report;
mod resource;
mod run;
mod trust;
mod writing;

pub use asking::{
    Answer, Asked, Asker, AskerOptions, Discovery, Enough, Exchange, Failure, Page, Paging, Probe, Stage,
};
pub use clock::{Moment, new_load_id};
pub use error::RunError;
pub use exchanges::{Exchanges, Replay};
pub use limiter::{Limit, SharedLimits};
pub use report::{CursorMove, Event, Outcome, PartitionFailure, Report, ResourceReport, ResourceStatus, TableTotals};
pub use run::{RunOptions, run};
