//! `jbod-sim set`: changes how a drive, bay, shelf, pool or tool behaves. The keys are in `keys`.

use crate::drive::{Drive, unit_key};
use crate::keys::{BAY, LEAF, POOL, Pairs, RUN, SAYS, SHELF, SMARTCTL, ZPOOL, apply, is_in, read};
use crate::other;
use crate::path_faults::{self, KEYS};
use crate::shelf::{self, ioms, set_silent};
use crate::store::{Host, Store, parse_bay};
use crate::sysfs;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;

pub fn run(dir: &Path, target: &str, pairs: &[String]) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    match target.split_once('/') {
        None if target == "all" || target == "bays" => {
            let pairs = read(&[RUN, SAYS], pairs)?;
            store
                .drives()?
                .into_iter()
                .filter(|d| d.recorded.is_none() || only_run(&pairs))
                .filter(|d| target == "all" || d.bay.is_some())
                .try_for_each(|d| set_drive(&store, d, &pairs))
        }
        None if target == "smartctl" || target == "zpool" => set_tool(&store, &host, target, pairs),
        Some(("enclosure", number)) => set_shelf(&store, &host, number, pairs),
        Some(("pool", name)) => set_pool(&store, name, pairs),
        Some(("leaf", serial)) => set_leaf(&store, &host, serial, pairs),
        Some(("bay", _)) => set_bay(&store, &host, target, pairs),
        _ => {
            let drive = store.find(target, &host)?;
            set_drive(&store, drive, &read(&[RUN, SAYS], pairs)?)
        }
    }
}

fn only_run(pairs: &Pairs) -> bool {
    pairs.iter().all(|(key, _)| is_in(RUN, key))
}

fn set_drive(store: &Store, mut drive: Drive, pairs: &Pairs) -> Result<()> {
    if drive.recorded.is_some() && !only_run(pairs) {
        let names: Vec<&str> = RUN.iter().map(|(name, _)| *name).collect();
        bail!("{} answers with a recorded file, which stays as it is; wanted one of {}", drive.key, names.join(", "));
    }
    apply(&mut drive.state, pairs);
    if let (Some(number), true) = (drive.nvme, pairs.iter().any(|(key, _)| key == "namespaces")) {
        other::namespaces(store, &drive, number)?;
    }
    if let (Some(number), true) = (drive.nvme, pairs.iter().any(|(key, _)| key == "controllers")) {
        other::controllers(store, &drive, number)?;
    }
    if pairs.iter().any(|(key, _)| KEYS.contains(&key.as_str())) {
        path_faults::set_states(store, &drive)?;
    }
    if pairs.iter().any(|(key, _)| key == "sas_bay") {
        sysfs::set_sas_bay(store, &drive)?;
    }
    if let (Some(number), true) = (drive.nvme, pairs.iter().any(|(key, _)| key == "pci_slot")) {
        other::pci_slot(store, number, drive.text("pci_slot"))?;
    }
    if pairs.iter().any(|(key, _)| key == "sector_bytes") {
        sysfs::set_size(store, &drive)?;
    }
    store.save_drive(&drive)
}

fn set_bay(store: &Store, host: &Host, target: &str, pairs: &[String]) -> Result<()> {
    let bay = parse_bay(target, host)?;
    let pairs = read(&[BAY, RUN, SAYS], pairs)?;
    let (of_bay, of_drive): (Pairs, Pairs) = pairs.into_iter().partition(|(key, _)| is_in(BAY, key));
    let ioms = chosen_ioms(host, bay.shelf, &of_bay)?;
    let drive = store.drives()?.into_iter().find(|d| d.bay == Some(bay));
    let here = drive.is_some();
    let drive_here = drive.clone();
    if !of_drive.is_empty() {
        let drive = drive.with_context(|| format!("{target} is empty; wanted a drive there, or only keys of the bay: locate, active, fault, status, power_status"))?;
        set_drive(store, drive, &of_drive)?;
    }
    for (key, value) in of_bay.into_iter().filter(|(key, _)| key != "iom") {
        if key == "link" {
            let other = value.as_ref().and_then(Value::as_str).map(|word| store.find(word, host)).transpose()?;
            ioms.iter()
                .try_for_each(|iom| shelf::set_link(store, host, *iom, bay, other.as_ref().or(drive_here.as_ref())))?;
            continue;
        }
        let text = match (key.as_str(), value) {
            (_, Some(Value::String(text))) => text,
            (_, Some(other)) => other.to_string(),
            ("status", None) => if here { "OK" } else { "not installed" }.to_owned(),
            ("power_status", None) => "on".to_owned(),
            ("slot", None) => (bay.place + host.slot_base).to_string(),
            (_, None) => "0".to_owned(),
        };
        ioms.iter().try_for_each(|iom| shelf::set_bay(store, host, *iom, bay, &key, &text))?;
    }
    Ok(())
}

