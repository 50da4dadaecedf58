//! Where the values of a session go: the placements that session logins and token requests share.

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApplyError;
use super::api_key::Location;
use crate::request::Request;
use crate::template::Template;

/// A value that is placed on every request.
///
/// ```yaml
/// placements:
///   - { name: X-Access-Token, value: "{session.access_token}" }
///   - { name: sid, value: "{session.sid}", location: cookie }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacementConfig {
    /// Name of the header, query parameter or cookie.
    #[serde(default = "default_name")]
    pub name: String,
    /// The value. Placeholders may refer to what was captured, as `{session.NAME}`, and to `vars`, `env` and `secrets`.
    pub value: String,
    /// Where the value goes.
    #[serde(default)]
    pub location: Location,
}

fn default_name() -> String {
    "Authorization".to_owned()
}

impl PlacementConfig {
    /// What OAuth2 asks for: `Authorization: Bearer TOKEN`.
    pub(super) fn bearer() -> Vec<Self> {
        vec![Self {
            name: default_name(),
            value: "Bearer {session.access_token}".to_owned(),
            location: Location::Header,
        }]
    }
}

/// A compiled placement.
#[derive(Debug)]
pub(super) struct Placement {
    name: String,
    value: Template,
    location: Location,
}

/// A placement whose value is known.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    name: String,
    value: Secret,
    location: Location,
}

impl Placement {
    /// Compiles placements; `captured` are the names that they can refer to.
    pub(super) fn compile_all(
        configs: &[PlacementConfig],
        captured: &[&str],
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Self>> {
        let compiled: Vec<Option<Self>> = configs
            .iter()
            .enumerate()
            .map(|(index, config)| Self::compile(config, captured, &path.index(index), diagnostics))
            .collect();
        compiled.into_iter().collect()
    }

    fn compile(
        config: &PlacementConfig,
        captured: &[&str],
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let is_named = config.location.check_name(&config.name, &path.key("name"), diagnostics);
        let value_path = path.key("value");
        let value = Template::compile(&config.value, &["session"], &value_path, diagnostics)?;
        let mut is_known = true;
        for name in value
            .variables()
            .filter_map(|variable| variable.strip_prefix("session."))
        {
            if !captured.contains(&name) {
                is_known = false;
                let help = match did_you_mean(name, captured.iter().copied()) {
                    Some(near) => format!("did you mean `{{session.{near}}}`?"),
                    None => format!("captured are: {}", captured.join(", ")),
                };
                diagnostics.error_with_help(&value_path, format_args!("`{name}` is not captured"), help);
            }
        }
        (is_named && is_known).then(|| Self {
            name: config.name.clone(),
            value,
            location: config.location,
        })
    }

    /// The placement with its value.
    pub(super) fn place(&self, context: &Value) -> Result<Placed, ApplyError> {
        Ok(Placed {
            name: self.name.clone(),
            value: Secret::new(self.value.text(context)?),
            location: self.location,
        })
    }

    pub(super) fn template(&self) -> &Template {
        &self.value
    }
}

impl Placed {
    pub(super) fn put_on(&self, request: &mut Request) -> Result<(), ApplyError> {
        self.location.put(&self.name, self.value.expose(), request)
    }

    pub(super) fn value(&self) -> &Secret {
        &self.value
    }
}
