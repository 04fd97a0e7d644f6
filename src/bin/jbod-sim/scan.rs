//! `smartctl --scan` and `--scan-open`: what smartctl finds by itself, disks behind a `MegaRAID`
//! controller among it.

use crate::args::Request;
use crate::drive::{Drive, Kind};
use crate::reach;
use crate::store::{Store, Volume};
use anyhow::Result;
use serde_json::{Map, Value, json};

/// The list, each entry with the line a text output has for it. No list where nothing is found.
pub fn devices(store: &Store, open: bool) -> Result<(Map<String, Value>, Vec<String>)> {
    let (drives, volumes) = (store.drives()?, store.volumes()?);
    let root = store.root.join("dev");
    let at = |node: &str| root.join(node).to_string_lossy().into_owned();
    let mut found: Vec<(String, Value)> = Vec::new();
    for drive in drives.iter().filter(|d| d.raid.is_none()) {
        for node in nodes(drive) {
            found.push((node.clone(), one(drive, &at(&node), open)));
        }
    }
    for volume in &volumes {
        found.push((volume.sd.clone(), of_volume(volume, &at(&volume.sd), open)));
    }
    // As the kernel names them: sdb before sdaa.
    found.sort_by_key(|(node, _)| (node.starts_with("nvme"), node.len(), node.clone()));
    let mut list: Vec<Value> = found.into_iter().map(|(_, value)| value).collect();
    for volume in volumes.iter().filter(|v| !v.is_cciss()) {
        let name = at(&format!("bus/{}", volume.host));
        for member in &volume.members {
            let drive = store.drive(&member.key)?;
            // Without opening, smartctl does not know what a disk there is.
            let device = match reach::disk_behind(&drive, volume, &name, member.number, false) {
                Ok(reached) if open => reached.device(&name),
                _ => json!({
                    "name": name, "info_name": format!("{name} [megaraid_disk_{:02}]", member.number),
                    "type": format!("megaraid,{}", member.number), "protocol": "SCSI",
                }),
            };
            list.push(device);
        }
    }
    let text = |d: &Value, key: &str| d.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let lines = list
        .iter()
        .map(|d| {
            let (name, kind, info) = (text(d, "name"), text(d, "type"), text(d, "info_name"));
            match d.get("open_error").and_then(Value::as_str) {
                Some(why) => {
                    format!("# {name} -d {kind} # {info}, {} device open failed: {why}", text(d, "protocol"))
                }
                None => format!("{name} -d {kind} # {info}, {} device", text(d, "protocol")),
            }
        })
        .collect();
    let body = if list.is_empty() { Map::new() } else { Map::from_iter([("devices".to_owned(), json!(list))]) };
    Ok((body, lines))
}

fn nodes(drive: &Drive) -> Vec<String> {
    match drive.nvme {
        Some(number) => vec![format!("nvme{number}")],
        None => drive.paths.iter().map(crate::drive::Path::sd).collect(),
    }
}

fn one(drive: &Drive, name: &str, open: bool) -> Value {
    let request = Request { device: Some(name.to_owned()), ..Request::default() };
    match reach::own_node(drive, &request) {
        Ok(reached) if open || drive.kind != Kind::Sata || drive.usb.is_none() => reached.device(name),
        Ok(_) => json!({"name": name, "info_name": name, "type": "scsi", "protocol": "SCSI"}),
        Err(answer) => {
            let mut device = json!({"name": name, "info_name": name, "type": "scsi", "protocol": "SCSI"});
            if let (true, Some(device), Some((why, _))) = (open, device.as_object_mut(), answer.messages.first()) {
                let why = why.split_once(": ").map_or(why.as_str(), |(_, why)| why);
                device.insert("open_error".to_owned(), json!(why));
            }
            device
        }
    }
}

fn of_volume(volume: &Volume, name: &str, open: bool) -> Value {
    let mut device = json!({"name": name, "info_name": name, "type": "scsi", "protocol": "SCSI"});
    if let (true, true, Some(device)) = (open, volume.is_perc(), device.as_object_mut()) {
        let why = "DELL or MegaRaid controller, please try adding '-d megaraid,N'";
        device.insert("open_error".to_owned(), json!(why));
    }
    device
}
