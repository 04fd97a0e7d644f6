//! One run of smartctl, from the command line to the exit status. The modules `*_output` have what a drive reports,
//! `tool_faults` how a run fails.

use crate::device_type::{self, CommandSet, OpenedDevice, cannot_open};
use crate::drive::{Drive, hash};
use crate::files::{append_line, say};
use crate::output::SmartctlOutput;
use crate::smartctl_args::{Mode, Nocheck, Request, parse};
use crate::store::{Store, Tools};
use crate::version::{self, Version};
use crate::{ata_output, nvme_output, older_releases, path_faults, scan, scsi_output, tool_faults};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The release that is simulated unless a drive or the host has another one set.
const DEFAULT_RELEASE: Version = (7, 4);

/// A run under the name smartctl. Returns the exit status.
pub fn play(root: &Path) -> Result<u8> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let store = Store { root: root.to_owned() };
    let tools = store.tools()?;
    let release = release(None, &tools);
    let (request, outcome) = parse(&arguments, release);
    let run = SmartctlRun { store: &store, tools: &tools, request: &request, arguments: &arguments };
    if let Err(message) = outcome {
        return Ok(run.print(&SmartctlOutput::error(message, 1), release));
    }
    if request.version && !request.json {
        say(version::version_text(release));
        return Ok(0);
    }
    if request.version {
        return Ok(run.print(&SmartctlOutput::default(), release));
    }
    if let Some(option) = request.scan {
        let (body, text) = scan::devices(&store, option)?;
        if request.json {
            return Ok(run.print(&SmartctlOutput { body, text, ..SmartctlOutput::default() }, release));
        }
        for line in text {
            say(line + "\n");
        }
        return Ok(0);
    }
    run.on_device()
}

/// The last part of a device's path; `bus0` for /dev/bus/0.
fn node_of(device: &str) -> String {
    let mut parts = device.rsplit('/');
    let last = parts.next().unwrap_or_default();
    if parts.next() == Some("bus") { format!("bus{last}") } else { last.to_owned() }
}

/// The simulator's log of runs, which tests read: `start`, `wake` and `end`, with time, process and node.
struct RunLog<'a> {
    path: PathBuf,
    node: &'a str,
}

impl RunLog<'_> {
    fn line(&self, what: &str, rest: &str) -> Result<()> {
        let now = Timestamp::now().as_millisecond();
        append_line(&self.path, &format!("{what} {now} {} {} {rest}", std::process::id(), self.node))
    }
}

/// The device that was asked for.
enum Target {
    Opened(Drive, OpenedDevice),
    /// With the drive, where there is one.
    Failed(Option<Drive>, SmartctlOutput),
}

impl Target {
    fn new(drive: Drive, opened: Result<OpenedDevice, SmartctlOutput>) -> Self {
        match opened {
            Ok(device) => Self::Opened(drive, device),
            Err(output) => Self::Failed(Some(drive), output),
        }
    }

    fn drive(&self) -> Option<&Drive> {
        match self {
            Self::Opened(drive, _) => Some(drive),
            Self::Failed(drive, _) => drive.as_ref(),
        }
    }
}

struct SmartctlRun<'a> {
    store: &'a Store,
    tools: &'a Tools,
    request: &'a Request,
    arguments: &'a [String],
}

