//! The lists of a document as resources: each key that is guessed stands under its reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use restload_source::json_path::JsonPath;
use restload_source::paginators::plain_name;
use serde_json::{Map, Value, json};

use super::document::Document;
use super::lists::Listed;
use super::operations::Parameter;
use super::parents::{Lists, Parent, parent, singular, word_before};
use super::records::change;
use super::servers;
use crate::init::literal;
use crate::names;
use crate::yaml::Comments;

/// Parameters that ask for what is new.
const SINCE: [&str; 10] = [
    "since",
    "updatedsince",
    "updatedafter",
    "modifiedsince",
    "modifiedafter",
    "changedsince",
    "lastmodified",
    "updatedatmin",
    "updatedatgte",
    "updatedfrom",
];

/// What the resources are put into.
pub(super) struct Building<'b, 'd> {
    pub(super) document: &'b Document<'d>,
    pub(super) comments: &'b mut Comments,
    pub(super) vars: &'b mut Vars,
    /// How many paginators count from a page that is a guess.
    pub(super) guessed_bases: usize,
    /// How many keys of resources could not be told.
    pub(super) without_selector: usize,
}

/// The config's own values, in the order in which they were needed.
#[derive(Debug, Default)]
pub(super) struct Vars(pub(super) Vec<(String, Value, String)>);

impl Vars {
    /// The name of a value; one of this name that is different gets another name.
    pub(super) fn add(&mut self, wanted: &str, value: &Value, about: &str) -> String {
        let base = match names::identifier(wanted) {
            base if base.is_empty() => "value".to_owned(),
            base => base,
        };
        let mut name = base.clone();
        let mut number = 1;
        loop {
            match self.0.iter().find(|(known, _, _)| *known == name) {
                Some((_, known, _)) if known == value => return name,
                Some(_) => {
                    number += 1;
                    name = format!("{base}_{number}");
                }
                None => break,
            }
        }
        self.0.push((name.clone(), value.clone(), about.to_owned()));
        name
    }
}

/// A resource under construction.
#[derive(Default)]
struct Resource {
    params: Vec<(String, Value)>,
    headers: Map<String, Value>,
    /// Values that the user has to give first.
    conditions: BTreeSet<String>,
    params_reasons: Vec<String>,
    required: Vec<String>,
}

