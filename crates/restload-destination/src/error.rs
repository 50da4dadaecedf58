//! What can go wrong at a destination, sorted by what the reader can do about it.

use std::fmt;
use std::path::Path;

use restload_model::{DataType, system_error};

/// A destination failed. The text names the act and its object; what the database said is the source.
///
/// No text holds the password: errors are built from redacted URLs, and drivers do not repeat it.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// Another run of the pipeline holds the lock.
    #[error(
        "another run of pipeline `{pipeline}` is loading into {destination}; wait until it has ended, or stop it. The \
         lock goes with its process{}", where_held(.holder.as_ref())
    )]
    Locked {
        /// The pipeline.
        pipeline: String,
        /// The database.
        destination: String,
        /// Who has the lock, and where it is.
        holder: Option<String>,
    },
    /// Another run has begun although this one had the lock, which must have been lost.
    #[error(
        "another run of pipeline `{pipeline}` has begun to load into {destination} and goes on from what was \
         committed; this one had lost its lock and stops"
    )]
    TakenOver {
        /// The pipeline.
        pipeline: String,
        /// The database.
        destination: String,
    },
    /// The database cannot be written to at all.
    #[error("cannot write to {destination}, because it is read-only for this user")]
    ReadOnly {
        /// The database.
        destination: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// There is no connection.
    #[error("cannot reach {destination}")]
    Unreachable {
        /// The database.
        destination: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The user, the password or a right is missing.
    #[error("{act}: the database refuses it to this user")]
    NoPermission {
        /// What was tried.
        act: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// No room.
    #[error("{act}: the disk is full")]
    DiskFull {
        /// What was tried.
        act: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// Another program holds a lock for too long.
    #[error("{act}: another program keeps the database locked")]
    Busy {
        /// What was tried.
        act: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// It took longer than it was given, or somebody stopped it.
    #[error("{act}: it took too long and was stopped")]
    Stopped {
        /// What was tried.
        act: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// What was asked in SQL is not one query that reads.
    #[error("this is not run: {reason}")]
    NotAQuery {
        /// Why not.
        reason: &'static str,
    },
    /// Somebody changed a table so that it no longer takes our values.
    #[error(
        "column `{column}` of table `{table}` was changed to `{found}`, which cannot hold its {expected} values; to \
         mend it, run: {mend_sql}"
    )]
    AlteredTable {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What the database says it holds.
        found: String,
        /// What restload keeps in it.
        expected: DataType,
        /// What brings it back.
        mend_sql: String,
    },
    /// A declared type contradicts what is there.
    #[error(
        "column `{column}` of table `{table}` is declared as {declared}, but {holder} {found} values; declare {joined}, \
         or drop the table and load it again with a full refresh"
    )]
    TypeConflict {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What the config says.
        declared: DataType,
        /// Who contradicts: the table or the data.
        holder: &'static str,
        /// What is there.
        found: DataType,
        /// The type that holds both.
        joined: DataType,
    },
    /// The contract keeps types as they are.
    #[error(
        "column `{column}` of table `{table}` holds {from} values and is declared as {to}, but the schema contract says \
         `data_type: freeze`; declare {from}, or let `data_type` evolve"
    )]
    FrozenType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What it holds.
        from: DataType,
        /// What the config says.
        to: DataType,
    },
    /// The contract keeps the room that a column has.
    #[error(
        "column `{column}` of table `{table}` is declared to take more digits or characters than it does, but the schema \
         contract says `data_type: freeze`; declare the `precision` and `scale` that it has, or let `data_type` evolve"
    )]
    FrozenLimit {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Somebody added a column that has to be set in every row.
    #[error(
        "column `{column}` of table `{table}`, which is not restload's, takes no NULL and has no default, so no row can \
         be added; to mend it, run: {mend_sql}"
    )]
    ForeignNotNull {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What makes rows possible again.
        mend_sql: String,
    },
    /// Somebody dropped a column that rows are found by.
    #[error(
        "column `{column}` of table `{table}` was dropped, and the rows are found by it; what it held cannot be made \
         again from the table, so load the resource again with a full refresh"
    )]
    KeyDropped {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A view shows a column that has to become wider, and Postgres changes no such column.
    #[error(
        "column `{column}` of table `{table}` has to become wider ({to}), and Postgres changes no column that a view \
         shows; take the view away, load again, and make it again: {mend_sql}"
    )]
    ShownByView {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What it has to hold.
        to: DataType,
        /// What takes the views away, and what makes them again.
        mend_sql: String,
    },
    /// A view has the name of a table.
    #[error("`{table}` is a view, and restload's rows need a table of that name; to mend it, run: {mend_sql}")]
    View {
        /// The name.
        table: String,
        /// What frees the name.
        mend_sql: String,
    },
    /// A column that is declared unique is not.
    #[error(
        "column `{column}` of table `{table}` is declared `unique: true`, but several rows have the same value; remove \
         the duplicates, or the hint"
    )]
    NotUnique {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// The rows of a table that is to be merged are not unique by the key.
    #[error(
        "table `{table}` already holds several rows with the same {}, so rows cannot be merged by it; remove the \
         duplicates, or load the resource again with a full refresh", key_names(.key)
    )]
    DuplicateKeys {
        /// The table.
        table: String,
        /// The key columns.
        key: Vec<String>,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// A table that somebody else has made stands where the user wants to start over.
    #[error(
        "table `{table}` was made by {}, so a refresh does not touch it; load without it, or remove the table yourself",
        maker(.owner.as_ref())
    )]
    ForeignTable {
        /// The table.
        table: String,
        /// The pipeline that made it, if it was one of ours.
        owner: Option<String>,
    },
    /// Rows were refused. Nothing of the step was kept.
    #[error("cannot write {row_count} rows to table `{table}`")]
    Write {
        /// The table.
        table: String,
        /// How many rows were to be written.
        row_count: u64,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// Anything else that the database refused.
    #[error("{act}")]
    Database {
        /// What was tried.
        act: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// The dataset's name cannot be a schema.
    #[error("`{dataset}` cannot be a dataset: {reason}")]
    Dataset {
        /// The name.
        dataset: String,
        /// Why not.
        reason: &'static str,
    },
    /// The caller broke the order of calls.
    #[error("{0}")]
    Misuse(String),
}

impl DestinationError {
    /// What the database said of rows that hold what it does not take.
    pub(crate) fn refusal(&self) -> Option<&Cause> {
        match self {
            Self::Write { source, .. } if matches!(source.kind, CauseKind::Duplicate | CauseKind::Refused) => {
                Some(source)
            }
            _ => None,
        }
    }
}

impl DestinationError {
    /// The same with other words of the cause.
    pub(crate) fn with_cause(mut self, text: String) -> Self {
        if let Self::Write { source, .. } = &mut self {
            source.text = text;
        }
        self
    }
}

fn where_held(holder: Option<&String>) -> String {
    holder.map_or_else(String::new, |holder| format!(" ({holder})"))
}

fn maker(owner: Option<&String>) -> String {
    owner.map_or_else(|| "somebody else".to_owned(), |owner| format!("pipeline `{owner}`"))
}

fn key_names(key: &[String]) -> String {
    let names: Vec<String> = key.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What a database or the system said, in one line.
#[derive(Debug)]
pub struct Cause {
    text: String,
    kind: CauseKind,
}

/// The reasons that a caller can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CauseKind {
    ReadOnly,
    Unreachable,
    NoPermission,
    DiskFull,
    Busy,
    Stopped,
    Duplicate,
    /// What a row holds cannot be stored.
    Refused,
    Other,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {}

impl Cause {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            kind: CauseKind::Other,
        }
    }

    /// The same, with the file or folder that it happened to.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self {
            text: format!("`{}`: {}", path.display(), self.text),
            ..self
        }
    }

    /// The same, with the option of the URL that names the file.
    pub(crate) fn at_option(self, option: &str, path: &Path) -> Self {
        Self {
            text: format!("`{option}={}`: {}", path.display(), self.text),
            kind: CauseKind::Unreachable,
        }
    }

    /// The same, with the statements that would give a missing right.
    pub(crate) fn advise_rights(mut self, statements: &[String]) -> Self {
        if self.kind == CauseKind::NoPermission && !statements.is_empty() {
            let statements = statements.join("; ");
            self.text = format!("{}; to give it the right, have the owner run: {statements}", self.text);
        }
        self
    }

    /// Whether others hold a lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.kind == CauseKind::Busy
    }

    pub(crate) fn is_duplicate(&self) -> bool {
        self.kind == CauseKind::Duplicate
    }

    /// The error of an act that is not about rows.
    pub(crate) fn during(self, act: impl Into<String>, destination: &str) -> DestinationError {
        let act = act.into();
        let destination = destination.to_owned();
        match self.kind {
            CauseKind::ReadOnly => DestinationError::ReadOnly {
                destination,
                source: self,
            },
            CauseKind::Unreachable => DestinationError::Unreachable {
                destination,
                source: self,
            },
            CauseKind::NoPermission => DestinationError::NoPermission { act, source: self },
            CauseKind::DiskFull => DestinationError::DiskFull { act, source: self },
            CauseKind::Busy => DestinationError::Busy { act, source: self },
            CauseKind::Stopped => DestinationError::Stopped { act, source: self },
            CauseKind::Duplicate | CauseKind::Refused | CauseKind::Other => {
                DestinationError::Database { act, source: self }
            }
        }
    }

    /// The error of writing rows.
    pub(crate) fn writing(self, table: &str, row_count: u64, destination: &str) -> DestinationError {
        match self.kind {
            CauseKind::Duplicate | CauseKind::Refused | CauseKind::Other => DestinationError::Write {
                table: table.to_owned(),
                row_count,
                source: self,
            },
            _ => self.during(format!("cannot write {row_count} rows to table `{table}`"), destination),
        }
    }
}

