//! Tables for people.

use unicode_width::UnicodeWidthStr as _;

use crate::terminal::Terminal;

/// On which side of its column a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of texts under headings.
pub(crate) struct Table<const COLUMNS: usize> {
    headings: [(&'static str, Align); COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(headings: &[(&'static str, Align); COLUMNS]) -> Self {
        Self {
            headings: *headings,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        // A cell is one line, whatever is stored.
        self.rows.push(cells.map(|cell| cell.replace(char::is_control, " ")));
    }

    /// The table, each column as wide as its widest text.
    pub(crate) fn render(&self, terminal: &Terminal) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].width());
            cells.max().unwrap_or(0).max(self.headings[column].0.width())
        };
        let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
        let line = |cells: &[&str]| {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let blanks = " ".repeat(widths[column].saturating_sub(cell.width()));
                match self.headings[column].1 {
                    Align::Left => line.extend([*cell, &blanks, "  "]),
                    Align::Right => line.extend([&blanks, *cell, "  "]),
                }
            }
            line.trim_end().to_owned()
        };
        let headings: Vec<&str> = self.headings.iter().map(|(heading, _)| *heading).collect();
        let mut text = terminal.bold(&line(&headings));
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            text.push_str(&line(&cells));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right)]);
        table.row(["東京".to_owned(), "1000".to_owned()]);
        table.row(["a\nb c d".to_owned(), "2".to_owned()]);
        let terminal = Terminal {
            color: false,
            is_interactive: false,
            verbosity: 0,
            quiet: false,
            log_format: crate::cli::LogFormat::Text,
        };
        assert_eq!(table.render(&terminal), "name        n\n東京     1000\na b c d     2\n");
    }
}
