//! The rule over the capacity that the kernel can use: sysfs and smartctl disagree about it.

use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, state_finding};
use super::thresholds::Thresholds;
use super::verdict::Severity;
use crate::domain::smart::SmartReport;

/// Sector sizes that Linux can use, in bytes (`sd_read_capacity` in `drivers/scsi/sd.c`). For any other size it sets the
/// capacity to 0.
const SECTOR_BYTES: [u64; 4] = [512, 1024, 2048, 4096];

/// The kernel cannot use the drive, or only a part of it.
pub(crate) fn unusable(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let report = facts.report?;
    // Behind a RAID controller or a USB bridge the sectors of the drive are not those that the kernel sees.
    let kernel = facts.kernel_size_bytes?;
    if let Some(bytes) = report.logical_block_bytes
        && !SECTOR_BYTES.contains(&bytes)
    {
        let message = format!(
            "The kernel cannot use the drive: its sectors have {bytes} bytes (expected 512, 1024, 2048 or 4096); reformat it."
        );
        return Some(state_finding(Severity::Watch, &format!("{bytes} bytes"), "512 bytes", message));
    }
    if kernel == 0 {
        let message = format!("The kernel cannot use the drive: it shows a size of 0 bytes ({}).", cause(report));
        return Some(state_finding(Severity::Watch, "0 bytes", "its capacity", message));
    }
    let capacity = report.user_capacity_bytes?;
    if kernel == capacity {
        return None;
    }
    let message = format!(
        "The kernel shows a size of {kernel} bytes, smartctl one of {capacity}: the drive was formatted or clipped after \
         the kernel read its size."
    );
    Some(state_finding(Severity::Watch, &format!("{kernel} bytes"), &format!("{capacity} bytes"), message))
}

/// Why the kernel may have set the capacity to 0.
fn cause(report: &SmartReport) -> String {
    if let Some(kind) = report.protection_type {
        return format!("it is formatted with protection information of type {kind}");
    }
    if report.user_capacity_bytes.is_none() {
        return "it is not ready, or its format was interrupted".to_owned();
    }
    "it was not ready when the kernel read its size, or is locked".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::tests::facts;
    use crate::domain::health::thresholds::WATCH;
    use crate::domain::smart::ScsiDetail;

    fn sized(bytes: u64, block: u64) -> SmartReport {
        SmartReport { user_capacity_bytes: Some(bytes), logical_block_bytes: Some(block), ..SmartReport::default() }
    }

    fn message(kernel: Option<u64>, report: SmartReport) -> Option<String> {
        let report = SmartReport { scsi: Some(ScsiDetail::default()), ..report };
        let facts = DriveFacts { kernel_size_bytes: kernel, ..facts(&report) };
        unusable(&facts, WATCH).map(|result| result.message)
    }

    #[test]
    fn finding_names_the_cause() {
        assert_eq!(message(Some(4096), sized(4096, 512)), None);
        assert_eq!(message(None, sized(4096, 4096)), None, "the kernel's size is not known");
        assert_eq!(
            message(None, sized(609_499_999_680, 520)),
            None,
            "a disk behind a RAID controller, which can use it"
        );
        assert_eq!(message(Some(4096), SmartReport::default()), None, "the capacity is not known");
        for (kernel, report, part) in [
            (Some(0), sized(609_499_999_680, 520), "sectors have 520 bytes"),
            (Some(0), sized(609_499_999_680, 528), "sectors have 528 bytes"),
            (Some(0), SmartReport::default(), "not ready, or its format was interrupted"),
            (Some(0), sized(4096, 512), "is locked"),
            (Some(0), SmartReport { protection_type: Some(2), ..sized(4096, 512) }, "information of type 2"),
            (Some(2048), sized(4096, 512), "The kernel shows a size of 2048 bytes, smartctl one of 4096"),
        ] {
            let message = message(kernel, report).unwrap_or_default();
            assert!(message.contains(part), "{message}");
        }
    }
}
