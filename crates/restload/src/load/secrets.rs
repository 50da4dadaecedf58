//! Where the value of `{secrets.name}` is found, and which places a missing one was looked for in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use restload_model::secret::Secret;

use super::LoadError;
use super::settings::{Surroundings, read_dotenv, read_toml};

/// Every place that a secret may stand in, read once.
#[derive(Debug)]
pub(crate) struct Secrets {
    environment: BTreeMap<String, Secret>,
    dotenv: Vec<Dotenv>,
    toml: Vec<SecretsToml>,
    mounted: PathBuf,
    /// The pipeline's name, which dlt's names of credentials may hold.
    pipeline: String,
}

/// A place, with the names that it is searched for and the value of each.
struct Place {
    /// What its names are, if that needs saying.
    before: &'static str,
    names: Vec<(String, Option<Secret>)>,
    after: String,
}

impl Place {
    /// The place in plain words, with the names given.
    fn called<'n>(&self, names: impl Iterator<Item = &'n str>) -> String {
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let before = match (self.before, names.len()) {
            ("", _) => String::new(),
            (kind, 1) => format!("{kind} "),
            (kind, _) => format!("{kind}s "),
        };
        format!("{before}{}{}", names.join(", "), self.after)
    }
}

/// A `.env` file; without values if there is none.
#[derive(Debug)]
struct Dotenv {
    file: PathBuf,
    values: Option<BTreeMap<String, Secret>>,
}

/// A `secrets.toml` file; without values if there is none.
struct SecretsToml {
    file: PathBuf,
    values: Option<Value>,
}

/// The values are not secret types, so they must not be printed along.
impl std::fmt::Debug for SecretsToml {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretsToml")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// A secret, and the place it was found in.
#[derive(Debug)]
pub(crate) struct Found {
    /// Never empty.
    pub(crate) value: Secret,
    /// In plain words: "environment variable `PUSHOVER_TOKEN`".
    pub(crate) place: String,
}

impl Secrets {
    /// Reads the files that a config in this folder takes its secrets from.
    pub(crate) fn open(config_dir: &Path) -> Result<Self, LoadError> {
        Self::open_in(Surroundings::of_process(config_dir))
    }

    fn open_in(surroundings: Surroundings) -> Result<Self, LoadError> {
        let mut dotenv = Vec::new();
        for folder in surroundings.folders() {
            let file = folder.join(".env");
            let values = read_dotenv(&file)?;
            dotenv.push(Dotenv { file, values });
        }
        let user = surroundings.user_config_dir();
        let mut toml = Vec::new();
        for folder in std::iter::once(surroundings.config_dir).chain(user) {
            let file = folder.join("secrets.toml");
            let values = read_toml(&file)?.map(|values: Dict| Value::from(values));
            toml.push(SecretsToml { file, values });
        }
        Ok(Self {
            environment: surroundings.environment,
            dotenv,
            toml,
            mounted: surroundings.mounted_secrets,
            pipeline: String::new(),
        })
    }

    /// The same for a pipeline: credentials that its config leaves out are found under dlt's names too.
    pub(crate) fn for_pipeline(self, name: &str) -> Self {
        Self {
            pipeline: name.to_owned(),
            ..self
        }
    }

    /// The secret of this name, from the first place that has a value for it.
    pub(crate) fn find(&self, name: &str) -> Option<Found> {
        for place in self.look_up(name) {
            for (known, value) in &place.names {
                if let Some(value) = value.clone().filter(|value| !value.expose().is_empty()) {
                    let place = place.called(std::iter::once(known.as_str()));
                    return Some(Found { value, place });
                }
            }
        }
        None
    }

    /// Every place that a secret of this name is looked for in, in their order.
    pub(crate) fn places(&self, name: &str) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        let mut before: Vec<String> = Vec::new();
        for place in self.look_up(name) {
            let names: Vec<String> = place.names.iter().map(|(name, _)| name.clone()).collect();
            // Several names are many words; they are told once.
            let called = if names.len() > 1 && names == before {
                format!("the same{}", place.after)
            } else {
                place.called(names.iter().map(String::as_str))
            };
            // A value that is there and empty is one that somebody meant to fill in.
            let is_empty = place.names.iter().any(|(_, value)| value.is_some());
            told.push(if is_empty {
                format!("{called}, which is empty")
            } else {
                called
            });
            before = names;
        }
        told
    }

