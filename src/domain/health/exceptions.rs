//! Informational exceptions of SCSI drives by their code (ASC/ASCQ): class and severity of each.
//!
//! Neither smartctl's boolean nor its text decides: it reports every code below 5Dh and 0Bh as "not passed", and 7.4
//! changed the texts. Codes: the list of ASC/ASCQ assignments of T10; smartmontools' `scsiGetIEString`.

use super::verdict::{Class, Severity};
use crate::domain::smart::ExceptionCode;

/// The meaning of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) severity: Severity,
    pub(super) class: Class,
    /// What the drive reports, to follow "The drive reports that".
    pub(super) report: &'static str,
}

struct Row {
    asc: u8,
    /// First and last qualifier.
    ascq: (u8, u8),
    meaning: Meaning,
}

const fn row(asc: u8, ascq: (u8, u8), severity: Severity, class: Class, report: &'static str) -> Row {
    Row { asc, ascq, meaning: Meaning { severity, class, report } }
}

const WARNING: u8 = 0x0b;
const FAILURE_PREDICTED: u8 = 0x5d;

/// One code or range of codes a row. Codes without a row are unknown.
///
/// - 5Dh: failure prediction threshold exceeded. `FFh` is the answer to the TEST bit of the informational exceptions
///   control mode page (comment at smartmontools' `scsiCheckIE`).
/// - 0Bh/01h: the reference temperature of the temperature log page; 0Ah to 11h: the limits of the environmental limits
///   page (SPC-5). They are about the environment.
/// - 0Bh/03h to 05h: a scan or test in the background found an error (SBC-4, background scan).
/// - 0Bh/06h to 08h: the cache or the power that keeps it (SPC-4).
/// - 0Bh/09h: a statistic has reached a limit that was set (SPC-5, device statistics); the code does not say which.
/// - 0Bh/12h, 13h: microcode (SPC-5). 0Bh/14h: a head or other element has changed its status (SBC-4).
#[rustfmt::skip]
const MEANINGS: &[Row] = &[
    row(FAILURE_PREDICTED, (0x00, 0xfe), Severity::Crit, Class::Media, "it is failing"),
    row(FAILURE_PREDICTED, (0xff, 0xff), Severity::Watch, Class::Configuration,
        "it is failing because a test is switched on (TEST bit of its informational exceptions mode page)"),
    row(WARNING, (0x01, 0x01), Severity::Warn, Class::Environment, "its temperature is beyond its limit"),
    row(WARNING, (0x02, 0x02), Severity::Warn, Class::Environment, "its enclosure is degraded"),
    row(WARNING, (0x03, 0x03), Severity::Warn, Class::Media, "a self-test in the background has failed"),
    row(WARNING, (0x04, 0x05), Severity::Warn, Class::Media, "a scan in the background has found an error of the medium"),
    row(WARNING, (0x06, 0x06), Severity::Warn, Class::Environment, "its non-volatile cache is volatile now"),
    row(WARNING, (0x07, 0x07), Severity::Warn, Class::Environment, "the power of its non-volatile cache is degraded"),
    row(WARNING, (0x08, 0x08), Severity::Warn, Class::Environment, "it expects to lose power"),
    row(WARNING, (0x09, 0x09), Severity::Watch, Class::Reading, "one of its statistics has reached a limit that was set"),
    row(WARNING, (0x0a, 0x0a), Severity::Warn, Class::Environment, "its temperature is above its critical limit"),
    row(WARNING, (0x0b, 0x0b), Severity::Warn, Class::Environment, "its temperature is below its critical limit"),
    row(WARNING, (0x0c, 0x0c), Severity::Warn, Class::Environment, "its temperature is above its operating limit"),
    row(WARNING, (0x0d, 0x0d), Severity::Warn, Class::Environment, "its temperature is below its operating limit"),
    row(WARNING, (0x0e, 0x0e), Severity::Warn, Class::Environment, "the humidity is above its critical limit"),
    row(WARNING, (0x0f, 0x0f), Severity::Warn, Class::Environment, "the humidity is below its critical limit"),
    row(WARNING, (0x10, 0x10), Severity::Warn, Class::Environment, "the humidity is above its operating limit"),
    row(WARNING, (0x11, 0x11), Severity::Warn, Class::Environment, "the humidity is below its operating limit"),
    row(WARNING, (0x12, 0x12), Severity::Watch, Class::Configuration, "the security of its firmware is at risk"),
    row(WARNING, (0x13, 0x13), Severity::Warn, Class::Configuration, "its firmware's digital signature is not valid"),
    row(WARNING, (0x14, 0x14), Severity::Warn, Class::Media, "the status of one of its physical elements has changed"),
    // Used for slow responses, for example (smartmontools issue 326); smartctl 7.4 ignores those that are not assigned.
    row(WARNING, (0x80, 0xff), Severity::Watch, Class::Reading, "there is a warning with a code of its maker, which is not judged"),
];

/// The meaning of a code without a row.
const UNKNOWN: Meaning = Meaning {
    severity: Severity::Watch,
    class: Class::Reading,
    report: "there is an exception with an unknown code, which is not judged",
};

/// The meaning of a code; `None` for 00h/00h: no exception.
pub(super) fn meaning(code: ExceptionCode) -> Option<Meaning> {
    if code == ExceptionCode::NONE {
        return None;
    }
    match MEANINGS.iter().find(|row| row.asc == code.asc && (row.ascq.0..=row.ascq.1).contains(&code.ascq)) {
        Some(row) => Some(row.meaning),
        None => Some(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_meaning() {
        for asc in 0..=u8::MAX {
            for ascq in 0..=u8::MAX {
                let rows = MEANINGS.iter().filter(|row| row.asc == asc && (row.ascq.0..=row.ascq.1).contains(&ascq));
                assert!(rows.count() <= 1, "{asc:02x} {ascq:02x}");
            }
        }
    }

    #[test]
    fn code_decides_severity_and_class() {
        assert_eq!(meaning(ExceptionCode::NONE), None);
        for (asc, ascq, severity, class) in [
            (0x5d, 0x00, Severity::Crit, Class::Media),
            (0x5d, 0x10, Severity::Crit, Class::Media),
            (0x5d, 0x73, Severity::Crit, Class::Media),
            (0x5d, 0xff, Severity::Watch, Class::Configuration),
            (0x0b, 0x00, Severity::Watch, Class::Reading),
            (0x0b, 0x01, Severity::Warn, Class::Environment),
            (0x0b, 0x05, Severity::Warn, Class::Media),
            (0x0b, 0x0e, Severity::Warn, Class::Environment),
            (0x0b, 0x14, Severity::Warn, Class::Media),
            (0x0b, 0x15, Severity::Watch, Class::Reading),
            (0x0b, 0x96, Severity::Watch, Class::Reading),
            (0x3f, 0x05, Severity::Watch, Class::Reading),
        ] {
            let meaning = meaning(ExceptionCode { asc, ascq }).unwrap();
            assert_eq!((meaning.severity, meaning.class), (severity, class), "{asc:02x} {ascq:02x}");
        }
    }
}
