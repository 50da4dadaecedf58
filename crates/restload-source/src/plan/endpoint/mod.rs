//! A compiled endpoint: from a position and a parent's record to a request.

mod address;
mod body;
mod client;
mod headers;
mod known;
mod params;

use http::{HeaderMap, Method};
use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};
use url::Url;

use super::body::JsonTemplate;
use super::graphql::{self, GraphqlPlan};
use crate::auth::{ApplyError, Auth, AuthChoice, Binding, Exchanges};
use crate::config::EndpointConfig;
use crate::json_path::JsonPath;
use crate::paginators::{NoOptions, Paginator, PaginatorConfig, Position};
use crate::request::{Draft, DraftBody, Request, blocked_body_path, join_url};
use crate::response_actions::ResponseAction;
use crate::template::{Reference, RenderError, Template, scalar_text, with_roots};

pub(crate) use address::{WHOLE_URL, parse_url};
pub(super) use client::ClientPlan;
pub use headers::HeaderTemplate;

use address::{names_one_record, path_value, sound_path, trusts};
use body::{Body, blocked_at, compile_body};
use headers::compile_headers;
use params::ParamTemplate;

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

impl EndpointPlan {
    /// Compiles an endpoint; mistakes are noted, and what has one is left out, so that the rest is looked at too.
    pub(super) fn compile(
        config: &EndpointConfig,
        resource: &str,
        client: &ClientPlan,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let method = compile_method(config, path, diagnostics);
        let path_text = config.path.as_deref().unwrap_or(resource);
        let path_path = path.key("path");
        let param_names: Vec<&str> = config.params.iter().flatten().map(|(name, _)| name.as_str()).collect();
        let url_path = compile_path(path_text, &param_names, path, diagnostics);
        // What the path takes by its name can be referred to everywhere else, too. Of a path that cannot be read nobody
        // knows what it takes.
        let is_bound = |name: &str| {
            let template = url_path.as_ref();
            template.is_none_or(|template| template.variables().any(|used| used == name))
        };
        let roots: Vec<&str> = param_names.iter().copied().filter(|name| is_bound(name)).collect();
        let mut bindings = Vec::new();
        let mut params = Vec::new();
        for (name, value) in config.params.iter().flatten() {
            let param_path = path.key("params").key(name.clone());
            let in_path = is_bound(name);
            let roots: &[&str] = if in_path { &[] } else { &roots };
            let is_resolve = value.0.is_object();
            if is_resolve && !in_path && !diagnostics.is_left_out(&path_path) {
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
        let (graphql, body) = match &config.graphql {
            None => (None, compile_body(config, &roots, path, diagnostics)),
            Some(graphql) => {
                let compiled = graphql::compile(config, graphql, &roots, path, diagnostics);
                let (graphql, json) = compiled.unzip();
                let body = Body {
                    json,
                    ..Body::default()
                };
                (graphql, body)
            }
        };
        let auth = match &config.auth {
            None => OwnAuth::Inherit,
            Some(AuthChoice::Disabled) => OwnAuth::None,
            Some(AuthChoice::Enabled(auth)) => auth
                .compile(&path.key("auth"), diagnostics)
                .map_or(OwnAuth::None, OwnAuth::Own),
        };
        let is_single = config.graphql.is_none() && names_one_record(path_text, config.params.as_ref());
        let paginator_config = config
            .paginator
            .clone()
            .or_else(|| is_single.then(|| PaginatorConfig::SinglePage(NoOptions::default())))
            .or_else(|| client.paginator.clone())
            .unwrap_or(PaginatorConfig::Auto(NoOptions::default()));
        let paginator_path = path.key("paginator");
        let paginator = paginator_config
            .compile(&paginator_path, diagnostics)
            .unwrap_or_else(|| {
                diagnostics.leave_out(&paginator_path);
                Paginator::SinglePage
            });
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
        if let Some(graphql) = &graphql {
            graphql.check_paginator(&paginator_config, &paginator, &paginator_path, diagnostics);
        }
        for body_path in paginator.body_paths() {
            let (json, data) = config.bodies();
            if data.is_some() {
                diagnostics.error(
                    &path.key("data"),
                    "the paginator writes into a JSON body, which a form body (`data`) leaves no room for; use `json`",
                );
            } else if let Some(depth) = json.and_then(|json| blocked_at(json, body_path)) {
                let reason = format!("the paginator cannot write: {}", blocked_body_path(body_path, depth));
                diagnostics.error(&path.key("json"), reason);
            }
        }
        // Of a paginator that cannot be read, the client's too, nobody knows whether it counts.
        let client_paginator = KeyPath::root().key("client").key("paginator");
        let is_unread = diagnostics.is_left_out(&paginator_path)
            || (config.paginator.is_none() && diagnostics.is_left_out(&client_paginator));
        let can_skip = paginator.counts() || is_unread;
        let actions = config.response_actions.iter().flatten().enumerate();
        let actions = actions
            .filter_map(|(index, action)| {
                action.compile(can_skip, &path.key("response_actions").index(index), diagnostics)
            })
            .collect();
        let (method, writes) = method;
        let writes = writes || graphql.as_ref().is_some_and(|graphql| graphql.writes);
        let Body { json, form, text } = body;
        Self {
            method,
            path: url_path.unwrap_or_else(|| Template::constant("")),
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
        }
    }

    /// Takes over what is known only once the run is: the base URL and the client's headers and credentials.
    pub(super) fn finish(&mut self, binding: &Binding<'_>, client: &ClientPlan) {
        binding.base_url.clone_into(&mut self.base_url);
        self.trusted_hosts.clone_from(&client.trusted_hosts);
    }

    pub(super) fn has_constant_path(&self) -> bool {
        self.path.is_constant()
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
                        // A header with a null in it is left out, as a parameter is.
                        if let Some(text) = scalar_text(&value.value_or_null(context)?) {
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
        let bindings = self.bindings.iter();
        let taken = bindings.map(|(name, param)| Ok((name.clone(), param.computed(context)?)));
        let taken: Vec<(String, Computed)> = taken.collect::<Result<_, RenderError>>()?;
        Ok(with_roots(context, taken))
    }

    /// The address of the endpoint, without its parameters.
    fn home(&self, scope: &Computed) -> Result<Url, DraftError> {
        let path = self.path.text_with(scope, |value| path_value(&value))?;
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
            if let Some(text) = scalar_text(&value.value_or_null(context)?) {
                fields.push((name.clone(), text));
            }
        }
        Ok(DraftBody::Form(fields))
    }
}

/// The verbs that a slip is compared with.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Compiles the path. `params` are the names that it may take values by; `path` is the endpoint's.
fn compile_path(text: &str, params: &[&str], path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Template> {
    let params_path = path.key("params");
    if diagnostics.is_left_out(&params_path) {
        // Any name in it may be one of those.
        let mut silent = Diagnostics::default();
        let template = Template::compile(text, params, &path.key("path"), &mut silent);
        if template.is_none() {
            diagnostics.leave_out(&path.key("path"));
        }
        return template;
    }
    let left_out: Vec<String> = diagnostics.left_out_in(&params_path).map(ToOwned::to_owned).collect();
    let names: Vec<&str> = params
        .iter()
        .copied()
        .chain(left_out.iter().map(String::as_str))
        .collect();
    Template::compile(text, &names, &path.key("path"), diagnostics)
}

/// The verb, and whether it is one that changes something by its nature.
fn compile_method(config: &EndpointConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> (Method, bool) {
    let usual = if config.graphql.is_some() { "POST" } else { "GET" };
    let written = config.method.as_deref().unwrap_or(usual);
    let text = written.trim().to_uppercase();
    let is_usual = METHODS.contains(&text.as_str());
    // Any verb may be one of an API's own, but for what is most likely a slip.
    if let Some(near) = did_you_mean(&text, METHODS).filter(|_| !is_usual) {
        diagnostics.error_with_help(
            &path.key("method"),
            format_args!("`{written}` is not an HTTP method"),
            format_args!("did you mean `{near}`?"),
        );
        return (Method::GET, false);
    }
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if !text.is_empty() => {
            let reads = ["GET", "HEAD", "POST", "OPTIONS", "QUERY"].contains(&text.as_str());
            (method, !reads)
        }
        _ => {
            diagnostics.error(&path.key("method"), format_args!("`{written}` is not an HTTP method"));
            (Method::GET, false)
        }
    }
}
