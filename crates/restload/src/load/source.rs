//! The text of a file as it is shown: its lines, places in it, and the parts that stay hidden.

use std::ops::Range;

/// A stretch of one line, counted in characters as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted from 1.
    pub(crate) column: usize,
    /// Zero only where the line ends.
    pub(crate) length: usize,
}

/// A file's name and text.
#[derive(Debug)]
pub(crate) struct Source {
    file_name: String,
    /// `None` when the file's lines must not be shown, as those of a file of secrets.
    text: Option<String>,
    lines: Vec<Line>,
    /// Character ranges that hold secrets in plain text.
    hidden: Vec<Range<usize>>,
}

/// Where a line begins, and how many characters it has without its line break.
#[derive(Debug)]
struct Line {
    byte: usize,
    character: usize,
    length: usize,
}

impl Source {
    pub(crate) fn new(file_name: &str, text: String) -> Self {
        let lines = line_table(&text);
        Self {
            file_name: file_name.to_owned(),
            text: Some(text),
            lines,
            hidden: Vec::new(),
        }
    }

    /// A file of which only the name and line numbers are ever shown.
    pub(crate) fn unseen(file_name: &str) -> Self {
        Self {
            file_name: file_name.to_owned(),
            text: None,
            lines: Vec::new(),
            hidden: Vec::new(),
        }
    }

    pub(crate) fn file_name(&self) -> &str {
        &self.file_name
    }

    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Keeps these character ranges out of whatever is shown.
    pub(crate) fn hide(&mut self, ranges: Vec<Range<usize>>) {
        self.hidden = ranges;
    }

    /// The text of a line without its line break; `None` when it may not be shown or is not there.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        let line = self.lines.get(number.checked_sub(1)?)?;
        let text = self.text.as_deref()?.get(line.byte..)?;
        let end = text.find('\n').unwrap_or(text.len());
        Some(text[..end].trim_end_matches('\r'))
    }

    /// The hidden parts of a line, as character ranges within it.
    pub(crate) fn hidden_in_line(&self, number: usize) -> Vec<Range<usize>> {
        let Some(line) = number.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return Vec::new();
        };
        let end = line.character + line.length;
        let mut ranges = Vec::new();
        for hidden in &self.hidden {
            if hidden.start < end && hidden.end > line.character {
                let from = hidden.start.max(line.character) - line.character;
                ranges.push(from..hidden.end.min(end) - line.character);
            }
        }
        ranges
    }

    /// The span between two character offsets, cut at the end of its first line and without trailing spaces.
    pub(crate) fn span(&self, characters: Range<usize>) -> Span {
        let index = self.lines.partition_point(|line| line.character <= characters.start);
        let Some(line) = index.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return START;
        };
        let column = (characters.start - line.character).min(line.length);
        let end = (characters.end.saturating_sub(line.character)).clamp(column, line.length);
        let shown = self.line(index).unwrap_or_default();
        let piece: String = shown.chars().skip(column).take(end - column).collect();
        Span {
            line: index,
            column: column + 1,
            length: piece.trim_end().chars().count(),
        }
    }

    /// The span of one character, given by its byte offset.
    pub(crate) fn span_at_byte(&self, byte: usize) -> Span {
        let index = self.lines.partition_point(|line| line.byte <= byte);
        let Some(line) = index.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return START;
        };
        let before = self.text().get(line.byte..byte).map_or(0, |text| text.chars().count());
        let start = line.character + before;
        self.span(start..start + 1)
    }

    /// The span of one character, given by line and column counted from 1.
    pub(crate) fn span_at(&self, line: usize, column: usize) -> Span {
        match line.checked_sub(1).and_then(|index| self.lines.get(index)) {
            Some(found) => {
                let start = found.character + column.saturating_sub(1).min(found.length);
                self.span(start..start + 1)
            }
            None => START,
        }
    }

    /// The last line that is not blank, for a text that ends too early.
    pub(crate) fn last_written(&self) -> Span {
        for number in (1..=self.lines.len()).rev() {
            let length = self.line(number).map_or(0, |line| line.trim_end().chars().count());
            if length > 0 {
                return Span {
                    line: number,
                    column: length + 1,
                    length: 0,
                };
            }
        }
        START
    }
}

/// Where a text without any line is pointed at.
pub(crate) const START: Span = Span {
    line: 1,
    column: 1,
    length: 0,
};

fn line_table(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut byte, mut character) = (0, 0);
    for line in text.split('\n') {
        let length = line.chars().count();
        lines.push(Line {
            byte,
            character,
            length: line.trim_end_matches('\r').chars().count(),
        });
        byte += line.len() + 1;
        character += length + 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_knows_every_line_break() {
        let source = Source::new("f", "a: é\r\nß: xy  \r\n".to_owned());
        assert_eq!(source.line(1), Some("a: é"));
        assert_eq!(source.line(2), Some("ß: xy  "));
        let value = Span {
            line: 2,
            column: 4,
            length: 2,
        };
        assert_eq!(source.span(9..13), value);
        assert_eq!(source.span_at_byte("a: é\r\nß: ".len()).column, 4);
        assert_eq!(source.last_written().column, 6);
    }
}
