//! One scenario: its runs on each database, and what came of them beside what should have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use restload_replay::{Kept, Run, Script};

use crate::api::Api;
use crate::golden::{self, Filter};
use crate::script::{self, Database};
use crate::tables;

/// The commands that are told where the destination is.
const WITH_DESTINATION: [&str; 3] = ["run", "state", "loads"];
/// A run that takes longer hangs.
const LONGEST: Duration = Duration::from_mins(1);

/// Where one database's runs take place.
pub(crate) struct Place<'p> {
    pub(crate) database: Database,
    pub(crate) scenario: &'p Path,
    pub(crate) folder: &'p Path,
    pub(crate) url: String,
    pub(crate) dataset: String,
}

/// Runs a scenario; the error is a text with everything that is not as it should be.
pub(crate) fn scenario(path: &Path) -> Result<(), String> {
    let (script, kept) = script::read(path)?;
    if script.is_recorded() {
        return recording(path, &script);
    }
    let databases = script::databases(&script)?;
    let mut problems = Vec::new();
    let mut rows: Option<String> = None;
    for database in databases {
        let (found, held) = on_database(path, &script, &kept, database)?;
        if rows.get_or_insert_with(|| held.clone()) != &held {
            problems.push("the databases hold different rows".to_owned());
        }
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("on {}: {problem}", database.name())),
        );
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

