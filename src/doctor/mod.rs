//! `doctor`: checks the host and the settings, and suggests fixes. It reads every drive once, as a sweep does, and changes
//! nothing.

mod drives;
mod exclusions;
mod finding;
mod host;
mod service;

use crate::config::Config;
use crate::http::Endpoint;
use crate::probe::tools;
use crate::scan::{begin, sweep};
use crate::terminal::{Screen, print};
use anyhow::Context;
use finding::{DoctorFinding, Level, summary};
use serde::Serialize;

#[derive(Serialize)]
struct DoctorReport<'a> {
    host: &'a str,
    findings: &'a [DoctorFinding],
}

/// Prints all findings. Returns false if a check failed.
pub fn doctor(config: &Config, endpoint: &Endpoint, json: bool, screen: Screen) -> anyhow::Result<bool> {
    let (host, stop) = begin(config)?;
    let tool = tools::smartctl(&host, &stop).context("stopped")?;
    let zpool = tools::zpool_version(&host, &stop);
    let (collector, overview) = sweep(config, host.clone(), &stop)?;
    let findings: Vec<DoctorFinding> = [
        host::smartctl(&tool),
        host::pools(&host, collector.zfs(), zpool.as_deref()),
        host::enclosures(&host, &overview, collector.enclosures()),
        host::contradictions(&overview, collector.repeated_ids()),
        host::nodes(&host, collector.inventory()),
        host::rights(&host, &overview),
        service::redis(&config.redis, &collector.identity()),
        service::listen(endpoint),
        service::access(config, endpoint),
        service::control(&config.control),
        exclusions::exclusions(&collector),
        drives::drives(&host, &collector, &overview, &tool),
        drives::types(&config.smart.device_types, &collector.unused_types()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let text = if json {
        serde_json::to_string(&DoctorReport { host: &overview.host, findings: &findings })? + "\n"
    } else {
        findings.iter().map(|finding| finding.text(screen)).collect::<String>() + &summary(&findings)
    };
    print(&text)?;
    Ok(findings.iter().all(|finding| finding.level < Level::Fail))
}
