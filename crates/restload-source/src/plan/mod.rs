//! From config to plan: everything that can be compiled or decided before the first request is, and every mistake is
//! found here. Config types are not used after planning.

mod batches;
mod body;
mod endpoint;
mod estimate;
pub(crate) mod graphql;
mod incremental;
mod merging;
mod parents;
mod resource;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::tz::TimeZone;
use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};
use restload_model::secret::{MASK, Redactor, Secret};

use crate::auth::{Binding, Exchange, Exchanges};
use crate::config::{ClientConfig, ResourceConfig};
use crate::incremental::{RunFacts, Schedule};
use crate::parent_fields::Parents;
use crate::template::{Context, Template, to_value};

pub use batches::BatchPlan;
pub(crate) use body::JsonTemplate;
pub use endpoint::{DraftError, EndpointPlan, HeaderTemplate};
pub(crate) use endpoint::{WHOLE_URL, parse_url};
pub use estimate::Estimate;
pub use incremental::RunRange;
use parents::Names;
pub use parents::ParentLink;
pub use resource::{MissingFieldPolicy, RecordSource, ResourcePlan};

/// What the environment of a run gives to a config.
pub trait Lookup {
    /// The value of `{secrets.name}`.
    fn secret(&self, name: &str) -> Option<Secret>;
    /// Every place that a secret is looked for in, in plain words.
    fn secret_places(&self, name: &str) -> Vec<String>;
    /// The value of `{env.NAME}`.
    fn env(&self, name: &str) -> Option<String>;
    /// The time zone of a name in the IANA's database.
    fn time_zone(&self, name: &str) -> Result<TimeZone, NoTimeZone>;
}

/// Why there is no time zone of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTimeZone {
    /// No zone is called so.
    Unknown {
        /// The name that was meant, perhaps.
        near: Option<String>,
    },
    /// There is no database to look for it in.
    NoDatabase,
}

/// A config as planning takes it: resources written out in full, each with its place in the file.
#[derive(Debug)]
pub struct SourceConfig {
    /// The pipeline's name.
    pub name: String,
    /// What all resources share.
    pub client: ClientConfig,
    /// The resources, defaults merged in.
    pub resources: Vec<(KeyPath, ResourceConfig)>,
    /// Names of resources that could not be read because of mistakes told already; others may refer to them.
    pub unreadable: Vec<String>,
    /// The user's own values.
    pub vars: IndexMap<String, serde_json::Value>,
}

/// What a run wants of a config.
#[derive(Debug, Default)]
pub struct PlanOptions {
    /// The resources to load; those that the config selects when empty.
    pub select: Vec<String>,
    /// An address in the place of the client's `base_url`.
    pub base_url: Option<String>,
    /// The moment the run started, ISO 8601.
    pub started_at: String,
    /// The range of a backfill; only incremental resources are loaded then.
    pub range: RunRange,
    /// Whether a missing secret only warns, because nothing will be requested.
    pub offline: bool,
    /// Whether answers come from a recording: nothing is signed, and no tokens are kept.
    pub is_replayed: bool,
}

/// A pipeline that is ready to run.
#[derive(Debug)]
pub struct Plan {
    /// The pipeline's name.
    pub name: String,
    /// Scheme, host and port of the client's base URL: plans of one run that ask the same API share its limits.
    pub origin: String,
    /// The limits of the client.
    pub limits: Limits,
    /// Parents stand before their children. Holds what is loaded and what a loaded child needs.
    pub resources: Vec<ResourcePlan>,
    /// The credentials that take an exchange with a server; requests name them by their place.
    pub exchanges: Vec<Exchange>,
    /// What is not loaded, and why.
    pub left_out: Vec<LeftOut>,
    /// What placeholders refer to.
    pub context: Context,
    /// Removes secrets from whatever is shown or stored.
    pub redactor: Redactor,
    /// The range that is given for this run.
    pub range: RunRange,
}

