//! A host with a drive for each level of each rule, and with drives whose values look alarming but are not. Its serial
//! numbers are the same in every run.

use super::sim::Sim;
use serde_json::Value;

/// Serial numbers with the expected result: `ok`, or the rule that reports and the verdict.
pub type Expected = Vec<(String, &'static str)>;

/// The kind of drive that a case needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    /// SATA hard disk
    Sata,
    /// SATA hard disk of the most frequent model, so that it has peers
    Peer,
    SataSsd,
    Sas,
    /// SAS SSD
    Ssd,
    Nvme,
}

use On::{Nvme, Peer, Sas, Sata, SataSsd, Ssd};

/// The expected result, the kind of drive, and the settings of the simulated drive.
type Case = (&'static str, On, &'static [&'static str]);

/// The parts of A9, A12 and T1 have their names in findings. A rule on growth reports nothing on the first reading, so
/// that its drive is `ok` here.
#[rustfmt::skip]
const CASES: &[Case] = &[
    // Whether there is a reading.
    ("C1 unknown", Sata, &["standby=true"]),
    ("C1 unknown", Sas, &["standby=timer"]),
    ("C1 unknown", Sas, &["standby=low_power"]),
    ("C1 unknown", Sas, &["no_permission=true"]),
    ("C1 unknown", Sata, &["smart_off=true"]),
    // C4: no answer in time.
    ("C4 unknown", Sas, &["hang=true"]),
    // C2: one log cannot be read, the other values count.
    ("ok", Sata, &["partial=true"]),
    ("ok", Sas, &["partial=true"]),
    // C3: an old entry in the error log is no finding.
    ("ok", Sata, &["exit_status=64"]),
    // C6: placeholders for a temperature.
    ("ok", Sata, &["temperature_told=0"]),
    ("ok", Sata, &["temperature_told=255"]),
    ("ok", Sas, &["temperature_told=255"]),

    // C7: the kernel reports a size of 0.
    ("C7 watch", Sas, &["sector_bytes=520"]),

    ("A1 crit", Sata, &["failed=true"]),
    // A2: a pre-failure attribute at its threshold, a usage attribute at its threshold, and one that was in the past.
    ("A2 crit", Sata, &["attr.5.value=8"]),
    ("A2 warn", Sata, &["attr.12.value=15"]),
    ("A2 watch", Sata, &["attr.4.worst=20"]),
    ("A3 watch", Sata, &["attr.197.raw=8"]),
    ("A3 warn", Sata, &["attr.197.raw=16"]),
    ("A3 crit", Sata, &["attr.197.raw=104"]),
    ("A4 watch", Sata, &["attr.198.raw=1"]),
    ("A4 warn", Sata, &["attr.198.raw=9"]),
    ("A5 watch", Sata, &["attr.5.raw=40"]),
    ("A5 warn", Sata, &["attr.5.raw=300"]),
    ("A6 watch", Sata, &["attr.187.raw=5", "attr.187.text=0 0 5"]),
    ("A6 warn", Sata, &["attr.187.raw=40"]),
    // Numbers with another meaning, placeholders, and impossible numbers.
    ("ok", SataSsd, &["attr.197.raw=1", "attr.197.name=Current_Pending_ECC_Cnt"]),
    ("ok", SataSsd, &["attr.198.raw=81234", "attr.198.name=Host_Reads_GiB"]),
    ("ok", Sata, &["attr.10.raw=4294967295", "attr.197.raw=65535", "attr.198.raw=281474976710654"]),
    // A7: three counts in one number. 12, 12 and 12 are below the limit, 3, 150 and 150 are not.
    ("ok", Sata, &["attr.188.raw=51540393996"]),
    ("A7 watch", Sata, &["attr.188.raw=644254924803", "attr.188.text=3 150 150"]),
    // A8 is a rule on growth.
    ("ok", Sata, &["crc_errors=12"]),
    ("A9-10 warn", Sata, &["attr.10.raw=1"]),
    ("A9-184 warn", Sata, &["attr.184.value=98", "attr.184.raw=2"]),
    ("A9-196 watch", Sata, &["attr.196.raw=12"]),
    ("A10 warn", Sata, &["self_test_result=7"]),
    // A10: passed since; aborted by a user; running.
    ("ok", Sata, &["self_test_result=7", "self_test_later_pass=extended"]),
    ("ok", Sata, &["self_test_result=1"]),
    ("ok", Sata, &["self_test_remaining_percent=40"]),
    // A11 is a rule on growth.
    ("ok", Sata, &["ata_error_count=3"]),
    // smartctl derives wear and spare of a SATA SSD from attributes.
    ("A12 watch", SataSsd, &["percentage_used=85"]),
    ("A2 crit", SataSsd, &["percentage_used=100"]),
    ("A12-spare watch", SataSsd, &["available_spare=5"]),
    ("A13 watch", Sata, &["attr.22.raw=98", "attr.22.value=98", "attr.22.thresh=25"]),
    ("A13 crit", Sata, &["attr.22.raw=24", "attr.22.value=24", "attr.22.thresh=25"]),
    ("A14 watch", Peer, &["link_current=3.0"]),
    // Attributes that no rule uses, and hours that are packed with minutes.
    ("ok", Sata, &["attr.1.raw=230000000", "attr.7.raw=900000000", "attr.189.raw=40", "attr.192.raw=4000"]),
    ("ok", Sata, &["hours_packed=true"]),
    ("ok", Sata, &["attr.187.absent=true", "attr.188.absent=true"]),

    ("S1 crit", Sas, &["failed=true"]),
    // S1 by the code: an environmental warning, vendor-specific, a test of the warning.
    ("S1 warn", Sas, &["failed=true", "asc=11", "ascq=1"]),
    ("S1 warn", Sas, &["failed=true", "asc=11", "ascq=5"]),
    ("S1 watch", Sas, &["failed=true", "asc=11", "ascq=150"]),
    ("S1 watch", Sas, &["failed=true", "asc=93", "ascq=255"]),
    ("S2 warn", Sas, &["uncorrected_read=1", "uncorrected_write=1"]),
    ("S3 watch", Sas, &["grown_defects=3"]),
    ("S3 warn", Sas, &["grown_defects=25"]),
    // S4 and S7 are rules on growth; the count of S7 is not in smartctl's JSON.
    ("ok", Sas, &["rereads_read=41", "rereads_write=1973"]),
    ("ok", Sas, &["non_medium_errors=400"]),
    ("S5 warn", Sas, &["pending=2"]),
    ("S6 warn", Sas, &["self_test_result=4"]),
    ("S6 warn", Sas, &["self_test_result=7", "self_test_remaining_percent=70"]),
    // S6: aborted by a user, by a reset; running; passed since.
    ("ok", Sas, &["self_test_result=1"]),
    ("ok", Sas, &["self_test_result=2"]),
    ("ok", Sas, &["self_test_remaining_percent=70"]),
    ("ok", Sas, &["self_test_result=5", "self_test_later_pass=short"]),
    ("S8 watch", Sas, &["drive_trip=42", "temperature=38"]),
    ("S8 warn", Sas, &["drive_trip=42", "temperature=42"]),
    ("S9 watch", Sas, &["start_stop_cycles=50001"]),
    ("S9 watch", Sas, &["load_unload_cycles=600001"]),
    ("S10 warn", Ssd, &["percentage_used=85"]),
    ("S10 crit", Ssd, &["percentage_used=100"]),
    // Older releases of smartctl have other names, and lack some fields.
    ("ok", Sas, &["smartctl_version=7.1", "grown_defects=30"]),
    ("S3 warn", Sas, &["smartctl_version=7.2", "grown_defects=30"]),
    ("ok", Sas, &["smartctl_version=7.2"]),
    ("S8 warn", Sas, &["smartctl_version=7.3", "no_temperature_page=true", "drive_trip=42", "temperature=42"]),
    ("ok", Sas, &["smartctl_version=7.4", "no_hours=true", "no_grown_defects=true", "no_verify_counters=true"]),
    ("A5 watch", Sata, &["smartctl_version=7.0", "attr.5.raw=40"]),

    // N1: bits about the temperature, and bits about the data.
    ("N1 warn", Nvme, &["critical_warning=2"]),
    ("N1 warn", Nvme, &["critical_warning=64"]),
    ("N1 crit", Nvme, &["critical_warning=4"]),
    ("N1 crit", Nvme, &["critical_warning=8"]),
    ("N2 warn", Nvme, &["available_spare=18"]),
    ("N2 crit", Nvme, &["available_spare=5"]),
    ("N3 watch", Nvme, &["percentage_used=82"]),
    ("N3 warn", Nvme, &["percentage_used=93"]),
    ("N3 crit", Nvme, &["percentage_used=101"]),
    ("N4 warn", Nvme, &["media_errors=1"]),
    // N5 never reports.
    ("ok", Nvme, &["num_err_log_entries=4871"]),
    ("N6 warn", Nvme, &["temperature=72"]),
    ("N6 crit", Nvme, &["temperature=82"]),
    // P1: one of its two controllers is dead.
    ("P1 warn", Nvme, &["controllers=2", "path0=dead"]),
    ("N7 warn", Nvme, &["self_test_result=6"]),
    ("ok", Nvme, &["self_test_result=1"]),

    // T1: the drive reports no limit of its own.
    ("T1 warn", Sata, &["temperature=52", "attr.190.thresh=0"]),
    ("T1 crit", Sata, &["temperature=61", "attr.190.thresh=0"]),
    ("T1-ssd warn", SataSsd, &["temperature=62"]),
    ("T1-ssd crit", SataSsd, &["temperature=72"]),
    // T2: far above the median of its peers in the enclosure.
    ("T2 watch", Sata, &["temperature=47"]),
];

/// The cases of pool members. Each pool is one raidz2 of four and loses at most two.
#[rustfmt::skip]
const LEAVES: &[(&str, &[Case])] = &[
    ("tank", &[
        ("Z1 crit", Sas, &["state=FAULTED"]),
        ("Z1 warn", Sas, &["state=OFFLINE"]),
        ("Z2 warn", Sas, &["cksum=12"]),
    ]),
    ("archive", &[
        ("Z1 crit", Sas, &["state=UNAVAIL"]),
        ("Z1 crit", Sas, &["state=DEGRADED"]),
        ("Z2 warn", Sas, &["read=1", "write=2"]),
    ]),
    ("media", &[("Z1 crit", Sas, &["state=REMOVED"])]),
];
/// The pool in which a spare replaces a leaf.
const REBUILT: &str = "backup";

/// Creates the host. The list contains all its drives.
#[track_caller]
pub fn host() -> (Sim, Expected) {
    let nvme = (CASES.iter().filter(|case| case.1 == Nvme).count() + 1).to_string();
    let sim = Sim::host(&[
        "--seed",
        "7",
        "--enclosures",
        "2",
        "--bays",
        "64",
        "--paths",
        "1",
        "--drives",
        "126",
        "--sata",
        "60",
        "--sata-ssd",
        "10",
        "--ssd",
        "8",
        "--nvme",
        &nvme,
        "--pools",
        "28",
        "--vdev-width",
        "4",
        "--latency-ms",
        "0",
    ]);
    sim.set("smartctl", &["version=7.5"]);
    let drives = sim.list();
    let mut cast = Cast { drives: &drives, taken: Vec::new(), expected: Vec::new() };
    cast.pools(&sim);
    for (expected, on, pairs) in CASES {
        let serial = cast.take(|drive| is(drive, *on, &drives));
        sim.set(&serial, pairs);
        cast.expected.push((serial, expected));
    }
    // E5: a fault that the enclosure senses. A fault or locate LED that was requested is none.
    for (expected, fault) in [("E5 warn", "fault=4"), ("ok", "fault=2"), ("ok", "locate=1")] {
        let serial = cast.take(|drive| is(drive, Sas, &drives));
        let place = drives.iter().find(|drive| drive["serial"] == serial.as_str()).expect("the drive");
        sim.set(&format!("bay/{}/{}", place["enclosure"], place["bay"]), &[fault]);
        cast.expected.push((serial, expected));
    }
    let rest = cast.rest();
    let mut expected = cast.expected;
    expected.extend(rest.into_iter().map(|serial| (serial, "ok")));
    (sim, expected)
}

fn text<'a>(drive: &'a Value, key: &str) -> &'a str {
    drive[key].as_str().unwrap_or_default()
}

