//! Physical bay layout of an enclosure, as seen from the front. sysfs does not provide it: it is guessed from the
//! number of bays, or set by an administrator. Pure.

use super::glob::matches;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows or columns that a drawing has at most.
pub(crate) const MAX_PER_SIDE: u32 = 64;

/// `enclosures[].layout` of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Layout {
    /// Rows of bays.
    pub(crate) rows: u32,
    /// Columns of bays.
    pub(crate) columns: u32,
    /// Where the second bay stands.
    pub(crate) numbering: Numbering,
    /// Where the first bay stands.
    pub(crate) first_bay: Corner,
    /// Not configured: only what is usual for so many bays.
    pub(crate) guessed: bool,
}

/// Where the second bay stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Numbering {
    /// Beside the first.
    #[default]
    Rows,
    /// Above or below it.
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

/// Where the first bay stands.
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

/// Usual columns by the number of bays, where the shape does not follow from it: drawers, long top-loaders, 2U fronts.
const USUAL_COLUMNS: [(u32, u32); 8] =
    [(14, 14), (25, 25), (42, 14), (45, 15), (48, 12), (60, 12), (84, 14), (106, 14)];

impl Layout {
    /// The usual layout for that number of bays.
    pub(crate) fn guess(bays: u32) -> Self {
        let usual = USUAL_COLUMNS.iter().find(|(count, _)| *count == bays).map(|(_, columns)| *columns);
        let columns = usual.unwrap_or_else(|| match bays {
            0..=4 => bays.max(1),
            _ => columns(bays),
        });
        Self {
            rows: bays.div_ceil(columns).max(1),
            columns,
            numbering: Numbering::default(),
            first_bay: Corner::default(),
            guessed: true,
        }
    }

    /// As it was set, with room for every bay that there is.
    fn with_room(self, bays: u32) -> Self {
        Self { rows: self.rows.max(bays.div_ceil(self.columns.max(1))), ..self }
    }
}

/// Twice as wide as high, with complete rows if possible: a front is wide.
fn columns(bays: u32) -> u32 {
    let area = |columns: u32| u64::from(columns) * u64::from(columns);
    let target = 2 * u64::from(bays);
    // At twice as wide as high the square of the columns is twice the bays; the nearest number of columns is taken.
    let even = (1..=MAX_PER_SIDE).filter(|c| bays.is_multiple_of(*c) && *c >= bays / c && *c <= 4 * (bays / c));
    let nearest = |all: &mut dyn Iterator<Item = u32>| all.min_by_key(|c| area(*c).abs_diff(target));
    nearest(&mut even.into_iter()).or_else(|| nearest(&mut (1..=MAX_PER_SIDE))).unwrap_or(1)
}

/// Layouts that an administrator has set, by a pattern of the model or id of the enclosure (`*` any text, `?` any
/// character).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layouts(pub(crate) BTreeMap<String, Layout>);

impl Layouts {
    /// If several patterns match, the longest takes precedence.
    pub(crate) fn of(&self, model: Option<&str>, id: &str, bays: usize) -> Layout {
        let bays = u32::try_from(bays).unwrap_or(u32::MAX);
        let is_like = |pattern: &str| [model, Some(id)].into_iter().flatten().any(|name| matches(pattern, name.trim()));
        let set = self.0.iter().filter(|(pattern, _)| is_like(pattern)).max_by_key(|(pattern, _)| pattern.len());
        set.map_or_else(|| Layout::guess(bays), |(_, layout)| layout.with_room(bays))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bays_stand_as_is_usual_for_so_many() {
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
            assert!(layout.rows * layout.columns >= bays, "every one of {bays} bays has a place");
        }
    }

    #[test]
    fn what_was_set_counts_and_has_room_for_all() {
        let set = |rows, columns| Layout { rows, columns, guessed: false, ..Layout::guess(1) };
        let layouts = Layouts(
            [("SHELF*", set(6, 7)), ("SHELF-42*", set(3, 14)), ("0x5003*", set(1, 24))]
                .map(|(pattern, layout)| (pattern.to_owned(), layout))
                .into(),
        );
        let of = |model: Option<&str>, id: &str, bays| {
            let layout = layouts.of(model, id, bays);
            (layout.rows, layout.columns, layout.guessed)
        };
        assert_eq!(of(Some("SHELF-42   "), "x", 42), (3, 14, false));
        assert_eq!(of(Some("shelf-12"), "x", 12), (6, 7, false));
        assert_eq!(of(None, "0x500304801f2b9d3f", 24), (1, 24, false));
        assert_eq!(of(None, "0x500304801f2b9d3f", 25), (2, 24, false), "none of them is lost");
        assert_eq!(of(Some("other"), "x", 12), (3, 4, true));
    }
}