impl<'d> Building<'_, 'd> {
    /// The resources of the lists.
    pub(super) fn resources(&mut self, lists: &[Listed<'d>]) -> Vec<Value> {
        let mut parents: Vec<Vec<(String, Parent)>> = Vec::new();
        let known = Lists::new(lists);
        for (place, list) in lists.iter().enumerate() {
            self.document.begin();
            let mut own = Vec::new();
            for placeholder in list.operation.placeholders() {
                if let Some(found) = parent(self.document, &known, place, placeholder)
                    && !lists[found.place].is_map
                {
                    own.push((placeholder.to_owned(), found));
                }
            }
            parents.push(own);
        }
        let mut conditions: Vec<BTreeSet<String>> = Vec::new();
        let mut resources = Vec::new();
        for (place, list) in lists.iter().enumerate() {
            self.document.begin();
            let (value, own) = self.resource(lists, list, place, &parents[place]);
            resources.push(value);
            conditions.push(own);
        }
        for (place, resource) in resources.iter_mut().enumerate() {
            let needed = needed(place, &parents, &conditions);
            if needed.is_empty() {
                continue;
            }
            let names: Vec<String> = needed.iter().map(|name| format!("vars.{name}")).collect();
            self.comments.above(
                format!("resources[{place}].selected"),
                format!("Loaded when {} has a value, above or by --var.", names.join(" and ")),
            );
            if let Value::Object(members) = resource {
                let endpoint = members.shift_remove("endpoint");
                members.insert("selected".to_owned(), json!({ "when_set": names }));
                members.extend(endpoint.map(|endpoint| ("endpoint".to_owned(), endpoint)));
            }
        }
        resources
    }

    fn resource(
        &mut self,
        lists: &[Listed<'d>],
        list: &Listed<'d>,
        place: usize,
        parents: &[(String, Parent)],
    ) -> (Value, BTreeSet<String>) {
        let at = format!("resources[{place}]");
        let summary = list
            .operation
            .summary
            .map(|summary| format!(": {}", shortened(summary)));
        self.comments.above(
            &at,
            format!("GET {}{}", list.operation.path, summary.unwrap_or_default()),
        );
        let mut resource = Resource::default();
        let path = self.path(lists, list, &mut resource, parents, &at);
        self.parameters(list, &mut resource);
        let mut endpoint = Map::new();
        endpoint.insert("path".to_owned(), path.into());
        query_of_pages(list, &mut resource);
        if !resource.params.is_empty() {
            if !resource.required.is_empty() {
                let required = format!("The document requires {}.", resource.required.join(" and "));
                resource.params_reasons.insert(0, required);
            }
            for reason in &resource.params_reasons {
                self.comments.above(format!("{at}.endpoint.params"), reason.as_str());
            }
            let params: Map<String, Value> = resource
                .params
                .into_iter()
                .map(|(name, value)| (literal(&name), value))
                .collect();
            endpoint.insert("params".to_owned(), params.into());
        }
        if !resource.headers.is_empty() {
            endpoint.insert("headers".to_owned(), resource.headers.into());
        }
        self.selector(list, &mut endpoint, &at);
        self.paginator(list, &mut endpoint, &at);
        self.cursor(list, &at);
        let mut members = Map::new();
        members.insert("name".to_owned(), list.name.clone().into());
        self.key(list, &mut members, &at);
        if let Some((_, nearest)) = parents.last() {
            members.insert("include_from_parent".to_owned(), json!([nearest.field]));
        }
        if list.is_map {
            members.insert("processing_steps".to_owned(), json!([{ "unpivot": { "key": "key" } }]));
        }
        members.insert("endpoint".to_owned(), endpoint.into());
        (members.into(), resource.conditions)
    }

    /// The path, with what its placeholders stand for.
    fn path(
        &mut self,
        lists: &[Listed<'d>],
        list: &Listed<'d>,
        resource: &mut Resource,
        parents: &[(String, Parent)],
        at: &str,
    ) -> String {
        let mut path = self.own_server(list, at);
        let mut rest = list.operation.path.trim_start_matches('/');
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            path.push_str(&literal(before));
            if let Some((_, parent)) = parents.iter().find(|(placeholder, _)| placeholder == name) {
                self.comments
                    .above(format!("{at}.endpoint.path"), parent.reason.as_str());
                let _ = write!(path, "{{resources.{}.{}}}", lists[parent.place].name, parent.field);
            } else {
                let mut parameters = list.operation.parameters.iter();
                let parameter = parameters.find(|parameter| parameter.place == "path" && parameter.name == name);
                let var = self.var(&name_of_var(list.operation.path, name), parameter, resource);
                self.comments.above(
                    format!("{at}.endpoint.path"),
                    format!("No list of the document tells the values of `{{{name}}}`, so it is a value of the config's own."),
                );
                let _ = write!(path, "{{vars.{var}}}");
            }
            rest = behind;
        }
        path.push_str(&literal(rest));
        path
    }

    /// The beginning of a whole address, where the operation has a server of its own.
    fn own_server(&mut self, list: &Listed<'d>, at: &str) -> String {
        let Some(entry) = list.operation.server else {
            return String::new();
        };
        match servers::of_entry(entry) {
            Ok(server) => {
                self.comments.above(
                    format!("{at}.endpoint.path"),
                    "The document has a server of its own for it. Credentials go to another host only when \
                     `client.trusted_hosts` names it.",
                );
                literal(server.filled.trim_end_matches('/')) + "/"
            }
            Err(reason) => {
                self.comments.above(format!("{at}.endpoint.path"), reason);
                String::new()
            }
        }
    }

    /// A value of the config's own for a parameter: what the document gives, else one that the user has to give.
    fn var(&mut self, name: &str, parameter: Option<&Parameter<'d>>, resource: &mut Resource) -> String {
        let choices = parameter
            .map(|parameter| parameter.choices(self.document))
            .unwrap_or_default();
        let given = parameter
            .and_then(|parameter| parameter.default(self.document))
            .or(choices.first().copied());
        let given = given.filter(|value| value.is_string() || value.is_number() || value.is_boolean());
        let value = given.cloned().unwrap_or_else(|| "".into());
        let mut about = parameter
            .and_then(|parameter| parameter.description)
            .map(|text| sentence(&shortened(text)))
            .unwrap_or_default();
        if !choices.is_empty() {
            let choices: Vec<String> = choices.iter().map(|choice| text_of(choice)).collect();
            let _ = write!(about, " One of {}.", choices.join(", "));
        }
        if given.is_none() {
            about.push_str(" What needs it is loaded when it is given.");
        }
        let var = self.vars.add(name, &value, about.trim());
        if given.is_none() {
            resource.conditions.insert(var.clone());
        }
        var
    }

    /// The parameters without which the API refuses a request.
    fn parameters(&mut self, list: &Listed<'d>, resource: &mut Resource) {
        const OF_THE_CLIENT: [&str; 3] = ["accept", "content-type", "authorization"];
        for parameter in list
            .operation
            .parameters
            .iter()
            .filter(|parameter| parameter.is_required)
        {
            let is_of_paging = list.paging.own.iter().any(|own| own == parameter.name);
            if is_of_paging || OF_THE_CLIENT.contains(&parameter.name.to_lowercase().as_str()) {
                continue;
            }
            let in_query = parameter.place == "query";
            if !in_query && parameter.place != "header" {
                continue;
            }
            let choices = parameter.choices(self.document);
            let only = choices.first().copied().filter(|_| choices.len() == 1);
            let value = match parameter.default(self.document).or(only) {
                Some(Value::Array(elements)) if parameter.is_joined() || !in_query => {
                    let elements: Vec<String> = elements.iter().map(text_of).collect();
                    literal(&elements.join(",")).into()
                }
                Some(Value::Array(elements)) => elements.iter().map(|element| literal(&text_of(element))).collect(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) if in_query => value.clone(),
                Some(value) if !value.is_object() => literal(&text_of(value)).into(),
                _ => format!("{{vars.{}}}", self.var(parameter.name, Some(parameter), resource)).into(),
            };
            if in_query {
                resource
                    .params_reasons
                    .push(format!("The document requires `{}`.", parameter.name));
                resource.params.push((parameter.name.to_owned(), value));
            } else {
                resource.headers.insert(literal(parameter.name), value);
            }
        }
    }

    fn selector(&mut self, list: &Listed<'d>, endpoint: &mut Map<String, Value>, at: &str) {
        match &list.selector {
            Some(selector) => {
                endpoint.insert("data_selector".to_owned(), selector.clone().into());
                self.comments
                    .above(format!("{at}.endpoint.data_selector"), list.selector_reason.as_str());
            }
            None => {
                self.without_selector += 1;
                self.comments.below(
                    format!("{at}.endpoint"),
                    format!("data_selector is left out: {}", list.selector_reason),
                );
            }
        }
    }

    fn paginator(&mut self, list: &Listed<'d>, endpoint: &mut Map<String, Value>, at: &str) {
        match &list.paging.paginator {
            Some(paginator) => {
                endpoint.insert("paginator".to_owned(), paginator.clone());
                self.comments
                    .above(format!("{at}.endpoint.paginator"), list.paging.reason.as_str());
                self.guessed_bases += usize::from(list.paging.base_is_guessed);
            }
            None => self.comments.below(
                format!("{at}.endpoint"),
                format!("paginator is left out: {}", list.paging.reason),
            ),
        }
    }

    /// What could make the next run load what is new only. The document does not show that it does, so it is not set.
    fn cursor(&mut self, list: &Listed<'d>, at: &str) {
        let mut query = list.operation.query();
        let since = query.find(|parameter| SINCE.contains(&plain_name(parameter.name).as_str()));
        if let (Some(since), Some(changed)) = (since, change(self.document, list.record)) {
            let path = JsonPath::spell(&[changed.to_owned()]);
            let value =
                json!({ "cursor_path": path, "start_param": since.name, "initial_value": "2020-01-01T00:00:00Z" });
            self.comments.below(
                format!("{at}.endpoint"),
                format!(
                    "incremental is left out: the document does not show that the parameter `{}` asks for what is new by \
                     `{changed}`. If it does:",
                    since.name
                ),
            );
            let code = format!("incremental: {}", crate::yaml::flow(&value));
            self.comments.code_below(format!("{at}.endpoint"), &code);
        }
    }

    fn key(&mut self, list: &Listed<'d>, members: &mut Map<String, Value>, at: &str) {
        if let Some(key) = &list.key {
            members.insert("primary_key".to_owned(), key.clone().into());
            members.insert("write_disposition".to_owned(), "merge".into());
            self.comments
                .above(format!("{at}.primary_key"), list.key_reason.as_str());
        } else {
            members.insert("write_disposition".to_owned(), "replace".into());
            self.comments.above(
                format!("{at}.write_disposition"),
                format!(
                    "primary_key is left out: {}. Without one every run takes the place of all rows.",
                    list.key_reason
                ),
            );
        }
    }
}

/// Asks for long pages.
fn query_of_pages(list: &Listed<'_>, resource: &mut Resource) {
    if let Some((name, size, why)) = &list.paging.page_size
        && !resource.params.iter().any(|(known, _)| known == name)
    {
        resource.params.push((name.clone(), (*size).into()));
        resource
            .params_reasons
            .push(format!("`{name}` is the length of a page; {why}."));
    }
}

/// The values that a resource needs itself, and those that its parents need.
fn needed(place: usize, parents: &[Vec<(String, Parent)>], conditions: &[BTreeSet<String>]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![place];
    while let Some(place) = open.pop() {
        if seen.insert(place) {
            all.extend(conditions[place].iter().cloned());
            open.extend(parents[place].iter().map(|(_, parent)| parent.place));
        }
    }
    all
}

/// A text of the document in one line, its first sentence where it is long.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 160;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    if let Some((sentence, _)) = line.split_once(". ")
        && sentence.chars().count() <= LONGEST
    {
        return format!("{sentence}.");
    }
    let cut: String = line.chars().take(LONGEST).collect();
    format!("{}…", cut.trim_end())
}

/// A text that ends as a sentence does.
fn sentence(text: &str) -> String {
    let ends = text.is_empty() || text.ends_with(['.', '!', '?', '…']);
    if ends { text.to_owned() } else { format!("{text}.") }
}

/// The name of a value in a path: `{id}` of an order and of a shop are two values.
fn name_of_var(path: &str, placeholder: &str) -> String {
    const GENERAL: [&str; 6] = ["id", "uuid", "key", "name", "slug", "code"];
    if !GENERAL.contains(&plain_name(placeholder).as_str()) {
        return placeholder.to_owned();
    }
    let before = word_before(path, placeholder).map(|word| singular(&word));
    let above = || {
        let (before, _) = path.split_once(&format!("{{{placeholder}}}"))?;
        let (_, name) = before.trim_end_matches(['/', '}']).rsplit_once('{')?;
        Some(name.to_owned())
    };
    match before.or_else(above) {
        Some(owner) => format!("{owner}_{placeholder}"),
        None => placeholder.to_owned(),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
