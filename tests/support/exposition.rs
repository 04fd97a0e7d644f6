//! Metrics as a scraper reads them: both text formats taken apart strictly, line by line.

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
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// An exposition: what stands in it, and what was said of the families.
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
    /// Whatever a scraper would not take fails the test; a series that stands twice, too.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut seen = BTreeSet::new();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line has an end");
        for line in text.lines() {
            assert!(!page.ended, "nothing follows # EOF");
            if let Some(said) = line.strip_prefix("# ") {
                page.said(said, line);
                continue;
            }
            let series = series(line);
            assert!(seen.insert((series.name.clone(), series.labels.clone())), "twice: {line}");
            page.series.push(series);
        }
        page
    }

    #[track_caller]
    fn said(&mut self, said: &str, line: &str) {
        if said == "EOF" {
            self.ended = true;
            return;
        }
        let mut words = said.splitn(3, ' ');
        let mut next = || words.next().unwrap_or_else(|| panic!("three words: {line}")).to_owned();
        let (what, name, text) = (next(), next(), next());
        let place = match what.as_str() {
            "HELP" => &mut self.help,
            "TYPE" => &mut self.kinds,
            "UNIT" => &mut self.units,
            other => panic!("unknown remark {other}: {line}"),
        };
        assert!(!text.is_empty() && place.insert(name, text).is_none(), "said once: {line}");
    }

    /// Series of that name whose labels are at least these.
    pub fn all<'a>(
        &'a self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> impl ExactSizeIterator<Item = &'a Series> + use<'a> {
        let fits = |s: &&Series| s.name == name && labels.iter().all(|(label, value)| s.label(label) == *value);
        let found: Vec<&Series> = self.series.iter().filter(fits).collect();
        found.into_iter()
    }

    /// The value of the only one; `None` when there is none.
    #[track_caller]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found: Vec<&Series> = self.all(name, labels).collect();
        assert!(found.len() < 2, "{name} {labels:?} is one series: {found:?}");
        found.first().map(|s| s.value)
    }

    /// The label that has 1, of a set of states.
    #[track_caller]
    pub fn state(&self, name: &str, label: &str, of: &[(&str, &str)]) -> Option<String> {
        let set: Vec<&Series> = self.all(name, of).filter(|s| s.value > 0.0).collect();
        assert!(set.len() < 2 && set.iter().all(|s| s.value.to_bits() == 1f64.to_bits()), "one of a set is 1: {set:?}");
        set.first().map(|s| s.label(label).to_owned())
    }
}

/// `name{label="value",…} 1.5`
#[track_caller]
fn series(line: &str) -> Series {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = line.find(|c| !is_name(c)).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(end);
    assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "a name: {line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("a label: {line}"));
            assert!(label.chars().all(is_name), "a label's name: {line}");
            let (value, after) = unquoted(after).unwrap_or_else(|| panic!("a label's value: {line}"));
            assert!(labels.insert(label.to_owned(), value).is_none(), "a label once: {line}");
            let Some(more) = after.strip_prefix(',') else {
                rest = after.strip_prefix('}').unwrap_or_else(|| panic!("the labels' end: {line}"));
                break;
            };
            rest = more;
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("a blank before the value: {line}"));
    let value =
        if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap_or_else(|_| panic!("a value: {line}")) };
    Series { name: name.to_owned(), labels, value }
}

/// A label's value up to its closing quote, and what follows that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

impl Daemon {
    /// What a scraper without preferences is given.
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
