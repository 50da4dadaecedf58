//! What the operating system said, in words for people.

use std::io::{Error, ErrorKind};

/// The system's words without the number that the standard library adds: `Connection refused`.
pub fn in_words(error: &Error) -> String {
    if error.kind() == ErrorKind::InvalidData && error.get_ref().is_none() {
        // What reading a file as text says of other bytes.
        return "it is not UTF-8 text".to_owned();
    }
    without_number(&error.to_string()).to_owned()
}

/// A text without ` (os error 111)` at its end.
pub fn without_number(text: &str) -> &str {
    match text.rsplit_once(" (os error ") {
        Some((words, number)) if number.trim_end_matches(')').parse::<i32>().is_ok() => words,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_left_out() {
        let missing = std::fs::read("/nothing/here").unwrap_err();
        assert!(missing.to_string().contains("os error"));
        assert_eq!(in_words(&missing), without_number(&missing.to_string()));
        assert!(!in_words(&missing).contains("os error"));
        for (text, words) in [
            ("Connection refused (os error 111)", "Connection refused"),
            ("it said (os error what)", "it said (os error what)"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_number(text), words);
        }
    }
}