    /// A variable of the environment or a `.env` file, for `{env.NAME}`.
    pub(crate) fn env(&self, name: &str) -> Option<String> {
        self.env_with_place(name).map(|(value, _)| value)
    }

    /// The same, with its place in plain words.
    pub(crate) fn env_with_place(&self, name: &str) -> Option<(String, String)> {
        if let Some(value) = self.environment.get(name) {
            return Some((value.expose().to_owned(), format!("environment variable `{name}`")));
        }
        let mut files = self.dotenv.iter();
        files.find_map(|Dotenv { file, values }| {
            let value = values.as_ref()?.get(name)?;
            Some((value.expose().to_owned(), format!("`{name}` in `{}`", file.display())))
        })
    }

    fn look_up(&self, name: &str) -> Vec<Place> {
        let names = self.names(name);
        let variables: Vec<String> = variable_names(&names);
        let mut places = vec![Place {
            before: "environment variable",
            names: with_values(&variables, |variable| self.environment.get(variable).cloned()),
            after: String::new(),
        }];
        for Dotenv { file, values } in &self.dotenv {
            let value = |variable: &str| values.as_ref()?.get(variable).cloned();
            let mut names = with_values(&variables, value);
            // A name may stand there as the config spells it.
            if let Some((_, first @ None)) = names.first_mut() {
                *first = value(name);
            }
            places.push(place_in(names, file, values.is_some()));
        }
        for SecretsToml { file, values } in &self.toml {
            let value = |name: &str| values.as_ref().and_then(|values| text(values.find_ref(name)?));
            places.push(place_in(with_values(&names, value), file, values.is_some()));
        }
        for file in self.mounted_files(name) {
            places.push(read_mounted(&file));
        }
        places
    }

    /// The names that stand for a secret, the most particular first. What a config leaves out of its `auth` is called
    /// `credentials.KEY`, and may stand in any of the sections in which dlt looks for it.
    fn names(&self, name: &str) -> Vec<String> {
        if !name.starts_with("credentials.") {
            return vec![name.to_owned()];
        }
        let of_pipeline = |section: String| (!self.pipeline.is_empty()).then_some(section);
        let sections = [
            of_pipeline(format!("sources.rest_api.{}", self.pipeline)),
            Some("sources.rest_api".to_owned()),
            of_pipeline(format!("sources.{}", self.pipeline)),
            Some("sources".to_owned()),
        ];
        let sections = sections.into_iter().flatten();
        let mut names: Vec<String> = sections.map(|section| format!("{section}.{name}")).collect();
        names.push(name.to_owned());
        names
    }

