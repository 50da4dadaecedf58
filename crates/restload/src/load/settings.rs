//! Run settings: what makes this run differ from the next one of the same config.
//!
//! Flags win over the environment (`RESTLOAD_TO`), that over `.env`, that over `restload.toml`. What shapes the data
//! is not a setting; it belongs in the YAML. This file and no other reads the process environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Serialized, Toml};
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider, error::Kind};
use restload_model::diagnostics::did_you_mean;
use restload_model::secret::Secret;
use serde::{Deserialize, Serialize};

use super::source::{Source, Span};
use super::{LoadError, Problem, dotenv};

/// The names of the settings, as in `restload.toml`.
const NAMES: [&str; 2] = ["to", "dataset"];

/// The prefix of a setting's name in the environment.
const PREFIX: &str = "RESTLOAD_";

/// What a run takes from its surroundings; the flags of the command line are such a value too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// URL of the destination: `sqlite:shop.db`, `postgres://user@host/db`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// What is loaded into: a schema of Postgres, a file of `SQLite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dataset: Option<String>,
}

impl Settings {
    /// The settings of a run of a config in this folder, under the flags given.
    pub(crate) fn load(config_dir: &Path, flags: &Settings) -> Result<Self, LoadError> {
        let surroundings = Surroundings::of_process(config_dir);
        Self::load_from(&surroundings, flags)
    }

    /// The same, with the place that each is from, by its name.
    pub(crate) fn load_with_places(
        config_dir: &Path,
        flags: &Settings,
    ) -> Result<(Self, BTreeMap<&'static str, String>), LoadError> {
        let figment = Self::gather(&Surroundings::of_process(config_dir), flags)?;
        let mut places = BTreeMap::new();
        for name in NAMES {
            if let Some(found) = figment.find_metadata(name) {
                let variable = format!("{PREFIX}{}", name.to_uppercase());
                let place = found
                    .name
                    .replace("VARIABLE", &variable)
                    .replace("FLAG", &format!("--{name}"));
                places.insert(name, place);
            }
        }
        let settings = figment.extract().map_err(|error| wrong_setting(&error))?;
        Ok((settings, places))
    }

    fn load_from(surroundings: &Surroundings, flags: &Settings) -> Result<Self, LoadError> {
        let figment = Self::gather(surroundings, flags)?;
        figment.extract().map_err(|error| wrong_setting(&error))
    }

    /// All places, the later ones winning.
    fn gather(surroundings: &Surroundings, flags: &Settings) -> Result<Figment, LoadError> {
        let mut figment = Figment::new();
        for folder in surroundings.folders().iter().rev() {
            let file = folder.join("restload.toml");
            if let Some(dict) = read_toml(&file)? {
                refuse_unknown(&file, &dict)?;
                figment = figment.merge(Place::new(file.display().to_string(), dict));
            }
        }
        for folder in surroundings.folders().iter().rev() {
            let file = folder.join(".env");
            if let Some(values) = read_dotenv(&file)? {
                let place = format!("`VARIABLE` in {}", file.display());
                figment = figment.merge(Place::new(place, from_environment(&values)));
            }
        }
        let variables = from_environment(&surroundings.environment);
        Ok(figment
            .merge(Place::new("environment variable `VARIABLE`".to_owned(), variables))
            .merge(Place::new("FLAG on the command line".to_owned(), flags)))
    }
}

/// Settings of one place, which figment remembers.
struct Place<S> {
    name: String,
    settings: Serialized<S>,
}

impl<S: Serialize> Place<S> {
    fn new(name: String, settings: S) -> Self {
        Self {
            name,
            settings: Serialized::defaults(settings),
        }
    }
}

impl<S: Serialize> Provider for Place<S> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.settings.data()
    }
}