impl SmartctlRun<'_> {
    fn device_name(&self) -> &str {
        self.request.device.as_deref().unwrap_or_default()
    }

    fn render(&self, output: &SmartctlOutput, version: Version) -> Vec<u8> {
        output.render(self.request, self.arguments, version)
    }

    /// Returns the exit status.
    fn print(&self, output: &SmartctlOutput, version: Version) -> u8 {
        say(self.render(output, version));
        output.exit_status
    }

    fn on_device(&self) -> Result<u8> {
        let node = node_of(self.device_name());
        let log = RunLog { path: self.store.root.join("log/smartctl"), node: &node };
        let target = self.open(&node)?;
        let serial = match target.drive() {
            Some(drive) => drive.serial.replace(' ', "_"),
            None => "-".to_owned(),
        };
        log.line("start", &format!("{serial} {}", self.arguments.join(" ")))?;
        let exit_status = match target {
            Target::Opened(drive, device) => self.read(drive, &device, &log)?,
            Target::Failed(drive, mut output) => {
                let version = release(drive.as_ref(), self.tools);
                older_releases::adapt(&mut output.body, version, drive.as_ref());
                self.print(&output, version)
            }
        };
        log.line("end", &exit_status.to_string())?;
        Ok(exit_status)
    }

    fn open(&self, node: &str) -> Result<Target> {
        let name = self.device_name();
        if let Some(drive) = self.store.at_node(node)? {
            let opened = device_type::own_node(&drive, self.request);
            return Ok(Target::new(drive, opened));
        }
        let Some(volume) = self.store.volume_at(node)? else {
            return Ok(Target::Failed(None, cannot_open(name, "No such device")));
        };
        let disk = match device_type::disk_of_volume(&volume, node, self.request) {
            Ok(disk) => disk,
            Err(output) => return Ok(Target::Failed(None, output)),
        };
        let drive = self.store.drive(volume.member(disk.number).unwrap_or_default())?;
        let opened = device_type::behind_controller(&drive, &disk, name);
        Ok(Target::new(drive, opened))
    }

    fn read(&self, drive: Drive, device: &OpenedDevice, log: &RunLog) -> Result<u8> {
        std::thread::sleep(latency(&drive, self.tools));
        if matches!(path_faults::at_node(&drive, log.node), Some(fault) if fault != "hangs") {
            let output = cannot_open(self.device_name(), "No such device or address");
            return Ok(self.print(&output, release(Some(&drive), self.tools)));
        }
        let Some(drive) = tool_faults::before_output(self.store, log.node, drive)? else {
            // The drive was pulled during the hang: the kernel aborts the command.
            let output = cannot_open(self.device_name(), "No such device");
            return Ok(self.print(&output, release(None, self.tools)));
        };
        let (text, exit_status) = self.drive_text(&drive, device, log)?;
        let (text, exit_status) = tool_faults::apply_to_output(&drive, text, exit_status)?;
        say(&text);
        Ok(exit_status)
    }

    /// The output of a drive that was opened, and the exit status.
    fn drive_text(&self, drive: &Drive, device: &OpenedDevice, log: &RunLog) -> Result<(Vec<u8>, u8)> {
        let version = release(Some(drive), self.tools);
        if drive.flag("no_permission") {
            let output = cannot_open(device.info_name(), "Permission denied");
            return Ok((self.render(&output, version), output.exit_status));
        }
        let power_mode = low_power_mode(drive);
        if let Some(mode) = power_mode
            && let Some(output) = self.not_woken(drive, device, mode, version)
        {
            return Ok((self.render(&output, version), output.exit_status));
        }
        if power_mode == Some(Mode::Standby) {
            log.line("wake", &drive.serial.replace(' ', "_"))?;
        }
        if let Some(file) = &drive.recorded {
            return recorded(self.store, file);
        }
        let output = drive_output(drive, device, log.node, self.device_name(), version);
        let mut text = self.render(&output, version);
        let has_pending = drive.number("pending").is_some();
        if self.request.json && version < (7, 3) && device.command_set == CommandSet::Scsi && has_pending {
            // Those releases print this line before the JSON.
            text.splice(0..0, b"  Pending defect count:".iter().copied());
        }
        Ok((text, output.exit_status))
    }

    /// The output if `-n` keeps smartctl from reading the drive; `None` if the drive is read.
    fn not_woken(&self, drive: &Drive, device: &OpenedDevice, mode: Mode, version: Version) -> Option<SmartctlOutput> {
        let Nocheck { mode: lowest, exit_status } = self.request.nocheck.as_ref()?;
        let is_scsi = matches!(device.command_set, CommandSet::Scsi | CommandSet::Translated);
        // Releases before 7.2 do not query the power mode of a SCSI drive.
        if *lowest < mode || device.command_set == CommandSet::Nvme || (is_scsi && version < (7, 2)) {
            return None;
        }
        let name = if is_scsi { scsi_power_mode(drive, mode) } else { ata_power_mode(mode) };
        let message = format!("Device is in {name} mode, exit({exit_status})");
        let mut output = SmartctlOutput::information(message, *exit_status);
        output.body.insert("device".to_owned(), device.json(self.device_name()));
        if !is_scsi && version >= (7, 5) {
            let value = if mode == Mode::Idle { 128 } else { 0 };
            output.body.insert("power_mode".to_owned(), json!({"ata_value": value, "name": name}));
        }
        Some(output)
    }
}

