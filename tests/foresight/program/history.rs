//! Reads a history of drives: CSV, plain or gzip. A row has the values from `date` to `until`.

use super::ForesightError;
use super::attributes::{ATTRIBUTES, Values};
use flate2::read::MultiGzDecoder;
use jiff::civil::Date;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::str::FromStr;

/// Days since 1970-01-01.
pub type Day = i32;

/// Drives that were sampled in one way.
pub struct Source {
    pub name: String,
    pub drives: Vec<Drive>,
}

pub struct Drive {
    pub name: String,
    pub model: String,
    /// The number of drives of the population that this one represents.
    pub weight: f64,
    /// `None`: not seen to fail.
    pub failure: Option<Day>,
    /// In date order, at least one.
    pub runs: Vec<Run>,
}

/// Consecutive days with the same values.
pub struct Run {
    pub from: Day,
    pub until: Day,
    pub values: Values,
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Longer values are truncated in messages.
const MAX_FOUND_CHARS: usize = 60;

/// Reads the whole file. Sources and drives are in the order in which they first appear.
pub fn read(path: &Path) -> Result<Vec<Source>, ForesightError> {
    let file = path.display().to_string();
    let reader = open(path).map_err(|cause| ForesightError::Unreadable { file: file.clone(), cause })?;
    let mut lines = Lines { file, reader, number: 0, text: String::new() };
    if !lines.advance()? {
        return Err(lines.error("header", "nothing", "a row of column names"));
    }
    let header = Header::parse(&lines)?;
    let mut histories = Histories::default();
    while lines.advance()? {
        histories.add(&lines, &header)?;
    }
    if histories.sources.is_empty() {
        return Err(lines.error("rows", "none", "at least one reading below the header"));
    }
    Ok(histories.sources)
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    file.by_ref().take(2).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    if magic == GZIP_MAGIC {
        Ok(Box::new(BufReader::new(MultiGzDecoder::new(file))))
    } else {
        Ok(Box::new(BufReader::new(file)))
    }
}

/// The lines of a file, one at a time.
struct Lines {
    file: String,
    reader: Box<dyn BufRead>,
    number: usize,
    text: String,
}

impl Lines {
    /// Reads the next line, without its end; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool, ForesightError> {
        self.text.clear();
        self.number += 1;
        let read = self.reader.read_line(&mut self.text).map_err(|cause| ForesightError::UnreadableLine {
            file: self.file.clone(),
            line: self.number,
            cause,
        })?;
        self.text.truncate(self.text.trim_end_matches(['\r', '\n']).len());
        Ok(read > 0)
    }

    fn error(&self, field: &str, found: &str, wanted: &str) -> ForesightError {
        ForesightError::Malformed {
            file: self.file.clone(),
            line: self.number,
            field: field.to_owned(),
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        }
    }

    fn error_in_field(&self, field: &str, found: &str, wanted: &str) -> ForesightError {
        let shown: String = found.chars().take(MAX_FOUND_CHARS).collect();
        self.error(&format!("field {field}"), &format!("{shown:?}"), wanted)
    }
}

/// The position of each column. Other columns are ignored.
struct Header {
    columns: usize,
    source: usize,
    drive: usize,
    model: usize,
    weight: usize,
    date: usize,
    until: usize,
    days_to_failure: usize,
    /// In the order of `ATTRIBUTES`.
    attributes: Vec<AttributeColumns>,
}

/// The columns of an attribute; `None`: not recorded.
struct AttributeColumns {
    raw: Option<Column>,
    normalized: Option<Column>,
}

struct Column {
    name: String,
    place: usize,
}

impl Header {
    fn parse(lines: &Lines) -> Result<Self, ForesightError> {
        let names: Vec<&str> = lines.text.split(',').collect();
        let find = |wanted: &str| position(lines, &names, wanted);
        let mut attributes = Vec::new();
        for attribute in &ATTRIBUTES {
            attributes.push(AttributeColumns {
                raw: column(lines, &names, attribute.raw_column())?,
                normalized: column(lines, &names, attribute.normalized_column())?,
            });
        }
        Ok(Self {
            columns: names.len(),
            source: find("source")?,
            drive: find("drive")?,
            model: find("model")?,
            weight: find("weight")?,
            date: find("date")?,
            until: find("until")?,
            days_to_failure: find("days_to_failure")?,
            attributes,
        })
    }
}

fn position(lines: &Lines, names: &[&str], wanted: &str) -> Result<usize, ForesightError> {
    names.iter().position(|name| *name == wanted).ok_or_else(|| {
        lines.error("header", &format!("no column {wanted}"), &format!("a column {wanted} (docs/foresight.md)"))
    })
}

fn column(lines: &Lines, names: &[&str], name: Option<String>) -> Result<Option<Column>, ForesightError> {
    let Some(name) = name else { return Ok(None) };
    let place = position(lines, names, &name)?;
    Ok(Some(Column { name, place }))
}