/// A resource that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The resource.
    pub resource: String,
    /// Why, in words that follow a colon.
    pub reason: String,
}

/// The reason for leaving out what the config does not select.
pub const NOT_SELECTED: &str = "not selected";

/// The limits of a client.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests under way at the same time.
    pub concurrency: usize,
    /// Requests per time.
    pub rate: Option<(u32, Duration)>,
    /// Tries in all.
    pub max_attempts: u32,
    /// Statuses that are sent again.
    pub retry_statuses: Vec<std::ops::RangeInclusive<u16>>,
    /// Longest delay before the second try; it doubles from try to try.
    pub first_delay: Duration,
    /// Least delay before a further try.
    pub min_delay: Duration,
    /// Longest delay before a further try.
    pub max_delay: Duration,
    /// Whether a delay that the server asks for counts instead.
    pub obeys_retry_after: bool,
    /// Bound on a whole request.
    pub timeout: Duration,
    /// Bound on connecting.
    pub connect_timeout: Duration,
    /// Largest answer in bytes.
    pub max_response_bytes: u64,
    /// Hosts besides the client's own that credentials may go to.
    pub trusted_hosts: Vec<String>,
}

impl Limits {
    /// Whether a status is sent again.
    pub fn retries(&self, status: u16) -> bool {
        self.retry_statuses.iter().any(|range| range.contains(&status))
    }
}

