//! Secrets: values that can be used but not shown, and the redaction of whatever is shown.

mod occurrences;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use self::occurrences::occurrences;

/// What stands in the place of a secret wherever text is shown.
pub const MASK: &str = "***";

/// A value that must not be shown: it has neither `Display` nor `Serialize`, and its `Debug` is a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value out of sight.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Removes known secret values from text that is about to be shown, in every spelling that URLs and JSON give them. Its
/// clones [learn](Self::learn) together.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Longest value first, so that a secret that contains another is masked whole.
    secrets: Arc<RwLock<Vec<KnownSecret>>>,
}

/// A secret under the name it is written with in a config.
#[derive(Debug, Clone)]
struct KnownSecret {
    name: String,
    value: Secret,
    /// How many were learnt before it, if it was learnt on the way.
    learnt: Option<u64>,
    /// Whether the next run has it too, or another in its place, before it reads what was stored.
    is_restored: bool,
}

/// Shorter values are common words and digits; masking them would garble every message and protect nothing.
pub const SHORTEST_SECRET: usize = 4;

/// Values learnt on the way that are remembered. A token that ends with every request would otherwise make each text
/// dearer to redact than the one before; those of long ago are of no use to anybody.
const REMEMBERED: usize = 64;

impl Redactor {
    /// A redactor for the given secrets, each with its name in the config.
    pub fn new(secrets: impl IntoIterator<Item = (String, Secret)>) -> Self {
        let mut secrets: Vec<KnownSecret> = secrets
            .into_iter()
            .filter(|(_, value)| value.expose().len() >= SHORTEST_SECRET)
            .map(|(name, value)| KnownSecret {
                name,
                value,
                learnt: None,
                is_restored: true,
            })
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose().len()));
        Self {
            secrets: Arc::new(RwLock::new(secrets)),
        }
    }

    /// Takes up a secret that was obtained on the way, such as a token.
    pub fn learn(&self, name: &str, value: &Secret) {
        self.take_up(name, value, true);
    }

    /// Takes up one that nobody asked for, such as a cookie. It is not shown, but [stored](Self::store) as it is: the next
    /// run would have nothing to put in its place.
    pub fn learn_in_passing(&self, name: &str, value: &Secret) {
        self.take_up(name, value, false);
    }

    fn take_up(&self, name: &str, value: &Secret, is_restored: bool) {
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if value.expose().len() < SHORTEST_SECRET {
            return;
        }
        if let Some(known) = secrets.iter_mut().find(|known| known.value == *value) {
            if is_restored && !known.is_restored {
                (known.name, known.is_restored) = (name.to_owned(), true);
            }
            return;
        }
        // Each kind has room of its own, so that cookies that change with every answer drive out no token.
        let learnt = secrets.iter().filter(|known| known.is_restored == is_restored);
        let learnt = learnt.filter_map(|known| known.learnt);
        let (count, oldest) = (learnt.clone().count(), learnt.min());
        if count >= REMEMBERED {
            secrets.retain(|known| known.learnt.is_none() || known.learnt != oldest);
        }
        let last = secrets.iter().filter_map(|known| known.learnt).max();
        secrets.push(KnownSecret {
            name: name.to_owned(),
            value: value.clone(),
            learnt: Some(last.map_or(0, |last| last + 1)),
            is_restored,
        });
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose().len()));
    }

    /// One that knows what this one knows now, and learns nothing that this one does.
    #[must_use]
    pub fn apart(&self) -> Self {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            secrets: Arc::new(RwLock::new(secrets)),
        }
    }

    /// The text with every secret value masked, and whatever a URL in it carries in a parameter that is named like one:
    /// a link of the API may hold a token that nobody has told us of.
    pub fn redact(&self, text: &str) -> String {
        without_named_secrets(self.substitute(text, |_, _| MASK.to_owned()))
    }

    /// The text with every secret value replaced by its placeholder `{secrets.NAME}`, so that it can be stored and
    /// [restored](Self::restore).
    pub fn store(&self, text: &str) -> String {
        let placeholder = |secret: &KnownSecret| format!("{{secrets.{}}}", secret.name);
        self.replace(text, |secret| secret.is_restored, placeholder)
    }

    /// The text that [`store`](Self::store) was given, with today's values of the secrets.
    pub fn restore(&self, text: &str) -> String {
        let mut restored = text.to_owned();
        for KnownSecret { name, value, .. } in self.secrets.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let placeholder = format!("{{secrets.{name}}}");
            if restored.contains(&placeholder) {
                restored = restored.replace(&placeholder, value.expose());
            }
        }
        restored
    }

    /// The text with every secret value replaced by what is given for its name and value.
    pub fn substitute(&self, text: &str, replacement: impl Fn(&str, &Secret) -> String) -> String {
        self.replace(text, |_| true, |secret| replacement(&secret.name, &secret.value))
    }

    fn replace(
        &self,
        text: &str,
        is_meant: impl Fn(&KnownSecret) -> bool,
        replacement: impl Fn(&KnownSecret) -> String,
    ) -> String {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let meant: Vec<&KnownSecret> = secrets.iter().filter(|secret| is_meant(secret)).collect();
        let found = occurrences(text, meant.iter().map(|secret| secret.value.expose()));
        if found.is_empty() {
            return text.to_owned();
        }
        let mut shown = String::with_capacity(text.len());
        let mut end = 0;
        for (range, index) in found {
            shown.push_str(&text[end..range.start]);
            shown.push_str(&replacement(meant[index]));
            end = range.end;
        }
        shown.push_str(&text[end..]);
        shown
    }
}

