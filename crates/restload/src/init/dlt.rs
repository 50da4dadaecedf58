//! A config from a dumped `RESTAPIConfig` of dlt. Its keys are restload's, so what is done is to take out what a dump
//! cannot hold: secrets, which get a name, and Python objects, which are listed with what to write in their place.

use restload_model::diagnostics::{Anchor, Diagnostics, Segment};
use serde_json::{Map, Value, json};

use super::{Draft, SecretNote, literal};
use crate::config::schema;
use crate::load::document::value_at_mut;
use crate::load::masking::{is_revealing, is_secret_name};
use crate::load::validate::validate;
use crate::names;

/// Arguments of `rest_api_source` and `pipeline` that may have been dumped along, and what takes their place.
const BESIDE: [(&str, &str); 6] = [
    (
        "section",
        "dlt finds its settings by it; restload names secrets by themselves",
    ),
    ("schema", "restload keeps the schema in the database"),
    ("root_key", "every row of a child table has `_rl_root_id` here"),
    (
        "parallelized",
        "requests always run in parallel, within `client.concurrency`",
    ),
    (
        "dataset_name",
        "write `destination: { url: …, dataset: … }`, or `--dataset` on the command line",
    ),
    ("pipeline_name", "write `name`"),
];

/// The config that a dump becomes.
pub(super) fn draft(
    dump: &Map<String, Value>,
    file: &str,
    name: Option<&str>,
    base_url: Option<&str>,
) -> Result<Draft, String> {
    // It becomes the name of a file.
    let of_dump = dump.get("name").and_then(Value::as_str).map(names::identifier);
    let of_file = || names::identifier(file.split('.').next().unwrap_or(file));
    let name = name.map(str::to_owned).or(of_dump).unwrap_or_else(of_file);
    let name = if name.is_empty() { "pipeline".to_owned() } else { name };
    let mut translation = Translation {
        prefix: names::identifier(&name),
        draft: Draft {
            name: name.clone(),
            origin: format!("made from {file}, a config of dlt"),
            ..Draft::default()
        },
        left_out: Vec::new(),
    };
    let Some(Value::Array(resources)) = dump.get("resources") else {
        return Err("`resources` is no list".to_owned());
    };
    let Some(Value::Object(client)) = dump.get("client") else {
        return Err("`client` is no map".to_owned());
    };
    translation.draft.config.insert("name".to_owned(), name.into());
    translation.client(client, base_url);
    for (key, value) in dump {
        match key.as_str() {
            "name" | "client" | "resources" => {}
            "resource_defaults" => {
                if let Some(defaults) = translation.clean(value, "resource_defaults", "resource_defaults", "") {
                    translation.draft.config.insert(key.clone(), defaults);
                }
            }
            "max_table_nesting" if !value.is_null() => {
                let defaults = translation
                    .draft
                    .config
                    .entry("resource_defaults")
                    .or_insert_with(|| json!({}));
                if let Some(defaults) = defaults.as_object_mut() {
                    defaults.entry("max_table_nesting").or_insert_with(|| value.clone());
                }
            }
            "vars" | "destination" | "schema_contract" => {
                translation.draft.config.insert(key.clone(), value.clone());
            }
            other => {
                let known = BESIDE.iter().find(|(name, _)| *name == other);
                let reason = known.map_or("restload has no such key", |(_, reason)| *reason);
                translation.leave_out("", other, reason);
            }
        }
    }
    let mut kept = Vec::new();
    for (place, resource) in resources.iter().enumerate() {
        let at = format!("resources[{}]", kept.len());
        match resource {
            Value::String(text) if is_python(text) => translation.leave_out(
                "",
                &format!("resource number {}", place + 1),
                "a resource in Python code; one whose records are given is written `records: [...]`",
            ),
            Value::String(_) => kept.push(resource.clone()),
            other => kept.extend(translation.clean(other, "resource", &at, &at)),
        }
    }
    translation.draft.config.insert("resources".to_owned(), kept.into());
    translation.drop_unknown_keys();
    translation.tell_what_is_left_out();
    translation.note_guesses_of_dlt();
    Ok(translation.draft)
}