/// The fields of one row.
struct Row<'a> {
    lines: &'a Lines,
    fields: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn split(lines: &'a Lines, header: &Header) -> Result<Self, ForesightError> {
        let fields: Vec<&str> = lines.text.split(',').collect();
        if fields.len() != header.columns {
            let wanted = format!("{} as in the header", header.columns);
            return Err(lines.error("number of fields", &fields.len().to_string(), &wanted));
        }
        Ok(Self { lines, fields })
    }

    fn field(&self, place: usize) -> &'a str {
        self.fields.get(place).copied().unwrap_or_default()
    }

    fn text(&self, name: &str, place: usize) -> Result<&'a str, ForesightError> {
        let text = self.field(place);
        if text.is_empty() { Err(self.lines.error_in_field(name, text, "a name")) } else { Ok(text) }
    }

    /// `None`: the field is empty.
    fn number<T: FromStr>(&self, name: &str, place: usize, wanted: &str) -> Result<Option<T>, ForesightError> {
        let text = self.field(place);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.lines.error_in_field(name, text, wanted))
    }

    fn day(&self, name: &str, place: usize) -> Result<Day, ForesightError> {
        let text = self.field(place);
        let day = if text.len() == "2020-01-31".len() { day_number(text) } else { None };
        day.ok_or_else(|| self.lines.error_in_field(name, text, "a date as 2020-01-31"))
    }

    fn weight(&self, header: &Header) -> Result<f64, ForesightError> {
        const WANTED: &str = "a number above 0";
        match self.number::<f64>("weight", header.weight, WANTED)? {
            Some(weight) if weight.is_finite() && weight > 0.0 => Ok(weight),
            _ => Err(self.lines.error_in_field("weight", self.field(header.weight), WANTED)),
        }
    }

    fn values(&self, header: &Header) -> Result<Values, ForesightError> {
        let mut values = Values::default();
        for (value, columns) in values.iter_mut().zip(&header.attributes) {
            if let Some(Column { name, place }) = &columns.raw {
                value.raw = self.number(name, *place, "a whole number, at least 0, or nothing")?;
            }
            if let Some(Column { name, place }) = &columns.normalized {
                value.normalized = self.number(name, *place, "a whole number from 0 to 255, or nothing")?;
            }
        }
        Ok(values)
    }
}

fn day_number(text: &str) -> Option<Day> {
    let date: Date = text.parse().ok()?;
    Some(date.since(Date::constant(1970, 1, 1)).ok()?.get_days())
}

/// The histories that were read so far.
#[derive(Default)]
struct Histories {
    sources: Vec<Source>,
    source_index: HashMap<String, usize>,
    /// By the index of the source and the name of the drive.
    drive_index: HashMap<(usize, String), usize>,
}

impl Histories {
    fn add(&mut self, lines: &Lines, header: &Header) -> Result<(), ForesightError> {
        let row = Row::split(lines, header)?;
        let (from, until) = (row.day("date", header.date)?, row.day("until", header.until)?);
        if until < from {
            let wanted = format!("a date from {} on, the date of the row", row.field(header.date));
            return Err(lines.error_in_field("until", row.field(header.until), &wanted));
        }
        let days_to_failure: Option<u16> = row.number(
            "days_to_failure",
            header.days_to_failure,
            "a whole number of days from 0 to 65535, or nothing",
        )?;
        let (weight, values) = (row.weight(header)?, row.values(header)?);
        let drive = self.drive(&row, header)?;
        if let Some(last) = drive.runs.last()
            && from <= last.until
        {
            let wanted = "a date after `until` of the drive's row before: dates are out of order";
            return Err(lines.error_in_field("date", row.field(header.date), wanted));
        }
        let failure = days_to_failure.map(|days| from + Day::from(days));
        drive.failure = drive.failure.max(failure);
        drive.weight = drive.weight.max(weight);
        drive.runs.push(Run { from, until, values });
        Ok(())
    }

    /// The drive of the row, added if it is new.
    fn drive(&mut self, row: &Row, header: &Header) -> Result<&mut Drive, ForesightError> {
        let source_name = row.text("source", header.source)?;
        let drive_name = row.text("drive", header.drive)?;
        let model = row.text("model", header.model)?;
        let source_index = match self.source_index.entry(source_name.to_owned()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.sources.push(Source { name: source_name.to_owned(), drives: Vec::new() });
                *new.insert(self.sources.len() - 1)
            }
        };
        let drives = &mut self.sources[source_index].drives;
        let drive_index = match self.drive_index.entry((source_index, drive_name.to_owned())) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                drives.push(Drive {
                    name: drive_name.to_owned(),
                    model: model.to_owned(),
                    weight: 0.0,
                    failure: None,
                    runs: Vec::new(),
                });
                *new.insert(drives.len() - 1)
            }
        };
        Ok(&mut drives[drive_index])
    }
}
