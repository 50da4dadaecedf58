//! What an answer suggests that a config say of it, each proposal with what speaks for it.
//!
//! Guessing lives here and is never part of a run. Where the records are follows from the shape of the answer; a
//! paginator is proposed as one candidate after the other, each to be tried by asking for a second page; keys, cursor
//! and types follow from the records.

mod fields;
mod object_map;
mod paging;
mod selector;

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value as Json;

pub use fields::{ColumnProposal, CursorProposal, Fields, OF_OTHERS, examine_records, is_name_of_change, rank_of_key};
pub use object_map::object_map;
pub use paging::candidates;
pub use selector::{Selection, select};

use crate::choice;
use crate::json_path::JsonPath;
use crate::paginators::{Paginator, PaginatorConfig};
use crate::plan::{RecordSource, ResourcePlan};
use crate::steps::StepConfig;

/// A value for a key of the config, and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The value.
    pub value: Json,
    /// The evidence, in one line.
    pub evidence: String,
}

/// A paginator that may be the right one.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// As the config has it.
    pub config: Json,
    /// What in the first answer speaks for it.
    pub evidence: String,
    /// Whether it is tried only because nothing in the answer tells of pages: that it fails is no surprise then.
    pub is_a_try: bool,
    /// The first page's number is not known: it is found out by asking for page 1, and for page 2 if that is the first.
    pub base_is_open: bool,
}

/// What a second page says of the paginator that it was asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// It has other records.
    Differs,
    /// It has the first page's records again.
    Same,
    /// It has some of the first page's records.
    Overlaps(usize),
    /// It has no records.
    Empty,
}

/// Compares the records of two pages.
pub fn compare_pages(first: &[Value<'_>], second: &[Value<'_>]) -> Second {
    if second.is_empty() {
        return Second::Empty;
    }
    let known: std::collections::HashSet<String> = first.iter().map(Value::to_json).collect();
    let again = second.iter().filter(|record| known.contains(&record.to_json())).count();
    match again {
        0 => Second::Differs,
        again if again == second.len() => Second::Same,
        again => Second::Overlaps(again),
    }
}

/// Compiles a paginator that was proposed.
pub fn compile_paginator(config: &Json) -> Result<Paginator, String> {
    let config: PaginatorConfig = choice::read(config.clone(), None).map_err(|error| error.to_string())?;
    let mut diagnostics = Diagnostics::default();
    let compiled = config.compile(&KeyPath::root().key("paginator"), &mut diagnostics);
    compiled.ok_or_else(|| {
        let found = diagnostics.into_vec();
        found.first().map(|mistake| mistake.message.clone()).unwrap_or_default()
    })
}

impl ResourcePlan {
    /// Puts a processing step in front of all else, to be tried; one that cannot be used is left out.
    pub fn try_step(&mut self, step: &Json) {
        let mut diagnostics = Diagnostics::default();
        if let Ok(config) = serde_json::from_value::<StepConfig>(step.clone()) {
            self.steps = config.compile(1, &KeyPath::root().key("processing_steps").index(0), &mut diagnostics);
        }
    }

    /// Puts a selector in the place of what the config says, to be tried.
    pub fn try_selector(&mut self, selector: JsonPath) {
        if let RecordSource::Endpoint(endpoint) = &mut self.source {
            endpoint.selector = Some(selector);
        }
    }

    /// Puts a selector and a paginator in the place of what the config says, to be tried.
    pub fn try_out(&mut self, selector: JsonPath, paginator: Paginator) {
        if let RecordSource::Endpoint(endpoint) = &mut self.source {
            endpoint.selector = Some(selector);
            endpoint.paginator = paginator;
        }
    }
}