impl From<std::io::Error> for Cause {
    fn from(error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => CauseKind::ReadOnly,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => CauseKind::DiskFull,
            _ => CauseKind::Other,
        };
        Self {
            text: system_error::in_words(&error),
            kind,
        }
    }
}

impl From<sqlx::Error> for Cause {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => {
                let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                let text = of_tls.map_or_else(|| system_error::in_words(&error), tls_in_words);
                let kind = CauseKind::Unreachable;
                Self { text, kind }
            }
            sqlx::Error::Tls(error) => {
                let text = match error.downcast_ref::<rustls::Error>() {
                    Some(error) => tls_in_words(error),
                    // The driver's own words for an answer of the server.
                    None if error.to_string() == "server does not support TLS" => {
                        "the server offers no TLS; `sslmode=prefer` goes without where there is none".to_owned()
                    }
                    None => format!("TLS: {error}"),
                };
                let kind = CauseKind::Unreachable;
                Self { text, kind }
            }
            sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Self {
                text: "the connection is closed".to_owned(),
                kind: CauseKind::Unreachable,
            },
            sqlx::Error::Database(error) => {
                if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    return from_postgres(error);
                }
                let code = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
                from_sqlite(code, error.message())
            }
            error => Self::new(error.to_string()),
        }
    }
}

