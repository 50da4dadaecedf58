//! A compiled resource.

use std::sync::{Arc, OnceLock};

use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::schema::Target;
use serde_json::Value;

use super::Bound;
use super::batches::BatchPlan;
use super::body::JsonTemplate;
use super::endpoint::{ClientPlan, DraftError, EndpointPlan, WHOLE_URL, parse_url};
use super::incremental;
use super::parents::{Names, ParentLink, compile_parents};
use super::target::{self, Stored};
use crate::auth::{Auth, Binding, Exchanges};
use crate::config::{MissingFieldConfig, MissingFieldWord, OnError, RecordsConfig, ResourceConfig};
use crate::extraction::Progress;
use crate::incremental::{IncrementalPlan, RunFacts};
use crate::json_path::JsonPath;
use crate::paginators::Position;
use crate::parent_fields::Parents;
use crate::request::Request;
use crate::steps::Step;
use crate::table_name::TableName;
use crate::template::{Reference, Template};

/// dlt nests without end; so does restload, short of what a stack can hold.
const DEFAULT_NESTING: usize = 1000;

/// A compiled resource.
#[derive(Debug)]
pub struct ResourcePlan {
    /// The resource's name.
    pub name: Arc<str>,
    /// Where its records go.
    pub target: Target,
    /// The root table that each record names, where it does.
    pub table_name: Option<TableName>,
    /// How many levels become columns and tables.
    pub max_nesting: usize,
    /// Whether its records are stored; a parent may be requested for its children only.
    pub is_loaded: bool,
    /// Where its records come from.
    pub source: RecordSource,
    /// The resources whose records it is requested for, and the ancestors whose fields come along with them.
    pub parents: Vec<ParentLink>,
    /// How several of the parent's records are requested together, where they are.
    pub batch: Option<BatchPlan>,
    /// What becomes of a partition whose parents' records lack a field.
    pub on_missing_parent_field: MissingFieldPolicy,
    /// Whether a partition that fails leaves the others going on.
    pub continues_on_error: bool,
    /// How only what is new is loaded.
    pub incremental: Option<IncrementalPlan>,
    /// What is done to its records.
    pub steps: Vec<Step>,
    /// Whether some column wants every digit of a number.
    pub exact_numbers: bool,
    /// How many records may be rejected.
    pub max_rejects: u64,
    /// The selector found in the first page that left no doubt, where the config has none.
    pub found_selector: OnceLock<JsonPath>,
    path_text: String,
    client: OnceLock<Arc<ClientPlan>>,
}

/// What becomes of a partition whose parents' records lack a field.
#[derive(Debug, Clone, PartialEq)]
pub enum MissingFieldPolicy {
    /// It fails.
    Fail,
    /// It is left out, and counted.
    Skip,
    /// It is requested with this value.
    Default(Value),
}

/// Where records come from.
#[derive(Debug)]
pub enum RecordSource {
    /// From the API.
    Endpoint(Box<EndpointPlan>),
    /// From the config.
    Given(Vec<Value>),
    /// From the config, before the placeholders in it have values.
    Template(GivenTemplate),
}

impl RecordSource {
    /// The templates that are its own, not the client's.
    pub(super) fn own_templates(&self) -> Vec<&Template> {
        match self {
            Self::Endpoint(endpoint) => endpoint.own_templates(),
            Self::Template(GivenTemplate(template)) => {
                let mut templates = Vec::new();
                template.templates(&mut templates);
                templates
            }
            Self::Given(_) => Vec::new(),
        }
    }
}

impl RecordSource {
    /// The fields of parents' records that stand in the path.
    pub(super) fn path_references(&self) -> Vec<&Reference> {
        match self {
            Self::Endpoint(endpoint) => endpoint.path_references(),
            Self::Given(_) | Self::Template(_) => Vec::new(),
        }
    }
}

/// Records in the config that hold placeholders.
#[derive(Debug)]
pub struct GivenTemplate(JsonTemplate);

