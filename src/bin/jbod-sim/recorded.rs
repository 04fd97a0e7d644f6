//! `--from`: drives made of recorded smartctl answers. Reads from an answer only what sysfs must
//! agree with; the answer itself is played back byte for byte.

use crate::drive::{Drive, Kind, hash, mix};
use crate::store::Store;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The kernel has a size of every drive that it can use: of one whose recording lacks it.
const USUAL_BYTES: u64 = 1_000_204_886_016;

/// A drive for every answer in the folder that names one, in the order of file names.
pub fn load(folder: &Path) -> Result<Vec<Drive>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("--from: cannot list {}; wanted a folder with *.json files", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    let (mut drives, mut keys) = (Vec::new(), HashSet::new());
    for file in &files {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        match drive_of(&text, &mut keys) {
            Ok(drive) => drives.push(Drive { recorded: Some(file.to_string_lossy().into_owned()), ..drive }),
            Err(why) => eprintln!("skipped {}: {why}", file.display()),
        }
    }
    if drives.is_empty() {
        bail!(
            "--from {}: found no recorded answer with a drive's identity among {} *.json files",
            folder.display(),
            files.len()
        );
    }
    Ok(drives)
}

/// Puts the answers into the host's folder, so that it stands alone.
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

fn drive_of(text: &[u8], keys: &mut HashSet<String>) -> Result<Drive> {
    let json: Value = serde_json::from_slice(text).context("it is no JSON")?;
    let word =
        |key: &str| json.get(key).and_then(Value::as_str).map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned);
    let serial = word("serial_number").context("it has no serial_number")?;
    let protocol = json.pointer("/device/protocol").and_then(Value::as_str).context("it has no device.protocol")?;
    let rotation = json.get("rotation_rate").and_then(Value::as_u64);
    let kind = match protocol {
        "NVMe" => Kind::Nvme,
        "ATA" => Kind::Sata,
        "SCSI" if rotation == Some(0) => Kind::Ssd,
        "SCSI" => Kind::Sas,
        other => bail!("its device.protocol is {other:?}; wanted ATA, SCSI or NVMe"),
    };
    // An enclosure answers smartctl too.
    if let Some(pdt) =
        json.pointer("/device_type/scsi_value").and_then(Value::as_u64).filter(|v| ![0, 14, 20].contains(v))
    {
        bail!("its SCSI device type is {pdt}; wanted a disk");
    }
    let model = match kind {
        Kind::Nvme | Kind::Sata => word("model_name"),
        _ => word("scsi_product").or_else(|| word("product")).or_else(|| word("model_name")),
    };
    let number = |at: &str| json.pointer(at).and_then(Value::as_u64);
    let bytes = number("/user_capacity/bytes").or_else(|| number("/nvme_total_capacity")).unwrap_or(USUAL_BYTES);
    let key = unique_key(&serial, keys);
    let digits = |w: &str| w.trim_start_matches("0x").to_ascii_lowercase();
    let unit =
        word("logical_unit_id").map(|w| digits(&w)).filter(|w| w.len() == 16 && u64::from_str_radix(w, 16).is_ok());
    let wwn = if kind == Kind::Nvme { eui(&json) } else { ata_wwn(&json).or(unit) };
    Ok(Drive {
        guid: mix(hash(&key)) | 1 << 63,
        key,
        serial,
        vendor: word("scsi_vendor")
            .or_else(|| word("vendor"))
            .unwrap_or_else(|| if kind == Kind::Sata { "ATA".to_owned() } else { "UNKNOWN".to_owned() }),
        model: model.context("it has no model")?,
        firmware: word("firmware_version")
            .or_else(|| word("scsi_revision"))
            .or_else(|| word("revision"))
            .unwrap_or_default(),
        kind,
        wwn,
        t10: false,
        bytes,
        units: 1,
        rotation: rotation.and_then(|r| u32::try_from(r).ok()).unwrap_or(0),
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

fn ata_wwn(json: &Value) -> Option<String> {
    let part = |name: &str| json.pointer(&format!("/wwn/{name}")).and_then(Value::as_u64);
    Some(format!("{:x}{:06x}{:09x}", part("naa")? & 0xf, part("oui")? & 0xff_ffff, part("id")? & 0xf_ffff_ffff))
}

fn eui(json: &Value) -> Option<String> {
    let part = |name: &str| json.pointer(&format!("/nvme_namespaces/0/eui64/{name}")).and_then(Value::as_u64);
    Some(format!("{:06x}{:010x}", part("oui")? & 0xff_ffff, part("ext_id")? & 0xff_ffff_ffff))
}

/// Recorded drives may share a serial; each still gets a file of its own.
fn unique_key(serial: &str, keys: &mut HashSet<String>) -> String {
    let clean: String =
        serial.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let key = (1..=u32::MAX)
        .map(|n| if n == 1 { clean.clone() } else { format!("{clean}+{n}") })
        .find(|k| !keys.contains(k))
        .unwrap_or_default();
    keys.insert(key.clone());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_follows_the_answer() {
        let text = br#"{"device":{"protocol":"ATA"},"serial_number":"AB 1","model_name":"X","wwn":{"naa":5,"oui":3274,"id":1234567890},"user_capacity":{"bytes":1024}}"#;
        let mut keys = HashSet::new();
        let drive = drive_of(text, &mut keys).ok();
        assert_eq!(drive.as_ref().and_then(|d| d.wwn.as_deref()), Some("5000cca0499602d2"));
        let again = drive_of(text, &mut keys).ok().map(|d| (d.key, d.serial));
        assert_eq!(again, Some(("AB_1+2".to_owned(), "AB 1".to_owned())));
        assert!(drive_of(b"{}", &mut keys).is_err());
    }
}
