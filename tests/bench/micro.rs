//! The time of single steps, without processes and sockets: parsing smartctl's JSON, judging a drive, building the
//! overview, and publishing it.
//!
//! `cargo bench --bench micro`. The data are from one sweep over a simulated host. With `MICRO_REDIS=PORT`, the port of
//! a redis-server that may be written to, also the time to send and fetch values.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, starts programs, and reads the environment"
)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use jbod_monitor::api::assemble::build_overview;
use jbod_monitor::api::bodies::{EnclosuresBody, ZfsBody};
use jbod_monitor::api::drive_document;
use jbod_monitor::api::overview::Overview;
use jbod_monitor::api::summarize::summarize;
use jbod_monitor::api::value_limits::ValueLimits;
use jbod_monitor::cache::redis::RedisStore;
use jbod_monitor::cache::{CopyKind, Entry, Key};
use jbod_monitor::collector::{Collector, Taken};
use jbod_monitor::config::{RedisAddress, RedisConfig, SmartConfig};
use jbod_monitor::domain::drive::DriveKey;
use jbod_monitor::domain::health::{DriveFacts, RuleSettings, judge_drive};
use jbod_monitor::domain::inventory::DriveRecord;
use jbod_monitor::domain::layout::Layouts;
use jbod_monitor::domain::smart::Protocol;
use jbod_monitor::probe::{Host, smartctl};
use jbod_monitor::stop::Stop;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Longer than a benchmark takes, so that no value is stale.
const STALE_AFTER_SECONDS: u64 = 3600;

fn main() {
    divan::main();
}

/// A rack after its first sweep, with smartctl's JSON of each drive.
struct Swept {
    collector: Collector,
    overview: Overview,
    raw: HashMap<DriveKey, Box<RawValue>>,
}

static OF_78: LazyLock<Swept> = LazyLock::new(|| Swept::new(78));
static OF_1000: LazyLock<Swept> = LazyLock::new(|| Swept::new(1000));

fn of(drives: usize) -> &'static Swept {
    if drives == 78 { &OF_78 } else { &OF_1000 }
}

impl Swept {
    fn new(drives: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the host");
        let root = folder.path().join("host");
        let mut sim = Command::new(env!("CARGO_BIN_EXE_jbod-sim"));
        sim.arg("host").arg(&root).args(["--drives", &drives.to_string(), "--bays", &drives.div_ceil(2).to_string()]);
        assert!(sim.stdout(Stdio::null()).status().expect("jbod-sim runs").success(), "jbod-sim failed");
        let [smartctl, zpool] = ["smartctl", "zpool"].map(|name| Some(root.join("bin").join(name)));
        let host = Host { smartctl, zpool, root };
        let config = SmartConfig {
            poll_interval: Duration::from_secs(3600),
            timeout: Duration::from_secs(30),
            concurrency: 16,
            concurrency_per_host: 16,
            nocheck: "standby",
            device_types: Vec::new(),
            exclude: Vec::new(),
        };
        let stop = Stop::new().expect("a stop token");
        let (mut collector, reports) =
            Collector::new(host, config, Arc::new(RuleSettings::default()), Arc::new(Layouts::default()), stop)
                .expect("a pool of threads");
        let mut raw = HashMap::new();
        collector.discover();
        collector.start_sweep();
        loop {
            let wake = collector.run_due().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            if collector.try_complete_sweep().is_some() {
                break;
            }
            let Ok(report) = reports.recv_deadline(wake) else { continue };
            if let Taken::Reading(reading) = collector.take(report)
                && let Some(json) = reading.raw
            {
                raw.insert(reading.key, json);
            }
        }
        let overview = collector.overview(STALE_AFTER_SECONDS);
        Self { collector, overview, raw }
    }

    /// A drive with this protocol, and its JSON.
    fn drive(&self, protocol: Protocol) -> (&DriveRecord, &RawValue) {
        let mut records = self.collector.inventory().present();
        let record = records.find(|record| has_protocol(record, protocol)).expect("a drive with this protocol");
        (record, self.raw.get(&record.drive.key).expect("smartctl's JSON"))
    }

    fn documents(&self) -> Vec<(Key, Vec<u8>)> {
        let parts = self.collector.overview_input(STALE_AFTER_SECONDS);
        let mut documents = Vec::new();
        for record in self.collector.inventory().present() {
            let raw = self.raw.get(&record.drive.key).map(AsRef::as_ref);
            let document = drive_document::compose(record, &summarize(record, &parts), raw);
            documents.push((Key::Smart(record.drive.device.clone()), document));
        }
        documents
    }

    fn lists(&self) -> [(Key, Vec<u8>); 3] {
        let (overview, zfs) = (&self.overview, self.collector.zfs());
        [
            (Key::Overview, json(overview)),
            (Key::Enclosures, json(&EnclosuresBody::from(overview))),
            (Key::ZfsMap, json(&ZfsBody::new(overview, zfs))),
        ]
    }
}

