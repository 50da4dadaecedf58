//! Whether a text is one query that reads. The database has the last word, on a connection that cannot write; this is
//! for what a connection that cannot write does nevertheless (SQLite: `VACUUM INTO`, `ATTACH`), and for messages that
//! say what to do.

use crate::error::DestinationError;
use crate::url::Kind;

/// The query without a semicolon at its end.
pub(super) fn one_query(text: &str, kind: Kind) -> Result<&str, DestinationError> {
    let refused = |reason: &'static str| Err(DestinationError::NotAQuery { reason });
    if text.contains('\0') {
        return refused("it holds a NUL character");
    }
    let mut rest = text;
    let mut depth = 0_usize;
    let mut first_word: Option<&str> = None;
    let mut end: Option<usize> = None;
    while let Some(token) = next_token(rest, kind) {
        let token = match token {
            Ok(token) => token,
            Err(reason) => return refused(reason),
        };
        let at = text.len() - rest.len();
        rest = &rest[token.length..];
        match token.kind {
            TokenKind::Blank => {}
            _ if end.is_some() => return refused("there is more than one statement; run one at a time"),
            TokenKind::Semicolon => end = Some(at),
            TokenKind::Open => depth += 1,
            TokenKind::Close if depth == 0 => return refused("a `)` closes what nothing opens"),
            TokenKind::Close => depth -= 1,
            TokenKind::Word if first_word.is_none() => first_word = Some(&text[at..at + token.length]),
            TokenKind::Other if first_word.is_none() => return refused(ONLY_QUERIES),
            TokenKind::Word | TokenKind::Other => {}
        }
    }
    let Some(first_word) = first_word else {
        return refused("there is nothing to run; write a SELECT");
    };
    if depth > 0 {
        return refused("a `(` is never closed");
    }
    let reads = ["select", "with", "values"].contains(&first_word.to_ascii_lowercase().as_str())
        || (kind == Kind::Postgres && first_word.eq_ignore_ascii_case("table"));
    if !reads {
        return refused(ONLY_QUERIES);
    }
    Ok(&text[..end.unwrap_or(text.len())])
}

const ONLY_QUERIES: &str = "only queries that read are: SELECT, WITH or VALUES";

enum TokenKind {
    Blank,
    Word,
    Open,
    Close,
    Semicolon,
    Other,
}

struct Token {
    kind: TokenKind,
    length: usize,
}

/// The next piece of the text, as the database itself takes it apart.
fn next_token(text: &str, kind: Kind) -> Option<Result<Token, &'static str>> {
    let first = text.chars().next()?;
    let token = |kind, length| Some(Ok(Token { kind, length }));
    let quoted = |start: usize, quote: char, has_escapes: bool| match end_of_quoted(&text[start..], quote, has_escapes)
    {
        Some(length) => token(TokenKind::Other, start + length),
        None => Some(Err("a quote is never closed")),
    };
    match first {
        _ if text.starts_with("--") => token(TokenKind::Blank, text.find('\n').map_or(text.len(), |at| at + 1)),
        _ if text.starts_with("/*") => match end_of_comment(text, kind) {
            Some(length) => token(TokenKind::Blank, length),
            None => Some(Err("a comment is never closed")),
        },
        '\'' | '"' => quoted(0, first, false),
        '`' if kind == Kind::Sqlite => quoted(0, first, false),
        '[' if kind == Kind::Sqlite => match text.find(']') {
            Some(at) => token(TokenKind::Other, at + 1),
            None => Some(Err("a quote is never closed")),
        },
        'e' | 'E' if kind == Kind::Postgres && text[1..].starts_with('\'') => quoted(1, '\'', true),
        '$' if kind == Kind::Postgres => match dollar_tag(text) {
            Some(tag) => match text[tag.len()..].find(tag) {
                Some(at) => token(TokenKind::Other, at + 2 * tag.len()),
                None => Some(Err("a quote is never closed")),
            },
            None => token(TokenKind::Other, 1),
        },
        // SQLite takes `$name(…)` for one name, whatever stands in the brackets.
        '$' | '?' | ':' | '@' | '#' if kind == Kind::Sqlite => Some(Err("a query here takes no parameters")),
        '(' => token(TokenKind::Open, 1),
        ')' => token(TokenKind::Close, 1),
        ';' => token(TokenKind::Semicolon, 1),
        _ if first.is_whitespace() => token(TokenKind::Blank, first.len_utf8()),
        _ if is_in_word(first) => {
            let end = text.find(|character: char| !is_in_word(character) && character != '$');
            token(TokenKind::Word, end.unwrap_or(text.len()))
        }
        _ => token(TokenKind::Other, first.len_utf8()),
    }
}