struct Translation {
    /// What the names of secrets begin with.
    prefix: String,
    draft: Draft,
    /// The part of the config, what of it, and why.
    left_out: Vec<(String, String, String)>,
}

impl Translation {
    fn client(&mut self, client: &Map<String, Value>, base_url: Option<&str>) {
        let mut own = Map::new();
        for (key, value) in client {
            match (key.as_str(), value) {
                ("base_url", _) if base_url.is_some() => {
                    own.insert(key.clone(), base_url.into());
                }
                // dlt takes no placeholders in either, so that braces are only braces.
                ("base_url", Value::String(text)) => {
                    own.insert(key.clone(), literal(text).into());
                }
                ("headers", Value::Object(headers)) => {
                    let mut kept = Map::new();
                    for (name, value) in headers {
                        let value = match value {
                            Value::String(text) if is_secret_header(name) && is_revealing(text) => {
                                self.secret(name, &format!("client.headers.{name}"), text).into()
                            }
                            Value::String(text) => literal(text).into(),
                            other => other.clone(),
                        };
                        kept.insert(name.clone(), value);
                    }
                    own.insert(key.clone(), kept.into());
                }
                ("session", Value::Null) => {}
                ("session", _) => self.leave_out(
                    "client",
                    "session",
                    "a Python object; its options are `client.headers`, `client.retry`, `client.timeout_secs`",
                ),
                (_, value) => {
                    let at = format!("client.{key}");
                    if let Some(value) = self.clean(value, key, &at, "client") {
                        own.insert(key.clone(), value);
                    }
                }
            }
        }
        self.draft.config.insert("client".to_owned(), own.into());
    }

    /// A value without what a dump cannot hold. `home` is the part of the config at whose end the reasons stand.
    fn clean(&mut self, value: &Value, key: &str, at: &str, home: &str) -> Option<Value> {
        match value {
            Value::String(text) if is_python(text) => {
                if key == "last_value_func" {
                    for name in ["max", "min"] {
                        if text.contains(&format!("function {name}")) {
                            return Some(name.into());
                        }
                    }
                }
                let within = at.strip_prefix(home).unwrap_or(at).trim_start_matches('.');
                self.leave_out(home, within, &in_place_of(key, text));
                None
            }
            Value::Object(members) => {
                let mut kept = Map::new();
                let secrets_here = ["auth", "headers", "params", "access_token_request_data"].contains(&key);
                for (name, member) in members {
                    let at = format!("{at}.{name}");
                    if let Value::String(text) = member
                        && secrets_here
                        && (is_secret_name(name) || (key == "headers" && is_secret_header(name)))
                        && is_revealing(text)
                        && !is_python(text)
                    {
                        let secret = self.secret(name, &at, text);
                        kept.insert(name.clone(), secret.into());
                        continue;
                    }
                    if let Some(member) = self.clean(member, name, &at, home) {
                        kept.insert(name.clone(), member);
                    }
                }
                // What is left of an action without what it does would be another action.
                let lost = |name: &str| members.contains_key(name) && !kept.contains_key(name);
                let is_hollow =
                    (kept.is_empty() && !members.is_empty()) || (key == "response_actions" && lost("action"));
                (!is_hollow).then(|| kept.into())
            }
            Value::Array(elements) => {
                let mut kept = Vec::new();
                for (place, element) in elements.iter().enumerate() {
                    kept.extend(self.clean(element, key, &format!("{at}[{place}]"), home));
                }
                (!kept.is_empty() || elements.is_empty()).then(|| kept.into())
            }
            other => Some(other.clone()),
        }
    }

