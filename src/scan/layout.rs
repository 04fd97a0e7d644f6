//! Column layout: which columns are shown, and their widths, for the width of the terminal. Pure.

use crate::terminal::{cut, width};

/// What a column is like, beside its cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Holds numbers.
    pub(super) right: bool,
    /// Its end is more specific than its beginning.
    pub(super) keeps_end: bool,
}

/// One step in making a table narrower.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShrinkStep {
    /// Truncates the column to that width.
    Cut(usize, usize),
    Drop(usize),
}

/// Blanks between columns.
const COLUMN_GAP: usize = 2;

/// The columns that are shown, each with its width.
#[derive(Debug)]
pub(super) struct ColumnLayout<'a> {
    columns: &'a [Column],
    /// `None`: left out.
    widths: Vec<Option<usize>>,
}

impl<'a> ColumnLayout<'a> {
    /// As wide as the cells; on a screen, narrower by as many of the `steps` as it takes.
    pub(super) fn new<'r>(
        columns: &'a [Column],
        rows: impl Iterator<Item = &'r [String]>,
        screen: Option<usize>,
        steps: &[ShrinkStep],
    ) -> Self {
        let mut widths: Vec<usize> = columns.iter().map(|c| width(c.head)).collect();
        for row in rows {
            for (width_, cell) in widths.iter_mut().zip(row) {
                *width_ = (*width_).max(width(cell));
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
                    let now = layout.widths.get(column).copied().flatten();
                    if let Some(now) = now.filter(|now| *now > least) {
                        layout.set(column, Some(now.saturating_sub(excess).max(least)));
                    }
                }
            }
        }
        layout
    }

    fn set(&mut self, column: usize, width: Option<usize>) {
        if let Some(place) = self.widths.get_mut(column) {
            *place = width;
        }
    }

    /// Of all columns with the gaps between them.
    pub(super) fn total(&self) -> usize {
        let shown: Vec<usize> = self.widths.iter().copied().flatten().collect();
        shown.iter().sum::<usize>() + COLUMN_GAP * shown.len().saturating_sub(1)
    }

    /// The heads.
    pub(super) fn head(&self) -> String {
        let heads: Vec<String> = self.columns.iter().map(|c| c.head.to_owned()).collect();
        self.line(&heads, |_, text| text)
    }

    /// A row; `paint` may colour a cell's text, which takes no room.
    pub(super) fn line(&self, cells: &[String], paint: impl Fn(usize, String) -> String) -> String {
        let mut line = String::new();
        let mut blanks = 0;
        let shown = self.columns.iter().zip(&self.widths).zip(cells).enumerate();
        for (number, ((column, shown_width), cell)) in shown {
            let Some(most) = *shown_width else { continue };
            let text = cut(cell, most, column.keeps_end);
            let pad = most.saturating_sub(width(&text));
            let (before, after) = if column.right { (pad, 0) } else { (0, pad) };
            // Blanks are written before what follows them, so that no line ends in blanks.
            blanks += before;
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', blanks));
                line.push_str(&paint(number, text));
                blanks = 0;
            }
            blanks += after + COLUMN_GAP;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { head: "BAY", right: true, keeps_end: true },
        Column { head: "SERIAL", right: false, keeps_end: false },
        Column { head: "SIZE", right: true, keeps_end: false },
    ];
    const STEPS: [ShrinkStep; 2] = [ShrinkStep::Drop(2), ShrinkStep::Cut(1, 4)];

    fn shown(screen: Option<usize>) -> Vec<String> {
        let rows = [["7", "ZR7PM095", "16.0 TB"], ["10", "", "1 MB"]].map(|row| row.map(str::to_owned));
        let layout = ColumnLayout::new(&COLUMNS, rows.iter().map(<[String; 3]>::as_slice), screen, &STEPS);
        let rows = rows.iter().map(|row| layout.line(row, |_, text| text));
        [layout.head()].into_iter().chain(rows).collect()
    }

    #[test]
    fn columns_go_in_the_order_of_least_use() {
        assert_eq!(shown(None), ["BAY  SERIAL       SIZE", "  7  ZR7PM095  16.0 TB", " 10               1 MB"]);
        assert_eq!(shown(Some(22)), shown(None));
        assert_eq!(shown(Some(21)), ["BAY  SERIAL", "  7  ZR7PM095", " 10"]);
        assert_eq!(shown(Some(10)), ["BAY  SERI…", "  7  ZR7P…", " 10"]);
        assert_eq!(shown(Some(1)), ["BAY  SER…", "  7  ZR7…", " 10"]);
    }
}
