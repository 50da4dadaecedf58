//! `restload init`: a first config, from questions, from an OpenAPI document or from a config of dlt.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{CommandError, OK, Outcome, USAGE};
use crate::cli::{ConfigArgs, InitArgs};
use crate::init::answers::Answers;
use crate::init::{Draft, draft_from, files};
use crate::pipeline::{Overrides, Pipeline};
use crate::terminal::Terminal;

pub(crate) fn init(args: &InitArgs, terminal: &Terminal) -> Outcome {
    if let Some(config) = &args.config {
        refuse_existing(config, args.force)?;
    }
    let draft = match &args.from {
        Some(source) => {
            let name = args.name.clone().or_else(|| stem(args.config.as_deref()?));
            draft_from(source, name.as_deref(), args.base_url.as_deref())
                .map_err(|reason| CommandError::usage(format!("error: {reason}")))?
        }
        None => draft_from_answers(args)?,
    };
    let config = match &args.config {
        Some(config) => config.clone(),
        None => PathBuf::from(format!("{}.yaml", draft.name)),
    };
    refuse_existing(&config, args.force)?;
    let written = files::write(&draft, &config, args.force).map_err(CommandError::usage)?;
    tell(&draft, &config, &written, terminal)
}

fn refuse_existing(config: &Path, force: bool) -> Result<(), CommandError> {
    if !force && config.symlink_metadata().is_ok() {
        return Err(CommandError::usage(files::already_there(config)));
    }
    Ok(())
}

fn draft_from_answers(args: &InitArgs) -> Result<Draft, CommandError> {
    let mut answers = Answers {
        base_url: args.base_url.clone(),
        auth: args.auth.clone(),
        key_name: args.key_name.clone(),
        key_location: args.key_in.clone(),
        token_url: args.token_url.clone(),
        path: args.path.clone(),
        name: args.name.clone().or_else(|| stem(args.config.as_deref()?)),
    };
    let missing = answers.missing();
    if !missing.is_empty() {
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return Err(CommandError::usage(format!(
                "error: there is no terminal to ask on, so `init` needs {}\n  help: for example \
                 `restload init --base-url https://api.example.com/v1 --auth bearer --path orders`, or `--from openapi.yaml`",
                missing.join(", ")
            )));
        }
        let asked = answers.ask(&mut std::io::stdin().lock(), &mut std::io::stderr().lock());
        asked.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => CommandError::usage("error: stopped; nothing was written"),
            _ => CommandError::from(error),
        })?;
    }
    answers
        .draft()
        .map_err(|reason| CommandError::usage(format!("error: {reason}")))
}

fn stem(config: &Path) -> Option<String> {
    Some(config.file_stem()?.to_string_lossy().into_owned())
}

/// Says what was written and what to run next, after looking whether the config can be used.
fn tell(draft: &Draft, config: &Path, written: &files::Written, terminal: &Terminal) -> Outcome {
    let files = &written.files;
    let width = files.iter().map(|(file, _)| file.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (place, (file, about)) in files.iter().enumerate() {
        let label = if place == 0 { "written:" } else { "" };
        let _ = writeln!(text, "{label:<9} {file:<width$}  {about}");
    }
    terminal.print(&text)?;
    for remark in &draft.remarks {
        terminal.say(remark);
    }
    let args = ConfigArgs {
        config: config.to_owned(),
        vars: Vec::new(),
    };
    let offline = Overrides {
        offline: true,
        ..Overrides::default()
    };
    // That its secrets are not there yet is said below.
    let silent = Terminal {
        quiet: true,
        ..terminal.clone()
    };
    let checked = Pipeline::read(&args, &silent).and_then(|pipeline| pipeline.plan(&offline, &silent));
    let file = config.display();
    if let Err(refused) = checked {
        return Err(CommandError {
            code: USAGE,
            message: format!(
                "{}\nerror: {file} is written, and cannot be used yet: mend the above, then run `restload check {file}`",
                refused.report.trim_end()
            ),
        });
    }
    let first = draft.first_resource();
    let mut next = vec![
        format!("restload check --connect {file}"),
        format!("restload discover --write {file} {first}"),
        format!("restload run {file}"),
    ];
    if let Some(secret) = draft.secrets.first().filter(|_| written.lacks_secrets) {
        next.insert(0, format!("edit secrets.toml, or set {}", secret.name.to_uppercase()));
    }
    let mut text = String::new();
    for (place, step) in next.iter().enumerate() {
        let label = if place == 0 { "next:" } else { "" };
        let _ = writeln!(text, "{label:<9} {step}");
    }
    terminal.print(&text)?;
    Ok(ExitCode::from(OK))
}