/// What is wrong with a server's certificate, and what to do about it.
fn tls_in_words(error: &rustls::Error) -> String {
    use rustls::CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    let rustls::Error::InvalidCertificate(reason) = error else {
        return format!("TLS: {error}");
    };
    let checks_the_name = "`sslmode=verify-full` wants a name that the certificate is for; `sslmode=verify-ca` leaves it \
                           unchecked";
    match reason {
        UnknownIssuer | BadSignature => "the server's certificate was not issued by an authority that is known here; \
                                         name a file with the authority's own certificate by `sslrootcert=FILE`"
            .to_owned(),
        NotValidForName => format!("the server's certificate is for another name; {checks_the_name}"),
        NotValidForNameContext { expected, presented } => {
            let names = presented.iter().map(|name| match name.split_once("(\"") {
                Some((_, name)) => format!("`{}`", name.trim_end_matches("\")")),
                None => format!("`{name}`"),
            });
            format!(
                "the server's certificate is for {}, not for `{}`; {checks_the_name}",
                names.collect::<Vec<_>>().join(", "),
                expected.to_str()
            )
        }
        Expired | ExpiredContext { .. } => "the server's certificate has expired".to_owned(),
        // A certificate that is its own authority, as `openssl req -x509` makes it.
        _ if reason.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is one of an authority, and cannot be checked as a server's; make one with \
             `basicConstraints=CA:FALSE`, or encrypt without checking it with `sslmode=require`"
                .to_owned()
        }
        _ => format!("TLS: {error}"),
    }
}

