//! Placeholders: `{secrets.token}`, `{resources.posts.id | urlencode}`.
//!
//! Text outside braces stands for itself; `{{` and `}}` are literal braces. Between braces stands an expression of
//! minijinja's language, compiled once, when the config is planned. A template that is exactly one placeholder gives
//! the expression's value with its type; any other gives text.

mod language;
mod names;
mod reference;
mod several;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value};
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};

pub use self::reference::{FieldStep, Reference};
pub(crate) use self::several::Several;

/// The names that a placeholder may begin with, besides those that a place adds.
pub const ROOTS: [&str; 7] = ["env", "incremental", "resources", "run", "secrets", "vars", "window"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.add_filter("date", |value: &Value, format: &str| {
        map_value(value, |value| date(value, format).map(Value::from))
    });
    environment.add_filter("epoch", |value: &Value| {
        map_value(value, |value| Ok(Value::from(micros_of(value)?.div_euclid(1_000_000))))
    });
    environment.add_filter("epoch_ms", |value: &Value| {
        map_value(value, |value| Ok(Value::from(micros_of(value)?.div_euclid(1_000))))
    });
    environment.add_filter("urlencode", |value: &Value| {
        // The language's own filter leaves `/` as it is, which ends the part of a URL that a value stands in.
        minijinja::filters::urlencode(value).map(|text| text.replace('/', "%2F"))
    });
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

/// What the names in a template may begin with.
#[derive(Debug, Clone, Copy)]
enum Roots<'r> {
    /// The usual roots, and those that the place adds.
    Known(&'r [&'r str]),
    /// Anything: they are fields.
    Any,
}

enum Part {
    Literal(String),
    Placeholder {
        /// As the config spells it, for messages.
        shown: String,
        text: String,
        expression: Expression<'static, 'static>,
    },
    /// A name that an expression would take for something else.
    Name {
        shown: String,
        name: String,
    },
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(text) => write!(f, "{text:?}"),
            Self::Placeholder { shown, .. } | Self::Name { shown, .. } => f.write_str(shown),
        }
    }
}

/// Why a template has no value for the record at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A name in it is not there.
    #[error("`{placeholder}` has no value")]
    Undefined {
        /// The placeholder with its braces.
        placeholder: String,
    },
    /// The expression does not work for its values.
    #[error("`{placeholder}` cannot be computed: {reason}")]
    Failed {
        /// The placeholder with its braces.
        placeholder: String,
        /// What the expression engine says.
        reason: String,
    },
}

impl Template {
    /// Compiles a text; mistakes are noted under its key path. `extra_roots` are the names that this place adds.
    pub fn compile(text: &str, extra_roots: &[&str], path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        Self::compile_with(text, Roots::Known(extra_roots), path, diagnostics)
    }

    /// Compiles a text whose names are fields of a record, which only the records tell.
    pub(crate) fn compile_over_record(text: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        Self::compile_with(text, Roots::Any, path, diagnostics)
    }

    /// A text without placeholders, whatever braces it has.
    pub(crate) fn constant(text: &str) -> Self {
        Self {
            parts: vec![Part::Literal(text.to_owned())],
            variables: BTreeSet::new(),
            references: Vec::new(),
            path: KeyPath::root(),
        }
    }

    /// Compiles a text that is an expression over a record, without braces around it.
    pub(crate) fn compile_expression(text: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut template = Self {
            parts: Vec::new(),
            variables: BTreeSet::new(),
            references: Vec::new(),
            path: path.clone(),
        };
        let text = text.trim();
        if text.is_empty() {
            diagnostics.error(path, "the expression is empty");
            return None;
        }
        template
            .add_placeholder(text, text, Roots::Any, path, diagnostics)
            .then_some(template)
    }

    fn compile_with(text: &str, roots: Roots<'_>, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let compiled = Self::read(text, roots, path, diagnostics);
        // What it would have named is no mistake of its own.
        if compiled.is_none() {
            diagnostics.leave_out(path);
        }
        compiled
    }

