//! From a config file to a plan: read, validate, expand, plan, with every mistake shown at its line.

mod remainder;
mod resolved;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use restload_destination::{DestinationUrl, UrlError};
use restload_engine::Moment;
use restload_model::diagnostics::{Diagnostic, Diagnostics, KeyPath, did_you_mean};
use restload_model::secret::{MASK, Secret};
use restload_replay::pseudonym;
use restload_source::config::{ResourceConfig, expand_resource, merge_defaults};
use restload_source::plan::{Lookup, NoTimeZone, Plan, PlanOptions, RunRange, SourceConfig, bind, plan};
use restload_source::template::Template;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::cli::ConfigArgs;
use crate::config::{DestinationConfig, RootConfig, schema};
use crate::load::Mistake;
use crate::load::document::Document;
use crate::load::render::{mistakes, render};
use crate::load::secrets::Secrets;
use crate::load::time_zone::time_zone;
use crate::load::validate::validate;
use crate::terminal::Terminal;

use remainder::{Places, Remainder};
pub(crate) use resolved::{Leaf, Node};

/// A config that was read, and is sound as far as its text goes.
pub(crate) struct Pipeline {
    document: Document,
    source: SourceConfig,
    destination: Option<DestinationConfig>,
    destination_path: KeyPath,
    secrets: Secrets,
    /// Mistakes in the shape of the document, and where in it what is left without them stands.
    shape: Vec<Diagnostic>,
    places: Places,
    diagnostics: Diagnostics,
    /// Resources that the command line adds, with their paths.
    added: BTreeMap<String, String>,
}

/// What a run differs in from what the config says.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) select: Vec<String>,
    pub(crate) range: RunRange,
    pub(crate) offline: bool,
    /// The records go elsewhere than the config says, or nowhere: what its destination needs is not asked for.
    pub(crate) elsewhere: bool,
    pub(crate) demo: Option<Demo>,
    /// What a recorded run had, in the place of what there is now.
    pub(crate) replayed: Option<Replayed>,
}

/// What a simulator takes the place of.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) base_url: String,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) vars: BTreeMap<String, Value>,
}

/// What a recorded run had.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replayed {
    pub(crate) started_at: Option<String>,
    /// `None`: every secret there could be, each with a value of its own.
    pub(crate) secrets: Option<BTreeMap<String, String>>,
    pub(crate) env: BTreeMap<String, String>,
}

/// A plan and where it goes.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) destination: Option<DestinationConfig>,
    /// What is worth a look and does not keep the config from being used; people have been told.
    pub(crate) warnings: Vec<Mistake>,
    /// What was taken from the surroundings.
    pub(crate) used: Used,
}

/// What a plan has taken from its surroundings, besides the config.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// The moment that the run has as its start.
    pub(crate) started_at: String,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) env: BTreeMap<String, String>,
    /// The values of `vars` that a simulator has given.
    pub(crate) vars: serde_json::Map<String, Value>,
}

/// A config that cannot be used.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The report for people.
    pub(crate) report: String,
    /// The same for programs.
    pub(crate) mistakes: Vec<Mistake>,
}

impl Refused {
    fn new(document: &Document, found: &[Diagnostic], terminal: &Terminal) -> Self {
        Self {
            report: render(Some(document), found, terminal.color),
            mistakes: mistakes(document, found),
        }
    }
}

impl Pipeline {
    /// Reads a config and its surroundings, and gives its variables the values of the command line.
    pub(crate) fn read(args: &ConfigArgs, terminal: &Terminal) -> Result<Self, Refused> {
        let mut pipeline = Self::open(&args.config, terminal, str::to_owned)?;
        pipeline.set_vars(&args.vars);
        Ok(pipeline)
    }

    /// Gives the variables values. One that the config does not have is a mistake.
    pub(crate) fn set_vars(&mut self, vars: &[(String, Value)]) {
        for (var, value) in vars {
            if !self.set_var(var, value) {
                self.refuse_var(var);
            }
        }
    }