fn from_postgres(error: &sqlx::postgres::PgDatabaseError) -> Cause {
    let mut text = error.message().to_owned();
    for part in [error.detail(), error.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(part.trim_end_matches('.'));
    }
    // Tells the line and the column of a copy; for other statements it is a stack of function calls.
    if let Some(place) = error.r#where().filter(|place| place.starts_with("COPY ")) {
        text.push_str("; ");
        text.push_str(place.lines().next().unwrap_or(place));
    }
    let kind = match error.code() {
        "25006" => CauseKind::ReadOnly,
        "42501" | "28P01" | "28000" => CauseKind::NoPermission,
        "53100" => CauseKind::DiskFull,
        "55P03" | "40P01" | "40001" => CauseKind::Busy,
        "57014" => CauseKind::Stopped,
        "23505" => CauseKind::Duplicate,
        // Values out of range, constraints, and what is too large for an index or a row.
        code if ["22", "23", "54"].contains(&&code[..2.min(code.len())]) => CauseKind::Refused,
        // No such database, too many connections, shutting down, starting up.
        "3D000" | "53300" | "57P01" | "57P02" | "57P03" => CauseKind::Unreachable,
        _ => CauseKind::Other,
    };
    Cause { text, kind }
}

fn from_sqlite(extended_code: u32, message: &str) -> Cause {
    // The low byte is the primary code; the rest tells variants apart.
    let kind = match (extended_code & 0xff, extended_code) {
        (8 | 3, _) => CauseKind::ReadOnly,
        (13, _) => CauseKind::DiskFull,
        (14, _) => CauseKind::Unreachable,
        (5 | 6, _) => CauseKind::Busy,
        (9, _) => CauseKind::Stopped,
        (_, 2067 | 1555) => CauseKind::Duplicate,
        (18..=20, _) => CauseKind::Refused,
        _ => CauseKind::Other,
    };
    Cause {
        text: message.to_owned(),
        kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_codes_become_what_the_reader_can_do_about_them() {
        for (code, start) in [
            (8, "cannot write to sqlite:x.db, because it is read-only"),
            (1544, "cannot write to sqlite:x.db, because it is read-only"),
            (13, "cannot commit: the disk is full"),
            (14, "cannot reach sqlite:x.db"),
            (5, "cannot commit: another program keeps the database locked"),
            (9, "cannot commit: it took too long and was stopped"),
            (517, "cannot commit: another program keeps the database locked"),
            (2067, "cannot commit"),
            (1, "cannot commit"),
        ] {
            let error = from_sqlite(code, "said so").during("cannot commit", "sqlite:x.db");
            assert!(error.to_string().starts_with(start), "{code}: {error}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(source, "said so");
        }
    }

    #[test]
    fn files_that_cannot_be_written_are_told_apart() {
        for (kind, expected) in [
            (std::io::ErrorKind::PermissionDenied, CauseKind::ReadOnly),
            (std::io::ErrorKind::ReadOnlyFilesystem, CauseKind::ReadOnly),
            (std::io::ErrorKind::StorageFull, CauseKind::DiskFull),
            (std::io::ErrorKind::NotADirectory, CauseKind::Other),
        ] {
            assert_eq!(Cause::from(std::io::Error::from(kind)).kind, expected, "{kind}");
        }
    }

    #[test]
    fn rows_that_are_refused_name_their_table() {
        let error = from_sqlite(2067, "UNIQUE constraint failed").writing("t", 3, "sqlite:x.db");
        assert_eq!(error.to_string(), "cannot write 3 rows to table `t`");
        let error = from_sqlite(13, "database or disk is full").writing("t", 3, "sqlite:x.db");
        assert_eq!(error.to_string(), "cannot write 3 rows to table `t`: the disk is full");
    }
}