    fn read(text: &str, roots: Roots<'_>, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
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
                let shown = format!("{{{expression}}}");
                sound &= template.add_placeholder(expression, &shown, roots, path, diagnostics);
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
        shown: &str,
        roots: Roots<'_>,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        if text.is_empty() {
            diagnostics.error_with_help(path, "an empty placeholder `{}`", "write `{{}}` for literal braces");
            return false;
        }
        let odd_name = match roots {
            Roots::Known(extra) => is_odd_name(text, extra),
            Roots::Any => false,
        };
        if odd_name {
            self.variables.insert(text.to_owned());
            self.parts.push(Part::Name {
                shown: shown.to_owned(),
                name: text.to_owned(),
            });
            return true;
        }
        // Over a record there are no other resources, and the name is that of a field.
        let rewritten = match roots {
            Roots::Known(_) => reference::rewrite(text),
            Roots::Any => Ok((text.to_owned(), Vec::new())),
        };
        let (written, references) = match rewritten {
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
                let what = match roots {
                    Roots::Known(_) => "a placeholder",
                    Roots::Any => "an expression",
                };
                diagnostics.error(path, format_args!("`{shown}` is not {what}: {reason}"));
                return false;
            }
        };
        let mut variables = expression.undeclared_variables(true);
        if matches!(roots, Roots::Known(_)) {
            variables.retain(|variable| variable.split('.').next() != Some("resources"));
        }
        let mut sound = language::check(text, shown, path, diagnostics);
        let extra_roots = match roots {
            Roots::Known(extra) => extra,
            Roots::Any => &[],
        };
        for variable in variables.iter().filter(|_| matches!(roots, Roots::Known(_))) {
            let root = variable.split('.').next().unwrap_or(variable);
            if let Some((message, help)) = names::misuse(variable, text, shown) {
                sound = false;
                diagnostics.error_with_help(path, message, help);
            }
            if ROOTS.contains(&root) || extra_roots.contains(&root) || language::is_called(root, text) {
                continue;
            }
            sound = false;
            let known = ROOTS.iter().chain(extra_roots).copied();
            let help = match did_you_mean(root, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let mut roots: Vec<_> = known.collect();
                    roots.sort_unstable();
                    let in_path = if variable.contains('.') {
                        String::new()
                    } else {
                        format!("in a path `{{{root}}}` takes its value from `params`; ")
                    };
                    format!(
                        "{in_path}a placeholder begins with one of: {}; write `{{{{` for a literal brace",
                        roots.join(", ")
                    )
                }
            };
            diagnostics.error_with_help(
                path,
                format_args!("`{shown}` refers to `{root}`, which is unknown here"),
                help,
            );
        }
        self.variables.extend(variables);
        self.references.extend(references);
        self.parts.push(Part::Placeholder {
            shown: shown.to_owned(),
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

    /// The text between the braces, when the template is exactly one placeholder.
    pub(crate) fn single_placeholder(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Placeholder { text, .. }] => Some(text),
            _ => None,
        }
    }

    /// The value: typed when the template is one placeholder, else text. An unknown name is an error.
    pub fn value(&self, context: &Value) -> Result<Value, RenderError> {
        match self.parts.as_slice() {
            [part @ (Part::Placeholder { .. } | Part::Name { .. })] => part.evaluate(context),
            _ => self.text(context).map(Value::from),
        }
    }

    /// The same where null leaves something out, or is a value of its own: with a null in it, a longer text is null.
    pub fn value_or_null(&self, context: &Value) -> Result<Value, RenderError> {
        if self.parts.len() > 1 {
            for part in &self.parts {
                if part.evaluate(context)?.is_none() {
                    return Ok(Value::from(()));
                }
            }
        }
        self.value(context)
    }

    /// Whether it is a longer text that is null as a whole where the value of that name is.
    pub(crate) fn depends_on(&self, name: &str) -> bool {
        let needs = |part: &Part| match part {
            Part::Placeholder { text, .. } => text.strip_prefix(name).is_some_and(reference::needs_value),
            Part::Literal(_) | Part::Name { .. } => false,
        };
        self.parts.len() > 1 && self.parts.iter().any(needs)
    }

    /// The text with a word in the place of every value that is not there: `(no response.json.code)`. Whether there are
    /// any is told, too.
    pub(crate) fn text_with_gaps(&self, context: &Value) -> (String, bool) {
        let (mut rendered, mut has_gaps) = (String::new(), false);
        for part in &self.parts {
            let value = part.evaluate(context).ok().and_then(|value| scalar_text(&value));
            match (part, value) {
                (_, Some(text)) => rendered.push_str(&text),
                (Part::Placeholder { text: name, .. } | Part::Name { name, .. }, None) => {
                    has_gaps = true;
                    let name = name.split('|').next().unwrap_or(name).trim();
                    let _ = write!(rendered, "(no {name})");
                }
                (Part::Literal(_), None) => {}
            }
        }
        (rendered, has_gaps)
    }

    /// The text. A null inside a longer text is an error: it would read `None`.
    pub fn text(&self, context: &Value) -> Result<String, RenderError> {
        self.text_with(context, |text| text)
    }

    /// The names that have to have a value for the text to have one: those of placeholders that are a path alone, or
    /// with filters that give no default.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder { text, .. } => names::required(text),
            _ => None,
        })
    }

    /// The text as far as it is known, and each mistake in what is known: of a placeholder whose names are not all known,
    /// or that has no text, `otherwise` gives the text.
    pub(crate) fn text_as_known(
        &self,
        context: &Value,
        is_known: impl Fn(&str) -> bool,
        otherwise: &str,
        encode: impl Fn(String) -> String,
    ) -> (String, Vec<RenderError>) {
        let (mut rendered, mut mistakes) = (String::new(), Vec::new());
        for part in &self.parts {
            let is_known = match part {
                Part::Literal(literal) => {
                    rendered.push_str(literal);
                    continue;
                }
                Part::Placeholder { expression, .. } => {
                    let mut names = expression.undeclared_variables(true);
                    names.drain().all(|name| is_known(&name))
                }
                Part::Name { name, .. } => is_known(name),
            };
            match is_known.then(|| part.text(context)) {
                Some(Ok(text)) => rendered.push_str(&encode(text)),
                none => {
                    rendered.push_str(otherwise);
                    mistakes.extend(none.and_then(Result::err));
                }
            }
        }
        (rendered, mistakes)
    }

    /// The text, with the value of every placeholder put through `encode`.
    pub fn text_with(&self, context: &Value, encode: impl Fn(String) -> String) -> Result<String, RenderError> {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => rendered.push_str(literal),
                Part::Placeholder { .. } | Part::Name { .. } => rendered.push_str(&encode(part.text(context)?)),
            }
        }
        Ok(rendered)
    }
}

