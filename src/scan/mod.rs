//! `scan`: runs one sweep without Redis or HTTP, and prints it as a table or as the overview.

mod layout;
mod table;

pub(crate) use table::Sort;

use crate::api::content_version::with_version;
use crate::api::overview::Overview;
use crate::collector::Collector;
use crate::config::Config;
use crate::probe::{Host, tools};
use crate::stop::Stop;
use crate::terminal::{Screen, print};
use anyhow::{Context, bail};
use crossbeam_channel::select;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Reads every drive once and prints the result on standard output.
pub fn scan(config: &Config, json: bool, sort: Sort, screen: Screen) -> anyhow::Result<()> {
    let (host, stop) = begin(config)?;
    if let Some(tool) = tools::smartctl(&host, &stop)
        && !tool.is_ok()
    {
        log::error!("{tool}: {}", tool.remedy());
    }
    let (collector, overview) = sweep(config, host, &stop)?;
    let unused = collector.unused_types();
    if !unused.is_empty() {
        log::warn!("SMART_DEVICE_TYPES matches no drive, or one drive more than once: {}", unused.join(", "));
    }
    let text =
        if json { String::from_utf8(with_version(&overview))? + "\n" } else { table::table(&overview, sort, screen) };
    print(&text)
}

/// The host of the settings, and a stop that signals request.
pub(crate) fn begin(config: &Config) -> anyhow::Result<(Host, Stop)> {
    let stop = Stop::new().context("cannot create the stop token")?;
    stop.on_signals().context("cannot install signal handlers")?;
    let host = Host { root: config.root.clone(), smartctl: config.smartctl.clone(), zpool: config.zpool.clone() };
    Ok((host, stop))
}

/// Runs one sweep, and shows its progress on a terminal. Returns the collector with its data, and the overview.
pub(crate) fn sweep(config: &Config, host: Host, stop: &Stop) -> anyhow::Result<(Collector, Overview)> {
    let (mut collector, reports) = Collector::new(
        host,
        config.smart.clone(),
        Arc::clone(&config.limits),
        Arc::clone(&config.layouts),
        stop.clone(),
    )?;
    let shows_progress = io::stderr().is_terminal();
    collector.discover();
    if let Some(why) = collector.blindness() {
        bail!("discovery of drives failed: {why}");
    }
    collector.start_sweep();
    loop {
        let wake = collector.run_due().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        if collector.try_complete_sweep().is_some() {
            break;
        }
        if shows_progress && let Some((left, all)) = collector.progress() {
            eprint!("\rreading drives {}/{all} ", all - left);
        }
        select! {
            recv(stop.channel()) -> _ => {
                collector.finish(&reports);
                bail!("interrupted before all drives were read");
            }
            recv(reports) -> report => if let Ok(report) = report { drop(collector.take(report)) },
            default(wake.saturating_duration_since(Instant::now())) => {}
        }
    }
    if shows_progress {
        eprint!("\r\x1b[K");
    }
    collector.place_contested();
    let overview = collector.overview(config.lifetimes.smart.as_secs());
    Ok((collector, overview))
}
