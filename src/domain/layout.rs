//! Physical bay layout of an enclosure, as seen from the front. sysfs does not provide it: it is guessed from the number of
//! bays, or configured. Pure.

use super::glob::matches;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum number of rows, and of columns.
pub(crate) const MAX_PER_SIDE: u32 = 64;

/// `enclosures[].layout` of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Layout {
    /// Rows of bays.
    pub(crate) rows: u32,
    /// Columns of bays.
    pub(crate) columns: u32,
    /// Order in which the bays are numbered.
    pub(crate) numbering: Numbering,
    /// Position of the first bay.
    pub(crate) first_bay: Corner,
    /// It is not configured: it is the usual layout for that number of bays.
    pub(crate) guessed: bool,
}

/// Order in which bays are numbered: the position of the second bay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Numbering {
    /// Beside the first one.
    #[default]
    Rows,
    /// Above or below the first one.
    Columns,
}

impl Numbering {
    pub(crate) const ALL: [Self; 2] = [Self::Rows, Self::Columns];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Columns => "columns",
        }
    }
}

/// Position of the first bay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Corner {
    #[default]
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

impl Corner {
    pub(crate) const ALL: [Self; 4] = [Self::TopLeft, Self::TopRight, Self::BottomLeft, Self::BottomRight];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TopLeft => "top_left",
            Self::TopRight => "top_right",
            Self::BottomLeft => "bottom_left",
            Self::BottomRight => "bottom_right",
        }
    }
}

/// Usual numbers of columns by the number of bays, if the rule of `columns` does not give them: drawers, long top-loaders, 2U
/// fronts.
const USUAL_COLUMNS: [(u32, u32); 8] =
    [(14, 14), (25, 25), (42, 14), (45, 15), (48, 12), (60, 12), (84, 14), (106, 14)];

impl Layout {
    /// The usual layout for that number of bays.
    pub(crate) fn guess(bays: u32) -> Self {
        let columns = match USUAL_COLUMNS.iter().find(|(count, _)| *count == bays) {
            Some((_, columns)) => *columns,
            None if bays <= 4 => bays.max(1),
            None => columns(bays),
        };
        Self {
            rows: bays.div_ceil(columns).max(1),
            columns,
            numbering: Numbering::default(),
            first_bay: Corner::default(),
            guessed: true,
        }
    }

    /// The same layout, with as many rows as the bays need.
    fn with_room(self, bays: u32) -> Self {
        Self { rows: self.rows.max(bays.div_ceil(self.columns.max(1))), ..self }
    }
}

/// The number of columns of a front that is about twice as wide as high, if possible with complete rows.
fn columns(bays: u32) -> u32 {
    // For a front that is twice as wide as high, the square of the columns is twice the bays.
    let deviation = |columns: &u32| (u64::from(*columns) * u64::from(*columns)).abs_diff(2 * u64::from(bays));
    let mut even = Vec::new();
    for columns in 1..=MAX_PER_SIDE {
        let rows = bays / columns;
        if bays.is_multiple_of(columns) && (rows..=rows.saturating_mul(4)).contains(&columns) {
            even.push(columns);
        }
    }
    let nearest = match even.into_iter().min_by_key(deviation) {
        Some(even) => Some(even),
        None => (1..=MAX_PER_SIDE).min_by_key(deviation),
    };
    nearest.unwrap_or(1)
}

/// Configured layouts, by a pattern of the model or id of the enclosure (`*` any text, `?` any character).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layouts(pub(crate) BTreeMap<String, Layout>);

impl Layouts {
    /// The layout of an enclosure. If several patterns match, the longest takes precedence.
    pub(crate) fn of(&self, model: Option<&str>, id: &str, bays: usize) -> Layout {
        let bays = u32::try_from(bays).unwrap_or(u32::MAX);
        let mut configured: Option<(&str, &Layout)> = None;
        for (pattern, layout) in &self.0 {
            let mut names = [model, Some(id)].into_iter().flatten();
            let is_longest = configured.is_none_or(|(longest, _)| pattern.len() >= longest.len());
            if is_longest && names.any(|name| matches(pattern, name.trim())) {
                configured = Some((pattern, layout));
            }
        }
        match configured {
            Some((_, layout)) => layout.with_room(bays),
            None => Layout::guess(bays),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessed_layout_is_the_usual_one() {
        for (bays, rows, columns) in [
            (0, 1, 1),
            (1, 1, 1),
            (4, 1, 4),
            (5, 2, 3),
            (6, 2, 3),
            (8, 2, 4),
            (12, 3, 4),
            (14, 1, 14),
            (16, 4, 4),
            (24, 4, 6),
            (25, 1, 25),
            (36, 4, 9),
            (42, 3, 14),
            (45, 3, 15),
            (60, 5, 12),
            (78, 6, 13),
            (84, 6, 14),
            (90, 6, 15),
            (102, 6, 17),
            (106, 8, 14),
        ] {
            let layout = Layout::guess(bays);
            assert_eq!((layout.rows, layout.columns), (rows, columns), "{bays} bays");
        }
        for bays in 0..5000 {
            let layout = Layout::guess(bays);
            assert!(layout.rows * layout.columns >= bays, "{bays} bays");
        }
    }

    #[test]
    fn configured_layout_has_precedence_and_room_for_all_bays() {
        let mut layouts = Layouts::default();
        for (pattern, rows, columns) in [("SHELF*", 6, 7), ("SHELF-42*", 3, 14), ("0x5003*", 1, 24)] {
            let layout = Layout { rows, columns, guessed: false, ..Layout::guess(1) };
            layouts.0.insert(pattern.to_owned(), layout);
        }
        for (model, id, bays, rows, columns, guessed) in [
            (Some("SHELF-42   "), "x", 42, 3, 14, false),
            (Some("shelf-12"), "x", 12, 6, 7, false),
            (None, "0x500304801f2b9d3f", 24, 1, 24, false),
            // A row is added for the 25th bay.
            (None, "0x500304801f2b9d3f", 25, 2, 24, false),
            (Some("other"), "x", 12, 3, 4, true),
        ] {
            let layout = layouts.of(model, id, bays);
            assert_eq!(
                (layout.rows, layout.columns, layout.guessed),
                (rows, columns, guessed),
                "{model:?} {id} {bays}"
            );
        }
    }
}
