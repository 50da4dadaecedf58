//! The lock of a run: a file beside the database, locked by the operating system for as long as the process lives.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use restload_model::naming;

pub(super) fn lock_path(path: &Path, pipeline: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-restload-");
    let plain = naming::normalize(pipeline, naming::MAX_LENGTH);
    name.push(&plain);
    if plain != pipeline {
        // Two pipelines whose names differ in what a file name cannot show do not share a lock.
        name.push("-");
        name.push(naming::tag(pipeline));
    }
    name.push(".lock");
    PathBuf::from(name)
}

/// Where the lock is and who has it, in words.
pub(super) fn holder(lock_path: &Path) -> String {
    let place = format!("it is on `{}`", lock_path.display());
    match std::fs::read_to_string(lock_path) {
        Ok(process) if !process.is_empty() => format!("{place}, held by process {process}"),
        _ => place,
    }
}

/// A lock that is gone with the process, however the process ends. The file of it is removed when it can be.
pub(super) struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// Takes the lock, or finds it taken.
    pub(super) fn take(path: PathBuf) -> std::io::Result<Option<Self>> {
        loop {
            let file = File::options().create(true).write(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
            // The last holder may have removed the file between our opening and locking it.
            if is_same_file(&file, &path) {
                // For people who find it taken. That it cannot be written, on a full disk, takes nothing from the lock.
                drop(file.set_len(0));
                drop((&file).write_all(std::process::id().to_string().as_bytes()));
                return Ok(Some(Self { path, file }));
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Before the lock is given up: afterwards the file may be someone else's.
        if cfg!(unix) {
            drop(std::fs::remove_file(&self.path));
        }
        drop(self.file.unlock());
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.dev() == named.dev() && open.ino() == named.ino(),
        _ => false,
    }
}

/// Elsewhere the file stays, so it is always the same one.
#[cfg(not(unix))]
fn is_same_file(_file: &File, _path: &Path) -> bool {
    true
}
