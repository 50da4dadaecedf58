//! A config from an OpenAPI 3 document: its lists become resources. Nothing is requested, so what is not written in the
//! document is guessed by names, and each guess says why; what cannot be guessed is left out, and says so.

mod document;
mod lists;
mod operations;
mod paging;
mod parents;
mod records;
mod resources;
mod security;
mod servers;

use serde_json::{Map, Value, json};

use super::{Draft, literal};
use crate::names;
use crate::summary::count;
use document::{Document, text};
use lists::{Listed, lists};
use operations::{Operation, operations};
use resources::{Building, Vars, shortened};
use security::{Requirement, requirement, scheme, security};
use servers::server;

/// Reasons for what is left out that are listed; a large API has hundreds.
const MOST_LEFT_OUT: usize = 200;

/// The config of a document, which was read from this file. An error says what the document lacks.
pub(crate) fn draft(root: &Value, file: &str, name: Option<&str>, base_url: Option<&str>) -> Result<Draft, String> {
    let version = text(root, "openapi").unwrap_or_default();
    if !(version.starts_with("3.0") || version.starts_with("3.1")) {
        return Err(format!("`openapi` is `{version}`, and only 3.0 and 3.1 can be read"));
    }
    let title = root.pointer("/info/title").and_then(Value::as_str).unwrap_or("an API");
    let server = server(root, base_url)?;
    let document = Document::new(root);
    let (operations, others, mut left_out) = operations(&document);
    let (lists, no_lists) = lists(&document, operations);
    left_out.extend(no_lists);
    if lists.is_empty() {
        return Err(match left_out.as_slice() {
            [] => "the document has no GET operation, so there is nothing to load".to_owned(),
            reasons => format!(
                "no GET operation of the document answers with a list\n  {}",
                reasons.iter().take(10).cloned().collect::<Vec<_>>().join("\n  ")
            ),
        });
    }
    let named = || match names::of_title(title) {
        name if name.is_empty() || title == "an API" => {
            url::Url::parse(&server.filled).map_or_else(|_| "api".to_owned(), |url| names::of_address(&url))
        }
        name => name,
    };
    let name = name.map_or_else(named, str::to_owned);
    let of_version = root.pointer("/info/version").and_then(Value::as_str);
    let mut draft = Draft {
        origin: format!(
            "made from {file}, the description of {}{}. What follows from names is a guess, under its reason.",
            shortened(title),
            of_version
                .map(|version| format!(" {}", shortened(version)))
                .unwrap_or_default(),
        ),
        name: name.clone(),
        ..Draft::default()
    };
    let mut vars = Vars(server.vars.clone());
    let mut client = Map::new();
    client.insert("base_url".to_owned(), server.base_url.clone().into());
    if !server.others.is_empty() {
        let others: Vec<String> = server.others.iter().take(5).map(|other| shortened(other)).collect();
        draft.comments.above(
            "client.base_url",
            format!("The first of the document's servers; it also has {}", others.join(", ")),
        );
    }
    let prefix = names::identifier(&name);
    let (client_auth, defaults) =
        client_credentials(&document, &lists, &server.filled, &prefix, &mut client, &mut draft);
    let mut building = Building {
        document: &document,
        comments: &mut draft.comments,
        vars: &mut vars,
        guessed_bases: 0,
        without_selector: 0,
    };
    let mut resources = building.resources(&lists);
    let (guessed_bases, without_selector) = (building.guessed_bases, building.without_selector);
    for (place, list) in lists.iter().enumerate() {
        own_credentials(
            &document,
            list,
            &client_auth,
            &server.filled,
            &prefix,
            (&mut resources[place], place),
            &mut draft,
        );
    }
    draft.config.insert("name".to_owned(), name.into());
    if !vars.0.is_empty() {
        let mut values = Map::new();
        for (var, value, about) in vars.0 {
            if !about.is_empty() {
                draft.comments.above(format!("vars.{var}"), about);
            }
            values.insert(var, value);
        }
        draft.config.insert("vars".to_owned(), values.into());
    }
    draft.config.insert("client".to_owned(), client.into());
    if !defaults.is_empty() {
        draft.config.insert(
            "resource_defaults".to_owned(),
            json!({ "endpoint": { "params": defaults } }),
        );
    }
    note_left_out(&mut draft, &left_out, others);
    note_guesses(&mut draft, &resources, left_out.len(), guessed_bases, without_selector);
    draft.config.insert("resources".to_owned(), resources.into());
    Ok(draft)
}