    /// The mounted file of a secret, as it is named and in either case.
    fn mounted_files(&self, name: &str) -> Vec<PathBuf> {
        // A name with a slash would lead out of the folder.
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        if name.starts_with('.') || !name.chars().all(is_part) {
            return Vec::new();
        }
        let mut files = Vec::new();
        for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let file = self.mounted.join(spelling);
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}

/// Names as the environment spells them: `pushover.token` is `PUSHOVER_TOKEN`, or dlt's `PUSHOVER__TOKEN`.
fn variable_names(names: &[String]) -> Vec<String> {
    let spelled = |name: &str, dot: &str| {
        let spell = |character: char| if character.is_alphanumeric() { character } else { '_' };
        let parts = name
            .split('.')
            .map(|part| part.to_uppercase().chars().map(spell).collect());
        parts.collect::<Vec<String>>().join(dot)
    };
    let mut variables: Vec<String> = names.last().map(|name| spelled(name, "_")).into_iter().collect();
    for name in names.iter().filter(|name| name.contains('.')) {
        variables.push(spelled(name, "__"));
    }
    // Our own spelling stands behind the sections, which are more particular.
    if names.len() > 1 {
        variables.rotate_left(1);
    }
    variables
}

fn with_values(names: &[String], value: impl Fn(&str) -> Option<Secret>) -> Vec<(String, Option<Secret>)> {
    names.iter().map(|name| (name.clone(), value(name))).collect()
}

/// A mounted file as a place, and its value.
fn read_mounted(file: &Path) -> Place {
    let (value, after) = match std::fs::read_to_string(file) {
        Ok(text) => (Some(Secret::new(text.trim_end_matches(['\r', '\n']))), String::new()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (None, String::new()),
        Err(error) => (None, format!(" ({error})")),
    };
    Place {
        before: "file",
        names: vec![(file.display().to_string(), value)],
        after,
    }
}

fn place_in(names: Vec<(String, Option<Secret>)>, file: &Path, exists: bool) -> Place {
    let missing = if exists { "" } else { " (no such file)" };
    Place {
        before: "",
        names,
        after: format!(" in `{}`{missing}", file.display()),
    }
}

/// A value as it is sent; a table has none.
fn text(value: &Value) -> Option<Secret> {
    let text = match value {
        Value::String(_, text) => text.clone(),
        Value::Char(_, character) => character.to_string(),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => match number.to_i128() {
            Some(integer) => integer.to_string(),
            None => number.to_f64()?.to_string(),
        },
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => return None,
    };
    Some(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;
    use tempfile::TempDir;

    use super::*;

    /// A machine with these files, and an environment with these variables.
    struct Machine {
        root: TempDir,
        variables: BTreeMap<String, Secret>,
    }

    impl Machine {
        fn new(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for folder in ["configs", "work", "home/.config/restload", "run"] {
                fs::create_dir_all(root.path().join(folder)).unwrap();
            }
            for (name, text) in files {
                fs::write(root.path().join(name), text).unwrap();
            }
            let mut environment = BTreeMap::new();
            let home = root.path().join("home").display().to_string();
            environment.insert("HOME".to_owned(), Secret::new(home));
            environment.extend(
                variables
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), Secret::new(*value))),
            );
            Self {
                root,
                variables: environment,
            }
        }

        fn secrets(&self) -> Result<Secrets, LoadError> {
            Secrets::open_in(Surroundings {
                environment: self.variables.clone(),
                config_dir: self.root.path().join("configs"),
                working_dir: self.root.path().join("work"),
                mounted_secrets: self.root.path().join("run"),
            })
        }

        fn without_root(&self, text: &str) -> String {
            text.replace(&format!("{}/", self.root.path().display()), "")
        }

        fn find(&self, name: &str) -> String {
            match self.secrets().unwrap().find(name) {
                Some(found) => format!("{} from {}", found.value.expose(), self.without_root(&found.place)),
                None => "none".to_owned(),
            }
        }
    }

