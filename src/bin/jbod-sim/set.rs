//! `jbod-sim set`: changes the behaviour of a drive, bay, enclosure, pool or tool. `keys` defines the keys.

use crate::drive::{Drive, unit_key};
use crate::files::{link_text, remove};
use crate::keys::{BAY, Keys, LEAF, POOL, Pairs, RUN, SAYS, SHELF, SMARTCTL, ZPOOL, apply, is_in, read};
use crate::nvme;
use crate::path_faults::{self, KEYS};
use crate::shelf::{self, ioms};
use crate::store::{Host, Pool, Store, parse_bay};
use crate::sysfs;
use anyhow::{Result, bail};
use serde_json::Value;
use std::path::Path;

pub fn run(dir: &Path, target: &str, pairs: &[String]) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    match target.split_once('/') {
        None if target == "all" || target == "bays" => {
            let pairs = read(&[RUN, SAYS], pairs)?;
            for drive in store.drives()? {
                let is_target = target == "all" || drive.bay.is_some();
                if is_target && can_apply(&drive, &pairs) {
                    set_drive(&store, drive, &pairs)?;
                }
            }
            Ok(())
        }
        None if target == "smartctl" || target == "zpool" => set_tool(&store, &host, target, pairs),
        Some(("enclosure", number)) => set_shelf(&store, &host, number, pairs),
        Some(("pool", name)) => set_pool(&store, name, pairs),
        Some(("leaf", word)) => set_leaf(&store, &host, word, pairs),
        Some(("bay", _)) => set_bay(&store, &host, target, pairs),
        _ => {
            let drive = store.find(target, &host)?;
            set_drive(&store, drive, &read(&[RUN, SAYS], pairs)?)
        }
    }
}

fn has(pairs: &Pairs, name: &str) -> bool {
    pairs.iter().any(|(key, _)| key == name)
}

fn text_of(value: Option<&Value>) -> Option<&str> {
    value?.as_str()
}

