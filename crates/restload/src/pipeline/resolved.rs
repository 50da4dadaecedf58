//! A config as a run sees it: written out in full, with defaults and placeholders filled in, and the place of each value.

use std::cell::RefCell;
use std::collections::BTreeMap;

use restload_model::diagnostics::{KeyPath, Segment};
use restload_model::secret::{MASK, Redactor, Secret};
use restload_source::config::{expand_resource, merge_defaults};
use serde_json::{Map, Value, json};

use super::Pipeline;
use crate::load::masking::{is_revealing, is_secret_name, secrets_in_line};
use crate::load::settings::Settings;

/// The place of what is not written anywhere.
const DEFAULT: &str = "default";

/// Keys of credentials that are looked for where secrets are when the config leaves them out.
const CREDENTIALS: [&str; 10] = [
    "token",
    "api_key",
    "username",
    "password",
    "access_token_url",
    "auth_endpoint",
    "client_id",
    "client_secret",
    "refresh_token",
    "private_key",
];

/// A config as a run sees it.
pub(crate) struct Resolved {
    pub(crate) root: Vec<(String, Node)>,
    /// The secrets that it has taken.
    pub(crate) redactor: Redactor,
}

/// A part of it.
#[derive(Debug)]
pub(crate) enum Node {
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    Leaf(Leaf),
}

/// A value that is no map and no list, and where it comes from.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) value: Value,
    /// The place that it is written in, then those of what was filled in.
    pub(crate) places: Vec<String>,
}

impl Pipeline {
    /// The config as a run would see it. `given` are the variables of the command line; settings say where the records
    /// go, each with its place.
    pub(crate) fn resolved(
        &self,
        given: &[(String, Value)],
        (settings, settings_places): (&Settings, &BTreeMap<&'static str, String>),
    ) -> Resolved {
        let resolving = Resolving {
            pipeline: self,
            given,
            secrets: RefCell::default(),
        };
        let document = self.document.value();
        let root = KeyPath::root();
        let mut members = vec![(
            "name".to_owned(),
            match document.get("name") {
                Some(Value::String(_)) => resolving.leaf(&self.source.name.clone().into(), &root.key("name")),
                _ => plain(self.source.name.clone().into(), "the file's name"),
            },
        )];
        if let Some(Value::Object(vars)) = document.get("vars") {
            let path = root.key("vars");
            let own = vars.keys().filter_map(|name| {
                let value = self.source.vars.get(name)?;
                Some((
                    name.clone(),
                    resolving.node(Some(value), None, &path.key(name.as_str()))?,
                ))
            });
            members.push(("vars".to_owned(), Node::Map(own.collect())));
        }
        let client = serde_json::to_value(&self.source.client).ok();
        let client = resolving.node(document.get("client"), client.as_ref(), &root.key("client"));
        members.extend(client.map(|client| ("client".to_owned(), client)));
        let mut resources = Vec::new();
        for (path, resource) in &self.source.resources {
            let written = resolving.written(path);
            let typed = serde_json::to_value(resource).ok();
            let mut node = resolving.node(written.as_ref(), typed.as_ref(), path);
            if let Some(node) = node.as_mut().filter(|_| resource.records.is_none()) {
                add_path(node, &resource.name);
            }
            resources.extend(node);
        }
        members.push(("resources".to_owned(), Node::List(resources)));
        members.push((
            "destination".to_owned(),
            resolving.destination(settings, settings_places),
        ));
        Resolved {
            root: members,
            redactor: Redactor::new(resolving.secrets.into_inner()),
        }
    }
}

fn plain(value: Value, place: &str) -> Node {
    Node::Leaf(Leaf {
        value,
        places: vec![place.to_owned()],
    })
}

/// Adds the path of a resource that has none: its name.
fn add_path(resource: &mut Node, name: &str) {
    let Node::Map(members) = resource else { return };
    if !members.iter().any(|(key, _)| key == "endpoint") {
        members.push(("endpoint".to_owned(), Node::Map(Vec::new())));
    }
    let endpoint = members.iter_mut().find(|(key, _)| key == "endpoint");
    if let Some((_, Node::Map(endpoint))) = endpoint
        && !endpoint.iter().any(|(key, _)| key == "path")
    {
        endpoint.insert(0, ("path".to_owned(), plain(name.into(), "the resource's name")));
    }
}

struct Resolving<'p> {
    pipeline: &'p Pipeline,
    given: &'p [(String, Value)],
    /// The secrets that were filled in, by their names.
    secrets: RefCell<BTreeMap<String, Secret>>,
}

