//! What the tests share.

pub(crate) mod api;
pub(crate) mod program;
pub(crate) mod tables;

use std::path::{Path, PathBuf};

/// The repository's top folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository is there")
}
