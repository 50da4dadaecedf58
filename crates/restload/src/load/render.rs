//! The report of mistakes: each with its place, the line it stands in, and a caret under it.

use std::fmt::Write as _;
use std::ops::Range;

use restload_model::diagnostics::{Diagnostic, Severity};
use restload_model::secret::MASK;
use unicode_width::UnicodeWidthChar as _;

use super::document::{Document, within};
use super::masking;
use super::source::{Source, Span};
use super::{Mistake, Problem};

/// Longer lines are cut around the caret; they would wrap, and take the caret away from what it points at.
const WIDEST_LINE: usize = 120;

/// What stays visible before the caret of a line that is cut.
const BEFORE_CARET: usize = 60;

/// Help no longer than this stands beside the caret.
const WIDEST_LABEL: usize = 60;

const TAB_STOP: usize = 4;

/// The report of a document's mistakes; without a document it names no places.
pub(crate) fn render(document: Option<&Document>, diagnostics: &[Diagnostic], color: bool) -> String {
    let problems = diagnostics.iter().map(|diagnostic| problem(document, diagnostic));
    report(document.map(Document::source), problems.collect(), color)
}

/// A document's mistakes for programs, in the order of the file.
pub(crate) fn mistakes(document: &Document, diagnostics: &[Diagnostic]) -> Vec<Mistake> {
    let mut diagnostics: Vec<&Diagnostic> = diagnostics.iter().collect();
    diagnostics.sort_by_key(|diagnostic| document.span(&diagnostic.path, diagnostic.anchor));
    let mistakes = diagnostics.into_iter().map(|diagnostic| Mistake {
        path: diagnostic.path.to_string(),
        ..problem(Some(document), diagnostic).as_mistake(document.source().file_name())
    });
    mistakes.collect()
}

fn problem(document: Option<&Document>, diagnostic: &Diagnostic) -> Problem {
    Problem {
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
        span: document.map(|document| document.span(&diagnostic.path, diagnostic.anchor)),
        within: match document {
            Some(_) => within(&diagnostic.path),
            None => Some(diagnostic.path.to_string()).filter(|path| !path.is_empty()),
        },
    }
}

/// The report of mistakes in a file, in the order of the file.
pub(super) fn report(source: Option<&Source>, mut problems: Vec<Problem>, color: bool) -> String {
    if problems.is_empty() {
        return String::new();
    }
    problems.sort_by_key(|problem| problem.span);
    let paint = Paint { color };
    let mut report = String::new();
    let (mut error_count, mut warning_count) = (0, 0);
    for (problem, places) in without_repetitions(problems) {
        match problem.severity {
            Severity::Error => error_count += 1,
            Severity::Warning => warning_count += 1,
        }
        push_problem(&mut report, source, &problem, places, &paint);
        report.push('\n');
    }
    let counts = [counted(error_count, "error"), counted(warning_count, "warning")];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let place = source
        .map(|source| format!(" in {}", source.file_name()))
        .unwrap_or_default();
    let _ = writeln!(report, "{}{place}", counts.join(", "));
    report
}

/// A mistake in a default is found once in each resource that takes it, and shown once with the count.
fn without_repetitions(problems: Vec<Problem>) -> Vec<(Problem, usize)> {
    let mut kept: Vec<(Problem, usize)> = Vec::new();
    for problem in problems {
        let same = kept.iter_mut().find(|(earlier, _)| {
            problem.span.is_some()
                && earlier.span == problem.span
                && earlier.message == problem.message
                && earlier.help == problem.help
        });
        match same {
            Some((_, places)) => *places += 1,
            None => kept.push((problem, 1)),
        }
    }
    kept
}

fn counted(count: usize, noun: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    }
}

fn push_problem(report: &mut String, source: Option<&Source>, problem: &Problem, places: usize, paint: &Paint) {
    let word = match problem.severity {
        Severity::Error => paint.error("error"),
        Severity::Warning => paint.warning("warning"),
    };
    let _ = writeln!(
        report,
        "{word}{}",
        paint.bold(&format!(": {}", printable(&problem.message)))
    );
    let number_width = problem.span.map_or(1, |span| span.line.to_string().len());
    let margin = " ".repeat(number_width);
    let bar = paint.frame("|");
    let mut help: Vec<&str> = problem.help.as_deref().unwrap_or_default().lines().collect();
    // A list below its heading stays together.
    let is_list = help.get(1).is_some_and(|line| line.starts_with(' '));
    if let (Some(source), Some(span)) = (source, problem.span) {
        let place = format!("{}:{}:{}", source.file_name(), span.line, span.column);
        let _ = writeln!(report, "{margin}{} {place}", paint.frame("-->"));
        if let Some(line) = shown_line(source, span) {
            let label = match help.first() {
                Some(first) if !is_list && first.chars().count() <= WIDEST_LABEL => help.remove(0),
                _ => "",
            };
            let _ = writeln!(report, "{margin} {bar}");
            let _ = writeln!(report, "{} {bar} {}", paint.frame(&span.line.to_string()), line.text);
            let caret = "^".repeat(line.caret_width);
            let pointer = format!("{caret} {}", printable(label));
            let pointer = match problem.severity {
                Severity::Error => paint.error(pointer.trim_end()),
                Severity::Warning => paint.warning(pointer.trim_end()),
            };
            let _ = writeln!(report, "{margin} {bar} {}{pointer}", " ".repeat(line.caret_column));
        }
    }
    let notes = notes(problem, places, &help);
    if !notes.is_empty() && problem.span.is_some() {
        let _ = writeln!(report, "{margin} {bar}");
    }
    for note in notes {
        let mark = if note.starts_with(' ') {
            " ".to_owned()
        } else {
            paint.frame("=")
        };
        let _ = writeln!(report, "{margin} {mark} {}", printable(&note));
    }
}

