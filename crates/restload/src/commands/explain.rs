//! `restload explain`: the reference of a config's keys, in the terminal.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use super::{CommandError, OK, Outcome};
use crate::cli::{ExplainArgs, ExplainFormat};
use crate::config;
use crate::reference::{self, Block, Topic, UnknownPath, as_text, blocks, first_sentence, in_a_line};
use crate::terminal::Terminal;

/// Texts are not set wider than this: long lines are hard to read.
const WIDEST: usize = 100;

pub(crate) fn explain(args: &ExplainArgs, terminal: &Terminal) -> Outcome {
    let schema = &config::schema();
    if args.format == ExplainFormat::Markdown {
        if args.path.is_some() {
            let message = "error: `--format markdown` is the whole reference, without a key path";
            return Err(CommandError::usage(message));
        }
        terminal.print(&reference::markdown::page(schema))?;
        return Ok(ExitCode::from(OK));
    }
    let topic = reference::topic(schema, args.path.as_deref().unwrap_or_default())
        .map_err(|unknown| CommandError::usage(refuse(&unknown)))?;
    let screen = terminal.of_standard_output();
    let width = screen.width().min(WIDEST);
    terminal.print(&as_page(&topic, schema, &screen, width))?;
    Ok(ExitCode::from(OK))
}

fn refuse(unknown: &UnknownPath) -> String {
    let place = match unknown.within.as_str() {
        "" => "a config".to_owned(),
        within => format!("`{within}`"),
    };
    let mut message = format!("error: {place} has no key `{}`", unknown.name);
    match unknown.suggestions.as_slice() {
        [] => message.push_str("\n  = help: `restload explain` lists the keys of the top level"),
        [one] => {
            let _ = write!(message, "\n  = help: did you mean `{one}`?");
        }
        several => {
            let _ = write!(message, "\n  = help: did you mean one of these?");
            for path in several {
                let _ = write!(message, "\n      {path}");
            }
        }
    }
    message
}

fn as_page(topic: &Topic<'_>, schema: &Value, screen: &Terminal, width: usize) -> String {
    let mut page = String::new();
    let title = if topic.path.is_empty() { "a config" } else { &topic.path };
    let _ = writeln!(page, "{}", screen.bold(title));
    if !topic.path.is_empty() {
        let mut facts = topic.kind.clone();
        if topic.is_required {
            facts.push_str("; required");
        } else if let Some(default) = topic.default {
            let _ = write!(facts, "; default `{}`", as_text(default));
        } else {
            facts.push_str("; may be left out");
        }
        wrapped(&facts, "  ", width, &mut page);
    }
    if !topic.only_in.is_empty() {
        wrapped(
            &format!("only with the type `{}`", topic.only_in.join("`, `")),
            "  ",
            width,
            &mut page,
        );
    }
    let mut has_example = false;
    for description in &topic.descriptions {
        for block in blocks(description) {
            page.push('\n');
            match block {
                Block::Paragraph(text) => wrapped(&text, "  ", width, &mut page),
                Block::Entry(text) => wrapped(&format!("- {text}"), "  ", width, &mut page),
                Block::Code(code) => {
                    has_example = true;
                    example(&code, &mut page);
                }
            }
        }
    }
    if !topic.values.is_empty() {
        page.push('\n');
    }
    for (value, description) in &topic.values {
        let text = format!("- `{value}`: {}", in_a_line(description));
        wrapped(&text, "  ", width, &mut page);
    }
    if !has_example && let Some((path, code)) = example_from_above(topic, schema) {
        let _ = writeln!(page, "\n  An example, of `{path}`:\n");
        example(&code, &mut page);
    }
    if let Some(path) = topic.keys_of {
        let _ = writeln!(page, "\n  Its keys are those of `{path}`:");
    }
    if !topic.variants.is_empty() {
        let _ = writeln!(page, "\n{}", screen.bold("Types"));
        for (name, description) in &topic.variants {
            let _ = writeln!(page, "  {}", screen.bold(name));
            wrapped(&first_sentence(description), "      ", width, &mut page);
        }
    }
    if !topic.keys.is_empty() {
        let _ = writeln!(page, "\n{}", screen.bold("Keys"));
        for key in &topic.keys {
            let mut facts = key.kind.clone();
            if key.is_required {
                facts.push_str("; required");
            } else if let Some(default) = key.default {
                let _ = write!(facts, "; default `{}`", as_text(default));
            }
            let options = lines(width, "  ", "      ");
            let line = textwrap::fill(&format!("{}  ({facts})", key.name), options);
            let _ = writeln!(page, "{}", line.replacen(key.name, &screen.bold(key.name), 1));
            let description = key.descriptions.first().copied().unwrap_or_default();
            wrapped(&first_sentence(description), "      ", width, &mut page);
        }
    }
    if let Some(deeper) = deeper(topic) {
        let _ = writeln!(page, "\nMore: restload explain {deeper}");
    }
    page
}

/// A path that leads on, as it would be typed.
fn deeper(topic: &Topic<'_>) -> Option<String> {
    let name = match (topic.variants.first(), topic.keys.first()) {
        (Some((variant, _)), _) => variant,
        (None, Some(_)) => topic
            .keys
            .iter()
            .find(|key| key.kind.contains("map"))
            .map(|key| key.name)?,
        (None, None) => return None,
    };
    Some(match topic.path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    })
}

/// The example of something around a key in which the key stands.
fn example_from_above(topic: &Topic<'_>, schema: &Value) -> Option<(String, String)> {
    let (mut path, key) = topic.path.rsplit_once('.')?;
    loop {
        let above = reference::topic(schema, path).ok()?;
        for block in above.descriptions.iter().flat_map(|description| blocks(description)) {
            if let Block::Code(code) = block
                && names_key(&code, key)
            {
                return Some((above.path, code));
            }
        }
        path = path.rsplit_once('.')?.0;
    }
}

/// Whether an example sets a key.
fn names_key(code: &str, key: &str) -> bool {
    let pattern = format!("{key}:");
    code.match_indices(&pattern).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|character| character.is_whitespace() || matches!(character, '{' | ','))
    })
}

fn example(code: &str, page: &mut String) {
    for line in code.lines() {
        let _ = writeln!(page, "{}", format!("    {line}").trim_end());
    }
}

fn wrapped(text: &str, indent: &str, width: usize, page: &mut String) {
    let _ = writeln!(page, "{}", textwrap::fill(text, lines(width, indent, indent)));
}

/// Lines of a width: what is typed into a config is not taken apart.
fn lines<'i>(width: usize, first: &'i str, further: &'i str) -> textwrap::Options<'i> {
    textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(further)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}
