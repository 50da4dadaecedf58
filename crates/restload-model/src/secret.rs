//! Secrets: values that can be used but not shown, and the redaction of whatever is shown.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

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

/// Removes known secret values from text that is about to be shown, in every spelling a URL gives them. Its clones
/// [learn](Self::learn) together.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Longest value first, so that a secret that contains another is masked whole.
    secrets: Arc<RwLock<Vec<KnownSecret>>>,
}

/// A secret under the name it is written with in a config, and every text that gives it away.
#[derive(Debug, Clone)]
struct KnownSecret {
    name: String,
    value: Secret,
    spellings: Vec<Secret>,
    /// How many were learnt before it, if it was learnt on the way.
    learnt: Option<u64>,
}

impl KnownSecret {
    fn new(name: String, value: Secret, learnt: Option<u64>) -> Self {
        let plain = value.expose();
        let encoded = utf8_percent_encode(plain, NON_ALPHANUMERIC).to_string();
        let form = encoded
            .replace("%20", "+")
            .replace("%2D", "-")
            .replace("%2E", ".")
            .replace("%5F", "_");
        let json = serde_json::to_string(plain).unwrap_or_default();
        let mut spellings: Vec<Secret> = Vec::new();
        for spelling in [plain, json.trim_matches('"'), encoded.as_str(), form.as_str()] {
            if !spelling.is_empty() && spellings.iter().all(|known| known.expose() != spelling) {
                spellings.push(Secret::new(spelling));
            }
        }
        Self {
            name,
            value,
            spellings,
            learnt,
        }
    }
}

/// Shorter values are common words and digits; masking them would garble every message and protect nothing.
const SHORTEST_SECRET: usize = 4;

/// Values learnt on the way that are remembered. A token that ends with every request would otherwise make each text
/// dearer to redact than the one before; those of long ago are of no use to anybody.
const REMEMBERED: usize = 64;

impl Redactor {
    /// A redactor for the given secrets, each with its name in the config.
    pub fn new(secrets: impl IntoIterator<Item = (String, Secret)>) -> Self {
        let mut secrets: Vec<KnownSecret> = secrets
            .into_iter()
            .filter(|(_, value)| value.expose().len() >= SHORTEST_SECRET)
            .map(|(name, value)| KnownSecret::new(name, value, None))
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose().len()));
        Self {
            secrets: Arc::new(RwLock::new(secrets)),
        }
    }

    /// Takes up a secret that was obtained on the way, such as a token.
    pub fn learn(&self, name: &str, value: &Secret) {
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if value.expose().len() < SHORTEST_SECRET || secrets.iter().any(|known| known.value == *value) {
            return;
        }
        let learnt = secrets.iter().filter_map(|known| known.learnt);
        let (count, last) = (learnt.clone().count(), learnt.clone().max());
        if count >= REMEMBERED {
            let oldest = learnt.min();
            secrets.retain(|known| known.learnt.is_none() || known.learnt != oldest);
        }
        let number = last.map_or(0, |last| last + 1);
        secrets.push(KnownSecret::new(name.to_owned(), value.clone(), Some(number)));
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose().len()));
    }

    /// The text with every secret value masked.
    pub fn redact(&self, text: &str) -> String {
        self.replace(text, |_| MASK.to_owned())
    }

    /// The text with every secret value replaced by its placeholder `{secrets.NAME}`, so that it can be stored and
    /// [restored](Self::restore).
    pub fn store(&self, text: &str) -> String {
        self.replace(text, |name| format!("{{secrets.{name}}}"))
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

    fn replace(&self, text: &str, replacement: impl Fn(&str) -> String) -> String {
        let mut shown = text.to_owned();
        for secret in self.secrets.read().unwrap_or_else(PoisonError::into_inner).iter() {
            for spelling in &secret.spellings {
                if shown.contains(spelling.expose()) {
                    shown = shown.replace(spelling.expose(), &replacement(&secret.name));
                }
            }
        }
        shown
    }
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
            ("s3cr/t value and more", "***"),
            ("no secret here", "no secret here"),
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
    fn debug_shows_a_mask() {
        assert_eq!(format!("{:?}", Secret::new("s3cr/t")), "***");
    }
}