impl Resolving<'_> {
    /// A resource as the file has it, in full and with the file's defaults.
    fn written(&self, path: &KeyPath) -> Option<Value> {
        let document = self.pipeline.document.value();
        let Segment::Index(index) = path.segments().last()? else {
            return None;
        };
        let mut full = expand_resource(document.get("resources")?.get(*index)?);
        if let Some(defaults) = document.get("resource_defaults") {
            merge_defaults(&mut full, defaults);
        }
        Some(full)
    }

    /// A part of the config: what is written, and what the types have besides. None for what is absent.
    fn node(&self, written: Option<&Value>, typed: Option<&Value>, path: &KeyPath) -> Option<Node> {
        match (written, typed) {
            (Some(Value::Object(own)), _) => {
                let mut members = Vec::new();
                for (key, value) in own {
                    let typed = typed.and_then(|typed| typed.get(key));
                    let node = self.node(Some(value), typed, &path.key(key.as_str()));
                    members.extend(node.map(|node| (key.clone(), node)));
                }
                for (key, value) in typed.and_then(Value::as_object).into_iter().flatten() {
                    if !own.contains_key(key) {
                        let node = self.node(None, Some(value), &path.key(key.as_str()));
                        members.extend(node.map(|node| (key.clone(), node)));
                    }
                }
                members.extend(self.left_out_credentials(own, path));
                Some(Node::Map(members))
            }
            // A short form: a name in the place of a map.
            (Some(short @ (Value::String(_) | Value::Number(_) | Value::Bool(_))), Some(Value::Object(full))) => {
                let mut members = Vec::new();
                for (key, value) in full {
                    let node = if value == short {
                        Some(self.leaf(value, path))
                    } else {
                        self.node(None, Some(value), &KeyPath::root())
                    };
                    members.extend(node.map(|node| (key.clone(), node)));
                }
                Some(Node::Map(members))
            }
            (Some(Value::Array(elements)), _) => {
                let nodes = elements.iter().enumerate().filter_map(|(index, element)| {
                    let typed = typed.and_then(|typed| typed.get(index));
                    self.node(Some(element), typed, &path.index(index))
                });
                Some(Node::List(nodes.collect()))
            }
            (Some(value), _) => Some(self.leaf(value, path)),
            (None, Some(Value::Null) | None) => None,
            (None, Some(Value::Object(members))) => {
                let members = members.iter().filter_map(|(key, value)| {
                    Some((key.clone(), self.node(None, Some(value), &path.key(key.as_str()))?))
                });
                let members: Vec<_> = members.collect();
                (!members.is_empty()).then_some(Node::Map(members))
            }
            (None, Some(Value::Array(elements))) if elements.is_empty() => None,
            (None, Some(Value::Array(elements))) => {
                let nodes = elements
                    .iter()
                    .map(|element| plain(element.clone(), self.unwritten(path).as_str()));
                Some(Node::List(nodes.collect()))
            }
            (None, Some(value)) => Some(plain(value.clone(), self.unwritten(path).as_str())),
        }
    }

    /// Where a value is from that is not written at its own place.
    fn unwritten(&self, path: &KeyPath) -> String {
        let inherited = path
            .segments()
            .iter()
            .any(|segment| matches!(segment, Segment::Key(key) if key == "schema_contract"));
        let root = KeyPath::root().key("schema_contract");
        match self.pipeline.document.line_of(&root) {
            Some(line) if inherited => self.at_line(line),
            _ => DEFAULT.to_owned(),
        }
    }

    fn at_line(&self, line: usize) -> String {
        format!("{}:{line}", self.pipeline.document.file_name())
    }

    /// A value that is written, with its placeholders filled in.
    fn leaf(&self, value: &Value, path: &KeyPath) -> Node {
        let line = self.pipeline.document.line_of(path);
        let mut places = vec![line.map_or_else(|| DEFAULT.to_owned(), |line| self.at_line(line))];
        let keys = path.segments().iter().map(|segment| match segment {
            Segment::Key(key) => key.as_str(),
            Segment::Index(_) => "",
        });
        let keys: Vec<&str> = keys.collect();
        if let ["vars", name, ..] = keys.as_slice()
            && let Some(place) = self.of_command_line(name)
        {
            places = vec![place];
        }
        let Value::String(text) = value else {
            return Node::Leaf(Leaf {
                value: value.clone(),
                places,
            });
        };
        let is_header = keys.contains(&"headers");
        let last = keys
            .iter()
            .rev()
            .find(|key| !key.is_empty())
            .copied()
            .unwrap_or_default();
        let is_secret = is_secret_name(last) || (is_header && last.eq_ignore_ascii_case("cookie"));
        let filled = self.fill(text, &mut places);
        let value = match filled {
            _ if is_secret && is_revealing(text) => MASK.into(),
            Value::String(text) => masked(&text).into(),
            other => other,
        };
        Node::Leaf(Leaf { value, places })
    }

    fn of_command_line(&self, var: &str) -> Option<String> {
        let is_given = self.given.iter().any(|(name, _)| name == var);
        is_given.then(|| format!("--var {var} on the command line"))
    }

    /// A text with the placeholders filled in whose values are known before the first request.
    fn fill(&self, text: &str, places: &mut Vec<String>) -> Value {
        let mut filled = String::new();
        let mut is_open = false;
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                filled.push_str(&rest[..2]);
                rest = &rest[2..];
                continue;
            }
            let placeholder = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let Some((inner, behind)) = placeholder else {
                filled.push_str(&rest[..1]);
                rest = &rest[1..];
                continue;
            };
            match self.value_of(inner.trim(), places) {
                // Alone it keeps its type.
                Some(value) if filled.is_empty() && behind.is_empty() => return value,
                Some(Value::String(value)) => filled.push_str(&value),
                Some(value) => filled.push_str(&value.to_string()),
                None => {
                    is_open = true;
                    filled.push_str(&rest[..inner.len() + 2]);
                }
            }
            rest = behind;
        }
        filled.push_str(rest);
        if !is_open {
            filled = filled.replace("{{", "{").replace("}}", "}");
        }
        filled.into()
    }

    /// The value of `vars.x`, `env.X` or `secrets.x`; none for anything else, which stays as it is written.
    fn value_of(&self, placeholder: &str, places: &mut Vec<String>) -> Option<Value> {
        let (root, name) = placeholder.split_once('.')?;
        if !name
            .chars()
            .all(|character| character.is_alphanumeric() || "_-.".contains(character))
        {
            return None;
        }
        match root {
            "vars" => {
                let mut names = name.split('.');
                let first = names.next()?;
                let mut value = self.pipeline.source.vars.get(first)?;
                let mut path = KeyPath::root().key("vars").key(first);
                for name in names {
                    value = value.get(name)?;
                    path = path.key(name);
                }
                let line = || self.pipeline.document.line_of(&path).map(|line| self.at_line(line));
                let place = self.of_command_line(first).or_else(line).unwrap_or_default();
                places.push(format!("{placeholder} from {place}"));
                Some(value.clone())
            }
            "env" => {
                let Some((value, place)) = self.pipeline.secrets.env_with_place(name) else {
                    places.push(format!("{placeholder} is not set"));
                    return None;
                };
                places.push(format!("{placeholder} from {place}"));
                Some(if is_secret_name(name) {
                    MASK.into()
                } else {
                    value.into()
                })
            }
            "secrets" => {
                let Some(found) = self.pipeline.secrets.find(name) else {
                    places.push(format!("{placeholder} is not set"));
                    return None;
                };
                places.push(format!("{placeholder} from {}", found.place));
                self.secrets.borrow_mut().insert(name.to_owned(), found.value);
                Some(MASK.into())
            }
            _ => None,
        }
    }

    /// Credentials that the config leaves out and that are found under dlt's names.
    fn left_out_credentials(&self, own: &Map<String, Value>, path: &KeyPath) -> Vec<(String, Node)> {
        let is_auth = matches!(
            path.segments().last(),
            Some(Segment::Key(key)) if key == "auth"
        );
        if !is_auth {
            return Vec::new();
        }
        let kind = own
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or(restload_source::auth::DEFAULT);
        let takes = |key: &str| match kind {
            "bearer" => key == "token",
            "api_key" => key == "api_key",
            "http_basic" | "http_digest" => matches!(key, "username" | "password"),
            "oauth2_client_credentials" => matches!(key, "access_token_url" | "client_id" | "client_secret"),
            "oauth2_refresh_token" => matches!(key, "access_token_url" | "client_id" | "refresh_token"),
            "oauth2_jwt_bearer" => matches!(key, "auth_endpoint" | "client_id" | "private_key"),
            _ => false,
        };
        let mut found = Vec::new();
        for key in CREDENTIALS
            .into_iter()
            .filter(|key| takes(key) && own.get(*key).is_none_or(Value::is_null))
        {
            let mut places = Vec::new();
            let name = format!("secrets.credentials.{key}");
            if let Some(value) = self.value_of(&name, &mut places) {
                found.push((key.to_owned(), Node::Leaf(Leaf { value, places })));
            }
        }
        found
    }

    /// Where the records go: the command line, the settings, the config, or the default, in this order.
    fn destination(&self, settings: &Settings, places: &BTreeMap<&'static str, String>) -> Node {
        let document = self.pipeline.document.value();
        let path = KeyPath::root().key("destination");
        let written = match document.get("destination") {
            Some(url @ Value::String(_)) => json!({ "url": url }),
            Some(full @ Value::Object(_)) => full.clone(),
            _ => json!({}),
        };
        let of = |key: &str, name: &'static str, setting: Option<&String>| {
            if let (Some(value), Some(place)) = (setting, places.get(name)) {
                return Some(plain(masked(value).into(), place));
            }
            let at = match document.get("destination") {
                Some(Value::String(_)) => path.clone(),
                _ => path.key(key),
            };
            Some(self.leaf(written.get(key).filter(|value| !value.is_null())?, &at))
        };
        let mut members = Vec::new();
        let by_default = || plain(format!("sqlite:{}.db", self.pipeline.source.name).into(), DEFAULT);
        members.push((
            "url".to_owned(),
            of("url", "to", settings.to.as_ref()).unwrap_or_else(by_default),
        ));
        members.extend(of("dataset", "dataset", settings.dataset.as_ref()).map(|node| ("dataset".to_owned(), node)));
        Node::Map(members)
    }
}

/// A text without what looks like a secret in it: the password of a URL, a parameter that is named like one.
fn masked(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let ranges = secrets_in_line(text);
    let mut shown = String::new();
    let mut is_hidden = false;
    for (place, character) in characters.iter().enumerate() {
        let hides = ranges.iter().any(|range| range.contains(&place));
        if !hides {
            shown.push(*character);
        } else if !is_hidden {
            shown.push_str(MASK);
        }
        is_hidden = hides;
    }
    shown
}
