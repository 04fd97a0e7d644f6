//! Series of the service itself: sweeps, Redis, requests, and the resources of its process.

use super::family_writer::{FamilyWriter, NO_LABELS, bool_value, count_value, millis_to_seconds};
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::service::Component;
use crate::clock::{Moment, now};
use crate::http::request_metrics::RequestMetrics;
use crate::process::Usage;
use crate::reader::ServiceStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;

const COMPONENTS: [Component; 9] = [
    Component::Redis,
    Component::RedisWrites,
    Component::Smartctl,
    Component::Zpool,
    Component::Enclosure,
    Component::Drive,
    Component::Poller,
    Component::Lease,
    Component::Control,
];

/// The service and its process at the moment of a scrape.
#[derive(Debug)]
pub(super) struct ServiceSnapshot {
    pub(super) status: ServiceStatus,
    pub(super) started: Moment,
    pub(super) request_metrics: Arc<RequestMetrics>,
    pub(super) usage: Usage,
    /// Whether series of drives follow.
    pub(super) is_leader: bool,
}

impl ServiceSnapshot {
    fn write_status(&self, writer: &mut FamilyWriter) -> fmt::Result {
        let status = &self.status;
        writer.infos("jbod_build_info", "Version of the program", [[("version", env!("CARGO_PKG_VERSION"))]])?;
        let flags = [
            ("jbod_ready", "1 once a complete sweep of the drives of this host is available", status.ready),
            ("jbod_poller_leader", "1 if this daemon polls the drives, 0 if another one does", self.is_leader),
            ("jbod_redis_up", "1 if Redis is available", status.redis_reads),
            ("jbod_redis_writable", "1 if Redis accepts writes", status.redis_writes),
        ];
        for (name, help, value) in flags {
            writer.gauge(name, help, Some(bool_value(value)))?;
        }
        let idle = i64::try_from(status.poller_idle.as_secs()).unwrap_or(i64::MAX);
        writer.gauge(
            "jbod_poller_last_loop_timestamp_seconds",
            "Time at which the event loop of the poller last ran",
            Some(now().0.saturating_sub(idle)),
        )?;
        let degradations = &status.service.troubles;
        writer.gauges(
            "jbod_degraded",
            "Degradations of the service by component; /api/health has their details",
            COMPONENTS.map(|component| {
                let count = degradations.iter().filter(|degradation| degradation.part == component).count();
                ([("component", component.as_str())], count_value(count))
            }),
        )
    }

    /// The last complete sweep of the drives of this host, by this daemon or by the leader it follows.
    fn write_last_sweep(&self, writer: &mut FamilyWriter) -> fmt::Result {
        let sweep = &self.status.service.sweep;
        writer.gauge(
            "jbod_sweep_started_timestamp_seconds",
            "Start time of the last complete sweep",
            sweep.started_at.map(|at| at.0),
        )?;
        writer.gauge(
            "jbod_sweep_duration_seconds",
            "Duration of the last complete sweep",
            sweep.took_ms.map(millis_to_seconds),
        )?;
        let counts = [
            ("jbod_sweep_drives", "Drives in the last complete sweep", sweep.drives),
            ("jbod_sweep_failed_drives", "Drives without a usable reading in the last complete sweep", sweep.failed),
            ("jbod_sweep_timed_out_drives", "Drives that timed out in the last complete sweep", sweep.timed_out),
        ];
        for (name, help, count) in counts {
            writer.gauge(name, help, count.map(count_value))?;
        }
        Ok(())
    }

    fn write_requests(&self, writer: &mut FamilyWriter) -> fmt::Result {
        writer.counters(
            "jbod_http_requests_total",
            "Requests by route and status; route refused: rejected before routing",
            self.request_metrics
                .requests()
                .map(|(route, status, count)| (([("route", route)], [("code", status)]), count)),
        )?;
        writer.histograms(
            "jbod_http_request_duration_seconds",
            "Time from the complete request to its response",
            self.request_metrics
                .latencies()
                .map(|(route, latency)| ([("route", route)], latency.seconds, latency.count, latency.buckets)),
        )?;
        writer.counters(
            "jbod_http_cache_total",
            "Responses with data by cache result, as in the header X-Cache",
            self.request_metrics.cache_results().map(|(cache, count)| ([("cache", cache)], count)),
        )?;
        writer.counters(
            "jbod_http_late_completions_total",
            "Wake-ups for a completion that the connection had already handled; ignored",
            [(NO_LABELS, self.request_metrics.late_completions())],
        )
    }

    fn write_process(&self, writer: &mut FamilyWriter) -> fmt::Result {
        let usage = &self.usage;
        writer.gauge("process_start_time_seconds", "Start time of the process", Some(self.started.date().0))?;
        writer.counters(
            "process_cpu_seconds_total",
            "CPU time used by the process",
            [(NO_LABELS, usage.processor_seconds)],
        )?;
        writer.gauge("process_resident_memory_bytes", "Resident memory of the process", usage.resident_bytes)?;
        writer.gauge("process_open_fds", "Open file descriptors of the process", usage.open_descriptors)?;
        writer.gauge("process_max_fds", "Maximum number of open file descriptors", usage.most_descriptors)
    }
}

impl Collector for ServiceSnapshot {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut writer = FamilyWriter::new(encoder);
        self.write_status(&mut writer)?;
        self.write_last_sweep(&mut writer)?;
        self.write_requests(&mut writer)?;
        self.write_process(&mut writer)
    }
}

/// The totals of all sweeps of this daemon.
pub(super) fn write_sweeps(writer: &mut FamilyWriter, snapshot: &MetricsSnapshot) -> fmt::Result {
    let counters = snapshot.counters;
    writer.counters("jbod_sweeps_total", "Completed sweeps", [(NO_LABELS, counters.sweeps)])?;
    writer.gauge(
        "jbod_drives_excluded",
        "Present drives excluded by JBOD_EXCLUDE",
        Some(count_value(snapshot.overview.totals.excluded)),
    )?;
    let outcomes = [
        ("good", counters.good),
        ("standby", counters.asleep),
        ("silent", counters.silent),
        ("failed", counters.failed),
    ];
    writer.counters(
        "jbod_smartctl_runs_total",
        "Runs of smartctl by outcome",
        outcomes.map(|(outcome, count)| ([("outcome", outcome)], count)),
    )?;
    let counts = [
        ("jbod_smartctl_running", "Runs of smartctl in progress", counters.running),
        ("jbod_children_stuck", "Child processes that were killed and have not ended yet", counters.stuck),
        ("jbod_devices_quarantined", "Drives in back-off after timeouts", counters.waiting),
    ];
    for (name, help, count) in counts {
        writer.gauge(name, help, Some(count_value(count)))?;
    }
    Ok(())
}
