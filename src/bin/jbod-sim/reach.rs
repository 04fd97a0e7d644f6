//! What smartctl makes of a node and its `-d TYPE`: which command set it talks to the drive with,
//! and as what it names the device; or why it cannot be opened.

use crate::args::Request;
use crate::drive::{Drive, Kind};
use crate::smartctl::Answer;
use crate::store::Volume;
use serde_json::{Value, json};

/// The command set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    Ata,
    Scsi,
    /// A SATA drive asked as SCSI: its HBA or bridge answers for it.
    Translated,
    Nvme,
}

/// A drive as smartctl has opened it.
#[derive(Debug, PartialEq, Eq)]
pub struct Reached {
    pub talk: Talk,
    /// `device.type`.
    kind: String,
    /// `device.info_name`.
    info: String,
}

impl Reached {
    fn new(talk: Talk, kind: &str, info: String) -> Self {
        Self { talk, kind: kind.to_owned(), info }
    }

    /// The name smartctl puts into messages.
    pub fn info(&self) -> &str {
        &self.info
    }

    /// smartctl's `device` object.
    pub fn device(&self, name: &str) -> Value {
        let protocol = match self.talk {
            Talk::Ata => "ATA",
            Talk::Scsi | Talk::Translated => "SCSI",
            Talk::Nvme => "NVMe",
        };
        json!({"name": name, "info_name": self.info, "type": self.kind, "protocol": protocol})
    }
}

/// The device did not open.
pub fn cannot_open(info: &str, why: &str) -> Answer {
    Answer::message(format!("Smartctl open device: {info} failed: {why}"), "error", 2)
}

/// Nothing is known by that name.
pub fn undetected(name: &str) -> Answer {
    Answer::message(format!("{name}: Unable to detect device type"), "error", 1)
}

/// `megaraid,4`, `sat+megaraid,4` or `cciss,4`: whether through SAT, the controller, the number.
pub fn behind(kind: &str) -> Option<(bool, &str, u64)> {
    let (sat, rest) = kind.strip_prefix("sat+").map_or((false, kind), |rest| (true, rest));
    let (controller, number) = rest.split_once(',')?;
    let number = number.parse().ok()?;
    matches!(controller, "megaraid" | "cciss").then_some((sat, controller, number))
}

fn info_behind(name: &str, sat: bool, controller: &str, number: u64) -> String {
    let tail = match (sat, controller) {
        (true, _) => " [SAT]",
        (_, "cciss") => " [SCSI/SAT]",
        _ => "",
    };
    format!("{name} [{controller}_disk_{number:02}]{tail}")
}

/// A drive that has a node of its own.
pub fn own_node(drive: &Drive, request: &Request) -> Result<Reached, Answer> {
    let name = request.device.as_deref().unwrap_or_default();
    // A recorded answer was given to whatever was asked then.
    let asked = request.kind.as_deref().filter(|_| drive.recorded.is_none()).unwrap_or("auto");
    if let Some((sat, controller, number)) = behind(asked) {
        let why = match controller {
            "megaraid" => "cannot open /dev/megaraid_sas_ioctl_node or /dev/megadev0",
            _ => "INQUIRY failed",
        };
        return Err(cannot_open(&info_behind(name, sat, controller, number), why));
    }
    let auto = matches!(asked, "auto" | "test");
    match drive.kind {
        Kind::Nvme if auto || asked.starts_with("nvme") => Ok(Reached::new(Talk::Nvme, "nvme", name.to_owned())),
        Kind::Sas | Kind::Ssd if auto || asked == "scsi" => Ok(Reached::new(Talk::Scsi, "scsi", name.to_owned())),
        Kind::Sata => sata(drive, name, asked, auto),
        _ => Err(other_type(asked)),
    }
}

fn other_type(asked: &str) -> Answer {
    Answer::message(format!("Read Device Identity failed: the device is not of type '{asked}'"), "error", 2)
}

fn sata(drive: &Drive, name: &str, asked: &str, auto: bool) -> Result<Reached, Answer> {
    let scsi = || Ok(Reached::new(Talk::Translated, "scsi", name.to_owned()));
    let sat = |kind: &str| {
        // Some HBAs answer for the drive whatever is asked.
        if drive.flag("no_passthrough") { scsi() } else { Ok(Reached::new(Talk::Ata, kind, format!("{name} [SAT]"))) }
    };
    let jmicron = || Ok(Reached::new(Talk::Ata, "usbjmicron", format!("{name} [USB JMicron]")));
    match (asked, drive.usb.as_deref()) {
        (_, Some("unknown")) if auto => {
            Err(Answer::message(format!("{name}: Unknown USB bridge [0x2537:0x1081 (0x100)]"), "error", 1))
        }
        (_, Some("usbjmicron")) if auto || asked.starts_with("usbjmicron") => jmicron(),
        (_, _) if asked.starts_with("usbjmicron") => {
            Err(cannot_open(&format!("{name} [USB JMicron]"), "scsi error unsupported scsi opcode"))
        }
        ("scsi", _) => scsi(),
        // Its HBA has no page that tells of ATA behind it, so nothing is detected.
        (_, _) if auto && drive.flag("needs_sat") => scsi(),
        (_, _) if auto => sat("sat"),
        (kind, _) if kind == "sat" || kind.starts_with("sat,") => sat(kind),
        _ => Err(other_type(asked)),
    }
}

