//! Settings: their names, defaults and ranges, and where each value came from.
//!
//! `RawConfig` is what clap reads from flags and the environment, text as it stands; `Config` is
//! what the program runs on, every value checked here and nowhere else.

mod device_types;
mod enclosure_layouts;
mod environment;
mod error;
mod file;
mod http;
mod log_filter;
mod raw;
mod read;
mod redis;
mod redis_address;
mod rules_file;
mod secret;
mod toml_value;
mod url;

pub use device_types::TypeEntry;
pub use environment::Environment;
pub use error::ConfigError;
pub use http::{HttpConfig, Listen};
pub use raw::RawConfig;
pub use read::Row;
pub use redis_address::{RedisAddress, RedisConfig, RedisTls, Sentinels, host_and_port};

use self::redis::redis_config;
use crate::domain::health::Limits;
use crate::domain::layout::Layouts;
use clap::ArgMatches;
use http::http_config;
use read::SettingsReader;
use rules_file::RulesFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How smartctl is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmartConfig {
    pub poll_interval: Duration,
    pub timeout: Duration,
    pub concurrency: usize,
    pub concurrency_per_host: usize,
    /// smartctl's `-n`: `never`, `sleep`, `standby`, `idle`.
    pub nocheck: &'static str,
    /// Types that smartctl is told.
    pub device_types: Vec<TypeEntry>,
}

/// Lifetimes of stored values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    pub smart: Duration,
    pub overview: Duration,
    pub enclosures: Duration,
    pub zfs: Duration,
    pub stale: Duration,
}

/// Everything the program runs on.
#[derive(Clone)]
pub struct Config {
    pub redis: RedisConfig,
    pub smart: SmartConfig,
    pub lifetimes: Lifetimes,
    pub http: HttpConfig,
    /// At which values a drive is called bad, and how shelves are laid out.
    pub limits: Arc<Limits>,
    /// How the bays of enclosures are arranged, where that was set.
    pub layouts: Arc<Layouts>,
    pub root: PathBuf,
    /// `None`: not found.
    pub smartctl: Option<PathBuf>,
    pub zpool: Option<PathBuf>,
    /// What `check-config` prints: variable, value, source.
    pub rows: Vec<Row>,
}

const DAY: u64 = 86_400;

impl Config {
    /// Checks every setting. The first that cannot be used is the error.
    pub fn build(raw: &RawConfig, sources: &ArgMatches, env: &Environment) -> Result<Self, ConfigError> {
        let mut read = SettingsReader { sources, rows: Vec::new() };
        let redis = redis_config(raw, env, &mut read)?;
        let second = |n: u64| Duration::from_secs(n);
        let mut seconds = |id, name, value: Option<&str>, default, range: std::ops::RangeInclusive<u64>| {
            read.number(id, name, value, default, range, "seconds").map(second)
        };
        let lifetimes = Lifetimes {
            smart: seconds("smart_cache_ttl", "SMART_CACHE_TTL", raw.smart_cache_ttl.as_deref(), 120, 1..=7 * DAY)?,
            overview: seconds("overview_ttl", "OVERVIEW_TTL", raw.overview_ttl.as_deref(), 60, 1..=7 * DAY)?,
            enclosures: seconds("enclosures_ttl", "ENCLOSURES_TTL", raw.enclosures_ttl.as_deref(), 300, 1..=7 * DAY)?,
            zfs: seconds("zfs_ttl", "ZFS_TTL", raw.zfs_ttl.as_deref(), 300, 1..=7 * DAY)?,
            stale: seconds("stale_ttl", "STALE_TTL", raw.stale_ttl.as_deref(), DAY, 1..=365 * DAY)?,
        };
        let poll_interval =
            seconds("smart_poll_interval", "SMART_POLL_INTERVAL", raw.smart_poll_interval.as_deref(), 90, 1..=DAY)?;
        let timeout = seconds("smart_timeout", "SMART_TIMEOUT", raw.smart_timeout.as_deref(), 30, 1..=3600)?;
        let concurrency =
            read.count("smart_concurrency", "SMART_CONCURRENCY", raw.smart_concurrency.as_deref(), 16, 1..=256)?;
        let concurrency_per_host = read.count(
            "smart_concurrency_per_host",
            "SMART_CONCURRENCY_PER_HOST",
            raw.smart_concurrency_per_host.as_deref(),
            8,
            1..=256,
        )?;
        let nocheck = read.choice(
            "smart_nocheck",
            "SMART_NOCHECK",
            raw.smart_nocheck.as_deref(),
            "standby",
            &["never", "sleep", "standby", "idle"],
        )?;
        let types = read.text("smart_device_types", "SMART_DEVICE_TYPES", raw.smart_device_types.as_deref(), "");
        let device_types = device_types::parse(&types)?;
        let smart = SmartConfig { poll_interval, timeout, concurrency, concurrency_per_host, nocheck, device_types };
        let http = http_config(raw, env, &mut read)?;
        let file = read.text("limits_file", "JBOD_LIMITS_FILE", raw.limits_file.as_deref(), "");
        let rules = if file.is_empty() { RulesFile::default() } else { rules_file::read(Path::new(&file))? };
        let root = PathBuf::from(read.text("root", "JBOD_ROOT", raw.root.as_deref(), "/"));
        if !root.is_dir() {
            return Err(ConfigError::new("JBOD_ROOT", &root.display().to_string(), "a directory"));
        }
        let smartctl = read.program("smartctl_path", "SMARTCTL_PATH", raw.smartctl_path.as_deref(), "smartctl", env)?;
        let zpool = read.program("zpool_path", "ZPOOL_PATH", raw.zpool_path.as_deref(), "zpool", env)?;
        let filter = log_filter::checked(env.rust_log.as_deref())?;
        let source = if env.rust_log.is_some() { "env" } else { "default" };
        read.rows.push(Row { name: "RUST_LOG", value: filter.to_owned(), source });
        Ok(Self {
            redis,
            smart,
            lifetimes,
            http,
            limits: Arc::new(rules.limits),
            layouts: Arc::new(rules.layouts),
            root,
            smartctl,
            zpool,
            rows: read.rows,
        })
    }
}

impl Config {
    /// For `check-config`: every rule of the verdict, at which values it speaks, and where that
    /// comes from (`default`, `file`).
    pub fn limit_rows(&self) -> Vec<(String, String, &'static str)> {
        rules_file::rows(&self.limits)
    }

    /// For `check-config`: how the bays of shelves stand, where that was set.
    pub fn layout_rows(&self) -> Vec<(String, String, &'static str)> {
        enclosure_layouts::rows(&self.layouts)
    }
}