fn ata_power_mode(mode: Mode) -> &'static str {
    if mode == Mode::Idle { "IDLE" } else { "STANDBY" }
}

fn scsi_power_mode(drive: &Drive, mode: Mode) -> &'static str {
    match drive.text("standby") {
        _ if mode == Mode::Idle => "IDLE_A",
        Some("timer") => "STANDBY BY TIMER",
        Some("low_power") => "LOW POWER",
        _ => "STANDBY BY COMMAND",
    }
}

fn latency(drive: &Drive, tools: &Tools) -> Duration {
    let own = drive.number("latency_ms");
    let jitter = hash(&drive.key) % (tool_number(tools, "jitter_ms") + 1);
    Duration::from_millis(own.unwrap_or_else(|| tool_number(tools, "latency_ms")) + jitter)
}

fn tool_number(tools: &Tools, key: &str) -> u64 {
    tools.smartctl.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// A recorded output, byte for byte, with the exit status that it contains.
fn recorded(store: &Store, file: &str) -> Result<(Vec<u8>, u8)> {
    let path = store.root.join(file);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let json: Value = serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let exit_status = match json.pointer("/smartctl/exit_status") {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        _ => 0,
    };
    Ok((text, u8::try_from(exit_status).unwrap_or(u8::MAX)))
}

/// `None` for a drive that is active.
fn low_power_mode(drive: &Drive) -> Option<Mode> {
    match drive.state.get("standby") {
        Some(Value::Bool(true) | Value::String(_)) => Some(Mode::Standby),
        _ if drive.flag("idle") => Some(Mode::Idle),
        _ => None,
    }
}

fn drive_output(drive: &Drive, device: &OpenedDevice, node: &str, name: &str, version: Version) -> SmartctlOutput {
    let mut output = match device.command_set {
        CommandSet::Ata => ata_output::output(drive),
        CommandSet::Nvme => nvme_output::output(drive, node),
        CommandSet::Scsi => scsi_output::output(&drive.at_node(node)),
        CommandSet::Translated => scsi_output::translated(drive),
    };
    older_releases::adapt(&mut output.body, version, Some(drive));
    output.body.insert("device".to_owned(), device.json(name));
    if device.command_set == CommandSet::Ata && version >= (7, 3) {
        let database = json!({"string": format!("{}.{}/5528", version.0, version.1)});
        output.body.insert("drive_database".to_owned(), database);
    }
    if drive.flag("partial") {
        // A log could not be read. smartctl adds no message.
        output.exit_status |= 4;
    }
    output
}

/// The release that is set for the drive, or else for the host.
fn release(drive: Option<&Drive>, tools: &Tools) -> Version {
    if let Some(drive) = drive
        && let Some(text) = drive.text("smartctl_version")
    {
        return version::parse(text).unwrap_or(DEFAULT_RELEASE);
    }
    match tools.smartctl.get("version") {
        Some(Value::String(text)) => version::parse(text).unwrap_or(DEFAULT_RELEASE),
        _ => DEFAULT_RELEASE,
    }
}