/// The credentials of most lists, as the client's; further keys that go along become headers and parameters.
fn client_credentials(
    document: &Document<'_>,
    lists: &[Listed<'_>],
    base_url: &str,
    prefix: &str,
    client: &mut Map<String, Value>,
    draft: &mut Draft,
) -> (Requirement, Map<String, Value>) {
    let of_lists: Vec<&Operation<'_>> = lists.iter().map(|list| &list.operation).collect();
    let found = security(document, &of_lists, base_url);
    for remark in &found.remarks {
        draft.comments.below("client", remark.as_str());
        draft.remarks.push(format!("credentials: {remark}"));
    }
    let mut defaults = Map::new();
    let mut headers = Map::new();
    for (place, name) in keys_last(document, &found.client, base_url).into_iter().enumerate() {
        let Ok(scheme) = scheme(document, name, base_url) else {
            continue;
        };
        let is_first = place == 0;
        let own_prefix = if is_first {
            prefix.to_owned()
        } else {
            format!("{prefix}_{}", names::identifier(name))
        };
        let Some(block) = scheme.block(base_url, &own_prefix) else {
            continue;
        };
        if is_first {
            let value = block.note_in(draft, "client.auth");
            client.insert("auth".to_owned(), value);
            continue;
        }
        let Some((key_name, location)) = scheme.key().map(|(name, location)| (literal(name), location)) else {
            let remark = format!("`{name}` goes along with the other credentials, which a config cannot say");
            draft.remarks.push(format!("credentials: {remark}"));
            draft.comments.below("client", remark);
            continue;
        };
        let (into, at) = match location {
            "query" => (&mut defaults, format!("resource_defaults.endpoint.params.{key_name}")),
            _ => (&mut headers, format!("client.headers.{key_name}")),
        };
        let value = block.note_in(draft, &at);
        into.insert(key_name, value["api_key"].clone());
    }
    if !headers.is_empty() {
        client.insert("headers".to_owned(), headers.into());
    }
    (found.client, defaults)
}

/// The credentials of a list that are not those of the client.
fn own_credentials(
    document: &Document<'_>,
    list: &Listed<'_>,
    client: &Requirement,
    base_url: &str,
    prefix: &str,
    (resource, place): (&mut Value, usize),
    draft: &mut Draft,
) {
    // What the client sends does no harm where nothing is asked for.
    let own = requirement(document, &list.operation, base_url, Some(client), &mut Vec::new());
    let Some(own) = own.filter(|own| !own.is_empty() && own != client) else {
        return;
    };
    let at = format!("resources[{place}].endpoint");
    let mut has_auth = false;
    for name in keys_last(document, &own, base_url) {
        let Ok(scheme) = scheme(document, name, base_url) else {
            continue;
        };
        let is_clients = keys_last(document, client, base_url).first() == Some(&name);
        if is_clients && !has_auth {
            // The client's own credentials are sent, whatever goes along.
            has_auth = true;
            continue;
        }
        let own_prefix = format!("{prefix}_{}", names::identifier(name));
        let Some(block) = scheme.block(base_url, own_prefix.trim_end_matches('_')) else {
            continue;
        };
        if !has_auth {
            resource["endpoint"]["auth"] = block.note_in(draft, &format!("{at}.auth"));
            has_auth = true;
            continue;
        }
        let Some((key_name, location)) = scheme.key().map(|(name, location)| (literal(name), location)) else {
            let remark =
                format!("`{name}` of the document goes along with its other credentials, which a config cannot say");
            draft.comments.below(&at, remark);
            continue;
        };
        let into = if location == "query" { "params" } else { "headers" };
        let value = block.note_in(draft, &format!("{at}.{into}.{key_name}"));
        resource["endpoint"][into][&key_name] = value["api_key"].clone();
    }
}

/// The schemes that are needed together, those first that can only be `auth`: a key can be a header or a parameter, too.
fn keys_last<'r>(document: &Document<'_>, all: &'r Requirement, base_url: &str) -> Vec<&'r String> {
    let mut names: Vec<&String> = all.iter().collect();
    names.sort_by_key(|name| scheme(document, name, base_url).is_ok_and(|scheme| scheme.key().is_some()));
    names
}

/// Says at the end of the config what of the document is not in it.
fn note_left_out(draft: &mut Draft, left_out: &[String], others: usize) {
    if !left_out.is_empty() {
        draft.comments.below("", "Left out of the document:");
        for reason in left_out.iter().take(MOST_LEFT_OUT) {
            draft.comments.below("", format!("- {reason}"));
        }
        if left_out.len() > MOST_LEFT_OUT {
            let more = left_out.len() - MOST_LEFT_OUT;
            draft.comments.below("", format!("- and {more} more"));
        }
    }
    if others > 0 {
        let others = count(others as u64, "operation");
        draft.comments.below(
            "",
            format!("Left out too: {others} by POST, PUT, PATCH or DELETE, which change something."),
        );
    }
}

/// What a person should look at, for the terminal.
fn note_guesses(
    draft: &mut Draft,
    resources: &[Value],
    left_out: usize,
    guessed_bases: usize,
    without_selector: usize,
) {
    let waiting: Vec<&str> = resources
        .iter()
        .filter(|resource| resource.get("selected").is_some())
        .filter_map(|resource| resource.get("name")?.as_str())
        .collect();
    if left_out > 0 {
        let (are, each) = if left_out == 1 {
            ("is", "with the reason")
        } else {
            ("are", "each with a reason")
        };
        draft.remarks.push(format!(
            "{} {are} left out, {each} at the end of the config",
            count(left_out as u64, "GET operation")
        ));
    }
    if !waiting.is_empty() {
        let shown: Vec<&str> = waiting.iter().copied().take(6).collect();
        let more = if waiting.len() > shown.len() { ", …" } else { "" };
        draft.remarks.push(format!(
            "{} when values of `vars` are given: {}{more}",
            if waiting.len() == 1 {
                "1 resource is loaded".to_owned()
            } else {
                format!("{} resources are loaded", waiting.len())
            },
            shown.join(", ")
        ));
    }
    if guessed_bases > 0 {
        draft.remarks.push(format!(
            "{} from 1, which the document does not say: look with `restload discover`",
            if guessed_bases == 1 {
                "1 paginator counts".to_owned()
            } else {
                format!("{guessed_bases} paginators count")
            }
        ));
    }
    if without_selector > 0 {
        draft.remarks.push(format!(
            "{} no `data_selector`: look for `left out` in the config",
            if without_selector == 1 {
                "1 resource has".to_owned()
            } else {
                format!("{without_selector} resources have")
            }
        ));
    }
}
