//! Condition of the daemon itself: the body of `/api/health`.

use super::SCHEMA;
use super::overview::SweepStats;
use crate::domain::health::Verdict;
use crate::domain::identity::{DeviceName, SerialNumber};
use crate::domain::text::sanitize;
use crate::domain::time::Timestamp;
use serde::Serialize;

/// A component of the service that can fail while the others keep working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Part"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Component {
    /// Redis is unavailable.
    Redis,
    /// Redis is available but rejects writes.
    RedisWrites,
    /// smartctl is missing or unusable.
    Smartctl,
    /// zpool fails.
    Zpool,
    /// An enclosure, or the view that the kernel has of it.
    Enclosure,
    /// A drive that does not respond and is in back-off.
    Drive,
    /// The poller.
    Poller,
    /// Another daemon holds the poll lease but publishes nothing about this host, another host holds the lease under
    /// the key prefix of this one, or the lease disappears from Redis.
    Lease,
    /// The control socket, which `jbod-monitor forget` uses.
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

/// A component that does not work as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Trouble"))]
pub(crate) struct Degradation {
    /// Component that is degraded.
    pub(crate) part: Component,
    /// Id of the enclosure or block device of the drive; `null` for a component that exists once.
    pub(crate) id: Option<String>,
    /// Serial number of the drive.
    pub(crate) serial_number: Option<SerialNumber>,
    /// Time at which this daemon detected it.
    pub(crate) since: Timestamp,
    /// The error, for people.
    pub(crate) error: String,
}

impl std::fmt::Display for Degradation {
    /// As one line.
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
    /// Completed sweeps.
    pub(crate) sweeps: u64,
    /// Readings by outcome.
    pub(crate) good: u64,
    pub(crate) asleep: u64,
    pub(crate) silent: u64,
    pub(crate) failed: u64,
    /// Runs of smartctl in progress.
    pub(crate) running: usize,
    /// Child processes that were killed and have not ended yet.
    pub(crate) stuck: usize,
    /// Drives in back-off after timeouts.
    pub(crate) waiting: usize,
}

/// Role of a daemon in polling. Of several daemons with one Redis, one is the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum DaemonRole {
    /// The daemon reads the drives.
    Leader,
    /// The daemon serves the values that the leader stores.
    Follower,
}

/// The daemon that polls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Leader"))]
pub(crate) struct LeaderIdentity {
    /// Name of its host.
    pub(crate) host: String,
    /// Its `instance`.
    pub(crate) instance: String,
}

/// Status of the poller.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    pub(crate) host: String,
    /// Unique to this daemon.
    pub(crate) instance: String,
    /// `None` until it is decided.
    pub(crate) role: Option<DaemonRole>,
    /// `None` if this daemon is the leader, or the leader is unknown.
    pub(crate) leader: Option<LeaderIdentity>,
    /// Number of present drives.
    pub(crate) drives: usize,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) sweep: SweepStats,
    pub(crate) troubles: Vec<Degradation>,
}

/// The body of `/api/health`. It is built for each request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ServiceBody<'a> {
    /// Version of the format of this body; it changes when fields change their meaning.
    pub(crate) schema: u32,
    /// Name of the host on which the daemon runs.
    pub(crate) host: &'a str,
    /// Unique name of this daemon: `HOST:PID:MICROSECONDS`, where the last is its start time.
    pub(crate) instance: &'a str,
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Time at which this body was built.
    pub(crate) generated_at: Timestamp,
    /// Start time of the daemon.
    pub(crate) started_at: Timestamp,
    /// `ok`, or `degraded` if any component is degraded.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["ok", "degraded"])))]
    pub(crate) status: &'static str,
    /// Whether a complete sweep of the drives of this host is available, by this daemon or by the leader.
    pub(crate) ready: bool,
    /// Role of this daemon in polling; `null` until it is decided.
    pub(crate) role: Option<DaemonRole>,
    /// The daemon that polls the drives of this host, if this one is a follower.
    pub(crate) leader: Option<&'a LeaderIdentity>,
    /// The last complete sweep of the drives of this host, by this daemon or by the leader.
    pub(crate) sweep: &'a SweepStats,
    /// Degraded components.
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
    /// A degradation of a component that exists once.
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
