//! Writes exchanges down as they come.
//!
//! Each is in the file before the next one begins, so that a run that is killed leaves what came until then; an empty
//! line after an exchange says that it is whole, and the line `outcome` at the end that the recording is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use restload_model::secret::{MASK, Redactor, SHORTEST_SECRET, Secret};
use serde_json::{Map, Value};

use crate::exchange::{Answer, Asked, Outcome, gzip};
use crate::pseudonym::pseudonym;
use crate::script::{BODIES, SCRIPT, STATE, StoredState};
use crate::yaml;

/// Longer bodies stand in files of their own.
const LONGEST_INLINE: usize = 4 << 10;

const HEADING: &str = "\
# Recorded by restload, with secrets replaced. `restload test` and `restload run --replay` read it; what the keys mean is
# in docs/testing-configs.md.
";

/// Headers of answers that are about the connection or the moment, or that nothing reads.
const LEFT_OUT: [&str; 12] = [
    "alt-svc",
    "authentication-info",
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
];

/// Members of a login's answer that are shown; whatever else is a text may be a credential.
const HARMLESS: [&str; 5] = ["token_type", "scope", "error", "error_description", "error_uri"];

/// What is said of a run before its exchanges.
#[derive(Debug, Default)]
pub struct Head {
    /// The pipeline's name.
    pub pipeline: String,
    /// The moment it started, ISO 8601.
    pub started_at: String,
    /// The arguments that change what is asked for.
    pub args: Vec<String>,
    /// Values of `vars` that are not the config's.
    pub vars: Map<String, Value>,
    /// The variables of the environment that the config asked for.
    pub env: BTreeMap<String, String>,
    /// The secrets that it asked for.
    pub secrets: BTreeMap<String, Secret>,
    /// Addresses that others take the place of: a simulator's.
    pub addresses: Vec<(String, String)>,
}

/// Why nothing can be recorded in a folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is a recording in it.
    #[error("there is a recording in {} already", .0.display())]
    Occupied(PathBuf),
    /// It cannot be written.
    #[error("{} cannot be written: {source}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What an exchange was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Records.
    Page,
    /// Credentials. Of an answer that could not be read nobody knows what in it is one.
    Login {
        /// Whether the redactor knows what it gave.
        is_read: bool,
    },
}

/// Writes a recording.
pub struct Recorder {
    folder: PathBuf,
    translate: Arc<dyn Fn(&str) -> String + Send + Sync>,
    writing: Mutex<Writing>,
}

struct Writing {
    file: File,
    exchanges: u64,
    state: Vec<StoredState>,
    /// The first failure; nothing is written after it.
    failure: Option<RecordError>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins a recording. One that is there already is an error, or is removed.
    pub fn create(folder: &Path, head: &Head, redactor: &Redactor, overwrites: bool) -> Result<Self, RecordError> {
        let script = folder.join(SCRIPT);
        let at = |file: &Path| {
            let file = file.to_owned();
            move |source| RecordError::Unwritable { file, source }
        };
        let bodies = folder.join(BODIES);
        let own = [&script, &bodies, &folder.join(STATE)];
        if own.iter().any(|path| path.exists()) {
            if !overwrites {
                return Err(RecordError::Occupied(folder.to_owned()));
            }
            for path in own.into_iter().filter(|path| path.exists()) {
                let removed = if path.is_dir() {
                    std::fs::remove_dir_all(path)
                } else {
                    std::fs::remove_file(path)
                };
                removed.map_err(at(path))?;
            }
        }
        make_folder(folder).map_err(at(folder))?;
        let addresses = head.addresses.clone();
        let redactor = redactor.clone();
        let translate = move |text: &str| {
            let mut text = redactor.substitute(text, pseudonym);
            for (given, written) in &addresses {
                if text.contains(given.as_str()) {
                    text = text.replace(given.as_str(), written);
                }
            }
            text
        };
        let mut file = create_file(&script).map_err(at(&script))?;
        file.write_all(written_head(head, &translate).as_bytes())
            .map_err(at(&script))?;
        Ok(Self {
            folder: folder.to_owned(),
            translate: Arc::new(translate),
            writing: Mutex::new(Writing {
                file,
                exchanges: 0,
                state: Vec::new(),
                failure: None,
            }),
        })
    }

