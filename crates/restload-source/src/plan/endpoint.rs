//! A compiled endpoint: from a position and a parent's record to a request.

use http::{HeaderMap, HeaderName, Method};
use indexmap::IndexMap;
use minijinja::Value as Computed;
use minijinja::value::ValueKind;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;
use url::Url;

use super::body::JsonTemplate;
use super::graphql::{self, GraphqlPlan};
use crate::auth::{ApplyError, Auth, AuthChoice, Binding, Exchanges};
use crate::config::{ClientConfig, EndpointConfig, ParamValue};
use crate::json_path::JsonPath;
use crate::paginators::{NoOptions, Paginator, PaginatorConfig, Position};
use crate::request::{Draft, DraftBody, Request, blocked_body_path, join_url};
use crate::response_actions::ResponseAction;
use crate::template::{Reference, RenderError, Several, Template, scalar_text};

/// What may stand in a path segment as it is; everything else, the slash included, is percent-encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for an empty value in a path until its segments are looked at; nothing else can hold it unencoded.
const EMPTY: &str = "\0";

/// The client's part of every request.
#[derive(Debug)]
pub(super) struct ClientPlan {
    headers: Vec<HeaderTemplate>,
    auth: Option<Auth>,
    pub(super) paginator: Option<PaginatorConfig>,
    trusted_hosts: Vec<String>,
}

/// A header and its value.
#[derive(Debug)]
pub struct HeaderTemplate {
    name: HeaderNameTemplate,
    /// `None` takes the client's header of that name away.
    value: Option<Template>,
}

/// A header's name: nearly always one that is known beforehand.
#[derive(Debug)]
enum HeaderNameTemplate {
    Known(HeaderName),
    Computed(Template),
}

/// A compiled endpoint.
#[derive(Debug)]
pub struct EndpointPlan {
    method: Method,
    path: Template,
    /// Values of `{name}` in the path.
    bindings: Vec<(String, ParamTemplate)>,
    params: Vec<(Template, ParamTemplate)>,
    headers: Vec<HeaderTemplate>,
    json: Option<JsonTemplate>,
    form: Option<Vec<(String, Template)>>,
    text: Option<Template>,
    auth: OwnAuth,
    /// The exchange that its credentials take, by its place in the plan.
    exchange: Option<usize>,
    /// How its pages follow each other.
    pub paginator: Paginator,
    /// What its records are; found in the first page when the config does not say.
    pub selector: Option<JsonPath>,
    /// Whether a page may lack them.
    pub allow_missing_data: bool,
    /// Pages of a partition at most.
    pub max_pages: Option<u64>,
    /// What answers mean.
    pub actions: Vec<ResponseAction>,
    /// What a GraphQL request is besides its body.
    pub(crate) graphql: Option<GraphqlPlan>,
    /// Whether requests change something, so that none is sent twice.
    pub has_side_effects: bool,
    pub(super) refused: bool,
    base_url: String,
    trusted_hosts: Vec<String>,
}

#[derive(Debug)]
enum OwnAuth {
    Inherit,
    None,
    Own(Auth),
}

/// A parameter's value.
#[derive(Debug)]
enum ParamTemplate {
    Constant(Value),
    Text(Template),
    List(Vec<ParamTemplate>),
}

/// Why no request can be made.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// A placeholder has no value.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Credentials cannot be put on it.
    #[error(transparent)]
    Auth(#[from] ApplyError),
    /// It is not something HTTP can carry.
    #[error("{0}")]
    Invalid(String),
}

impl ClientPlan {
    pub(super) fn compile(config: &ClientConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let headers = compile_headers(config.headers.as_ref(), &[], &path.key("headers"), diagnostics);
        let auth = match &config.auth {
            Some(AuthChoice::Enabled(auth)) => Some(auth.compile(&path.key("auth"), diagnostics)?),
            _ => None,
        };
        if let Some(paginator) = &config.paginator {
            paginator.compile(&path.key("paginator"), diagnostics)?;
        }
        let trusted_hosts = config.trusted_hosts.iter().map(|host| host.to_lowercase()).collect();
        Some(Self {
            headers,
            auth,
            paginator: config.paginator.clone(),
            trusted_hosts,
        })
    }