    /// Reads a config, after a change to its text, and its surroundings.
    pub(crate) fn open(config: &Path, terminal: &Terminal, change: impl Fn(&str) -> String) -> Result<Self, Refused> {
        let refused = |error: crate::load::LoadError| Refused {
            report: error.render(terminal.color),
            mistakes: error.mistakes(),
        };
        let document = Document::read_changed(config, change).map_err(refused)?;
        let folder = folder_of(config);
        let secrets = Secrets::open(&folder).map_err(refused)?;
        let mut diagnostics = Diagnostics::default();
        let schema = schema();
        validate(document.value(), &schema, &mut diagnostics);
        let (remainder, shape) = Remainder::of(document.value(), &schema, &mut diagnostics);
        drop(schema);
        let root = match RootConfig::deserialize(&*remainder.value) {
            Ok(root) => root,
            // What fits the schema can be read; a message of serde's own is the safety net.
            Err(error) => {
                if shape.is_empty() {
                    diagnostics.error(&KeyPath::root(), error);
                }
                let found = [shape, diagnostics.into_vec()].concat();
                return Err(Refused::new(&document, &found, terminal));
            }
        };
        let places = remainder.places;
        if root.name.as_deref().is_some_and(|name| name.trim().is_empty()) {
            diagnostics.error_with_help(
                &KeyPath::root().key("name"),
                "the name of the pipeline is empty",
                "write one, under which its state is stored, or leave `name` out: the file's name stands for it",
            );
        }
        let name = root.name.clone().unwrap_or_else(|| stem_of(config));
        let secrets = secrets.for_pipeline(&name);
        let vars = root.vars.clone().unwrap_or_default();
        let (resources, unreadable) = expand(&root, &mut diagnostics);
        let (destination, destination_path) = destination(&root);
        let source = SourceConfig {
            name,
            client: root.client,
            resources,
            unreadable,
            vars,
        };
        Ok(Self {
            document,
            source,
            destination,
            destination_path,
            secrets,
            shape,
            places,
            diagnostics,
            added: BTreeMap::new(),
        })
    }

    /// Gives a variable another value; false where the config has no such variable.
    pub(crate) fn set_var(&mut self, var: &str, value: &Value) -> bool {
        let own = self.source.vars.get_mut(var);
        own.map(|own| own.clone_from(value)).is_some()
    }