fn names(table: Keys) -> String {
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Whether the drive is simulated, or the keys do not change its recorded answer.
fn can_apply(drive: &Drive, pairs: &Pairs) -> bool {
    drive.recorded.is_none() || pairs.iter().all(|(key, _)| is_in(RUN, key))
}

fn set_drive(store: &Store, mut drive: Drive, pairs: &Pairs) -> Result<()> {
    if !can_apply(&drive, pairs) {
        bail!("{} has a recorded answer, which does not change; wanted one of {}", drive.key, names(RUN));
    }
    apply(&mut drive.state, pairs);
    if let Some(number) = drive.nvme {
        if has(pairs, "namespaces") {
            nvme::namespaces(store, &drive, number)?;
        }
        if has(pairs, "controllers") {
            nvme::controllers(store, &drive, number)?;
        }
        if has(pairs, "pci_slot") {
            nvme::pci_slot(store, number, drive.text("pci_slot"))?;
        }
    }
    if KEYS.iter().any(|key| has(pairs, key)) {
        path_faults::set_states(store, &drive)?;
    }
    if has(pairs, "sas_bay") {
        sysfs::set_sas_bay(store, &drive)?;
    }
    if has(pairs, "sector_bytes") {
        sysfs::set_size(store, &drive)?;
    }
    store.save_drive(&drive)
}

fn set_bay(store: &Store, host: &Host, target: &str, pairs: &[String]) -> Result<()> {
    let bay = parse_bay(target, host)?;
    let pairs = read(&[BAY, RUN, SAYS], pairs)?;
    let (of_bay, of_drive): (Pairs, Pairs) = pairs.into_iter().partition(|(key, _)| is_in(BAY, key));
    let ioms = chosen_ioms(host, bay.shelf, &of_bay)?;
    let drive = store.drive_in(bay)?;
    if !of_drive.is_empty() {
        let Some(drive) = drive.clone() else {
            bail!("{target} is empty; wanted a bay with a drive, or only keys of the bay: {}", names(BAY));
        };
        set_drive(store, drive, &of_drive)?;
    }
    for (key, value) in &of_bay {
        match key.as_str() {
            "iom" => {}
            "link" => {
                let linked = match text_of(value.as_ref()) {
                    Some(word) => Some(store.find(word, host)?),
                    None => drive.clone(),
                };
                for iom in &ioms {
                    shelf::set_link(store, host, *iom, bay, linked.as_ref())?;
                }
            }
            _ => {
                let text = match value {
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                    None => default_of_bay(key, bay.place + host.slot_base, drive.as_ref()),
                };
                for iom in &ioms {
                    shelf::set_bay(store, host, *iom, bay, key, &text)?;
                }
            }
        }
    }
    Ok(())
}

/// The value of an attribute of a bay as `jbod-sim host` lays it out.
fn default_of_bay(key: &str, number: usize, drive: Option<&Drive>) -> String {
    match key {
        "status" if drive.is_some() => "OK".to_owned(),
        "status" => "not installed".to_owned(),
        "power_status" => "on".to_owned(),
        "slot" => number.to_string(),
        _ => "0".to_owned(),
    }
}

fn set_shelf(store: &Store, host: &Host, number: &str, pairs: &[String]) -> Result<()> {
    let count = host.shelves.len();
    let index = number.parse().unwrap_or(usize::MAX);
    if index >= count {
        bail!("found no enclosure/{number}; wanted enclosure/0 to enclosure/{}", count.saturating_sub(1));
    }
    let pairs = read(&[SHELF], pairs)?;
    if pairs.iter().all(|(key, _)| key == "iom") {
        bail!("enclosure/{index}: found only iom, which restricts other keys; wanted one of {}", names(SHELF));
    }
    let ioms = chosen_ioms(host, index, &pairs)?;
    for (key, value) in &pairs {
        let flag = value.as_ref().and_then(Value::as_bool);
        for iom in &ioms {
            match key.as_str() {
                "silent" => shelf::set_silent(store, host, *iom, index, flag.unwrap_or(false))?,
                "id" => shelf::set_id(store, host, *iom, index, text_of(value.as_ref()))?,
                "ses" => shelf::set_shown(store, host, *iom, index, flag.unwrap_or(true))?,
                "sas_devices" => shelf::set_sas_devices(store, *iom, index, flag.unwrap_or(false))?,
                "links" => shelf::set_links(store, host, *iom, index, flag.unwrap_or(true))?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The IO module of `iom=N`, or all IO modules of the shelf.
fn chosen_ioms(host: &Host, shelf: usize, pairs: &Pairs) -> Result<Vec<u32>> {
    let all: Vec<u32> = ioms(host, shelf).collect();
    let chosen = pairs.iter().find(|(key, _)| key == "iom");
    let Some((_, Some(number))) = chosen else { return Ok(all) };
    let Some(iom) = all.iter().find(|iom| number.as_u64() == Some(u64::from(**iom))) else {
        bail!("iom: found {number}; wanted 0 to {} for enclosure {shelf}", all.len().saturating_sub(1));
    };
    Ok(vec![*iom])
}

fn set_pool(store: &Store, name: &str, pairs: &[String]) -> Result<()> {
    let pairs = read(&[POOL], pairs)?;
    let mut pools = store.pools()?;
    let names: Vec<String> = pools.iter().map(|pool| format!("pool/{}", pool.name)).collect();
    let Some(pool) = pools.iter_mut().find(|pool| pool.name == name) else {
        bail!("found no pool/{name}; wanted one of {}", names.join(", "))
    };
    apply(&mut pool.state, &pairs);
    store.save_pools(&pools)
}

fn set_leaf(store: &Store, host: &Host, word: &str, pairs: &[String]) -> Result<()> {
    let mut pairs = read(&[LEAF], pairs)?;
    for (key, value) in &mut pairs {
        if matches!(key.as_str(), "spare" | "replacing")
            && let Some(Value::String(drive)) = value
        {
            // A pool knows its drives by key.
            *drive = store.find(drive, host)?.key;
        }
    }
    let mut drive = store.find(word, host)?;
    let pools = store.pools()?;
    // A device stands for one logical unit, a serial number for all.
    let only = drive.lun_at(word);
    let mut is_member = false;
    for lun in 0..drive.units {
        let is_chosen = only.unwrap_or(lun) == lun;
        if !is_chosen || !is_in_pool(&pools, &unit_key(&drive.key, lun)) {
            continue;
        }
        is_member = true;
        let of_unit: Pairs = pairs.iter().map(|(key, value)| (unit_key(key, lun), value.clone())).collect();
        apply(&mut drive.leaf, &of_unit);
    }
    if !is_member {
        bail!("leaf/{word}: the drive is in no pool; wanted a drive for which `jbod-sim list` shows a pool");
    }
    store.save_drive(&drive)
}

fn is_in_pool(pools: &[Pool], key: &String) -> bool {
    for pool in pools {
        let mut vdevs = pool.data.iter().chain(&pool.logs).chain(&pool.cache);
        if pool.spares.contains(key) || vdevs.any(|vdev| vdev.leaves.contains(key)) {
            return true;
        }
    }
    false
}

fn set_tool(store: &Store, host: &Host, tool: &str, pairs: &[String]) -> Result<()> {
    let mut tools = store.tools()?;
    let (table, state) = if tool == "zpool" { (ZPOOL, &mut tools.zpool) } else { (SMARTCTL, &mut tools.smartctl) };
    let pairs = read(&[table], pairs)?;
    apply(state, &pairs);
    let is_gone = state.get("gone") == Some(&Value::Bool(true));
    store.save_tools(&tools)?;
    if !has(&pairs, "gone") {
        return Ok(());
    }
    let path = store.root.join("bin").join(tool);
    if is_gone { remove(&path) } else { link_text(&path, &host.binary.to_string_lossy()) }
}
