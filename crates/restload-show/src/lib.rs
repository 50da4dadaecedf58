//! A local web page over what restload has stored in a destination: runs, tables, state, rejects, and a box for SQL.
//!
//! Every page is HTML that the server has written: there is no script, nothing is built, and nothing is fetched from
//! elsewhere. A request opens the destination, reads, and closes it again, so nothing is held between two of them, and a
//! run may go on meanwhile. What is read is bounded: so many rows, so many characters of each value, so much time.
//!
//! # What keeps others out
//!
//! `guard.rs` looks at every request before any page does. It refuses names that are not this machine's (a page of
//! somebody else's can have its own name point here), and requests that another site's page makes the browser send. A
//! Content-Security-Policy without scripts is the second line behind escaping, which `maud` does for every value.
//!
//! # Where to look
//!
//! `site.rs` has the routes and opens the destination; `pages/` has a file for each kind of page; `layout.rs` is what
//! they share; `value.rs` and `words.rs` show values, moments and numbers; `chart.rs` draws.

mod chart;
mod guard;
mod layout;
mod link;
mod pages;
mod problem;
mod site;
mod value;
mod words;

pub use guard::Hosts;
pub use site::{Subject, serve};
