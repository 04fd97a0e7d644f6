//! Any output of smartctl: a report with plain text and plausible numbers, which can be judged and serialized.

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
    if let Some(temperature) = report.temperature_celsius {
        assert!((1..=120).contains(&temperature), "{temperature}");
    }
    assert_ne!(report.user_capacity_bytes, Some(0), "unknown is None");
    if let Some(ata) = &report.ata {
        assert!(ata.attributes.len() <= 256);
    }
    if let Some(nvme) = &report.nvme {
        assert!(nvme.namespaces.len() <= 1024);
    }
    assert!(parsed.messages.len() <= 32 && parsed.messages.iter().all(|message| message.chars().count() <= 256));
    assert!(parsed.too_much.is_none() || *report == Default::default(), "a part of the output was parsed");
    let now = Timestamp(1_767_225_600);
    let facts = DriveFacts {
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
    let judgement = judge_drive(&facts, &RuleSettings::default());
    assert!(serde_json::to_vec(&judgement.findings).unwrap().len() < 64 * 1024);
});
