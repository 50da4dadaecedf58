//! Where in a request a paginator's value goes: the query, the JSON body, or a header.

use http::HeaderName;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use crate::request::Draft;

/// One place of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placement {
    Param(String),
    Body(String),
    Header(HeaderName),
}

/// The options `NOUN_param`, `NOUN_body_path` and `NOUN_header` of a member.
pub(super) struct PlacementOptions<'o> {
    pub(super) noun: &'o str,
    pub(super) param: Option<&'o str>,
    pub(super) body_path: Option<&'o str>,
    pub(super) header: Option<&'o str>,
    /// The parameter when no place is given; without one a place must be given.
    pub(super) default_param: Option<&'o str>,
}

impl PlacementOptions<'_> {
    /// Exactly one of the three, or the default.
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Placement> {
        let given: Vec<(String, &str)> = [
            ("param", self.param),
            ("body_path", self.body_path),
            ("header", self.header),
        ]
        .into_iter()
        .filter_map(|(place, value)| Some((format!("{}_{place}", self.noun), value?)))
        .collect();
        for (key, value) in &given {
            let has_empty_part = key.ends_with("body_path") && value.split('.').any(str::is_empty);
            if value.is_empty() {
                diagnostics.error(&path.key(key), format_args!("`{key}` is empty"));
                return None;
            } else if has_empty_part {
                diagnostics.error(
                    &path.key(key),
                    format_args!("`{value}` has an empty key between its dots"),
                );
                return None;
            }
        }
        match given.as_slice() {
            [] => match self.default_param {
                Some(name) => Some(Placement::Param(name.to_owned())),
                None => {
                    if diagnostics.has_left_out(path) {
                        return None;
                    }
                    diagnostics.error(
                        path,
                        format_args!(
                            "where the {0} goes is missing: set `{0}_param`, `{0}_body_path` or `{0}_header`",
                            self.noun
                        ),
                    );
                    None
                }
            },
            [(key, value)] if key.ends_with("header") => match HeaderName::try_from(*value) {
                Ok(header) => Some(Placement::Header(header)),
                Err(_) => {
                    diagnostics.error(&path.key(key), format_args!("`{value}` is not a header name"));
                    None
                }
            },
            [(key, value)] if key.ends_with("body_path") => Some(Placement::Body((*value).to_owned())),
            [(_, value)] => Some(Placement::Param((*value).to_owned())),
            [(first, _), .., (last, _)] => {
                diagnostics.error(
                    &path.key(last),
                    format_args!("`{first}` and `{last}` exclude each other: the value goes to one place"),
                );
                None
            }
        }
    }
}

impl Placement {
    /// Writes a value, in the place of whatever the config has there.
    pub(super) fn write(&self, draft: &mut Draft, value: &Value) -> Result<(), String> {
        match self {
            Self::Body(path) => draft.set_body(path, value.clone()),
            Self::Header(name) => draft.set_header(name.as_str(), &as_text(value)?),
            Self::Param(name) => {
                let values = match value {
                    Value::Array(elements) => elements.iter().map(as_text).collect::<Result<Vec<_>, _>>()?,
                    other => vec![as_text(other)?],
                };
                draft.set_params(name, values);
                Ok(())
            }
        }
    }

    pub(super) fn body_path(&self) -> Option<&str> {
        match self {
            Self::Body(path) => Some(path),
            _ => None,
        }
    }
}

/// A scalar as it stands in a query or a header.
fn as_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => Err(format!(
            "the page token {value} is no single value; only a JSON body can carry it"
        )),
        other => Ok(other.to_string()),
    }
}