    /// The placeholder that takes the place of a secret, whose value is written nowhere.
    fn secret(&mut self, name: &str, at: &str, value: &str) -> String {
        let mut own = format!("{}_{}", self.prefix, names::identifier(name));
        // The same key with another value is another secret.
        let about = format!("what {at} has in the dump");
        let mut number = 1;
        while self.draft.secrets.iter().any(|secret| secret.name == own) {
            number += 1;
            own = format!("{}_{}_{number}", self.prefix, names::identifier(name));
        }
        // A scheme before it is no secret.
        let scheme = ["Bearer ", "Token ", "Basic "]
            .into_iter()
            .find(|scheme| value.starts_with(scheme));
        self.draft.secrets.push(SecretNote {
            name: own.clone(),
            about,
        });
        self.draft.comments.above(
            at,
            format!(
                "The dump has the secret itself; put it into secrets.toml, or set {}.",
                own.to_uppercase()
            ),
        );
        format!("{}{{secrets.{own}}}", scheme.unwrap_or_default())
    }

    fn leave_out(&mut self, home: &str, within: &str, reason: &str) {
        self.draft
            .comments
            .below(home, format!("{within} is left out: {reason}"));
        self.left_out
            .push((home.to_owned(), within.to_owned(), reason.to_owned()));
    }

    /// Says on the terminal what the comments say, of resources by their names.
    fn tell_what_is_left_out(&mut self) {
        for (home, within, reason) in std::mem::take(&mut self.left_out) {
            let index = home.strip_prefix("resources[").and_then(|rest| rest.strip_suffix(']'));
            let index = index.and_then(|index| index.parse::<usize>().ok());
            let resource =
                index.and_then(|index| self.draft.config.get("resources")?.get(index)?.get("name")?.as_str());
            let place = match (resource, home.as_str()) {
                (Some(name), _) => format!("{name}: {within}"),
                (None, "") => within,
                (None, home) => format!("{home}.{within}"),
            };
            self.draft.remarks.push(format!("left out: {place}: {reason}"));
        }
    }

    /// Takes out the keys that restload does not have, and nulls where it takes none.
    fn drop_unknown_keys(&mut self) {
        let schema = schema();
        // Taking one out may show another one that it hid.
        for _ in 0..4 {
            let mut diagnostics = Diagnostics::default();
            let whole = Value::Object(self.draft.config.clone());
            validate(&whole, &schema, &mut diagnostics);
            let mut has_changed = false;
            for mistake in diagnostics.into_vec() {
                let segments = mistake.path.segments();
                let Some((Segment::Key(key), above)) = segments.split_last() else {
                    continue;
                };
                let is_unknown = mistake.anchor == Anchor::Key && mistake.message.contains("unknown key");
                let home = match above {
                    [Segment::Key(list), Segment::Index(index), ..] => format!("{list}[{index}]"),
                    [Segment::Key(first), ..] => first.clone(),
                    _ => String::new(),
                };
                let mut root = Value::Object(std::mem::take(&mut self.draft.config));
                let mut is_dropped = false;
                if let Some(Value::Object(members)) = value_at_mut(&mut root, above) {
                    let is_null = members.get(key).is_some_and(Value::is_null);
                    if is_unknown || is_null {
                        members.shift_remove(key);
                        has_changed = true;
                        is_dropped = is_unknown && !is_null;
                    }
                }
                if let Value::Object(config) = root {
                    self.draft.config = config;
                }
                if is_dropped {
                    let path = mistake.path.to_string();
                    let within = path
                        .strip_prefix(&home)
                        .unwrap_or(&path)
                        .trim_start_matches('.')
                        .to_owned();
                    let help = mistake.help.as_deref().filter(|help| !help.starts_with("known here"));
                    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
                    let reason = format!("restload has no such key{help}");
                    self.leave_out(&home, &within, &reason);
                }
            }
            if !has_changed {
                break;
            }
        }
    }