/// Names of URL parameters whose values are secrets, in small letters; dlt's, and the tokens of OAuth2 besides.
const SECRET_PARAMETERS: [&str; 14] = [
    "api_key",
    "api-key",
    "apikey",
    "key",
    "token",
    "access_token",
    "access-token",
    "refresh_token",
    "id_token",
    "secret",
    "client_secret",
    "password",
    "pwd",
    "signature",
];

/// Masks what follows `?token=` and its like, up to the end of the parameter.
fn without_named_secrets(text: String) -> String {
    if !text.contains('=') {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['?', '&']) {
        let (before, parameter) = rest.split_at(at + 1);
        shown.push_str(before);
        rest = parameter;
        let Some((name, value)) = parameter.split_once('=') else {
            break;
        };
        if SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            let ends = |character: char| {
                character.is_whitespace() || matches!(character, '&' | '#' | '"' | '\'' | '`' | '<' | '>' | ')' | ',')
            };
            let end = value.find(ends).unwrap_or(value.len());
            // What a sentence puts after a URL is not part of it.
            let end = value[..end].trim_end_matches([':', ';', '.']).len();
            shown.push_str(&parameter[..=name.len()]);
            shown.push_str(MASK);
            rest = &value[end..];
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([
            ("token".to_owned(), Secret::new("s3cr/t value")),
            ("longer".to_owned(), Secret::new("s3cr/t value and more")),
            ("short".to_owned(), Secret::new("no")),
        ])
    }

    #[test]
    fn masks_every_spelling() {
        for (text, shown) in [
            ("token=s3cr/t value&x=1", "token=***&x=1"),
            ("token=s3cr%2Ft%20value&x=1", "token=***&x=1"),
            ("token=s3cr%2Ft+value", "token=***"),
            ("token=s3cr%2ft%20v%61lue", "token=***"),
            (
                r#"{"next":"https:\/\/a.test\/?t=s3cr\/t\u0020value"}"#,
                r#"{"next":"https:\/\/a.test\/?t=***"}"#,
            ),
            (
                r#"{"next":"?t=s3cr%2Ft+value&u=%zz\q"}"#,
                r#"{"next":"?t=***&u=%zz\q"}"#,
            ),
            ("s3cr/t value and more", "***"),
            ("no secret here", "no secret here"),
        ] {
            assert_eq!(redactor().redact(text), shown);
        }
    }

    /// K-23: parameters that are named like secrets, of which nobody has said that they are.
    #[test]
    fn masks_what_is_named_like_a_secret_in_a_url() {
        for (text, shown) in [
            // One, several, in any letters.
            ("https://a.test/v1?api_key=abc", "https://a.test/v1?api_key=***"),
            (
                "https://a.test/v1?api_key=a&page=2&token=b",
                "https://a.test/v1?api_key=***&page=2&token=***",
            ),
            (
                "https://a.test/v1?API_KEY=a&Access-Token=b",
                "https://a.test/v1?API_KEY=***&Access-Token=***",
            ),
            // None; names that only resemble one are no secrets.
            (
                "https://a.test/v1?page=2&sort=desc",
                "https://a.test/v1?page=2&sort=desc",
            ),
            (
                "https://a.test/v1?page_token=7&monkey=x&user=me",
                "https://a.test/v1?page_token=7&monkey=x&user=me",
            ),
            ("https://a.test/token=x/key", "https://a.test/token=x/key"),
            // Empty, and without a value at all.
            ("https://a.test/v1?secret=&x=1", "https://a.test/v1?secret=***&x=1"),
            ("https://a.test/v1?secret&x=1", "https://a.test/v1?secret&x=1"),
            // The path and the fragment stay.
            (
                "https://a.test/v1/x;y?pwd=a%20b#top",
                "https://a.test/v1/x;y?pwd=***#top",
            ),
            // In the middle of a message.
            (
                "GET https://a.test/?key=abc: the API answered 404, see {\"next\":\"/b?token=x\"} (page 1)",
                "GET https://a.test/?key=***: the API answered 404, see {\"next\":\"/b?token=***\"} (page 1)",
            ),
            ("why? because a=b & c=d", "why? because a=b & c=d"),
            ("?token=s3cr/t value&x", "?token=***&x"),
        ] {
            assert_eq!(redactor().redact(text), shown);
        }
    }

    #[test]
    fn stored_text_holds_no_secret_and_comes_back() {
        let link = "https://api.test/x?token=s3cr/t value";
        let stored = redactor().store(link);
        assert_eq!(stored, "https://api.test/x?token={secrets.token}");
        assert_eq!(redactor().restore(&stored), link);
    }

    #[test]
    fn what_is_learnt_on_the_way_is_masked_by_all_clones_and_not_for_ever() {
        let redactor = redactor();
        let clone = redactor.clone();
        for number in 0..1_000 {
            redactor.learn("session", &Secret::new(format!("session-token-{number}")));
        }
        redactor.learn("session", &Secret::new("abc"));
        assert_eq!(
            clone.redact("session-token-999 session-token-936 session-token-935 s3cr/t value abc"),
            "*** *** session-token-935 *** abc"
        );
        assert_eq!(clone.store("x=session-token-999"), "x={secrets.session}");
    }

    #[test]
    fn what_is_learnt_in_passing_is_masked_and_stored_as_it_is() {
        let redactor = redactor();
        redactor.learn("session", &Secret::new("session-token"));
        for number in 0..1_000 {
            redactor.learn_in_passing("cookie", &Secret::new(format!("cookie-value-{number}")));
        }
        let text = "cookie-value-999 cookie-value-936 cookie-value-935 session-token";
        assert_eq!(redactor.redact(text), "*** *** cookie-value-935 ***");
        let stored = "cookie-value-999 cookie-value-936 cookie-value-935 {secrets.session}";
        assert_eq!(redactor.store(text), stored);
        // A secret is none the less one when a cookie holds it.
        redactor.learn_in_passing("cookie", &Secret::new("user:s3cr/t value"));
        assert_eq!(redactor.store("user:s3cr/t value"), "user:{secrets.token}");
        assert_eq!(redactor.redact("user:s3cr/t value"), "***");
        // What turns out to be a session after all is treated as one, and stays one.
        redactor.learn("session", &Secret::new("cookie-value-999"));
        redactor.learn_in_passing("cookie", &Secret::new("cookie-value-999"));
        assert_eq!(redactor.store("cookie-value-999"), "{secrets.session}");
    }

    #[test]
    fn debug_shows_a_mask() {
        assert_eq!(format!("{:?}", Secret::new("s3cr/t")), "***");
    }
}