/// Compiles a config, whatever it selects, and plans the run. `None` when a mistake was noted: what has one is left out,
/// and the rest is looked at to the end, so that all mistakes are found in one go.
pub fn plan(
    config: &SourceConfig,
    options: &PlanOptions,
    lookup: &dyn Lookup,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let client = KeyPath::root().key("client");
    let base_url = Template::compile(&config.client.base_url, &[], &client.key("base_url"), diagnostics);
    let shared = Arc::new(endpoint::ClientPlan::compile(&config.client, &client, diagnostics));
    let retry_path = client.key("retry").key("statuses");
    let retry_statuses = config.client.retry.statuses.compile(&retry_path, diagnostics);

    let read = config.resources.iter().map(|(_, resource)| resource.name.as_str());
    let names = Names {
        known: read.chain(config.unreadable.iter().map(String::as_str)).collect(),
        is_whole: {
            let mut paths = config.resources.iter().map(|(path, _)| path.key("name"));
            !paths.any(|name| diagnostics.is_left_out(&name))
        },
    };
    let schedule = Schedule::read(lookup);
    let run = RunFacts {
        started_at: &options.started_at,
        range: &options.range,
        schedule: &schedule,
    };
    let mut seen = BTreeSet::new();
    let mut compiled: Vec<Compiled<'_>> = Vec::new();
    for (path, resource) in &config.resources {
        if !seen.insert(resource.name.as_str()) {
            diagnostics.error(
                &path.key("name"),
                format_args!("two resources are named `{}`", resource.name),
            );
        }
        let plan = resource::compile(resource, &shared, &names, run, path, diagnostics);
        compiled.push((path.clone(), resource, plan));
    }
    check_tables(&compiled, diagnostics);
    let order = parents::parents_first(&compiled, diagnostics);
    parents::connect(&order, &mut compiled, diagnostics);
    check_variables(config, base_url.as_ref(), &shared, &compiled, diagnostics);
    let Chosen {
        loaded,
        needed,
        left_out,
    } = choose(config, options, lookup, &names, &compiled, diagnostics);
    // What a run would do is of interest when there can be one.
    if !diagnostics.has_errors() {
        parents::warn_of_repeated_children(&compiled, &loaded, diagnostics);
    }

    let mut templates: Vec<&Template> = base_url.iter().collect();
    for (_, resource, plan) in &compiled {
        if needed.contains(&resource.name) {
            templates.extend(plan.templates(&shared));
        }
    }
    let context = bind(&config.vars, options, lookup, &templates, diagnostics);
    let values = context.context.to_value();
    let base_path = client.key("base_url");
    let base = match (&options.base_url, &base_url) {
        (Some(given), _) => Some(given.clone()),
        (None, Some(template)) if context.knows(template) => template
            .text(&values)
            .map_err(|error| diagnostics.error(&base_path, error))
            .ok(),
        _ => None,
    };
    // Nothing is said of an address that cannot be known.
    let base = base.unwrap_or_else(|| NO_ADDRESS.to_owned());
    warn_of_plain_http(&base, !secrets_used(&templates).is_empty(), &base_path, diagnostics);
    let mut secrets = context.secrets.clone();
    for auth in shared
        .auths()
        .chain(compiled.iter().filter_map(|(_, _, plan)| plan.own_auth()))
    {
        secrets.extend(
            auth.secrets(&values)
                .into_iter()
                .enumerate()
                .map(|(n, secret)| (format!("auth{n}"), secret)),
        );
    }

    let mut plans: BTreeMap<String, ResourcePlan> = compiled
        .into_iter()
        .map(|(_, resource, plan)| (resource.name.clone(), plan))
        .collect();
    // The mask stands for a secret that is not there in a plan that is only shown.
    if !base.contains(MASK) && plans.values().any(ResourcePlan::uses_base) {
        if base.is_empty() {
            diagnostics.error_with_help(&base_path, "`base_url` is empty", WHOLE_URL);
        } else if let Err(reason) = parse_url(&base) {
            diagnostics.error_with_help(&base_path, reason, WHOLE_URL);
        }
    }
    if base.contains(['?', '#']) && plans.values().any(ResourcePlan::continues_base) {
        diagnostics.error_with_help(
            &base_path,
            "`base_url` has a query or a fragment, which no path can follow",
            "write a query as `params` of `resource_defaults.endpoint`",
        );
    }
    let home = url::Url::parse(&base).ok();
    let client_headers = shared.header_values(&values);
    let binding = Binding {
        base_url: &base,
        context: &context.context,
        values: &values,
        client_headers: &client_headers,
        is_replayed: options.is_replayed,
        trusts: &|url| home.as_ref().is_some_and(|home| shared.trusts(home, url)),
    };
    let mut exchanges = Exchanges::default();
    let mut resources = Vec::new();
    let needed_plans = plans.values().filter(|plan| needed.contains(&*plan.name));
    let parents: BTreeSet<String> = needed_plans
        .flat_map(|plan| plan.direct_parents().map(|link| link.resource.clone()))
        .collect();
    let paths = config
        .resources
        .iter()
        .map(|(path, resource)| (resource.name.as_str(), path));
    let paths: BTreeMap<&str, &KeyPath> = paths.collect();
    for name in order.names.iter().filter(|name| needed.contains(*name)) {
        let Some(mut plan) = plans.remove(name) else { continue };
        plan.is_loaded = loaded.contains(name);
        if let Some(incremental) = &mut plan.incremental
            && parents.contains(name)
        {
            incremental.remember_records(plan.is_loaded);
        }
        let path = paths.get(name.as_str()).copied().cloned().unwrap_or_default();
        plan.check_known(&shared, &context, &path, diagnostics);
        plan.finish(&binding, &shared, &mut exchanges, &path, diagnostics);
        resources.push(plan);
    }
    if diagnostics.has_errors() {
        return None;
    }
    let obtained = exchanges.secrets().into_iter().enumerate();
    secrets.extend(obtained.map(|(n, secret)| (format!("exchange{n}"), secret)));
    let client = &config.client;
    Some(Plan {
        name: config.name.clone(),
        origin: home
            .as_ref()
            .map_or_else(|| base.clone(), |home| home.origin().ascii_serialization()),
        limits: Limits {
            concurrency: client.concurrency.max(1),
            rate: client.rate_limit.as_ref().map(|limit| {
                (
                    limit.requests.max(1),
                    Duration::from_secs(u64::from(limit.per_secs.max(1))),
                )
            }),
            max_attempts: client.retry.max_attempts.max(1),
            retry_statuses,
            first_delay: Duration::from_secs(client.retry.first_delay_secs),
            min_delay: Duration::from_secs(client.retry.min_delay_secs),
            max_delay: Duration::from_secs(client.retry.max_delay_secs),
            obeys_retry_after: client.retry.obey_retry_after,
            timeout: Duration::from_secs(client.timeout_secs),
            connect_timeout: Duration::from_secs(client.connect_timeout_secs),
            max_response_bytes: client.max_response_mib.saturating_mul(1 << 20),
            trusted_hosts: client.trusted_hosts.iter().map(|host| host.to_lowercase()).collect(),
        },
        resources,
        exchanges: exchanges.into_vec(),
        left_out,
        context: context.context,
        redactor: Redactor::new(secrets),
        range: options.range.clone(),
    })
}

