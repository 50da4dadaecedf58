//! A config from a few answers: where the API is, how it knows who asks, and what is asked for first.

use std::io::{BufRead, Write};

use serde_json::{Map, json};
use url::Url;

use super::Draft;
use super::auth::{AuthBlock, AuthOptions};
use crate::names;

/// The kind of an API that wants no credentials.
pub(crate) const NO_AUTH: &str = "none";

/// What is known so far: of the command line, then of the person asked.
#[derive(Debug, Default, Clone)]
pub(crate) struct Answers {
    pub(crate) base_url: Option<String>,
    pub(crate) auth: Option<String>,
    pub(crate) key_name: Option<String>,
    pub(crate) key_location: Option<String>,
    pub(crate) token_url: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) name: Option<String>,
}

/// The kinds of credentials, with what each is.
pub(crate) const KINDS: [(&str, &str); 9] = [
    (NO_AUTH, "no credentials"),
    ("bearer", "a token, as `Authorization: Bearer TOKEN`"),
    ("api_key", "a key in a header, a parameter or a cookie"),
    ("http_basic", "a user's name and password"),
    ("http_digest", "the same, with a challenge"),
    ("oauth2_client_credentials", "a token for a client's id and secret"),
    (
        "oauth2_refresh_token",
        "a token for a refresh token that a user's consent gave",
    ),
    (
        "oauth2_jwt_bearer",
        "a token for a signed assertion, as service accounts have them",
    ),
    ("session_login", "a login, whose answer has a token or a cookie"),
];