/// Compiles a resource; mistakes are noted, and what has one is left out, so that the rest is looked at too.
pub(super) fn compile(
    config: &ResourceConfig,
    client: &ClientPlan,
    names: &Names<'_>,
    run: RunFacts<'_>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> ResourcePlan {
    if config.name.trim().is_empty() {
        diagnostics.error(&path.key("name"), "the name is empty");
    }
    for (key, reason) in config.without_effect() {
        diagnostics.key_warning(
            &path.key(key),
            format_args!("`{key}` has no effect: {reason}"),
            "leave it out",
        );
    }
    let endpoint_path = path.key("endpoint");
    let mut endpoint_config = config.endpoint.clone().unwrap_or_default();
    let incremental_config = incremental::take(&mut endpoint_config, &endpoint_path, diagnostics);
    let source = match &config.records {
        Some(records) => {
            if config.endpoint.is_some() {
                diagnostics.error(&path.key("records"), "`records` and `endpoint` exclude each other");
            }
            compile_records(records, &path.key("records"), diagnostics)
        }
        None => {
            let endpoint = EndpointPlan::compile(&endpoint_config, &config.name, client, &endpoint_path, diagnostics);
            RecordSource::Endpoint(Box::new(endpoint))
        }
    };
    let steps = config.processing_steps.iter().flatten().enumerate();
    let steps: Vec<Step> = steps
        .flat_map(|(index, step)| step.compile(index + 1, &path.key("processing_steps").index(index), diagnostics))
        .collect();
    let stored = target::compile(config, path, diagnostics);
    let resource_path = path;
    let incremental = incremental_config.as_ref().and_then(|(path, block)| {
        let compiled = IncrementalPlan::compile(block, (resource_path, config), run, path, diagnostics);
        if compiled.is_none() {
            diagnostics.leave_out(&endpoint_path.key("incremental"));
        }
        compiled
    });
    let parents = compile_parents(&source, names, diagnostics);
    let Stored {
        mut target,
        table_name,
        exact_numbers,
    } = stored;
    target.meets_records_again = incremental.is_some();
    target.finds_rows_by_id = incremental.as_ref().is_some_and(IncrementalPlan::recognises_rows);
    let plan = ResourcePlan {
        name: config.name.as_str().into(),
        target,
        table_name,
        max_nesting: config.max_table_nesting.unwrap_or(DEFAULT_NESTING),
        is_loaded: true,
        source,
        parents,
        batch: BatchPlan::compile(config, path, diagnostics),
        on_missing_parent_field: match &config.on_missing_parent_field {
            MissingFieldConfig::Word(MissingFieldWord::Fail) => MissingFieldPolicy::Fail,
            MissingFieldConfig::Word(MissingFieldWord::Skip) => MissingFieldPolicy::Skip,
            MissingFieldConfig::Default(given) => MissingFieldPolicy::Default(given.default.clone()),
        },
        continues_on_error: config.on_error == OnError::Continue,
        exact_numbers: exact_numbers || steps.iter().any(Step::wants_exact_numbers),
        incremental,
        steps,
        max_rejects: config.max_rejects,
        found_selector: OnceLock::new(),
        path_text: endpoint_config.path.unwrap_or_else(|| config.name.clone()),
        client: OnceLock::new(),
    };
    let block_path = incremental_config.map_or_else(|| endpoint_path.key("incremental"), |(path, _)| path);
    incremental::check(&plan, &endpoint_path, &block_path, diagnostics);
    plan
}

