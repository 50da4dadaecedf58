//! What the expression language knows by name: filters, tests and functions. It tells only when they are used, so that
//! each is used once, on nothing, when a placeholder is compiled.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use minijinja::ErrorKind;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};

use super::ENVIRONMENT;

/// The tests that are named for a misspelt one.
const USUAL_TESTS: [&str; 6] = ["defined", "in", "none", "number", "string", "true"];

/// The filters that a misspelt one is compared with.
const USUAL_FILTERS: [&str; 18] = [
    "abs",
    "date",
    "default",
    "epoch",
    "epoch_ms",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "reason",
    "replace",
    "round",
    "trim",
    "upper",
    "urlencode",
];

/// What a filter that needs more than its value is written with.
const FILTERS_IN_FULL: [(&str, &str); 2] = [("date", "date(\"%Y-%m-%d\")"), ("replace", "replace(\"old\", \"new\")")];

/// Words that a parenthesis may follow, and that are no functions.
const OPERATORS: [&str; 7] = ["and", "else", "if", "in", "is", "not", "or"];

/// Notes the filters, tests and functions of an expression that the language does not have, and filters without what
/// they need; false where there are any.
pub(super) fn check(text: &str, shown: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> bool {
    let bare = without_strings(text);
    let mut sound = true;
    for test in tests_used(&bare).into_iter().filter(|name| !is_test(name)) {
        sound = false;
        let message = format_args!("`{shown}` uses the test `{test}`, which is unknown");
        let usual = did_you_mean(&test, USUAL_TESTS).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        let help = format!(
            "{usual}a comparison is written `==`; usual tests: {}",
            USUAL_TESTS.join(", ")
        );
        diagnostics.error_with_help(path, message, help);
    }
    for (filter, arguments) in filters(&bare) {
        let given = arguments.unwrap_or(0);
        let outcome = outcome(&format!("'' | {filter}({})", vec!["''"; given].join(", ")));
        if outcome == Some(ErrorKind::UnknownFilter) {
            sound = false;
            let message = format_args!("`{shown}` uses the filter `{filter}`, which is unknown");
            let help = match did_you_mean(&filter, USUAL_FILTERS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("usual filters: {}", USUAL_FILTERS.join(", ")),
            };
            diagnostics.error_with_help(path, message, help);
        } else if outcome == Some(ErrorKind::MissingArgument) && arguments.is_some() {
            sound = false;
            let full = FILTERS_IN_FULL.iter().find(|(name, _)| *name == filter);
            let full = full.map_or_else(|| format!("{filter}(…)"), |(_, full)| (*full).to_owned());
            diagnostics.error_with_help(
                path,
                format_args!("`{shown}` uses the filter `{filter}` without what it needs"),
                format_args!("write `{full}`"),
            );
        }
    }
    for function in functions(&bare).into_iter().filter(|name| !is_function(name)) {
        sound = false;
        let help = if is_filter(&function) {
            format!("`{function}` is a filter, which follows its value: `value | {function}`")
        } else {
            "there are filters, such as `value | lower`, and the functions `dict` and `range`".to_owned()
        };
        diagnostics.error_with_help(
            path,
            format_args!("`{shown}` calls the function `{function}`, which is unknown"),
            help,
        );
    }
    sound
}

/// Whether an expression calls a name, so that it is no variable.
pub(super) fn is_called(name: &str, text: &str) -> bool {
    functions(&without_strings(text))
        .iter()
        .any(|function| function == name)
}

/// The filters in an expression, those that follow a `|`, each with the number of its arguments; none for a number that
/// does not say how many there are.
fn filters(bare: &str) -> Vec<(String, Option<usize>)> {
    let after_bars = bare.split('|').skip(1);
    let filters = after_bars.map(|rest| {
        let rest = rest.trim_start();
        let length = rest.find(|character: char| !is_part(character)).unwrap_or(rest.len());
        (rest[..length].to_owned(), arguments(rest[length..].trim_start()))
    });
    filters.collect()
}

/// How many arguments are in the parentheses that a text begins with. Strings in it are blanks, a filter's value cannot
/// be told from an argument's, and one with a name counts for none.
fn arguments(rest: &str) -> Option<usize> {
    let Some(inner) = rest.strip_prefix('(') else {
        return Some(0);
    };
    let (mut depth, mut commas, mut is_named) = (0, 0, false);
    for (at, character) in inner.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                let is_empty = commas == 0 && inner[..at].is_empty();
                return (!is_named).then_some(if is_empty { 0 } else { commas + 1 });
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => commas += 1,
            '=' => is_named = true,
            _ => {}
        }
    }
    None
}

