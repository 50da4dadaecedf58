//! `endpoint.graphql`: the body of a GraphQL request, and the errors in its answer.
//!
//! The query is sent as it is written. It is read only as far as mistakes can be told before the first request: which
//! operations it has, and which variables.

use std::collections::BTreeSet;

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};

use super::body::JsonTemplate;
use crate::config::{EndpointConfig, GraphqlConfig};
use crate::paginators::{Paginator, PaginatorConfig};
use crate::template::Template;

/// A compiled GraphQL request.
#[derive(Debug)]
pub(crate) struct GraphqlPlan {
    /// Whether data that came along with errors is taken.
    pub(crate) allow_partial_data: bool,
    /// Whether the operation is a mutation.
    pub(super) writes: bool,
    /// The variables that the query has, without their `$`.
    variables: BTreeSet<String>,
}

impl GraphqlPlan {
    /// The variables that the query has.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }
}

/// Compiles the block to what answers need of it, and the body; mistakes are noted.
pub(super) fn compile(
    endpoint: &EndpointConfig,
    config: &GraphqlConfig,
    roots: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<(GraphqlPlan, JsonTemplate)> {
    for (key, is_given) in [("json", endpoint.json.is_some()), ("data", endpoint.data.is_some())] {
        if is_given {
            diagnostics.error(
                &path.key(key),
                format_args!("`graphql` and `{key}` exclude each other: a request has one body"),
            );
        }
    }
    if let Some(method) = &endpoint.method
        && !method.trim().eq_ignore_ascii_case("post")
    {
        diagnostics.error_with_help(
            &path.key("method"),
            format_args!("a `graphql` request is sent by POST, not {method}"),
            "leave `method` out",
        );
    }
    let path = path.key("graphql");
    let document = Document::read(&config.query)
        .map_err(|reason| diagnostics.error(&path.key("query"), reason))
        .ok();
    let kind = document
        .as_ref()
        .and_then(|document| document.choose(config.operation_name.as_deref(), &path, diagnostics));
    if kind == Some(Kind::Subscription) {
        diagnostics.error(
            &path.key("query"),
            "a subscription has no end, so that it cannot be loaded",
        );
    }
    let mut members = vec![(constant("query"), JsonTemplate::Constant(config.query.as_str().into()))];
    if let Some(name) = &config.operation_name {
        members.push((constant("operationName"), JsonTemplate::Constant(name.as_str().into())));
    }
    let variables_path = path.key("variables");
    let mut variables = Vec::new();
    for (name, value) in config.variables.iter().flatten() {
        let path = variables_path.key(name.clone());
        if let Some(document) = document.as_ref().filter(|document| !document.variables.contains(name)) {
            let help = advice(name, &document.variables);
            diagnostics.key_error(&path, unknown_variable(name), Some(help));
        }
        let value = JsonTemplate::compile(value, roots, &path, diagnostics);
        variables.extend(value.map(|value| (constant(name), value)));
    }
    members.push((constant("variables"), JsonTemplate::Object(variables)));
    let plan = GraphqlPlan {
        allow_partial_data: config.allow_partial_data,
        writes: kind? == Kind::Mutation,
        variables: document?.variables,
    };
    Some((plan, JsonTemplate::Object(members)))
}

fn constant(text: &str) -> Template {
    Template::constant(text)
}

fn unknown_variable(name: &str) -> String {
    format!("the query has no variable `${name}`")
}

impl GraphqlPlan {
    /// The paginator must write into variables that the query has.
    pub(super) fn check_paginator(
        &self,
        config: &PaginatorConfig,
        paginator: &Paginator,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) {
        let writes_param = match config {
            PaginatorConfig::PageNumber(_) => Some("page_body_path: variables.page"),
            PaginatorConfig::Offset(_) => Some("offset_body_path: variables.offset, limit_body_path: variables.limit"),
            PaginatorConfig::Cursor(_) | PaginatorConfig::HeaderCursor(_) => Some("cursor_body_path: variables.after"),
            PaginatorConfig::Keyset(_) => Some("key_body_path: variables.after"),
            _ => None,
        };
        let writes_param =
            writes_param.filter(|_| paginator.body_paths().is_empty() && !diagnostics.has_left_out(path));
        if let Some(spelling) = writes_param {
            diagnostics.error_with_help(
                path,
                "the paginator writes a query parameter, which a GraphQL query does not see",
                format_args!("let it write a variable, such as `{spelling}`"),
            );
        }
        for (key, body_path) in body_paths(config) {
            let path = path.key(key);
            let Some(variable) = body_path.strip_prefix("variables.") else {
                diagnostics.error_with_help(
                    &path,
                    format_args!("`{body_path}` is not a variable of the query"),
                    format_args!("write `{key}: variables.{body_path}`"),
                );
                continue;
            };
            let name = variable.split('.').next().unwrap_or(variable);
            if !self.variables.contains(name) {
                diagnostics.error_with_help(&path, unknown_variable(name), advice(name, &self.variables));
            }
        }
    }
}

/// Where a paginator writes into a JSON body.
fn body_paths(config: &PaginatorConfig) -> Vec<(&'static str, &str)> {
    let paths = match config {
        PaginatorConfig::PageNumber(config) => vec![("page_body_path", &config.page_body_path)],
        PaginatorConfig::Offset(config) => vec![
            ("offset_body_path", &config.offset_body_path),
            ("limit_body_path", &config.limit_body_path),
        ],
        PaginatorConfig::Cursor(config) => vec![("cursor_body_path", &config.cursor_body_path)],
        PaginatorConfig::Keyset(config) => vec![("key_body_path", &config.key_body_path)],
        PaginatorConfig::HeaderCursor(config) => vec![("cursor_body_path", &config.cursor_body_path)],
        _ => Vec::new(),
    };
    paths
        .into_iter()
        .filter_map(|(key, path)| Some((key, path.as_deref()?)))
        .collect()
}

/// The errors of an answer in words, and whether data came along; `None` when it has no errors.
pub(crate) fn errors(body: &Value<'_>) -> Option<(String, bool)> {
    const MOST_SHOWN: usize = 3;
    let members = body.as_object()?;
    let errors = match members.get("errors")? {
        Value::List(errors) if !errors.is_empty() => errors,
        _ => return None,
    };
    let mut shown: Vec<String> = errors.iter().take(MOST_SHOWN).map(error_in_words).collect();
    if errors.len() > MOST_SHOWN {
        shown.push(format!("and {} more", errors.len() - MOST_SHOWN));
    }
    let has_data = members.get("data").is_some_and(|data| !data.is_null());
    Some((shown.join("; "), has_data))
}

/// An error's message, and the path in the data that it is about.
fn error_in_words(error: &Value<'_>) -> String {
    let members = error.as_object();
    let message = members
        .and_then(|members| members.get("message"))
        .map_or_else(|| error.to_json(), |message| message.to_text().into_owned());
    match members.and_then(|members| members.get("path")) {
        Some(Value::List(path)) if !path.is_empty() => {
            let path: Vec<_> = path.iter().map(Value::to_text).collect();
            format!("{message} (at {})", path.join("."))
        }
        _ => message,
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// What a query document says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Document {
    operations: Vec<(Kind, Option<String>)>,
    variables: BTreeSet<String>,
}

impl Document {
    fn read(text: &str) -> Result<Self, String> {
        let mut document = Self::default();
        let mut open = Vec::new();
        // Between the braces of an operation and the next definition.
        let mut is_outside = true;
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
            let mut length = next.len_utf8();
            match next {
                '#' => length = rest.find(['\n', '\r']).unwrap_or(rest.len()),
                '"' => length = string_length(rest).ok_or("a text in the query has no end")?,
                '{' | '(' | '[' => {
                    if next == '{' && open.is_empty() && is_outside {
                        document.operations.push((Kind::Query, None));
                    }
                    is_outside = false;
                    open.push(next);
                }
                '}' | ')' | ']' => {
                    let expected = match next {
                        '}' => '{',
                        ')' => '(',
                        _ => '[',
                    };
                    if open.pop() != Some(expected) {
                        return Err(format!("the query has a `{next}` without its `{expected}`"));
                    }
                    is_outside = open.is_empty() && next == '}';
                }
                '$' => {
                    let name = &rest[1..];
                    let end = name.find(|character| !is_name(character)).unwrap_or(name.len());
                    document.variables.insert(name[..end].to_owned());
                    length += end;
                }
                next if is_name(next) => {
                    length = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
                    if open.is_empty() && is_outside {
                        document.begin_definition(&rest[..length], &rest[length..]);
                        is_outside = false;
                    }
                }
                _ => {}
            }
            rest = &rest[length..];
        }
        match (open.pop(), document.operations.is_empty()) {
            (Some(open), _) => Err(format!("the query has a `{open}` that is not closed")),
            (None, true) => Err("the query has no operation: write `query { … }`".to_owned()),
            (None, false) => Ok(document),
        }
    }

    fn begin_definition(&mut self, keyword: &str, rest: &str) {
        let kind = match keyword {
            "query" => Kind::Query,
            "mutation" => Kind::Mutation,
            "subscription" => Kind::Subscription,
            _ => return,
        };
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
            .collect();
        self.operations.push((kind, (!name.is_empty()).then_some(name)));
    }

    /// The kind of the operation that is run.
    fn choose(&self, wanted: Option<&str>, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Kind> {
        let names: Vec<&str> = self.operations.iter().filter_map(|(_, name)| name.as_deref()).collect();
        match (wanted, self.operations.as_slice()) {
            (None, [(kind, _)]) => Some(*kind),
            (None, _) => {
                diagnostics.error_with_help(
                    &path.key("query"),
                    "the query has several operations",
                    format_args!("name the one to run with `operation_name`: {}", names.join(", ")),
                );
                None
            }
            (Some(wanted), operations) => {
                let found = operations.iter().find(|(_, name)| name.as_deref() == Some(wanted));
                if found.is_none() {
                    let help = match did_you_mean(wanted, names.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None if names.is_empty() => "its operation has no name; leave `operation_name` out".to_owned(),
                        None => format!("it has: {}", names.join(", ")),
                    };
                    let message = format_args!("the query has no operation `{wanted}`");
                    diagnostics.error_with_help(&path.key("operation_name"), message, help);
                }
                found.map(|(kind, _)| *kind)
            }
        }
    }
}

/// What to write in the place of a variable that a query does not have.
fn advice(name: &str, known: &BTreeSet<String>) -> String {
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("declare it: `query (${name}: …) {{ … }}`"),
        None => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            format!("it has: {}", known.join(", "))
        }
    }
}

