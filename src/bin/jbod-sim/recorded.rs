//! `--from`: drives from recorded outputs of smartctl. Only what sysfs must agree with is read from an output, which is
//! then printed byte for byte.

use crate::drive::{Drive, Kind, hash, mix};
use crate::store::Store;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The size of a drive whose output lacks it, because the kernel has a size of every drive.
const DEFAULT_BYTES: u64 = 1_000_204_886_016;

/// A drive for each output in the folder that identifies one, in the order of the file names.
pub fn load(folder: &Path) -> Result<Vec<Drive>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("--from: cannot list {}; wanted a folder with *.json files", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension() == Some(OsStr::new("json")));
    files.sort();
    let (mut drives, mut keys) = (Vec::new(), HashSet::new());
    for file in &files {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        match drive_of(&text, &mut keys) {
            Ok(drive) => drives.push(Drive { recorded: Some(file.to_string_lossy().into_owned()), ..drive }),
            Err(error) => eprintln!("skipped {}: {error}", file.display()),
        }
    }
    if drives.is_empty() {
        bail!(
            "--from {}: none of {} *.json files has the identity of a drive; wanted outputs of smartctl --json -a",
            folder.display(),
            files.len()
        );
    }
    Ok(drives)
}

/// Copies the outputs into the folder of the host, which then does not depend on the other one.
pub fn copy(store: &Store, drives: &mut [Drive]) -> Result<()> {
    for drive in drives {
        if let Some(from) = drive.recorded.take() {
            let to = format!("sim/recorded/{}.json", drive.key);
            fs::copy(&from, store.root.join(&to)).with_context(|| format!("cannot copy {from}"))?;
            drive.recorded = Some(to);
        }
    }
    Ok(())
}

/// The first of the fields that is a text, without blanks around it.
fn text(json: &Value, pointers: &[&str]) -> Option<String> {
    for pointer in pointers {
        if let Some(Value::String(text)) = json.pointer(pointer)
            && !text.trim().is_empty()
        {
            return Some(text.trim().to_owned());
        }
    }
    None
}

fn number(json: &Value, pointer: &str) -> Option<u64> {
    json.pointer(pointer)?.as_u64()
}

fn drive_of(text_of_file: &[u8], keys: &mut HashSet<String>) -> Result<Drive> {
    let json: Value = serde_json::from_slice(text_of_file).context("not JSON")?;
    let serial = text(&json, &["/serial_number"]).context("no serial_number")?;
    let rotation = number(&json, "/rotation_rate");
    let kind = kind_of(&json, rotation)?;
    let model = match kind {
        Kind::Nvme | Kind::Sata => text(&json, &["/model_name"]),
        _ => text(&json, &["/scsi_product", "/product", "/model_name"]),
    };
    let capacity = number(&json, "/user_capacity/bytes").or(number(&json, "/nvme_total_capacity"));
    let key = unique_key(&serial, keys);
    let wwn = match kind {
        Kind::Nvme => eui64(&json),
        _ => ata_wwn(&json).or(logical_unit_id(&json)),
    };
    let default_vendor = if kind == Kind::Sata { "ATA" } else { "UNKNOWN" };
    Ok(Drive {
        guid: mix(hash(&key)) | 1 << 63,
        key,
        serial,
        vendor: text(&json, &["/scsi_vendor", "/vendor"]).unwrap_or(default_vendor.to_owned()),
        model: model.context("no model")?,
        firmware: text(&json, &["/firmware_version", "/scsi_revision", "/revision"]).unwrap_or_default(),
        kind,
        wwn,
        t10: false,
        bytes: capacity.unwrap_or(DEFAULT_BYTES),
        units: 1,
        rotation: u32::try_from(rotation.unwrap_or(0)).unwrap_or(0),
        bay: None,
        pulled_from: None,
        paths: Vec::new(),
        nvme: None,
        map: None,
        raid: None,
        usb: None,
        recorded: None,
        state: Map::new(),
        leaf: Map::new(),
    })
}

fn kind_of(json: &Value, rotation: Option<u64>) -> Result<Kind> {
    let protocol = text(json, &["/device/protocol"]).context("no device.protocol")?;
    let kind = match protocol.as_str() {
        "NVMe" => Kind::Nvme,
        "ATA" => Kind::Sata,
        "SCSI" if rotation == Some(0) => Kind::Ssd,
        "SCSI" => Kind::Sas,
        other => bail!("device.protocol is {other:?}; wanted ATA, SCSI or NVMe"),
    };
    // 0, 14 and 20 are disks (SPC, peripheral device type). smartctl has an output for enclosures too.
    match number(json, "/device_type/scsi_value") {
        None | Some(0 | 14 | 20) => Ok(kind),
        Some(other) => bail!("device_type.scsi_value is {other}; wanted a disk"),
    }
}

fn ata_wwn(json: &Value) -> Option<String> {
    let naa = number(json, "/wwn/naa")? & 0xf;
    let oui = number(json, "/wwn/oui")? & 0xff_ffff;
    let id = number(json, "/wwn/id")? & 0xf_ffff_ffff;
    Some(format!("{naa:x}{oui:06x}{id:09x}"))
}

fn eui64(json: &Value) -> Option<String> {
    let oui = number(json, "/nvme_namespaces/0/eui64/oui")? & 0xff_ffff;
    let extension = number(json, "/nvme_namespaces/0/eui64/ext_id")? & 0xff_ffff_ffff;
    Some(format!("{oui:06x}{extension:010x}"))
}

/// `None` for an identifier that is not an NAA name of 64 bits.
fn logical_unit_id(json: &Value) -> Option<String> {
    let text = text(json, &["/logical_unit_id"])?;
    let digits = text.trim_start_matches("0x").to_ascii_lowercase();
    u64::from_str_radix(&digits, 16).ok()?;
    if digits.len() == 16 { Some(digits) } else { None }
}

/// Recorded drives may have the same serial number, but each needs a file of its own.
fn unique_key(serial: &str, keys: &mut HashSet<String>) -> String {
    let clean = serial.replace(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter), "_");
    let mut key = clean.clone();
    let mut count = 1;
    while keys.contains(&key) {
        count += 1;
        key = format!("{clean}+{count}");
    }
    keys.insert(key.clone());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_that_of_the_output() {
        let text = br#"{"device":{"protocol":"ATA"},"serial_number":"AB 1","model_name":"X",
            "wwn":{"naa":5,"oui":3274,"id":1234567890},"user_capacity":{"bytes":1024}}"#;
        let mut keys = HashSet::new();
        assert_eq!(drive_of(text, &mut keys).unwrap().wwn.as_deref(), Some("5000cca0499602d2"));
        let second = drive_of(text, &mut keys).unwrap();
        assert_eq!((second.key.as_str(), second.serial.as_str()), ("AB_1+2", "AB 1"));
        assert!(drive_of(b"{}", &mut keys).is_err());
    }
}
