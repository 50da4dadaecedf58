//! The YAML parser's messages in words that help: what is wrong, where it began, and what to write instead.

use super::Problem;
use super::source::{Source, Span};

/// A message as libyaml writes it: what it met, and what it was reading.
struct Message<'a> {
    problem: &'a str,
    context: &'a str,
    /// Line and column where the thing being read began.
    context_place: Option<(usize, usize)>,
}

/// The report of a syntax error.
pub(super) fn problem(source: &Source, text: &str, place: Option<Span>) -> Problem {
    let message = split(text);
    let began = message.context_place.map(|(line, column)| source.span_at(line, column));
    // A text that ends too early is wrong where it was last written, not in the empty line below.
    let place = place.map(|span| match source.line(span.line) {
        Some(line) if !line.trim().is_empty() => span,
        _ => source.last_written(),
    });
    let (message, help, span) = explain(source, &message, place, began);
    Problem::error(message, help, span)
}

type Explained = (String, Option<String>, Option<Span>);

fn explain(source: &Source, message: &Message<'_>, place: Option<Span>, began: Option<Span>) -> Explained {
    let Message { problem, context, .. } = *message;
    if problem.starts_with("mapping values are not allowed") {
        let help = "text that holds `: ` must be in quotes; a key must begin in the column of its neighbours";
        return ("a `:` cannot stand here".to_owned(), Some(help.to_owned()), place);
    }
    // libyaml's own spelling.
    if problem.contains("escape") || problem.contains("hexdecimal") {
        let help = "in double quotes write `\\\\` for a backslash; in single quotes it stands for itself";
        return ("this escape is unknown".to_owned(), Some(help.to_owned()), place);
    }
    if context.contains("quoted scalar") {
        let help = "close it, or put the text in the other kind of quotes";
        return (
            "the quote that opens here is never closed".to_owned(),
            Some(help.to_owned()),
            began.or(place),
        );
    }
    if problem.starts_with("found character that cannot start any token") {
        return unusable_character(source, place);
    }
    if problem.starts_with("could not find expected ':'") {
        let help = "a key is followed by `:` and a space";
        return (
            "expected `:` after this key".to_owned(),
            Some(help.to_owned()),
            began.or(place),
        );
    }
    if context.contains("flow mapping") || context.contains("flow sequence") {
        return unclosed(context, place, began);
    }
    if problem.starts_with("did not find expected key") {
        return expected_key(source, place);
    }
    if problem.starts_with("did not find expected '-' indicator") {
        let help = "elements of a list begin with `- `; what comes after the list begins in the column of its key";
        return (
            "expected `- `: this stands inside a list".to_owned(),
            Some(help.to_owned()),
            place,
        );
    }
    if problem.starts_with("did not find expected node content") {
        let help = "write one, or the `}` or `]` that ends the map or list";
        return ("expected a value".to_owned(), Some(help.to_owned()), place);
    }
    if problem.starts_with("unknown anchor") || context.contains("alias") {
        let help = "text that begins with `*` must be in quotes; an alias needs its anchor `&name` further up";
        return ("this alias has no anchor".to_owned(), Some(help.to_owned()), place);
    }
    for (kind, first) in [("anchor", '&'), ("tag", '!')] {
        if context.ends_with(&format!("scanning an {kind}")) || context.ends_with(&format!("scanning a {kind}")) {
            let help = format!("text that begins with `{first}` must be in quotes");
            return (format!("this {kind} is not complete"), Some(help), began.or(place));
        }
    }
    if problem.contains(" as u128") || problem.contains(" as i128") {
        let help = "put it in quotes if it is an identifier";
        return ("this number is too large".to_owned(), Some(help.to_owned()), place);
    }
    if let Some(position) = problem.strip_prefix("control characters are not allowed at position ") {
        let place = position.parse().ok().map(|byte| source.span_at_byte(byte));
        let help = "in quotes it can be written as an escape: \"\\u0007\"";
        return (
            "a control character cannot stand here".to_owned(),
            Some(help.to_owned()),
            place,
        );
    }
    if problem.contains("recursion limit exceeded") {
        let help = "at most 128 levels; an anchor must not hold its own alias";
        return ("this is nested too deeply".to_owned(), Some(help.to_owned()), place);
    }
    if problem.contains("repetition limit exceeded") {
        let help = "name a value of aliases no more than once".to_owned();
        return ("aliases of aliases make this too large".to_owned(), Some(help), place);
    }
    let words = if context.is_empty() {
        problem.to_owned()
    } else {
        format!("{problem}, {context}")
    };
    (format!("not YAML: {words}"), None, place)
}

fn unusable_character(source: &Source, place: Option<Span>) -> Explained {
    let character = place.and_then(|span| source.line(span.line)?.chars().nth(span.column - 1));
    let (message, help) = match character {
        Some('\t') => ("a tab cannot indent YAML".to_owned(), "use spaces".to_owned()),
        Some(character) => (
            format!("text cannot begin with `{character}`"),
            "put the whole text in quotes".to_owned(),
        ),
        None => (
            "text cannot begin like this".to_owned(),
            "put the whole text in quotes".to_owned(),
        ),
    };
    (message, Some(help), place)
}

fn unclosed(context: &str, place: Option<Span>, began: Option<Span>) -> Explained {
    let (what, close) = if context.contains("flow mapping") {
        ("map", "}")
    } else {
        ("list", "]")
    };
    let message = format!("expected `,` or `{close}`: this {what} is not closed");
    let help = began.map(|began| format!("it begins at line {}, column {}", began.line, began.column));
    (message, help, place)
}

/// Something stands where only the next key may: mostly text that had to be quoted, or a wrong indentation.
fn expected_key(source: &Source, place: Option<Span>) -> Explained {
    let before = place
        .and_then(|span| {
            Some(
                source
                    .line(span.line)?
                    .chars()
                    .take(span.column - 1)
                    .collect::<String>(),
            )
        })
        .unwrap_or_default();
    let value = before.split_once(": ").map_or("", |(_, value)| value.trim_start());
    let help = match value.chars().next() {
        Some(first @ ('{' | '[')) => format!("text that begins with `{first}` must be in quotes"),
        Some(quote @ ('"' | '\'')) => format!("the text in {quote}quotes{quote} ends before this; quote all of it"),
        _ => "keys of one map begin in the same column".to_owned(),
    };
    ("expected a key".to_owned(), Some(help), place)
}

/// Takes the places out of a message such as `did not find expected ',' or ']' at line 2 column 2, while parsing a
/// flow sequence at line 1 column 4`.
fn split(text: &str) -> Message<'_> {
    let (problem, context) = match text.rfind(", while ") {
        Some(comma) => (&text[..comma], &text[comma + 2..]),
        None => (text, ""),
    };
    let (problem, _) = without_place(problem);
    let (context, context_place) = without_place(context);
    Message {
        problem,
        context,
        context_place,
    }
}

fn without_place(text: &str) -> (&str, Option<(usize, usize)>) {
    let Some((words, place)) = text.rsplit_once(" at line ") else {
        return (text, None);
    };
    let Some((line, column)) = place.split_once(" column ") else {
        return (text, None);
    };
    match (line.parse(), column.parse()) {
        (Ok(line), Ok(column)) => (words, Some((line, column))),
        _ => (text, None),
    }
}
