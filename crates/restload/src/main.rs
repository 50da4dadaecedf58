//! The restload command.

mod cli;
mod commands;
mod config;
mod demo;
mod grid;
mod init;
mod load;
mod names;
mod pipeline;
mod probes;
mod progress;
mod proposal;
mod recording;
mod reference;
mod sample;
mod summary;
mod table;
mod terminal;
mod yaml;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command};
use commands::{CommandError, OK, Outcome};
use terminal::Terminal;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.verbose, cli.quiet, cli.log_format);
    match dispatch(&cli, &terminal) {
        Ok(code) => code,
        Err(error) => {
            terminal.error(&error.message);
            ExitCode::from(error.code)
        }
    }
}

fn dispatch(cli: &Cli, terminal: &Terminal) -> Outcome {
    match &cli.command {
        Command::Init(args) => commands::init::init(args, terminal),
        Command::Check(args) if args.connect => runtime()?.block_on(commands::check::connect(args, terminal)),
        Command::Check(args) => commands::check::check(args, terminal),
        Command::Plan(args) => commands::plan::plan(args, terminal),
        Command::Config(args) => commands::config::config(args, terminal),
        Command::Explain(args) => commands::explain::explain(args, terminal),
        Command::Man { folder } => commands::man::man(folder, terminal),
        Command::Schema => {
            terminal.print(&serde_json::to_string_pretty(&config::schema()).unwrap_or_default())?;
            Ok(ExitCode::from(OK))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "restload", &mut script);
            terminal.print(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::from(OK))
        }
        Command::Discover(args) => runtime()?.block_on(commands::discover::discover(args, terminal)),
        Command::Preview(args) => runtime()?.block_on(commands::preview::preview(args, terminal)),
        Command::Run(args) => runtime()?.block_on(commands::run::run(args, terminal)),
        Command::Test(args) => runtime()?.block_on(commands::test::test(args, terminal)),
        Command::State(args) => runtime()?.block_on(commands::state::state(args, terminal)),
        Command::Show(args) => runtime()?.block_on(commands::show::show(args, terminal)),
        Command::Loads(args) => runtime()?.block_on(commands::loads::loads(args, terminal)),
    }
}

/// What waits for others: the thread that calls. One is enough for sockets, as pages are read and rows are written on
/// threads of their own, and each thread keeps memory for itself.
fn runtime() -> Result<Runtime, CommandError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| CommandError::failed(format!("error: the event loop cannot be started: {error}")))
}
