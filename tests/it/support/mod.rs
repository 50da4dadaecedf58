//! What the tests share.

pub(crate) mod api;
pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod load;
pub(crate) mod posts;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's top folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository is there")
}

/// The binary, in a folder, with an environment of its own.
pub(crate) fn restload(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restload"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::null());
    command
}
