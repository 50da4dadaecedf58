//! The driver: for every workload a server, then limit program and restload in turn, each as a process of its own
//! into a fresh database, whose rows are counted after every run.

mod database;
mod instructions;
mod machine;
mod page;
mod peers;
mod report;
mod statistics;
mod table;
mod workload;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::{Args, ValueEnum as _};
use tempfile::TempDir;
use url::Url;

use self::database::Database;
use self::peers::Peer;
use self::report::{Report, Row, Side};
pub(crate) use self::workload::Workload;
use self::workload::{DatabaseKind, ExpectedTable};
use crate::error::{BenchError, During as _};
use crate::limit::LimitProgram;
use crate::measure::Measurement;
use crate::server::SiteOptions;

/// What `scripts/release` builds.
const RELEASED: &str = "target/guided/restload";

/// Runs of `restload check`, which are short.
const CHECK_ROUNDS: usize = 20;

/// What to compare, and how often.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The workloads to run; all of them without any.
    workloads: Vec<Workload>,
    /// The restload to measure.
    #[arg(long, default_value = RELEASED)]
    restload: PathBuf,
    /// Run the limit programs alone.
    #[arg(long)]
    limits_only: bool,
    /// Measured runs of each program, after one that warms up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Small sizes and one round: whether everything works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Count instructions per record with callgrind instead of taking times, and fail when they have risen by more than
    /// 5 % over those that --recorded holds.
    #[arg(long, conflicts_with_all = ["vs", "limits_only", "quick"])]
    instructions: bool,
    /// Compare with another loader instead of the limit programs.
    #[arg(long, conflicts_with = "limits_only")]
    vs: Option<Peer>,
    /// A Python with dlt; `scripts/bench` installs one.
    #[arg(long, env = "RESTLOAD_BENCH_PYTHON")]
    dlt_python: Option<PathBuf>,
    /// The page with the recorded counts of instructions.
    #[arg(long, default_value = "docs/performance.md")]
    recorded: PathBuf,
    /// Write the table into this page as Markdown, too, in the place of the last one of its kind.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A Postgres server where databases may be created; without it the workloads that need one are left out.
    #[arg(long, env = "RESTLOAD_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<Url>,
}

/// What came of the workloads.
pub(crate) struct Outcome {
    pub(crate) markdown: String,
    /// What failed, left wrong rows behind or has risen too far.
    pub(crate) failed: Vec<String>,
}

/// Runs the workloads; `progress` takes one line at a time.
pub(crate) async fn run(options: &RunOptions, progress: &dyn Fn(&str)) -> Result<Outcome, BenchError> {
    if !options.limits_only && !options.restload.is_file() {
        return Err(BenchError::new(format!(
            "there is no restload at `{}`; build it, name another with --restload, or run the --limits-only",
            options.restload.display()
        )));
    }
    let postgres_version = match &options.postgres {
        Some(server) => Some(database::postgres_version(server).await?),
        None => None,
    };
    let bench = Bench {
        options,
        own_program: std::env::current_exe().during("could not find this program's own file")?,
        folder: tempfile::tempdir().during("could not make a temporary folder")?,
        progress,
        head: head(options, postgres_version.as_deref()),
    };
    let (markdown, failed) = if options.instructions {
        let recorded = std::fs::read_to_string(&options.recorded).unwrap_or_default();
        instructions::count(&bench, &recorded).await?
    } else {
        match options.vs {
            Some(Peer::Dlt) => peers::compare(&bench).await?,
            None => bench.compare_with_limits().await,
        }
    };
    if let Some(path) = &options.out {
        page::put(path, &markdown)?;
    }
    Ok(Outcome { markdown, failed })
}

/// When and on what is measured.
fn head(options: &RunOptions, postgres_version: Option<&str>) -> String {
    let binary = std::fs::metadata(&options.restload).map_or(0, |binary| binary.len());
    let quick = if options.quick {
        " **Quick sizes: a smoke test, not figures.**"
    } else {
        ""
    };
    let built = if options.restload == Path::new(RELEASED) {
        ", built by `scripts/release`,"
    } else {
        ""
    };
    format!(
        "Measured on {} by `scripts/bench`, on {}, {}. restload's binary{built} has {:.1} MB.{quick}",
        jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z"),
        machine::description(),
        postgres_version.map_or_else(|| "no Postgres".to_owned(), |version| format!("Postgres {version}")),
        binary as f64 / 1e6,
    )
}

