//! Transactions, locks and settings of a connection.

use super::{Dialect, Sql};
use crate::url::Kind;

impl Dialect {
    /// SQLite takes the write lock at once: a transaction that turns from reading to writing later can be refused
    /// without a wait. Postgres is told what a role or a database may have set otherwise, here rather than for the
    /// session, which a pooler may change from one transaction to the next. Statements are compiled for long work on many
    /// rows; ours are many and short, and take longer to compile than to run.
    pub(crate) fn begin(&self) -> Sql {
        Sql::new(match self.kind {
            Kind::Postgres => {
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL extra_float_digits = 3; SET LOCAL jit = off"
            }
            Kind::Sqlite => "BEGIN IMMEDIATE",
        })
    }

    /// A transaction that only reads, and reads one state of the database throughout.
    pub(crate) fn begin_reading(&self) -> Sql {
        Sql::new(match self.kind {
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL extra_float_digits = 3",
            Kind::Sqlite => "BEGIN",
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

    /// Postgres: a transaction for a lock to live in. It reads no rows, so it keeps no old ones from being cleaned up.
    pub(crate) fn begin_holding(key: i64) -> Sql {
        let begin = Sql::new("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL lock_timeout = '2s'");
        Sql::all_of([begin, Self::transaction_lock(key)])
    }

    /// Postgres: lets the transaction stand idle as long as it takes; one of the settings came with Postgres 17.
    pub(crate) fn hold_without_end() -> Sql {
        Sql::new(
            "SELECT set_config(name, '0', true) \
             FROM unnest(ARRAY['idle_in_transaction_session_timeout', 'transaction_timeout']) AS name \
             WHERE current_setting(name, true) IS NOT NULL",
        )
    }

    /// Postgres: how long a transaction waits for what others have locked.
    pub(crate) fn wait_ten_seconds() -> Sql {
        Sql::new("SET LOCAL lock_timeout = '10s'")
    }

    /// Postgres: who has an advisory lock, as process, since when, and from where.
    pub(crate) fn lock_holder() -> Sql {
        Sql::new(
            "SELECT l.pid::text, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"'), \
             host(a.client_addr) FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
             AND ((l.classid::bigint << 32) | l.objid::bigint) = $1",
        )
    }

    /// Postgres: begins a transaction that does not wait for others without end, and takes such a lock, in one message.
    pub(crate) fn begin_with_lock_briefly(&self, key: i64) -> Sql {
        Sql::all_of([self.begin(), Self::wait_ten_seconds(), Self::transaction_lock(key)])
    }

    fn transaction_lock(key: i64) -> Sql {
        Sql::new("SELECT pg_advisory_xact_lock(").integer(key).text(")")
    }

    /// Postgres: begins a transaction and takes several such locks, in one message.
    pub(crate) fn begin_with_locks(&self, keys: &[i64]) -> Sql {
        let locks = keys.iter().map(|key| Self::transaction_lock(*key));
        Sql::all_of([self.begin()].into_iter().chain(locks))
    }

    /// Postgres: keeps others from altering the tables until the transaction ends.
    pub(crate) fn hold_tables<N: AsRef<str>>(&self, tables: &[N]) -> Sql {
        Sql::new("LOCK TABLE ")
            .list(tables, ", ", |sql, table| sql.push(&self.table(table.as_ref())))
            .text(" IN ROW EXCLUSIVE MODE")
    }
}
