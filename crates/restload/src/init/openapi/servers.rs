//! Where the API is: the document's first server, whose variables become the config's.

use serde_json::{Map, Value};
use std::fmt::Write as _;

use super::document::{list, text};
use crate::init::answers::address;
use crate::init::literal;
use crate::names;

/// The address of an API.
#[derive(Debug)]
pub(super) struct Server {
    /// As the config has it, with placeholders.
    pub(super) base_url: String,
    /// With the variables' values filled in.
    pub(super) filled: String,
    /// The variables, with their values and what is to be known of each.
    pub(super) vars: Vec<(String, Value, String)>,
    /// The document's other servers.
    pub(super) others: Vec<String>,
}

/// The server to ask. `given` is an address that takes its place.
pub(super) fn server(root: &Value, given: Option<&str>) -> Result<Server, String> {
    if let Some(given) = given {
        address(given).map_err(|reason| format!("`--base-url`: {reason}"))?;
        return Ok(Server {
            base_url: given.to_owned(),
            filled: given.to_owned(),
            vars: Vec::new(),
            others: Vec::new(),
        });
    }
    let servers = list(root, "servers");
    let Some(first) = servers.first() else {
        return Err("the document does not say where the API is; give `--base-url https://…`".to_owned());
    };
    let mut server = of_entry(first)?;
    let others = servers.iter().skip(1).filter_map(|other| text(other, "url"));
    server.others = others.map(str::to_owned).collect();
    Ok(server)
}

/// The address of one entry.
pub(super) fn of_entry(entry: &Value) -> Result<Server, String> {
    let template = text(entry, "url").unwrap_or_default();
    let variables = entry.get("variables").and_then(Value::as_object);
    let empty = Map::new();
    let variables = variables.unwrap_or(&empty);
    let mut server = Server {
        base_url: String::new(),
        filled: String::new(),
        vars: Vec::new(),
        others: Vec::new(),
    };
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        server.base_url.push_str(&literal(before));
        server.filled.push_str(before);
        let own = match names::identifier(name) {
            own if own.is_empty() => "server".to_owned(),
            own => own,
        };
        let variable = variables.get(name).unwrap_or(&Value::Null);
        let value = match variable.get("default") {
            Some(Value::String(value)) => value.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => {
                return Err(format!(
                    "its server `{template}` has a variable `{name}` without a value; give `--base-url https://…`"
                ));
            }
        };
        server.filled.push_str(&value);
        let _ = write!(server.base_url, "{{vars.{own}}}");
        if !server.vars.iter().any(|(known, _, _)| *known == own) {
            server.vars.push((own, value.into(), about(variable)));
        }
        rest = behind;
    }
    server.base_url.push_str(&literal(rest));
    server.filled.push_str(rest);
    match address(&server.filled) {
        Ok(_) => Ok(server),
        Err(_) if !server.filled.contains("://") => Err(format!(
            "the document says that the API is at `{template}` of the place that it was read from; give `--base-url https://…`"
        )),
        Err(reason) => Err(format!("its server: {reason}; give `--base-url https://…`")),
    }
}

fn about(variable: &Value) -> String {
    let choices: Vec<&str> = list(variable, "enum").iter().filter_map(Value::as_str).collect();
    let described = text(variable, "description").unwrap_or_default();
    match (described, choices.is_empty()) {
        ("", true) => "A part of the API's address.".to_owned(),
        (described, true) => described.to_owned(),
        ("", false) => format!("A part of the API's address: one of {}.", choices.join(", ")),
        (described, false) => format!("{described} (one of {})", choices.join(", ")),
    }
}
