//! `event!`: a macro, because only a macro can record the module, file and line of its caller.

/// Builds an event with the source location of the caller:
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
