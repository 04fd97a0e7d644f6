//! Settings: their names, defaults and ranges, and where each value came from.
//!
//! `RawConfig` is what clap reads from flags and the environment, text as it stands; `Config` is
//! what the program runs on, every value checked here and nowhere else.

mod file;
mod layouts;
mod limits;
mod log_filter;
mod raw;
mod read;
mod redis_at;
mod secret;
mod types;
mod url;

pub use raw::RawConfig;
pub use redis_at::{RedisAddress, RedisConfig, RedisTls, Sentinels, host_and_port};
pub use types::TypeEntry;

use crate::domain::health::RuleSettings;
use crate::domain::layout::Layouts;
use clap::ArgMatches;
use limits::RulesFile;
use read::{Reader, bad, masked};
use secret::{Secret, secret};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A setting that cannot be used: which, what was found, what was wanted.
#[derive(Debug, Error)]
#[error("{setting}: found {found}, wanted {wanted}")]
pub struct ConfigError {
    pub setting: String,
    pub found: String,
    pub wanted: String,
}

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

/// Where and for whom to serve.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub listen: Listen,
    pub token: Option<String>,
    /// Not asked for on a Unix socket.
    pub allowed_hosts: Vec<String>,
    pub max_connections: usize,
    pub workers: usize,
}

/// Everything the program runs on.
#[derive(Clone)]
pub struct Config {
    pub redis: RedisConfig,
    pub smart: SmartConfig,
    pub lifetimes: Lifetimes,
    pub http: HttpConfig,
    /// At which values a drive is called bad, and how shelves are laid out.
    pub limits: Arc<RuleSettings>,
    /// How the bays of enclosures are arranged, where that was set.
    pub layouts: Arc<Layouts>,
    pub root: PathBuf,
    /// `None`: not found.
    pub smartctl: Option<PathBuf>,
    pub zpool: Option<PathBuf>,
    /// What `check-config` prints: variable, value, source.
    pub rows: Vec<Row>,
}

/// One effective setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    pub value: String,
    pub source: &'static str,
}

/// What the environment holds that clap does not read.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub redis_password: Option<String>,
    pub credentials_directory: Option<PathBuf>,
    pub path: Option<std::ffi::OsString>,
    pub rust_log: Option<String>,
    /// `JOURNAL_STREAM`: device and inode of the stream to systemd's journal.
    pub journal_stream: Option<(u64, u64)>,
    /// `MALLOC_ARENA_MAX` is set: how the C library keeps memory has been decided already.
    pub arenas: bool,
    /// `COLUMNS`: how wide lines may be, where the user would have it otherwise than the terminal.
    pub columns: Option<usize>,
    /// `NO_COLOR` is set, or `TERM` is `dumb`: no colour unless it is asked for.
    pub plain: bool,
}

impl Environment {
    /// The one place that reads environment variables by hand.
    #[expect(clippy::disallowed_methods, reason = "this is the door to the environment")]
    pub fn read() -> Self {
        let get = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        Self {
            redis_password: get("REDIS_PASSWORD"),
            credentials_directory: get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            path: std::env::var_os("PATH"),
            rust_log: get("RUST_LOG"),
            journal_stream: get("JOURNAL_STREAM").and_then(|stream| {
                let (device, inode) = stream.split_once(':')?;
                Some((device.parse().ok()?, inode.parse().ok()?))
            }),
            arenas: get("MALLOC_ARENA_MAX").is_some(),
            columns: get("COLUMNS").and_then(|c| c.parse().ok()),
            plain: get("NO_COLOR").is_some() || get("TERM").as_deref() == Some("dumb"),
        }
    }

    /// The filter of log lines. One that is not understood filters nothing that the default does not: the error that names
    /// it is logged, too.
    pub fn log_filter(&self) -> &str {
        log_filter::checked(self.rust_log.as_deref()).unwrap_or(log_filter::DEFAULT)
    }
}

const DAY: u64 = 86_400;

