//! Tests at the boundary that a user sees: the real binary, real databases, real HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers belong to the tests: what they cannot do fails the test"
)]

mod support;

mod auth;
mod bad_input;
mod certificates;
mod checklist;
mod cli;
mod config;
mod docs;
mod explain;
mod exploring;
mod full_disk;
mod generated;
mod incremental;
mod init;
mod kill;
#[cfg(target_os = "linux")]
mod memory;
mod posts;
mod proxy;
mod pushover;
mod recording;
mod resume;
mod server;
mod several;
mod show;
mod sound;
mod stored;