    pub(super) fn templates(&self) -> Vec<&Template> {
        let mut templates: Vec<&Template> = self.headers.iter().flat_map(HeaderTemplate::templates).collect();
        templates.extend(self.auth.iter().flat_map(Auth::templates));
        templates
    }

    /// The headers that have a value before any record is known.
    pub(super) fn header_values(&self, context: &Computed) -> HeaderMap {
        let headers = self.headers.iter().filter_map(|header| {
            let text = header.value.as_ref()?.text(context).ok()?;
            let name = header.name.render(context).ok()?;
            Some((name, http::HeaderValue::try_from(text).ok()?))
        });
        headers.collect()
    }

    /// Whether credentials may go from the client's address to another.
    pub(super) fn trusts(&self, home: &Url, url: &Url) -> bool {
        trusts(&self.trusted_hosts, home, url)
    }

    pub(super) fn auths(&self) -> impl Iterator<Item = &Auth> {
        self.auth.iter()
    }
}

fn compile_headers(
    headers: Option<&IndexMap<String, Option<String>>>,
    roots: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Vec<HeaderTemplate> {
    let mut compiled = Vec::new();
    for (name, value) in headers.into_iter().flatten() {
        let path = path.key(name.clone());
        let name = HeaderNameTemplate::compile(name, roots, &path, diagnostics);
        let value = match value {
            Some(value) => match Template::compile(value, roots, &path, diagnostics) {
                None => continue,
                compiled => compiled,
            },
            None => None,
        };
        compiled.extend(name.map(|name| HeaderTemplate { name, value }));
    }
    compiled
}

impl HeaderTemplate {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let name = match &self.name {
            HeaderNameTemplate::Known(_) => None,
            HeaderNameTemplate::Computed(name) => Some(name),
        };
        name.into_iter().chain(&self.value)
    }
}

impl HeaderNameTemplate {
    fn compile(name: &str, roots: &[&str], path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let template = Template::compile(name, roots, path, diagnostics)?;
        if !template.is_constant() {
            return Some(Self::Computed(template));
        }
        // Braces that are doubled are braces, which no header's name may have.
        let text = template.text(&Computed::from(())).unwrap_or_default();
        let Ok(known) = HeaderName::try_from(&text) else {
            diagnostics.key_error(path, format_args!("`{text}` is not a header name"), None);
            return None;
        };
        Some(Self::Known(known))
    }

    fn render(&self, context: &Computed) -> Result<HeaderName, DraftError> {
        match self {
            Self::Known(name) => Ok(name.clone()),
            Self::Computed(template) => {
                let text = template.text(context)?;
                HeaderName::try_from(&text).map_err(|_| DraftError::Invalid(format!("`{text}` is not a header name")))
            }
        }
    }
}

