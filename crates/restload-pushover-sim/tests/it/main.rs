//! The simulator over real HTTP: one module per subject.

mod client;
mod transcript;