    /// Keeps what the destination has stored of the resources before the run, beside what was kept so far.
    pub fn keep_state(&self, state: impl IntoIterator<Item = StoredState>) {
        let path = self.folder.join(STATE);
        let text = {
            let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let known = writing.state.len();
            writing.state.extend(state);
            if writing.state.len() == known {
                return;
            }
            serde_json::to_string_pretty(&writing.state).unwrap_or_default()
        };
        let is_there = path.exists();
        let removed = if is_there { std::fs::remove_file(&path) } else { Ok(()) };
        let made = removed.and_then(|()| create_file(&path));
        if let Err(source) = made.and_then(|mut file| file.write_all(text.as_bytes())) {
            self.fail(RecordError::Unwritable { file: path, source });
        }
    }

    /// Writes an exchange. A failure is told by [`finish`](Self::finish).
    pub fn record(&self, asked: &Asked, outcome: &Outcome, answered: Answered) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if writing.failure.is_some() {
            return;
        }
        let number = writing.exchanges + 1;
        let written = self.write(&mut writing.file, number, asked, outcome, answered);
        match written {
            Ok(()) => writing.exchanges = number,
            Err(error) => writing.failure = Some(error),
        }
    }

    /// Says how the run ended, and gives the number of exchanges.
    pub fn finish(&self, outcome: &str) -> Result<u64, RecordError> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = writing.failure.take() {
            return Err(failure);
        }
        let line = format!("outcome: {outcome}\n");
        let written = writing
            .file
            .write_all(line.as_bytes())
            .and_then(|()| writing.file.sync_all());
        written.map_err(|source| RecordError::Unwritable {
            file: self.folder.join(SCRIPT),
            source,
        })?;
        Ok(writing.exchanges)
    }

    fn fail(&self, error: RecordError) {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.failure.get_or_insert(error);
    }

    fn write(
        &self,
        file: &mut File,
        number: u64,
        asked: &Asked,
        outcome: &Outcome,
        answered: Answered,
    ) -> Result<(), RecordError> {
        let translate = |text: &str| (self.translate)(text);
        let mut entry = format!("- request: {}\n", yaml::quoted(&translate(&asked.line())));
        // What a login sends is full of secrets, and differs from one to the next.
        if !asked.body.is_empty() && answered == Answered::Page {
            let body = translate(&String::from_utf8_lossy(&asked.body));
            let written = yaml::as_json(&body).map_or_else(|| yaml::quoted(&body), |json| yaml::flow(&json));
            let _ = writeln!(entry, "  request_body: {written}");
        }
        if answered != Answered::Page {
            entry.push_str("  login: true\n");
        }
        match outcome {
            Outcome::Failure { reason, is_lasting } => {
                let _ = writeln!(entry, "  failure: {}", yaml::quoted(&translate(reason)));
                if *is_lasting {
                    entry.push_str("  lasting: true\n");
                }
            }
            Outcome::Answer(answer) => self.write_answer(&mut entry, number, answer, answered)?,
        }
        entry.push('\n');
        // At once: a process that is killed leaves whole exchanges.
        file.write_all(entry.as_bytes())
            .map_err(|source| RecordError::Unwritable {
                file: self.folder.join(SCRIPT),
                source,
            })
    }

    fn write_answer(
        &self,
        entry: &mut String,
        number: u64,
        answer: &Answer,
        answered: Answered,
    ) -> Result<(), RecordError> {
        let translate = |text: &str| (self.translate)(text);
        let _ = writeln!(entry, "  status: {}", answer.status);
        if let Some(url) = &answer.url {
            let _ = writeln!(entry, "  answered_by: {}", yaml::quoted(&translate(url)));
        }
        let mut headers: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (name, value) in &answer.headers {
            let shown = match answered {
                Answered::Page => (!LEFT_OUT.contains(&name.as_str())).then(|| translate(value)),
                Answered::Login { .. } => login_header(name, value, &translate),
            };
            if let Some(shown) = shown {
                headers.entry(name).or_default().push(Value::String(shown));
            }
        }
        if !headers.is_empty() {
            let one_or_several = headers.into_iter().map(|(name, mut values)| match values.len() {
                1 => (name.to_owned(), values.remove(0)),
                _ => (name.to_owned(), Value::Array(values)),
            });
            let headers = Value::Object(one_or_several.collect());
            let _ = writeln!(entry, "  headers: {}", yaml::flow(&headers));
        }
        let body = match (std::str::from_utf8(&answer.body), answered) {
            (Ok(text), Answered::Page) => Some(translate(text)),
            (Ok(text), Answered::Login { is_read }) => Some(login_body(text, is_read, &translate)),
            (Err(_), Answered::Login { .. }) => Some(String::new()),
            (Err(_), Answered::Page) => None,
        };
        let long = match &body {
            Some(text) if text.is_empty() => return Ok(()),
            Some(text) if text.len() <= LONGEST_INLINE => {
                let written = match yaml::as_json(text) {
                    Some(json) => format!("json: {}", yaml::flow(&json)),
                    None => format!("text: {}", yaml::text(text, "    ")),
                };
                let _ = writeln!(entry, "  {written}");
                return Ok(());
            }
            Some(text) => (
                text.as_bytes(),
                if text.starts_with(['{', '[']) { "json" } else { "txt" },
            ),
            None => (answer.body.as_slice(), "bin"),
        };
        let (bytes, ending) = long;
        let folder = self.folder.join(BODIES);
        let name = format!("{BODIES}/{number:06}.{ending}.gz");
        let path = self.folder.join(&name);
        let written = make_folder(&folder)
            .and_then(|()| create_file(&path))
            .and_then(|mut file| file.write_all(&gzip(bytes)?));
        written.map_err(|source| RecordError::Unwritable { file: path, source })?;
        let _ = writeln!(entry, "  file: {name}");
        Ok(())
    }
}

