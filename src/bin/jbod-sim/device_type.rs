//! How smartctl opens a node with `-d TYPE`: the command set, the names that it reports for the device, or the error.

use crate::drive::{Drive, Kind};
use crate::output::{SmartctlOutput, object};
use crate::smartctl_args::Request;
use crate::store::Volume;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandSet {
    Ata,
    Scsi,
    /// A SATA drive through SCSI commands, which the HBA or the USB bridge translates.
    Translated,
    Nvme,
}

#[derive(Debug, PartialEq, Eq)]
pub struct OpenedDevice {
    pub command_set: CommandSet,
    /// `device.type`.
    kind: String,
    /// `device.info_name`.
    info: String,
}

impl OpenedDevice {
    fn new(command_set: CommandSet, kind: &str, info: String) -> Self {
        Self { command_set, kind: kind.to_owned(), info }
    }

    /// The name in smartctl's messages.
    pub fn info_name(&self) -> &str {
        &self.info
    }

    /// The `device` object.
    pub fn json(&self, name: &str) -> Value {
        let protocol = match self.command_set {
            CommandSet::Ata => "ATA",
            CommandSet::Scsi | CommandSet::Translated => "SCSI",
            CommandSet::Nvme => "NVMe",
        };
        json!({"name": name, "info_name": self.info, "type": self.kind, "protocol": protocol})
    }
}

pub fn cannot_open(info: &str, why: &str) -> SmartctlOutput {
    SmartctlOutput::error(format!("Smartctl open device: {info} failed: {why}"), 2)
}

fn not_of_type(requested: &str) -> SmartctlOutput {
    SmartctlOutput::error(format!("Read Device Identity failed: the device is not of type '{requested}'"), 2)
}

/// The types `megaraid,N` and `cciss,N`, both also after `sat+`.
#[derive(Debug, PartialEq, Eq)]
pub struct ControllerDisk<'a> {
    has_sat: bool,
    controller: &'a str,
    pub number: u64,
}

impl<'a> ControllerDisk<'a> {
    pub fn parse(kind: &'a str) -> Option<Self> {
        let (has_sat, rest) = match kind.strip_prefix("sat+") {
            Some(rest) => (true, rest),
            None => (false, kind),
        };
        let (controller, number) = rest.split_once(',')?;
        let number = number.parse().ok()?;
        if !matches!(controller, "megaraid" | "cciss") {
            return None;
        }
        Some(Self { has_sat, controller, number })
    }

    pub fn of_volume(volume: &Volume, number: u64) -> Self {
        Self { has_sat: false, controller: controller_type(volume), number }
    }

    fn info_name(&self, device: &str) -> String {
        let suffix = match (self.has_sat, self.controller) {
            (true, _) => " [SAT]",
            (_, "cciss") => " [SCSI/SAT]",
            _ => "",
        };
        format!("{device} [{}_disk_{:02}]{suffix}", self.controller, self.number)
    }
}

fn controller_type(volume: &Volume) -> &'static str {
    if volume.is_cciss() { "cciss" } else { "megaraid" }
}

/// A drive with a node of its own.
pub fn own_node(drive: &Drive, request: &Request) -> Result<OpenedDevice, SmartctlOutput> {
    let name = request.device.as_deref().unwrap_or_default();
    let requested = match request.kind.as_deref() {
        // A recorded output does not depend on the type.
        _ if drive.recorded.is_some() => "auto",
        None | Some("test") => "auto",
        Some(kind) => kind,
    };
    if let Some(disk) = ControllerDisk::parse(requested) {
        let why = match disk.controller {
            "megaraid" => "cannot open /dev/megaraid_sas_ioctl_node or /dev/megadev0",
            _ => "INQUIRY failed",
        };
        return Err(cannot_open(&disk.info_name(name), why));
    }
    let is_auto = requested == "auto";
    match drive.kind {
        Kind::Nvme if is_auto || requested.starts_with("nvme") => {
            Ok(OpenedDevice::new(CommandSet::Nvme, "nvme", name.to_owned()))
        }
        Kind::Sas | Kind::Ssd if is_auto || requested == "scsi" => {
            Ok(OpenedDevice::new(CommandSet::Scsi, "scsi", name.to_owned()))
        }
        Kind::Sata => sata(drive, name, requested),
        _ => Err(not_of_type(requested)),
    }
}

fn sata(drive: &Drive, name: &str, requested: &str) -> Result<OpenedDevice, SmartctlOutput> {
    let is_auto = requested == "auto";
    let bridge = drive.usb.as_deref();
    if is_auto && bridge == Some("unknown") {
        return Err(SmartctlOutput::error(format!("{name}: Unknown USB bridge [0x2537:0x1081 (0x100)]"), 1));
    }
    let is_jmicron = bridge == Some("usbjmicron");
    if requested.starts_with("usbjmicron") || (is_auto && is_jmicron) {
        let info = format!("{name} [USB JMicron]");
        if !is_jmicron {
            return Err(cannot_open(&info, "scsi error unsupported scsi opcode"));
        }
        return Ok(OpenedDevice::new(CommandSet::Ata, "usbjmicron", info));
    }
    let kind = if is_auto { "sat" } else { requested };
    if kind != "scsi" && kind != "sat" && !kind.starts_with("sat,") {
        return Err(not_of_type(requested));
    }
    // smartctl detects SAT by the ATA Information VPD page, which the HBA must pass on.
    let is_undetected = is_auto && drive.flag("needs_sat");
    if kind == "scsi" || is_undetected || drive.flag("no_passthrough") {
        return Ok(OpenedDevice::new(CommandSet::Translated, "scsi", name.to_owned()));
    }
    Ok(OpenedDevice::new(CommandSet::Ata, kind, format!("{name} [SAT]")))
}

