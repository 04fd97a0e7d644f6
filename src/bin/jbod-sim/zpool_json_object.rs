//! A JSON object as `zpool status -j` writes it: numbers are strings, except with `--json-int`.

use crate::zpool::StatusOptions;
use crate::zpool_text::{nicebytes, nicenum};
use jiff::Timestamp;
use serde_json::json;

/// The text of an object whose members keep their order.
#[derive(Default)]
pub struct Object(Vec<String>);

impl Object {
    /// Adds a member whose value is JSON.
    pub fn raw(&mut self, key: &str, value: &str) {
        self.0.push(format!("{}:{value}", json!(key)));
    }

    pub fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &json!(value).to_string());
    }

    pub fn count(&mut self, key: &str, value: u64, options: StatusOptions) {
        if options.exact {
            self.id(key, value, options);
        } else {
            self.text(key, &nicenum(value));
        }
    }

    pub fn bytes(&mut self, key: &str, value: u64, options: StatusOptions) {
        if options.exact {
            self.id(key, value, options);
        } else {
            self.text(key, &nicebytes(value));
        }
    }

    /// A GUID, an index or a version, which is never abbreviated.
    pub fn id(&mut self, key: &str, value: u64, options: StatusOptions) {
        if options.json_int {
            self.raw(key, &value.to_string());
        } else {
            self.text(key, &value.to_string());
        }
    }

    /// A time in UTC; `None` is 0.
    pub fn time(&mut self, key: &str, time: Option<Timestamp>, options: StatusOptions) {
        match time {
            Some(time) if options.exact => self.id(key, seconds(time), options),
            None if options.exact => self.id(key, 0, options),
            Some(time) => self.text(key, &time.strftime("%a %b %e %H:%M:%S UTC %Y").to_string()),
            None => self.text(key, "-"),
        }
    }

    /// A duration of less than 1,000 seconds.
    pub fn duration(&mut self, key: &str, seconds: u64, options: StatusOptions) {
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

/// Seconds since the epoch.
pub fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}