impl EndpointPlan {
    /// Compiles an endpoint; mistakes are noted.
    pub(super) fn compile(
        config: &EndpointConfig,
        resource: &str,
        client: Option<&ClientPlan>,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let method = compile_method(config, path, diagnostics);
        let path_text = config.path.as_deref().unwrap_or(resource);
        let path_path = path.key("path");
        let param_names: Vec<&str> = config.params.iter().flatten().map(|(name, _)| name.as_str()).collect();
        let url_path = Template::compile(path_text, &param_names, &path_path, diagnostics);
        // What the path takes by its name can be referred to everywhere else, too.
        let is_bound = |name: &str| {
            let template = url_path.as_ref();
            template.is_some_and(|template| template.variables().any(|used| used == name))
        };
        let roots: Vec<&str> = param_names.iter().copied().filter(|name| is_bound(name)).collect();
        let mut bindings = Vec::new();
        let mut params = Vec::new();
        for (name, value) in config.params.iter().flatten() {
            let param_path = path.key("params").key(name.clone());
            let in_path = is_bound(name);
            let roots: &[&str] = if in_path { &[] } else { &roots };
            let is_resolve = value.0.is_object();
            if is_resolve && !in_path && url_path.is_some() {
                diagnostics.error_with_help(
                    &param_path,
                    format_args!("the path has no `{{{name}}}` for this value"),
                    format_args!("use it in the path, or write `{name}: \"{{resources.PARENT.FIELD}}\"`"),
                );
            }
            let value = ParamTemplate::compile(value, roots, &param_path, diagnostics);
            if in_path {
                bindings.extend(value.map(|value| (name.clone(), value)));
            } else {
                let name = Template::compile(name, roots, &param_path, diagnostics);
                params.extend(name.zip(value));
            }
        }
        let headers = compile_headers(config.headers.as_ref(), &roots, &path.key("headers"), diagnostics);
        let (graphql, (json, form, text)) = match &config.graphql {
            None => (None, compile_body(config, &roots, path, diagnostics)?),
            Some(graphql) => {
                let (graphql, body) = graphql::compile(config, graphql, &roots, path, diagnostics)?;
                (Some(graphql), (Some(body), None, None))
            }
        };
        let auth = match &config.auth {
            None => OwnAuth::Inherit,
            Some(AuthChoice::Disabled) => OwnAuth::None,
            Some(AuthChoice::Enabled(auth)) => OwnAuth::Own(auth.compile(&path.key("auth"), diagnostics)?),
        };
        let url_path = url_path?;
        let is_single = config.graphql.is_none() && names_one_record(path_text, config.params.as_ref());
        let paginator_config = config
            .paginator
            .clone()
            .or_else(|| is_single.then(|| PaginatorConfig::SinglePage(NoOptions::default())))
            .or_else(|| client.and_then(|client| client.paginator.clone()))
            .unwrap_or(PaginatorConfig::Auto(NoOptions::default()));
        let paginator = paginator_config.compile(&path.key("paginator"), diagnostics);
        let selector = match config.data_selector.as_deref().filter(|text| !text.is_empty()) {
            None if is_single => JsonPath::parse("$").ok(),
            None => None,
            Some(text) => match JsonPath::parse(text) {
                Ok(selector) => Some(selector),
                Err(reason) => {
                    let path = path.key("data_selector");
                    diagnostics.error(&path, format_args!("`{text}` is not a JSONPath: {reason}"));
                    None
                }
            },
        };
        let paginator = paginator?;
        if let Some(graphql) = &graphql {
            graphql.check_paginator(&paginator_config, &paginator, &path.key("paginator"), diagnostics);
        }
        for body_path in paginator.body_paths() {
            if config.data.is_some() {
                diagnostics.error(
                    &path.key("data"),
                    "the paginator writes into a JSON body, which a form body (`data`) leaves no room for; use `json`",
                );
            } else if let Some(depth) = config.json.as_ref().and_then(|json| blocked_at(json, body_path)) {
                let reason = format!("the paginator cannot write: {}", blocked_body_path(body_path, depth));
                diagnostics.error(&path.key("json"), reason);
            }
        }
        let actions = config
            .response_actions
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, action)| {
                action.compile(
                    paginator.counts(),
                    &path.key("response_actions").index(index),
                    diagnostics,
                )
            });
        let actions = actions.collect();
        let (method, writes) = method?;
        let writes = writes || graphql.as_ref().is_some_and(|graphql| graphql.writes);
        Some(Self {
            method,
            path: url_path,
            bindings,
            params,
            headers,
            json,
            form,
            text,
            auth,
            exchange: None,
            paginator,
            selector,
            allow_missing_data: config.allow_missing_data,
            max_pages: config.max_pages,
            actions,
            graphql,
            has_side_effects: config.allow_side_effects.is_some() || writes,
            refused: config.allow_side_effects == Some(false) || (writes && config.allow_side_effects.is_none()),
            base_url: String::new(),
            trusted_hosts: Vec::new(),
        })
    }

    /// Takes over what is known only once the run is: the base URL and the client's headers and credentials.
    pub(super) fn finish(&mut self, binding: &Binding<'_>, client: &ClientPlan) -> Result<(), String> {
        binding.base_url.clone_into(&mut self.base_url);
        self.trusted_hosts.clone_from(&client.trusted_hosts);
        if self.path.is_constant() {
            let joined = join_url(
                binding.base_url,
                &self.path.text(&Computed::from(())).unwrap_or_default(),
            );
            parse_url(&joined)?;
        }
        Ok(())
    }

    /// Takes over the exchange that its credentials take, its own or the client's. `path` is the endpoint's.
    pub(super) fn exchange_credentials(
        &mut self,
        binding: &Binding<'_>,
        client: &ClientPlan,
        exchanges: &mut Exchanges,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) {
        let (auth, path) = match &self.auth {
            OwnAuth::Own(auth) => (auth, path.key("auth")),
            OwnAuth::None => return,
            OwnAuth::Inherit => match &client.auth {
                Some(auth) => (auth, KeyPath::root().key("client").key("auth")),
                None => return,
            },
        };
        self.exchange = exchanges.place_of(auth, binding, &path, diagnostics);
    }

    /// The verb and path, for messages.
    pub(super) fn describe(&self, path_text: &str) -> String {
        format!("{} {path_text}", self.method)
    }

    pub(super) fn own_auth(&self) -> Option<&Auth> {
        match &self.auth {
            OwnAuth::Own(auth) => Some(auth),
            _ => None,
        }
    }

    pub(super) fn own_templates(&self) -> Vec<&Template> {
        let mut templates = vec![&self.path];
        for (_, param) in &self.bindings {
            param.templates(&mut templates);
        }
        for (name, param) in &self.params {
            templates.push(name);
            param.templates(&mut templates);
        }
        templates.extend(self.headers.iter().flat_map(HeaderTemplate::templates));
        if let Some(json) = &self.json {
            json.templates(&mut templates);
        }
        templates.extend(self.form.iter().flatten().map(|(_, value)| value));
        templates.extend(&self.text);
        templates.extend(self.own_auth().into_iter().flat_map(Auth::templates));
        templates.extend(self.actions.iter().filter_map(|action| action.message.as_ref()));
        templates
    }

    /// The fields of parents' records that stand in the path.
    pub(super) fn path_references(&self) -> Vec<&Reference> {
        let mut templates = vec![&self.path];
        for (_, binding) in &self.bindings {
            binding.templates(&mut templates);
        }
        templates.into_iter().flat_map(Template::references).collect()
    }

    pub(super) fn templates<'t>(&'t self, client: &'t ClientPlan) -> Vec<&'t Template> {
        let mut templates = self.own_templates();
        templates.extend(client.headers.iter().flat_map(HeaderTemplate::templates));
        if matches!(self.auth, OwnAuth::Inherit) {
            templates.extend(client.auth.iter().flat_map(Auth::templates));
        }
        templates
    }

    /// The request for a position. A link is taken as it is; to a foreign origin it goes without credentials and
    /// without the config's headers.
    pub(super) fn request(
        &self,
        client: &ClientPlan,
        position: &Position,
        context: &Computed,
    ) -> Result<Request, DraftError> {
        let context = &self.scope(context)?;
        let home = self.home(context)?;
        let link = match position {
            Position::Link(link) => Some(parse_url(link).map_err(DraftError::Invalid)?),
            _ => None,
        };
        let is_trusted = link.as_ref().is_none_or(|link| self.trusts(&home, link));
        let mut draft = Draft {
            method: self.method.clone(),
            params: if link.is_some() {
                Vec::new()
            } else {
                self.render_params(context)?
            },
            url: link.unwrap_or(home),
            headers: HeaderMap::new(),
            body: self.render_body(context)?,
        };
        draft
            .set_header("accept", "application/json")
            .map_err(DraftError::Invalid)?;
        if is_trusted {
            for header in client.headers.iter().chain(&self.headers) {
                let name = header.name.render(context)?;
                match &header.value {
                    Some(value) => {
                        // A header whose one placeholder is null is left out, as a parameter is.
                        if let Some(text) = scalar_text(&value.value(context)?) {
                            draft.set_header(name.as_str(), &text).map_err(DraftError::Invalid)?;
                        }
                    }
                    None => {
                        draft.headers.remove(&name);
                    }
                }
            }
        } else if !matches!(draft.body, DraftBody::None) {
            let host = draft.url.host_str().unwrap_or_default();
            return Err(DraftError::Invalid(format!(
                "the next page is at another host, `{host}`, and the request has a body; \
                 add the host to `client.trusted_hosts` if it may see it"
            )));
        }
        self.paginator
            .apply(position, &mut draft)
            .map_err(DraftError::Invalid)?;
        let auth = match &self.auth {
            OwnAuth::Own(auth) => Some(auth),
            OwnAuth::Inherit => client.auth.as_ref(),
            OwnAuth::None => None,
        };
        let mut request = draft.finish();
        if is_trusted && let Some(auth) = auth {
            auth.apply(context, &mut request)?;
            request.exchange = self.exchange;
        }
        Ok(request)
    }

    /// The context with the values that the path takes by their names.
    fn scope(&self, context: &Computed) -> Result<Computed, DraftError> {
        if self.bindings.is_empty() {
            return Ok(context.clone());
        }
        let mut roots: Vec<(String, Computed)> = Vec::new();
        for key in context.try_iter().into_iter().flatten() {
            let value = context.get_item(&key).unwrap_or_default();
            roots.push((key.to_string(), value));
        }
        for (name, param) in &self.bindings {
            roots.push((name.clone(), param.computed(context)?));
        }
        Ok(roots.into_iter().collect::<std::collections::BTreeMap<_, _>>().into())
    }

    /// The address of the endpoint, without its parameters.
    fn home(&self, scope: &Computed) -> Result<Url, DraftError> {
        let path = self.path.text_with(scope, |value| match value.as_str() {
            "" => EMPTY.to_owned(),
            "." => "%2E".to_owned(),
            ".." => "%2E%2E".to_owned(),
            _ => utf8_percent_encode(&value, SEGMENT).to_string(),
        })?;
        let path = sound_path(&path).map_err(DraftError::Invalid)?;
        parse_url(&join_url(&self.base_url, &path)).map_err(DraftError::Invalid)
    }

    /// Whether credentials may go to an address: the endpoint's own origin, or a trusted host.
    pub fn trusts(&self, home: &Url, url: &Url) -> bool {
        trusts(&self.trusted_hosts, home, url)
    }

    fn render_params(&self, context: &Computed) -> Result<Vec<(String, String)>, DraftError> {
        let mut params = Vec::new();
        for (name, param) in &self.params {
            param.render(&name.text(context)?, context, &mut params)?;
        }
        Ok(params)
    }

    fn render_body(&self, context: &Computed) -> Result<DraftBody, DraftError> {
        if let Some(json) = &self.json {
            return Ok(DraftBody::Json(json.render(context)?));
        }
        if let Some(text) = &self.text {
            return Ok(DraftBody::Text(text.text(context)?));
        }
        let Some(form) = &self.form else {
            return Ok(DraftBody::None);
        };
        let mut fields = Vec::new();
        for (name, value) in form {
            // A null field is left out, as a null parameter is.
            if let Some(text) = scalar_text(&value.value(context)?) {
                fields.push((name.clone(), text));
            }
        }
        Ok(DraftBody::Form(fields))
    }
}

