//! Expressions and placeholders over a record.
//!
//! Names are the record's fields; `record` is the record itself. `vars` and `run` mean what they mean everywhere else,
//! and the other roots of placeholders are refused, so that none is taken for a field by mistake.

use std::collections::BTreeMap;

use minijinja::Value as Computed;
use minijinja::value::ValueKind;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::value::Object;

use super::Misfit;
use crate::template::{ROOTS, RenderError, Template};

/// The name of the whole record.
const RECORD: &str = "record";

/// A template whose names are fields.
#[derive(Debug)]
pub(crate) struct RecordTemplate {
    template: Template,
    /// The one field that the template is, which is copied as it is.
    copied: Option<Vec<String>>,
    /// The fields used by name.
    fields: Vec<String>,
    record: WholeRecord,
    /// Roots that are the same for every record.
    shared: BTreeMap<String, Computed>,
}

/// How much of `record` is used.
#[derive(Debug)]
enum WholeRecord {
    Nothing,
    Fields(Vec<String>),
    All,
}

impl RecordTemplate {
    /// Compiles a text with placeholders.
    pub(crate) fn text(text: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let template = Template::compile_over_record(text, path, diagnostics)?;
        let copied = template.single_placeholder().and_then(field_path);
        Self::with_scope(template, copied, diagnostics)
    }

    /// Compiles an expression without braces.
    pub(crate) fn expression(text: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let trimmed = text.trim();
        if trimmed.starts_with('{') && trimmed.ends_with('}') {
            let inner = trimmed.trim_start_matches('{').trim_end_matches('}').trim();
            diagnostics.error_with_help(
                path,
                "an expression stands here without braces",
                format_args!("write `{inner}`"),
            );
            return None;
        }
        let template = Template::compile_expression(text, path, diagnostics)?;
        Self::with_scope(template, None, diagnostics)
    }

    fn with_scope(template: Template, copied: Option<Vec<String>>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields: Vec<String> = Vec::new();
        let mut whole: Option<Vec<String>> = Some(Vec::new());
        let mut sound = true;
        for variable in template.variables() {
            let mut parts = variable.split('.');
            let (root, next) = (parts.next().unwrap_or_default(), parts.next());
            match (root, next) {
                (RECORD, None) => whole = None,
                (RECORD, Some(field)) => {
                    if let Some(whole) = &mut whole {
                        whole.push(field.to_owned());
                    }
                }
                ("vars", Some(_)) | ("run", Some("started_at")) => {}
                (root, _) if ROOTS.contains(&root) => {
                    sound = false;
                    diagnostics.error_with_help(template.path(), unknown_here(variable), advice(root, variable));
                }
                (field, _) if fields.iter().any(|known| known == field) => {}
                (field, _) => fields.push(field.to_owned()),
            }
        }
        let record = match whole {
            None => WholeRecord::All,
            Some(fields) if fields.is_empty() => WholeRecord::Nothing,
            Some(fields) => WholeRecord::Fields(fields),
        };
        sound.then_some(Self {
            template,
            copied,
            fields,
            record,
            shared: BTreeMap::new(),
        })
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// Takes over the values that are the same for every record.
    pub(crate) fn bind(&mut self, context: &Computed) {
        for variable in self.template.variables() {
            let root = variable.split('.').next().unwrap_or(variable);
            if matches!(root, "vars" | "run") {
                self.shared
                    .insert(root.to_owned(), context.get_attr(root).unwrap_or_default());
            }
        }
    }

    /// The value for a record; a field that it lacks is null.
    pub(crate) fn value<'a>(&self, record: &Value<'a>) -> Result<Value<'a>, Misfit> {
        if let Some(path) = &self.copied {
            let mut value = Some(record);
            for name in path {
                value = value.and_then(Value::as_object).and_then(|members| members.get(name));
            }
            return Ok(value.cloned().unwrap_or_default());
        }
        match self.template.value(&self.scope(record)) {
            Ok(value) => from_computed(&value),
            Err(RenderError::Undefined { .. }) if self.template.single_placeholder().is_some() => Ok(Value::Null),
            Err(error @ RenderError::Undefined { .. }) => Err(Misfit::new(
                error.to_string(),
                "say what stands for a missing value: `{name | default(\"\", true)}`",
            )),
            Err(error @ RenderError::Failed { .. }) => Err(cannot_compute(&error)),
        }
    }

    /// Whether the expression holds for a record.
    pub(crate) fn is_true(&self, record: &Value<'_>) -> Result<bool, Misfit> {
        match self.template.value(&self.scope(record)) {
            Ok(value) => Ok(value.is_true()),
            Err(RenderError::Undefined { .. }) => Ok(false),
            Err(error) => Err(cannot_compute(&error)),
        }
    }

    /// What the names refer to. Only the fields in use are converted.
    fn scope(&self, record: &Value<'_>) -> Computed {
        let mut scope = self.shared.clone();
        let members = record.as_object();
        let field = |name: &String| members.and_then(|members| members.get(name)).map(to_computed);
        for name in &self.fields {
            scope.extend(field(name).map(|value| (name.clone(), value)));
        }
        match &self.record {
            WholeRecord::Nothing => {}
            WholeRecord::All => {
                scope.insert(RECORD.to_owned(), to_computed(record));
            }
            WholeRecord::Fields(names) => {
                let fields: BTreeMap<String, Computed> = names
                    .iter()
                    .filter_map(|name| Some((name.clone(), field(name)?)))
                    .collect();
                scope.insert(RECORD.to_owned(), fields.into());
            }
        }
        scope.into()
    }
}

