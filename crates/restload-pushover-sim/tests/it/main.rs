//! The simulator over real HTTP: one module per subject.

#![expect(clippy::unwrap_used, reason = "the client's helpers belong to the tests")]

mod authentication;
mod client;
mod connections;
mod datasets;
mod demo;
mod determinism;
mod effects;
mod faults;
mod messages;
mod receipts;
mod referee;
mod transcript;
