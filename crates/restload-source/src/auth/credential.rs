//! The values that credentials are made of.

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};

use crate::template::{RenderError, Template};

/// A value of the credentials, which its `Debug` does not show.
pub(super) struct Credential(Template);

impl Credential {
    /// Compiles a value. One that the config leaves out is looked for where secrets are, as `credentials.KEY`, so that
    /// `auth: bearer` alone is enough where the environment has the token; one that it gives is never looked for.
    pub(super) fn compile(
        value: Option<&str>,
        key: &str,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let template = match value {
            Some(text) => Template::compile(text, &[], &path.key(key), diagnostics)?,
            None => Template::compile(&format!("{{secrets.credentials.{key}}}"), &[], path, diagnostics)?,
        };
        Some(Self(template))
    }

    /// Compiles a value that may be left out.
    #[expect(
        clippy::option_option,
        reason = "the outer one is whether it is sound, as everywhere in compiling"
    )]
    pub(super) fn optional(
        value: Option<&str>,
        key: &str,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Option<Self>> {
        match value {
            None => Some(None),
            given => Self::compile(given, key, path, diagnostics).map(Some),
        }
    }

    pub(super) fn text(&self, context: &Value) -> Result<String, RenderError> {
        self.0.text(context)
    }

    pub(super) fn into_template(self) -> Template {
        self.0
    }

    pub(super) fn template(&self) -> &Template {
        &self.0
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(restload_model::secret::MASK)
    }
}
