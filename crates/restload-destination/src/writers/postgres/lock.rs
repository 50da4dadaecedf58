//! The lock of a run, on a connection of its own.
//!
//! It is an advisory lock of one transaction that stays open, idle, for as long as the run lasts. A lock of the session
//! would do without the second connection, and would be worth nothing behind a pooler that gives every transaction
//! another session, such as PgBouncer in transaction mode: it would stay with a session of the pooler's after the run.
//!
//! The lock keeps a second run from beginning. That a run whose lock was lost writes nothing more is held by every
//! commit, which updates the load's own record on the condition that nobody has marked it as interrupted.

use sqlx::postgres::{PgAdvisoryLock, PgAdvisoryLockKey, PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Row as _};

use crate::error::Cause;
use crate::sql::Dialect;

/// A transaction that holds the lock until it ends.
pub(super) struct RunLock(PgConnection);

/// What came of asking for the lock.
pub(super) enum Asked {
    Taken(RunLock),
    /// Somebody has it. Who, as far as the server tells this user.
    Held(Option<String>),
}

impl RunLock {
    /// Asks for the lock. The server may take a moment to notice that the last run's connection is gone, hence the wait.
    pub(super) async fn take(options: &PgConnectOptions, key: i64) -> Result<Asked, Cause> {
        let mut connection = PgConnection::connect_with(options).await?;
        let taken = sqlx::raw_sql(Dialect::begin_holding(key).into_safe())
            .execute(&mut connection)
            .await;
        match taken.map_err(Cause::from) {
            Ok(_) => {}
            Err(cause) if cause.is_busy() => {
                sqlx::raw_sql(Dialect::rollback().into_safe())
                    .execute(&mut connection)
                    .await?;
                let holder = holder(&mut connection, key).await;
                drop(connection.close().await);
                return Ok(Asked::Held(holder));
            }
            Err(cause) => return Err(cause),
        }
        sqlx::raw_sql(Dialect::hold_without_end().into_safe())
            .execute(&mut connection)
            .await?;
        Ok(Asked::Taken(Self(connection)))
    }

    /// Gives the lock back. A connection that is gone has given it back already.
    pub(super) async fn release(mut self) {
        let ended = sqlx::raw_sql(Dialect::commit().into_safe()).execute(&mut self.0).await;
        drop(ended);
        drop(self.0.close().await);
    }
}

/// The session that has the lock, in words.
async fn holder(connection: &mut PgConnection, key: i64) -> Option<String> {
    let row = sqlx::query(Dialect::lock_holder().into_safe())
        .bind(key)
        .persistent(false)
        .fetch_optional(connection)
        .await
        .ok()??;
    let pid: String = row.try_get(0).ok()?;
    let since: Option<String> = row.try_get(1).ok()?;
    let address: Option<String> = row.try_get(2).ok()?;
    let address = address.map_or_else(String::new, |address| format!(", from {address}"));
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    Some(format!(
        "held{since} by the server's process {pid}{address}; should its run be gone, `SELECT \
         pg_terminate_backend({pid})` gives the lock back"
    ))
}

/// A number that stands for the texts, the same on every machine.
pub(super) fn key(parts: &[&str]) -> i64 {
    let lock = PgAdvisoryLock::new(parts.join("\0"));
    match lock.key() {
        PgAdvisoryLockKey::BigInt(key) => *key,
        // `new` gives the one-number kind only; the type has others for callers that bring their own numbers.
        PgAdvisoryLockKey::IntPair(high, low) => (i64::from(*high) << 32) | i64::from(*low as u32),
        _ => 0,
    }
}
