//! `api_key`: a key in a header, a query parameter or a cookie.

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApplyError, compile_secret};
use crate::request::Draft;
use crate::template::Template;

/// A key in a header, a query parameter or a cookie, sent as it is.
///
/// ```yaml
/// auth: { type: api_key, name: X-Api-Key, api_key: "{secrets.shop_key}", location: header }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyConfig {
    /// Name of the header, query parameter or cookie.
    #[serde(default = "default_name")]
    pub name: String,
    /// The key, best as a placeholder: `{secrets.my_key}`.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Where the key goes.
    #[serde(default)]
    pub location: Location,
}

fn default_name() -> String {
    "Authorization".to_owned()
}

/// Where an API key goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A header.
    #[default]
    Header,
    /// A query parameter.
    Query,
    /// dlt's other name of `query`.
    Param,
    /// A cookie.
    Cookie,
}

/// A key.
#[derive(Debug)]
pub struct ApiKey {
    name: String,
    key: Template,
    location: Location,
}

impl ApiKeyConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<ApiKey> {
        let key = compile_secret(self.api_key.as_deref(), "api_key", path, diagnostics)?;
        if self.location == Location::Header && http::HeaderName::try_from(&self.name).is_err() {
            diagnostics.error(&path.key("name"), format_args!("`{}` is not a header name", self.name));
            return None;
        }
        Some(ApiKey {
            name: self.name.clone(),
            key,
            location: self.location,
        })
    }
}

impl ApiKey {
    pub(super) fn apply(&self, context: &Value, draft: &mut Draft) -> Result<(), ApplyError> {
        let key = self.key.text(context)?;
        match self.location {
            Location::Header => draft.set_header(&self.name, &key).map_err(ApplyError::Header)?,
            Location::Query | Location::Param => {
                // A next link often repeats the key; sending it twice confuses servers.
                let others: Vec<(String, String)> = draft
                    .url
                    .query_pairs()
                    .filter(|(name, _)| *name != self.name)
                    .map(|(n, v)| (n.into(), v.into()))
                    .collect();
                if others.len() != draft.url.query_pairs().count() {
                    draft.url.set_query(None);
                    if !others.is_empty() {
                        draft.url.query_pairs_mut().extend_pairs(others);
                    }
                }
                draft.set_param(&self.name, key);
            }
            Location::Cookie => draft.cookies.push((self.name.clone(), key)),
        }
        Ok(())
    }

    pub(super) fn secrets(&self, context: &Value) -> Vec<Secret> {
        self.key.text(context).into_iter().map(Secret::new).collect()
    }

    pub(super) fn template(&self) -> &Template {
        &self.key
    }
}
