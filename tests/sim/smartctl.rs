//! Playing smartctl: one run, from the command line to the exit status. What a healthy drive says
//! is in the `answer_…` modules, how a run goes wrong in `trouble`.

use crate::args::{Mode, Nocheck, Request, parse};
use crate::drive::{Drive, Kind, hash};
use crate::files::{append_line, say};
use crate::store::{Store, Tools};
use crate::trouble;
use crate::{answer_ata, answer_nvme, answer_scsi};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// One answer: the drive's part of the JSON, smartctl's messages, the exit status.
#[derive(Debug, Default)]
pub struct Answer {
    pub body: Map<String, Value>,
    pub messages: Vec<(String, &'static str)>,
    pub status: u8,
}

impl Answer {
    /// No more than a message.
    pub fn message(text: String, severity: &'static str, status: u8) -> Self {
        Self { messages: vec![(text, severity)], status, ..Self::default() }
    }
}

/// A run under the name smartctl.
pub fn play(root: &Path) -> Result<u8> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let store = Store { root: root.to_owned() };
    let tools = store.tools()?;
    let (request, outcome) = parse(&arguments);
    if let Err(message) = outcome {
        let answer = Answer::message(message, "error", 1);
        say(render(&answer, &request, &arguments, version(None, &tools)));
        return Ok(1);
    }
    if request.version {
        let answer = Answer::default();
        if request.json {
            say(render(&answer, &request, &arguments, version(None, &tools)));
        } else {
            say(format!("{}\n\nThis is the simulator's smartctl.\n", first_line(version(None, &tools))).as_bytes());
        }
        return Ok(0);
    }
    let node = request.device.as_deref().and_then(|d| d.rsplit('/').next()).unwrap_or_default().to_owned();
    let drive = store.at_node(&node)?;
    let log = Log { path: root.join("log/smartctl"), node: &node };
    let serial = drive.as_ref().map_or("-", |d| d.serial.as_str());
    log.line("start", &format!("{} {}", serial.replace(' ', "_"), arguments.join(" ")))?;
    let status = if let Some(drive) = drive {
        answer(&store, &tools, drive, &request, &arguments, &log)?
    } else {
        let name = request.device.as_deref().unwrap_or_default();
        let answer = Answer::message(format!("Smartctl open device: {name} failed: No such device"), "error", 2);
        say(render(&answer, &request, &arguments, version(None, &tools)));
        2
    };
    log.line("end", &status.to_string())?;
    Ok(status)
}

struct Log<'a> {
    path: std::path::PathBuf,
    node: &'a str,
}

impl Log<'_> {
    fn line(&self, what: &str, rest: &str) -> Result<()> {
        let now = Timestamp::now().as_millisecond();
        append_line(&self.path, &format!("{what} {now} {} {} {rest}", std::process::id(), self.node))
    }
}

fn answer(
    store: &Store,
    tools: &Tools,
    drive: Drive,
    request: &Request,
    arguments: &[String],
    log: &Log,
) -> Result<u8> {
    std::thread::sleep(latency(&drive, tools));
    let Some(drive) = trouble::before(store, log.node, drive)? else {
        // Pulled while it hung: the kernel ends the command.
        let name = request.device.as_deref().unwrap_or_default();
        let answer = Answer::message(format!("Smartctl open device: {name} failed: No such device"), "error", 2);
        say(render(&answer, request, arguments, version(None, tools)));
        return Ok(2);
    };
    let version = version(Some(&drive), tools);
    let (status, text) = if let Some(asleep) = asleep(&drive, request, version) {
        (asleep.status, render(&asleep, request, arguments, version))
    } else {
        if rests(&drive).is_some_and(|mode| mode <= Mode::Standby) {
            log.line("wake", &drive.serial.replace(' ', "_"))?;
        }
        if let Some(file) = &drive.recorded {
            recorded(store, file)?
        } else {
            let answer = full(&drive, request, version);
            (answer.status, render(&answer, request, arguments, version))
        }
    };
    let (text, status) = trouble::after(&drive, text, status)?;
    say(&text);
    Ok(status)
}