/// A scenario that was recorded is what `restload test` is for: no server, no secrets.
fn recording(path: &Path, script: &Script) -> Result<(), String> {
    let config = match script.config.as_deref().unwrap_or("pipeline.yaml") {
        bundled if bundled.starts_with("configs/") => Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(bundled),
        own => path.join(own),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_restload"));
    command.arg("test").arg(config).arg(path).env_clear();
    if golden::is_update() {
        command.arg("--update");
    }
    let output = command
        .output()
        .map_err(|error| format!("restload does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What is not as it should be on a database, and the rows that it holds in the end.
fn on_database(
    path: &Path,
    script: &Script,
    kept: &Arc<Kept>,
    database: Database,
) -> Result<(Vec<String>, String), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    // A link in the path of the temporary folder would be seen in messages.
    let work = folder.path().canonicalize().map_err(|error| error.to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let place = Place {
        database,
        scenario: path,
        folder: &work,
        url: match database {
            Database::Sqlite => format!("sqlite:{}", work.join("out.db").display()),
            Database::Postgres => tables::postgres_address()?,
        },
        // Short of the length at which Postgres cuts names.
        dataset: format!("scenario_{name:.50}").replace('-', "_"),
    };
    if database == Database::Postgres {
        tables::drop_dataset(&place.url, &place.dataset)?;
    }
    let api = Api::start().map_err(|error| format!("the scripted API cannot start: {error}"))?;
    place.copy_files(script, &api)?;

    let mut problems = Vec::new();
    let mut log = String::new();
    for (index, run) in script.runs.iter().enumerate() {
        api.expect(run, kept)?;
        log.push_str(&place.run(script, run, &api, &[])?);
        problems.extend(
            api.problems()
                .into_iter()
                .map(|problem| format!("run {}: {problem}", index + 1)),
        );
    }
    let dump = match database {
        Database::Sqlite => tables::dump_sqlite(&work.join("out.db"))?,
        Database::Postgres => tables::dump_postgres(&place.url, &place.dataset)?,
    };
    if database == Database::Postgres {
        tables::drop_dataset(&place.url, &place.dataset)?;
    }
    let filter = Filter {
        api: api.url(),
        other: api.other_url(),
        destination: place.url.clone(),
        folder: work.display().to_string(),
        load_ids: dump.load_ids,
    };
    // Requests that were not as expected come first: they explain the rest.
    problems.extend(golden::compare(path, "stderr", database, &filter.apply(&log)));
    problems.extend(golden::compare(path, "tables", database, &dump.text));
    Ok((problems, dump.rows))
}

impl Place<'_> {
    /// Puts the scenario's files beside each other where they can be changed, placeholders filled in.
    pub(crate) fn copy_files(&self, script: &Script, api: &Api) -> Result<(), String> {
        for (name, text) in &script.files {
            let path = self.folder.join(name);
            std::fs::write(path, api.fill(text)).map_err(|error| format!("{name}: {error}"))?;
        }
        let entries = std::fs::read_dir(self.scenario).map_err(|error| error.to_string())?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_golden = Path::new(&name).extension().is_some_and(|ending| ending == "txt");
            if is_golden || name == "api.yaml" {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).map_err(|error| format!("{name}: {error}"))?;
            let text = self.fill(&api.fill(&text));
            std::fs::write(self.folder.join(&name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{TO}}", &self.url).replace("{{DATASET}}", &self.dataset)
    }

    /// Runs the binary once, with some arguments that are not told, and gives what it said.
    pub(crate) fn run(&self, script: &Script, run: &Run, api: &Api, further: &[&str]) -> Result<String, String> {
        let config = run.config.as_deref().or(script.config.as_deref());
        let config = config.unwrap_or("pipeline.yaml");
        if let Some(bundled) = config.strip_prefix("configs/") {
            let from = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../configs")
                .join(bundled);
            let to = self.folder.join(config);
            let made = std::fs::create_dir_all(self.folder.join("configs"));
            made.and_then(|()| std::fs::copy(from, to))
                .map_err(|error| format!("{config}: {error}"))?;
        }
        let given = script.args.iter().chain(&run.args);
        let given: Vec<String> = given.map(|argument| self.fill(&api.fill(argument))).collect();
        let written = std::fs::read_to_string(self.scenario.join(config)).unwrap_or_default();
        let name = run.command.as_deref().unwrap_or("run");
        let mut arguments = vec![name.to_owned(), config.to_owned()];
        if WITH_DESTINATION.contains(&name) && script.to != Some(false) && !written.contains("{{TO}}") {
            arguments.extend(["--to".to_owned(), self.url.clone()]);
            if self.database == Database::Postgres {
                arguments.extend(["--dataset".to_owned(), self.dataset.clone()]);
            }
        }
        arguments.extend(given.iter().cloned());
        arguments.extend(further.iter().map(|argument| (*argument).to_owned()));

        let mut env: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in script.env.iter().chain(&run.env) {
            env.insert(name, self.fill(&api.fill(value)));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_restload"));
        command
            .args(&arguments)
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|error| format!("restload does not start: {error}"))?;
        let (code, stdout, stderr) = finish(child)?;

        let mut log = format!("$ restload {name} {config}");
        for argument in run.args.iter().chain(&script.args) {
            let _ = write!(log, " {argument}");
        }
        let _ = write!(log, "\n{}", golden::in_order(&stderr));
        if !stdout.is_empty() {
            let _ = write!(log, "--- standard output\n{stdout}");
        }
        let _ = writeln!(log, "--- exit code {code}\n");
        Ok(log)
    }
}

/// The exit code and what was written, once the process has closed its outputs.
fn finish(mut child: Child) -> Result<(i32, String, String), String> {
    let (sender, receiver) = mpsc::channel();
    let outputs: [(bool, Option<Box<dyn Read + Send>>); 2] = [
        (true, child.stdout.take().map(|output| Box::new(output) as _)),
        (false, child.stderr.take().map(|output| Box::new(output) as _)),
    ];
    for (is_stdout, output) in outputs {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut output) = output {
                let _ = output.read_to_end(&mut text);
            }
            let _ = sender.send((is_stdout, String::from_utf8_lossy(&text).into_owned()));
        });
    }
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for _ in 0..2 {
        match receiver.recv_timeout(LONGEST) {
            Ok((true, text)) => stdout = text,
            Ok((false, text)) => stderr = text,
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the run did not end within {} s", LONGEST.as_secs()));
            }
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok((status.code().unwrap_or(-1), stdout, stderr))
}
