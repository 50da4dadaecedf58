//! What of a config must not be shown: secrets that stand in it as plain text.
//!
//! A report prints lines of the user's file, and reports are pasted into chats and tickets. The value of a key that
//! is named like a secret is therefore masked, unless it is only a placeholder that says where the secret is found.

use std::collections::HashMap;
use std::ops::Range;

use super::spans::Spans;

/// Names of keys, and endings of names, whose values are secrets.
const SECRET_NAMES: [&str; 14] = [
    "token",
    "api_key",
    "apikey",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "client_secret",
    "private_key",
    "secret_key",
    "access_key",
    "authorization",
    "credential",
    "credentials",
];

/// How alike a mistyped name is to the one that was meant: one letter of `token`.
const MISTYPED: f64 = 0.8;

/// Whether a key of this name holds a secret. The report about `tokn` shows the line that holds the token.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    let last_word = name.rsplit('_').next().unwrap_or_default();
    SECRET_NAMES.iter().any(|secret| {
        let is_mistyped = |name: &str| strsim::normalized_damerau_levenshtein(name, secret) >= MISTYPED;
        name.ends_with(secret) || is_mistyped(&name) || is_mistyped(last_word)
    })
}

/// Whether a value gives a secret away; a placeholder, a path and an absent value do not.
pub(crate) fn is_revealing(value: &str) -> bool {
    let value = value.trim();
    !(value.is_empty()
        || holds_placeholder(value)
        || value.starts_with("$.")
        || matches!(value, "null" | "~" | "true" | "false" | "|" | ">" | "|-" | ">-")
        || value.starts_with(['*', '&']))
}

/// Whether a value has the beginning of a placeholder in it, as `Bearer {secrets.token}` or a mistyped one.
fn holds_placeholder(value: &str) -> bool {
    value.split('{').skip(1).any(|inside| {
        let inside = inside.trim_start();
        let root = inside.trim_start_matches(|character: char| character.is_ascii_alphabetic() || character == '_');
        root.len() < inside.len() && root.starts_with('.')
    })
}

/// The character ranges of secrets in a scanned text.
pub(super) fn secret_ranges(spans: &Spans) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    // The same few keys come again and again, and comparing them takes longest of all that is done with a config.
    let mut known: HashMap<&str, bool> = HashMap::new();
    for (key, value, range) in spans.scalars_by_key() {
        let is_secret = *known.entry(key).or_insert_with(|| is_secret_name(key));
        if is_secret && is_revealing(value) {
            ranges.push(range);
        }
    }
    ranges
}

/// The character ranges of secrets in one line, found by their look alone: the line may be one that is not YAML.
pub(crate) fn secrets_in_line(line: &str) -> Vec<Range<usize>> {
    let characters: Vec<char> = line.chars().collect();
    let mut ranges = assigned_secrets(&characters);
    ranges.extend(url_passwords(&characters));
    ranges
}

/// The values in `token: value`, `{password: value, …}` and `?token=value&…`.
fn assigned_secrets(line: &[char]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (position, character) in line.iter().enumerate() {
        if !matches!(character, ':' | '=') {
            continue;
        }
        let name = name_before(line, position);
        if !is_secret_name(&name) {
            continue;
        }
        let value = value_after(line, position + 1, *character == '=');
        let text: String = line[value.clone()].iter().collect();
        if is_revealing(&text) {
            ranges.push(value);
        }
    }
    ranges
}

fn name_before(line: &[char], end: usize) -> String {
    let is_part = |character: &char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let end = match line[..end].last() {
        Some('"' | '\'') => end - 1,
        _ => end,
    };
    let start = line[..end]
        .iter()
        .rposition(|character| !is_part(character))
        .map_or(0, |before| before + 1);
    line[start..end].iter().collect()
}

/// A value up to its closing quote, or to whatever ends it; a plain value of a block runs to the end of the line.
fn value_after(line: &[char], from: usize, in_url: bool) -> Range<usize> {
    let start = line[from..]
        .iter()
        .position(|character| !character.is_whitespace())
        .map_or(line.len(), |skip| from + skip);
    let Some(first) = line.get(start) else {
        return start..start;
    };
    let ends = |character: &char| match first {
        '"' | '\'' => character == first,
        _ if in_url => matches!(character, '&' | '"' | '\'') || character.is_whitespace(),
        // Inside `{…}` a comma ends the value; elsewhere it is part of it, and hiding too much does no harm.
        _ => matches!(character, ',' | '}') && line[..from].contains(&'{'),
    };
    let end = line[start + 1..]
        .iter()
        .position(ends)
        .map_or(line.len(), |length| start + 1 + length);
    let quoted = matches!(first, '"' | '\'');
    if quoted { start + 1..end } else { start..end }
}

/// The password in `scheme://user:password@host`.
fn url_passwords(line: &[char]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for start in 0..line.len() {
        if !line[start..].starts_with(&[':', '/', '/']) {
            continue;
        }
        let authority = start + 3;
        let length = line[authority..]
            .iter()
            .position(|character| character.is_whitespace() || matches!(character, '/' | '"' | '\'' | '?'))
            .unwrap_or(line.len() - authority);
        let authority = &line[authority..authority + length];
        let Some(at) = authority.iter().rposition(|character| *character == '@') else {
            continue;
        };
        let Some(colon) = authority[..at].iter().position(|character| *character == ':') else {
            continue;
        };
        let password: String = authority[colon + 1..at].iter().collect();
        if is_revealing(&password) {
            ranges.push(start + 3 + colon + 1..start + 3 + at);
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_looks_like_a_secret() {
        for (line, secrets) in [
            ("token: abc", vec!["abc"]),
            ("  client_secret: \"a b\" # note", vec!["a b"]),
            ("auth: {type: http_basic, password: abc, username: me}", vec!["abc"]),
            ("X-Api-Key: abc, def", vec!["abc, def"]),
            ("path: /x?token=abc&page=2", vec!["abc"]),
            ("to: postgres://me:abc@host/db", vec!["abc"]),
            ("api_key: \"{secrets.token}\"", vec![]),
            ("api_key: {secrets.token}", vec![]),
            ("Authorization: Bearer {secret.token}", vec![]),
            ("token: {abc", vec!["{abc"]),
            ("tokn: abc", vec!["abc"]),
            ("{api_kye: abc, path: b}", vec!["abc"]),
            ("type: api_key", vec![]),
            ("key: abc", vec![]),
            ("auth: bearer", vec![]),
            ("token: $.token", vec![]),
        ] {
            let characters: Vec<char> = line.chars().collect();
            let found: Vec<String> = secrets_in_line(line)
                .into_iter()
                .map(|range| characters[range].iter().collect())
                .collect();
            assert_eq!(found, secrets, "{line}");
        }
    }
}
