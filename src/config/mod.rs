//! Settings: their definitions, the given values, and the source of each value.
//!
//! `settings` is the table of definitions. `Arguments` are the texts that clap reads from options and the environment.
//! `Config` are the parsed values; all checks that need no network, name resolution or certificate are made here.

mod arguments;
mod control;
mod device_types;
mod enclosure_layouts;
mod environment;
mod error;
mod exclude;
mod file;
mod host_name;
mod http;
mod log_filter;
mod read;
mod redis;
mod redis_address;
mod rules_file;
mod secret;
pub mod settings;
mod toml_value;
mod url;

pub(crate) use arguments::Arguments;
pub use control::ControlConfig;
pub(crate) use device_types::TypeEntry;
pub use environment::Environment;
pub use error::ConfigError;
pub(crate) use host_name::{address_in_host, without_final_dot};
pub(crate) use http::{HttpConfig, Listen};
pub use read::SettingRow;
pub(crate) use redis_address::{CaFile, RedisTls, Sentinels};
pub use redis_address::{RedisAddress, RedisConfig};

use self::redis::redis_config;
use crate::domain::exclusion::Exclusion;
use crate::domain::health::RuleSettings;
use crate::domain::layout::Layouts;
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
    /// The argument of smartctl's `-n`: `never`, `sleep`, `standby` or `idle`.
    pub nocheck: &'static str,
    /// Arguments of smartctl's `-d` for single drives.
    pub device_types: Vec<TypeEntry>,
    /// Drives to exclude.
    pub exclude: Vec<Exclusion>,
}

/// Lifetimes of stored values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    pub(crate) smart: Duration,
    pub(crate) overview: Duration,
    pub(crate) enclosures: Duration,
    pub(crate) zfs: Duration,
    pub(crate) stale: Duration,
}

/// All settings.
#[derive(Clone)]
pub struct Config {
    pub redis: RedisConfig,
    pub(crate) smart: SmartConfig,
    pub(crate) lifetimes: Lifetimes,
    pub http: HttpConfig,
    pub control: ControlConfig,
    /// Settings of the rules.
    pub(crate) limits: Arc<RuleSettings>,
    /// Bay layouts of enclosures, from the rules file.
    pub(crate) layouts: Arc<Layouts>,
    pub(crate) root: PathBuf,
    /// `None`: not found.
    pub(crate) smartctl: Option<PathBuf>,
    pub(crate) zpool: Option<PathBuf>,
    /// For `check-config`: variable, value and source of each setting.
    pub rows: Vec<SettingRow>,
}

impl Config {
    /// Parses and checks every setting. The error is the first invalid one.
    pub fn build(arguments: &Arguments, env: &Environment) -> Result<Self, ConfigError> {
        let mut read = SettingsReader::new(arguments, env);
        let redis = redis_config(&mut read)?;
        let lifetimes = Lifetimes {
            smart: read.seconds(&settings::SMART_CACHE_TTL)?,
            overview: read.seconds(&settings::OVERVIEW_TTL)?,
            enclosures: read.seconds(&settings::ENCLOSURES_TTL)?,
            zfs: read.seconds(&settings::ZFS_TTL)?,
            stale: read.seconds(&settings::STALE_TTL)?,
        };
        let smart = SmartConfig {
            poll_interval: read.seconds(&settings::SMART_POLL_INTERVAL)?,
            timeout: read.seconds(&settings::SMART_TIMEOUT)?,
            concurrency: read.number(&settings::SMART_CONCURRENCY)?,
            concurrency_per_host: read.number(&settings::SMART_CONCURRENCY_PER_HOST)?,
            nocheck: read.choice(&settings::SMART_NOCHECK)?,
            device_types: device_types::parse(read.optional(&settings::SMART_DEVICE_TYPES).unwrap_or_default())?,
            exclude: exclude::parse(read.optional(&settings::JBOD_EXCLUDE).unwrap_or_default())?,
        };
        let http = http_config(&mut read)?;
        let control = control::control_config(&mut read)?;
        let rules = match read.rules_file(&settings::JBOD_LIMITS_FILE)? {
            Some(file) => rules_file::read(Path::new(file))?,
            None => RulesFile::default(),
        };
        let root = PathBuf::from(read.text(&settings::JBOD_ROOT));
        if !root.is_dir() {
            return Err(ConfigError::new(settings::JBOD_ROOT.name, &root.display().to_string(), "a directory"));
        }
        let smartctl = read.program(&settings::SMARTCTL_PATH)?;
        let zpool = read.program(&settings::ZPOOL_PATH)?;
        read.log_filter(&settings::RUST_LOG)?;
        Ok(Self {
            redis,
            smart,
            lifetimes,
            http,
            control,
            limits: Arc::new(rules.limits),
            layouts: Arc::new(rules.layouts),
            root,
            smartctl,
            zpool,
            rows: read.into_rows(),
        })
    }
}

impl Config {
    /// For `check-config`: every rule with its thresholds and their source (`default`, `file`).
    pub fn limit_rows(&self) -> Vec<(String, String, &'static str)> {
        rules_file::rows(&self.limits)
    }

    /// Secrets that the unit passes to the service and that this process does not have: setting and file.
    pub(crate) fn unused_secrets(&self) -> Vec<(&'static str, PathBuf)> {
        let needs_sentinel_password =
            matches!(&self.redis.address, RedisAddress::Sentinel(sentinels) if sentinels.password.is_none());
        let is_used = [
            (&settings::JBOD_TOKEN_FILE, self.http.token.is_some()),
            (&settings::REDIS_PASSWORD_FILE, self.redis.password.is_some()),
            (&settings::REDIS_SENTINEL_PASSWORD_FILE, !needs_sentinel_password),
        ];
        let unused = is_used.into_iter().filter(|(setting, is_used)| !is_used && secret::is_provided(setting));
        unused.map(|(setting, _)| (setting.name, secret::administrators_file(setting))).collect()
    }

    /// For `check-config`: the bay layouts from the rules file.
    pub fn layout_rows(&self) -> Vec<(String, String, &'static str)> {
        enclosure_layouts::rows(&self.layouts)
    }
}