    #[test]
    fn the_first_place_with_a_value_wins() {
        let places = [
            ("run/APP_TOKEN", "mounted\n"),
            ("home/.config/restload/secrets.toml", "app_token = 'user'"),
            ("configs/secrets.toml", "app_token = 'beside'"),
            ("work/.env", "APP_TOKEN=work\n"),
            ("configs/.env", "export APP_TOKEN=\"dotenv\"\n"),
        ];
        let mut found = Vec::new();
        for count in 0..=places.len() {
            found.push(Machine::new(&places[..count], &[("APP_TOKEN", "")]).find("app_token"));
        }
        found.push(Machine::new(&places, &[("APP_TOKEN", "environment")]).find("app_token"));
        assert_snapshot!(found.join("\n"), @r"
    none
    mounted from file `run/APP_TOKEN`
    user from `app_token` in `home/.config/restload/secrets.toml`
    beside from `app_token` in `configs/secrets.toml`
    work from `APP_TOKEN` in `work/.env`
    dotenv from `APP_TOKEN` in `configs/.env`
    environment from environment variable `APP_TOKEN`
    ");
    }

    /// Case A-01: what the config leaves out of its credentials is found where dlt would find it.
    #[test]
    fn credentials_are_found_in_dlts_sections() {
        let sections = [
            ("CREDENTIALS_API_KEY", "a"),
            ("CREDENTIALS__API_KEY", "b"),
            ("SOURCES__CREDENTIALS__API_KEY", "c"),
            ("SOURCES__SHOP__CREDENTIALS__API_KEY", "d"),
            ("SOURCES__REST_API__CREDENTIALS__API_KEY", "e"),
            ("SOURCES__REST_API__SHOP__CREDENTIALS__API_KEY", "f"),
        ];
        for count in 1..=sections.len() {
            let (variable, value) = sections[count - 1];
            let secrets = Machine::new(&[], &sections[..count]).secrets().unwrap();
            let found = secrets.for_pipeline("shop").find("credentials.api_key").unwrap();
            assert_eq!(found.value.expose(), value);
            assert_eq!(found.place, format!("environment variable `{variable}`"));
        }
        let toml = "[sources.rest_api.shop.credentials]\napi_key = 'toml'\n";
        let machine = Machine::new(&[("configs/secrets.toml", toml)], &[]);
        let secrets = machine.secrets().unwrap().for_pipeline("shop");
        assert_eq!(secrets.find("credentials.api_key").unwrap().value.expose(), "toml");
        assert_snapshot!(machine.without_root(&secrets.places("credentials.api_key").join("\n")), @r"
        environment variables `SOURCES__REST_API__SHOP__CREDENTIALS__API_KEY`, `SOURCES__REST_API__CREDENTIALS__API_KEY`, `SOURCES__SHOP__CREDENTIALS__API_KEY`, `SOURCES__CREDENTIALS__API_KEY`, `CREDENTIALS__API_KEY`, `CREDENTIALS_API_KEY`
        the same in `configs/.env` (no such file)
        the same in `work/.env` (no such file)
        `sources.rest_api.shop.credentials.api_key`, `sources.rest_api.credentials.api_key`, `sources.shop.credentials.api_key`, `sources.credentials.api_key`, `credentials.api_key` in `configs/secrets.toml`, which is empty
        the same in `home/.config/restload/secrets.toml` (no such file)
        file `run/credentials.api_key`
        file `run/CREDENTIALS.API_KEY`
        ");
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let machine = Machine::new(
            &[
                ("configs/.env", "T=\n"),
                ("configs/secrets.toml", "t = ''"),
                ("run/t", "\n"),
            ],
            &[],
        );
        assert_eq!(machine.find("t"), "none");
    }

    #[test]
    fn dots_reach_into_tables() {
        let toml = "[pushover]\ntoken = 'abc'\npin = 1234\n";
        let machine = Machine::new(&[("configs/secrets.toml", toml)], &[]);
        assert_eq!(
            machine.find("pushover.token"),
            "abc from `pushover.token` in `configs/secrets.toml`"
        );
        assert_eq!(
            machine.find("pushover.pin"),
            "1234 from `pushover.pin` in `configs/secrets.toml`"
        );
        assert_eq!(machine.find("pushover"), "none");
        let machine = Machine::new(&[], &[("PUSHOVER_TOKEN", "abc")]);
        assert_eq!(
            machine.find("pushover.token"),
            "abc from environment variable `PUSHOVER_TOKEN`"
        );
    }

    #[test]
    fn a_missing_secret_names_every_place() {
        let machine = Machine::new(&[("configs/.env", "OTHER=1\n")], &[]);
        let places = machine.secrets().unwrap().places("pushover_token").join("\n");
        assert_snapshot!(machine.without_root(&places), @r"
    environment variable `PUSHOVER_TOKEN`
    `PUSHOVER_TOKEN` in `configs/.env`
    `PUSHOVER_TOKEN` in `work/.env` (no such file)
    `pushover_token` in `configs/secrets.toml` (no such file)
    `pushover_token` in `home/.config/restload/secrets.toml` (no such file)
    file `run/pushover_token`
    file `run/PUSHOVER_TOKEN`
    ");
    }

    #[test]
    fn a_name_does_not_lead_out_of_the_folder() {
        let machine = Machine::new(&[("work/t", "x")], &[]);
        assert_eq!(machine.find("../work/t"), "none");
    }

    #[test]
    fn variables_come_from_the_environment_and_then_the_file() {
        let machine = Machine::new(&[("configs/.env", "A=file\nB=file\n")], &[("A", "process"), ("C", "")]);
        let secrets = machine.secrets().unwrap();
        let values = ["A", "B", "C", "D"].map(|name| secrets.env(name));
        assert_eq!(
            values.each_ref().map(Option::as_deref),
            [Some("process"), Some("file"), Some(""), None]
        );
    }

    #[test]
    fn a_faulty_file_is_named_with_its_line_and_no_value() {
        for (file, text) in [
            ("configs/secrets.toml", "# secrets\ntoken = s3cret\n"),
            ("configs/secrets.toml", "token = \"s3cret\n"),
            ("configs/secrets.toml", "token = \"s3cret\"\ntoken = \"s3cret\"\n"),
            ("work/.env", "A=1\ns3cret\n"),
        ] {
            let machine = Machine::new(&[(file, text)], &[]);
            let report = machine.without_root(&machine.secrets().unwrap_err().to_string());
            assert!(!report.contains("s3cret"), "{report}");
            assert!(report.contains(&format!("--> {file}:")), "{report}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let files = [("configs/.env", "A=s3cret\n"), ("configs/secrets.toml", "b = 's3cret'")];
        let machine = Machine::new(&files, &[("C", "s3cret")]);
        let shown = format!("{:?}", machine.secrets().unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