impl Part {
    /// The value as a text. A null is an error: it would read `None`.
    fn text(&self, context: &Value) -> Result<String, RenderError> {
        let value = self.evaluate(context)?;
        scalar_text(&value).ok_or_else(|| match self {
            Self::Literal(text) => RenderError::Undefined {
                placeholder: text.clone(),
            },
            Self::Placeholder { shown, .. } | Self::Name { shown, .. } => RenderError::Undefined {
                placeholder: shown.clone(),
            },
        })
    }

    /// The value; an unknown name is an error.
    fn evaluate(&self, context: &Value) -> Result<Value, RenderError> {
        let (shown, value) = match self {
            Self::Literal(text) => return Ok(Value::from(text.as_str())),
            Self::Name { shown, name } => (shown, context.get_attr(name)),
            Self::Placeholder { shown, expression, .. } => (shown, expression.eval(context.clone())),
        };
        let value = value.map_err(|error| RenderError::Failed {
            placeholder: shown.clone(),
            reason: error
                .detail()
                .map_or_else(|| error.kind().to_string(), ToOwned::to_owned),
        })?;
        if value.is_undefined() {
            return Err(RenderError::Undefined {
                placeholder: shown.clone(),
            });
        }
        Ok(value)
    }
}

/// Whether a placeholder is the name of a parameter that is not a name to the expression language: `user-id`.
fn is_odd_name(text: &str, extra_roots: &[&str]) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    !text.chars().all(is_plain) && extra_roots.contains(&text)
}

/// A value as it stands in a URL, a header or a form; none for null. Lists and maps are JSON.
pub fn scalar_text(value: &Value) -> Option<String> {
    if let Some(joined) = value.downcast_object_ref::<Several>().and_then(Several::joined) {
        return Some(joined);
    }
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

/// A context with further roots; they go before its own of the same names.
pub(crate) fn with_roots(context: &Value, further: impl IntoIterator<Item = (String, Value)>) -> Value {
    let own = context.try_iter().into_iter().flatten();
    let own = own.map(|key| (key.to_string(), context.get_item(&key).unwrap_or_default()));
    own.chain(further).collect::<BTreeMap<_, _>>().into()
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

/// Applies a filter to a value that is there: null stays null, so that a parameter without a value is left out.
fn map_value(value: &Value, filter: impl Fn(&Value) -> Result<Value, Error>) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(Value::UNDEFINED),
        ValueKind::None => Ok(Value::from(())),
        _ => filter(value),
    }
}

/// Writes a moment in a strftime format; UTC.
fn date(value: &Value, format: &str) -> Result<String, Error> {
    let invalid = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
    let moment = jiff::Timestamp::from_microsecond(micros_of(value)?).map_err(|error| invalid(error.to_string()))?;
    jiff::fmt::strtime::format(format, moment).map_err(|error| invalid(error.to_string()))
}

/// The microseconds since 1970 of a moment: ISO text, or seconds, milliseconds or microseconds since 1970, which differ
/// so much in size that no two can be taken for each other between 1973 and 5138.
fn micros_of(value: &Value) -> Result<i64, Error> {
    let invalid =
        |shown: &dyn std::fmt::Display| Error::new(ErrorKind::InvalidOperation, format!("`{shown}` is not a moment"));
    if let Ok(number) = i64::try_from(value.clone()) {
        return Ok(micros_of_epoch(number));
    }
    if let Ok(number) = f64::try_from(value.clone()) {
        return Ok((number * micros_per_unit(number as i64) as f64) as i64);
    }
    let text = value.as_str().ok_or_else(|| invalid(&value))?.trim();
    restload_model::iso_time::parse_timestamp(text)
        .or_else(|| {
            restload_model::iso_time::parse_date(text)
                .map(|days| i64::from(days) * restload_model::iso_time::MICROS_PER_DAY)
        })
        // A header can hold nothing but text.
        .or_else(|| text.parse().ok().map(micros_of_epoch))
        .ok_or_else(|| invalid(&text))
}

fn micros_of_epoch(number: i64) -> i64 {
    number.saturating_mul(micros_per_unit(number))
}

fn micros_per_unit(number: i64) -> i64 {
    match number.unsigned_abs() {
        0..100_000_000_000 => 1_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000,
        _ => 1,
    }
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
mod tests;
