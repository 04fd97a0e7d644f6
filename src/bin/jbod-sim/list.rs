//! `jbod-sim list`: the truth about every drive, for people and for tests to compare with.

use crate::drive::{Drive, Kind, Path};
use crate::files::say;
use crate::store::{Host, Pool, Store};
use crate::zpool_table::leaf_state;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// Pool, vdev or section, and its role there.
type Role = (String, String, &'static str);

pub fn run(dir: &std::path::Path, as_json: bool) -> Result<()> {
    let store = Store::open(dir)?;
    let host = store.host()?;
    let roles = roles(&store.pools()?);
    let drives: Vec<Value> = store.drives()?.iter().map(|d| describe(&host, d, &roles)).collect();
    if as_json {
        let text = serde_json::to_string_pretty(&drives).context("cannot write the list as JSON")?;
        say(format!("{text}\n"));
        return Ok(());
    }
    let mut text = format!(
        "{:>3} {:>4}  {:<12} {:<12} {:<22} {:<21} {:>4} {:>6}  POOL\n",
        "ENC", "BAY", "DEVICES", "SG", "SERIAL", "MODEL", "TEMP", "HOURS"
    );
    for drive in &drives {
        let get = |key: &str| match drive.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            Some(Value::Null) | None => "-".to_owned(),
            Some(other) => other.to_string(),
        };
        let members: Vec<String> = drive
            .get("units")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|unit| {
                let part = |key: &str| unit.get(key).and_then(Value::as_str).unwrap_or("-");
                format!("{} {} {}", part("pool"), part("vdev"), part("leaf_state"))
            })
            .collect();
        let _ = writeln!(
            text,
            "{:>3} {:>4}  {:<12} {:<12} {:<22} {:<21} {:>4} {:>6}  {}",
            get("enclosure"),
            get("bay"),
            get("devices"),
            get("sg"),
            get("serial"),
            get("model"),
            get("temperature"),
            get("hours"),
            members.join(", ")
        );
    }
    say(&text);
    Ok(())
}

fn roles(pools: &[Pool]) -> HashMap<String, Role> {
    let mut roles = HashMap::new();
    for pool in pools {
        for (vdevs, role) in [(&pool.data, "data"), (&pool.logs, "log"), (&pool.cache, "cache")] {
            for vdev in vdevs {
                let name = vdev.name.clone().unwrap_or_else(|| role.to_owned());
                roles.extend(vdev.leaves.iter().map(|key| (key.clone(), (pool.name.clone(), name.clone(), role))));
            }
        }
        roles.extend(pool.spares.iter().map(|key| (key.clone(), (pool.name.clone(), "spares".to_owned(), "spare"))));
    }
    roles
}

/// A logical unit: its nodes, and what it is in a pool.
fn unit(unit: &Drive, role: Option<&Role>) -> Value {
    json!({
        "wwid": unit.wwid(),
        "size_bytes": unit.bytes,
        "devices": unit.paths.iter().map(Path::sd).collect::<Vec<_>>(),
        "pool": role.map(|r| &r.0),
        "vdev": role.map(|r| &r.1),
        "role": role.map(|r| r.2),
        "leaf_state": role.map(|_| leaf_state(unit)),
    })
}

/// Pool, vdev, role and state are those of the first logical unit.
fn describe(host: &Host, drive: &Drive, roles: &HashMap<String, Role>) -> Value {
    let units: Vec<Value> = drive.units().map(|one| unit(&one, roles.get(&one.key))).collect();
    let role = roles.get(&drive.key);
    let shelf = drive.bay.and_then(|b| host.shelves.get(b.shelf));
    let devices: Vec<String> = match drive.nvme {
        Some(number) => vec![format!("nvme{number}n1")],
        None => drive.paths.iter().map(Path::sd).collect(),
    };
    let nodes: Vec<String> = match (drive.nvme, drive.raid) {
        (Some(number), _) => vec![format!("/dev/nvme{number}")],
        (_, Some(place)) => vec![format!("/dev/bus/{}", place.host)],
        _ => drive.paths.iter().map(|p| format!("/dev/{}", p.sg())).collect(),
    };
    json!({
        "key": drive.key,
        "serial": drive.serial,
        "vendor": drive.vendor,
        "model": drive.model,
        "firmware": drive.firmware,
        "kind": drive.kind,
        "wwn": drive.unit(0).wwn,
        "wwid": drive.unit(0).wwid(),
        "size_bytes": drive.bytes,
        "units": units,
        "rotation_rate": if drive.kind == Kind::Nvme { None } else { Some(drive.rotation) },
        "present": drive.present(),
        "enclosure": drive.bay.map(|b| b.shelf),
        "enclosure_id": shelf.map(|s| format!("0x{}", s.id)),
        "bay": drive.bay.map(|b| b.place + host.slot_base),
        "slot_name": drive.bay.zip(shelf).and_then(|(b, s)| s.bays.get(b.place)),
        "pulled_from": drive.pulled_from.map(|b| format!("bay/{}/{}", b.shelf, b.place + host.slot_base)),
        "devices": devices,
        "sg": drive.paths.iter().map(Path::sg).collect::<Vec<_>>(),
        "nodes": nodes,
        "addresses": drive.paths.iter().map(Path::address).collect::<Vec<_>>(),
        "raid": drive.raid,
        "usb": drive.usb,
        "map": drive.map_name(),
        "recorded": drive.recorded,
        "temperature": drive.recorded.is_none().then(|| drive.temperature()),
        "hours": drive.recorded.is_none().then(|| drive.hours()),
        "pool": role.map(|r| &r.0),
        "vdev": role.map(|r| &r.1),
        "role": role.map(|r| r.2),
        "leaf_state": role.map(|_| leaf_state(drive)),
        "state": drive.state,
        "leaf": drive.leaf,
    })
}