/// The node of a RAID volume: the number of the disk behind it, and how smartctl names it. The
/// kind of drive with a number is only known to the caller.
pub fn volume(volume: &Volume, node: &str, request: &Request) -> Result<(u64, bool), Answer> {
    let name = request.device.as_deref().unwrap_or_default();
    let asked = request.kind.as_deref().unwrap_or("auto");
    let controller = if volume.is_cciss() { "cciss" } else { "megaraid" };
    match behind(asked) {
        Some((sat, asked, number)) if asked == controller => {
            if volume.member(number).is_none() {
                return Err(cannot_open(&info_behind(name, sat, controller, number), "INQUIRY failed"));
            }
            Ok((number, sat))
        }
        Some((sat, asked, number)) => Err(cannot_open(&info_behind(name, sat, asked, number), "INQUIRY failed")),
        None if node.starts_with("bus") => Err(undetected(name)),
        None if matches!(asked, "auto" | "test") && volume.is_cciss() => {
            Err(Answer::message(format!("{name}: requires option '-d cciss,N'"), "error", 1))
        }
        None if matches!(asked, "auto" | "test") && volume.is_perc() => {
            Err(cannot_open(name, "DELL or MegaRaid controller, please try adding '-d megaraid,N'"))
        }
        None => Err(volume_itself(volume, name)),
    }
}

/// What a volume says of itself when its controller is not known by name: no health at all.
fn volume_itself(volume: &Volume, name: &str) -> Answer {
    let body = crate::answer_scsi::object(json!({
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
    Answer { body, status: 4, ..Answer::default() }
}

/// A disk behind a controller, once its number is known.
pub fn disk_behind(drive: &Drive, volume: &Volume, name: &str, number: u64, sat: bool) -> Result<Reached, Answer> {
    let controller = if volume.is_cciss() { "cciss" } else { "megaraid" };
    let own = format!("{controller},{number}");
    match (drive.kind, sat) {
        // SATA is found behind the controller also without being asked for.
        (Kind::Sata, _) => {
            Ok(Reached::new(Talk::Ata, &format!("sat+{own}"), info_behind(name, true, controller, number)))
        }
        (_, false) => {
            let info = format!("{name} [{controller}_disk_{number:02}]");
            let info = if volume.is_cciss() { format!("{info} [SCSI]") } else { info };
            Ok(Reached::new(Talk::Scsi, &own, info))
        }
        (_, true) => Err(other_type(&format!("sat+{own}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;

    fn ask(drive: &Drive, kind: Option<&str>) -> Result<(Talk, String, String), String> {
        let request =
            Request { device: Some("/dev/sda".to_owned()), kind: kind.map(str::to_owned), ..Request::default() };
        own_node(drive, &request)
            .map(|r| (r.talk, r.kind, r.info))
            .map_err(|a| a.messages.first().map(|m| m.0.clone()).unwrap_or_default())
    }

    #[test]
    fn types_are_found_or_asked_for() {
        let mut drive = sample(Kind::Sata);
        let sat = Ok((Talk::Ata, "sat".to_owned(), "/dev/sda [SAT]".to_owned()));
        assert_eq!(ask(&drive, None), sat);
        assert_eq!(ask(&drive, Some("scsi")).map(|r| r.0), Ok(Talk::Translated));
        drive.state.insert("needs_sat".to_owned(), json!(true));
        assert_eq!(ask(&drive, None).map(|r| r.0), Ok(Talk::Translated));
        assert_eq!(ask(&drive, Some("sat")), sat);
        let said = ask(&drive, Some("sat+megaraid,3"));
        assert!(said.is_err_and(|e| e.contains("/dev/sda [megaraid_disk_03] [SAT] failed: cannot open")));
        drive.usb = Some("unknown".to_owned());
        assert!(ask(&drive, None).is_err_and(|e| e.starts_with("/dev/sda: Unknown USB bridge [")));
        assert_eq!(ask(&drive, Some("sat")), sat);
        drive.usb = Some("usbjmicron".to_owned());
        assert_eq!(ask(&drive, None).map(|r| r.1), Ok("usbjmicron".to_owned()));
        assert!(ask(&sample(Kind::Sas), Some("sat")).is_err());
        assert_eq!(behind("sat+megaraid,14"), Some((true, "megaraid", 14)));
        assert_eq!(behind("megaraid"), None);
    }
}
