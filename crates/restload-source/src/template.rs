//! Placeholders: `{secrets.token}`, `{resources.posts.id | urlencode}`.
//!
//! Text outside braces stands for itself; `{{` and `}}` are literal braces. Between braces stands an expression of
//! minijinja's language, compiled once, when the config is planned. A template that is exactly one placeholder gives
//! the expression's value with its type; any other gives text.

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value};
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};

pub use self::reference::{FieldStep, Reference};

/// The names that a placeholder may begin with, besides those that a place adds.
pub const ROOTS: [&str; 5] = ["env", "resources", "run", "secrets", "vars"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.add_filter("date", date);
    environment.add_filter("reason", |value: &Value| match value.kind() {
        // Without a value the message has none either, and whoever writes it falls back to the answer itself.
        ValueKind::Undefined | ValueKind::None => Value::UNDEFINED,
        _ => Value::from(reason(value)),
    });
    environment
});

/// A compiled text with placeholders.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    /// The names used: `secrets.token`, `resources.posts.id`.
    variables: BTreeSet<String>,
    /// The fields of other resources' records.
    references: Vec<Reference>,
    /// Where in the config it stands.
    path: KeyPath,
}

enum Part {
    Literal(String),
    Placeholder {
        text: String,
        expression: Expression<'static, 'static>,
    },
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(text) => write!(f, "{text:?}"),
            Self::Placeholder { text, .. } => write!(f, "{{{text}}}"),
        }
    }
}

/// Why a template has no value for the record at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A name in it is not there.
    #[error("`{{{placeholder}}}` has no value")]
    Undefined {
        /// The text between the braces.
        placeholder: String,
    },
    /// The expression does not work for its values.
    #[error("`{{{placeholder}}}` cannot be computed: {reason}")]
    Failed {
        /// The text between the braces.
        placeholder: String,
        /// What the expression engine says.
        reason: String,
    },
}

impl Template {
    /// Compiles a text; mistakes are noted under its key path. `extra_roots` are the names that this place adds.
    pub fn compile(text: &str, extra_roots: &[&str], path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut template = Self {
            parts: Vec::new(),
            variables: BTreeSet::new(),
            references: Vec::new(),
            path: path.clone(),
        };
        let mut literal = String::new();
        let mut rest = text;
        let mut sound = true;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push_str(&rest[..1]);
                rest = &rest[2..];
            } else if rest.starts_with('}') {
                diagnostics.error_with_help(path, "a `}` without its `{`", "write `}}` for a literal brace");
                return None;
            } else {
                let Some(end) = closing_brace(rest) else {
                    diagnostics.error_with_help(path, "a `{` without its `}`", "write `{{` for a literal brace");
                    return None;
                };
                if !literal.is_empty() {
                    template.parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let expression = rest[1..end].trim();
                sound &= template.add_placeholder(expression, extra_roots, path, diagnostics);
                rest = &rest[end + 1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            template.parts.push(Part::Literal(literal));
        }
        sound.then_some(template)
    }

    fn add_placeholder(
        &mut self,
        text: &str,
        extra_roots: &[&str],
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        if text.is_empty() {
            diagnostics.error_with_help(path, "an empty placeholder `{}`", "write `{{}}` for literal braces");
            return false;
        }
        let (written, references) = match reference::rewrite(text) {
            Ok(rewritten) => rewritten,
            Err((message, help)) => {
                diagnostics.error_with_help(path, message, help);
                return false;
            }
        };
        let expression = match ENVIRONMENT.compile_expression_owned(written) {
            Ok(expression) => expression,
            Err(error) => {
                let reason = error.detail().unwrap_or("it is not an expression");
                diagnostics.error(path, format_args!("`{{{text}}}` is not a placeholder: {reason}"));
                return false;
            }
        };
        let mut variables = expression.undeclared_variables(true);
        variables.retain(|variable| variable.split('.').next() != Some("resources"));
        let mut sound = true;
        for filter in filters(text).into_iter().filter(|name| !is_filter(name)) {
            sound = false;
            let message = format_args!("`{{{text}}}` uses the filter `{filter}`, which is unknown");
            match did_you_mean(filter, USUAL_FILTERS) {
                Some(near) => diagnostics.error_with_help(path, message, format_args!("did you mean `{near}`?")),
                None => diagnostics.error(path, message),
            }
        }
        for variable in &variables {
            let root = variable.split('.').next().unwrap_or(variable);
            if ROOTS.contains(&root) || extra_roots.contains(&root) {
                continue;
            }
            sound = false;
            let known = ROOTS.iter().chain(extra_roots).copied();
            let help = match did_you_mean(root, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let mut roots: Vec<_> = known.collect();
                    roots.sort_unstable();
                    format!(
                        "a placeholder begins with one of: {}; write `{{{{` for a literal brace",
                        roots.join(", ")
                    )
                }
            };
            diagnostics.error_with_help(
                path,
                format_args!("`{{{text}}}` refers to `{root}`, which is unknown here"),
                help,
            );
        }
        self.variables.extend(variables);
        self.references.extend(references);
        self.parts.push(Part::Placeholder {
            text: text.to_owned(),
            expression,
        });
        sound
    }