fn written_head(head: &Head, translate: &dyn Fn(&str) -> String) -> String {
    let mut text = HEADING.to_owned();
    let _ = writeln!(text, "pipeline: {}", yaml::quoted(&head.pipeline));
    let _ = writeln!(text, "started_at: {}", yaml::quoted(&head.started_at));
    let texts = |texts: &[String]| Value::Array(texts.iter().map(|text| translate(text).into()).collect());
    let translated = |value: &Value| {
        let text = translate(&value.to_string());
        serde_json::from_str(&text).unwrap_or(Value::Null)
    };
    if !head.args.is_empty() {
        let _ = writeln!(text, "args: {}", yaml::flow(&texts(&head.args)));
    }
    if !head.vars.is_empty() {
        let vars = translated(&Value::Object(head.vars.clone()));
        let _ = writeln!(text, "vars: {}", yaml::flow(&vars));
    }
    if !head.env.is_empty() {
        let env = head
            .env
            .iter()
            .map(|(name, value)| (name.clone(), translate(value).into()));
        let _ = writeln!(text, "env: {}", yaml::flow(&Value::Object(env.collect())));
    }
    let secrets = head.secrets.iter().map(|(name, secret)| {
        // Two secrets of one value have one here, too. One that nothing is sent with is not known to the redactor.
        let shown = translate(secret.expose());
        let is_shown = shown == secret.expose() && shown.len() >= SHORTEST_SECRET;
        let shown = if is_shown { pseudonym(name, secret) } else { shown };
        (name.clone(), shown.into())
    });
    let _ = writeln!(text, "secrets: {}", yaml::flow(&Value::Object(secrets.collect())));
    text.push_str("exchanges:\n");
    text
}

/// A header of a login's answer, if something may read it. What the redactor does not know in it may be a credential.
fn login_header(name: &str, value: &str, translate: &dyn Fn(&str) -> String) -> Option<String> {
    let translated = translate(value);
    match name {
        "content-type" | "retry-after" => Some(translated),
        "location" => Some(translated.split(['?', '#']).next().unwrap_or_default().to_owned()),
        "set-cookie" => {
            let (cookie, rest) = value.split_once(';').unwrap_or((value, ""));
            let (name, value) = cookie.split_once('=')?;
            let shown = translate(value);
            let shown = if shown == value { MASK.to_owned() } else { shown };
            let end = if rest.is_empty() { "" } else { ";" };
            Some(format!("{name}={shown}{end}{}", translate(rest)))
        }
        _ if translated != value && !LEFT_OUT.contains(&name) => Some(translated),
        _ => None,
    }
}

