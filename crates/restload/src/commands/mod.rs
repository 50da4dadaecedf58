//! One file per command. A command gives the process its exit code.

mod asking;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod discover;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod loads;
pub(crate) mod man;
mod place;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod test;

use std::process::ExitCode;

/// Everything went well.
pub(crate) const OK: u8 = 0;
/// A resource failed or the run was interrupted.
pub(crate) const FAILED: u8 = 1;
/// The command line or the config is wrong.
pub(crate) const USAGE: u8 = 2;

/// How a command ended.
pub(crate) type Outcome = Result<ExitCode, CommandError>;

/// A command that could not do its work, with the whole text to show.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl CommandError {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            message: message.into(),
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: FAILED,
            message: message.into(),
        }
    }
}

impl From<crate::pipeline::Refused> for CommandError {
    fn from(refused: crate::pipeline::Refused) -> Self {
        Self {
            code: USAGE,
            message: refused.report,
        }
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("error: the result could not be written: {error}"))
    }
}