    /// The names used, as dotted paths.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// The fields of other resources' records that it refers to.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Where in the config it stands.
    pub fn path(&self) -> &KeyPath {
        &self.path
    }

    /// Whether the text holds no placeholder.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// The value: typed when the template is one placeholder, else text. An unknown name is an error.
    pub fn value(&self, context: &Value) -> Result<Value, RenderError> {
        if let [Part::Placeholder { text, expression }] = self.parts.as_slice() {
            return evaluate(text, expression, context);
        }
        self.text(context).map(Value::from)
    }

    /// The text. A null inside a longer text is an error: it would read `None`.
    pub fn text(&self, context: &Value) -> Result<String, RenderError> {
        self.text_with(context, |text| text)
    }

    /// The text, with the value of every placeholder put through `encode`.
    pub fn text_with(&self, context: &Value, encode: impl Fn(String) -> String) -> Result<String, RenderError> {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => rendered.push_str(literal),
                Part::Placeholder { text, expression } => {
                    let value = evaluate(text, expression, context)?;
                    let shown = scalar_text(&value).ok_or_else(|| RenderError::Undefined {
                        placeholder: text.clone(),
                    })?;
                    rendered.push_str(&encode(shown));
                }
            }
        }
        Ok(rendered)
    }
}

fn evaluate(text: &str, expression: &Expression<'_, '_>, context: &Value) -> Result<Value, RenderError> {
    let value = expression.eval(context.clone()).map_err(|error| RenderError::Failed {
        placeholder: text.to_owned(),
        reason: error
            .detail()
            .map_or_else(|| error.kind().to_string(), ToOwned::to_owned),
    })?;
    if value.is_undefined() {
        return Err(RenderError::Undefined {
            placeholder: text.to_owned(),
        });
    }
    Ok(value)
}

/// A value as it stands in a URL, a header or a form; none for null. Lists and maps are JSON.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => None,
        // The engine would write Python's `True`.
        ValueKind::Bool => Some(value.is_true().to_string()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            Some(serde_json::to_string(value).unwrap_or_else(|_| value.to_string()))
        }
        _ => Some(value.to_string()),
    }
}

/// A value that expressions can use, from anything that can be serialised.
pub fn to_value(value: impl serde::Serialize) -> Value {
    Value::from(minijinja::value::Serde(value))
}

/// The filters that a misspelt one is compared with.
const USUAL_FILTERS: [&str; 12] = [
    "date",
    "default",
    "first",
    "join",
    "last",
    "length",
    "lower",
    "reason",
    "replace",
    "trim",
    "upper",
    "urlencode",
];

/// The names of the filters in an expression: those that follow a `|` outside of quotes.
fn filters(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '|') => {
                let rest = text[at + 1..].trim_start();
                let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
                names.push(&rest[..end.unwrap_or(rest.len())]);
            }
            _ => {}
        }
    }
    names
}

/// Whether the engine knows a filter. It only tells when one is used.
fn is_filter(name: &str) -> bool {
    let used = ENVIRONMENT.compile_expression_owned(format!("'' | {name}"));
    let outcome = used.and_then(|expression| expression.eval(()));
    outcome
        .err()
        .is_none_or(|error| error.kind() != ErrorKind::UnknownFilter)
}

