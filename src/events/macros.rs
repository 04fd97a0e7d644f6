//! `event!`, which builds an event and notes where in the source that happens.

/// Builds an event that knows its place in the source:
/// `event!(Level::Warn, EventKind::DriveMissing, at, subject, fields, "drive missing {drive}")`.
macro_rules! event {
    ($level:expr, $kind:expr, $at:expr, $subject:expr, $fields:expr, $($text:tt)+) => {
        $crate::events::Event {
            kind: $kind,
            at: $at,
            level: $level,
            subject: $subject,
            fields: $fields,
            text: format!($($text)+),
            source: $crate::events::SourceLocation { module: module_path!(), file: file!(), line: line!() },
        }
    };
}
pub(crate) use event;
