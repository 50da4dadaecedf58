//! The operations that read: each GET with its parameters and the schema of its answer.

use serde_json::{Map, Value};

use super::document::{Document, Shape, list, text};

/// A GET operation.
pub(super) struct Operation<'d> {
    pub(super) path: &'d str,
    pub(super) parameters: Vec<Parameter<'d>>,
    pub(super) summary: Option<&'d str>,
    /// The schema of the body of a good answer, or why there is none.
    pub(super) answer: Result<&'d Value, NoSchema>,
    /// Headers of a good answer, in small letters.
    pub(super) answer_headers: Vec<String>,
    pub(super) is_deprecated: bool,
    /// Its requirements of credentials, if they are its own.
    pub(super) security: Option<&'d [Value]>,
    /// The address of its own server.
    pub(super) server: Option<&'d Value>,
}

/// Why the body of an answer has no schema.
#[derive(Debug, Clone)]
pub(super) struct NoSchema {
    pub(super) reason: String,
    /// Whether it may be JSON all the same.
    pub(super) may_be_json: bool,
}

impl From<String> for NoSchema {
    fn from(reason: String) -> Self {
        Self {
            reason,
            may_be_json: true,
        }
    }
}

/// A parameter of an operation.
#[derive(Clone)]
pub(super) struct Parameter<'d> {
    pub(super) name: &'d str,
    /// `query`, `path`, `header` or `cookie`.
    pub(super) place: &'d str,
    pub(super) is_required: bool,
    pub(super) description: Option<&'d str>,
    schema: Option<&'d Value>,
    whole: &'d Value,
}

/// The operations, and how many there are of other verbs.
pub(super) fn operations<'d>(document: &Document<'d>) -> (Vec<Operation<'d>>, usize, Vec<String>) {
    let mut found = Vec::new();
    let mut others = 0;
    let mut unreadable = Vec::new();
    let paths = document.root.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        let item = match document.follow(item) {
            Ok(item) => item,
            Err(reason) => {
                unreadable.push(format!("{path}: {reason}"));
                continue;
            }
        };
        let verbs = ["post", "put", "patch", "delete"];
        others += verbs.iter().filter(|verb| item.get(**verb).is_some()).count();
        if let Some(get) = document.member(item, "get").filter(|get| get.is_object()) {
            found.push(operation(document, path, item, get));
        }
    }
    (found, others, unreadable)
}

fn operation<'d>(document: &Document<'d>, path: &'d str, item: &'d Value, get: &'d Value) -> Operation<'d> {
    let mut parameters: Vec<Parameter<'d>> = Vec::new();
    // Those of the operation take the place of the path's.
    for written in list(get, "parameters").iter().chain(list(item, "parameters")) {
        let Ok(whole) = document.follow(written) else { continue };
        let (Some(name), Some(place)) = (text(whole, "name"), text(whole, "in")) else {
            continue;
        };
        if parameters
            .iter()
            .any(|known| known.name == name && known.place == place)
        {
            continue;
        }
        let in_content = || whole.get("content")?.as_object()?.values().next()?.get("schema");
        parameters.push(Parameter {
            name,
            place,
            is_required: whole.get("required") == Some(&Value::Bool(true)),
            description: text(whole, "description"),
            schema: whole.get("schema").or_else(in_content),
            whole,
        });
    }
    let good = good_answer(document, get);
    let headers = good.as_ref().ok().and_then(|answer| answer.get("headers")?.as_object());
    Operation {
        path,
        parameters,
        summary: text(get, "summary")
            .or_else(|| text(get, "description"))
            .or_else(|| text(item, "summary")),
        answer: good
            .map_err(NoSchema::from)
            .and_then(|answer| body_schema(document, answer)),
        answer_headers: headers
            .map(|headers| headers.keys().map(|name| name.to_lowercase()).collect())
            .unwrap_or_default(),
        is_deprecated: get.get("deprecated") == Some(&Value::Bool(true)),
        security: get.get("security").and_then(Value::as_array).map(Vec::as_slice),
        server: list(get, "servers").first().or_else(|| list(item, "servers").first()),
    }
}