/// Whether credentials may go to an address: the same origin, or a trusted host.
fn trusts(trusted_hosts: &[String], home: &Url, url: &Url) -> bool {
    home.origin() == url.origin()
        || (url
            .host_str()
            .is_some_and(|host| trusted_hosts.iter().any(|trusted| trusted == host))
            && (url.scheme() == "https" || home.scheme() == "http"))
}

/// The path, if no value makes a segment of it empty or a dot segment: it would ask for something else than the path
/// says. To a URL parser `%2E%2E` is as good as `..`, so that such a value cannot be written at all.
fn sound_path(path: &str) -> Result<String, String> {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    for segment in path.split('/') {
        let text = segment.replace(EMPTY, "");
        if text.is_empty() && segment.contains(EMPTY) {
            return Err(format!("a value in the path is empty: `{}`", path.replace(EMPTY, "")));
        }
        let dots = text.replace("%2E", ".");
        if text.contains("%2E") && (dots == "." || dots == "..") {
            return Err(format!(
                "the value `{dots}` in the path would climb out of it, however it is written"
            ));
        }
    }
    Ok(format!("{path}{query}").replace(EMPTY, ""))
}

/// An absolute http or https URL.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(format!("`{text}` is not an http or https URL"))
    }
}

/// The verb, and whether it is one that changes something by its nature.
fn compile_method(config: &EndpointConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<(Method, bool)> {
    let usual = if config.graphql.is_some() { "POST" } else { "GET" };
    let written = config.method.as_deref().unwrap_or(usual);
    let text = written.trim().to_uppercase();
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if !text.is_empty() => {
            let reads = ["GET", "HEAD", "POST", "OPTIONS", "QUERY"].contains(&text.as_str());
            Some((method, !reads))
        }
        _ => {
            diagnostics.error(&path.key("method"), format_args!("`{written}` is not an HTTP method"));
            None
        }
    }
}

