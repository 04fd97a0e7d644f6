//! Rules over the NVMe SMART / Health Information log.

use super::ata::{newest_test_failed, spare_left};
use super::{Hit, Severity, Steps, Subject, counted, many, stated};

/// NVMe base specification, SMART / Health log byte 0. A temperature alone is a warning; every
/// other bit is about the data.
pub fn critical_warning(subject: &Subject, _: Steps) -> Option<Hit> {
    const TEMPERATURE: u8 = 0b10;
    const BITS: [&str; 6] = [
        "spare below threshold",
        "temperature beyond its limits",
        "reliability degraded",
        "media read-only",
        "volatile memory backup failed",
        "persistent memory region unreliable",
    ];
    let bits = subject.nvme()?.critical_warning.unwrap_or(0);
    if bits == 0 {
        let failed = subject.report?.smart_status_passed == Some(false);
        let message = "The drive reports that it is failing (SMART status).".to_owned();
        return failed.then(|| stated(Severity::Crit, "failed", "passed", message));
    }
    let words: Vec<&str> = (0..6).zip(BITS).filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, word)| word).collect();
    let words = if words.is_empty() { "a reserved bit".to_owned() } else { words.join(", ") };
    let severity = if bits == TEMPERATURE { Severity::Warn } else { Severity::Crit };
    let message = format!("The drive gives a critical warning: {words}.");
    Some(Hit { severity, observed: Some(bits.into()), limit: Some(0u8.into()), message })
}

pub fn spare(subject: &Subject, steps: Steps) -> Option<Hit> {
    subject.nvme()?;
    spare_left(subject, steps)
}

pub fn wear(subject: &Subject, steps: Steps) -> Option<Hit> {
    subject.nvme()?;
    super::ata::endurance_used(subject, steps)
}

pub fn media_errors(subject: &Subject, steps: Steps) -> Option<Hit> {
    let errors = subject.nvme()?.media_errors.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    counted(errors, steps, |n| format!("{} in the media could not be corrected.", many(n, "error")))
}

/// Against the controller's own limits; the sensors beside the composite temperature do not count.
pub fn hot(subject: &Subject, _: Steps) -> Option<Hit> {
    subject.nvme()?;
    let limits = subject.report?.temperature_limits;
    let celsius = subject.celsius()?;
    let sane = |limit: Option<i32>| limit.map(i64::from).filter(|t| (40..=130).contains(t));
    let (critical, warning) = (sane(limits.critical_limit_max_celsius), sane(limits.op_limit_max_celsius));
    let reached = |limit: Option<i64>| limit.filter(|l| celsius >= *l);
    let (severity, limit) = reached(critical)
        .map(|limit| (Severity::Crit, limit))
        .or_else(|| reached(warning).map(|limit| (Severity::Warn, limit)))?;
    let message = format!("{celsius} °C; the drive's own limit is {limit} °C.");
    Some(Hit { severity, observed: Some(celsius.into()), limit: Some(limit.into()), message })
}

pub fn self_test_failed(subject: &Subject, _: Steps) -> Option<Hit> {
    subject.nvme()?;
    newest_test_failed(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::tests::subject;
    use crate::domain::smart::{NvmeDetail, SmartReport, TemperatureLimits};

    #[test]
    fn a_limit_that_no_drive_has_is_none() {
        let report = |limit| SmartReport {
            nvme: Some(NvmeDetail::default()),
            temperature_celsius: Some(70),
            temperature_limits: TemperatureLimits { op_limit_max_celsius: Some(limit), ..Default::default() },
            ..Default::default()
        };
        let hit = |limit| hot(&subject(&report(limit)), Steps::STATE).map(|h| h.severity);
        assert_eq!((hit(70), hit(71), hit(0)), (Some(Severity::Warn), None, None));
    }
}