/// The answer of status 200, else of another good one, else the default.
fn good_answer<'d>(document: &Document<'d>, get: &'d Value) -> Result<&'d Value, String> {
    let none = || "the document has no good answer for it".to_owned();
    let answers = get.get("responses").and_then(Value::as_object).ok_or_else(none)?;
    let exact = ["200", "2XX", "2xx"].iter().find_map(|status| answers.get(*status));
    let good = || {
        answers
            .iter()
            .find(|(status, _)| status.starts_with('2'))
            .map(|(_, answer)| answer)
    };
    let found = exact.or_else(good).or_else(|| answers.get("default"));
    document.follow(found.ok_or_else(none)?)
}

fn body_schema<'d>(document: &Document<'d>, answer: &'d Value) -> Result<&'d Value, NoSchema> {
    let none = || "the document does not say what it answers with".to_owned();
    let content = answer.get("content").and_then(Value::as_object).ok_or_else(none)?;
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or(kind).trim().to_lowercase();
        kind.ends_with("/json") || kind.ends_with("+json")
    };
    let json = content.get("application/json").or_else(|| first_of(content, is_json));
    let anything = || first_of(content, |kind| kind == "*/*");
    let Some(media) = json.or_else(anything) else {
        let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
        return Err(match kinds.as_slice() {
            [] => none().into(),
            kinds => NoSchema {
                reason: format!("it answers with {}, and not with JSON", kinds.join(", ")),
                may_be_json: false,
            },
        });
    };
    let schema = document.follow(media)?.get("schema").ok_or_else(none)?;
    Ok(document.follow(schema)?)
}

fn first_of(content: &Map<String, Value>, matches: impl Fn(&str) -> bool) -> Option<&Value> {
    content.iter().find(|(kind, _)| matches(kind)).map(|(_, media)| media)
}

impl<'d> Parameter<'d> {
    pub(super) fn shape(&self, document: &Document<'d>) -> Shape<'d> {
        self.schema.map(|schema| document.shape(schema)).unwrap_or_default()
    }

    /// A keyword of its schema.
    pub(super) fn keyword(&self, document: &Document<'d>, name: &str) -> Option<&'d Value> {
        let schema = document.follow(self.schema?).ok()?;
        schema.get(name)
    }

    /// The value that the API takes when none is sent.
    pub(super) fn default(&self, document: &Document<'d>) -> Option<&'d Value> {
        self.keyword(document, "default").filter(|value| !value.is_null())
    }

    /// The values that it takes.
    pub(super) fn choices(&self, document: &Document<'d>) -> Vec<&'d Value> {
        let of_list = |schema: &'d Value| document.follow(schema.get("items")?).ok()?.get("enum");
        let schema = self.schema.and_then(|schema| document.follow(schema).ok());
        let choices = schema.and_then(|schema| schema.get("enum").or_else(|| of_list(schema)));
        choices.and_then(Value::as_array).into_iter().flatten().collect()
    }

    /// Whether several values go into one text with commas.
    pub(super) fn is_joined(&self) -> bool {
        self.whole.get("explode") == Some(&Value::Bool(false))
    }
}

impl<'d> Operation<'d> {
    /// The parameters of its query.
    pub(super) fn query(&self) -> impl Iterator<Item = &Parameter<'d>> {
        self.parameters.iter().filter(|parameter| parameter.place == "query")
    }

    /// The names in braces in its path, in their order.
    pub(super) fn placeholders(&self) -> Vec<&'d str> {
        let parts = self.path.split('{').skip(1);
        parts
            .filter_map(|part| part.split_once('}').map(|(name, _)| name))
            .collect()
    }

    /// Whether its path ends with a placeholder, as that of one record does.
    pub(super) fn ends_with_placeholder(&self) -> bool {
        self.path.trim_end_matches('/').ends_with('}')
    }
}
