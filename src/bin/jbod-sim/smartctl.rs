//! Playing smartctl: one run, from the command line to the exit status. What a healthy drive says
//! is in the `answer_…` modules, how a run goes wrong in `trouble`.

use crate::args::{Mode, Nocheck, Request, parse};
use crate::drive::{Drive, hash};
use crate::files::{append_line, say};
use crate::reach::{self, Reached, Talk};
use crate::store::{Store, Tools};
use crate::version::{self, Version};
use crate::{answer_ata, answer_nvme, answer_scsi, dialect, path_faults, scan, trouble};
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
    /// Lines of the text output that the JSON has no field for.
    pub text: Vec<String>,
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
    let release = release(None, &tools);
    let (request, outcome) = parse(&arguments, release);
    if let Err(message) = outcome {
        let answer = Answer::message(message, "error", 1);
        say(render(&answer, &request, &arguments, release));
        return Ok(1);
    }
    if request.version {
        let empty = Answer::default();
        say(if request.json {
            render(&empty, &request, &arguments, release)
        } else {
            version::told(release).into_bytes()
        });
        return Ok(0);
    }
    if let Some(open) = request.scan {
        let (body, text) = scan::devices(&store, open)?;
        if request.json {
            say(render(&Answer { body, text, ..Answer::default() }, &request, &arguments, release));
        } else {
            say(text.into_iter().map(|line| line + "\n").collect::<String>());
        }
        return Ok(0);
    }
    one(&store, &tools, &request, &arguments)
}

/// The last part of a device's path; `bus0` for /dev/bus/0.
fn node_of(device: &str) -> String {
    let mut parts = device.rsplit('/');
    let last = parts.next().unwrap_or_default();
    if parts.next() == Some("bus") { format!("bus{last}") } else { last.to_owned() }
}

