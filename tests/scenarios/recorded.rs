//! What recordings promise, held by the scenarios that are there anyway.
//!
//! `recorded::NAME` runs a scenario with `--record` and then `restload test` on what was recorded: it goes as the
//! recorded run did, with no secret in its environment, without a request to the API, and to the same tables. No file of
//! the recording holds a secret or what was obtained with one. `offline::NAME` runs `restload test` on the scenario's own
//! folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use restload_replay::{Held, SCRIPT, Script, TABLES};

use crate::api::Api;
use crate::run::Place;
use crate::script::{self, Database};

/// The scenarios that are recorded: those in which requests and answers are of every kind there is.
const RECORDED: [&str; 9] = [
    "auth-",
    "cli-limit",
    "cookies-",
    "form-body",
    "graphql-",
    "incremental-",
    "paginator-",
    "parents-",
    "retry-until-",
];

/// Why a scenario cannot be run without its server.
const ONLINE: [(&str, &str); 5] = [
    ("http-", "it is about what the HTTP client does"),
    (
        "auth-api-key-in-a-header",
        "it expects headers that the HTTP client adds",
    ),
    ("auth-left-out", "its credentials are in no script"),
    ("auth-by-name", "its credentials are in no script"),
    (
        "auth-oauth2-refresh-token-that-rotates",
        "it keeps tokens, which a replay does not",
    ),
];

pub(crate) fn takes(name: &str) -> bool {
    RECORDED.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a scenario says in its own folder all that a run of it needs, and all of its runs end well.
pub(crate) fn is_offline(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let read = |file: &str| std::fs::read_to_string(path.join(file)).unwrap_or_default();
    let ends_well = |log: &str| {
        let codes = log.lines().filter_map(|line| line.strip_prefix("--- exit code "));
        codes.clone().count() > 0 && codes.into_iter().all(|code| code == "0")
    };
    let Ok((script, _)) = script::read(path) else {
        return false;
    };
    let is_whole = script.files.is_empty() && script.to != Some(false) && !path.join("secrets.toml").exists();
    let is_bundled = script
        .runs
        .iter()
        .any(|run| run.config.is_some() || run.command.is_some());
    is_whole
        && !is_bundled
        && !script.is_recorded()
        && ends_well(&read("stderr.txt"))
        && !read("pipeline.yaml").contains("{{TO}}")
        && ONLINE.iter().all(|(beginning, _)| !name.starts_with(beginning))
}

pub(crate) fn offline(path: &Path) -> Result<(), String> {
    test(&path.join("pipeline.yaml"), path, &[])
}

/// Runs `restload test`; anything but success is an error.
fn test(config: &Path, folder: &Path, further: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restload"));
    command.arg("test").arg(config).arg(folder).args(further).env_clear();
    let output = command
        .output()
        .map_err(|error| format!("restload does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

pub(crate) fn scenario(path: &Path) -> Result<(), String> {
    let (script, kept) = script::read(path)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let work = folder.path().canonicalize().map_err(|error| error.to_string())?;
    let place = Place {
        database: Database::Sqlite,
        scenario: path,
        folder: &work,
        url: format!("sqlite:{}", work.join("out.db").display()),
        dataset: "scenario".to_owned(),
    };
    let api = Api::start().map_err(|error| format!("the scripted API cannot start: {error}"))?;
    place.copy_files(&script, &api)?;
    let secrets = secrets(&script, &kept)?;
    for (index, run) in script.runs.iter().enumerate() {
        let at = |error: String| format!("run {}: {error}", index + 1);
        if run.command.is_some() {
            continue;
        }
        api.expect(run, &kept)?;
        let name = format!("recording{index}");
        let said = place.run(&script, run, &api, &["--record", &name])?;
        if let Some(problem) = api.problems().first() {
            return Err(at(format!("{problem}\n{said}")));
        }
        let recording = work.join(name);
        if !recording.exists() {
            // The config was refused.
            continue;
        }
        check_secrets(&recording, &secrets).map_err(at)?;
        let config = run.config.as_deref().or(script.config.as_deref());
        let config = work.join(config.unwrap_or("pipeline.yaml"));
        // What the run before has loaded is not in the recording of this one.
        let is_alone = script.runs.len() == 1;
        let first = if is_alone {
            std::fs::copy(path.join(TABLES), recording.join(TABLES)).map_err(|error| error.to_string())?;
            &[][..]
        } else {
            &["--update"]
        };
        test(&config, &recording, first).map_err(at)?;
        test(&config, &recording, &[]).map_err(at)?;
        if let Some(problem) = api.problems().first() {
            return Err(at(format!("the replay has asked the API: {problem}")));
        }
    }
    Ok(())
}

/// The secrets of a scenario: what its environment holds, and what its API expects to be proved by.
fn secrets(script: &Script, kept: &restload_replay::Kept) -> Result<BTreeSet<String>, String> {
    let mut texts: Vec<String> = script.env.values().cloned().collect();
    for run in &script.runs {
        texts.extend(run.env.values().cloned());
        for held in run.exchanges() {
            let exchange = match &held {
                Held::Here(exchange) => (**exchange).clone(),
                Held::There(..) => kept.read(&held).map_err(|error| error.to_string())?,
            };
            for (name, value) in exchange.request_headers {
                let proves = ["auth", "cookie", "key", "secret", "session", "token"];
                if proves.iter().any(|word| name.contains(word)) {
                    texts.extend(value.split([' ', '=', ';']).map(str::to_owned));
                }
            }
        }
    }
    let known = ["Bearer", "Basic", "Digest", "token", "JSESSIONID", "session"];
    texts.retain(|text| text.len() >= 4 && !known.contains(&text.as_str()));
    Ok(texts.into_iter().collect())
}

/// No file of a recording holds a secret.
fn check_secrets(recording: &Path, secrets: &BTreeSet<String>) -> Result<(), String> {
    let script = std::fs::read_to_string(recording.join(SCRIPT)).map_err(|error| error.to_string())?;
    let mut texts = vec![(SCRIPT.to_owned(), script)];
    let state = std::fs::read_to_string(recording.join(restload_replay::STATE));
    texts.extend(state.into_iter().map(|text| (restload_replay::STATE.to_owned(), text)));
    for (file, text) in texts {
        let text = decoded(&text);
        if let Some(secret) = secrets.iter().find(|secret| text.contains(*secret)) {
            return Err(format!("{file} holds `{secret}`:\n{text}"));
        }
    }
    Ok(())
}

/// A text without percent-encoding, in which a secret would hide from this test.
fn decoded(text: &str) -> String {
    let plain = text.replace('+', " ");
    let mut bytes = Vec::new();
    let mut rest = plain.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