/// The end of the placeholder that a text begins with, minding quoted strings and inner braces.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Writes a moment, given as ISO text or as seconds since 1970, in a strftime format; UTC.
fn date(value: &Value, format: &str) -> Result<String, Error> {
    let invalid = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
    let micros = match i64::try_from(value.clone()) {
        Ok(seconds) => seconds.saturating_mul(1_000_000),
        Err(_) => {
            let text = value
                .as_str()
                .ok_or_else(|| invalid(format!("`{value}` is not a moment")))?;
            let text = text.trim();
            restload_model::iso_time::parse_timestamp(text)
                .or_else(|| {
                    restload_model::iso_time::parse_date(text)
                        .map(|days| i64::from(days) * restload_model::iso_time::MICROS_PER_DAY)
                })
                // A header can hold nothing but text; digits there are seconds.
                .or_else(|| {
                    text.parse::<i64>()
                        .ok()
                        .map(|seconds| seconds.saturating_mul(1_000_000))
                })
                .ok_or_else(|| invalid(format!("`{text}` is not a moment")))?
        }
    };
    let moment = jiff::Timestamp::from_microsecond(micros).map_err(|error| invalid(error.to_string()))?;
    jiff::fmt::strtime::format(format, moment).map_err(|error| invalid(error.to_string()))
}

/// The texts in an API's error value, whatever its shape: a text, a list of texts, or lists of texts by field.
fn reason(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => String::new(),
        ValueKind::Map => {
            let mut texts = Vec::new();
            if let Ok(keys) = value.try_iter() {
                for key in keys {
                    let inner = value.get_item(&key).unwrap_or_default();
                    texts.push(format!("{key} {}", reason(&inner)));
                }
            }
            texts.join("; ")
        }
        ValueKind::Seq => {
            let elements = value
                .try_iter()
                .map(|elements| elements.map(|element| reason(&element)).collect::<Vec<_>>());
            elements.unwrap_or_default().join("; ")
        }
        _ => value.to_string(),
    }
}

/// What placeholders refer to: one map of roots, to which a place adds its own.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Value>);

impl Context {
    /// The same with one more root.
    #[must_use]
    pub fn with(&self, root: &str, value: Value) -> Self {
        let mut extended = self.clone();
        extended.0.insert(root.to_owned(), value);
        extended
    }

    /// The value that expressions are evaluated against.
    pub fn to_value(&self) -> Value {
        Value::from(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Value {
        Context::default()
            .with(
                "vars",
                to_value(serde_json::json!({"n": 5, "none": null, "list": [1, 2], "t": "a b"})),
            )
            .with(
                "resources",
                to_value(serde_json::json!({"p": {"id": 7, "deep": {"x": true}}})),
            )
            .to_value()
    }

    fn render(text: &str) -> String {
        let mut diagnostics = Diagnostics::default();
        let Some(template) = Template::compile(text, &[], &KeyPath::root(), &mut diagnostics) else {
            let found = diagnostics.into_vec().remove(0);
            return format!("error: {} ({})", found.message, found.help.unwrap_or_default());
        };
        match template.value(&context()) {
            Ok(value) => serde_json::to_string(&value).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn renders() {
        for (text, rendered) in [
            ("plain", r#""plain""#),
            ("{{literal}}", r#""{literal}""#),
            ("{vars.n}", "5"),
            ("{ vars.n + 1 }", "6"),
            ("n={vars.n}", r#""n=5""#),
            ("{vars.none}", "null"),
            ("{vars.list}", "[1,2]"),
            ("{resources.p.deep.x}", "true"),
            ("{vars.t | urlencode}", r#""a%20b""#),
            ("{'}'}", r#""}""#),
            (
                "{'2024-01-02T03:04:05Z' | date('%Y-%m-%d %s')}",
                r#""2024-01-02 1704164645""#,
            ),
            ("{1704164645 | date('%Y')}", r#""2024""#),
            ("{['a', 'b'] | reason}", r#""a; b""#),
            ("{{{vars.n}}}", r#""{5}""#),
        ] {
            assert_eq!(render(text), rendered, "{text}");
        }
    }

    #[test]
    fn refuses() {
        for (text, message) in [
            ("{vars.missing}", "error: `{vars.missing}` has no value"),
            ("x{vars.none}", "error: `{vars.none}` has no value"),
            (
                "{secret.token}",
                "error: `{secret.token}` refers to `secret`, which is unknown here (did you mean `secrets`?)",
            ),
            ("{", "error: a `{` without its `}` (write `{{` for a literal brace)"),
            ("a}", "error: a `}` without its `{` (write `}}` for a literal brace)"),
            (
                "{}",
                "error: an empty placeholder `{}` (write `{{}}` for literal braces)",
            ),
        ] {
            assert_eq!(render(text), message, "{text}");
        }
    }
}
