//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Loads REST APIs into SQLite or Postgres, as a YAML file describes them.
#[derive(Debug, Parser)]
#[command(name = "restload", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more: once for requests sent again and commits, twice for every page.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Say nothing but errors and the result.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  everything was loaded, or nothing was wrong
  1  a resource failed or the run was interrupted; what was whole is committed
  2  the command line or the config is wrong; nothing was requested";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a pipeline's resources into its destination.
    Run(RunArgs),
    /// Show every mistake in a config. Nothing is requested.
    Check(ConfigArgs),
    /// Show the resources in order and the first request of each. Nothing is requested.
    Plan(PlanArgs),
    /// Print the JSON Schema of a config, for editors.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// A config and its variables.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The config file, such as `configs/pushover.yaml`.
    pub(crate) config: PathBuf,
    /// Give one of the config's `vars` another value; JSON, or text.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub(crate) vars: Vec<(String, serde_json::Value)>,
}

/// What `plan` takes.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Only these resources.
    #[arg(long, value_name = "RESOURCE,…", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Text for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The destination: `sqlite:FILE` or `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// The Postgres schema that takes the tables.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Load only these resources, also ones that the config does not select.
    #[arg(long, value_name = "RESOURCE,…", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Load at most this many records of each resource, as a sample. A table that is replaced then holds no others.
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Forget what is stored of the resources, and replace their rows by this load's.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) full_refresh: bool,
    /// Load from a simulator of the API on this machine; no account is needed.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Text for people, or JSON for programs, on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

fn parse_var(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.trim().to_owned(), value))
}