/// The secrets that templates refer to.
fn secrets_used<'t>(templates: &[&'t Template]) -> Vec<&'t str> {
    templates
        .iter()
        .flat_map(|template| template.variables())
        .filter(|name| name.starts_with("secrets."))
        .collect()
}

/// Credentials on an unencrypted connection can be read by everybody on the way, except on this machine.
pub(crate) fn warn_of_plain_http(base: &str, has_secrets: bool, path: &KeyPath, diagnostics: &mut Diagnostics) {
    let Ok(url) = url::Url::parse(base) else { return };
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if has_secrets && url.scheme() == "http" && !is_local {
        diagnostics.warning(
            path,
            "credentials are sent over an unencrypted connection",
            Some("use https:// if the API offers it".to_owned()),
        );
    }
}

type Compiled<'c> = (KeyPath, &'c ResourceConfig, ResourcePlan);

/// Stands for a base URL that has a mistake in it, or a secret that is not there. Nothing is requested of it.
pub const NO_ADDRESS: &str = "https://restload.invalid";

/// Two resources in one table would replace each other's rows.
fn check_tables(all: &[Compiled<'_>], diagnostics: &mut Diagnostics) {
    let mut stored: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, resource, plan) in all {
        if ["name", "table_name"]
            .iter()
            .any(|key| diagnostics.is_left_out(&path.key(*key)))
        {
            continue;
        }
        let table = &*plan.target.table;
        let earlier = stored.entry(table).or_default();
        if let Some(other) = earlier.iter().find(|other| **other != resource.name) {
            let key = if resource.table_name.is_some() {
                "table_name"
            } else {
                "name"
            };
            diagnostics.error_with_help(
                &path.key(key),
                format_args!(
                    "`{other}` and `{}` would both be stored in table `{table}`",
                    resource.name
                ),
                "give one of them a `table_name`",
            );
        }
        earlier.push(&resource.name);
    }
}

