//! One run of smartctl on one drive: its arguments, and the interpretation of its output.
//!
//! Read-only: the program uses no option that writes to a drive.

mod messages;
mod parse;

pub use parse::parse;

use super::exec::{self, ChildLimits, ExecError, Output, Stuck};
use super::json::{self, JsonError, Tree};
use super::{Host, drives};
use crate::domain::device_type::DeviceType;
use crate::domain::drive::{Drive, DrivePath};
use crate::domain::inventory::Outcome;
use crate::domain::no_reading::{Cause, NoReading, ToolFailure};
use crate::domain::smart::{Protocol, SmartReport};
use crate::stop::Stop;
use serde_json::value::RawValue;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// Six times the largest known output. A stored document contains the complete output.
const OUTPUT_BYTES: usize = parse::LIMITS.bytes;
/// Types whose output is byte for byte the same without smartctl's drive database, which has the attributes of ATA
/// drives and the types of USB bridges. Loading the database is most of the cost of a run.
const WITHOUT_DATABASE: [&str; 2] = ["nvme", "scsi"];
const NO_DATABASE: &str = "/dev/null";
/// Maximum number of braces at which the JSON may begin: stray text may contain braces.
const MAX_JSON_STARTS: usize = 9;
/// The exit status of `-n MODE,3` for a drive in standby: bits 0 and 1 together, which no
/// other case sets.
const ASLEEP: i32 = 3;

/// How to run smartctl.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub timeout: Duration,
    /// `never`, `sleep`, `standby`, `idle`.
    pub nocheck: &'static str,
}

/// The result of a run.
#[derive(Debug)]
pub struct SmartctlResult {
    pub outcome: Outcome,
    /// smartctl's own JSON, if the outcome is a reading.
    pub raw: Option<Box<RawValue>>,
    pub(crate) took: Duration,
    /// The child, if it outlived its SIGKILL.
    pub stuck: Option<Stuck>,
    /// There is no result, because the daemon is stopping.
    pub stopped: bool,
}

/// Reads a drive through one of its paths. `known_type` is smartctl's `-d`: configured, or detected earlier, since
/// detection may wake a drive.
pub fn read(
    host: &Host,
    drive: &Drive,
    path: &DrivePath,
    known_type: Option<&str>,
    options: Options,
    stop: &Stop,
) -> SmartctlResult {
    let Some(program) = host.smartctl() else {
        return failed(NoReading::NotInstalled);
    };
    // A command through an unusable path fails, or waits until the kernel removes the path.
    if let Some(state) = drives::state_of(host, path)
        && !state.is_usable()
    {
        return failed(NoReading::PathUnusable { device: path.device.clone(), state });
    }
    let nocheck = if options.nocheck == "never" { "never".to_owned() } else { format!("{},{ASLEEP}", options.nocheck) };
    let mut args = vec!["--json=c", "-a", "-n", &nocheck];
    if let Some(kind) = known_type {
        args.extend(["-d", kind]);
        if WITHOUT_DATABASE.contains(&kind) {
            args.extend(["-B", NO_DATABASE]);
        }
    }
    args.extend(["--", &path.node]);
    let limits = ChildLimits { deadline: options.timeout, output_bytes: OUTPUT_BYTES };
    let answer = match exec::run(&program, &args, limits, stop) {
        Ok(output) => interpret(&output, drive),
        Err(error) => not_run(error),
    };
    if matches!(answer.outcome, Outcome::Failed(_)) && is_without_node(host, &path.node) {
        return SmartctlResult { took: answer.took, ..failed(NoReading::NoNode { node: path.node.clone() }) };
    }
    // Device names may have been reassigned since discovery, so the values could be those of another drive.
    if matches!(answer.outcome, Outcome::Good(_)) && !drives::still_leads_to(host, path, &drive.identity) {
        return SmartctlResult { took: answer.took, ..failed(NoReading::NameReused { device: path.device.clone() }) };
    }
    answer
}

