//! Tests at the boundary that a user sees: the real binary, real databases, real HTTP.

mod support;

mod bad_input;
mod cli;
mod diagnostics;
mod generated;
mod pushover;
mod resume;