fn compile_records(records: &RecordsConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> RecordSource {
    let value = match records {
        RecordsConfig::Given(records) => Value::Array(records.clone()),
        RecordsConfig::Placeholder(text) => Value::String(text.clone()),
    };
    match JsonTemplate::compile(&value, &[], path, diagnostics) {
        Some(template) => RecordSource::Template(GivenTemplate(template)),
        None => RecordSource::Given(Vec::new()),
    }
}

impl ResourcePlan {
    /// The request for a position of a partition.
    pub fn request(&self, position: &Position, context: &Computed) -> Result<Request, DraftError> {
        match (&self.source, self.client.get()) {
            (RecordSource::Endpoint(endpoint), Some(client)) => endpoint.request(client, position, context),
            _ => Err(DraftError::Invalid(format!(
                "`{}` is not requested: its records are given in the config",
                self.name
            ))),
        }
    }

    /// The parents whose records give rise to partitions.
    pub fn direct_parents(&self) -> impl Iterator<Item = &ParentLink> {
        self.parents.iter().filter(|link| link.is_direct)
    }

    /// Whether it is requested for every pair of records of several parents.
    pub fn pairs_parents(&self) -> bool {
        self.direct_parents().nth(1).is_some()
    }

    /// Whether a partition that is stored is one parent's record that waits to be requested together with others.
    pub fn is_part(&self, progress: &Progress) -> bool {
        if self.batch.is_some() {
            return progress.batch.is_empty() && !progress.parents.is_empty();
        }
        let mut direct = self.direct_parents();
        !progress.parents.is_empty() && direct.any(|link| !progress.parents.contains_key(&link.resource))
    }

    /// Of the fields that a partition has of its parents' records, those that its requests name.
    pub fn requested(&self, parents: &Parents) -> Parents {
        let named = self.parents.iter().filter(|link| link.is_named);
        let picked = named.filter_map(|link| {
            let fields = link.requested.pick(parents.get(&link.resource)?);
            Some((link.resource.clone(), fields))
        });
        picked.collect()
    }

    /// Whether parents' records that differ may be requested for alike, so that their partitions share a cursor.
    pub fn may_share_cursors(&self) -> bool {
        let takes_more = |link: &ParentLink| !link.is_named || link.fields.ways() != link.requested.ways();
        self.parents.iter().any(takes_more)
    }

    /// The endpoint, where there is one.
    pub fn endpoint(&self) -> Option<&EndpointPlan> {
        match &self.source {
            RecordSource::Endpoint(endpoint) => Some(endpoint),
            _ => None,
        }
    }

    /// The verb and path of an endpoint whose side effects the config does not allow.
    pub(super) fn refuses_side_effects(&self) -> Option<String> {
        let endpoint = self.endpoint()?;
        endpoint.refused.then(|| endpoint.describe(&self.path_text))
    }

    pub(super) fn own_auth(&self) -> Option<&Auth> {
        self.endpoint().and_then(EndpointPlan::own_auth)
    }

    pub(super) fn own_templates(&self) -> Vec<&Template> {
        let mut templates = self.source.own_templates();
        self.steps.iter().for_each(|step| step.templates(&mut templates));
        templates.extend(self.table_name.as_ref().map(TableName::template));
        templates.extend(self.incremental.iter().flat_map(IncrementalPlan::templates));
        templates
    }

    pub(super) fn templates<'t>(&'t self, client: &'t ClientPlan) -> Vec<&'t Template> {
        match &self.source {
            RecordSource::Endpoint(endpoint) => {
                let mut templates = endpoint.templates(client);
                self.steps.iter().for_each(|step| step.templates(&mut templates));
                templates.extend(self.table_name.as_ref().map(TableName::template));
                templates
            }
            _ => self.own_templates(),
        }
    }

    /// Whether its requests go below the base URL.
    pub(super) fn continues_base(&self) -> bool {
        self.uses_base() && !self.path_text.is_empty()
    }

    /// Whether its address is surely one that `base_url` begins.
    pub(super) fn uses_base(&self) -> bool {
        let is_elsewhere = ["http", "{"].iter().any(|start| self.path_text.starts_with(start));
        matches!(self.source, RecordSource::Endpoint(_)) && !is_elsewhere
    }

    /// Notes what is known of its requests and cannot be sent.
    pub(super) fn check_known(
        &self,
        client: &ClientPlan,
        bound: &Bound,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) {
        let RecordSource::Endpoint(endpoint) = &self.source else {
            return;
        };
        let on_missing = (&self.on_missing_parent_field, &path.key("on_missing_parent_field"));
        let path = path.key("endpoint");
        endpoint.check_known(client, bound, on_missing, &path, diagnostics);
        if let Some(incremental) = &self.incremental {
            endpoint.check_range(incremental, &path.key("incremental"), diagnostics);
        }
    }

    /// Takes over what is known only once the run is.
    pub(super) fn finish(
        &mut self,
        binding: &Binding<'_>,
        client: &Arc<ClientPlan>,
        exchanges: &mut Exchanges,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) {
        match &mut self.source {
            RecordSource::Endpoint(endpoint) => {
                let endpoint_path = path.key("endpoint");
                endpoint.exchange_credentials(binding, client, exchanges, &endpoint_path, diagnostics);
                endpoint.finish(binding, client);
                let is_whole = endpoint.has_constant_path() && self.path_text.starts_with("http");
                if let (true, Err(reason)) = (is_whole, parse_url(&self.path_text)) {
                    let path = endpoint_path.key("path");
                    diagnostics.error_with_help(&path, reason, WHOLE_URL);
                }
            }
            RecordSource::Template(GivenTemplate(template)) => match template.render(binding.values) {
                Ok(Value::Array(records)) => {
                    self.source = RecordSource::Given(records.into_iter().map(as_record).collect());
                }
                Ok(other) => {
                    diagnostics.error(
                        &path.key("records"),
                        format_args!("`records` must be a list; this is {other}"),
                    );
                }
                Err(error) => diagnostics.error(&path.key("records"), error),
            },
            RecordSource::Given(_) => {}
        }
        if let Some(table_name) = &mut self.table_name {
            table_name.bind(binding.values);
        }
        for step in &mut self.steps {
            step.bind(binding.values, diagnostics);
        }
        let _ = self.client.set(Arc::clone(client));
    }
}

/// A given record that is not an object has its value in the field `value`, as its row will.
fn as_record(value: Value) -> Value {
    if value.is_object() {
        value
    } else {
        serde_json::json!({ "value": value })
    }
}
