//! A JSON object as zpool writes it: keys in order, every number a string unless `--json-int` was asked for.

use crate::zpool::Options;
use crate::zpool_text::{nice, size};
use jiff::Timestamp;
use serde_json::json;

/// An object whose keys keep their order, as its text.
#[derive(Default)]
pub struct Object(Vec<String>);

impl Object {
    pub fn raw(&mut self, key: &str, value: &str) {
        self.0.push(format!("{}:{value}", json!(key)));
    }

    pub fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &json!(value).to_string());
    }

    /// A count, or with `unit` B a size.
    pub fn number(&mut self, key: &str, value: u64, unit: &str, options: Options) {
        match (options.numbers, options.exact, unit) {
            (true, ..) => self.raw(key, &value.to_string()),
            (_, true, _) => self.text(key, &value.to_string()),
            (.., "B") => self.text(key, &size(value)),
            _ => self.text(key, &nice(value, unit)),
        }
    }

    /// A guid, an index or the number of a version: never shortened.
    pub fn id(&mut self, key: &str, value: u64, options: Options) {
        self.number(key, value, "", Options { exact: true, ..options });
    }

    /// A date in the C locale, in UTC; `None` is zero.
    pub fn time(&mut self, key: &str, at: Option<Timestamp>, options: Options) {
        match at {
            _ if options.exact => self.id(key, at.map_or(0, seconds), options),
            Some(at) => self.text(key, &at.strftime("%a %b %e %H:%M:%S UTC %Y").to_string()),
            None => self.text(key, "-"),
        }
    }

    /// A duration below a thousand seconds.
    pub fn duration(&mut self, key: &str, seconds: u64, options: Options) {
        if options.exact {
            self.id(key, seconds * 1_000_000_000, options);
        } else {
            self.text(key, &format!("{seconds}s"));
        }
    }

    pub fn end(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

pub fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}
