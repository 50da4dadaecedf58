//! `.env` files: `NAME=value` lines, with comments, quotes and `export`.
//!
//! Written here, as the ready-made readers show the faulty line in their errors and look variables up in the process
//! environment. A `$` is only a `$`: passwords hold it more often than references.

use std::collections::BTreeMap;

use restload_model::secret::Secret;

/// The values by name, or the number of the first line that is not an assignment and why.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Secret>, (usize, &'static str)> {
    let mut values = BTreeMap::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line_number = 1;
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            rest = rest.get(line.len() + 1..).unwrap_or_default();
            line_number += 1;
            continue;
        }
        let (name, value_text) = assignment(rest).map_err(|reason| (line_number, reason))?;
        let (value, after) = value(value_text).map_err(|reason| (line_number, reason))?;
        values.insert(name.to_owned(), Secret::new(value));
        let consumed = &rest[..rest.len() - after.len()];
        line_number += consumed.matches('\n').count();
        rest = after;
    }
    Ok(values)
}

/// The name of an assignment, and the text after its `=`.
fn assignment(text: &str) -> Result<(&str, &str), &'static str> {
    let line_end = text.find('\n').unwrap_or(text.len());
    let equals = text[..line_end].find('=').ok_or("expected `NAME=value`")?;
    let name = text[..equals].trim();
    let name = match name.strip_prefix("export") {
        Some(exported) if exported.starts_with(char::is_whitespace) => exported.trim_start(),
        _ => name,
    };
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(is_part) {
        return Err("the name before `=` has letters, digits and `_` only");
    }
    Ok((name, &text[equals + 1..]))
}

/// A value, and the text after its line.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let begin = text.trim_start_matches([' ', '\t']);
    let (value, after) = match begin.chars().next() {
        Some('\'') => {
            let end = begin[1..].find('\'').ok_or("a quote is not closed")?;
            (begin[1..=end].to_owned(), &begin[end + 2..])
        }
        Some('"') => double_quoted(&begin[1..])?,
        _ => {
            let line_end = begin.find('\n').unwrap_or(begin.len());
            let line = &begin[..line_end];
            let value = match line.find(" #").or_else(|| line.find("\t#")) {
                _ if line.starts_with('#') => "",
                Some(comment) => &line[..comment],
                None => line,
            };
            (value.trim().to_owned(), &begin[line_end..])
        }
    };
    let (rest_of_line, next) = after.split_once('\n').unwrap_or((after, ""));
    let rest_of_line = rest_of_line.trim();
    if !rest_of_line.is_empty() && !rest_of_line.starts_with('#') {
        return Err("only a comment may follow the closing quote");
    }
    Ok((value, next))
}

/// A value up to its closing quote, which may stand lines below, as in a private key.
fn double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[position + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped @ ('"' | '\\' | '$'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => {}
            },
            _ => value.push(character),
        }
    }
    Err("a quote is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_shells_and_tools_write() {
        let text = "\u{feff}# comment\r\nA=1\r\nexport B = two words # note\n\nC='a # b' # note\nD=\"x\\n\\\"y\\\"\"\nE=\nF=a#b\n\
            KEY=\"-----\nabc\n-----\"\nexported=p$q\nG= # none\n";
        let values = parse(text).unwrap();
        let shown: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(
            shown,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "a # b"),
                ("D", "x\n\"y\""),
                ("E", ""),
                ("F", "a#b"),
                ("G", ""),
                ("KEY", "-----\nabc\n-----"),
                ("exported", "p$q"),
            ]
        );
    }

    #[test]
    fn names_the_faulty_line() {
        for (text, line) in [
            ("A=1\nB\n", 2),
            ("A=\"1\n2\"\n=x", 3),
            ("A='x", 1),
            ("A=\"x\" y", 1),
            ("a b=1", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text}");
        }
    }
}
