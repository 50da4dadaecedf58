//! The files of a new config: the config itself, an example of its secrets, what git is to leave alone, and the schema
//! for editors. Nothing that is there is lost: a file is made, or left as it is, unless the user says otherwise.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use restload_model::system_error;

use super::Draft;
use crate::config::schema;
use crate::load::settings::read_toml;
use crate::pipeline::folder_of;

/// The schema's name, where no other is in reach.
const SCHEMA: &str = "restload.schema.json";

/// What was written, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The files, and what is to be known of each, in the order to tell it.
    pub(crate) files: Vec<(String, String)>,
    /// Whether secrets are still to be filled in.
    pub(crate) lacks_secrets: bool,
}

/// Writes the files. An error says what to do.
pub(crate) fn write(draft: &Draft, config: &Path, force: bool) -> Result<Written, String> {
    let folder = folder_of(config);
    std::fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    let secrets = secrets_file(draft, &folder)?;
    let (reference, own_schema) = schema_reference(&folder);
    let file = file_name(config);
    let text = draft.text(&config.display().to_string(), &reference);
    let mut written = Written::default();
    make(config, &text, force).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => already_there(config),
        _ => unwritten(config, &error),
    })?;
    let resources = draft.resource_count();
    let about = format!(
        "the config, with {resources} resource{}",
        if resources == 1 { "" } else { "s" }
    );
    written.files.push((file, about));
    if let Some(secrets) = secrets {
        written.lacks_secrets = !matches!(&secrets, Secrets::Missing(names) if names.is_empty());
        written.files.push(write_secrets(&secrets, &folder)?);
        let mut ignored = vec!["secrets.toml".to_owned()];
        ignored.extend(draft.secret_files.clone());
        written.files.extend(write_gitignore(&folder, &ignored)?);
    }
    if own_schema {
        let text = serde_json::to_string_pretty(&schema()).unwrap_or_default() + "\n";
        let path = folder.join(SCHEMA);
        make(&path, &text, false).map_err(|error| unwritten(&path, &error))?;
        written.files.push((
            SCHEMA.to_owned(),
            "what editors complete and check the config by".to_owned(),
        ));
    }
    Ok(written)
}

/// The error of a config that is there already.
pub(crate) fn already_there(config: &Path) -> String {
    format!(
        "error: {} is there already\n  help: name another file, as in `restload init other.yaml`, or write over it with `--force`",
        config.display()
    )
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!(
        "error: could not write {}: {}",
        path.display(),
        system_error::in_words(error)
    )
}

fn file_name(path: &Path) -> String {
    let name = path.file_name();
    name.map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Makes a file; without `force` only where there is none.
fn make(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path)?.write_all(text.as_bytes())
}

/// The secrets that are to be written down, or told where the file is there already.
enum Secrets<'d> {
    New(&'d Draft),
    Missing(Vec<String>),
}

fn secrets_file<'d>(draft: &'d Draft, folder: &Path) -> Result<Option<Secrets<'d>>, String> {
    if draft.secrets.is_empty() {
        return Ok(None);
    }
    // One that is no TOML has to be mended first, or a run could not read it either.
    let known = read_toml(&folder.join("secrets.toml")).map_err(|error| error.to_string())?;
    Ok(Some(match known {
        None => Secrets::New(draft),
        Some(known) => {
            let names = draft.secrets.iter().map(|secret| secret.name.clone());
            Secrets::Missing(names.filter(|name| !known.contains_key(name)).collect())
        }
    }))
}

fn write_secrets(secrets: &Secrets<'_>, folder: &Path) -> Result<(String, String), String> {
    let file = "secrets.toml".to_owned();
    let draft = match secrets {
        Secrets::Missing(names) if names.is_empty() => {
            return Ok((file, "was there, and has the names it needs; left as it is".to_owned()));
        }
        Secrets::Missing(names) => {
            let names = names.join(", ");
            return Ok((file, format!("was there, and is left as it is: add {names}")));
        }
        Secrets::New(draft) => draft,
    };
    let mut text = "# Secrets of the configs in this folder. Keep this file to yourself; .gitignore has its name.\n\
                    # A value that is empty counts as missing. What the environment has comes before it.\n"
        .to_owned();
    for secret in &draft.secrets {
        let _ = writeln!(
            text,
            "\n# {}; or the environment's {}",
            secret.about,
            secret.name.to_uppercase()
        );
        let _ = writeln!(text, "{} = \"\"", secret.name);
    }
    let path = folder.join(&file);
    make(&path, &text, false)
        .and_then(|()| keep_to_owner(&path))
        .map_err(|error| unwritten(&path, &error))?;
    let names: Vec<&str> = draft.secrets.iter().map(|secret| secret.name.as_str()).collect();
    Ok((file, format!("put the secrets in here: {}", names.join(", "))))
}

#[cfg(unix)]
fn keep_to_owner(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_to_owner(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Adds the lines that `.gitignore` does not have, at its end.
fn write_gitignore(folder: &Path, ignored: &[String]) -> Result<Option<(String, String)>, String> {
    let path = folder.join(".gitignore");
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unwritten(&path, &error)),
    };
    let has = |name: &str| {
        before
            .lines()
            .map(str::trim)
            .any(|line| line.trim_start_matches('/') == name)
    };
    let missing: Vec<&str> = ignored.iter().map(String::as_str).filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let mut added = String::new();
    if !before.is_empty() && !before.ends_with('\n') {
        added.push('\n');
    }
    for name in &missing {
        added.push_str(name);
        added.push('\n');
    }
    let mut options = std::fs::OpenOptions::new();
    let opened = options.create(true).append(true).open(&path);
    opened
        .and_then(|mut file| file.write_all(added.as_bytes()))
        .map_err(|error| unwritten(&path, &error))?;
    let about = format!("keeps {} out of git", missing.join(" and "));
    Ok(Some((".gitignore".to_owned(), about)))
}

/// How the config refers to the schema, and whether that has to be written: one in the folder is taken, or one above it
/// in the same repository.
fn schema_reference(folder: &Path) -> (String, bool) {
    let absolute = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let repository = absolute.ancestors().position(|above| above.join(".git").exists());
    let mut up = String::new();
    for here in absolute.ancestors().take(repository.unwrap_or(0) + 1) {
        for place in [SCHEMA.to_owned(), format!("schemas/{SCHEMA}")] {
            if here.join(&place).is_file() {
                return (format!("{up}{place}"), false);
            }
        }
        up.push_str("../");
    }
    (SCHEMA.to_owned(), true)
}
