//! A strict parser of the text formats of Prometheus and of `OpenMetrics`.

use super::daemon::Daemon;
use super::eventually;
use std::collections::{BTreeMap, BTreeSet};

/// One series and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Series {
    pub fn label(&self, name: &str) -> &str {
        match self.labels.get(name) {
            Some(value) => value,
            None => "",
        }
    }
}

/// The metrics of one scrape, and the metadata of their families.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    pub series: Vec<Series>,
    pub help: BTreeMap<String, String>,
    pub kinds: BTreeMap<String, String>,
    pub units: BTreeMap<String, String>,
    /// The last line is `# EOF`.
    pub ended: bool,
}

impl Exposition {
    /// Fails on anything that a scraper would reject, and on a series that occurs twice.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut seen = BTreeSet::new();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line ends with a line feed");
        for line in text.lines() {
            assert!(!page.ended, "nothing follows # EOF");
            if let Some(comment) = line.strip_prefix("# ") {
                page.read_metadata(comment, line);
                continue;
            }
            let series = series(line);
            assert!(seen.insert((series.name.clone(), series.labels.clone())), "duplicate series: {line}");
            page.series.push(series);
        }
        page
    }

    #[track_caller]
    fn read_metadata(&mut self, comment: &str, line: &str) {
        if comment == "EOF" {
            self.ended = true;
            return;
        }
        let words: Vec<&str> = comment.splitn(3, ' ').collect();
        let [keyword, family, text] = words[..] else { panic!("not three words: {line}") };
        let texts = match keyword {
            "HELP" => &mut self.help,
            "TYPE" => &mut self.kinds,
            "UNIT" => &mut self.units,
            other => panic!("unknown keyword {other}: {line}"),
        };
        assert!(!text.is_empty() && texts.insert(family.to_owned(), text.to_owned()).is_none(), "duplicate: {line}");
    }

    /// The series of this name that have at least these labels.
    pub fn all<'a>(
        &'a self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> impl ExactSizeIterator<Item = &'a Series> + use<'a> {
        let mut found = Vec::new();
        for series in &self.series {
            if series.name == name && labels.iter().all(|(label, value)| series.label(label) == *value) {
                found.push(series);
            }
        }
        found.into_iter()
    }

    /// The value of the only series with these labels; `None` if there is none.
    #[track_caller]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found: Vec<&Series> = self.all(name, labels).collect();
        assert!(found.len() < 2, "several series of {name} {labels:?}: {found:?}");
        found.first().map(|series| series.value)
    }

    /// The value of `label` in the series that is 1, of a set of states of which the others are 0.
    #[track_caller]
    pub fn state(&self, name: &str, label: &str, of: &[(&str, &str)]) -> Option<String> {
        let set: Vec<&Series> = self.all(name, of).filter(|series| series.value > 0.0).collect();
        assert!(set.len() < 2, "several states of {name}: {set:?}");
        let series = set.first()?;
        assert_eq!(series.value.to_bits(), 1f64.to_bits(), "{series:?}");
        Some(series.label(label).to_owned())
    }
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// `name{label="value",…} 1.5`
#[track_caller]
fn series(line: &str) -> Series {
    let end = line.find(|character| !is_name_character(character)).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(end);
    assert!(name.starts_with(|first: char| first.is_ascii_lowercase()), "invalid name: {line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let Some((label, after)) = rest.split_once("=\"") else { panic!("no label: {line}") };
            assert!(label.chars().all(is_name_character), "invalid label: {line}");
            let Some((value, after)) = unquoted(after) else { panic!("invalid value of a label: {line}") };
            assert!(labels.insert(label.to_owned(), value).is_none(), "duplicate label: {line}");
            if let Some(more) = after.strip_prefix(',') {
                rest = more;
                continue;
            }
            let Some(after) = after.strip_prefix('}') else { panic!("no end of the labels: {line}") };
            rest = after;
            break;
        }
    }
    let value = match rest.strip_prefix(' ') {
        Some("+Inf") => f64::INFINITY,
        Some(number) => number.parse().unwrap_or_else(|_| panic!("invalid value: {line}")),
        None => panic!("no space before the value: {line}"),
    };
    Series { name: name.to_owned(), labels, value }
}

/// The value of a label up to the closing quote, and the text after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, character)) = chars.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

impl Daemon {
    /// The metrics in the default format.
    #[track_caller]
    pub fn metrics(&self) -> Exposition {
        let response = self.get("/metrics");
        assert_eq!(response.status, 200, "{}", response.text());
        Exposition::read(&response.text())
    }

    /// Waits until the metrics satisfy `wanted`, and returns them.
    #[track_caller]
    pub fn metrics_when(&self, what: &str, wanted: impl Fn(&Exposition) -> bool) -> Exposition {
        eventually(what, || Some(self.metrics()).filter(|page| wanted(page)))
    }
}
