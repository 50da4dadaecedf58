//! restload beside another loader: the same records from the same server into the same databases, in turn.

use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use super::report::Side;
use super::statistics::median_ratio;
use super::table::{figure, table};
use super::workload::Workload;
use super::{Bench, Server};
use crate::error::{BenchError, During as _};

/// What is compared.
const WORKLOADS: [Workload; 4] = [
    Workload::FlatSqlite,
    Workload::FlatPostgres,
    Workload::NestedSqlite,
    Workload::NestedPostgres,
];
/// dlt takes several seconds for what restload takes a fraction of one.
const MOST_ROUNDS: usize = 3;
/// How many times faster is aimed at.
const TIMES_FASTER: f64 = 25.0;
/// What part of the memory is aimed at.
const PART_OF_MEMORY: f64 = 0.1;
const DLT_PROGRAM: &str = include_str!("dlt_load.py");

/// Another loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// dlt with its defaults, through its `rest_api` source.
    Dlt,
}

/// The runs of one workload.
struct Pair {
    workload: Workload,
    peer: Side,
    restload: Side,
}

impl Pair {
    fn times_faster(&self) -> Option<f64> {
        median_ratio(self.peer.wall_seconds(), self.restload.wall_seconds())
    }

    fn part_of_memory(&self) -> Option<f64> {
        Some(self.restload.peak()? / self.peer.peak()?)
    }
}

/// Compares restload with dlt. Gives a part of the page.
pub(super) async fn compare(bench: &Bench<'_>) -> Result<(String, Vec<String>), BenchError> {
    let Some(python) = &bench.options.dlt_python else {
        return Err(BenchError::new(
            "no Python with dlt is named; `scripts/bench --vs dlt` installs one and names it with --dlt-python",
        ));
    };
    let program = bench.folder.path().join("dlt_load.py");
    std::fs::write(&program, DLT_PROGRAM).during("could not write dlt's program")?;
    let mut pairs = Vec::new();
    for workload in bench.those_chosen(&WORKLOADS) {
        pairs.push(bench.compare_with_dlt(workload, python, &program).await?);
    }
    let version = Command::new(python)
        .args(["-c", "import dlt; print('dlt', dlt.__version__)"])
        .output()
        .during("could not start Python")?;
    let version = String::from_utf8_lossy(&version.stdout);
    Ok((to_markdown(bench, &pairs, version.trim()), Vec::new()))
}

impl Bench<'_> {
    async fn compare_with_dlt(&self, workload: Workload, python: &Path, program: &Path) -> Result<Pair, BenchError> {
        let server = Server::start(&self.own_program, workload.site(self.options.quick))?;
        let config = self.write_config(workload, &server)?;
        let tables = workload.tables(self.options.quick);
        let mut pair = Pair {
            workload,
            peer: Side::default(),
            restload: Side::default(),
        };
        let resource = tables.first().map_or("", |table| table.name);
        for round in 0..=self.rounds().min(MOST_ROUNDS) {
            let words = [python, program].map(|path| path.display().to_string());
            let command = |to: &str| {
                let mut command = words.to_vec();
                command.extend([server.base_url.as_str(), resource, to].map(str::to_owned));
                command
            };
            let measurement = self.measured_load(workload, command, &tables).await?.measured;
            self.tell(workload, "dlt", round, measurement);
            pair.peer.add_unless(round == 0, measurement);
            let command = |to: &str| self.restload_command(workload, &config, to);
            let measurement = self.measured_load(workload, command, &tables).await?.measured;
            self.tell(workload, "restload", round, measurement);
            pair.restload.add_unless(round == 0, measurement);
        }
        Ok(pair)
    }
}

fn to_markdown(bench: &Bench<'_>, pairs: &[Pair], version: &str) -> String {
    let headings = [
        "work",
        "dlt s",
        "restload s",
        "times faster",
        "peak MiB, dlt",
        "peak MiB, restload",
        "part of the memory",
        "met",
    ];
    let mut lines = vec![headings.map(str::to_owned)];
    for pair in pairs {
        let (faster, memory) = (pair.times_faster(), pair.part_of_memory());
        let is_met = faster.is_some_and(|faster| faster >= TIMES_FASTER)
            && memory.is_some_and(|memory| memory <= PART_OF_MEMORY);
        let met = match (bench.options.quick, is_met) {
            (true, _) => "–",
            (false, true) => "yes",
            (false, false) => "**no**",
        };
        lines.push([
            pair.workload.title().to_owned(),
            figure(pair.peer.wall(), 2),
            figure(pair.restload.wall(), 3),
            figure(faster, 1),
            figure(pair.peer.peak(), 0),
            figure(pair.restload.peak(), 1),
            figure(memory, 2),
            met.to_owned(),
        ]);
    }
    format!(
        "## Beside dlt\n\n{}\n\n{}\n\
         - {version} with its defaults, through its `rest_api` source, in a virtual environment that is there already; \
         whole processes in turn, as above, {} rounds after one warm-up. The rows are counted after every run.\n\
         - Aimed at: {TIMES_FASTER} times faster with {PART_OF_MEMORY} of the memory.\n",
        bench.head,
        table(&lines),
        bench.rounds().min(MOST_ROUNDS),
    )
}