/// The settings among the variables of an environment; an empty one is not set.
fn from_environment(variables: &BTreeMap<String, Secret>) -> BTreeMap<&'static str, String> {
    let mut settings = BTreeMap::new();
    for name in NAMES {
        let variable = format!("{PREFIX}{}", name.to_uppercase());
        if let Some(value) = variables
            .get(&variable)
            .map(Secret::expose)
            .filter(|value| !value.is_empty())
        {
            settings.insert(name, value.to_owned());
        }
    }
    settings
}

fn refuse_unknown(file: &Path, dict: &Dict) -> Result<(), LoadError> {
    let mut problems = Vec::new();
    for key in dict.keys().filter(|key| !NAMES.contains(&key.as_str())) {
        let help = match did_you_mean(key, NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: `{}`", NAMES.join("`, `")),
        };
        problems.push(Problem::error(format!("unknown setting `{key}`"), Some(help), None));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(LoadError {
        source: Source::unseen(&file.display().to_string()),
        problems,
    })
}

/// A setting of a wrong type. figment's own message shows the value, which may hold a password.
fn wrong_setting(error: &figment::Error) -> LoadError {
    let name = error.path.join(".");
    let message = match &error.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("setting `{name}` is not {expected}")
        }
        _ => format!("setting `{name}` cannot be used"),
    };
    LoadError {
        source: Source::unseen("restload.toml"),
        problems: vec![Problem::error(message, None, None)],
    }
}

/// What is around a run: its environment and the folders that its files are looked for in.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    pub(super) environment: BTreeMap<String, Secret>,
    pub(super) config_dir: PathBuf,
    pub(super) working_dir: PathBuf,
    /// The folder in which container runtimes put a file per secret.
    pub(super) mounted_secrets: PathBuf,
}

impl Surroundings {
    /// Those of this process, for a config in this folder.
    pub(super) fn of_process(config_dir: &Path) -> Self {
        let mut environment = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            // A variable that is not text cannot be meant for a request.
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
                environment.insert(name, Secret::new(value));
            }
        }
        Self {
            environment,
            config_dir: config_dir.to_owned(),
            working_dir: PathBuf::new(),
            mounted_secrets: PathBuf::from("/run/secrets"),
        }
    }

    /// The folder of the config and the working directory, the former first; one where they are the same.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let here = Path::new(".");
        let resolved = |folder: &Path| {
            let folder = if folder.as_os_str().is_empty() { here } else { folder };
            std::fs::canonicalize(folder).ok()
        };
        let mut folders = vec![self.config_dir.clone()];
        if resolved(&self.config_dir) != resolved(&self.working_dir) {
            folders.push(self.working_dir.clone());
        }
        folders
    }

    /// The user's own folder for this program.
    pub(super) fn user_config_dir(&self) -> Option<PathBuf> {
        let variable = |name: &str| {
            let value = self.environment.get(name)?.expose();
            (!value.is_empty()).then(|| PathBuf::from(value))
        };
        let config = variable("XDG_CONFIG_HOME")
            // The specification has relative paths ignored.
            .filter(|path| path.is_absolute())
            .or_else(|| Some(variable("HOME")?.join(".config")))?;
        Some(config.join("restload"))
    }
}

/// The values of a TOML file; `None` when there is no such file.
pub(crate) fn read_toml(file: &Path) -> Result<Option<Dict>, LoadError> {
    let Some(text) = read(file)? else { return Ok(None) };
    match Toml::from_str(&text) {
        Ok(dict) => Ok(Some(dict)),
        Err(error) => {
            let line = error
                .span()
                .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            // Only the first line of the message is sure to show nothing of the file.
            let reason = error.message().lines().next().unwrap_or_default().to_owned();
            let help = "a text stands in quotes: `name = \"value\"`".to_owned();
            Err(unparsed(file, line, &format!("not TOML: {reason}"), Some(help)))
        }
    }
}

