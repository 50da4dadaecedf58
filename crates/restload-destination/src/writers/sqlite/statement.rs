//! A statement by SQLite's own interface, for the rows of a step.
//!
//! sqlx takes bound values over: each text is copied into an allocation of its own, and SQLite copies it once more. Here
//! SQLite reads texts where they lie, in the columns of the batch. It saves a fifth of the instructions of a load
//! (docs/performance.md), and is the only `unsafe` code of restload.

#![expect(
    unsafe_code,
    reason = "values are bound where they lie, which only SQLite's C interface offers"
)]

use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};

use libsqlite3_sys as ffi;
use restload_model::batch::Cell;
use sqlx::sqlite::LockedSqliteHandle;

use super::cell_text;
use crate::error::Cause;

/// A prepared statement that changes rows. While it lives, nobody else uses the connection.
pub(super) struct Statement<'h, 'c> {
    handle: &'h mut LockedSqliteHandle<'c>,
    prepared: NonNull<ffi::sqlite3_stmt>,
    parameter_count: usize,
    /// Reused for moments.
    text: String,
}

impl<'h, 'c> Statement<'h, 'c> {
    pub(super) fn prepare(handle: &'h mut LockedSqliteHandle<'c>, sql: &str) -> Result<Self, Cause> {
        let mut statement = ptr::null_mut();
        let length = c_int::try_from(sql.len()).map_err(|_| Cause::new("the statement is too long"))?;
        // SAFETY: the handle is a live connection that nobody else uses while we hold it; the text has `length` bytes and
        // is only read during the call; what is beyond it is not asked for.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(
                handle.as_raw_handle().as_ptr(),
                sql.as_ptr().cast::<c_char>(),
                length,
                0,
                &raw mut statement,
                ptr::null_mut(),
            )
        };
        let Some(statement) = NonNull::new(statement).filter(|_| code == ffi::SQLITE_OK) else {
            return Err(cause(handle));
        };
        // SAFETY: the statement was just prepared.
        let parameter_count = unsafe { ffi::sqlite3_bind_parameter_count(statement.as_ptr()) };
        Ok(Self {
            handle,
            prepared: statement,
            parameter_count: parameter_count as usize,
            text: String::new(),
        })
    }

    /// Runs the statement with these values, of which there must be one for each parameter, and says how many rows it has
    /// changed.
    pub(super) fn execute<'v>(&mut self, cells: impl Iterator<Item = Cell<'v>>) -> Result<u64, Cause> {
        let mut bound = 0;
        for cell in cells {
            bound += 1;
            // SAFETY: what is bound lives as long as `'v`, which is longer than this call. SQLite reads it in no other
            // function than `sqlite3_step`, and that is only called below, when every parameter has been bound anew.
            let code = unsafe { self.bind(bound as c_int, cell) };
            if code != ffi::SQLITE_OK {
                return Err(cause(self.handle));
            }
        }
        if bound != self.parameter_count {
            return Err(Cause::new(
                "a statement was given another number of values than it takes",
            ));
        }
        // SAFETY: the statement is alive, and all of its parameters are bound to values that are.
        let code = unsafe {
            let mut code = ffi::sqlite3_step(self.prepared.as_ptr());
            while code == ffi::SQLITE_ROW {
                code = ffi::sqlite3_step(self.prepared.as_ptr());
            }
            code
        };
        let ended = if code == ffi::SQLITE_DONE {
            // SAFETY: the connection is alive.
            let changed = unsafe { ffi::sqlite3_changes64(self.handle.as_raw_handle().as_ptr()) };
            Ok(changed.unsigned_abs())
        } else {
            Err(cause(self.handle))
        };
        // SAFETY: the statement is alive. That it failed is told above.
        unsafe { ffi::sqlite3_reset(self.prepared.as_ptr()) };
        ended
    }

    /// Binds a value.
    ///
    /// # Safety
    ///
    /// The value must live until the parameter is bound anew, or the statement is not run any more.
    unsafe fn bind(&mut self, place: c_int, cell: Cell<'_>) -> c_int {
        let statement = self.prepared.as_ptr();
        let lying = |text: &str, destructor| {
            // SAFETY: the statement is alive, and the pointer and the length are those of a text, for which the caller
            // vouches.
            unsafe {
                ffi::sqlite3_bind_text64(
                    statement,
                    place,
                    text.as_ptr().cast::<c_char>(),
                    text.len() as u64,
                    destructor,
                    ffi::SQLITE_UTF8 as u8,
                )
            }
        };
        match cell {
            // SAFETY: the statement is alive; so it is below.
            Cell::Null => unsafe { ffi::sqlite3_bind_null(statement, place) },
            Cell::Bool(flag) => unsafe { ffi::sqlite3_bind_int64(statement, place, i64::from(flag)) },
            Cell::Bigint(number) => unsafe { ffi::sqlite3_bind_int64(statement, place, number) },
            Cell::Double(number) => unsafe { ffi::sqlite3_bind_double(statement, place, number) },
            // SAFETY: as for a text.
            Cell::Binary(bytes) => unsafe {
                let length = bytes.len() as u64;
                ffi::sqlite3_bind_blob64(statement, place, bytes.as_ptr().cast(), length, ffi::SQLITE_STATIC())
            },
            Cell::Text(text) | Cell::Numeric(text) | Cell::Json(text) => lying(text, ffi::SQLITE_STATIC()),
            Cell::Timestamp(_) | Cell::TimestampNtz(_) | Cell::Date(_) | Cell::Time(_) => {
                cell_text(&mut self.text, cell);
                // The next moment takes its place, so SQLite is to keep a copy.
                lying(&self.text, ffi::SQLITE_TRANSIENT())
            }
        }
    }
}

impl Drop for Statement<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: the statement is alive, and not used afterwards.
        unsafe { ffi::sqlite3_finalize(self.prepared.as_ptr()) };
    }
}

/// What went wrong last.
fn cause(handle: &mut LockedSqliteHandle<'_>) -> Cause {
    match handle.last_error() {
        Some(error) => sqlx::Error::Database(Box::new(error)).into(),
        None => Cause::new("SQLite failed without saying why"),
    }
}