/// The length of the string that a text begins with, its quotes included.
fn string_length(text: &str) -> Option<usize> {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let mut from = 0;
        loop {
            let end = from + block[from..].find("\"\"\"")?;
            if block[..end].ends_with('\\') {
                from = end + 3;
            } else {
                return Some(end + 6);
            }
        }
    }
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            '\n' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_document_says_of_itself() {
        let query = |name: Option<&str>| (Kind::Query, name.map(str::to_owned));
        for (text, operations, variables) in [
            ("{ a }", vec![query(None)], vec![]),
            ("query { a }", vec![query(None)], vec![]),
            (
                "# query X {\nquery Posts($after: String = \"}\", $n: [Int!]) @live { posts(after: $after) { id } }",
                vec![query(Some("Posts"))],
                vec!["after", "n"],
            ),
            (
                "query A { a } mutation B { b(x: \"\"\"{ \\\"\"\" \"\"\") } fragment F on T { mutation }",
                vec![query(Some("A")), (Kind::Mutation, Some("B".to_owned()))],
                vec![],
            ),
            (
                "fragment F on T { id } subscription S { s { ...F } }",
                vec![(Kind::Subscription, Some("S".to_owned()))],
                vec![],
            ),
        ] {
            let document = Document::read(text).unwrap();
            assert_eq!(document.operations, operations, "{text}");
            assert_eq!(document.variables.iter().collect::<Vec<_>>(), variables, "{text}");
        }
    }

    #[test]
    fn notices_what_no_server_would_take() {
        for (text, reason) in [
            ("query { a", "the query has a `{` that is not closed"),
            ("query { a(x: 1} }", "the query has a `}` without its `{`"),
            ("{ a(x: \"b) }", "a text in the query has no end"),
            (
                "fragment F on T { id }",
                "the query has no operation: write `query { … }`",
            ),
            ("", "the query has no operation: write `query { … }`"),
        ] {
            assert_eq!(Document::read(text).unwrap_err(), reason, "{text}");
        }
    }
}