fn is(drive: &Value, on: On, all: &[Value]) -> bool {
    let rotates = drive["rotation_rate"].as_u64().unwrap_or(0) > 0;
    match on {
        Sata => drive["kind"] == "sata" && rotates,
        // A14 compares with a majority of the model.
        Peer => is(drive, Sata, all) && all.iter().filter(|other| other["model"] == drive["model"]).count() >= 6,
        SataSsd => drive["kind"] == "sata" && !rotates,
        Sas => drive["kind"] == "sas",
        Ssd => drive["kind"] == "ssd",
        Nvme => drive["kind"] == "nvme",
    }
}

fn has_cases(pool: &str) -> bool {
    pool == REBUILT || LEAVES.iter().any(|(name, _)| *name == pool)
}

fn is_in_pool(drive: &Value, pool: &str, role: &str) -> bool {
    drive["pool"] == pool && drive["role"] == role
}

/// Assigns each drive of the host to at most one case.
struct Cast<'a> {
    drives: &'a [Value],
    taken: Vec<String>,
    expected: Expected,
}

impl Cast<'_> {
    /// The next drive that fits and is in no pool that has cases.
    #[track_caller]
    fn take(&mut self, fits: impl Fn(&Value) -> bool) -> String {
        self.take_any(|drive| fits(drive) && !has_cases(text(drive, "pool")))
    }

    #[track_caller]
    fn take_any(&mut self, fits: impl Fn(&Value) -> bool) -> String {
        for drive in self.drives {
            let serial = text(drive, "serial").to_owned();
            if fits(drive) && !self.taken.contains(&serial) {
                self.taken.push(serial.clone());
                return serial;
            }
        }
        panic!("no drive that fits is left");
    }

    /// Sets the cases of the pools.
    fn pools(&mut self, sim: &Sim) {
        for (pool, cases) in LEAVES {
            for (expected, _, pairs) in *cases {
                let serial = self.take_any(|drive| is_in_pool(drive, pool, "data"));
                sim.set(&format!("leaf/{serial}"), pairs);
                self.expected.push((serial, expected));
            }
        }
        // Z3: a spare replaces a leaf and is being resilvered; a finding of another leaf weighs more meanwhile.
        let lost = self.take_any(|drive| is_in_pool(drive, REBUILT, "data"));
        let spare = self.take_any(|drive| is_in_pool(drive, REBUILT, "spare"));
        let hurt = self.take_any(|drive| is_in_pool(drive, REBUILT, "data") && drive["kind"] == "sas");
        sim.set(&format!("leaf/{lost}"), &["state=FAULTED", &format!("spare={spare}")]);
        sim.set(&format!("pool/{REBUILT}"), &["scan=resilvering", "progress=37.5"]);
        // Other activities of a pool are no finding.
        sim.set("pool/scratch", &["expand=running", "checkpoint=exists", "progress=12.5"]);
        sim.set(&hurt, &["grown_defects=3"]);
        self.expected.extend([(lost, "Z1 crit"), (spare, "ok"), (hurt, "Z3 warn")]);
    }

    /// The serials that no case has taken.
    fn rest(&self) -> Vec<String> {
        let serials = self.drives.iter().map(|drive| text(drive, "serial").to_owned());
        serials.filter(|serial| !self.taken.contains(serial)).collect()
    }
}
