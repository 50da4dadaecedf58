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
    #[arg(short, long, global = true, display_order = 101, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Say nothing but errors and the result.
    #[arg(short, long, global = true, display_order = 102)]
    pub(crate) quiet: bool,
    /// How messages are written: text for people, or JSON, a line each.
    #[arg(long, global = true, display_order = 103, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  everything was loaded, or nothing was wrong
  1  a resource failed or the run was interrupted; what was whole is committed
  2  the command line or the config is wrong; nothing was requested";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a first config: from questions, from an OpenAPI document, or from a config of dlt. Nothing is requested.
    Init(InitArgs),
    /// Load a pipeline's resources into its destination.
    Run(RunArgs),
    /// Show every mistake in a config. With --connect its API is tried, else nothing is requested.
    Check(CheckArgs),
    /// Show the resources in order and the first request of each. Nothing is requested.
    Plan(PlanArgs),
    /// Show a few records of a resource, and the tables they would make. Nothing is written.
    Preview(PreviewArgs),
    /// Propose what a config could say of a resource, by a page or two of it; --write puts it there. Nothing is loaded.
    Discover(DiscoverArgs),
    /// Run a pipeline on recorded answers, offline, and compare the tables with those kept beside them.
    Test(TestArgs),
    /// Show what is stored of a pipeline's resources, or forget it.
    State(StateArgs),
    /// Show how a pipeline's runs went.
    Loads(LoadsArgs),
    /// Show what is stored as a local web page: runs, tables, state, rejects, and SQL that only reads.
    Show(ShowArgs),
    /// Show a config as a run sees it: in full, each value with where it comes from, secrets masked. Nothing is requested.
    Config(StoredArgs),
    /// Show the reference of a config's keys.
    Explain(ExplainArgs),
    /// Print the JSON Schema of a config, for editors.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages, one for each command.
    Man {
        /// The folder for them, such as `~/.local/share/man/man1`.
        folder: PathBuf,
    },
}

/// A config and its variables.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// The config file, such as `configs/pushover.yaml`.
    pub(crate) config: PathBuf,
    /// Give one of the config's `vars` another value; JSON, or text.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub(crate) vars: Vec<(String, serde_json::Value)>,
}

/// What `init` takes.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The config file to write; one with the pipeline's name when absent.
    pub(crate) config: Option<PathBuf>,
    /// Make it from a document: an OpenAPI 3 description, or a dumped `RESTAPIConfig` of dlt, in JSON or YAML.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["auth", "key_name", "key_in", "token_url", "path"])]
    pub(crate) from: Option<PathBuf>,
    /// Where the API is, such as `https://api.example.com/v1`. With `--from` it takes the place of what the document says.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// How the API knows who asks: `none`, or a kind such as `bearer` or `api_key` (`restload explain client.auth`).
    #[arg(long, value_name = "KIND", value_parser = crate::init::answers::kind_of)]
    pub(crate) auth: Option<String>,
    /// Of `api_key`: the header, parameter or cookie that carries the key.
    #[arg(long, value_name = "NAME")]
    pub(crate) key_name: Option<String>,
    /// Of `api_key`: what that is.
    #[arg(long, value_name = "PLACE", value_parser = ["header", "query", "cookie"])]
    pub(crate) key_in: Option<String>,
    /// Of the `oauth2_…` kinds: where tokens are got.
    #[arg(long, value_name = "URL")]
    pub(crate) token_url: Option<String>,
    /// What is to be loaded first, as a path below the base URL: `orders`.
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// The pipeline's name; the file's, or one made of the address, when absent.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Write over a config that is there. Secrets that are there are never touched.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What `check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Ask for one page of each resource, too, and look whether it is as the config says. Nothing is written.
    #[arg(long)]
    pub(crate) connect: bool,
    /// Only these resources.
    #[arg(long, value_name = "RESOURCE,…", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Ask a simulator of the API on this machine; no account is needed.
    #[arg(long, requires = "connect")]
    pub(crate) demo: bool,
    /// Text for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
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

/// What `preview` takes.
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The resource; what it needs of its parents is asked for, too.
    pub(crate) resource: String,
    /// Show so many records at most.
    #[arg(long, value_name = "RECORDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) limit: u64,
    /// Ask a simulator of the API on this machine; no account is needed.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Text for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What `discover` takes.
