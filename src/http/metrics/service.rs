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
    /// Series of drives follow.
    pub(super) is_leader: bool,
}

impl ServiceSnapshot {
    fn write_status(&self, writer: &mut FamilyWriter) -> fmt::Result {
        let status = &self.status;
        writer.infos("jbod_build_info", "The program", [[("version", env!("CARGO_PKG_VERSION"))]])?;
        let mut flag = |name: &str, help: &str, value: bool| writer.gauge(name, help, Some(bool_value(value)));
        flag("jbod_ready", "1 once a whole sweep of the drives of this host is known", status.ready)?;
        flag("jbod_poller_leader", "1 while this daemon polls, 0 while another one does", self.is_leader)?;
        flag("jbod_redis_up", "1 while Redis answers", status.redis_reads)?;
        flag("jbod_redis_writable", "1 while Redis takes values", status.redis_writes)?;
        let idle = i64::try_from(status.poller_idle.as_secs()).unwrap_or(i64::MAX);
        writer.gauge(
            "jbod_poller_last_loop_timestamp_seconds",
            "When the poller's event loop last ran",
            Some(now().0.saturating_sub(idle)),
        )?;
        let degradations = &status.service.troubles;
        writer.gauges(
            "jbod_degraded",
            "Degraded parts of the service, by component; /api/health says what and since when",
            COMPONENTS.map(|component| {
                let count = degradations.iter().filter(|d| d.part == component).count();
                ([("component", component.as_str())], count_value(count))
            }),
        )
    }

    /// The last complete sweep of the drives of this host, by this daemon or by the one that it follows.
    fn write_last_sweep(&self, writer: &mut FamilyWriter) -> fmt::Result {
        let sweep = &self.status.service.sweep;
        writer.gauge(
            "jbod_sweep_started_timestamp_seconds",
            "When the last whole sweep began",
            sweep.started_at.map(|at| at.0),
        )?;
        writer.gauge(
            "jbod_sweep_duration_seconds",
            "What the last whole sweep took",
            sweep.took_ms.map(millis_to_seconds),
        )?;
        let mut drives = |name: &str, help: &str, n: Option<usize>| writer.gauge(name, help, n.map(count_value));
        drives("jbod_sweep_drives", "Drives in the last whole sweep", sweep.drives)?;
        drives("jbod_sweep_failed_drives", "Of them, those that gave no usable answer", sweep.failed)?;
        drives("jbod_sweep_timed_out_drives", "Of them, those that gave none in time", sweep.timed_out)
    }

    fn write_requests(&self, writer: &mut FamilyWriter) -> fmt::Result {
        writer.counters(
            "jbod_http_requests_total",
            "Requests by route and status; refused: those that came no further than the gate",
            self.request_metrics.requests().map(|(route, status, n)| (([("route", route)], [("code", status)]), n)),
        )?;
        writer.histograms(
            "jbod_http_request_duration_seconds",
            "From a whole request to its answer",
            self.request_metrics.latencies().map(|(route, l)| ([("route", route)], l.seconds, l.count, l.buckets)),
        )?;
        writer.counters(
            "jbod_http_cache_total",
            "Answers with data by what the cache gave, as X-Cache says",
            self.request_metrics.cache_results().map(|(cache, n)| ([("cache", cache)], n)),
        )?;
        writer.counters(
            "jbod_http_late_completions_total",
            "Completions that a connection had seen before it was woken for them; ignored",
            [(NO_LABELS, self.request_metrics.late_completions())],
        )
    }

    fn write_process(&self, writer: &mut FamilyWriter) -> fmt::Result {
        let usage = &self.usage;
        writer.gauge("process_start_time_seconds", "When the process began", Some(self.started.date().0))?;
        writer.counters(
            "process_cpu_seconds_total",
            "Processor time that the process has taken",
            [(NO_LABELS, usage.processor_seconds)],
        )?;
        writer.gauge("process_resident_memory_bytes", "Memory that the process has", usage.resident_bytes)?;
        writer.gauge("process_open_fds", "Descriptors that the process has", usage.open_descriptors)?;
        writer.gauge("process_max_fds", "Descriptors that the process may have", usage.most_descriptors)
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
    writer.counters("jbod_sweeps_total", "Sweeps that were whole", [(NO_LABELS, counters.sweeps)])?;
    writer.gauge(
        "jbod_drives_excluded",
        "Present drives that JBOD_EXCLUDE leaves out",
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
        "Runs of smartctl by what came of them",
        outcomes.map(|(outcome, n)| ([("outcome", outcome)], n)),
    )?;
    let mut now = |name: &str, help: &str, n: usize| writer.gauge(name, help, Some(count_value(n)));
    now("jbod_smartctl_running", "Runs of smartctl under way", counters.running)?;
    now("jbod_children_stuck", "Children that were given up and have not ended", counters.stuck)?;
    now("jbod_devices_quarantined", "Drives that are not asked for a while, because they were silent", counters.waiting)
}