type Body = (Option<JsonTemplate>, Option<Vec<(String, Template)>>, Option<Template>);

fn compile_body(
    config: &EndpointConfig,
    roots: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<Body> {
    if config.json.is_some() && config.data.is_some() {
        diagnostics.error(
            &path.key("data"),
            "`json` and `data` exclude each other: a request has one body",
        );
        return None;
    }
    let json = match &config.json {
        None | Some(Value::Null) => None,
        Some(json) => Some(JsonTemplate::compile(json, roots, &path.key("json"), diagnostics)?),
    };
    let path = path.key("data");
    match &config.data {
        None | Some(Value::Null) => Some((json, None, None)),
        Some(Value::String(text)) => Some((json, None, Some(Template::compile(text, roots, &path, diagnostics)?))),
        Some(Value::Object(members)) => {
            let fields = members
                .iter()
                .map(|(name, value)| (name, value, path.key(name.clone())));
            let form = compile_form(fields, roots, diagnostics)?;
            Some((json, (!form.is_empty()).then_some(form), None))
        }
        Some(Value::Array(pairs)) => {
            let mut fields = Vec::new();
            for (index, pair) in pairs.iter().enumerate() {
                let path = path.index(index);
                match pair.as_array().map(Vec::as_slice) {
                    Some([Value::String(name), value]) => fields.push((name, value, path.index(1))),
                    _ => diagnostics.error_with_help(
                        &path,
                        "a form that is a list has pairs of a name and a value",
                        "write `- [name, value]`",
                    ),
                }
            }
            let is_sound = fields.len() == pairs.len();
            let form = compile_form(fields.into_iter(), roots, diagnostics)?;
            is_sound.then(|| (json, (!form.is_empty()).then_some(form), None))
        }
        Some(_) => None,
    }
}

/// The fields of a form: a null is left out, and a list gives its field several times.
fn compile_form<'f>(
    fields: impl Iterator<Item = (&'f String, &'f Value, KeyPath)>,
    roots: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let mut form = Vec::new();
    let mut is_sound = true;
    for (name, value, path) in fields {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values.iter().filter(|value| !value.is_null()) {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            match Template::compile(&text, roots, &path, diagnostics) {
                Some(template) => form.push((name.clone(), template)),
                None => is_sound = false,
            }
        }
    }
    is_sound.then_some(form)
}