fn is_in_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The length of a quoted text with its quotes. A quote is doubled to stand for itself.
fn end_of_quoted(text: &str, quote: char, has_escapes: bool) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if has_escapes && character == '\\' {
            characters.next()?;
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + quote.len_utf8());
        }
    }
    None
}

/// The length of a comment; Postgres nests them.
fn end_of_comment(text: &str, kind: Kind) -> Option<usize> {
    if kind == Kind::Sqlite {
        return text[2..].find("*/").map(|at| at + 4);
    }
    let mut depth = 0;
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
}

/// `$$` or `$tag$` at the start of the text.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 1;
    let name = &text[1..end];
    let is_name = name.chars().all(is_in_word) && !name.starts_with(|first: char| first.is_ascii_digit());
    is_name.then(|| &text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: Kind) -> String {
        match one_query(text, kind) {
            Ok(query) => format!("runs {query}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn one_query_that_reads_is_taken_without_its_semicolon() {
        for (kind, text, query) in [
            (Kind::Sqlite, "select 1", "select 1"),
            (Kind::Sqlite, " SELECT ';' ; -- the end; really\n", " SELECT ';' "),
            (
                Kind::Sqlite,
                "/* ; */ with a as (select 1) select * from a;",
                "/* ; */ with a as (select 1) select * from a",
            ),
            (Kind::Sqlite, "VALUES (1, 'it''s;')", "VALUES (1, 'it''s;')"),
            (
                Kind::Sqlite,
                "select [a;b], `c;d`, \"e;\"\"f\" from t",
                "select [a;b], `c;d`, \"e;\"\"f\" from t",
            ),
            (Kind::Sqlite, "select '\\'", "select '\\'"),
            (Kind::Sqlite, "select 1 -- no line end ;", "select 1 -- no line end ;"),
            (
                Kind::Postgres,
                "(select 1) union (select 2)",
                "(select 1) union (select 2)",
            ),
            (Kind::Postgres, "table orders", "table orders"),
            (
                Kind::Postgres,
                "select $$;)$$, $a$;$$;$a$, E'\\';'",
                "select $$;)$$, $a$;$$;$a$, E'\\';'",
            ),
            (
                Kind::Postgres,
                "select 1 /* a /* ; */ ; */",
                "select 1 /* a /* ; */ ; */",
            ),
            (
                Kind::Postgres,
                "select array[1;2]",
                "this is not run: there is more than one statement; run one at a time",
            ),
        ] {
            let expected = if query.starts_with("this") {
                query.to_owned()
            } else {
                format!("runs {query}")
            };
            assert_eq!(check(text, kind), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        for (kind, text, part) in [
            (Kind::Sqlite, "", "nothing to run"),
            (Kind::Sqlite, " -- only a comment", "nothing to run"),
            (Kind::Sqlite, "select 1; select 2", "more than one statement"),
            (Kind::Sqlite, "select 1;;", "more than one statement"),
            (Kind::Sqlite, "select 1) select 2 from (select 3", "nothing opens"),
            (Kind::Sqlite, "select 1); vacuum into 'x'; --", "nothing opens"),
            (Kind::Sqlite, "select (1", "never closed"),
            (Kind::Sqlite, "select 'a", "a quote is never closed"),
            (Kind::Sqlite, "select [a", "a quote is never closed"),
            (Kind::Sqlite, "select 1 /* a", "a comment is never closed"),
            (Kind::Sqlite, "select 1 /* a /* b */ ; */", "more than one statement"),
            (Kind::Sqlite, "select 1\0; drop table t", "NUL"),
            (Kind::Sqlite, "vacuum into 'x.db'", "only queries that read"),
            (Kind::Sqlite, "attach 'x.db' as x", "only queries that read"),
            (Kind::Sqlite, "pragma query_only = 0", "only queries that read"),
            (Kind::Sqlite, "table orders", "only queries that read"),
            (Kind::Sqlite, "'select'", "only queries that read"),
            (Kind::Sqlite, "\u{feff}select 1", "only queries that read"),
            (
                Kind::Sqlite,
                "select $a(') ) select 1; vacuum into 'x'; --')",
                "no parameters",
            ),
            (Kind::Sqlite, "select ?1", "no parameters"),
            (Kind::Postgres, "copy t to program 'x'", "only queries that read"),
            (Kind::Postgres, "do $$ begin end $$", "only queries that read"),
            (
                Kind::Postgres,
                "explain analyze delete from t",
                "only queries that read",
            ),
            (Kind::Postgres, "select $a$;", "a quote is never closed"),
            (Kind::Postgres, "select E'\\'; drop table t", "a quote is never closed"),
            (
                Kind::Postgres,
                "select 'a\\'; drop table t; --'",
                "more than one statement",
            ),
        ] {
            let message = check(text, kind);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
