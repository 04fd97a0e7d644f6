//! The sink that passes events to the `log` crate: the text as the message, the fields as key-value pairs.

use super::event::Event;
use super::fields::MESSAGE_ID;
use super::sink::Sink;
use log::kv::{Error, Key, Source, Value, VisitSource};

pub(crate) struct LogSink;

impl Sink for LogSink {
    fn record(&self, event: &Event) {
        if event.level > log::max_level() {
            return;
        }
        let (source, key_values) = (event.source, KeyValues(event));
        let mut record = log::Record::builder();
        record.level(event.level).target(source.module).module_path_static(Some(source.module));
        record.file_static(Some(source.file)).line(Some(source.line)).key_values(&key_values);
        log::logger().log(&record.args(format_args!("{}", event.text)).build());
    }
}

/// The key-value pairs of an event for the `log` crate: `MESSAGE_ID`, then its fields.
pub(crate) struct KeyValues<'a>(pub(crate) &'a Event);

impl Source for KeyValues<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        visitor.visit_pair(Key::from_str(MESSAGE_ID), Value::from(self.0.kind.message_id()))?;
        for (field, value) in self.0.fields.iter() {
            visitor.visit_pair(Key::from_str(field), Value::from(value))?;
        }
        Ok(())
    }
}