/// The values of a `.env` file; `None` when there is no such file.
pub(super) fn read_dotenv(file: &Path) -> Result<Option<BTreeMap<String, Secret>>, LoadError> {
    let Some(text) = read(file)? else { return Ok(None) };
    match dotenv::parse(&text) {
        Ok(values) => Ok(Some(values)),
        Err((line, reason)) => Err(unparsed(file, Some(line), reason, None)),
    }
}

fn read(file: &Path) -> Result<Option<String>, LoadError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LoadError::unreadable(&file.display().to_string(), &error)),
    }
}

/// The line is named and not shown, as it may hold a secret.
fn unparsed(file: &Path, line: Option<usize>, reason: &str, help: Option<String>) -> LoadError {
    let span = line.map(|line| Span {
        line,
        column: 1,
        length: 0,
    });
    LoadError {
        source: Source::unseen(&file.display().to_string()),
        problems: vec![Problem::error(reason, help, span)],
    }
}

/// Whether the user wants no colours (<https://no-color.org>): the variable is set and not empty.
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Whether the terminal cannot redraw lines.
pub(crate) fn is_dumb_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// The width of the terminal, where the user has said it.
pub(crate) fn columns() -> Option<usize> {
    std::env::var_os("COLUMNS")?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;

    use super::*;

    /// The settings with these files in the config's folder, and these variables.
    fn load(files: &[(&str, &str)], variables: &[(&str, &str)], flags: &Settings) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let surroundings = Surroundings {
            environment: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect(),
            config_dir: folder.path().to_owned(),
            working_dir: folder.path().to_owned(),
            mounted_secrets: folder.path().to_owned(),
        };
        match Settings::load_from(&surroundings, flags) {
            Ok(settings) => format!("{:?} {:?}", settings.to, settings.dataset),
            Err(error) => error
                .to_string()
                .replace(&folder.path().display().to_string(), "configs"),
        }
    }

    #[test]
    fn each_place_wins_over_the_next() {
        let files = [
            ("restload.toml", "to = 'a'\ndataset = 'x'\n"),
            (".env", "RESTLOAD_TO=b\n"),
        ];
        let flags = Settings {
            to: Some("d".to_owned()),
            dataset: None,
        };
        let none = Settings::default();
        assert_eq!(load(&[], &[], &none), "None None");
        assert_eq!(load(&files[..1], &[], &none), r#"Some("a") Some("x")"#);
        assert_eq!(load(&files, &[], &none), r#"Some("b") Some("x")"#);
        assert_eq!(load(&files, &[("RESTLOAD_TO", "")], &none), r#"Some("b") Some("x")"#);
        assert_eq!(
            load(&files, &[("RESTLOAD_TO", "c"), ("RESTLOAD_OTHER", "1")], &none),
            r#"Some("c") Some("x")"#
        );
        assert_eq!(load(&files, &[("RESTLOAD_TO", "c")], &flags), r#"Some("d") Some("x")"#);
        assert_eq!(load(&[], &[("RESTLOAD_DATASET", "123")], &none), r#"None Some("123")"#);
    }

    #[test]
    fn a_mistake_names_the_file_and_shows_no_value() {
        let none = Settings::default();
        assert_snapshot!(load(&[("restload.toml", "too = 's3cret'")], &[], &none), @r"
    error: unknown setting `too`
      = help: did you mean `to`?

    1 error in configs/restload.toml
    ");
        assert_snapshot!(load(&[("restload.toml", "a = 1\nto = postgres://me:s3cret@host")], &[], &none), @r#"
    error: not TOML: invalid string
     --> configs/restload.toml:2:1
      |
      = help: a text stands in quotes: `name = "value"`

    1 error in configs/restload.toml
    "#);
        assert_snapshot!(load(&[("restload.toml", "to = 51423")], &[], &none), @r"
    error: setting `to` is not a string

    1 error in restload.toml
    ");
        assert_snapshot!(load(&[(".env", "A=1\ns3cret\n")], &[], &none), @r"
    error: expected `NAME=value`
     --> configs/.env:2:1

    1 error in configs/.env
    ");
    }
}