/// The body of a login's answer with its credentials replaced, and every other text in it masked.
fn login_body(text: &str, is_read: bool, translate: &dyn Fn(&str) -> String) -> String {
    fn masked(value: &mut Value, name: &str, is_read: bool, translate: &dyn Fn(&str) -> String) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let shown = translate(&number.to_string());
                if shown != number.to_string() {
                    *value = serde_json::from_str(&shown).unwrap_or(Value::String(shown));
                } else if !is_read {
                    *value = 0.into();
                }
            }
            Value::String(text) => {
                let shown = translate(text);
                // A number of seconds may be written as a text.
                let is_time = is_read && text.len() < 10 && text.bytes().all(|byte| byte.is_ascii_digit());
                if shown != *text || is_time || HARMLESS.contains(&name) {
                    *text = shown;
                } else if !text.is_empty() {
                    MASK.clone_into(text);
                }
            }
            Value::Array(elements) => {
                for element in elements {
                    masked(element, name, is_read, translate);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    masked(value, name, is_read, translate);
                }
            }
        }
    }
    match serde_json::from_str(text) {
        Ok(mut body) => {
            masked(&mut body, "", is_read, translate);
            body.to_string()
        }
        // A page for people, of which nothing is read.
        Err(_) => String::new(),
    }
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn create_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a recorder writes of one exchange.
    fn recorded(secrets: &[(&str, &str)], asked: &Asked, answer: Answer, answered: Answered) -> String {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("recording");
        let redactor = Redactor::default();
        for (name, value) in secrets {
            redactor.learn(name, &Secret::new(*value));
        }
        let recorder = Recorder::create(&place, &Head::default(), &redactor, false).unwrap();
        recorder.record(asked, &Outcome::Answer(answer), answered);
        assert_eq!(recorder.finish("completed").unwrap(), 1);
        let text = std::fs::read_to_string(place.join(SCRIPT)).unwrap();
        let (_, exchanges) = text.split_once("exchanges:\n").unwrap();
        exchanges.to_owned()
    }

    fn asked(method: &str, url: &str, body: &str) -> Asked {
        Asked {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn answer(headers: &[(&str, &str)], body: &str) -> Answer {
        Answer {
            url: None,
            status: 200,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let text = recorded(
            &[("key", "s3cr/t"), ("pin", "123456")],
            &asked("POST", "https://a.test/x?k=s3cr%2ft", r#"{"pin":123456}"#),
            answer(
                &[
                    ("date", "now"),
                    ("link", "<https://a.test/y?k=s3cr%2Ft>"),
                    ("set-cookie", "a=b"),
                ],
                r#"{"next":"https:\/\/a.test\/y?k=s3cr\/t","pin":123456}"#,
            ),
            Answered::Page,
        );
        assert_eq!(
            text,
            r#"- request: "POST https://a.test/x?k=secret-key"
  request_body: {"pin":933184084}
  status: 200
  headers: {"link":"<https://a.test/y?k=secret-key>"}
  text: "{\"next\":\"https:\\/\\/a.test\\/y?k=secret-key\",\"pin\":933184084}"

outcome: completed
"#
        );
    }

    #[test]
    fn of_a_login_only_what_is_read_again_is_kept() {
        let login = asked("POST", "https://a.test/login", "user=ada&password=s3cr3t");
        let given = || {
            answer(
                &[
                    ("set-cookie", "sid=t0ken-1; Path=/"),
                    ("set-cookie", "track=me"),
                    ("x-csrf", "t0ken-2"),
                    ("server", "x"),
                ],
                r#"{"access_token":"t0ken-1","id_token":"eyJ","expires_in":"3600","n":12,"token_type":"Bearer"}"#,
            )
        };
        let known = [("session", "t0ken-1"), ("session", "t0ken-2")];
        let text = recorded(&known, &login, given(), Answered::Login { is_read: true });
        assert_eq!(
            text,
            r#"- request: "POST https://a.test/login"
  login: true
  status: 200
  headers: {"set-cookie":["sid=secret-session; Path=/","track=***"],"x-csrf":"secret-session"}
  json: {"access_token":"secret-session","id_token":"***","expires_in":"3600","n":12,"token_type":"Bearer"}

outcome: completed
"#
        );
        let text = recorded(&[], &login, given(), Answered::Login { is_read: false });
        for part in ["t0ken", "ada", "s3cr3t", "eyJ", "3600", "12"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }
}