/// Every `{vars.…}` must be one of the config's.
fn check_variables(
    config: &SourceConfig,
    base_url: Option<&Template>,
    shared: &endpoint::ClientPlan,
    all: &[Compiled<'_>],
    diagnostics: &mut Diagnostics,
) {
    let mut templates: Vec<&Template> = base_url.into_iter().collect();
    templates.extend(shared.templates());
    for template in &templates {
        incremental::check_outside(template, diagnostics);
    }
    templates.extend(all.iter().flat_map(|(_, _, plan)| plan.own_templates()));
    for template in templates {
        for name in template
            .variables()
            .filter_map(|variable| variable.strip_prefix("vars."))
        {
            let name = name.split('.').next().unwrap_or(name);
            if !config.vars.contains_key(name) {
                unknown_var(name, template.path(), &config.vars, diagnostics);
            }
        }
        for path in template.required().filter_map(|name| name.strip_prefix("vars.")) {
            check_member(path, template.path(), &config.vars, diagnostics);
        }
    }
}

fn unknown_var(name: &str, path: &KeyPath, vars: &IndexMap<String, serde_json::Value>, diagnostics: &mut Diagnostics) {
    if diagnostics.is_left_out(&KeyPath::root().key("vars").key(name)) {
        return;
    }
    let help = match did_you_mean(name, vars.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add it: `vars: {{ {name}: … }}`"),
    };
    diagnostics.error_with_help(path, format_args!("`vars` has no `{name}`"), help);
}

/// What follows a variable's name must be in it. Of one that has no value yet nothing is known.
fn check_member(name: &str, path: &KeyPath, vars: &IndexMap<String, serde_json::Value>, diagnostics: &mut Diagnostics) {
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or(name);
    let (mut value, mut way) = (vars.get(first), format!("vars.{first}"));
    for part in parts {
        let Some(known) = value.filter(|value| !value.is_null()) else {
            return;
        };
        value = known.get(part);
        if value.is_none() {
            let members = known.as_object().into_iter().flat_map(serde_json::Map::keys);
            let names: Vec<&str> = members.map(String::as_str).collect();
            let help = match did_you_mean(part, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => format!("`{way}` is {known}"),
                None => format!("`{way}` has: {}", names.join(", ")),
            };
            diagnostics.error_with_help(path, format_args!("`{way}` has no `{part}`"), help);
            return;
        }
        way = format!("{way}.{part}");
    }
}

struct Chosen {
    loaded: BTreeSet<String>,
    needed: BTreeSet<String>,
    left_out: Vec<LeftOut>,
}

/// Which resources are loaded, which are requested for a child's sake, and why the others are left out.
fn choose(
    config: &SourceConfig,
    options: &PlanOptions,
    lookup: &dyn Lookup,
    known: &Names<'_>,
    all: &[Compiled<'_>],
    diagnostics: &mut Diagnostics,
) -> Chosen {
    let mut chosen = Chosen {
        loaded: BTreeSet::new(),
        needed: BTreeSet::new(),
        left_out: Vec::new(),
    };
    let names = || all.iter().map(|(_, resource, _)| resource.name.as_str());
    for wanted in &options.select {
        if !names().any(|name| name == wanted) && known.is_whole {
            let help = match did_you_mean(wanted, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the config has: {}", names().collect::<Vec<_>>().join(", ")),
            };
            diagnostics.error_with_help(
                &KeyPath::root().key("resources"),
                format_args!("`--select {wanted}`: there is no such resource"),
                help,
            );
        }
    }
    for (path, resource, plan) in all {
        let is_named = options.select.contains(&resource.name);
        let refused = plan.refuses_side_effects();
        // Who names what to load knows that the rest is not.
        if !options.select.is_empty() && !is_named {
            continue;
        }
        let reason = reason_to_leave_out(config, resource, path, is_named, lookup, diagnostics);
        let is_incremental =
            plan.incremental.is_some() || diagnostics.has_left_out(&path.key("endpoint").key("incremental"));
        let reason = reason.or_else(|| {
            if !options.range.is_given() || is_incremental {
                return None;
            }
            if is_named {
                diagnostics.error_with_help(
                    &path.key("name"),
                    format_args!(
                        "`--from` and `--until` mean nothing to `{}`: it is not incremental",
                        resource.name
                    ),
                    "select incremental resources only, or give its endpoint an `incremental`",
                );
            }
            Some("not incremental, so that --from and --until mean nothing to it".to_owned())
        });
        let reason = reason.or_else(|| {
            let request = refused?;
            if is_named {
                diagnostics.error_with_help(
                    &path.key("endpoint").key("allow_side_effects"),
                    format_args!("`{}` is refused: {request} changes something at the API", resource.name),
                    "set `allow_side_effects: true` on its endpoint if that is what you want",
                );
            }
            Some(format!(
                "{request} changes something at the API, and `allow_side_effects` is not true"
            ))
        });
        match reason {
            Some(reason) => chosen.left_out.push(LeftOut {
                resource: resource.name.clone(),
                reason,
            }),
            None => {
                chosen.loaded.insert(resource.name.clone());
            }
        }
    }
    let mut next: Vec<String> = chosen.loaded.iter().cloned().collect();
    while let Some(name) = next.pop() {
        let plan = all.iter().find(|(_, resource, _)| resource.name == name);
        let parents = plan.map(|(_, _, plan)| &plan.parents);
        if chosen.needed.insert(name) {
            next.extend(parents.into_iter().flatten().map(|link| link.resource.clone()));
        }
    }
    // A resource that is read for a child's sake is not left out, although it is not stored.
    let needed = &chosen.needed;
    chosen.left_out.retain(|left_out| !needed.contains(&left_out.resource));
    chosen
}

fn reason_to_leave_out(
    config: &SourceConfig,
    resource: &ResourceConfig,
    path: &KeyPath,
    is_named: bool,
    lookup: &dyn Lookup,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    if resource.write_disposition.disposition() == crate::config::Disposition::Skip {
        return Some("its write disposition is `skip`".to_owned());
    }
    match &resource.selected {
        crate::config::Selected::Always(true) => None,
        crate::config::Selected::Always(false) => (!is_named).then(|| NOT_SELECTED.to_owned()),
        crate::config::Selected::When(condition) => {
            let path = path.key("selected").key("when_set");
            for (index, name) in condition.when_set.iter().enumerate() {
                let missing = match name.split_once('.') {
                    Some(("vars", var)) => match config.vars.get(var) {
                        Some(value) => is_empty(value).then(|| format!("`vars.{var}` is empty")),
                        None => {
                            unknown_var(var, &path.index(index), &config.vars, diagnostics);
                            None
                        }
                    },
                    Some(("secrets", secret)) => lookup.secret(secret).is_none().then(|| {
                        // The likeliest place; all of them would drown the list.
                        let place = lookup.secret_places(secret).into_iter().next().unwrap_or_default();
                        format!("no `{secret}` is given ({place})")
                    }),
                    Some(("env", variable)) => lookup
                        .env(variable)
                        .is_none_or(|value| value.is_empty())
                        .then(|| format!("{variable} is not set")),
                    _ => {
                        diagnostics.error_with_help(
                            &path.index(index),
                            format_args!("`{name}` is not something that can be set"),
                            "write vars.NAME, secrets.NAME or env.NAME",
                        );
                        None
                    }
                };
                if missing.is_some() {
                    return missing;
                }
            }
            None
        }
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(elements) => elements.is_empty(),
        serde_json::Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// What placeholders refer to in a run, and the secrets in it.
#[derive(Debug)]
pub struct Bound {
    /// The roots that templates are rendered with.
    pub context: Context,
    /// The secrets that were found, by name.
    pub secrets: Vec<(String, Secret)>,
    /// What was looked up and is not there: `secrets.token`, `env.HOME`.
    missing: BTreeSet<String>,
}

impl Bound {
    /// Whether everything that a template takes from the surroundings is there.
    pub fn knows(&self, template: &Template) -> bool {
        !template.variables().any(|variable| self.missing.contains(variable))
    }

    /// Whether a name has its value before the first request.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        let root = name.split('.').next().unwrap_or(name);
        ["env", "run", "secrets", "vars"].contains(&root) && !self.missing.contains(name)
    }
}

/// The places that a secret was looked for in, a line each.
fn places(places: &[String]) -> String {
    let mut text = String::from("it was looked for in");
    for place in places {
        text.push_str("\n  ");
        text.push_str(place);
    }
    text
}

/// What the names of secrets begin with that stand for keys which the config leaves out of `auth`.
const CREDENTIALS: &str = "credentials.";

/// Looks up what the templates refer to. A missing secret names every place that was looked in.
pub fn bind(
    vars: &IndexMap<String, serde_json::Value>,
    options: &PlanOptions,
    lookup: &dyn Lookup,
    templates: &[&Template],
    diagnostics: &mut Diagnostics,
) -> Bound {
    let mut secrets: BTreeMap<String, Option<Secret>> = BTreeMap::new();
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for template in templates {
        for variable in template.variables() {
            if let Some(name) = variable.strip_prefix("secrets.") {
                let value = secrets.entry(name.to_owned()).or_insert_with(|| lookup.secret(name));
                // A key of the credentials that has a mistake in it is there.
                let is_told = |key: &str| diagnostics.is_left_out(&template.path().key(key));
                if value.is_none() {
                    missing.insert(variable.to_owned());
                }
                if value.is_none() && !name.strip_prefix(CREDENTIALS).is_some_and(is_told) {
                    let places = places(&lookup.secret_places(name));
                    // What the config leaves out of `auth` is looked for in the same places.
                    let (message, help) = match name.strip_prefix(CREDENTIALS) {
                        Some(key) => (
                            format!("the credentials have no `{key}`"),
                            format!("write `{key}: \"{{secrets.my_{key}}}\"`, or give `{name}`; {places}"),
                        ),
                        None => (format!("secret `{name}` is not set"), places),
                    };
                    if options.offline {
                        diagnostics.warning(template.path(), message, Some(help));
                    } else {
                        diagnostics.error_with_help(template.path(), message, help);
                    }
                }
            } else if let Some(name) = variable.strip_prefix("env.") {
                let found = lookup.env(name);
                if found.is_none() {
                    missing.insert(variable.to_owned());
                }
                match found {
                    Some(value) => {
                        env.insert(name.to_owned(), value);
                    }
                    None => {
                        let message = format_args!("environment variable {name} is not set");
                        let help = format!("set it, or write `{name}=…` into a file `.env` beside the config");
                        if options.offline {
                            diagnostics.warning(template.path(), message, Some(help));
                        } else {
                            diagnostics.error_with_help(template.path(), message, help);
                        }
                    }
                }
            }
        }
    }
    // A plan that is only shown has a mask where the secret would be.
    let shown = by_path(secrets.iter().map(|(name, secret)| {
        let shown = secret.as_ref().map_or(MASK, Secret::expose);
        (name.as_str(), shown)
    }));
    let context = Context::default()
        .with("vars", to_value(vars))
        .with("secrets", to_value(&shown))
        .with("env", to_value(&env))
        .with("run", to_value(serde_json::json!({ "started_at": options.started_at })));
    let secrets = secrets
        .into_iter()
        .filter_map(|(name, secret)| Some((name, secret?)))
        .collect();
    Bound {
        context,
        secrets,
        missing,
    }
}

/// Values by dotted names as expressions look them up: `{secrets.shop.key}` is the `key` of `shop`.
fn by_path<'n>(values: impl IntoIterator<Item = (&'n str, &'n str)>) -> serde_json::Value {
    let mut root = serde_json::Map::new();
    for (name, value) in values {
        let mut members = &mut root;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                members.insert(part.to_owned(), value.into());
                break;
            }
            let inner = members.entry(part).or_insert_with(|| serde_json::json!({}));
            // A name that is a value and holds others too: the longer name wins.
            if !inner.is_object() {
                *inner = serde_json::json!({});
            }
            let serde_json::Value::Object(inner) = inner else { break };
            members = inner;
        }
    }
    serde_json::Value::Object(root)
}

/// The context of a partition: the run's, and the fields of its parents' records under `resources`.
fn partition_scope(run: &Context, parents: &Parents) -> Context {
    if parents.is_empty() {
        return run.clone();
    }
    run.with("resources", to_value(parents))
}

/// The same, for expressions.
pub fn partition_context(run: &Context, parents: &Parents) -> Computed {
    partition_scope(run, parents).to_value()
}

#[cfg(test)]
mod tests;
