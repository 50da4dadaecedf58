//! Transactions, locks and settings of a connection.

use super::{Dialect, Sql};
use crate::url::Kind;

impl Dialect {
    /// SQLite takes the write lock at once: a transaction that turns from reading to writing later can be refused
    /// without a wait.
    pub(crate) fn begin(&self) -> Sql {
        Sql::new(match self.kind {
            Kind::Postgres => "BEGIN",
            Kind::Sqlite => "BEGIN IMMEDIATE",
        })
    }

    pub(crate) fn commit() -> Sql {
        Sql::new("COMMIT")
    }

    pub(crate) fn rollback() -> Sql {
        Sql::new("ROLLBACK")
    }

    /// From here on, what is done can be undone without the rest of the transaction.
    pub(crate) fn savepoint() -> Sql {
        Sql::new("SAVEPOINT _rl_rows")
    }

    pub(crate) fn rollback_to_savepoint() -> Sql {
        Sql::new("ROLLBACK TO SAVEPOINT _rl_rows")
    }

    pub(crate) fn release_savepoint() -> Sql {
        Sql::new("RELEASE SAVEPOINT _rl_rows")
    }

    pub(crate) fn wait_two_seconds() -> Sql {
        Sql::new("SET lock_timeout = '2s'")
    }

    pub(crate) fn wait_as_before() -> Sql {
        Sql::new("RESET lock_timeout")
    }

    pub(crate) fn take_session_lock() -> Sql {
        Sql::new("SELECT pg_advisory_lock($1)::text")
    }

    pub(crate) fn release_session_lock() -> Sql {
        Sql::new("SELECT pg_advisory_unlock($1)::text")
    }

    pub(crate) fn take_transaction_lock() -> Sql {
        Sql::new("SELECT pg_advisory_xact_lock($1)::text")
    }

    /// Postgres: keeps others from altering the tables until the transaction ends.
    pub(crate) fn hold_tables<N: AsRef<str>>(&self, tables: &[N]) -> Sql {
        Sql::new("LOCK TABLE ")
            .list(tables, ", ", |sql, table| sql.push(&self.table(table.as_ref())))
            .text(" IN ROW EXCLUSIVE MODE")
    }
}