impl Answers {
    /// The flags of what is needed and not known.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let needed = [
            ("--base-url", &self.base_url),
            ("--auth", &self.auth),
            ("--path", &self.path),
        ];
        needed
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(flag, _)| *flag)
            .collect()
    }

    /// Asks for what is not known. An answer that cannot be used is asked for again; the end of the input ends it.
    pub(crate) fn ask(&mut self, input: &mut impl BufRead, output: &mut impl Write) -> std::io::Result<()> {
        let mut asking = Asking { input, output };
        if self.base_url.is_none() {
            let question = "Where is the API? Its base URL, such as https://api.example.com/v1";
            self.base_url = Some(asking.ask(question, "", |text| address(text).map(|_| text.to_owned()))?);
        }
        if self.auth.is_none() {
            writeln!(asking.output, "How does it know who asks?")?;
            for (number, (kind, about)) in KINDS.iter().enumerate() {
                writeln!(asking.output, "  {} {kind:<26} {about}", number + 1)?;
            }
            self.auth = Some(asking.ask("A number or a name", NO_AUTH, kind_of)?);
        }
        let kind = self.auth.clone().unwrap_or_default();
        if kind == "api_key" && self.key_name.is_none() {
            let question = "What carries the key? The name of a header, a parameter or a cookie";
            self.key_name = Some(asking.ask(question, "X-Api-Key", some_text)?);
            let question = "Is that a header, a query parameter or a cookie?";
            self.key_location = Some(asking.ask(question, "header", |text| {
                ["header", "query", "cookie"]
                    .into_iter()
                    .find(|known| *known == text)
                    .map(str::to_owned)
                    .ok_or_else(|| "answer with header, query or cookie".to_owned())
            })?);
        }
        if kind.starts_with("oauth2_") && self.token_url.is_none() {
            let question = "Where are tokens got? A URL, such as https://auth.example.com/oauth/token";
            self.token_url = Some(asking.ask(question, "", |text| address(text).map(|_| text.to_owned()))?);
        }
        if self.path.is_none() {
            let question = "What is to be loaded first? A path below the base URL, such as orders";
            self.path = Some(asking.ask(question, "", |text| first_path(text).map(|_| text.to_owned()))?);
        }
        if self.name.is_none() {
            let proposed = self.base_url.as_deref().and_then(|text| address(text).ok());
            let proposed = proposed.map_or_else(|| "api".to_owned(), |url| names::of_address(&url));
            self.name = Some(asking.ask(
                "What is the pipeline called? Its file has that name",
                &proposed,
                pipeline_name,
            )?);
        }
        Ok(())
    }

    /// The config that follows; an error names the flag whose value cannot be used.
    pub(crate) fn draft(&self) -> Result<Draft, String> {
        let of = |flag: &str, reason: String| format!("`{flag}`: {reason}");
        let base_url = self.base_url.as_deref().unwrap_or_default();
        let url = address(base_url).map_err(|reason| of("--base-url", reason))?;
        let path = first_path(self.path.as_deref().unwrap_or_default()).map_err(|reason| of("--path", reason))?;
        if let Some(token_url) = &self.token_url {
            address(token_url).map_err(|reason| of("--token-url", reason))?;
        }
        let name = match &self.name {
            Some(name) => pipeline_name(name).map_err(|reason| of("--name", reason))?,
            None => names::of_address(&url),
        };
        let mut draft = Draft {
            origin: format!("{base_url} into SQLite or Postgres"),
            ..Draft::default()
        };
        let mut client = Map::new();
        client.insert("base_url".to_owned(), base_url.into());
        draft
            .comments
            .above("client.base_url", "What the paths below are joined to.");
        let options = AuthOptions {
            key_name: self.key_name.as_deref(),
            location: self.key_location.as_deref(),
            token_url: self.token_url.as_deref(),
            base_url,
            prefix: &names::identifier(&name),
        };
        if let Some(block) = AuthBlock::new(self.auth.as_deref().unwrap_or(NO_AUTH), options) {
            let value = block.note_in(&mut draft, "client.auth");
            client.insert("auth".to_owned(), value);
        } else {
            draft.comments.below(
                "client",
                "The API is asked without credentials: restload explain client.auth",
            );
        }
        let resource = names::of_path(&path);
        draft.config.insert("name".to_owned(), name.clone().into());
        draft.config.insert("client".to_owned(), client.into());
        draft.config.insert(
            "resources".to_owned(),
            json!([{ "name": resource, "write_disposition": "replace", "endpoint": { "path": path } }]),
        );
        draft
            .comments
            .above("name", "Under this name the database keeps what has been loaded.");
        draft.comments.above(
            "resources[0].name",
            format!("The table {resource}; a resource is a name, and what is asked for."),
        );
        draft.comments.above(
            "resources[0].write_disposition",
            "Every run takes the place of the rows of the one before. With a `primary_key`, `merge` updates them instead.",
        );
        let endpoint = "resources[0].endpoint";
        draft.comments.below(
            endpoint,
            "Where the records are in an answer, and how pages follow each other, belongs here: `discover` finds it out. \
             Until then only what leaves no doubt is loaded, and anything else is an error.",
        );
        draft.comments.code_below(endpoint, "data_selector: data");
        draft.comments.code_below(
            endpoint,
            "paginator: { type: page_number, base_page: 1, page_param: page }",
        );
        draft.name = name;
        Ok(draft)
    }
}

/// Questions, on a terminal.
struct Asking<'t, I, O> {
    input: &'t mut I,
    output: &'t mut O,
}

impl<I: BufRead, O: Write> Asking<'_, I, O> {
    fn ask(
        &mut self,
        question: &str,
        usual: &str,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> std::io::Result<String> {
        loop {
            match usual {
                "" => write!(self.output, "{question}: ")?,
                usual => write!(self.output, "{question} [{usual}]: ")?,
            }
            self.output.flush()?;
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                writeln!(self.output)?;
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim();
            match read(if line.is_empty() { usual } else { line }) {
                Ok(answer) => return Ok(answer),
                Err(reason) => writeln!(self.output, "  {reason}")?,
            }
        }
    }
}

/// A kind by its name, or by its number in the list.
pub(crate) fn kind_of(text: &str) -> Result<String, String> {
    let by_number = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let known = by_number.and_then(|index| KINDS.get(index));
    let known = known.or_else(|| KINDS.iter().find(|(kind, _)| *kind == text));
    known.map(|(kind, _)| (*kind).to_owned()).ok_or_else(|| {
        let near = restload_model::diagnostics::did_you_mean(text, KINDS.iter().map(|(kind, _)| *kind));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("`{text}` is no kind of credentials{near}")
    })
}