impl Config {
    /// Checks every setting. The first that cannot be used is the error.
    pub fn build(raw: &RawConfig, sources: &ArgMatches, env: &Environment) -> Result<Self, ConfigError> {
        let mut read = Reader { sources, rows: Vec::new() };
        let redis = redis_at::redis(raw, env, &mut read)?;
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
        let device_types = types::parse(&types)?;
        let smart = SmartConfig { poll_interval, timeout, concurrency, concurrency_per_host, nocheck, device_types };
        let http = http(raw, env, &mut read)?;
        let file = read.text("limits_file", "JBOD_LIMITS_FILE", raw.limits_file.as_deref(), "");
        let rules = if file.is_empty() { RulesFile::default() } else { limits::read(Path::new(&file))? };
        let root = PathBuf::from(read.text("root", "JBOD_ROOT", raw.root.as_deref(), "/"));
        if !root.is_dir() {
            return Err(bad("JBOD_ROOT", &root.display().to_string(), "a directory"));
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
        limits::rows(&self.limits)
    }

    /// For `check-config`: how the bays of shelves stand, where that was set.
    pub fn layout_rows(&self) -> Vec<(String, String, &'static str)> {
        layouts::rows(&self.layouts)
    }
}

fn http(raw: &RawConfig, env: &Environment, read: &mut Reader) -> Result<HttpConfig, ConfigError> {
    let text = read.text("listen", "JBOD_LISTEN", raw.listen.as_deref(), "127.0.0.1:9780");
    let wanted = "ADDR:PORT or unix:/absolute/path";
    let listen = match text.strip_prefix("unix:") {
        Some(path) if Path::new(path).is_absolute() => Listen::Unix(PathBuf::from(path)),
        Some(_) => return Err(bad("JBOD_LISTEN", &text, wanted)),
        None => {
            let addresses: Vec<_> = text.to_socket_addrs().map_err(|_| bad("JBOD_LISTEN", &text, wanted))?.collect();
            Listen::Tcp(addresses)
        }
    };
    let file = read.text("token_file", "JBOD_TOKEN_FILE", raw.token_file.as_deref(), "");
    let (token, source) = secret(Secret::Token, "JBOD_TOKEN_FILE", &file, "token", env)?;
    read.rows.push(Row { name: "(bearer token)", value: masked(token.as_deref()), source });
    let anonymous = read.choice(
        "allow_anonymous",
        "JBOD_ALLOW_ANONYMOUS",
        raw.allow_anonymous.as_deref(),
        "false",
        &["false", "true", "0", "1", "no", "yes"],
    )?;
    let anonymous = matches!(anonymous, "true" | "1" | "yes");
    let beyond = match &listen {
        Listen::Tcp(addresses) => addresses.iter().any(|a| !a.ip().is_loopback()),
        Listen::Unix(_) => false,
    };
    if beyond && token.is_none() && !anonymous {
        let wanted = "a loopback address, or a JBOD_TOKEN_FILE, or --allow-anonymous";
        return Err(bad("JBOD_LISTEN", &text, wanted));
    }
    let more = read.text("allowed_hosts", "JBOD_ALLOWED_HOSTS", raw.allowed_hosts.as_deref(), "");
    let mut allowed_hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    let node = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    allowed_hosts.extend((!node.is_empty()).then_some(node));
    if let Listen::Tcp(addresses) = &listen {
        allowed_hosts.extend(addresses.iter().map(|a| match a.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        }));
    }
    allowed_hosts.extend(more.split(',').map(|h| h.trim().to_ascii_lowercase()).filter(|h| !h.is_empty()));
    let max_connections =
        read.count("max_connections", "JBOD_MAX_CONNECTIONS", raw.max_connections.as_deref(), 128, 1..=10_000)?;
    let workers = read.count("workers", "JBOD_WORKERS", raw.workers.as_deref(), 4, 1..=64)?;
    Ok(HttpConfig { listen, token, allowed_hosts, max_connections, workers })
}