    /// Notes that a variable of the command line is not one of the config's.
    pub(crate) fn refuse_var(&mut self, var: &str) {
        let vars = &mut self.source.vars;
        let help = did_you_mean(var, vars.keys().map(String::as_str)).map_or_else(
            || "the config's `vars` name what can be given".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        self.diagnostics.error_with_help(
            &KeyPath::root().key("vars"),
            format_args!("`--var {var}=…`: the config has no such variable"),
            help,
        );
        // So that what refers to it is not a mistake of its own.
        vars.insert(var.to_owned(), Value::Null);
    }

    /// The pipeline's name.
    pub(crate) fn name(&self) -> &str {
        &self.source.name
    }

    /// The names of its resources, those that cannot be read for their mistakes too.
    pub(crate) fn resource_names(&self) -> impl Iterator<Item = &str> {
        let read = self.source.resources.iter().map(|(_, resource)| resource.name.as_str());
        read.chain(self.source.unreadable.iter().map(String::as_str))
    }

    /// A resource as it is written, in full and without the defaults; none for one that the config does not have.
    pub(crate) fn written(&self, name: &str) -> Option<Map<String, Value>> {
        if let Some(path) = self.added.get(name) {
            return Some(Map::from_iter([
                ("name".to_owned(), name.into()),
                ("endpoint".to_owned(), serde_json::json!({ "path": path })),
            ]));
        }
        let mut resources = self
            .document
            .value()
            .get("resources")?
            .as_array()?
            .iter()
            .map(expand_resource);
        match resources.find(|resource| resource.get("name").is_some_and(|own| own == name))? {
            Value::Object(resource) => Some(resource),
            _ => None,
        }
    }

    /// The place of a resource in the file's list; none for one that the file does not have.
    pub(crate) fn place_in_file(&self, name: &str) -> Option<usize> {
        let resources = self.document.value().get("resources")?.as_array()?;
        let named =
            |resource: &Value| resource.as_str() == Some(name) || resource.get("name").is_some_and(|own| own == name);
        resources.iter().position(named)
    }

    /// Adds a resource for a path, under the defaults of the config, and gives its name: the last part of the path that
    /// is no placeholder.
    pub(crate) fn add_path(&mut self, path: &str) -> String {
        let path_alone = path.split('?').next().unwrap_or(path);
        let parts = path_alone
            .rsplit('/')
            .filter(|part| !part.is_empty() && !part.contains('{'));
        let clean = |part: &str| {
            part.trim_end_matches(".json")
                .replace(|character: char| !character.is_ascii_alphanumeric(), "_")
        };
        let plain = parts.map(clean).next().unwrap_or_else(|| "records".to_owned());
        let mut name = plain.clone();
        let mut number = 1;
        while self.resource_names().any(|known| known == name) {
            number += 1;
            name = format!("{plain}_{number}");
        }
        let mut full = serde_json::json!({ "name": name, "endpoint": { "path": path } });
        if let Some(defaults) = self.document.value().get("resource_defaults") {
            merge_defaults(&mut full, defaults);
        }
        let place = KeyPath::root().key("resources");
        match serde_json::from_value(full) {
            Ok(resource) => self.source.resources.push((place, resource)),
            Err(error) => self.diagnostics.error(&place, error),
        }
        self.added.insert(name.clone(), path.to_owned());
        name
    }

    /// The address that the config gives, for choosing a simulator.
    pub(crate) fn base_url(&self) -> &str {
        &self.source.client.base_url
    }

    /// Where the config says that the records go, for commands that request nothing: a mistake elsewhere in the config
    /// does not keep anybody from looking at what is stored. With `elsewhere` only its dataset is of use.
    pub(crate) fn destination(
        self,
        elsewhere: bool,
        terminal: &Terminal,
    ) -> Result<Option<DestinationConfig>, Refused> {
        let options = PlanOptions {
            select: Vec::new(),
            base_url: None,
            started_at: Moment::now().to_iso(),
            range: RunRange::default(),
            offline: false,
            is_replayed: false,
        };
        let mut diagnostics = Diagnostics::default();
        let destination = self.bind_destination(&options, elsewhere, terminal, &mut diagnostics);
        if diagnostics.has_errors() {
            let found = diagnostics.into_vec();
            return Err(Refused::new(&self.document, &found, terminal));
        }
        Ok(destination)
    }

    /// Plans a run. Warnings are handed to the terminal; a mistake refuses the config.
    pub(crate) fn plan(mut self, overrides: &Overrides, terminal: &Terminal) -> Result<Planned, Refused> {
        let recorded = overrides.replayed.as_ref();
        let started_at = recorded.and_then(|recorded| recorded.started_at.clone());
        let started_at = started_at.unwrap_or_else(|| Moment::now().to_iso());
        let options = PlanOptions {
            select: overrides.select.clone(),
            base_url: overrides.demo.as_ref().map(|demo| demo.base_url.clone()),
            started_at: started_at.clone(),
            range: overrides.range.clone(),
            offline: overrides.offline,
            is_replayed: recorded.is_some(),
        };
        let mut vars = serde_json::Map::new();
        if let Some(demo) = &overrides.demo {
            for (name, value) in &demo.vars {
                if let Some(own) = self.source.vars.get_mut(name)
                    && (own.is_null() || *own == Value::Array(Vec::new()) || *own == "")
                {
                    *own = value.clone();
                    vars.insert(name.clone(), value.clone());
                }
            }
        }
        let lookup = Surroundings::new(&self.secrets, overrides, terminal);
        let planned = plan(&self.source, &options, &lookup, &mut self.diagnostics);
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        let destination = self.bind_destination(&options, overrides.elsewhere, terminal, &mut diagnostics);
        self.diagnostics = diagnostics;
        let failed = self.diagnostics.has_errors() || !self.shape.is_empty();
        let meaning = self.diagnostics.into_vec().into_iter();
        let mut found: Vec<Diagnostic> = meaning.filter_map(|mistake| self.places.in_document(mistake)).collect();
        found.extend(self.shape);
        match planned {
            Some(plan) if !failed => {
                if !found.is_empty() {
                    terminal.say(&render(Some(&self.document), &found, terminal.color));
                }
                let used = Used {
                    started_at,
                    vars,
                    ..lookup.used.into_inner()
                };
                Ok(Planned {
                    plan,
                    destination,
                    used,
                    warnings: mistakes(&self.document, &found),
                })
            }
            _ => Err(Refused::new(&self.document, &found, terminal)),
        }
    }

    /// The destination with its placeholders filled in; none when it has none or they cannot be filled in. One that is no
    /// database of ours is a mistake, as far as its address is known. Neither a simulator nor a recording takes its
    /// place, so its secrets are the real ones.
    fn bind_destination(
        &self,
        options: &PlanOptions,
        elsewhere: bool,
        terminal: &Terminal,
        diagnostics: &mut Diagnostics,
    ) -> Option<DestinationConfig> {
        let destination = self.destination.clone()?;
        let path = &self.destination_path;
        let template = Template::compile(&destination.url, &[], path, diagnostics)?;
        if elsewhere {
            return Some(destination);
        }
        let overrides = Overrides::default();
        let lookup = Surroundings::new(&self.secrets, &overrides, terminal);
        let bound = bind(&self.source.vars, options, &lookup, &[&template], diagnostics);
        let is_known = bound.knows(&template);
        let url = match template.text(&bound.context.to_value()) {
            Ok(url) => url,
            Err(error) => {
                if is_known {
                    diagnostics.error(path, error);
                }
                return None;
            }
        };
        match DestinationUrl::parse(&url) {
            Err(error @ UrlError::UnknownScheme { .. }) if is_known || !url.starts_with(MASK) => {
                diagnostics.error(path, error);
            }
            Err(error) if is_known => diagnostics.error(path, error),
            _ => {}
        }
        is_known.then_some(DestinationConfig { url, ..destination })
    }
}

/// Secrets and the environment, or what a simulator or a recording gives in their place.
struct Surroundings<'s> {
    secrets: &'s Secrets,
    demo: Option<&'s Demo>,
    replayed: Option<&'s Replayed>,
    used: RefCell<Used>,
    terminal: &'s Terminal,
    /// The secrets whose place has been told.
    told: RefCell<BTreeSet<String>>,
}