/// dlt's rule for single records, without its trap: the last segment of the path holds a parent's field. A value of
/// the config or a cursor in its place says nothing about how many records there are.
fn names_one_record(path_text: &str, params: Option<&IndexMap<String, ParamValue>>) -> bool {
    let segment = last_segment(path_text);
    let names: Vec<&str> = params.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    // Mistakes in it are noted where the whole path is compiled.
    let template = Template::compile(segment, &names, &KeyPath::root(), &mut Diagnostics::default());
    let is_resolved = |name: &str| {
        let param = params.and_then(|params| params.get(name));
        param.is_some_and(|param| match &param.0 {
            Value::Object(_) => true,
            Value::String(text) => text.contains("{resources."),
            _ => false,
        })
    };
    template.is_some_and(|template| !template.references().is_empty() || template.variables().any(is_resolved))
}

/// The last segment of a path, without the query: what stands between braces is one piece, whatever is in it. As with
/// dlt, a fragment after a slash is a segment of its own.
fn last_segment(path: &str) -> &str {
    let mut depth = 0_i32;
    let mut slashes = Vec::new();
    let mut end = path.len();
    for (at, character) in path.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '/' if depth == 0 => slashes.push(at),
            '#' if depth == 0 && path[..at].ends_with('/') => return "",
            '?' | '#' if depth == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let path = path[..end].trim_end_matches('/');
    let start = slashes.iter().rev().find(|at| **at < path.len());
    start.map_or(path, |at| &path[at + 1..])
}