/// In a container the kernel shows all drives of the host, but `/dev` has only the nodes that were passed in.
fn is_without_node(host: &Host, node: &str) -> bool {
    let path = host.path(node.trim_start_matches('/'));
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn answer(outcome: Outcome, took: Duration) -> SmartctlResult {
    SmartctlResult { outcome, raw: None, took, stuck: None, stopped: false }
}

fn failed(why: NoReading) -> SmartctlResult {
    answer(Outcome::Failed(why), Duration::ZERO)
}

fn tool_failed(text: String, cause: Cause) -> NoReading {
    NoReading::ToolFailed(ToolFailure { cause, text })
}

fn not_run(error: ExecError) -> SmartctlResult {
    let text = format!("smartctl: {error}");
    let cause = match &error {
        ExecError::Start { error, .. } if error.kind() == ErrorKind::PermissionDenied => Cause::PermissionDenied,
        _ => Cause::Other,
    };
    let is_stop = matches!(error, ExecError::Stopped { .. });
    let (outcome, took) = match &error {
        ExecError::TimedOut { deadline, .. } => {
            (Outcome::Silent(NoReading::TimedOut { seconds: deadline.as_secs() }), *deadline)
        }
        _ => (Outcome::Failed(tool_failed(text, cause)), Duration::ZERO),
    };
    SmartctlResult { stuck: error.stuck(), stopped: is_stop, ..answer(outcome, took) }
}

/// Standard output is interpreted first, whatever the exit status: only bits 0 and 1 mean that it has no values, and
/// they do not distinguish a drive in standby from a missing one.
fn interpret(output: &Output, drive: &Drive) -> SmartctlResult {
    let took = output.took;
    // Bytes that are not UTF-8 are replaced; the rest of the output is used.
    let text = String::from_utf8_lossy(&output.stdout);
    let tree = match json_in(&text) {
        Ok(tree) => tree,
        Err(JsonError::Syntax) => return answer(Outcome::Failed(without_json(output)), took),
        Err(limit) => return answer(Outcome::Failed(tool_failed(parse::too_much(limit), Cause::Other)), took),
    };
    let parsed = parse::read(&tree);
    let asleep = output.code == Some(ASLEEP) || parsed.exit_status == Some(2);
    if asleep && parsed.is_low_power {
        return answer(Outcome::Standby, took);
    }
    let mut report = parsed.report;
    // The exit status of the process takes precedence over its output.
    if let Some(code) = output.code
        && let Ok(code) = u8::try_from(code)
    {
        report.exit_status.0 = Some(code);
    }
    match unusable(&report, drive, &parsed.messages) {
        None => SmartctlResult { raw: json::raw_value(&tree), ..answer(Outcome::Good(Arc::new(report)), took) },
        Some(why) => answer(Outcome::Failed(why), took),
    }
}

/// Why a report is not a reading of this drive.
fn unusable(report: &SmartReport, drive: &Drive, messages: &[String]) -> Option<NoReading> {
    let is_scsi_only = drive.vendor.as_deref() == Some("ATA") && report.protocol == Some(Protocol::Scsi);
    let is_identified = report.serial_number.is_some() || report.wwn.is_some();
    if is_identified && !is_scsi_only {
        return None;
    }
    if let Some(why) = messages::other_type(messages, drive) {
        return Some(why);
    }
    let messages = messages.join("; ");
    if is_scsi_only {
        let tried_sat = drive.smartctl_type == Some(DeviceType::Sat);
        return Some(NoReading::NoPassThrough { device: drive.device.clone(), tried_sat, messages });
    }
    let cause = messages::cause(&messages);
    Some(NoReading::Unidentified { exit_status: report.exit_status.0, messages, cause })
}

fn without_json(output: &Output) -> NoReading {
    let ended = match (output.code, output.signal) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    let mut printed = first_line(&String::from_utf8_lossy(&output.stdout));
    if printed.is_empty() {
        printed = first_line(&output.stderr);
    }
    let mut text = format!("smartctl printed no JSON, {ended}");
    if !printed.is_empty() {
        text = format!("{text}: {printed}");
    }
    // Fixed in smartmontools 7.4 by commit 41c47e87e: the list is written into the object that counts it.
    if printed.contains("Exception: json.cpp") {
        text.push_str("; smartctl 7.1 to 7.3 fail on SAS drives that list pending defects, upgrade to 7.4");
    }
    tool_failed(text, messages::cause(&printed))
}

/// The first line, truncated.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// The JSON object with which the text ends. Some versions print a line of other text before it.
fn json_in(text: &str) -> Result<Tree<'_>, JsonError> {
    for (start, _) in text.match_indices('{').take(MAX_JSON_STARTS) {
        let object = text.get(start..).unwrap_or_default();
        match json::parse(object.trim_end(), parse::LIMITS) {
            Err(JsonError::Syntax) => {}
            other => return other,
        }
    }
    Err(JsonError::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_after_other_text() {
        for (text, object) in [
            ("Pending defect count:0 Pending Defects\n{\"a\":1}\n", "{\"a\":1}"),
            ("{ ${x} {\"a\": 1 }", "{\"a\": 1 }"),
        ] {
            let raw = json::raw_value(&json_in(text).unwrap());
            assert_eq!(raw.unwrap().get(), object);
        }
        for none in ["", "{\"a\":", "no json here", "[1]", "\u{fffd}\u{fffd}", "{\"a\":1} more"] {
            assert!(json_in(none).is_err(), "{none}");
        }
    }

    fn no_reading(stdout: &str) -> String {
        let stdout = stdout.as_bytes().to_vec();
        without_json(&Output { code: Some(1), signal: None, stdout, stderr: String::new(), took: Duration::ZERO })
            .to_string()
    }

    #[test]
    fn a_known_bug_of_smartctl_is_named() {
        let exception = "Smartctl: Exception: json.cpp(33): Assertion failed: false\n";
        assert!(no_reading(exception).contains("list pending defects, upgrade to 7.4"));
        assert_eq!(no_reading("no JSON\n"), "smartctl printed no JSON, exit status 1: no JSON");
    }

    #[test]
    fn the_limit_that_is_exceeded_is_named() {
        for (text, expected) in [
            (format!("{{\"a\":[{}0]}}", "0,".repeat(70_000)), "smartctl's JSON has over 65536 values"),
            ("{\"a\":".repeat(100), "smartctl's JSON is nested deeper than 32 levels"),
            (format!("{{\"a\":\"{}\"}}", "x".repeat(300_000)), "smartctl's JSON has over 262144 bytes"),
        ] {
            let limit = json_in(&text).err().unwrap();
            assert_eq!(parse::too_much(limit), expected);
        }
    }
}
