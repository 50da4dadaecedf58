//! The file that keeps tokens from run to run.
//!
//! A refresh token that is replaced with every use must be durable before the new one is used, or a crash in between
//! locks the pipeline out for good. It is kept in a file rather than in the destination's state: whoever may read the
//! tables could read the token there, while a file is its owner's alone (mode 0600). It is written whole beside its
//! place and renamed into it, so that there is always one of the two tokens in it; a lock beside it lets one process
//! refresh at a time, because two would use up each other's token.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use restload_model::secret::Secret;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The tokens of one login.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The login, for whoever looks into the file.
    pub(super) login: String,
    refresh_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl Kept {
    pub(super) fn new(login: String, refresh_token: &Secret, access: Option<(&Secret, i64)>) -> Self {
        Self {
            login,
            refresh_token: refresh_token.expose().to_owned(),
            access_token: access.map(|(token, _)| token.expose().to_owned()),
            expires_at: access.map(|(_, expires_at)| expires_at),
        }
    }

    pub(super) fn refresh_token(&self) -> Secret {
        Secret::new(self.refresh_token.as_str())
    }

    /// The access token, and when it ends.
    pub(super) fn access(&self) -> Option<(Secret, i64)> {
        Some((Secret::new(self.access_token.as_deref()?), self.expires_at?))
    }
}

/// The file while no other process refreshes.
pub(super) struct TokenFile {
    path: PathBuf,
    tokens: BTreeMap<String, Kept>,
    /// Made before the request, so that a full disk or a folder that cannot be written to is known before the server
    /// has replaced a token.
    next: NamedTempFile,
    /// Holds the lock until it is dropped.
    _lock: File,
}

/// Why there is no file to keep tokens in, and what to do about it.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) error: String,
    pub(super) help: &'static str,
}

impl TokenFile {
    /// Waits for its turn and reads the file. This blocks.
    pub(super) fn open(path: &Path) -> Result<Self, Unusable> {
        let failed = |act: &str, error: &std::io::Error| Unusable {
            error: format!("{act} `{}`: {error}", path.display()),
            help: "name a file that can be written with `token_file` of `auth`; `token_file: null` keeps no tokens, if \
                   the API never replaces its refresh tokens",
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut lock_name = path.file_name().unwrap_or_default().to_owned();
        lock_name.push(".lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(folder.join(lock_name));
        let lock = lock.map_err(|error| failed("tokens cannot be kept in", &error))?;
        lock.lock()
            .map_err(|error| failed("tokens cannot be kept in", &error))?;
        let tokens = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| Unusable {
                // The parser's message could show a part of a token.
                error: format!("`{}` is not a token file (line {})", path.display(), error.line()),
                help: "the tokens that it kept are lost, those of other logins in it too. Bring back a copy of it, or \
                       delete it: the next run logs in with the config's `refresh_token`. If the API refuses that one, \
                       because it has replaced it since, log in to the API anew and give the new refresh token to the \
                       config",
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(failed("tokens cannot be read from", &error)),
        };
        // It has mode 0600 from the beginning.
        let next = NamedTempFile::new_in(folder).map_err(|error| failed("tokens cannot be kept in", &error))?;
        Ok(Self {
            path: path.to_owned(),
            tokens,
            next,
            _lock: lock,
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Kept> {
        self.tokens.get(key)
    }

    /// Makes tokens durable. This blocks.
    pub(super) fn keep(mut self, key: String, kept: Kept) -> Result<(), String> {
        self.tokens.insert(key, kept);
        let path = self.path;
        let failed = |error: std::io::Error| format!("tokens cannot be kept in `{}`: {error}", path.display());
        let text = serde_json::to_string_pretty(&self.tokens).unwrap_or_default();
        self.next.write_all(text.as_bytes()).map_err(failed)?;
        self.next.as_file().sync_all().map_err(failed)?;
        self.next.persist(&path).map_err(|error| failed(error.error))?;
        // The new name is durable when its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        #[cfg(unix)]
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(refresh_token: &str) -> Kept {
        Kept::new(
            "POST https://auth.test/token".to_owned(),
            &Secret::new(refresh_token),
            Some((&Secret::new("access"), 5)),
        )
    }

    fn held(path: &Path, key: &str) -> Option<String> {
        let file = TokenFile::open(path).unwrap();
        file.get(key).map(|kept| kept.refresh_token().expose().to_owned())
    }

    #[test]
    fn keeps_tokens_by_their_key_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        assert_eq!(held(&path, "a"), None);
        TokenFile::open(&path)
            .unwrap()
            .keep("a".to_owned(), kept("first"))
            .unwrap();
        TokenFile::open(&path)
            .unwrap()
            .keep("b".to_owned(), kept("other"))
            .unwrap();
        TokenFile::open(&path)
            .unwrap()
            .keep("a".to_owned(), kept("second"))
            .unwrap();
        assert_eq!(held(&path, "a").as_deref(), Some("second"));
        assert_eq!(held(&path, "b").as_deref(), Some("other"));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            #[cfg(unix)]
            {
                let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
                assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
            }
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["tokens.json", "tokens.json.lock"]);
    }

    #[test]
    fn only_one_refreshes_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let first = TokenFile::open(&path).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let second = std::thread::spawn({
            let path = path.clone();
            move || {
                sender.send(()).unwrap();
                held(&path, "a")
            }
        });
        receiver.recv().unwrap();
        first.keep("a".to_owned(), kept("new")).unwrap();
        assert_eq!(second.join().unwrap().as_deref(), Some("new"));
    }

    #[test]
    fn a_faulty_file_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        std::fs::write(&path, "{\n\"a\": s3cret}").unwrap();
        let unusable = TokenFile::open(&path).err().unwrap();
        assert_eq!(
            unusable.error,
            format!("`{}` is not a token file (line 2)", path.display())
        );
        assert!(
            unusable
                .help
                .contains("delete it: the next run logs in with the config's `refresh_token`"),
            "{}",
            unusable.help
        );
    }
}
