//! Column layout: the columns that are shown, and their widths, for the width of the terminal. Pure.

use crate::terminal::{Kept, truncate, width};

/// A column without its cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) align: Align,
    /// The part of a cell that is kept if the column is truncated.
    pub(super) kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    /// For numbers.
    Right,
}

/// One step in making a table narrower.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShrinkStep {
    /// Truncates the column to that width.
    Cut(usize, usize),
    Drop(usize),
}

/// Spaces between columns.
const COLUMN_GAP: usize = 2;

/// All columns, each with its width if it is shown.
#[derive(Debug)]
pub(super) struct ColumnLayout<'a> {
    columns: &'a [Column],
    /// `None`: dropped.
    widths: Vec<Option<usize>>,
}

impl<'a> ColumnLayout<'a> {
    /// As wide as the cells. On a screen the `steps` are applied in order until the table fits.
    pub(super) fn new<'r>(
        columns: &'a [Column],
        rows: impl Iterator<Item = &'r [String]>,
        screen: Option<usize>,
        steps: &[ShrinkStep],
    ) -> Self {
        let mut widths: Vec<usize> = columns.iter().map(|column| width(column.head)).collect();
        for row in rows {
            for (column_width, cell) in widths.iter_mut().zip(row) {
                *column_width = (*column_width).max(width(cell));
            }
        }
        let mut layout = Self { columns, widths: widths.into_iter().map(Some).collect() };
        for step in steps {
            let excess = layout.total().saturating_sub(screen.unwrap_or(usize::MAX));
            if excess == 0 {
                break;
            }
            match *step {
                ShrinkStep::Drop(column) => layout.set(column, None),
                ShrinkStep::Cut(column, least) => {
                    if let Some(Some(current)) = layout.widths.get(column).copied()
                        && current > least
                    {
                        layout.set(column, Some(current.saturating_sub(excess).max(least)));
                    }
                }
            }
        }
        layout
    }

    fn set(&mut self, column: usize, new_width: Option<usize>) {
        if let Some(column_width) = self.widths.get_mut(column) {
            *column_width = new_width;
        }
    }

    /// The width of all shown columns with the gaps between them.
    pub(super) fn total(&self) -> usize {
        let shown: Vec<usize> = self.widths.iter().copied().flatten().collect();
        shown.iter().sum::<usize>() + COLUMN_GAP * shown.len().saturating_sub(1)
    }

    /// The line of column heads.
    pub(super) fn head(&self) -> String {
        let heads: Vec<String> = self.columns.iter().map(|column| column.head.to_owned()).collect();
        self.line(&heads, |_, text| text)
    }

    /// The line of a row. `paint` gets the index of a column and the text of its cell, and may add colour, which takes no
    /// columns.
    pub(super) fn line(&self, cells: &[String], paint: impl Fn(usize, String) -> String) -> String {
        let mut line = String::new();
        let mut spaces = 0;
        let columns = self.columns.iter().zip(&self.widths).zip(cells).enumerate();
        for (number, ((column, shown_width), cell)) in columns {
            let Some(most) = *shown_width else { continue };
            let text = truncate(cell, most, column.kept);
            let padding = most.saturating_sub(width(&text));
            let (before, after) = match column.align {
                Align::Left => (0, padding),
                Align::Right => (padding, 0),
            };
            // Spaces are written together with the text that follows them, so that no line ends in spaces.
            spaces += before;
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', spaces));
                line.push_str(&paint(number, text));
                spaces = 0;
            }
            spaces += after + COLUMN_GAP;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { head: "BAY", align: Align::Right, kept: Kept::End },
        Column { head: "SERIAL", align: Align::Left, kept: Kept::Beginning },
        Column { head: "SIZE", align: Align::Right, kept: Kept::Beginning },
    ];
    const STEPS: [ShrinkStep; 2] = [ShrinkStep::Drop(2), ShrinkStep::Cut(1, 4)];

    fn shown(screen: Option<usize>) -> Vec<String> {
        let rows = [["7", "ZR7PM095", "16.0 TB"], ["10", "", "1 MB"]].map(|row| row.map(str::to_owned));
        let layout = ColumnLayout::new(&COLUMNS, rows.iter().map(<[String; 3]>::as_slice), screen, &STEPS);
        let rows = rows.iter().map(|row| layout.line(row, |_, text| text));
        [layout.head()].into_iter().chain(rows).collect()
    }

    #[test]
    fn columns_are_dropped_and_cut_in_the_order_of_the_steps() {
        assert_eq!(shown(None), ["BAY  SERIAL       SIZE", "  7  ZR7PM095  16.0 TB", " 10               1 MB"]);
        assert_eq!(shown(Some(22)), shown(None));
        assert_eq!(shown(Some(21)), ["BAY  SERIAL", "  7  ZR7PM095", " 10"]);
        assert_eq!(shown(Some(10)), ["BAY  SERI…", "  7  ZR7P…", " 10"]);
        assert_eq!(shown(Some(1)), ["BAY  SER…", "  7  ZR7…", " 10"]);
    }
}
