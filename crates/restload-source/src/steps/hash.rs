//! `hash`: replaces fields by digests.

use hmac::{Hmac, KeyInit, Mac};
use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Misfit;
use super::field::Field;
use crate::template::Template;

/// Replace fields by the SHA-256 digests of their values, in hexadecimal, so that rows can be counted and joined by a
/// person without naming her. A text is digested as it is, anything else as compact JSON; null stays null. Few
/// possible values, such as phone numbers, can be found again by trying them all: give a `salt`.
///
/// ```yaml
/// processing_steps: [ { hash: { fields: [email, user.phone], salt: "{secrets.pseudonym_salt}" } } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashConfig {
    /// The fields. `user.email` is a field within an object, or within every object of a list.
    pub fields: Vec<String>,
    /// A secret that the digests depend on: they are HMAC-SHA-256 with it as the key. It must stay the same, or the
    /// same value has another digest.
    #[serde(default)]
    pub salt: Option<String>,
    /// Put one digest, of the JSON list of the fields' values, into this field, and leave the fields as they are: a key
    /// for records that have none.
    #[serde(default, rename = "as")]
    pub digest_field: Option<String>,
}

#[derive(Debug)]
pub(super) struct Hash {
    fields: Vec<Field>,
    salt: Option<Template>,
    /// Keyed where there is a salt; cloned for every value.
    keyed: Option<Hmac<Sha256>>,
    digest_field: Option<Field>,
}

impl HashConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Hash> {
        if self.fields.is_empty() {
            diagnostics.error(&path.key("fields"), "`fields` names no field");
            return None;
        }
        let salt = match &self.salt {
            None => None,
            Some(text) => Some(Template::compile(text, &[], &path.key("salt"), diagnostics)?),
        };
        Some(Hash {
            fields: self.fields.iter().map(|name| Field::new(name)).collect(),
            salt,
            keyed: None,
            digest_field: self.digest_field.as_deref().map(Field::new),
        })
    }
}

impl Hash {
    pub(super) fn salt(&self) -> Option<&Template> {
        self.salt.as_ref()
    }

    pub(super) fn bind(&mut self, context: &Computed, diagnostics: &mut Diagnostics) {
        let Some(template) = &self.salt else { return };
        match template.text(context) {
            Ok(salt) if salt.is_empty() => {
                diagnostics.error(template.path(), "the salt is empty, which is as good as none");
            }
            Ok(salt) => self.keyed = Hmac::new_from_slice(salt.as_bytes()).ok(),
            Err(error) => diagnostics.error(template.path(), error),
        }
    }

    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Result<Value<'a>, Misfit> {
        let Some(target) = &self.digest_field else {
            for field in &self.fields {
                let changed: Result<(), std::convert::Infallible> = field.change(&mut record, &mut |value| {
                    if !value.is_null() {
                        *value = Value::Text(self.digest(value.to_text().as_bytes()).into());
                    }
                    Ok(())
                });
                let Ok(()) = changed;
            }
            return Ok(record);
        };
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let before = values.len();
            let collected: Result<(), std::convert::Infallible> = field.change(&mut record, &mut |value| {
                values.push(value.clone());
                Ok(())
            });
            let Ok(()) = collected;
            // A missing field counts as null, so that the others keep their places.
            if values.len() == before {
                values.push(Value::Null);
            }
        }
        let digest = self.digest(Value::List(values).to_json().as_bytes());
        if let Value::Object(members) = &mut record {
            target.set(members, Value::Text(digest.into()))?;
        }
        Ok(record)
    }

    fn digest(&self, bytes: &[u8]) -> String {
        let digest = match &self.keyed {
            Some(keyed) => keyed.clone().chain_update(bytes).finalize().into_bytes(),
            None => Sha256::digest(bytes),
        };
        let mut text = String::with_capacity(64);
        for byte in digest {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or_default());
        }
        text
    }
}