fn latency(drive: &Drive, tools: &Tools) -> Duration {
    let tool = |key: &str| tools.smartctl.get(key).and_then(Value::as_u64);
    let jitter = tool("jitter_ms").unwrap_or(0);
    let own = drive.number("latency_ms").or_else(|| tool("latency_ms")).unwrap_or(0);
    Duration::from_millis(own + if jitter > 0 { hash(&drive.key) % (jitter + 1) } else { 0 })
}

/// A recorded answer, byte for byte, and the exit status it says.
fn recorded(store: &Store, file: &str) -> Result<(u8, Vec<u8>)> {
    let path = store.root.join(file);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let json: Value = serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))?;
    let status = json.pointer("/smartctl/exit_status").and_then(Value::as_u64).unwrap_or(0);
    Ok((u8::try_from(status).unwrap_or(u8::MAX), text))
}

/// The mode a drive rests in, if it does.
fn rests(drive: &Drive) -> Option<Mode> {
    match drive.state.get("standby") {
        Some(Value::Bool(true) | Value::String(_)) => Some(Mode::Standby),
        _ if drive.flag("idle") => Some(Mode::Idle),
        _ => None,
    }
}

/// The answer of a resting drive that must not be woken; `None` when it is to be read anyway.
fn asleep(drive: &Drive, request: &Request, version: (u64, u64)) -> Option<Answer> {
    let resting = rests(drive)?;
    let Nocheck { mode, status } = request.nocheck.as_ref()?;
    let kept = match resting {
        Mode::Standby => *mode >= Mode::Standby,
        _ => *mode == Mode::Idle,
    };
    if !kept || drive.kind == Kind::Nvme {
        return None;
    }
    let scsi = matches!(drive.kind, Kind::Sas | Kind::Ssd);
    let name = match (resting, drive.text("standby")) {
        (Mode::Idle, _) if scsi => "IDLE_A",
        (Mode::Idle, _) => "IDLE",
        (_, Some("timer")) if scsi => "STANDBY BY TIMER",
        _ if scsi => "STANDBY BY COMMAND",
        _ => "STANDBY",
    };
    let mut answer = Answer::message(format!("Device is in {name} mode, exit({status})"), "information", *status);
    answer.body.insert("device".to_owned(), device(drive, request, scsi));
    if !scsi && version >= (7, 5) {
        let value = if resting == Mode::Idle { 128 } else { 0 };
        answer.body.insert("power_mode".to_owned(), json!({"ata_value": value, "name": name}));
    }
    Some(answer)
}

/// smartctl's `device` object, for a drive asked as SCSI or as what it is.
pub fn device(drive: &Drive, request: &Request, as_scsi: bool) -> Value {
    let name = request.device.as_deref().unwrap_or_default();
    match drive.kind {
        Kind::Nvme => json!({"name": name, "info_name": name, "type": "nvme", "protocol": "NVMe"}),
        Kind::Sata if !as_scsi => {
            let kind = request.kind.as_deref().filter(|k| k.starts_with("sat")).unwrap_or("sat");
            json!({"name": name, "info_name": format!("{name} [SAT]"), "type": kind, "protocol": "ATA"})
        }
        _ => json!({"name": name, "info_name": name, "type": "scsi", "protocol": "SCSI"}),
    }
}

