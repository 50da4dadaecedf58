//! Exchanges with an API as files, and tables as text: what `--record`, `--replay` and `restload test` are made of, and
//! restload's own scenarios.
//!
//! A folder holds `api.yaml`, the script: what is asked and what is answered, in one run or several ([`Script`]). People
//! write it by hand, and a [`Recorder`] writes it from a run. Long or binary answers stand in files beside it, compressed.
//! A [`Book`] is the exchanges of one run while they are asked for: it finds the answer to a request, and knows in the
//! end what nobody asked for. `tables.txt` is what a destination held after the last run, as [`tables`] writes it;
//! [`comparison`] says where two such texts differ.
//!
//! # Secrets
//!
//! In a recording every secret is replaced by another value, made from its name ([`pseudonym`](fn@pseudonym)). The
//! recording is whole in itself: a run that is given these values asks for exactly what was recorded, so that a replay
//! needs no secrets. What a login gives is replaced likewise, and what else its answer holds is masked, because nobody
//! knows what in it is secret.

mod book;
pub mod comparison;
mod exchange;
mod pseudonym;
mod recorder;
mod script;
pub mod tables;
mod yaml;

pub use book::{Book, NotRecorded, Places, Translate};
pub use exchange::{Answer, Asked, Exchange, Outcome, Texts};
pub use pseudonym::{SESSION, pseudonym};
pub use recorder::{Answered, Head, RecordError, Recorder};
pub use script::{Held, Kept, Parse, Run, SCRIPT, STATE, Script, ScriptError, StoredState, TABLES};