fn some_text(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it cannot be empty".to_owned());
    }
    Ok(text.to_owned())
}

/// The address of an API.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let example = "write it like https://api.example.com/v1";
    if text.contains(['{', '}']) {
        return Err(format!(
            "`{text}` has braces in it; {example}, and put placeholders into the config"
        ));
    }
    let url = Url::parse(text).map_err(|_| match text {
        "" => example.to_owned(),
        _ => format!("`{text}` is no URL; {example}"),
    })?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{text}` is no address of an API; {example}"));
    }
    // Neither is repeated in the message: it may be a secret.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into the URL; choose a kind such as http_basic".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL ends with its path; what stands after ? or # belongs to a resource".to_owned());
    }
    Ok(url)
}

/// A path below the base URL, without its first slash.
fn first_path(text: &str) -> Result<String, String> {
    let path = text.trim_start_matches('/');
    if path.is_empty() {
        return Err("write a path below the base URL, such as orders".to_owned());
    }
    if path.contains(['{', '}']) {
        return Err("begin with a list that needs no placeholder; its children come later".to_owned());
    }
    if path.contains("://") {
        return Err("write what stands behind the base URL, such as orders".to_owned());
    }
    Ok(path.to_owned())
}

fn pipeline_name(text: &str) -> Result<String, String> {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    if text.is_empty()
        || text.starts_with(['.', '-'])
        || !text.chars().all(is_part)
        || names::identifier(text).is_empty()
    {
        return Err("a name has letters, digits, `_` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_config_is_offered() {
        let mut offered: Vec<&str> = KINDS
            .iter()
            .map(|(kind, _)| *kind)
            .filter(|kind| *kind != NO_AUTH)
            .collect();
        offered.sort_unstable();
        // A login needs more than its name in a config; here what it needs is asked for.
        assert_eq!(
            offered,
            [restload_source::auth::NAMES.as_slice(), &["session_login"]].concat()
        );
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again() {
        let mut answers = Answers {
            path: Some("orders".to_owned()),
            ..Answers::default()
        };
        let mut said = Vec::new();
        let typed =
            "api.shop.example\nhttps://me:pw@shop.example\nhttps://api.shop.example/v1\napikey\n3\n\nbody\nquery\n\n";
        answers.ask(&mut typed.as_bytes(), &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        insta::assert_snapshot!(said.replace(": ", ":\n"), @r"
        Where is the API? Its base URL, such as https://api.example.com/v1:
          `api.shop.example` is no URL; write it like https://api.example.com/v1
        Where is the API? Its base URL, such as https://api.example.com/v1:
          credentials do not belong into the URL; choose a kind such as http_basic
        Where is the API? Its base URL, such as https://api.example.com/v1:
        How does it know who asks?
          1 none                       no credentials
          2 bearer                     a token, as `Authorization:
        Bearer TOKEN`
          3 api_key                    a key in a header, a parameter or a cookie
          4 http_basic                 a user's name and password
          5 http_digest                the same, with a challenge
          6 oauth2_client_credentials  a token for a client's id and secret
          7 oauth2_refresh_token       a token for a refresh token that a user's consent gave
          8 oauth2_jwt_bearer          a token for a signed assertion, as service accounts have them
          9 session_login              a login, whose answer has a token or a cookie
        A number or a name [none]:
          `apikey` is no kind of credentials; did you mean `api_key`?
        A number or a name [none]:
        What carries the key? The name of a header, a parameter or a cookie [X-Api-Key]:
        Is that a header, a query parameter or a cookie? [header]:
          answer with header, query or cookie
        Is that a header, a query parameter or a cookie? [header]:
        What is the pipeline called? Its file has that name [shop]:
        ");
        assert_eq!(answers.name.as_deref(), Some("shop"));
        assert_eq!(answers.auth.as_deref(), Some("api_key"));
        assert_eq!(answers.key_location.as_deref(), Some("query"));
        let ended = Answers::default().ask(&mut "".as_bytes(), &mut Vec::new());
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
}