/// A run on one device.
fn one(store: &Store, tools: &Tools, request: &Request, arguments: &[String]) -> Result<u8> {
    let name = request.device.as_deref().unwrap_or_default();
    let node = node_of(name);
    let log = Log { path: store.root.join("log/smartctl"), node: &node };
    let volume = store.volume_at(&node)?;
    // The drive, also one that cannot be opened, and how it is reached.
    let (drive, reached) = match (store.at_node(&node)?, &volume) {
        (Some(drive), _) => {
            let reached = reach::own_node(&drive, request);
            (Some(drive), reached)
        }
        (None, Some(volume)) => match reach::volume(volume, &node, request) {
            Ok((number, sat)) => {
                let drive = store.drive(volume.member(number).unwrap_or_default())?;
                let reached = reach::disk_behind(&drive, volume, name, number, sat);
                (Some(drive), reached)
            }
            Err(said) => (None, Err(said)),
        },
        (None, None) => (None, Err(reach::cannot_open(name, "No such device"))),
    };
    let serial = drive.as_ref().map_or("-", |d| d.serial.as_str());
    log.line("start", &format!("{} {}", serial.replace(' ', "_"), arguments.join(" ")))?;
    let status = match (drive, reached) {
        (Some(drive), Ok(reached)) => answer(store, tools, drive, &reached, request, arguments, &log)?,
        (drive, reached) => {
            let mut said = reached.err().unwrap_or_default();
            let version = release(drive.as_ref(), tools);
            dialect::speak(&mut said.body, version, drive.as_ref());
            say(render(&said, request, arguments, version));
            said.status
        }
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
    reached: &Reached,
    request: &Request,
    arguments: &[String],
    log: &Log,
) -> Result<u8> {
    let name = request.device.as_deref().unwrap_or_default();
    std::thread::sleep(latency(&drive, tools));
    if path_faults::at_node(&drive, log.node).is_some_and(|fault| fault != "hangs") {
        let said = reach::cannot_open(name, "No such device or address");
        say(render(&said, request, arguments, release(Some(&drive), tools)));
        return Ok(said.status);
    }
    let Some(drive) = trouble::before(store, log.node, drive)? else {
        // Pulled while it hung: the kernel ends the command.
        say(render(&reach::cannot_open(name, "No such device"), request, arguments, release(None, tools)));
        return Ok(2);
    };
    let version = release(Some(&drive), tools);
    let (status, text) = if drive.flag("no_permission") {
        let said = reach::cannot_open(reached.info(), "Permission denied");
        (said.status, render(&said, request, arguments, version))
    } else if let Some(asleep) = asleep(&drive, reached, request, version) {
        (asleep.status, render(&asleep, request, arguments, version))
    } else {
        if rests(&drive).is_some_and(|mode| mode <= Mode::Standby) {
            log.line("wake", &drive.serial.replace(' ', "_"))?;
        }
        if let Some(file) = &drive.recorded {
            recorded(store, file)?
        } else {
            let answer = full(&drive, reached, log.node, name, version);
            let mut text = render(&answer, request, arguments, version);
            if request.json && version < (7, 3) && reached.talk == Talk::Scsi && drive.number("pending").is_some() {
                // Printed past the JSON by those releases.
                text.splice(0..0, b"  Pending defect count:".iter().copied());
            }
            (answer.status, text)
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
fn asleep(drive: &Drive, reached: &Reached, request: &Request, version: Version) -> Option<Answer> {
    let resting = rests(drive)?;
    let Nocheck { mode, status } = request.nocheck.as_ref()?;
    let kept = match resting {
        Mode::Standby => *mode >= Mode::Standby,
        _ => *mode == Mode::Idle,
    };
    let scsi = matches!(reached.talk, Talk::Scsi | Talk::Translated);
    // Releases before 7.2 ask a SCSI drive nothing before they read it.
    if !kept || reached.talk == Talk::Nvme || (scsi && version < (7, 2)) {
        return None;
    }
    let mode = match (resting, drive.text("standby")) {
        (Mode::Idle, _) if scsi => "IDLE_A",
        (Mode::Idle, _) => "IDLE",
        (_, Some("timer")) if scsi => "STANDBY BY TIMER",
        (_, Some("low_power")) if scsi => "LOW POWER",
        _ if scsi => "STANDBY BY COMMAND",
        _ => "STANDBY",
    };
    let mut answer = Answer::message(format!("Device is in {mode} mode, exit({status})"), "information", *status);
    let name = request.device.as_deref().unwrap_or_default();
    answer.body.insert("device".to_owned(), reached.device(name));
    if !scsi && version >= (7, 5) {
        let value = if resting == Mode::Idle { 128 } else { 0 };
        answer.body.insert("power_mode".to_owned(), json!({"ata_value": value, "name": mode}));
    }
    Some(answer)
}

fn full(drive: &Drive, reached: &Reached, node: &str, name: &str, version: Version) -> Answer {
    let mut answer = match reached.talk {
        Talk::Ata => answer_ata::answer(drive),
        Talk::Nvme => answer_nvme::answer(drive, node),
        Talk::Scsi => answer_scsi::answer(&drive.at_node(node)),
        Talk::Translated => answer_scsi::translated(drive),
    };
    dialect::speak(&mut answer.body, version, Some(drive));
    answer.body.insert("device".to_owned(), reached.device(name));
    if reached.talk == Talk::Ata && version >= (7, 3) {
        answer.body.insert("drive_database".to_owned(), json!({"string": format!("{}.{}/5528", version.0, version.1)}));
    }
    if drive.flag("partial") {
        // A log that could not be read: smartctl goes on without a word.
        answer.status |= 4;
    }
    answer
}

/// The release this smartctl claims to be: the drive's, the host's, else 7.4.
fn release(drive: Option<&Drive>, tools: &Tools) -> Version {
    let told = drive
        .and_then(|d| d.text("smartctl_version"))
        .or_else(|| tools.smartctl.get("version").and_then(Value::as_str));
    told.and_then(version::read).unwrap_or((7, 4))
}

/// The whole output: JSON with smartctl's own part, or a text without it.
fn render(answer: &Answer, request: &Request, arguments: &[String], version: Version) -> Vec<u8> {
    if !request.json {
        let mut lines: Vec<String> = answer.messages.iter().map(|(text, _)| text.clone()).collect();
        if answer.status == 1 {
            lines.push("\nUse smartctl -h to get a usage summary\n".to_owned());
        }
        lines.extend(answer.body.iter().map(|(k, v)| format!("{k}: {v}")));
        lines.extend(answer.text.iter().cloned());
        return format!("{}\n{}\n", version::head(version), lines.join("\n")).into_bytes();
    }
    let mut argv = vec!["smartctl".to_owned()];
    argv.extend_from_slice(arguments);
    let mut own = json!({
        "version": [version.0, version.1],
        "svn_revision": version::revision(version),
        "platform_info": version::platform(),
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
        if request.output {
            own.insert("output".to_owned(), json!(answer.text));
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