fn set_shelf(store: &Store, host: &Host, number: &str, pairs: &[String]) -> Result<()> {
    let count = host.shelves.len();
    let shelf = number.parse::<usize>().ok().filter(|n| *n < count);
    let Some(shelf) = shelf else {
        bail!("enclosure/{number}: there is no such enclosure; wanted 0 to {}", count.saturating_sub(1))
    };
    let pairs = read(&[SHELF], pairs)?;
    let chosen = chosen_ioms(host, shelf, &pairs)?;
    if pairs.iter().all(|(key, _)| key == "iom") {
        bail!("enclosure/{shelf}: found only iom=…; wanted one of silent, id, ses, links, sas_devices, too");
    }
    for (key, value) in &pairs {
        let flag = value.as_ref().and_then(Value::as_bool);
        for iom in &chosen {
            match key.as_str() {
                "silent" => set_silent(store, host, *iom, shelf, flag.unwrap_or(false))?,
                "id" => crate::shelf::set_id(store, host, *iom, shelf, value.as_ref().and_then(Value::as_str))?,
                "ses" => crate::shelf::set_shown(store, host, *iom, shelf, flag.unwrap_or(true))?,
                "sas_devices" => crate::shelf::set_sas_devices(store, *iom, shelf, flag.unwrap_or(false))?,
                "links" => crate::shelf::set_links(store, host, *iom, shelf, flag.unwrap_or(true))?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The IOM that `iom=N` names, or all of the shelf.
fn chosen_ioms(host: &Host, shelf: usize, pairs: &Pairs) -> Result<Vec<u32>> {
    let only = pairs.iter().find(|(key, _)| key == "iom").and_then(|(_, value)| value.as_ref()?.as_u64());
    let all: Vec<u32> = ioms(host, shelf).collect();
    let Some(only) = only else { return Ok(all) };
    let chosen: Vec<u32> = all.iter().copied().filter(|iom| u64::from(*iom) == only).collect();
    if chosen.is_empty() {
        bail!("iom: found {only}; enclosure {shelf} has IOMs 0 to {}", all.len().saturating_sub(1));
    }
    Ok(chosen)
}

fn set_pool(store: &Store, name: &str, pairs: &[String]) -> Result<()> {
    let pairs = read(&[POOL], pairs)?;
    let mut pools = store.pools()?;
    let names: Vec<String> = pools.iter().map(|p| p.name.clone()).collect();
    let Some(pool) = pools.iter_mut().find(|p| p.name == name) else {
        bail!("pool/{name}: there is no such pool; wanted one of: {}", names.join(", "))
    };
    apply(&mut pool.state, &pairs);
    store.save_pools(&pools)
}

fn set_leaf(store: &Store, host: &Host, serial: &str, pairs: &[String]) -> Result<()> {
    let mut pairs = read(&[LEAF], pairs)?;
    // A stand-in is named by serial, and kept by key.
    for (_, value) in pairs.iter_mut().filter(|(key, _)| matches!(key.as_str(), "spare" | "replacing")) {
        if let Some(Value::String(word)) = value {
            *word = store.find(word, host)?.key;
        }
    }
    let mut drive = store.find(serial, host)?;
    let pools = store.pools()?;
    let is_in_pool = |lun: &u32| {
        let key = unit_key(&drive.key, *lun);
        pools.iter().any(|pool| {
            pool.data.iter().chain(&pool.logs).chain(&pool.cache).any(|vdev| vdev.leaves.contains(&key))
                || pool.spares.contains(&key)
        })
    };
    // A node names one logical unit, a serial number all of them.
    let named = drive.lun_at(serial);
    let luns: Vec<u32> =
        (0..drive.units).filter(|lun| named.is_none_or(|named| named == *lun)).filter(is_in_pool).collect();
    if luns.is_empty() {
        bail!("leaf/{serial}: the drive is in no pool; wanted one that `list` shows with a pool");
    }
    for lun in luns {
        let of_unit: Pairs = pairs.iter().map(|(key, value)| (unit_key(key, lun), value.clone())).collect();
        apply(&mut drive.leaf, &of_unit);
    }
    store.save_drive(&drive)
}

fn set_tool(store: &Store, host: &Host, tool: &str, pairs: &[String]) -> Result<()> {
    let pairs = read(&[if tool == "zpool" { ZPOOL } else { SMARTCTL }], pairs)?;
    let mut tools = store.tools()?;
    let state = if tool == "zpool" { &mut tools.zpool } else { &mut tools.smartctl };
    apply(state, &pairs);
    let gone = state.get("gone").and_then(Value::as_bool).unwrap_or(false);
    store.save_tools(&tools)?;
    if !pairs.iter().any(|(key, _)| key == "gone") {
        return Ok(());
    }
    let path = store.root.join("bin").join(tool);
    if gone { crate::files::remove(&path) } else { crate::files::link_text(&path, &host.binary.to_string_lossy()) }
}
