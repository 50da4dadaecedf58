//! The benchmark of restload: `run` compares it with hand-written programs (`limit`) that load the same data from the
//! same loopback server (`serve`). `scripts/bench` is the way to start it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]

mod driver;
mod error;
mod limit;
mod measure;
mod pages;
mod records;
mod server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::driver::RunOptions;
use crate::error::{BenchError, During as _};
use crate::limit::LimitProgram;
use crate::server::SiteOptions;

/// Compares restload with hand-written programs that do the same work.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare, and print one table.
    Run(RunOptions),
    /// Serve invented data on the loopback interface until the input ends.
    Serve(SiteOptions),
    /// Run one hand-written program.
    Limit {
        program: LimitProgram,
        /// Where the server is.
        #[arg(long)]
        base_url: String,
        /// The database, as in `sqlite:bench.db` or `postgres://…`.
        #[arg(long)]
        to: String,
    },
    /// Run a command and print what it took as JSON.
    #[command(hide = true)]
    Measure {
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), BenchError> {
    match command {
        Command::Run(options) => {
            let outcome = one_thread()?.block_on(driver::run(&options, &|line| eprintln!("{line}")))?;
            println!("{}", outcome.markdown);
            if !outcome.failed.is_empty() {
                return Err(BenchError::new(format!(
                    "not as it should be: {}",
                    outcome.failed.join("; ")
                )));
            }
        }
        Command::Serve(options) => one_thread()?.block_on(server::serve(options, |url| println!("{url}")))?,
        Command::Limit { program, base_url, to } => {
            let runtime = Builder::new_multi_thread().enable_all().build();
            let runtime = runtime.during("could not start the runtime")?;
            runtime.block_on(limit::run(program, &base_url, &to))?;
        }
        // No runtime here: this process must stay small.
        Command::Measure { command } => {
            let measurement = measure::measure(&command)?;
            println!(
                "{}",
                serde_json::to_string(&measurement).during("could not write the measurement")?
            );
        }
    }
    Ok(())
}

fn one_thread() -> Result<Runtime, BenchError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.during("could not start the runtime")
}