fn cannot_compute(error: &RenderError) -> Misfit {
    Misfit::new(
        error.to_string(),
        "convert first, or say what stands for a missing value: `amount | default(0, true) | float`",
    )
}

fn unknown_here(variable: &str) -> String {
    format!("`{variable}` is not a field, and means nothing here")
}

fn advice(root: &str, variable: &str) -> String {
    let field = format!("a field of that name is `record.{variable}`");
    match root {
        "vars" | "run" => format!("write `vars.NAME` or `run.started_at`; {field}"),
        "resources" => {
            format!("a parent's fields come with `include_from_parent`, and are then `_parent_field`; {field}")
        }
        "secrets" => format!("a secret does not belong in a table (`hash` takes one as its salt); {field}"),
        "env" => format!("give the value to `vars`; {field}"),
        _ => field,
    }
}

/// The path of the field that an expression is, if it is nothing else: `user.name`, `record["odd-name"]`.
fn field_path(expression: &str) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = expression.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let quote = inner.chars().next().filter(|first| matches!(first, '"' | '\''))?;
            let (name, after) = inner[1..].split_once(quote)?;
            if name.contains('\\') || path.is_empty() {
                return None;
            }
            path.push(name.to_owned());
            rest = after.trim_start().strip_prefix(']')?;
        } else {
            let name_text = if path.is_empty() { rest } else { rest.strip_prefix('.')? };
            let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
            let end = name_text
                .find(|character| !is_name(character))
                .unwrap_or(name_text.len());
            let name = &name_text[..end];
            if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
                return None;
            }
            path.push(name.to_owned());
            rest = &name_text[end..];
        }
    }
    let is_constant = |name: &String| matches!(name.to_ascii_lowercase().as_str(), "true" | "false" | "none");
    match path.first().map(String::as_str) {
        Some(RECORD) if path.len() > 1 => {
            path.remove(0);
            Some(path)
        }
        Some(RECORD) | None => None,
        Some(root) if ROOTS.contains(&root) => None,
        Some(_) if path.len() == 1 && is_constant(&path[0]) => None,
        Some(_) => Some(path),
    }
}

/// A value that expressions can use. A number beyond 128 bits is rounded.
fn to_computed(value: &Value<'_>) -> Computed {
    match value {
        Value::Null => Computed::from(()),
        Value::Bool(flag) => Computed::from(*flag),
        Value::Integer(number) => Computed::from(*number),
        Value::Double(number) => Computed::from(*number),
        Value::Number(text) => match text.parse::<i128>() {
            Ok(number) => Computed::from(number),
            Err(_) => Computed::from(text.parse::<f64>().unwrap_or(f64::NAN)),
        },
        Value::Text(text) => Computed::from(text.as_ref()),
        Value::List(elements) => elements.iter().map(to_computed).collect::<Vec<_>>().into(),
        Value::Object(members) => {
            let members = members.0.iter();
            let members = members.map(|(name, value)| (name.to_string(), to_computed(value)));
            members.collect::<BTreeMap<_, _>>().into()
        }
    }
}

/// What an expression has come to.
fn from_computed<'a>(value: &Computed) -> Result<Value<'a>, Misfit> {
    let unusable = || {
        Misfit::new(
            format!("an expression gives {value}, which a record cannot hold"),
            "let it give a text, a number, true, false, a list or a map",
        )
    };
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => match i64::try_from(value.clone()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Number(value.to_string().into()),
        },
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(number) if number.is_finite() => Value::Double(number),
            _ => return Err(unusable()),
        },
        ValueKind::String => Value::Text(value.to_string().into()),
        ValueKind::Seq | ValueKind::Iterable => {
            let elements = value.try_iter().map_err(|_| unusable())?;
            Value::List(
                elements
                    .map(|element| from_computed(&element))
                    .collect::<Result<_, _>>()?,
            )
        }
        ValueKind::Map => {
            let keys = value.try_iter().map_err(|_| unusable())?;
            let members = keys.map(|key| {
                let member = value.get_item(&key).unwrap_or_default();
                Ok((key.to_string().into(), from_computed(&member)?))
            });
            Value::Object(Object(members.collect::<Result<_, Misfit>>()?))
        }
        _ => return Err(unusable()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_that_is_a_field_is_copied() {
        for (expression, path) in [
            ("id", Some(vec!["id"])),
            ("user.name", Some(vec!["user", "name"])),
            ("record.vars", Some(vec!["vars"])),
            ("record[\"odd-name\"]", Some(vec!["odd-name"])),
            ("user['first name'].x", Some(vec!["user", "first name", "x"])),
            ("record", None),
            ("none", None),
            ("vars.region", None),
            ("a + 1", None),
            ("a | upper", None),
            ("list[0]", None),
            ("'text'", None),
            ("1", None),
        ] {
            let expected = path.map(|names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(field_path(expression), expected, "{expression}");
        }
    }
}
