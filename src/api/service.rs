//! How the daemon itself does: the body of `/api/health`.

use super::SCHEMA;
use super::overview::SweepStats;
use crate::domain::health::Verdict;
use crate::domain::identity::{DeviceName, SerialNumber};
use crate::domain::text::sanitize;
use crate::domain::time::Timestamp;
use serde::Serialize;

/// A part of the service that may fail while the rest goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Part"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Component {
    /// No value can be had from Redis.
    Redis,
    /// Redis answers, and takes no values.
    RedisWrites,
    /// The program smartctl.
    Smartctl,
    /// The program zpool.
    Zpool,
    /// A shelf, or the kernel's view of it.
    Enclosure,
    /// A drive that does not answer, and is asked less often for it.
    Drive,
    /// The polling as a whole.
    Poller,
    /// Another daemon holds the poll lease and publishes nothing of this host, another host holds the lease under the
    /// key prefix of this one, or the lease disappears from Redis.
    Lease,
    /// The control socket, by which `jbod-monitor forget` asks.
    Control,
}

impl Component {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::RedisWrites => "redis_writes",
            Self::Smartctl => "smartctl",
            Self::Zpool => "zpool",
            Self::Enclosure => "enclosure",
            Self::Drive => "drive",
            Self::Poller => "poller",
            Self::Lease => "lease",
            Self::Control => "control",
        }
    }
}

/// Something that does not work as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Trouble"))]
pub(crate) struct Degradation {
    /// What it is about.
    pub(crate) part: Component,
    /// Which enclosure (its id) or drive (its kernel name); `null`: there is only one.
    pub(crate) id: Option<String>,
    /// Of a drive, its serial number.
    pub(crate) serial_number: Option<SerialNumber>,
    /// When this daemon noticed.
    pub(crate) since: Timestamp,
    /// What is wrong, in words.
    pub(crate) error: String,
}

impl std::fmt::Display for Degradation {
    /// One line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.part.as_str())?;
        if let Some(id) = &self.id {
            write!(f, " {}", sanitize(id))?;
        }
        write!(f, " since {}: {}", self.since, sanitize(&self.error))
    }
}

/// Counters of sweeps and readings since this daemon started, and what is running now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PollCounters {
    /// Sweeps that were completed.
    pub(crate) sweeps: u64,
    /// Readings by outcome.
    pub(crate) good: u64,
    pub(crate) asleep: u64,
    pub(crate) silent: u64,
    pub(crate) failed: u64,
    /// Children on drives that run now.
    pub(crate) running: usize,
    /// Children that were given up and have not ended.
    pub(crate) stuck: usize,
    /// Drives in quarantine, because they were silent.
    pub(crate) waiting: usize,
}

/// The part of a daemon in polling. Of several on one Redis, one leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum DaemonRole {
    /// It reads the drives.
    Leader,
    /// It serves what the leader has stored.
    Follower,
}

/// The daemon that polls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Leader"))]
pub(crate) struct LeaderIdentity {
    /// Name of its host.
    pub(crate) host: String,
    /// What that daemon shows as `instance`.
    pub(crate) instance: String,
}

/// What the poller knows of how it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    pub(crate) host: String,
    /// Unique to this daemon.
    pub(crate) instance: String,
    /// `None`: not decided yet.
    pub(crate) role: Option<DaemonRole>,
    /// `None`: this daemon polls, or it is not known which one does.
    pub(crate) leader: Option<LeaderIdentity>,
    /// Drives that are here.
    pub(crate) drives: usize,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) sweep: SweepStats,
    pub(crate) troubles: Vec<Degradation>,
}

/// The body of `/api/health`. It is made anew for each request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ServiceBody<'a> {
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub(crate) schema: u32,
    /// Name of the host that the daemon runs on.
    pub(crate) host: &'a str,
    /// This daemon: host name, process and start, in microseconds.
    pub(crate) instance: &'a str,
    /// Version of the daemon.
    pub(crate) version: &'static str,
    /// When this was put together.
    pub(crate) generated_at: Timestamp,
    /// When the daemon started.
    pub(crate) started_at: Timestamp,
    /// `ok`, or `degraded` when there is any trouble.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["ok", "degraded"])))]
    pub(crate) status: &'static str,
    /// A whole sweep over the drives of this host is known, of this daemon or of the leader.
    pub(crate) ready: bool,
    /// The part of this daemon in polling; `null`: not decided yet.
    pub(crate) role: Option<DaemonRole>,
    /// The daemon that polls the drives of this host, if this one follows it.
    pub(crate) leader: Option<&'a LeaderIdentity>,
    /// The last whole sweep over all drives of this host, of this daemon or of the leader.
    pub(crate) sweep: &'a SweepStats,
    /// What does not work as it should.
    pub(crate) degraded: &'a [Degradation],
}

impl<'a> ServiceBody<'a> {
    pub(crate) fn new(service: &'a Service, ready: bool, started_at: Timestamp, generated_at: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            host: &service.host,
            instance: &service.instance,
            version: env!("CARGO_PKG_VERSION"),
            generated_at,
            started_at,
            status: if service.troubles.is_empty() { "ok" } else { "degraded" },
            ready,
            role: service.role,
            leader: service.leader.as_ref(),
            sweep: &service.sweep,
            degraded: &service.troubles,
        }
    }
}

impl Degradation {
    /// Of the service as a whole.
    pub(crate) fn of(part: Component, since: Timestamp, error: impl Into<String>) -> Self {
        Self { part, id: None, serial_number: None, since, error: error.into() }
    }

    pub(crate) fn of_drive(
        device: &DeviceName,
        serial_number: Option<SerialNumber>,
        since: Timestamp,
        error: String,
    ) -> Self {
        Self { part: Component::Drive, id: Some(device.to_string()), serial_number, since, error }
    }
}
