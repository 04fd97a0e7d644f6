//! `smartctl --scan` and `--scan-open`: the devices that smartctl detects, with disks behind `MegaRAID` controllers.

use crate::device_type::{self, ControllerDisk};
use crate::drive::{Drive, Kind, Path};
use crate::output::object;
use crate::smartctl_args::{Request, ScanOption};
use crate::store::{Store, Volume};
use anyhow::Result;
use serde_json::{Map, Value, json};

/// The body, and the line of the text output for each device. Without devices the body is empty.
pub fn devices(store: &Store, option: ScanOption) -> Result<(Map<String, Value>, Vec<String>)> {
    let mut list = block_devices(store, option)?;
    list.extend(controller_disks(store, option)?);
    let lines = list.iter().map(line).collect();
    let mut body = Map::new();
    if !list.is_empty() {
        body.insert("devices".to_owned(), json!(list));
    }
    Ok((body, lines))
}

fn device_path(store: &Store, name: &str) -> String {
    store.root.join("dev").join(name).to_string_lossy().into_owned()
}

fn block_devices(store: &Store, option: ScanOption) -> Result<Vec<Map<String, Value>>> {
    let mut found = Vec::new();
    for drive in store.drives()?.iter().filter(|drive| drive.raid.is_none()) {
        for node in nodes(drive) {
            let device = of_drive(drive, &device_path(store, &node), option);
            found.push((node, device));
        }
    }
    for volume in store.volumes()? {
        let device = of_volume(&volume, &device_path(store, &volume.sd), option);
        found.push((volume.sd, device));
    }
    // In the order of the kernel: sdb before sdaa.
    found.sort_by_key(|(node, _)| (node.starts_with("nvme"), node.len(), node.clone()));
    Ok(found.into_iter().map(|(_, device)| device).collect())
}

fn controller_disks(store: &Store, option: ScanOption) -> Result<Vec<Map<String, Value>>> {
    let mut found = Vec::new();
    for volume in store.volumes()?.iter().filter(|volume| !volume.is_cciss()) {
        let name = device_path(store, &format!("bus/{}", volume.host));
        for member in &volume.members {
            let disk = ControllerDisk::of_volume(volume, member.number);
            let opened = device_type::behind_controller(&store.drive(&member.key)?, &disk, &name);
            found.push(match opened {
                Ok(opened) if option == ScanOption::ScanOpen => object(opened.json(&name)),
                // smartctl detects SAT when it opens the device.
                _ => object(json!({
                    "name": name, "info_name": format!("{name} [megaraid_disk_{:02}]", member.number),
                    "type": format!("megaraid,{}", member.number), "protocol": "SCSI",
                })),
            });
        }
    }
    Ok(found)
}

/// The line of the text output.
fn line(device: &Map<String, Value>) -> String {
    let [name, kind, info, protocol] = ["name", "type", "info_name", "protocol"].map(|field| text(device, field));
    if device.contains_key("open_error") {
        let error = text(device, "open_error");
        return format!("# {name} -d {kind} # {info}, {protocol} device open failed: {error}");
    }
    format!("{name} -d {kind} # {info}, {protocol} device")
}

fn text<'a>(device: &'a Map<String, Value>, field: &str) -> &'a str {
    match device.get(field) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

fn nodes(drive: &Drive) -> Vec<String> {
    match drive.nvme {
        Some(number) => vec![format!("nvme{number}")],
        None => drive.paths.iter().map(Path::sd).collect(),
    }
}

fn scsi_device(name: &str) -> Map<String, Value> {
    object(json!({"name": name, "info_name": name, "type": "scsi", "protocol": "SCSI"}))
}

fn of_drive(drive: &Drive, name: &str, option: ScanOption) -> Map<String, Value> {
    let request = Request { device: Some(name.to_owned()), ..Request::default() };
    let is_open = option == ScanOption::ScanOpen;
    let mut device = scsi_device(name);
    match device_type::own_node(drive, &request) {
        // The bridge of a USB disk is known only when the device is opened.
        Ok(opened) if is_open || drive.kind != Kind::Sata || drive.usb.is_none() => return object(opened.json(name)),
        Err(output) if is_open => {
            // The message begins with the device.
            if let Some(message) = output.messages.first()
                && let Some((_, error)) = message.text.split_once(": ")
            {
                device.insert("open_error".to_owned(), json!(error));
            }
        }
        _ => {}
    }
    device
}

fn of_volume(volume: &Volume, name: &str, option: ScanOption) -> Map<String, Value> {
    let mut device = scsi_device(name);
    if option == ScanOption::ScanOpen && volume.is_perc() {
        let error = "DELL or MegaRaid controller, please try adding '-d megaraid,N'";
        device.insert("open_error".to_owned(), json!(error));
    }
    device
}
