//! The file that a config is made from, and which kind of document it is.

use std::path::Path;

use restload_model::system_error;
use serde_json::Value;

use super::{Draft, dlt, openapi};
use crate::load::document::plain_value;

/// The config that follows from a file. An error says what is wrong with it.
pub(crate) fn draft_from(file: &Path, name: Option<&str>, base_url: Option<&str>) -> Result<Draft, String> {
    let shown = file.display();
    let bytes =
        std::fs::read(file).map_err(|error| format!("could not read {shown}: {}", system_error::in_words(&error)))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not a text in UTF-8"))?;
    let root = parse(&text).map_err(|reason| format!("{shown} is neither JSON nor YAML that can be read: {reason}"))?;
    let Some(members) = root.as_object() else {
        return Err(format!(
            "{shown} is no document that a config can be made from: it is not a map of keys"
        ));
    };
    let file_name = file
        .file_name()
        .map_or_else(|| shown.to_string(), |name| name.to_string_lossy().into_owned());
    if members.contains_key("openapi") {
        return openapi::draft(&root, &file_name, name, base_url).map_err(|reason| format!("{shown}: {reason}"));
    }
    if let Some(version) = members.get("swagger") {
        let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
        return Err(format!(
            "{shown} is a description in Swagger {version}, and only OpenAPI 3.0 and 3.1 can be read\n  help: a converter such as \
             `npx swagger2openapi {shown} -o openapi.yaml` makes one of it"
        ));
    }
    if members.contains_key("client") && members.contains_key("resources") {
        return dlt::draft(members, &file_name, name, base_url).map_err(|reason| format!("{shown}: {reason}"));
    }
    let keys: Vec<&str> = members.keys().map(String::as_str).take(6).collect();
    Err(format!(
        "{shown} is neither an OpenAPI document (it has no key `openapi`) nor a config of dlt (`client` and `resources`); its \
         keys are {}",
        keys.join(", ")
    ))
}

/// JSON is tried first: as YAML a large document takes long.
fn parse(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        match serde_json::from_str(text) {
            Ok(value) => return Ok(value),
            // YAML's flow style begins with a brace too.
            Err(error) => return plain_value(text).map_err(|_| error.to_string()),
        }
    }
    plain_value(text)
}
