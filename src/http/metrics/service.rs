//! Series of the service itself: its sweeps, Redis, requests, and what its process takes.

use super::sheet::{NONE, Sheet, count, flag, seconds};
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::service::Component;
use crate::clock::Moment;
use crate::http::Desk;
use crate::http::tally::Tally;
use crate::process::{Usage, usage};
use crate::reader::{Condition, Reader};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;

const PARTS: [Component; 8] = [
    Component::Redis,
    Component::RedisWrites,
    Component::Smartctl,
    Component::Zpool,
    Component::Enclosure,
    Component::Drive,
    Component::Poller,
    Component::Lease,
];

/// What is of this very moment.
#[derive(Debug)]
pub(super) struct Now {
    condition: Condition,
    started: Moment,
    tally: Arc<Tally>,
    usage: Usage,
    /// Series of drives follow.
    measures: bool,
}

impl Now {
    pub(super) fn new(reader: &Reader, desk: &Desk, measured: Option<&MetricsSnapshot>) -> Self {
        Self {
            condition: reader.condition(),
            started: desk.started,
            tally: Arc::clone(&desk.tally),
            usage: usage(),
            measures: measured.is_some(),
        }
    }

    fn condition(&self, sheet: &mut Sheet) -> fmt::Result {
        let condition = &self.condition;
        sheet.infos("jbod_build_info", "The program", [[("version", env!("CARGO_PKG_VERSION"))]])?;
        let mut flags = |name: &str, help: &str, is: bool| sheet.gauge(name, help, Some(flag(is)));
        flags("jbod_ready", "1 once the first sweep is whole", condition.ready)?;
        flags("jbod_poller_leader", "1 while this daemon polls, 0 while another one does", self.measures)?;
        flags("jbod_redis_up", "1 while Redis answers", condition.redis_reads)?;
        flags("jbod_redis_writable", "1 while Redis takes values", condition.redis_writes)?;
        let ms = u64::try_from(condition.silent.as_millis()).unwrap_or(u64::MAX);
        sheet.gauge("jbod_poller_silence_seconds", "How long ago the poller last went round", Some(seconds(ms)))?;
        let troubles = &condition.service.troubles;
        sheet.gauges(
            "jbod_troubles",
            "What does not work as it should, by part; /api/health says what and since when",
            PARTS.map(|part| ([("part", part.as_str())], count(troubles.iter().filter(|t| t.part == part).count()))),
        )
    }

    fn requests(&self, sheet: &mut Sheet) -> fmt::Result {
        sheet.counters(
            "jbod_http_requests_total",
            "Requests by route and status; refused: those that came no further than the gate",
            self.tally.requests().map(|(route, status, n)| (([("route", route)], [("code", status)]), n)),
        )?;
        sheet.histograms(
            "jbod_http_request_duration_seconds",
            "From a whole request to its answer",
            self.tally.latencies().map(|(route, l)| ([("route", route)], l.seconds, l.count, l.buckets)),
        )?;
        sheet.counters(
            "jbod_http_cache_total",
            "Answers with data by what the cache gave, as X-Cache says",
            self.tally.caches().map(|(cache, n)| ([("cache", cache)], n)),
        )?;
        sheet.counters(
            "jbod_http_late_completions_total",
            "Completions that a connection had seen before it was woken for them; ignored",
            [(NONE, self.tally.late_completions())],
        )
    }

    fn process(&self, sheet: &mut Sheet) -> fmt::Result {
        let usage = &self.usage;
        sheet.gauge("process_start_time_seconds", "When the process began", Some(self.started.date().0))?;
        sheet.counters(
            "process_cpu_seconds_total",
            "Processor time that the process has taken",
            [(NONE, usage.processor_seconds)],
        )?;
        sheet.gauge("process_resident_memory_bytes", "Memory that the process has", usage.resident_bytes)?;
        sheet.gauge("process_open_fds", "Descriptors that the process has", usage.open_descriptors)?;
        sheet.gauge("process_max_fds", "Descriptors that the process may have", usage.most_descriptors)
    }
}

impl Collector for Now {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut sheet = Sheet::new(encoder);
        self.condition(&mut sheet)?;
        self.requests(&mut sheet)?;
        self.process(&mut sheet)
    }
}

/// The last whole sweep, and what all of them have come to.
pub(super) fn write_sweeps(sheet: &mut Sheet, measured: &MetricsSnapshot) -> fmt::Result {
    let (sweep, effort) = (&measured.overview.sweep, measured.effort);
    sheet.counters("jbod_sweeps_total", "Sweeps that were whole", [(NONE, effort.sweeps)])?;
    sheet.gauge(
        "jbod_sweep_started_timestamp_seconds",
        "When the last whole sweep began",
        sweep.started_at.map(|at| at.0),
    )?;
    sheet.gauge("jbod_sweep_duration_seconds", "What the last whole sweep took", sweep.took_ms.map(seconds))?;
    let mut drives = |name: &str, help: &str, n: Option<usize>| sheet.gauge(name, help, n.map(count));
    drives("jbod_sweep_drives", "Drives in the last whole sweep", sweep.drives)?;
    drives("jbod_sweep_failed_drives", "Of them, those that gave no usable answer", sweep.failed)?;
    drives("jbod_sweep_timed_out_drives", "Of them, those that gave none in time", sweep.timed_out)?;
    let outcomes =
        [("good", effort.good), ("standby", effort.asleep), ("silent", effort.silent), ("failed", effort.failed)];
    sheet.counters(
        "jbod_smartctl_runs_total",
        "Runs of smartctl by what came of them",
        outcomes.map(|(outcome, n)| ([("outcome", outcome)], n)),
    )?;
    let mut now = |name: &str, help: &str, n: usize| sheet.gauge(name, help, Some(count(n)));
    now("jbod_smartctl_running", "Runs of smartctl under way", effort.running)?;
    now("jbod_children_stuck", "Children that were given up and have not ended", effort.stuck)?;
    now("jbod_devices_quarantined", "Drives that are not asked for a while, because they were silent", effort.waiting)
}
