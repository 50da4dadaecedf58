//! How rows meet the rows that are there: what `append`, `replace` and the strategies of `merge` do beyond inserting.
//!
//! A load is many steps, each a transaction. What can be decided within a step is decided there: which of several rows
//! with the same key counts ([`fates`]), which rows take the place of others ([`merge`]) and which are what they were
//! ([`unchanged`]), which versions are new ([`history`]). What needs the whole load waits for its last step: what was gathered beside the tables takes the place
//! of their rows ([`replace`]), and rows that the load did not have are deleted or given an end ([`closing`]). For that,
//! every row says which load had it last, and the loads that belong together because one goes on with the other are
//! remembered ([`chain`]).

pub(crate) mod chain;
mod closing;
pub(crate) mod fates;
mod history;
pub(crate) mod merge;
mod replace;
mod sorting;
pub(crate) mod unchanged;
