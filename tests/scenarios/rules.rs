//! Whether each rule has its config in `tests/mistakes`: every message that the code notes about a config must stand in
//! some report there. A rule is found by its call of `Diagnostics`, its message by the text that is written in the call
//! or in the `let` before it. A message that is made elsewhere (the reason that a parser gives, say) is not looked for.

use std::path::{Path, PathBuf};

use crate::mistakes;

/// Where rules are.
const SOURCES: [&str; 3] = ["restload-source/src", "restload/src/load", "restload/src/pipeline"];

/// The methods of `Diagnostics` that note something.
const NOTES: [&str; 5] = ["error", "error_with_help", "key_error", "warning", "key_warning"];

/// Messages that no config leads to, with `{}` for each placeholder, and why.
const NEVER_SHOWN: [(&str, &str); 4] = [
    ("`limit` must be at least 1", "the schema has a least number"),
    ("`page_size` must be at least 1", "the schema has a least number"),
    (
        "a parameter that is a map must be `{type: resolve, resource: …, field: …}`",
        "the schema has the forms of such a map",
    ),
    (
        "`{}` must not be empty",
        "of the keys that the schema says this of, none is reached",
    ),
];

/// A message in the code.
struct Message {
    place: String,
    /// What is written, between its placeholders.
    parts: Vec<String>,
}

/// The messages that no report has.
pub(crate) fn without_a_report() -> Result<(), String> {
    let reports: Vec<String> = mistakes::files("txt")
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap_or_default())
        .collect();
    let said: Vec<&str> = reports
        .iter()
        .flat_map(|report| report.lines())
        .filter_map(|line| line.strip_prefix("error: ").or(line.strip_prefix("warning: ")))
        .collect();
    let mut messages = Vec::new();
    for folder in SOURCES {
        let folder = crates().join(folder);
        let mut files = code(&folder);
        files.push(folder.with_extension("rs"));
        for file in files.iter().filter(|file| file.is_file()) {
            messages.extend(messages_of(file));
        }
    }
    let mut missing = Vec::new();
    for message in &messages {
        let text = message.parts.join("{}");
        let is_shown = said.iter().any(|line| fits(line, &message.parts));
        let is_excused = NEVER_SHOWN.iter().any(|(shown, _)| text == *shown);
        if is_shown == is_excused {
            missing.push(format!("{}: {text}", message.place));
        }
    }
    // A reader of the code that finds nothing would be content with nothing.
    assert!(messages.len() > 120, "only {} messages were found", messages.len());
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "no report in tests/mistakes has these messages, or one has it that is said never to be shown:\n  {}",
        missing.join("\n  ")
    ))
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder and of those in it, but for those with tests alone.
fn code(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(code(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.retain(|path| !path.ends_with("tests.rs"));
    found
}

fn messages_of(file: &Path) -> Vec<Message> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for note in NOTES {
        for (at, call) in text.match_indices(&format!(".{note}(")) {
            let arguments = arguments(&text[at + call.len()..]);
            let Some(message) = arguments.get(1).map(|message| message.trim()) else {
                continue;
            };
            let mut texts = texts(message);
            if texts.is_empty() {
                let before = text[..at].rfind(&format!("let {message} = "));
                let made = before.and_then(|before| text[before..at].split(";\n").next()?.split_once(" = "));
                texts = made.map(|(_, value)| self::texts(value)).unwrap_or_default();
            }
            let name = file.strip_prefix(crates()).unwrap_or(file).display();
            let place = format!("crates/{name}:{}", text[..at].matches('\n').count() + 1);
            found.extend(texts.into_iter().map(|parts| Message {
                place: place.clone(),
                parts,
            }));
        }
    }
    found
}

/// The arguments of a call, from the text after its parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start, mut is_text, mut is_escaped) = (0, 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_text => is_escaped = true,
            '"' => is_text = !is_text,
            _ if is_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                found.push(&text[start..at]);
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// The texts that an expression gives: itself, or those that it formats.
fn texts(code: &str) -> Vec<Vec<String>> {
    let code = code.trim_start();
    if code.starts_with('"') {
        return literal(code).map(|text| vec![text]).into_iter().collect();
    }
    let mut found = Vec::new();
    for (at, call) in code.match_indices("format") {
        let after = &code[at + call.len()..];
        let argument = after.strip_prefix("_args!(").or(after.strip_prefix("!("));
        let argument = argument
            .map(str::trim_start)
            .filter(|argument| argument.starts_with('"'));
        found.extend(argument.and_then(literal).map(|text| between_placeholders(&text)));
    }
    found
}

/// The text in quotes that code begins with.
fn literal(code: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = code[1..].chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => match characters.next()? {
                // A line goes on where the next one begins.
                '\n' => characters = characters.as_str().trim_start().chars(),
                escaped => text.push(escaped),
            },
            character => text.push(character),
        }
    }
}

fn between_placeholders(format: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut rest = format;
    while let Some(character) = rest.chars().next() {
        let is_escaped = rest.starts_with("{{") || rest.starts_with("}}");
        let length = match rest.find('}') {
            Some(end) if character == '{' && !is_escaped => {
                parts.push(std::mem::take(&mut part));
                end + 1
            }
            _ => {
                part.push(character);
                if is_escaped { 2 } else { character.len_utf8() }
            }
        };
        rest = &rest[length..];
    }
    parts.push(part);
    parts
}

/// Whether a line is a message, with anything in its placeholders.
fn fits(line: &str, parts: &[String]) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return false;
    };
    let Some(mut left) = line.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in &parts[1..] {
        let Some(at) = left.find(part.as_str()) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.is_empty() || last.is_empty()
}