/// The names of the tests in an expression: those that follow `is` or `is not`.
fn tests_used(bare: &str) -> Vec<String> {
    let is_part = |character: char| is_part(character) || character == '.';
    let mut words = bare
        .split(|character| !is_part(character))
        .filter(|word| !word.is_empty());
    let mut names = Vec::new();
    while let Some(word) = words.next() {
        if word == "is" {
            let next = words.next();
            let name = if next == Some("not") { words.next() } else { next };
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

/// The names of the functions that an expression calls: those before a parenthesis that are no filter, test or method.
fn functions(bare: &str) -> Vec<String> {
    let calls = bare.match_indices('(').filter_map(|(at, _)| {
        let before = bare[..at].trim_end();
        let start = before
            .rfind(|character: char| !is_part(character))
            .map_or(0, |last| last + before[last..].chars().next().map_or(1, char::len_utf8));
        let (around, name) = (before[..start].trim_end(), &before[start..]);
        let last_word = around
            .rsplit(|character: char| !is_part(character))
            .next()
            .unwrap_or_default();
        let is_other = around.ends_with(['|', '.']) || matches!(last_word, "is") || around.ends_with("is not");
        let is_name = name.chars().next().is_some_and(|first| !first.is_ascii_digit());
        (is_name && !is_other && !OPERATORS.contains(&name)).then(|| name.to_owned())
    });
    calls.collect()
}

fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// An expression with blanks in the place of its quoted strings.
fn without_strings(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut quote = None;
    let mut escaped = false;
    for character in text.chars() {
        let is_quoted = quote.is_some();
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            _ => {}
        }
        bare.push(if is_quoted || quote.is_some() { ' ' } else { character });
    }
    bare
}

fn is_test(name: &str) -> bool {
    outcome(&format!("'' is {name}")) != Some(ErrorKind::UnknownTest)
}

fn is_filter(name: &str) -> bool {
    outcome(&format!("'' | {name}")) != Some(ErrorKind::UnknownFilter)
}

fn is_function(name: &str) -> bool {
    outcome(&format!("{name}()")) != Some(ErrorKind::UnknownFunction)
}

/// What the engine says of an expression that uses one name. Configs use the same few, again and again.
fn outcome(expression: &str) -> Option<ErrorKind> {
    static KNOWN: LazyLock<Mutex<BTreeMap<String, Option<ErrorKind>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(outcome) = known.get(expression) {
        return *outcome;
    }
    let used = ENVIRONMENT.compile_expression_owned(expression.to_owned());
    let outcome = used
        .and_then(|expression| expression.eval(()))
        .err()
        .map(|error| error.kind());
    known.insert(expression.to_owned(), outcome);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_an_expression_uses_by_name() {
        for (text, filters_used, called) in [
            ("a | date", vec![("date", Some(0))], vec![]),
            (
                "a | date('%Y, (') | upper",
                vec![("date", Some(1)), ("upper", Some(0))],
                vec![],
            ),
            ("a | replace('a', b(1, 2))", vec![("replace", Some(2))], vec!["b"]),
            ("a | default(value=1)", vec![("default", None)], vec![]),
            (
                "a | replace(b | upper, 'c')",
                vec![("replace", None), ("upper", Some(0))],
                vec![],
            ),
            ("lookup(k) and not (a or (b))", vec![], vec!["lookup"]),
            ("a is divisibleby(2) and a is not sameas(b)", vec![], vec![]),
            ("a.items() ~ '(x('", vec![], vec![]),
            ("range(3)", vec![], vec!["range"]),
        ] {
            let bare = without_strings(text);
            let found = filters(&bare);
            let found: Vec<(&str, Option<usize>)> = found.iter().map(|(name, given)| (name.as_str(), *given)).collect();
            assert_eq!(found, filters_used, "{text}");
            assert_eq!(functions(&bare), called, "{text}");
        }
    }
}