fn full(drive: &Drive, request: &Request, version: (u64, u64)) -> Answer {
    let asked = request.kind.as_deref().unwrap_or("auto");
    let translated = drive.kind == Kind::Sata && (asked == "scsi" || drive.flag("no_passthrough"));
    let fits = match drive.kind {
        Kind::Sata => !asked.starts_with("nvme") && asked != "ata",
        Kind::Nvme => asked.starts_with("nvme") || matches!(asked, "auto" | "test"),
        Kind::Sas | Kind::Ssd => matches!(asked, "auto" | "test" | "scsi"),
    };
    let mut answer = if !fits {
        Answer::message(format!("Read Device Identity failed: the device is not of type '{asked}'"), "error", 2)
    } else if translated {
        answer_scsi::translated(drive)
    } else {
        match drive.kind {
            Kind::Sata => answer_ata::answer(drive),
            Kind::Nvme => answer_nvme::answer(drive),
            Kind::Sas | Kind::Ssd => answer_scsi::answer(drive),
        }
    };
    answer.body.insert("device".to_owned(), device(drive, request, translated));
    if drive.kind == Kind::Sata && !translated {
        answer.body.insert("drive_database".to_owned(), json!({"string": format!("{}.{}/5528", version.0, version.1)}));
    }
    answer
}

/// The version this smartctl claims: the drive's, the host's, else 7.4.
fn version(drive: Option<&Drive>, tools: &Tools) -> (u64, u64) {
    let told = drive
        .and_then(|d| d.text("smartctl_version"))
        .or_else(|| tools.smartctl.get("version").and_then(Value::as_str));
    told.and_then(read_version).unwrap_or((7, 4))
}

/// "7.4" as two numbers.
pub fn read_version(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Revision and date of a release, as its first line has them.
fn release((major, minor): (u64, u64)) -> (&'static str, &'static str) {
    match (major, minor) {
        (7, 5..) | (8.., _) => ("5714", "2025-04-30"),
        (7, 4) => ("5530", "2023-08-01"),
        (7, 3) => ("5338", "2022-02-28"),
        (7, 2) => ("5155", "2020-12-30"),
        _ => ("4883", "2018-12-30"),
    }
}

const PLATFORM: &str = "x86_64-linux-6.12.0";

fn first_line(version: (u64, u64)) -> String {
    let (revision, date) = release(version);
    format!("smartctl {}.{} {date} r{revision} [{PLATFORM}] (local build)", version.0, version.1)
}

/// The whole output: JSON with smartctl's own part, or a text without it.
fn render(answer: &Answer, request: &Request, arguments: &[String], version: (u64, u64)) -> Vec<u8> {
    if !request.json {
        let lines: Vec<String> = answer.messages.iter().map(|(text, _)| text.clone()).collect();
        let body: Vec<String> = answer.body.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        return format!("{}\n\n{}\n{}\n", first_line(version), lines.join("\n"), body.join("\n")).into_bytes();
    }
    let mut argv = vec!["smartctl".to_owned()];
    argv.extend_from_slice(arguments);
    let mut own = json!({
        "version": [version.0, version.1],
        "svn_revision": release(version).0,
        "platform_info": PLATFORM,
        "build_info": "(local build)",
        "argv": argv,
        "exit_status": answer.status,
    });
    let mut body = answer.body.clone();
    if let Some(own) = own.as_object_mut() {
        if version >= (7, 4) {
            own.insert("pre_release".to_owned(), json!(false));
        }
        if let Some(database) = body.remove("drive_database") {
            own.insert("drive_database_version".to_owned(), database);
        }
        if !answer.messages.is_empty() {
            let messages: Vec<Value> =
                answer.messages.iter().map(|(text, severity)| json!({"string": text, "severity": severity})).collect();
            own.insert("messages".to_owned(), json!(messages));
        }
    }
    let now = Timestamp::now();
    body.insert("json_format_version".to_owned(), json!([1, 0]));
    body.insert("smartctl".to_owned(), own);
    body.insert(
        "local_time".to_owned(),
        json!({"time_t": now.as_second(), "asctime": now.strftime("%a %b %e %H:%M:%S %Y UTC").to_string()}),
    );
    let body = Value::Object(body);
    let mut text =
        if request.pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) }.unwrap_or_default();
    text.push(b'\n');
    text
}