fn notes(problem: &Problem, places: usize, help: &[&str]) -> Vec<String> {
    let mut notes = Vec::new();
    match (&problem.within, places) {
        (Some(within), 1) => notes.push(format!("in {within}")),
        (Some(within), 2) => notes.push(format!("in {within}, and 1 more place")),
        (Some(within), _) => notes.push(format!("in {within}, and {} more places", places - 1)),
        (None, _) => {}
    }
    for line in help {
        let heading = if line.starts_with(' ') { "    " } else { "help:" };
        notes.push(format!("{heading} {line}"));
    }
    notes
}

/// A line of the file as it is printed, with the caret's place in columns of the terminal.
struct ShownLine {
    text: String,
    caret_column: usize,
    caret_width: usize,
}

/// What one character of the file becomes.
struct Cell {
    text: String,
    width: usize,
}

fn shown_line(source: &Source, span: Span) -> Option<ShownLine> {
    let line = source.line(span.line)?;
    let mut hidden = source.hidden_in_line(span.line);
    hidden.extend(masking::secrets_in_line(line));
    let cells = cells(line, &hidden);
    let caret_start = (span.column - 1).min(cells.len());
    let caret_end = (caret_start + span.length).min(cells.len());
    let visible = visible(&cells, caret_start);
    let mut text: String = cells[visible.clone()].iter().map(|cell| cell.text.as_str()).collect();
    let mut caret_column = width(&cells[visible.start..caret_start]);
    let caret_width = width(&cells[caret_start..caret_end.min(visible.end).max(caret_start)]);
    if visible.start > 0 {
        text.insert(0, '…');
        caret_column += 1;
    }
    if visible.end < cells.len() {
        text.push('…');
    }
    Some(ShownLine {
        text: text.trim_end().to_owned(),
        caret_column,
        caret_width: caret_width.max(1),
    })
}

fn cells(line: &str, hidden: &[Range<usize>]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut column = 0;
    let mut in_secret = false;
    for (position, character) in line.chars().enumerate() {
        let is_hidden = hidden.iter().any(|range| range.contains(&position));
        let text = match character {
            _ if is_hidden && in_secret => String::new(),
            _ if is_hidden => MASK.to_owned(),
            '\t' => " ".repeat(TAB_STOP - column % TAB_STOP),
            _ => printable_character(character).to_string(),
        };
        in_secret = is_hidden;
        let width = text.chars().map(|character| character.width().unwrap_or(0)).sum();
        column += width;
        cells.push(Cell { text, width });
    }
    cells
}

/// The cells to print: all, or a window around the caret.
fn visible(cells: &[Cell], caret: usize) -> Range<usize> {
    if width(cells) <= WIDEST_LINE {
        return 0..cells.len();
    }
    let mut start = caret;
    while start > 0 && width(&cells[start - 1..caret]) <= BEFORE_CARET {
        start -= 1;
    }
    let mut end = start;
    let mut shown = 0;
    while end < cells.len() && shown + cells[end].width <= WIDEST_LINE {
        shown += cells[end].width;
        end += 1;
    }
    start..end
}

fn width(cells: &[Cell]) -> usize {
    cells.iter().map(|cell| cell.width).sum()
}

/// A text without anything that a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(printable_character).collect()
}

fn printable_character(character: char) -> char {
    let reorders_text =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || reorders_text {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

/// The colours of a report, or none.
struct Paint {
    color: bool,
}

impl Paint {
    fn error(&self, text: &str) -> String {
        self.with("\x1b[1;31m", text)
    }

    fn warning(&self, text: &str) -> String {
        self.with("\x1b[1;33m", text)
    }

    fn frame(&self, text: &str) -> String {
        self.with("\x1b[1;34m", text)
    }

    fn bold(&self, text: &str) -> String {
        self.with("\x1b[1m", text)
    }

    fn with(&self, start: &str, text: &str) -> String {
        if self.color {
            format!("{start}{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
