//! How the API knows who asks: the document's security schemes as kinds of credentials.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::document::{Document, text};
use super::operations::Operation;
use crate::init::auth::{AuthBlock, AuthOptions};

/// The schemes of a request: all of them are needed. None where no credentials are.
pub(super) type Requirement = Vec<String>;

/// A scheme in the words of a config.
pub(super) struct Scheme {
    pub(super) kind: &'static str,
    key_name: Option<String>,
    location: Option<&'static str>,
    token_url: Option<String>,
    /// Scopes of the token, for those who need them.
    scopes: Vec<String>,
    pub(super) reason: String,
}

/// What the document asks for, of which the commonest is the client's.
pub(super) struct Security {
    pub(super) client: Requirement,
    pub(super) remarks: Vec<String>,
}

/// The requirement that most operations have.
pub(super) fn security<'d>(document: &Document<'d>, operations: &[&Operation<'d>], base_url: &str) -> Security {
    let mut remarks = Vec::new();
    let mut counted: BTreeMap<Requirement, usize> = BTreeMap::new();
    for operation in operations {
        if let Some(requirement) = requirement(document, operation, base_url, None, &mut remarks)
            && !requirement.is_empty()
        {
            *counted.entry(requirement).or_default() += 1;
        }
    }
    remarks.sort();
    remarks.dedup();
    let most = counted.values().max().copied();
    let client = counted.into_iter().find(|(_, count)| Some(*count) == most);
    Security {
        client: client.map(|(requirement, _)| requirement).unwrap_or_default(),
        remarks,
    }
}

/// What an operation asks for: of its alternatives that of the client, where it is one of them, else the first that a
/// config can say. None where the document says nothing.
pub(super) fn requirement<'d>(
    document: &Document<'d>,
    operation: &Operation<'d>,
    base_url: &str,
    client: Option<&Requirement>,
    remarks: &mut Vec<String>,
) -> Option<Requirement> {
    let of_root = || {
        document
            .root
            .get("security")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
    };
    let alternatives = operation.security.or_else(of_root)?;
    let mut first: Option<Requirement> = None;
    for alternative in alternatives.iter().filter_map(Value::as_object) {
        let names: Requirement = alternative.keys().cloned().collect();
        let mut is_known = true;
        for name in &names {
            if let Err(reason) = scheme(document, name, base_url) {
                remarks.push(format!("the credentials `{name}` are left out: {reason}"));
                is_known = false;
            }
        }
        if !is_known {
            continue;
        }
        if client == Some(&names) {
            return Some(names);
        }
        if first.as_ref().is_none_or(Vec::is_empty) {
            first = Some(names);
        }
    }
    if alternatives.is_empty() {
        return Some(Vec::new());
    }
    first
}

/// A scheme of the document in the words of a config; an error says why it has no such words.
pub(super) fn scheme(document: &Document<'_>, name: &str, base_url: &str) -> Result<Scheme, String> {
    let schemes = document.root.pointer("/components/securitySchemes");
    let written = schemes
        .and_then(|schemes| schemes.get(name))
        .ok_or("the document does not describe them")?;
    let written = document.follow(written)?;
    let mut scheme = Scheme {
        kind: "bearer",
        key_name: None,
        location: None,
        token_url: None,
        scopes: Vec::new(),
        reason: String::new(),
    };
    let kind = text(written, "type").unwrap_or_default();
    match kind {
        "apiKey" => {
            scheme.kind = "api_key";
            scheme.key_name = text(written, "name").map(str::to_owned);
            scheme.location = match text(written, "in") {
                Some("query") => Some("query"),
                Some("cookie") => Some("cookie"),
                _ => Some("header"),
            };
            scheme.reason = format!("`{name}` of the document: a key");
        }
        "http" => {
            let way = text(written, "scheme").unwrap_or_default().to_lowercase();
            scheme.kind = match way.as_str() {
                "bearer" => "bearer",
                "basic" => "http_basic",
                "digest" => "http_digest",
                other => return Err(format!("restload does not know the HTTP scheme `{other}`")),
            };
            scheme.reason = format!("`{name}` of the document: HTTP {way}");
        }
        "oauth2" => oauth2(written, name, base_url, &mut scheme),
        "openIdConnect" => {
            scheme.reason = format!("`{name}` of the document: OpenID Connect; a token that was got by hand is sent");
        }
        "mutualTLS" => return Err("client certificates cannot be given in a config".to_owned()),
        other => return Err(format!("the document has the kind `{other}` for them, which is none")),
    }
    Ok(scheme)
}

fn oauth2(written: &Value, name: &str, base_url: &str, scheme: &mut Scheme) {
    let flows = match written.get("flows") {
        Some(flows) => flows,
        None => &Value::Null,
    };
    let address = |flow: &Value, key: &str| {
        let written = text(flow, key)?;
        let joined = Url::parse(base_url).and_then(|base| base.join(written));
        joined.or_else(|_| Url::parse(written)).ok().map(|url| url.to_string())
    };
    let scopes = |flow: &Value| {
        let scopes = flow.get("scopes").and_then(Value::as_object);
        scopes
            .map(|scopes| scopes.keys().cloned().collect())
            .unwrap_or_default()
    };
    if let Some(flow) = flows.get("clientCredentials") {
        scheme.kind = "oauth2_client_credentials";
        scheme.token_url = address(flow, "tokenUrl");
        scheme.scopes = scopes(flow);
        scheme.reason = format!("`{name}` of the document: OAuth 2 with client credentials");
    } else if let Some(flow) = flows.get("authorizationCode") {
        scheme.kind = "oauth2_refresh_token";
        scheme.token_url = address(flow, "refreshUrl").or_else(|| address(flow, "tokenUrl"));
        scheme.scopes = scopes(flow);
        scheme.reason = format!(
            "`{name}` of the document: OAuth 2 by a user's consent, which a browser has to ask for once; it gives the refresh token"
        );
    } else {
        let way = flows
            .as_object()
            .and_then(|flows| flows.keys().next())
            .map_or("no known", String::as_str);
        scheme.reason = format!(
            "`{name}` of the document: OAuth 2 with the {way} flow, which takes a person; a token that was got by hand is sent"
        );
    }
}

impl Scheme {
    /// The block of the config.
    pub(super) fn block(&self, base_url: &str, prefix: &str) -> Option<AuthBlock> {
        let options = AuthOptions {
            key_name: self.key_name.as_deref(),
            location: self.location,
            token_url: self.token_url.as_deref(),
            base_url,
            prefix,
        };
        let mut block = AuthBlock::new(self.kind, options)?;
        block.comments.insert(0, self.reason.clone());
        if !self.scopes.is_empty() {
            let scopes = crate::yaml::flow(&self.scopes.join(" ").into());
            block.comments.push(format!(
                "Scopes, where they have to be asked for: access_token_request_data: {{ scope: {scopes} }}"
            ));
        }
        Some(block)
    }

    /// The name and place of a key that goes along with other credentials.
    pub(super) fn key(&self) -> Option<(&str, &'static str)> {
        Some((self.key_name.as_deref()?, self.location?))
    }
}