#[derive(Debug, Args)]
pub(crate) struct DiscoverArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// A resource of the config, or a path with a `/` that is to become one.
    pub(crate) resource: String,
    /// Put what was found out into the config, in the place of what it has of the resource.
    #[arg(long, conflicts_with = "demo")]
    pub(crate) write: bool,
    /// Ask a simulator of the API on this machine; no account is needed.
    #[arg(long)]
    pub(crate) demo: bool,
    /// YAML for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What `run` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// The config files, such as `configs/pushover.yaml`. Several are loaded at the same time; those of one API share
    /// its limits, the strictest of what they say.
    #[arg(required = true, value_name = "CONFIG")]
    pub(crate) configs: Vec<PathBuf>,
    /// Give one of the configs' `vars` another value; JSON, or text.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub(crate) vars: Vec<(String, serde_json::Value)>,
    /// The destination: `sqlite:FILE` or `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// The Postgres schema that takes the tables.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Load only these resources, also ones that the config does not select. It takes one config.
    #[arg(long, value_name = "RESOURCE,…", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Load at most this many records of each resource, as a sample. A table that is replaced then holds no others.
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Forget what is stored of the resources, and replace their rows by this load's, at its end.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) full_refresh: bool,
    /// Start over, and drop or empty tables first. Only tables that this pipeline has made are touched.
    #[arg(long, value_enum, value_name = "MODE", conflicts_with_all = ["limit", "full_refresh"])]
    pub(crate) refresh: Option<RefreshMode>,
    /// Load incremental resources from here instead of from their stored cursor, which stays where it is: a backfill.
    #[arg(long, value_name = "VALUE", conflicts_with_all = ["full_refresh", "refresh", "limit"])]
    pub(crate) from: Option<String>,
    /// Load incremental resources up to here, without what is there itself, from `--from` or from `initial_value` on.
    #[arg(long, value_name = "VALUE", conflicts_with_all = ["full_refresh", "refresh", "limit"])]
    pub(crate) until: Option<String>,
    /// Load from a simulator of the API on this machine; no account is needed.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Keep what is asked and answered in a folder, with secrets replaced: for `restload test` and `--replay`.
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Let `--record` take the place of the recording that is in the folder.
    #[arg(long, requires = "record")]
    pub(crate) overwrite: bool,
    /// Take the answers from a recording instead of asking for them. Stored cursors stay where they are.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["record", "demo"])]
    pub(crate) replay: Option<PathBuf>,
    /// Text for people, or JSON for programs, on standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What `test` takes.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The config file.
    pub(crate) config: PathBuf,
    /// The folder of the recording (`api.yaml`) and of the tables that should come of it (`tables.txt`).
    pub(crate) folder: PathBuf,
    /// Write the tables instead of comparing them.
    #[arg(long)]
    pub(crate) update: bool,
    /// Text for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What `--refresh` does before the first rows are written, and in the same transaction; until then nothing is changed.
///
/// It is done once, by this run. One that was stopped goes on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "dlt names them so")]
pub(crate) enum RefreshMode {
    /// Drop every table of the pipeline, those of resources that are not loaded now too, and forget all of its state.
    DropSources,
    /// Drop the tables of the resources that are loaded, and forget their state. They are made anew from what comes.
    DropResources,
    /// Empty the tables of the resources that are loaded, and forget their state. Columns, indexes and rights stay.
    DropData,
}

/// A pipeline, and where its data are.
#[derive(Debug, Args)]
pub(crate) struct StoredArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The destination, if it is not the config's: `sqlite:FILE` or `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// The Postgres schema that has the tables.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Text for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What `state` takes.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(flatten)]
    pub(crate) stored: StoredArgs,
    /// What to do.
    #[arg(value_enum, default_value_t = StateAction::Show)]
    pub(crate) action: StateAction,
    /// Only these resources.
    #[arg(long, value_name = "RESOURCE,…", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
}

/// What `state` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateAction {
    /// Show what is stored, by resource and partition.
    Show,
    /// Forget it, so that the next run starts from the beginning. Rows stay.
    Reset,
}

/// What `loads` takes.
#[derive(Debug, Args)]
pub(crate) struct LoadsArgs {
    #[command(flatten)]
    pub(crate) stored: StoredArgs,
    /// Show so many at most, the newest first.
    #[arg(long, value_name = "LOADS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What `explain` takes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The key, by its path: `client.auth`, `resources.endpoint.paginator.cursor`. The top level when absent.
    #[arg(value_name = "KEY.PATH")]
    pub(crate) path: Option<String>,
    /// Text for the terminal, or the whole reference as a page of Markdown.
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub(crate) format: ExplainFormat,
}

/// How the reference is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// One key, for the terminal.
    Text,
    /// Every key, for a page of documentation.
    Markdown,
}

/// What `show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The destination, if it is not the config's: `sqlite:FILE` or `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// The Postgres schema that has the tables.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 7333)]
    pub(crate) port: u16,
    /// The address to listen on. Any but a loopback address lets others read what is stored.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: String,
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
