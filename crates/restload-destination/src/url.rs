//! The text a user names a database with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use restload_model::diagnostics::did_you_mean;
use restload_model::secret::{MASK, Secret};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::Cause;

/// The databases that can be loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Which database to load into, parsed. Its `Debug` and [`redacted`](Self::redacted) forms hide the password.
#[derive(Clone)]
pub struct DestinationUrl {
    redacted: String,
    password: Option<Secret>,
    /// The files that a Postgres URL names, each with its option.
    tls_files: Vec<(&'static str, PathBuf)>,
    place: Place,
}

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// A text that names no database. The message never holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text is empty.
    #[error("the destination is empty; write `sqlite:FILE` or `postgres://USER@HOST/DATABASE`")]
    Empty,
    /// The scheme is not one of ours.
    #[error(
        "unknown destination `{scheme}:`; known are `sqlite:FILE`, `postgres://…` and a path that ends in `.db`, \
         `.sqlite` or `.sqlite3`"
    )]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// Neither a scheme nor a database file.
    #[error(
        "`{text}` is not a destination; write `sqlite:{text}` for a file, or `postgres://USER@HOST/DATABASE` for a server"
    )]
    NoScheme {
        /// The text.
        text: String,
    },
    /// A database that is gone when the process ends.
    #[error(
        "a database in memory is gone when the run ends, and its state with it; name a file, such as `sqlite:data.db`"
    )]
    InMemory,
    /// A scheme without a file.
    #[error("`sqlite:` names no file; write `sqlite:data.db`, or `sqlite:///folder/data.db` for a full path")]
    NoFile,
    /// SQLite options after the path.
    #[error("a SQLite destination takes no options; remove everything from the `?` in `{text}`")]
    SqliteOptions {
        /// The text.
        text: String,
    },
    /// An option that Postgres' URLs do not have.
    #[error("unknown option `{option}` in the Postgres URL; {advice}")]
    UnknownOption {
        /// The option's name.
        option: String,
        /// Which one was probably meant, or which there are.
        advice: String,
    },
    /// A character of a password that ends the part of the URL that it stands in.
    #[error(
        "the Postgres URL cannot be read: there is a `{character}` where none can be; in a user name or password `#` is \
         written `%23`, `/` is `%2F`, `?` is `%3F` and `@` is `%40` (in a config the filter `urlencode` does that)"
    )]
    StrayCharacter {
        /// The character.
        character: char,
    },
    /// A certificate that nothing would be checked with, or half of one.
    #[error("{0}")]
    Tls(&'static str),
    /// Not a URL.
    #[error("the Postgres URL cannot be read: {reason}")]
    Postgres {
        /// Why not.
        reason: String,
    },
}

const FILE_ENDINGS: [&str; 3] = ["db", "sqlite", "sqlite3"];

/// The options that the driver understands; it ignores all others silently, a misspelt `sslmode` among them.
const POSTGRES_OPTIONS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "connect_timeout",
];

