//! `jbod-sim list`: the drives of the host, which tests compare the output of the daemon with.

use crate::drive::{Bay, Drive, Kind, Path};
use crate::files::say;
use crate::store::{Host, Pool, Store};
use crate::zpool_table::leaf_state;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The place of a logical unit in a pool.
struct PoolRole {
    pool: String,
    /// Or `log`, `cache`, `spares`.
    vdev: String,
    role: &'static str,
}

/// By key of the logical unit.
type PoolRoles = HashMap<String, PoolRole>;

pub fn run(dir: &std::path::Path, as_json: bool) -> Result<()> {
    let store = Store::open(dir)?;
    let host = store.host()?;
    let roles = roles(&store.pools()?);
    let drives: Vec<Value> = store.drives()?.iter().map(|drive| describe(&host, drive, &roles)).collect();
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
        text.push_str(&row(drive));
    }
    say(&text);
    Ok(())
}

fn row(drive: &Value) -> String {
    let members: Vec<String> = match drive.get("units") {
        Some(Value::Array(units)) => units.iter().map(membership).collect(),
        _ => Vec::new(),
    };
    format!(
        "{:>3} {:>4}  {:<12} {:<12} {:<22} {:<21} {:>4} {:>6}  {}\n",
        cell(drive, "enclosure"),
        cell(drive, "bay"),
        cell(drive, "devices"),
        cell(drive, "sg"),
        cell(drive, "serial"),
        cell(drive, "model"),
        cell(drive, "temperature"),
        cell(drive, "hours"),
        members.join(", ")
    )
}

fn membership(unit: &Value) -> String {
    format!("{} {} {}", cell(unit, "pool"), cell(unit, "vdev"), cell(unit, "leaf_state"))
}

fn cell(object: &Value, key: &str) -> String {
    match object.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn roles(pools: &[Pool]) -> PoolRoles {
    let mut roles = HashMap::new();
    for pool in pools {
        for (vdevs, role) in [(&pool.data, "data"), (&pool.logs, "log"), (&pool.cache, "cache")] {
            for vdev in vdevs {
                let name = vdev.name.as_deref().unwrap_or(role);
                add_roles(&mut roles, &vdev.leaves, &pool.name, name, role);
            }
        }
        add_roles(&mut roles, &pool.spares, &pool.name, "spares", "spare");
    }
    roles
}

fn add_roles(roles: &mut PoolRoles, leaves: &[String], pool: &str, vdev: &str, role: &'static str) {
    for key in leaves {
        roles.insert(key.clone(), PoolRole { pool: pool.to_owned(), vdev: vdev.to_owned(), role });
    }
}

fn describe_unit(unit: &Drive, roles: &PoolRoles) -> Value {
    let role = roles.get(&unit.key);
    json!({
        "wwid": unit.wwid(),
        "size_bytes": unit.bytes,
        "devices": unit.paths.iter().map(Path::sd).collect::<Vec<_>>(),
        "pool": role.map(|role| &role.pool),
        "vdev": role.map(|role| &role.vdev),
        "role": role.map(|role| role.role),
        "leaf_state": role.map(|_| leaf_state(unit)),
    })
}

fn devices(drive: &Drive) -> Vec<String> {
    match drive.nvme {
        Some(number) => vec![format!("nvme{number}n1")],
        None => drive.paths.iter().map(Path::sd).collect(),
    }
}

/// The nodes that smartctl opens.
fn nodes(drive: &Drive) -> Vec<String> {
    match (drive.nvme, drive.raid) {
        (Some(number), _) => vec![format!("/dev/nvme{number}")],
        (_, Some(place)) => vec![format!("/dev/bus/{}", place.host)],
        _ => drive.paths.iter().map(|path| format!("/dev/{}", path.sg())).collect(),
    }
}

fn bay_target(host: &Host, bay: Bay) -> String {
    format!("bay/{}/{}", bay.shelf, bay.place + host.slot_base)
}

/// Pool, vdev, role and state are those of the first logical unit.
fn describe(host: &Host, drive: &Drive, roles: &PoolRoles) -> Value {
    let units: Vec<Value> = drive.units().map(|unit| describe_unit(&unit, roles)).collect();
    let first = drive.unit(0);
    let role = roles.get(&drive.key);
    let (mut enclosure_id, mut slot_name) = (None, None);
    if let Some(bay) = drive.bay
        && let Some(shelf) = host.shelves.get(bay.shelf)
    {
        enclosure_id = Some(format!("0x{}", shelf.id));
        slot_name = shelf.bays.get(bay.place);
    }
    let is_recorded = drive.recorded.is_some();
    json!({
        "key": drive.key,
        "serial": drive.serial,
        "vendor": drive.vendor,
        "model": drive.model,
        "firmware": drive.firmware,
        "kind": drive.kind,
        "wwn": first.wwn,
        "wwid": first.wwid(),
        "size_bytes": drive.bytes,
        "units": units,
        "rotation_rate": if drive.kind == Kind::Nvme { None } else { Some(drive.rotation) },
        "present": drive.present(),
        "enclosure": drive.bay.map(|bay| bay.shelf),
        "enclosure_id": enclosure_id,
        "bay": drive.bay.map(|bay| bay.place + host.slot_base),
        "slot_name": slot_name,
        "pulled_from": drive.pulled_from.map(|bay| bay_target(host, bay)),
        "devices": devices(drive),
        "sg": drive.paths.iter().map(Path::sg).collect::<Vec<_>>(),
        "nodes": nodes(drive),
        "addresses": drive.paths.iter().map(Path::address).collect::<Vec<_>>(),
        "raid": drive.raid,
        "usb": drive.usb,
        "map": drive.map_name(),
        "recorded": drive.recorded,
        "temperature": if is_recorded { None } else { Some(drive.temperature()) },
        "hours": if is_recorded { None } else { Some(drive.hours()) },
        "pool": role.map(|role| &role.pool),
        "vdev": role.map(|role| &role.vdev),
        "role": role.map(|role| role.role),
        "leaf_state": role.map(|_| leaf_state(drive)),
        "state": drive.state,
        "leaf": drive.leaf,
    })
}
