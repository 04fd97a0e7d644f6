//! One run of smartctl on one drive: its arguments, and what its answer means.
//!
//! Only reading: no option that writes to a drive stands anywhere in the program.

mod advice;
mod parse;

pub use parse::parse;

use super::exec::{self, ExecError, Limits, Output, Stuck};
use super::{Host, drives};
use crate::model::drive::{Drive, Path};
use crate::model::fleet::Outcome;
use crate::model::smart::{Protocol, SmartReport};
use crate::stop::Stop;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// More than the longest logs of any drive; beyond it something is wrong.
const OUTPUT_BYTES: usize = 4 * 1024 * 1024;
/// Types whose reading is the same, byte for byte, without smartctl's drive database: it names and reads the attributes of
/// ATA drives, and knows USB bridges where the type is to be found. Reading it is most of what a run costs.
const WITHOUT_DATABASE: [&str; 2] = ["nvme", "scsi"];
const NO_DATABASE: &str = "/dev/null";
/// The exit status that `-n MODE,3` gives a sleeping drive: bits 0 and 1 together, which no
/// other case sets.
const ASLEEP: i32 = 3;

/// How to run it.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub timeout: Duration,
    /// `never`, `sleep`, `standby`, `idle`.
    pub nocheck: &'static str,
}

/// What a run gave.
#[derive(Debug)]
pub struct Answer {
    pub outcome: Outcome,
    /// smartctl's own JSON, of a good reading.
    pub raw: Option<Box<RawValue>>,
    pub took: Duration,
    /// The child, if it outlived its SIGKILL.
    pub stuck: Option<Stuck>,
    /// The daemon is stopping: this is no answer at all.
    pub stopped: bool,
}

/// Reads a drive over one of its paths. `known_type` is smartctl's `-d`: as a setting tells it, or once
/// found, so that detection wakes nobody.
pub fn read(
    host: &Host,
    drive: &Drive,
    path: &Path,
    known_type: Option<&str>,
    options: Options,
    stop: &Stop,
) -> Answer {
    let Some(program) = host.smartctl() else {
        return failed("smartctl is not installed, or SMARTCTL_PATH does not name it".to_owned());
    };
    let nocheck = if options.nocheck == "never" { "never".to_owned() } else { format!("{},{ASLEEP}", options.nocheck) };
    let mut args = vec!["--json=c", "-a", "-n", &nocheck];
    if let Some(kind) = known_type {
        args.extend(["-d", kind]);
        if WITHOUT_DATABASE.contains(&kind) {
            args.extend(["-B", NO_DATABASE]);
        }
    }
    args.extend(["--", &path.node]);
    let limits = Limits { deadline: options.timeout, output_bytes: OUTPUT_BYTES };
    let answer = match exec::run(&program, &args, limits, stop) {
        Ok(output) => understand(&output, drive),
        Err(error) => not_run(error),
    };
    // Names may have moved between discovery and now: nobody's values go under another's name.
    if matches!(answer.outcome, Outcome::Good(_)) && !drives::is_still(host, path, &drive.identity) {
        return Answer {
            took: answer.took,
            ..failed(format!("{} became another drive while it was read", path.device))
        };
    }
    answer
}

fn failed(why: String) -> Answer {
    Answer { outcome: Outcome::Failed(why), raw: None, took: Duration::ZERO, stuck: None, stopped: false }
}

fn not_run(error: ExecError) -> Answer {
    let why = format!("smartctl: {error}");
    match error {
        ExecError::TimedOut { deadline, stuck } => {
            Answer { outcome: Outcome::Silent(why), took: deadline, stuck, ..failed(String::new()) }
        }
        ExecError::TooLarge { stuck, .. } | ExecError::Watch { stuck, .. } => Answer { stuck, ..failed(why) },
        ExecError::Stopped { stuck } => Answer { stuck, stopped: true, ..failed(why) },
        ExecError::Start { .. } => failed(why),
    }
}

/// stdout first, whatever the exit status: only bits 0 and 1 say that nothing is in it, and those
/// alone do not tell a sleeping drive from a missing one.
fn understand(output: &Output, drive: &Drive) -> Answer {
    let took = output.took;
    let Some(raw) = json_in(&output.stdout) else {
        return Answer { took, ..failed(without_json(output)) };
    };
    let parsed = parse(raw.get());
    let messages = parsed.messages.join("; ");
    let asleep = output.code == Some(ASLEEP) || parsed.exit_status == Some(2);
    if asleep && parsed.is_low_power {
        return Answer { outcome: Outcome::Standby(messages), took, ..failed(String::new()) };
    }
    let mut report = parsed.report;
    // What the process ended with is the truth, whatever it wrote before.
    report.exit_status.0 = output.code.and_then(|c| u8::try_from(c).ok()).or(report.exit_status.0);
    let trouble = unusable(&report, drive).map(|why| match advice::advice(&parsed.messages, drive) {
        Some(advice) => advice,
        None if messages.is_empty() => why,
        None => format!("{why} ({messages})"),
    });
    match trouble {
        None => Answer { outcome: Outcome::Good(Arc::new(report)), raw: Some(raw), took, ..failed(String::new()) },
        Some(why) => Answer { took, ..failed(why) },
    }
}

/// Why a report is no reading of this drive.
fn unusable(report: &SmartReport, drive: &Drive) -> Option<String> {
    if drive.vendor.as_deref() == Some("ATA") && report.protocol == Some(Protocol::Scsi) {
        return Some(advice::no_pass_through(drive));
    }
    if report.serial_number.is_none() && report.wwn.is_none() {
        let status = report.exit_status.0.map_or_else(|| "unknown".to_owned(), |s| s.to_string());
        return Some(format!("smartctl gave no serial number and no WWN, exit status {status}"));
    }
    None
}

fn without_json(output: &Output) -> String {
    let ended = match (output.code, output.signal) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let first = |text: &str| text.lines().next().unwrap_or("").chars().take(200).collect::<String>();
    let said = first(&String::from_utf8_lossy(&output.stdout));
    let said = if said.is_empty() { first(&output.stderr) } else { said };
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    format!("smartctl gave no JSON, {ended}{said}")
}

/// The JSON object in the output. Some versions print a stray line of text before it.
fn json_in(stdout: &[u8]) -> Option<Box<RawValue>> {
    // Bytes that are not UTF-8 cost the characters, not the drive.
    let text = String::from_utf8_lossy(stdout);
    let whole = text.trim();
    let object = |t: &str| serde_json::from_str::<Box<RawValue>>(t).ok().filter(|v| v.get().starts_with('{'));
    object(whole).or_else(|| {
        let starts = whole.match_indices('{').map(|(at, _)| at).take(8);
        starts.filter_map(|at| whole.get(at..)).find_map(object)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_behind_stray_text() {
        let found = |text: &[u8]| json_in(text).map(|v| v.get().to_owned());
        assert_eq!(found(b"Pending defect count:0 Pending Defects\n{\"a\":1}\n").as_deref(), Some("{\"a\":1}"));
        assert_eq!(found(b"{\"m\":\"\xff\"}").as_deref(), Some("{\"m\":\"\u{fffd}\"}"));
        for none in [&b""[..], b"{\"a\":", b"no json here", b"[1]", b"\xff\xfe"] {
            assert_eq!(found(none), None);
        }
    }
}