impl<'s> Surroundings<'s> {
    fn new(secrets: &'s Secrets, overrides: &'s Overrides, terminal: &'s Terminal) -> Self {
        Self {
            secrets,
            demo: overrides.demo.as_ref(),
            replayed: overrides.replayed.as_ref(),
            used: RefCell::default(),
            terminal,
            told: RefCell::default(),
        }
    }
}

impl Lookup for Surroundings<'_> {
    fn secret(&self, name: &str) -> Option<Secret> {
        if let Some(replayed) = self.replayed {
            return replayed.secret(name);
        }
        let found = match self.demo {
            // A demo must not send anybody's real credentials to a simulator.
            Some(demo) => demo.secrets.get(name).map(|value| Secret::new(value.clone())),
            None => {
                let found = self.secrets.find(name)?;
                if self.terminal.verbosity > 0 && self.told.borrow_mut().insert(name.to_owned()) {
                    self.terminal.say(&format!("secret `{name}` is from {}", found.place));
                }
                Some(found.value)
            }
        };
        if let Some(value) = &found {
            let mut used = self.used.borrow_mut();
            used.secrets.insert(name.to_owned(), value.clone());
        }
        found
    }

    fn secret_places(&self, name: &str) -> Vec<String> {
        if self.replayed.is_some() {
            return vec!["the recording, whose run had no such secret".to_owned()];
        }
        match self.demo {
            Some(_) => vec!["the simulator, which has no such credential".to_owned()],
            None => self.secrets.places(name),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        if let Some(replayed) = self.replayed {
            return replayed.env.get(name).cloned();
        }
        let value = self.secrets.env(name)?;
        self.used.borrow_mut().env.insert(name.to_owned(), value.clone());
        Some(value)
    }

    fn time_zone(&self, name: &str) -> Result<TimeZone, NoTimeZone> {
        time_zone(name)
    }
}

impl Replayed {
    fn secret(&self, name: &str) -> Option<Secret> {
        match &self.secrets {
            Some(secrets) => secrets.get(name).map(Secret::new),
            None => {
                // A script that was written by hand gives a secret as the environment does, or not at all.
                let variable = name.replace('.', "__").to_uppercase();
                let given = self.env.get(&variable).map(Secret::new);
                given.or_else(|| Some(Secret::new(pseudonym(name, &Secret::new(name)))))
            }
        }
    }
}

/// Resources with their places, and the names of those that cannot be read.
type Expanded = (Vec<(KeyPath, ResourceConfig)>, Vec<String>);

/// The resources, written out in full and with the defaults merged in.
fn expand(root: &RootConfig, diagnostics: &mut Diagnostics) -> Expanded {
    let mut resources = Vec::new();
    let mut unreadable = Vec::new();
    for (index, resource) in root.resources.iter().enumerate() {
        let path = KeyPath::root().key("resources").index(index);
        let mut full = expand_resource(resource);
        if let Some(defaults) = &root.resource_defaults {
            merge_defaults(&mut full, defaults);
        }
        let name = full.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
        match serde_json::from_value(full) {
            Ok(resource) => {
                let mut resource: ResourceConfig = resource;
                if resource.schema_contract.is_none() {
                    resource.schema_contract.clone_from(&root.schema_contract);
                }
                resources.push((path, resource));
            }
            Err(error) => {
                unreadable.extend(name);
                diagnostics.error(&path, error);
            }
        }
    }
    (resources, unreadable)
}

fn destination(root: &RootConfig) -> (Option<DestinationConfig>, KeyPath) {
    let path = KeyPath::root().key("destination");
    match &root.destination {
        Some(Value::String(url)) => (
            Some(DestinationConfig {
                url: url.clone(),
                dataset: None,
            }),
            path,
        ),
        Some(full @ Value::Object(_)) => (serde_json::from_value(full.clone()).ok(), path.key("url")),
        _ => (None, path),
    }
}

/// The folder of the config, in which its secrets and settings lie.
pub(crate) fn folder_of(config: &Path) -> PathBuf {
    match config.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn stem_of(config: &Path) -> String {
    config
        .file_stem()
        .map_or_else(|| "pipeline".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