impl DestinationUrl {
    /// Reads `sqlite:data.db`, `sqlite:///folder/data.db`, a path ending in `.db`, `.sqlite` or `.sqlite3`,
    /// `postgres://…` or `postgresql://…`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text == ":memory:" {
            return Err(UrlError::InMemory);
        }
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return parse_sqlite(text, rest.strip_prefix("//").unwrap_or(rest));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return parse_postgres(text);
        }
        let is_file = Path::new(text)
            .extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| FILE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()));
        if is_file && !text.contains("://") {
            return parse_sqlite(text, text);
        }
        match text.split_once(':') {
            // What follows may hold a password, so it is not shown.
            Some((scheme, _)) => Err(UrlError::UnknownScheme {
                scheme: scheme.to_owned(),
            }),
            None => Err(UrlError::NoScheme { text: text.to_owned() }),
        }
    }

    /// The text with the password masked.
    pub fn redacted(&self) -> String {
        self.redacted.clone()
    }

    /// The password in the text, if any, so that it can be masked wherever text is shown.
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(Secret::expose)
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        match self.place {
            Place::Sqlite(_) => Kind::Sqlite,
            Place::Postgres(_) => Kind::Postgres,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the certificates and keys that the URL names are there: the driver does not say which file it misses, and
    /// takes one without a certificate for an empty list of authorities.
    pub(crate) fn check_tls_files(&self) -> Result<(), Cause> {
        for (option, path) in &self.tls_files {
            let text = std::fs::read(path).map_err(|error| Cause::from(error).at_option(option, path))?;
            let (what, marker) = match *option {
                "sslkey" => ("key", "PRIVATE KEY-----"),
                _ => ("certificate", "-----BEGIN CERTIFICATE-----"),
            };
            if !String::from_utf8_lossy(&text).contains(marker) {
                return Err(Cause::new(format!("it holds no {what} in PEM form")).at_option(option, path));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for DestinationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

fn parse_sqlite(text: &str, path: &str) -> Result<DestinationUrl, UrlError> {
    if path == ":memory:" {
        return Err(UrlError::InMemory);
    }
    if path.is_empty() {
        return Err(UrlError::NoFile);
    }
    if path.contains('?') {
        return Err(UrlError::SqliteOptions { text: text.to_owned() });
    }
    Ok(DestinationUrl {
        redacted: format!("sqlite:{path}"),
        password: None,
        tls_files: Vec::new(),
        place: Place::Sqlite(PathBuf::from(path)),
    })
}

fn parse_postgres(text: &str) -> Result<DestinationUrl, UrlError> {
    let unreadable = |reason: String| UrlError::Postgres { reason };
    let mut url = url::Url::parse(text).map_err(|reason| {
        unreadable(format!(
            "{reason}; special characters in a user name or password are written as `%` and two hex digits"
        ))
    })?;
    refuse_stray_characters(&url)?;
    let mut password = url
        .password()
        .map(|password| percent_decode_str(password).decode_utf8_lossy().into_owned());
    for (option, value) in url.query_pairs() {
        if option == "password" {
            password = Some(value.into_owned());
        } else if !POSTGRES_OPTIONS.contains(&&*option) && !option.starts_with("options[") {
            let advice = match did_you_mean(&option, POSTGRES_OPTIONS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are `{}`", POSTGRES_OPTIONS.join("`, `")),
            };
            return Err(UrlError::UnknownOption {
                option: option.into_owned(),
                advice,
            });
        }
    }
    let mut options = PgConnectOptions::from_str(text).map_err(|error| {
        let reason = error.to_string();
        unreadable(match &password {
            Some(password) if !password.is_empty() => reason.replace(password.as_str(), MASK),
            _ => reason,
        })
    })?;
    let tls_files = tls_files(&url);
    let names = |name: &str| url.query_pairs().any(|(option, _)| tls_option(&option) == Some(name));
    if names("sslcert") != names("sslkey") {
        return Err(UrlError::Tls(
            "a client certificate needs its key: the Postgres URL takes `sslcert=FILE` and `sslkey=FILE` together",
        ));
    }
    if names("sslrootcert") {
        // As Postgres' own client does: who names an authority wants the certificate checked.
        match options.get_ssl_mode() {
            PgSslMode::Require => options = options.ssl_mode(PgSslMode::VerifyCa),
            PgSslMode::VerifyCa | PgSslMode::VerifyFull => {}
            PgSslMode::Allow | PgSslMode::Disable | PgSslMode::Prefer => {
                return Err(UrlError::Tls(
                    "the Postgres URL names an `sslrootcert` that nothing would be checked with; write \
                     `sslmode=verify-full` beside it, or `sslmode=verify-ca` to leave the host's name unchecked",
                ));
            }
        }
    }
    if url.password().is_some() {
        // Fails for a URL without a host only, and that has no password.
        let _ = url.set_password(Some(MASK));
    }
    if url.query_pairs().any(|(option, _)| option == "password") {
        let shown: Vec<(String, String)> = url
            .query_pairs()
            .map(|(option, value)| {
                let value = if option == "password" { MASK.into() } else { value };
                (option.into_owned(), value.into_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    Ok(DestinationUrl {
        redacted: url.to_string(),
        password: password.filter(|password| !password.is_empty()).map(Secret::new),
        tls_files,
        place: Place::Postgres(Box::new(options)),
    })
}

/// A `#`, `/` or `?` of a password that was not written as `%` and two digits ends the host's part of the URL, and the
/// rest of the password would be taken for a fragment, a database's name or an option, and be shown.
fn refuse_stray_characters(url: &url::Url) -> Result<(), UrlError> {
    let stray = |character| Err(UrlError::StrayCharacter { character });
    if url.fragment().is_some() {
        return stray('#');
    }
    let database = url.path().trim_start_matches('/');
    for character in ['@', '/'] {
        if database.contains(character) {
            return stray(character);
        }
    }
    for (option, _) in url.query_pairs() {
        let of_option = |character: char| character.is_ascii_alphanumeric() || "-_.[]".contains(character);
        if !option.chars().all(of_option) {
            return stray('?');
        }
    }
    Ok(())
}

/// The files that the URL names. A certificate may be written out in the URL instead, which is no file.
fn tls_files(url: &url::Url) -> Vec<(&'static str, PathBuf)> {
    let mut files = Vec::new();
    for (option, value) in url.query_pairs() {
        if let Some(name) = tls_option(&option)
            && !value.trim_start().starts_with("-----BEGIN")
        {
            files.push((name, PathBuf::from(&*value)));
        }
    }
    files
}

/// The common spelling of an option that names a certificate or a key.
fn tls_option(option: &str) -> Option<&'static str> {
    match option {
        "sslrootcert" | "ssl-root-cert" | "ssl-ca" => Some("sslrootcert"),
        "sslcert" | "ssl-cert" => Some("sslcert"),
        "sslkey" | "ssl-key" => Some("sslkey"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_and_hides_the_password() {
        for (text, kind, redacted, password) in [
            ("sqlite:other.db", Kind::Sqlite, "sqlite:other.db", None),
            ("sqlite://other.db", Kind::Sqlite, "sqlite:other.db", None),
            ("sqlite:///abs/x.db", Kind::Sqlite, "sqlite:/abs/x.db", None),
            ("sqlite:noending", Kind::Sqlite, "sqlite:noending", None),
            ("./a b/x.SQLite3", Kind::Sqlite, "sqlite:./a b/x.SQLite3", None),
            ("postgres://u@h/d", Kind::Postgres, "postgres://u@h/d", None),
            (
                "postgresql://u:p%40ss@h:5433/d?sslmode=require",
                Kind::Postgres,
                "postgresql://u:***@h:5433/d?sslmode=require",
                Some("p@ss"),
            ),
            (
                "postgres://h/d?user=u&password=hunter2",
                Kind::Postgres,
                "postgres://h/d?user=u&password=***",
                Some("hunter2"),
            ),
        ] {
            let url = DestinationUrl::parse(text).unwrap();
            assert_eq!(url.kind(), kind, "{text}");
            assert_eq!(url.redacted(), redacted, "{text}");
            assert_eq!(format!("{url:?}"), redacted, "{text}");
            assert_eq!(url.password(), password, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_without_the_password() {
        for (text, part) in [
            ("", "empty"),
            ("sqlite:", "names no file"),
            ("sqlite::memory:", "in memory"),
            (":memory:", "in memory"),
            ("sqlite:x.db?mode=ro", "takes no options"),
            ("mysql://u:hunter2@h/d", "known are `sqlite:FILE`, `postgres://…`"),
            ("mysql://u:hunter2@h/d.db", "unknown destination `mysql:`"),
            ("data", "write `sqlite:data`"),
            ("postgres://u:hunter2@h:port/d", "cannot be read"),
            ("postgres://u:hunter2@h/d?sslmod=require", "unknown option `sslmod`"),
            ("postgres://u:hunter2@h/d?sslmode=hunter2", "cannot be read"),
            ("postgres://u:12#hunter2@h/d", "there is a `#` where none can be"),
            ("postgres://u:12/hunter2@h/d", "there is a `@` where none can be"),
            ("postgres://u:12?hunter2@h/d", "there is a `?` where none can be"),
            ("postgres://u:hunter2@h/d?sslcert=c.pem", "needs its key"),
            (
                "postgres://u:hunter2@h/d?sslrootcert=ca.pem",
                "write `sslmode=verify-full`",
            ),
            (
                "postgres://u:hunter2@h/d?sslmode=prefer&ssl-ca=ca.pem",
                "write `sslmode=verify-full`",
            ),
        ] {
            let message = DestinationUrl::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{text}: {message}");
        }
    }
}
