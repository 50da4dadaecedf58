//! Credentials of a new config: each kind as a block to fill in, whose secrets stand elsewhere.

use serde_json::{Value, json};

use super::{Draft, SecretNote};

/// What is known of the credentials besides their kind.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct AuthOptions<'o> {
    /// Of `api_key`: what carries the key.
    pub(crate) key_name: Option<&'o str>,
    /// Of `api_key`: `header`, `query` or `cookie`.
    pub(crate) location: Option<&'o str>,
    /// Of the kinds that get a token elsewhere: where.
    pub(crate) token_url: Option<&'o str>,
    /// Where the token is taken to be got when that is not said.
    pub(crate) base_url: &'o str,
    /// Names that this pipeline's secrets begin with.
    pub(crate) prefix: &'o str,
}

/// A block of credentials.
pub(crate) struct AuthBlock {
    pub(crate) value: Value,
    /// What is to be known of it.
    pub(crate) comments: Vec<String>,
    pub(crate) secrets: Vec<SecretNote>,
    secret_files: Vec<String>,
}

impl AuthBlock {
    /// The block of a kind, which is one of the config's; none for `none`, and for what is no kind.
    pub(crate) fn new(kind: &str, options: AuthOptions<'_>) -> Option<Self> {
        let mut block = Self {
            value: Value::Null,
            comments: Vec::new(),
            secrets: Vec::new(),
            secret_files: Vec::new(),
        };
        block.value = match kind {
            "api_key" => block.api_key(options),
            "bearer" => {
                json!({ "type": kind, "token": block.secret(options, "token", "the token") })
            }
            "http_basic" | "http_digest" => json!({
                "type": kind,
                "username": block.secret(options, "username", "the user's name"),
                "password": block.secret(options, "password", "the user's password"),
            }),
            "oauth2_client_credentials" => json!({
                "type": kind,
                "access_token_url": block.token_url(options),
                "client_id": block.secret(options, "client_id", "the client's id"),
                "client_secret": block.secret(options, "client_secret", "the client's secret"),
            }),
            "oauth2_refresh_token" => block.refresh_token(options),
            "oauth2_jwt_bearer" => json!({
                "type": kind,
                "auth_endpoint": block.token_url(options),
                "client_id": block.secret(options, "client_id", "who asks, such as a service account"),
                "private_key": block.secret(options, "private_key", "the private key, in PEM"),
            }),
            "session_login" => block.session_login(options),
            _ => return None,
        };
        if !block.secrets.is_empty() {
            let variables: Vec<String> = block.secrets.iter().map(|secret| secret.name.to_uppercase()).collect();
            let places = format!(
                "Looked for in the environment ({}), .env, secrets.toml beside this file, and /run/secrets.",
                variables.join(", ")
            );
            block.comments.insert(0, places);
        }
        Some(block)
    }

    /// Puts the block's secrets and files into the draft, and its comments above a key.
    pub(crate) fn note_in(self, draft: &mut Draft, path: &str) -> Value {
        for comment in self.comments {
            draft.comments.above(path, comment);
        }
        for secret in self.secrets {
            if !draft.secrets.contains(&secret) {
                draft.secrets.push(secret);
            }
        }
        draft.secret_files.extend(self.secret_files);
        self.value
    }

    /// The placeholder of a secret.
    fn secret(&mut self, options: AuthOptions<'_>, ending: &str, about: &str) -> String {
        // `api_key` need not become `api_key_key`.
        let name = match options.prefix {
            prefix if prefix.ends_with(&format!("_{ending}")) => prefix.to_owned(),
            prefix => format!("{prefix}_{ending}"),
        };
        let placeholder = format!("{{secrets.{name}}}");
        let about = about.to_owned();
        self.secrets.push(SecretNote { name, about });
        placeholder
    }

    fn api_key(&mut self, options: AuthOptions<'_>) -> Value {
        if options.key_name.is_none() {
            self.comments.push(
                "The API's documentation says what carries the key; `location` is header, query or cookie.".to_owned(),
            );
        }
        let name = options.key_name.unwrap_or("X-Api-Key");
        let location = options.location.unwrap_or("header");
        json!({ "type": "api_key", "name": name, "api_key": self.secret(options, "key", "the key"), "location": location })
    }

    fn token_url(&mut self, options: AuthOptions<'_>) -> String {
        if let Some(address) = options.token_url {
            return address.to_owned();
        }
        self.comments
            .push("Where tokens are got is not known: the API's documentation names the address.".to_owned());
        let origin =
            url::Url::parse(options.base_url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
        format!("{origin}/oauth/token")
    }

    fn refresh_token(&mut self, options: AuthOptions<'_>) -> Value {
        self.comments
            .push("Tokens that the API gives out are kept in .restload-tokens.json beside this file.".to_owned());
        self.secret_files.push(".restload-tokens.json".to_owned());
        json!({
            "type": "oauth2_refresh_token",
            "access_token_url": self.token_url(options),
            "client_id": self.secret(options, "client_id", "the client's id"),
            "client_secret": self.secret(options, "client_secret", "the client's secret"),
            "refresh_token": self.secret(options, "refresh_token", "the refresh token that the user's consent gave"),
        })
    }

    fn session_login(&mut self, options: AuthOptions<'_>) -> Value {
        self.comments.push(
            "What the login takes and gives is the API's own: change `login`, `capture` and `placements` to what its \
             documentation says."
                .to_owned(),
        );
        json!({
            "type": "session_login",
            "login": {
                "path": "login",
                "json": {
                    "username": self.secret(options, "username", "the user's name"),
                    "password": self.secret(options, "password", "the user's password"),
                },
            },
            "capture": { "token": "token" },
            "placements": [{ "name": "Authorization", "value": "Bearer {session.token}" }],
        })
    }
}