struct Bench<'a> {
    options: &'a RunOptions,
    own_program: PathBuf,
    folder: TempDir,
    progress: &'a dyn Fn(&str),
    head: String,
}

/// The loads of one round.
struct Loads {
    /// Of a workload that loads twice.
    former: Option<Measurement>,
    measured: Measurement,
}

impl Bench<'_> {
    fn rounds(&self) -> usize {
        if self.options.quick {
            1
        } else {
            self.options.rounds as usize
        }
    }

    async fn compare_with_limits(&self) -> (String, Vec<String>) {
        let mut rows = Vec::new();
        let mut failed = Vec::new();
        for workload in self.those_chosen(Workload::value_variants()) {
            match self.compare(workload).await {
                Ok(row) => rows.push(row),
                // The others took minutes and are still worth knowing.
                Err(error) => {
                    (self.progress)(&format!("{} failed: {}", workload.title(), error.chain()));
                    failed.push(workload.title().to_owned());
                }
            }
        }
        let report = Report {
            rows,
            rounds: self.rounds(),
            is_quick: self.options.quick,
            head: &self.head,
        };
        (report.to_markdown(), failed)
    }

    /// Those of the workloads that the user has named, or all, and that can be run.
    fn those_chosen(&self, possible: &[Workload]) -> Vec<Workload> {
        let named = &self.options.workloads;
        let mut chosen = Vec::new();
        for &workload in possible {
            if !named.is_empty() && !named.contains(&workload) {
                continue;
            }
            if workload.database() == DatabaseKind::Postgres && self.options.postgres.is_none() {
                (self.progress)(&format!(
                    "{}: left out, RESTLOAD_TEST_POSTGRES is not set",
                    workload.title()
                ));
            } else if workload.limit_program().is_none() && self.options.limits_only {
                (self.progress)(&format!("{}: left out, it has no limit program", workload.title()));
            } else {
                chosen.push(workload);
            }
        }
        chosen
    }

    async fn compare(&self, workload: Workload) -> Result<Row, BenchError> {
        let server = Server::start(&self.own_program, workload.site(self.options.quick))?;
        let config = self.write_config(workload, &server)?;
        let tables = workload.tables(self.options.quick);
        let tables_of_limit = if workload.limit_writes() {
            tables.as_slice()
        } else {
            &[]
        };

        let mut limit = Side::default();
        let mut restload = Side::default();
        let rounds = match workload {
            Workload::Check | Workload::CheckMany if !self.options.quick => CHECK_ROUNDS,
            _ => self.rounds(),
        };
        for round in 0..=rounds {
            let is_warm_up = round == 0;
            if let Some(program) = workload.limit_program() {
                let command = |to: &str| self.limit_command(program, &server.base_url, to);
                let measurement = self.measured_load(workload, command, tables_of_limit).await?.measured;
                self.tell(workload, "limit", round, measurement);
                limit.add_unless(is_warm_up, measurement);
            }
            if !self.options.limits_only {
                let command = |to: &str| self.restload_command(workload, &config, to);
                let loads = self.measured_load(workload, command, &tables).await?;
                if workload.is_measured_by_first_load()
                    && let Some(former) = loads.former
                {
                    self.tell(workload, "first load", round, former);
                    limit.add_unless(is_warm_up, former);
                }
                self.tell(workload, "restload", round, loads.measured);
                restload.add_unless(is_warm_up, loads.measured);
            }
        }
        Ok(Row {
            workload,
            record_count: workload.record_count(self.options.quick),
            limit,
            restload,
        })
    }

    fn write_config(&self, workload: Workload, server: &Server) -> Result<PathBuf, BenchError> {
        let config = self.folder.path().join("bench.yaml");
        std::fs::write(&config, workload.config(&server.base_url)).during("could not write the config")?;
        Ok(config)
    }

    async fn fresh_database(&self, workload: Workload) -> Result<Database, BenchError> {
        match (workload.database(), &self.options.postgres) {
            (DatabaseKind::Postgres, Some(server)) => Database::postgres(server).await,
            _ => Database::sqlite(self.folder.path()),
        }
    }

    /// Loads once into a fresh database (twice where the second load is the one to measure) and counts the rows.
    async fn measured_load(
        &self,
        workload: Workload,
        command: impl Fn(&str) -> Vec<String>,
        tables: &[ExpectedTable],
    ) -> Result<Loads, BenchError> {
        let database = self.fresh_database(workload).await?;
        let loaded = self.load(workload, &command(&database.url()), &database, tables).await;
        database.remove().await?;
        loaded
    }

    async fn load(
        &self,
        workload: Workload,
        command: &[String],
        database: &Database,
        tables: &[ExpectedTable],
    ) -> Result<Loads, BenchError> {
        let former = if workload.loads_twice() {
            Some(self.measure(command)?)
        } else {
            None
        };
        let measured = self.measure(command)?;
        let verified = database.verify(tables).await;
        verified.map_err(|error| BenchError::new(format!("after `{}`: {}", command.join(" "), error.chain())))?;
        Ok(Loads { former, measured })
    }

    fn measure(&self, command: &[String]) -> Result<Measurement, BenchError> {
        let output = Command::new(&self.own_program)
            .arg("measure")
            .arg("--")
            .args(command)
            .stdin(Stdio::null())
            .output()
            .during("could not start the measuring process")?;
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(BenchError::new(format!("the measuring process failed:\n{told}")));
        }
        let measurement: Measurement =
            serde_json::from_slice(&output.stdout).during("could not read the measurement")?;
        if measurement.exit_code != Some(0) {
            let code = measurement
                .exit_code
                .map_or("a signal".to_owned(), |code| code.to_string());
            return Err(BenchError::new(format!(
                "`{}` ended with {code}:\n{told}",
                command.join(" ")
            )));
        }
        Ok(measurement)
    }

    fn limit_command(&self, program: LimitProgram, base_url: &str, to: &str) -> Vec<String> {
        let name = program.to_possible_value().map(|value| value.get_name().to_owned());
        let own_program = self.own_program.display().to_string();
        let words = [
            own_program.as_str(),
            "limit",
            &name.unwrap_or_default(),
            "--base-url",
            base_url,
            "--to",
            to,
        ];
        words.map(str::to_owned).to_vec()
    }

    fn restload_command(&self, workload: Workload, config: &Path, to: &str) -> Vec<String> {
        let restload = self.options.restload.display().to_string();
        let config = config.display().to_string();
        let words: &[&str] = match workload {
            Workload::Check | Workload::CheckMany => &[&restload, "check", &config],
            _ => &[&restload, "run", &config, "--to", to, "--quiet"],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn tell(&self, workload: Workload, side: &str, round: usize, measurement: Measurement) {
        let round = if round == 0 {
            "warm-up".to_owned()
        } else {
            format!("round {round}")
        };
        (self.progress)(&format!(
            "{}, {side}, {round}: {:.3} s, {:.3} s of processor, {:.1} MiB",
            workload.title(),
            measurement.wall_seconds,
            measurement.cpu_seconds,
            measurement.peak_mib
        ));
    }
}

/// A server process; it ends when its input is closed, at the latest with the driver.
struct Server {
    process: Child,
    base_url: String,
}

impl Server {
    fn start(own_program: &Path, options: SiteOptions) -> Result<Self, BenchError> {
        let site = options
            .site
            .to_possible_value()
            .map(|value| value.get_name().to_owned());
        let mut process = Command::new(own_program)
            .arg("serve")
            .arg(site.unwrap_or_default())
            .arg(format!("--records={}", options.records))
            .arg(format!("--latency-ms={}", options.latency_ms))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .during("could not start the server")?;
        let mut base_url = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output)
                .read_line(&mut base_url)
                .during("could not read the server's URL")?;
        }
        let server = Self {
            process,
            base_url: base_url.trim_end().to_owned(),
        };
        if server.base_url.is_empty() {
            return Err(BenchError::new("the server ended before it told its URL"));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is lost when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
