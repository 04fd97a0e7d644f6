//! Bay layouts of enclosures, a part of the rules file.
//!
//! ```toml
//! [enclosures."SHELF-42*"]      # by model, or by the enclosure's id
//! rows = 3
//! columns = 14
//! numbering = "columns"         # the second bay is above or below the first; otherwise "rows"
//! first_bay = "bottom_left"     # otherwise "top_left"
//! ```

use super::toml_value::{InvalidValue, as_table, invalid_value};
use crate::domain::layout::{Corner, Layout, Layouts, MAX_PER_SIDE, Numbering};
use toml::{Table, Value};

pub(super) fn parse(table: &Table) -> Result<Layouts, InvalidValue> {
    let mut layouts = Layouts::default();
    for (pattern, value) in table {
        let place = format!("enclosures.{pattern:?}");
        layouts.0.insert(pattern.clone(), parse_layout(&place, as_table(&place, value)?)?);
    }
    Ok(layouts)
}

fn parse_layout(place: &str, settings: &Table) -> Result<Layout, InvalidValue> {
    let (mut rows, mut columns) = (None, None);
    let (mut numbering, mut first_bay) = (Numbering::default(), Corner::default());
    for (name, value) in settings {
        let found = || format!("{place}.{name} = {value}");
        match name.as_str() {
            "rows" => rows = Some(count(value).ok_or_else(|| invalid_value(found(), COUNT))?),
            "columns" => columns = Some(count(value).ok_or_else(|| invalid_value(found(), COUNT))?),
            "numbering" => {
                let known = Numbering::ALL.into_iter().find(|known| value.as_str() == Some(known.as_str()));
                numbering = known.ok_or_else(|| invalid_value(found(), "\"rows\" or \"columns\""))?;
            }
            "first_bay" => {
                let known = Corner::ALL.into_iter().find(|known| value.as_str() == Some(known.as_str()));
                first_bay = known.ok_or_else(|| invalid_value(found(), CORNERS))?;
            }
            _ => return Err(invalid_value(found(), "rows, columns, numbering or first_bay")),
        }
    }
    let (Some(rows), Some(columns)) = (rows, columns) else {
        let missing = if rows.is_none() { "rows" } else { "columns" };
        return Err(invalid_value(format!("{place} without {missing}"), "both rows and columns"));
    };
    Ok(Layout { rows, columns, numbering, first_bay, guessed: false })
}

const COUNT: &str = "a whole number from 1 to 64";
const CORNERS: &str = "\"top_left\", \"top_right\", \"bottom_left\" or \"bottom_right\"";

fn count(value: &Value) -> Option<u32> {
    let count = u32::try_from(value.as_integer()?).ok()?;
    if (1..=MAX_PER_SIDE).contains(&count) { Some(count) } else { None }
}

/// For `check-config`: each pattern with its settings.
pub(super) fn rows(layouts: &Layouts) -> Vec<(String, String, &'static str)> {
    let mut shown = Vec::new();
    for (pattern, Layout { rows, columns, numbering, first_bay, .. }) in &layouts.0 {
        let (numbering, first_bay) = (numbering.as_str(), first_bay.as_str());
        let settings = format!("rows = {rows}, columns = {columns}, numbering = {numbering}, first_bay = {first_bay}");
        shown.push((format!("enclosures {pattern:?}"), settings, "file"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Layouts, InvalidValue> {
        parse(&text.parse().unwrap_or_default())
    }

    #[test]
    fn layouts_are_set_by_model() {
        let text = "[\"SHELF-42*\"]\nrows = 3\ncolumns = 14\n[other]\nrows = 1\ncolumns = 24\nnumbering = \"columns\"\n\
                    first_bay = \"bottom_right\"\n";
        let rows: Vec<_> =
            rows(&read(text).unwrap_or_default()).into_iter().map(|(name, layout, _)| (name, layout)).collect();
        let row = |name: &str, layout: &str| (name.to_owned(), layout.to_owned());
        assert_eq!(
            rows,
            [
                row("enclosures \"SHELF-42*\"", "rows = 3, columns = 14, numbering = rows, first_bay = top_left"),
                row("enclosures \"other\"", "rows = 1, columns = 24, numbering = columns, first_bay = bottom_right"),
            ]
        );
    }

    #[test]
    fn invalid_values_are_named() {
        for (text, found, wanted) in [
            ("[X]\nrows = 0\ncolumns = 4\n", "enclosures.\"X\".rows = 0", COUNT),
            ("[X]\nrows = 65\ncolumns = 4\n", "enclosures.\"X\".rows = 65", COUNT),
            ("[X]\nrows = 1.5\ncolumns = 4\n", "enclosures.\"X\".rows = 1.5", COUNT),
            ("[X]\nrows = 3\n", "enclosures.\"X\" without columns", "both rows and columns"),
            ("[X]\n", "enclosures.\"X\" without rows", "both rows and columns"),
            ("X = 3\n", "enclosures.\"X\" = 3", "a table"),
            ("[X]\nheight = 3\n", "enclosures.\"X\".height = 3", "rows, columns, numbering or first_bay"),
            ("[X]\nnumbering = \"up\"\n", "enclosures.\"X\".numbering = \"up\"", "\"rows\" or \"columns\""),
            ("[X]\nfirst_bay = 0\n", "enclosures.\"X\".first_bay = 0", CORNERS),
        ] {
            assert_eq!(read(text).err(), Some(invalid_value(found.to_owned(), wanted)), "{text}");
        }
    }
}