/// How many keys of a dotted path lead to a value of the body that is no object, and has no placeholder that might
/// stand for one.
fn blocked_at(json: &Value, body_path: &str) -> Option<usize> {
    let mut value = json;
    for (depth, key) in body_path.split('.').enumerate() {
        match value {
            Value::Object(members) => value = members.get(key)?,
            Value::Null => return None,
            Value::String(text) if text.contains('{') => return None,
            _ => return Some(depth),
        }
    }
    None
}

impl ParamTemplate {
    fn compile(value: &ParamValue, roots: &[&str], path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &value.0 {
            Value::String(text) => Some(Self::Text(Template::compile(text, roots, path, diagnostics)?)),
            Value::Array(elements) => {
                let compiled: Vec<_> = elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| {
                        Self::compile(&ParamValue(element.clone()), roots, &path.index(index), diagnostics)
                    })
                    .collect();
                Some(Self::List(compiled.into_iter().collect::<Option<_>>()?))
            }
            Value::Object(members) => {
                let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
                if text("type") != "resolve" {
                    diagnostics.error_with_help(
                        path,
                        "a parameter that is a map must be `{type: resolve, resource: …, field: …}`",
                        "write a value, a list, or a placeholder",
                    );
                    return None;
                }
                let placeholder = format!("{{resources.{}.{}}}", text("resource"), text("field"));
                Some(Self::Text(Template::compile(&placeholder, &[], path, diagnostics)?))
            }
            constant => Some(Self::Constant(constant.clone())),
        }
    }

    fn computed(&self, context: &Computed) -> Result<Computed, RenderError> {
        match self {
            Self::Constant(value) => Ok(crate::template::to_value(value)),
            Self::Text(template) => template.value(context),
            Self::List(elements) => elements
                .iter()
                .map(|element| element.computed(context))
                .collect::<Result<Vec<_>, _>>()
                .map(Computed::from),
        }
    }

    fn render(&self, name: &str, context: &Computed, out: &mut Vec<(String, String)>) -> Result<(), RenderError> {
        let value = self.computed(context)?;
        let joined = value.downcast_object_ref::<Several>().and_then(Several::joined);
        if let Some(joined) = joined {
            out.push((name.to_owned(), joined));
        } else if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            for element in value.try_iter().into_iter().flatten() {
                out.extend(scalar_text(&element).map(|text| (name.to_owned(), text)));
            }
        } else {
            out.extend(scalar_text(&value).map(|text| (name.to_owned(), text)));
        }
        Ok(())
    }

    fn templates<'t>(&'t self, out: &mut Vec<&'t Template>) {
        match self {
            Self::Constant(_) => {}
            Self::Text(template) => out.push(template),
            Self::List(elements) => elements.iter().for_each(|element| element.templates(out)),
        }
    }
}
