//! Tables: all of them, their rows, their columns, and single rows.

pub(crate) mod columns;
pub(crate) mod data;
pub(crate) mod list;
pub(crate) mod row;

use maud::{Markup, html};
use restload_destination::{SYSTEM_TABLES, TableRecord};

use crate::link::Link;
use crate::problem::Problem;
use crate::site::Look;

/// A table among the pipeline's tables.
pub(super) struct Family {
    /// All tables of the pipeline, by name.
    tables: Vec<TableRecord>,
    name: String,
}

impl Family {
    /// Finds a table that may be looked at: one of the pipeline's, or one of restload's own.
    async fn find(look: &mut Look<'_>, name: &str) -> Result<Self, Problem> {
        let tables = look.inspector.tables().await?;
        if !SYSTEM_TABLES.contains(&name) && !tables.iter().any(|table| table.name == name) {
            return Err(Problem::Missing(format!("This pipeline has no table {name}.")));
        }
        Ok(Self {
            tables,
            name: name.to_owned(),
        })
    }

    fn table(&self, name: &str) -> Option<&TableRecord> {
        self.tables.iter().find(|table| table.name == name)
    }

    fn record(&self) -> Option<&TableRecord> {
        self.table(&self.name)
    }

    fn parent(&self) -> Option<&str> {
        let parent = self.record()?.parent.as_deref()?;
        self.table(parent).map(|parent| parent.name.as_str())
    }

    /// The table that the whole family hangs on.
    fn root(&self) -> &str {
        let mut name = self.name.as_str();
        // A chain of parents is never longer than there are tables.
        for _ in 0..self.tables.len() {
            match self.table(name).and_then(|table| table.parent.as_deref()) {
                Some(parent) => name = parent,
                None => break,
            }
        }
        name
    }

    fn children(&self) -> Vec<&TableRecord> {
        let is_child = |table: &&TableRecord| table.parent.as_deref() == Some(&self.name);
        self.tables.iter().filter(is_child).collect()
    }

    /// Links to what belongs to the table, and to its parent and children.
    fn links(&self, is_data: bool) -> Markup {
        let current = |here: bool| here.then_some("page");
        let columns = Link::table(&self.name).part("columns");
        html! {
            nav.tabs aria-label="Of this table" {
                a href=(Link::table(&self.name)) aria-current=[current(is_data)] { "Rows" }
                a href=(columns) aria-current=[current(!is_data)] { "Columns and history" }
            }
            @if let Some(parent) = self.parent() {
                p { "Its rows belong to rows of " a href=(Link::table(parent)) { (parent) } "." }
            }
            @if !self.children().is_empty() {
                p {
                    "Its child tables: "
                    @for (index, child) in self.children().iter().enumerate() {
                        @if index > 0 { ", " }
                        a href=(Link::table(&child.name)) { (child.name) }
                    }
                    "."
                }
            }
        }
    }
}
