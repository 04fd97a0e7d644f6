//! Whatever smartctl prints: a report comes out that can be judged and shown, of plain text and
//! sane numbers.

#![no_main]

use jbod_monitor::domain::health::{DriveFacts, PeersOfOne, RuleSettings, judge_drive};
use jbod_monitor::domain::time::Timestamp;
use jbod_monitor::probe::smartctl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let parsed = smartctl::parse(&String::from_utf8_lossy(bytes));
    let report = &parsed.report;
    let texts = [&report.model_name, &report.vendor, &report.wwn, &report.firmware_version];
    let serial_number = report.serial_number.as_deref();
    for text in texts.into_iter().flatten().map(String::as_str).chain(serial_number) {
        assert!(!text.is_empty() && text.trim() == text, "{text:?}");
        assert!(!text.contains(char::is_control) && text.chars().count() <= 600, "{text:?}");
    }
    assert!(report.temperature_celsius.is_none_or(|t| (1..=120).contains(&t)), "{:?}", report.temperature_celsius);
    assert_ne!(report.user_capacity_bytes, Some(0), "unknown is null");
    assert!(report.ata.as_ref().is_none_or(|ata| ata.attributes.len() <= 256));
    assert!(report.nvme.as_ref().is_none_or(|nvme| nvme.namespaces.len() <= 1024));
    assert!(parsed.messages.len() <= 32 && parsed.messages.iter().all(|message| message.chars().count() <= 256));
    assert!(parsed.too_much.is_none() || *report == Default::default(), "nothing is read in part");
    let now = Timestamp(1_767_225_600);
    let subject = DriveFacts {
        now,
        report: Some(report),
        collected_at: Some(now),
        asleep: parsed.is_low_power,
        model: report.model_name.as_deref(),
        rotates: report.rotation_rate_rpm.map(|rpm| rpm > 0),
        kernel_size_bytes: None,
        memberships: &[],
        fault_sensed: None,
        peers: PeersOfOne::default(),
        expected_paths: 1,
        lost_paths: &[],
    };
    let judged = judge_drive(&subject, &RuleSettings::default());
    assert!(serde_json::to_vec(&judged.findings).is_ok_and(|json| json.len() < 64 * 1024));
});
