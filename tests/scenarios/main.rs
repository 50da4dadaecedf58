//! Scenarios: each folder beside this file is a pipeline, the answers of a scripted API, and what must come of them.
//!
//! | file | holds |
//! |---|---|
//! | `pipeline.yaml` | the config; `{{API}}` is the server's address, `{{OTHER}}` the same server by another host's name, `{{TO}}` and `{{DATASET}}` the destination |
//! | `api.yaml` | the runs: arguments, environment, and the exchanges that the API expects (`restload_replay::Script`) |
//! | `stderr.txt` | the command line, exit code, standard error and standard output of each run, with what varies filtered out |
//! | `tables.txt` | every table of the destination after the last run |
//!
//! The real binary runs each on SQLite and on Postgres. Both must give the same; where they may not, what Postgres
//! gives is in `tables.postgres.txt` and `stderr.postgres.txt`. A request that no exchange expects fails the scenario, and
//! so does an exchange that was never asked for. `UPDATE=1` writes the golden files instead of comparing them.
//! The same folders hold what recordings promise (see [`recorded`]).
//! A folder that `restload run --record` has written is a scenario, too: `restload test` runs it, with no server.
//! Other files of a folder (further configs, `secrets.toml`) are put beside the config.
//! Configs that break a rule stand elsewhere, and need no server (see [`mistakes`]).

mod api;
mod golden;
mod mistakes;
mod recorded;
mod rules;
mod run;
mod script;
mod tables;

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut scenarios: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    scenarios.sort();
    let mut trials = mistakes::trials();
    for scenario in scenarios {
        let name = scenario.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if recorded::takes(&name) {
            let scenario = scenario.clone();
            trials.push(Trial::test(format!("recorded::{name}"), move || {
                recorded::scenario(&scenario).map_err(Failed::from)
            }));
        }
        if recorded::is_offline(&scenario) {
            let scenario = scenario.clone();
            trials.push(Trial::test(format!("offline::{name}"), move || {
                recorded::offline(&scenario).map_err(Failed::from)
            }));
        }
        trials.push(Trial::test(name, move || {
            run::scenario(&scenario).map_err(Failed::from)
        }));
    }
    let mut arguments = Arguments::from_args();
    // Most of a scenario's time is spent waiting for its databases.
    arguments.test_threads.get_or_insert(4);
    libtest_mimic::run(&arguments, trials).exit();
}
