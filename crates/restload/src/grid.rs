//! A table of data whose columns are known only when it is there, fit to a width: wide columns are cut, and those for
//! which there is no room are named.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::table::Align;
use crate::terminal::Terminal;

/// What a column may take while others are left out for want of room.
const USUAL_WIDTH: usize = 28;
/// Between two columns.
const GAP: usize = 2;

/// Rows of texts under headings.
pub(crate) struct Grid {
    columns: Vec<GridColumn>,
}

struct GridColumn {
    heading: String,
    align: Align,
    cells: Vec<String>,
}

/// A grid as it is printed.
pub(crate) struct Fitted {
    pub(crate) text: String,
    /// The headings of the columns for which there was no room.
    pub(crate) left_out: Vec<String>,
}

impl Grid {
    pub(crate) fn new() -> Self {
        Self { columns: Vec::new() }
    }

    /// Adds a column; every column has as many cells as there are rows.
    pub(crate) fn column(&mut self, heading: &str, align: Align, cells: &[String]) {
        // A cell is one line, whatever the data hold.
        let one_line = |text: &str| text.replace(char::is_control, " ");
        self.columns.push(GridColumn {
            heading: one_line(heading),
            align,
            cells: cells.iter().map(|cell| one_line(cell)).collect(),
        });
    }

    /// The grid in so many columns of the terminal, the first column in any case.
    pub(crate) fn fit(&self, width: usize, terminal: &Terminal) -> Fitted {
        let wanted: Vec<usize> = self.columns.iter().map(GridColumn::width).collect();
        let mut widths: Vec<usize> = Vec::new();
        let mut taken = 0;
        for wanted in &wanted {
            let own = (*wanted).min(USUAL_WIDTH);
            let gap = if widths.is_empty() { 0 } else { GAP };
            if !widths.is_empty() && taken + gap + own > width {
                break;
            }
            widths.push(own.min(width));
            taken += gap + own;
        }
        // What is left over goes to the columns that were cut, from the left.
        let mut room = width.saturating_sub(taken);
        for (own, wanted) in widths.iter_mut().zip(&wanted) {
            let more = (wanted - *own).min(room);
            *own += more;
            room -= more;
        }
        let shown = &self.columns[..widths.len()];
        let line = |cells: Vec<&str>| {
            let mut line = String::new();
            for ((cell, column), width) in cells.into_iter().zip(shown).zip(&widths) {
                let cell = cut(cell, *width);
                let blanks = " ".repeat(width - cell.width());
                match column.align {
                    Align::Left => line.extend([cell.as_str(), &blanks]),
                    Align::Right => line.extend([blanks.as_str(), &cell]),
                }
                line.push_str("  ");
            }
            line.trim_end().to_owned()
        };
        let mut text = terminal.bold(&line(shown.iter().map(|column| column.heading.as_str()).collect()));
        text.push('\n');
        for row in 0..shown.first().map_or(0, |column| column.cells.len()) {
            text.push_str(&line(shown.iter().map(|column| column.cells[row].as_str()).collect()));
            text.push('\n');
        }
        Fitted {
            text,
            left_out: self.columns[widths.len()..]
                .iter()
                .map(|column| column.heading.clone())
                .collect(),
        }
    }
}

impl GridColumn {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.width());
        cells.max().unwrap_or(0).max(self.heading.width())
    }
}

/// A text in so many columns of the terminal; one that is cut ends with an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut taken = 1;
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken > width {
            break;
        }
        shown.push(character);
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(width: usize) -> String {
        let mut grid = Grid::new();
        grid.column("id", Align::Right, &["1".into(), "1000".into()]);
        grid.column(
            "name",
            Align::Left,
            &["東京".into(), "a\nvery long name of a place that goes on".into()],
        );
        grid.column("note", Align::Left, &[String::new(), "x".into()]);
        let terminal = Terminal {
            color: false,
            is_interactive: false,
            verbosity: 0,
            quiet: false,
            log_format: crate::cli::LogFormat::Text,
        };
        let fitted = grid.fit(width, &terminal);
        format!("{}left out: {:?}", fitted.text, fitted.left_out)
    }

    #[test]
    fn columns_are_cut_and_left_out_to_fit() {
        insta::assert_snapshot!(fitted(60), @r"
          id  name                                      note
           1  東京
        1000  a very long name of a place that goes on  x
        left out: []
        ");
        insta::assert_snapshot!(fitted(36), @r#"
          id  name
           1  東京
        1000  a very long name of a place t…
        left out: ["note"]
        "#);
    }
}