fn has_protocol(record: &DriveRecord, protocol: Protocol) -> bool {
    match &record.report {
        Some(report) => report.protocol == Some(protocol),
        None => false,
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("JSON")
}

/// Parses smartctl's JSON of one drive.
#[divan::bench(args = [Protocol::Ata, Protocol::Scsi, Protocol::Nvme])]
fn parse(bencher: Bencher, protocol: Protocol) {
    let (_, raw) = OF_78.drive(protocol);
    bencher.bench(|| smartctl::parse(black_box(raw.get())));
}

/// Judges one drive by all rules.
#[divan::bench(args = [Protocol::Ata, Protocol::Scsi, Protocol::Nvme])]
fn judge_one(bencher: Bencher, protocol: Protocol) {
    let (record, _) = OF_78.drive(protocol);
    let parts = OF_78.collector.overview_input(STALE_AFTER_SECONDS);
    let report = record.report.as_deref();
    let facts = DriveFacts {
        now: parts.now,
        report,
        collected_at: record.collected_at,
        asleep: false,
        model: report.and_then(|report| report.model_name.as_deref()),
        rotates: record.rotates(),
        kernel_size_bytes: None,
        memberships: parts.memberships.get(&record.drive.device).map(Vec::as_slice).unwrap_or_default(),
        fault_sensed: None,
        peers: parts.peers.of_one(record),
        expected_paths: 1,
        lost_paths: &[],
    };
    bencher.bench(|| judge_drive(black_box(&facts), parts.rules));
}

/// Builds the overview and judges everything.
#[divan::bench(args = [78, 1000])]
fn summarize_rack(bencher: Bencher, drives: usize) {
    let parts = of(drives).collector.overview_input(STALE_AFTER_SECONDS);
    bencher.bench(|| build_overview(black_box(&parts)));
}

/// Serializes the lists: overview, enclosures, pools.
#[divan::bench(args = [78, 1000])]
fn publish_lists(bencher: Bencher, drives: usize) {
    let swept = of(drives);
    bencher.bench(|| swept.lists());
}

/// The check of the limits before each parse of an overview from Redis.
#[divan::bench(args = [78, 1000])]
fn size_of_overview(bencher: Bencher, drives: usize) {
    let [(_, overview), ..] = of(drives).lists();
    let limits = ValueLimits::of(drives, drives).list;
    bencher
        .counter(BytesCount::of_slice(&overview))
        .bench(|| limits.check(black_box(&overview)).expect("within the limits"));
}

/// The parse itself, for comparison.
#[divan::bench(args = [78, 1000])]
fn parse_overview(bencher: Bencher, drives: usize) {
    let [(_, overview), ..] = of(drives).lists();
    bencher
        .counter(BytesCount::of_slice(&overview))
        .bench(|| serde_json::from_slice::<Overview>(black_box(&overview)).expect("an overview"));
}

/// Serializes the documents of all drives.
#[divan::bench(args = [78, 1000])]
fn publish_documents(bencher: Bencher, drives: usize) {
    let swept = of(drives);
    bencher.bench(|| swept.documents());
}

/// Redis at the port of `MICRO_REDIS`, with one connection.
fn redis() -> Option<RedisStore> {
    let port = std::env::var("MICRO_REDIS").ok()?.parse().ok()?;
    let config = RedisConfig {
        address: RedisAddress::Tcp("127.0.0.1".to_owned(), port),
        tls: None,
        db: 0,
        username: None,
        password: None,
        timeout: Duration::from_secs(10),
        key_prefix: "micro".to_owned(),
    };
    let stop = Stop::new().expect("a stop token");
    Some(RedisStore::start(&config, 1, (), &stop).expect("the thread of Redis").0)
}

fn entry((key, value): (Key, Vec<u8>)) -> Entry {
    let hour = Duration::from_secs(3600);
    Entry { key, value: value.into(), live: hour, last_known: hour }
}

/// Sends all values to Redis, as live and last-known copies.
#[divan::bench(args = [78, 1000])]
fn publish_to_redis(bencher: Bencher, drives: usize) {
    let Some(redis) = redis() else { return };
    let swept = of(drives);
    let entries: Vec<Entry> = swept.documents().into_iter().chain(swept.lists()).map(entry).collect();
    bencher.bench(|| redis.put(black_box(&entries)).expect("Redis accepts them"));
}

/// Fetches a list from Redis, as after each change of it.
#[divan::bench(args = [78, 1000])]
fn fetch_overview(bencher: Bencher, drives: usize) {
    let Some(redis) = redis() else { return };
    redis.put(&of(drives).lists().map(entry)).expect("Redis accepts them");
    bencher.bench(|| redis.get(black_box(&Key::Overview), CopyKind::Live, 32 * 1024 * 1024).expect("Redis has it"));
}

/// Fetches its version only, as for each request.
#[divan::bench]
fn look_at_overview(bencher: Bencher) {
    let Some(redis) = redis() else { return };
    redis.put(&OF_78.lists().map(entry)).expect("Redis accepts them");
    bencher.bench(|| redis.content_version(black_box(&Key::Overview), CopyKind::Live).expect("Redis has it"));
}

/// Fetches the documents of all drives at once, as at the start.
#[divan::bench(args = [78])]
fn fetch_documents(bencher: Bencher, drives: usize) {
    let Some(redis) = redis() else { return };
    let entries: Vec<Entry> = of(drives).documents().into_iter().map(entry).collect();
    redis.put(&entries).expect("Redis accepts them");
    let keys: Vec<Key> = entries.into_iter().map(|entry| entry.key).collect();
    bencher.bench(|| redis.get_many(black_box(&keys), CopyKind::Live, 320 * 1024).expect("Redis has them"));
}