    /// Says where dlt guesses in every run, and restload does not.
    fn note_guesses_of_dlt(&mut self) {
        let client = self.draft.config.get("client");
        let has = |value: Option<&Value>, key: &str| {
            value
                .and_then(|value| value.get(key))
                .is_some_and(|value| !value.is_null())
        };
        let defaults = self
            .draft
            .config
            .get("resource_defaults")
            .and_then(|defaults| defaults.get("endpoint"));
        if has(client, "paginator") || has(defaults, "paginator") {
            return;
        }
        let resources = self.draft.config.get("resources").and_then(Value::as_array);
        let without: Vec<&str> = resources
            .into_iter()
            .flatten()
            .filter(|resource| !has(resource.get("endpoint"), "paginator") && resource.get("records").is_none())
            .filter_map(|resource| resource.as_str().or_else(|| resource.get("name")?.as_str()))
            .collect();
        if without.is_empty() {
            return;
        }
        let text = format!(
            "dlt guesses the paginator of {} in every run. Here only a Link header or a next URL is followed without one: \
             `restload discover` proposes what to write.",
            without.join(", ")
        );
        self.draft.comments.above("resources", text.as_str());
        self.draft.remarks.push(text);
    }
}

/// Whether a text is what Python shows of an object.
fn is_python(text: &str) -> bool {
    let in_brackets = text.starts_with('<') && text.ends_with('>');
    let kinds = [
        "<function ",
        "<class ",
        "<built-in ",
        "<bound method ",
        "<lambda",
        "<module ",
    ];
    (in_brackets
        && (text.contains(" at 0x") || text.contains(" object") || kinds.iter().any(|kind| text.starts_with(kind))))
        || text.starts_with("functools.partial(")
        || text.starts_with("DltResource [")
        || text.contains("Paginator at ")
}

/// Whether a header is likely to carry a credential.
fn is_secret_header(name: &str) -> bool {
    let name = name.to_lowercase();
    is_secret_name(&name) || name.ends_with("cookie") || name.ends_with("-key")
}

/// What is written where dlt takes a Python object.
fn in_place_of(key: &str, text: &str) -> String {
    let named = |kinds: &[(&'static str, &'static str)]| {
        let found = kinds.iter().find(|(class, _)| text.contains(class));
        found.map(|(_, kind)| *kind)
    };
    match key {
        "filter" => "a Python function; write the condition over a record's fields: `filter: id < 10`".to_owned(),
        "map" | "yield_map" => {
            "a Python function; `set`, `rename`, `drop`, `select`, `cast`, `explode`, `unpivot` and `jq` change records".to_owned()
        }
        "convert" | "transform" => {
            "a Python function; write a filter, such as `convert: date(\"%Y-%m-%d\")` or `convert: epoch`".to_owned()
        }
        "last_value_func" => "a Python function; only `max` and `min` are there".to_owned(),
        "table_name" => "a Python function; write a text over a record's fields: `table_name: \"events_{type}\"`".to_owned(),
        "columns" => "a Python class; write the columns: `columns: { amount: { data_type: decimal } }`".to_owned(),
        "action" | "response_actions" => {
            "a Python function; the actions are ignore, retry, skip_page, stop and fail (`restload explain resources.endpoint.response_actions`)".to_owned()
        }
        "paginator" => {
            let kinds = [
                ("SinglePage", "single_page"),
                ("PageNumber", "page_number"),
                ("Offset", "offset"),
                ("HeaderLink", "header_link"),
                ("HeaderCursor", "header_cursor"),
                ("JSONLink", "json_link"),
                ("JSONResponseCursor", "cursor"),
                ("JSONResponse", "json_link"),
            ];
            match named(&kinds) {
                Some(kind) => format!("a Python object, whose options a dump does not hold; write `paginator: {{ type: {kind}, … }}`"),
                None => "a Python class of your own; `restload discover` proposes a paginator".to_owned(),
            }
        }
        "auth" => {
            let kinds = [
                ("BearerToken", "bearer"),
                ("APIKey", "api_key"),
                ("HttpBasic", "http_basic"),
                ("OAuth2ClientCredentials", "oauth2_client_credentials"),
                ("OAuthJWT", "oauth2_jwt_bearer"),
            ];
            match named(&kinds) {
                Some(kind) => format!("a Python object, whose options a dump does not hold; write `auth: {{ type: {kind}, … }}`"),
                None => "a Python class of your own; the kinds are in `restload explain client.auth`".to_owned(),
            }
        }
        "incremental" => "a Python object; write `incremental: { cursor_path: …, initial_value: … }`".to_owned(),
        _ => "a Python object, which a config cannot hold".to_owned(),
    }
}
