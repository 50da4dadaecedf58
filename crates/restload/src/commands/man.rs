//! `restload man`: manual pages, one for each command.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;

use super::{CommandError, OK, Outcome};
use crate::cli::Cli;
use crate::terminal::Terminal;

pub(crate) fn man(folder: &Path, terminal: &Terminal) -> Outcome {
    let failed = |error: std::io::Error| {
        let reason = restload_model::system_error::in_words(&error);
        CommandError::failed(format!(
            "error: the pages could not be written to `{}`: {reason}",
            folder.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    terminal.say(&format!(
        "the manual pages are in `{0}`: man -l {0}/restload.1",
        folder.display()
    ));
    Ok(ExitCode::from(OK))
}
