//! Headers whose names and values may hold placeholders.

use http::HeaderName;
use indexmap::IndexMap;
use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};

use super::DraftError;
use crate::template::Template;

/// A header and its value.
#[derive(Debug)]
pub struct HeaderTemplate {
    pub(super) name: HeaderNameTemplate,
    /// `None` takes the client's header of that name away.
    pub(super) value: Option<Template>,
}

/// A header's name: nearly always one that is known beforehand.
#[derive(Debug)]
pub(super) enum HeaderNameTemplate {
    Known(HeaderName),
    Computed(Template),
}

pub(super) fn compile_headers(
    headers: Option<&IndexMap<String, Option<String>>>,
    roots: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Vec<HeaderTemplate> {
    let mut compiled = Vec::new();
    for (name, value) in headers.into_iter().flatten() {
        let path = path.key(name.clone());
        let name = HeaderNameTemplate::compile(name, roots, &path, diagnostics);
        let value = match value {
            Some(value) => match Template::compile(value, roots, &path, diagnostics) {
                None => continue,
                compiled => compiled,
            },
            None => None,
        };
        compiled.extend(name.map(|name| HeaderTemplate { name, value }));
    }
    compiled
}

impl HeaderTemplate {
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let name = match &self.name {
            HeaderNameTemplate::Known(_) => None,
            HeaderNameTemplate::Computed(name) => Some(name),
        };
        name.into_iter().chain(&self.value)
    }
}

impl HeaderNameTemplate {
    fn compile(name: &str, roots: &[&str], path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let template = Template::compile(name, roots, path, diagnostics)?;
        if !template.is_constant() {
            return Some(Self::Computed(template));
        }
        // Braces that are doubled are braces, which no header's name may have.
        let text = template.text(&Computed::from(())).unwrap_or_default();
        let Ok(known) = HeaderName::try_from(&text) else {
            diagnostics.key_error(path, format_args!("`{text}` is not a header name"), None);
            return None;
        };
        Some(Self::Known(known))
    }

    pub(super) fn render(&self, context: &Computed) -> Result<HeaderName, DraftError> {
        match self {
            Self::Known(name) => Ok(name.clone()),
            Self::Computed(template) => {
                let text = template.text(context)?;
                HeaderName::try_from(&text).map_err(|_| DraftError::Invalid(format!("`{text}` is not a header name")))
            }
        }
    }
}