/// The disk that `-d` names behind the node of a RAID volume.
pub fn disk_of_volume<'a>(
    volume: &Volume,
    node: &str,
    request: &'a Request,
) -> Result<ControllerDisk<'a>, SmartctlOutput> {
    let name = request.device.as_deref().unwrap_or_default();
    let requested = request.kind.as_deref().unwrap_or("auto");
    if let Some(disk) = ControllerDisk::parse(requested) {
        if disk.controller != controller_type(volume) || volume.member(disk.number).is_none() {
            return Err(cannot_open(&disk.info_name(name), "INQUIRY failed"));
        }
        return Ok(disk);
    }
    if node.starts_with("bus") {
        return Err(SmartctlOutput::error(format!("{name}: Unable to detect device type"), 1));
    }
    let is_auto = matches!(requested, "auto" | "test");
    if is_auto && volume.is_cciss() {
        return Err(SmartctlOutput::error(format!("{name}: requires option '-d cciss,N'"), 1));
    }
    if is_auto && volume.is_perc() {
        return Err(cannot_open(name, "DELL or MegaRaid controller, please try adding '-d megaraid,N'"));
    }
    Err(volume_itself(volume, name))
}

/// The output for a volume whose controller smartctl does not recognize. It has no health.
fn volume_itself(volume: &Volume, name: &str) -> SmartctlOutput {
    let body = object(json!({
        "device": {"name": name, "info_name": name, "type": "scsi", "protocol": "SCSI"},
        "scsi_vendor": volume.vendor,
        "scsi_product": volume.model,
        "scsi_model_name": format!("{} {}", volume.vendor, volume.model),
        "model_name": format!("{} {}", volume.vendor, volume.model),
        "scsi_revision": "4.68",
        "scsi_version": "SPC-3",
        "user_capacity": {"blocks": volume.bytes / 512, "bytes": volume.bytes},
        "logical_block_size": 512,
        "logical_unit_id": format!("0x{}", volume.wwn),
        "serial_number": volume.serial,
        "device_type": {"scsi_terminology": "Peripheral Device Type [PDT]", "scsi_value": 0, "name": "disk"},
        "smart_support": {"available": false},
        "temperature": {"current": 0, "drive_trip": 0},
    }));
    SmartctlOutput { body, exit_status: 4, ..SmartctlOutput::default() }
}

/// A disk behind a controller.
pub fn behind_controller(drive: &Drive, disk: &ControllerDisk, name: &str) -> Result<OpenedDevice, SmartctlOutput> {
    let ControllerDisk { has_sat, controller, number } = *disk;
    let kind = format!("{controller},{number}");
    if drive.kind == Kind::Sata {
        // smartctl detects SAT behind the controller, with and without `sat+`.
        let with_sat = ControllerDisk { has_sat: true, controller, number };
        return Ok(OpenedDevice::new(CommandSet::Ata, &format!("sat+{kind}"), with_sat.info_name(name)));
    }
    if has_sat {
        return Err(not_of_type(&format!("sat+{kind}")));
    }
    let suffix = if controller == "cciss" { " [SCSI]" } else { "" };
    let info = format!("{name} [{controller}_disk_{number:02}]{suffix}");
    Ok(OpenedDevice::new(CommandSet::Scsi, &kind, info))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;

    fn ask(drive: &Drive, kind: Option<&str>) -> Result<(CommandSet, String, String), String> {
        let request =
            Request { device: Some("/dev/sda".to_owned()), kind: kind.map(str::to_owned), ..Request::default() };
        match own_node(drive, &request) {
            Ok(device) => Ok((device.command_set, device.kind, device.info)),
            Err(output) => Err(output.messages[0].text.clone()),
        }
    }

    #[test]
    fn types_are_detected_or_given() {
        let mut drive = sample(Kind::Sata);
        let sat = Ok((CommandSet::Ata, "sat".to_owned(), "/dev/sda [SAT]".to_owned()));
        assert_eq!(ask(&drive, None), sat);
        assert_eq!(ask(&drive, Some("scsi")).map(|opened| opened.0), Ok(CommandSet::Translated));
        drive.state.insert("needs_sat".to_owned(), json!(true));
        assert_eq!(ask(&drive, None).map(|opened| opened.0), Ok(CommandSet::Translated));
        assert_eq!(ask(&drive, Some("sat")), sat);
        let error = ask(&drive, Some("sat+megaraid,3")).unwrap_err();
        assert!(error.contains("/dev/sda [megaraid_disk_03] [SAT] failed: cannot open"));
        drive.usb = Some("unknown".to_owned());
        assert!(ask(&drive, None).unwrap_err().starts_with("/dev/sda: Unknown USB bridge ["));
        assert_eq!(ask(&drive, Some("sat")), sat);
        drive.usb = Some("usbjmicron".to_owned());
        assert_eq!(ask(&drive, None).map(|opened| opened.1), Ok("usbjmicron".to_owned()));
        assert!(ask(&sample(Kind::Sas), Some("sat")).is_err());
        let disk = ControllerDisk { has_sat: true, controller: "megaraid", number: 14 };
        assert_eq!(ControllerDisk::parse("sat+megaraid,14"), Some(disk));
        assert_eq!(ControllerDisk::parse("megaraid"), None);
    }
}
