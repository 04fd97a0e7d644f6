//! The table of settings: name, option, default, range, unit and help of each. The command line, the checks,
//! `check-config`, the settings file, the manual pages and the completions are generated from it.

use std::ops::RangeInclusive;

/// One setting.
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The option without its dashes. `None`: read from the environment only.
    pub option: Option<&'static str>,
    pub value_name: &'static str,
    /// One sentence without its full stop and without the default.
    pub help: &'static str,
    pub kind: SettingKind,
}

/// The type of a setting, with its default and limits.
pub enum SettingKind {
    Text(&'static Text),
    Optional(&'static Optional),
    Url(&'static Url),
    Number(&'static Number),
    Choice(&'static Choice),
    Switch(&'static Switch),
    Program(&'static Program),
    SecretFile(&'static SecretFile),
    Password(&'static Password),
}

/// Any text.
pub struct Text {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
}

/// Any text, or nothing.
pub struct Optional {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

/// A URL, or nothing. It may contain a password.
pub struct Url {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

/// A whole number.
pub struct Number {
    pub(crate) name: &'static str,
    pub(crate) default: u64,
    pub(crate) range: RangeInclusive<u64>,
    /// The beginning of "… from 1 to 10" in errors.
    pub(crate) unit: &'static str,
}

/// One of a fixed list of words.
pub struct Choice {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) choices: &'static [&'static str],
}

/// On or off, off by default. The option without a value means on.
pub struct Switch {
    pub(crate) name: &'static str,
}

/// The path of a program, by default searched for.
pub struct Program {
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
    pub(crate) example: &'static str,
}

/// The path of a file that contains a secret, or nothing.
pub struct SecretFile {
    pub(crate) name: &'static str,
    pub(crate) secret: Secret,
    /// The systemd credential that is used if the setting is empty.
    pub(crate) credential: &'static str,
}

/// A password itself, or nothing.
pub struct Password {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

/// The former name of a setting. The variable is still read, with a warning; the option is a hidden alias.
pub(crate) struct Former {
    pub(crate) name: &'static str,
    pub(crate) option: &'static str,
    /// The setting under its current name.
    pub(crate) now: &'static Optional,
}

/// The use of a secret, which determines the valid characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Sent in an `Authorization` header.
    Token,
    /// Sent to Redis, which accepts any bytes.
    RedisPassword,
}

impl Switch {
    pub(crate) const DEFAULT: &str = "false";
    pub(crate) const CHOICES: [&str; 6] = ["false", "true", "0", "1", "no", "yes"];
}

impl SecretFile {
    /// A file that the service reads itself, instead of a systemd credential.
    pub(crate) const EXAMPLE: &str = "/path/to/file";
}

impl Setting {
    /// The default as text. `None`: no default, or a program that is searched for.
    pub fn default(&self) -> Option<String> {
        match &self.kind {
            SettingKind::Text(text) => Some(text.default.to_owned()),
            SettingKind::Number(number) => Some(number.default.to_string()),
            SettingKind::Choice(choice) => Some(choice.default.to_owned()),
            SettingKind::Switch(_) => Some(Switch::DEFAULT.to_owned()),
            SettingKind::Optional(_)
            | SettingKind::Url(_)
            | SettingKind::Program(_)
            | SettingKind::SecretFile(_)
            | SettingKind::Password(_) => None,
        }
    }

    /// The default, or an example if there is none.
    pub fn example(&self) -> String {
        match &self.kind {
            SettingKind::Optional(text) => text.example.to_owned(),
            SettingKind::Url(url) => url.example.to_owned(),
            SettingKind::Program(program) => program.example.to_owned(),
            SettingKind::SecretFile(_) => SecretFile::EXAMPLE.to_owned(),
            SettingKind::Password(password) => password.example.to_owned(),
            SettingKind::Text(_) | SettingKind::Number(_) | SettingKind::Choice(_) | SettingKind::Switch(_) => {
                self.default().unwrap_or_default()
            }
        }
    }

    /// The values that are accepted, as text; `None`: any text.
    pub fn accepted_values(&self) -> Option<String> {
        match &self.kind {
            SettingKind::Number(number) => Some(format!("{} to {}", number.range.start(), number.range.end())),
            SettingKind::Choice(choice) => Some(choice.choices.join(", ")),
            SettingKind::Switch(_) => Some(Switch::CHOICES.join(", ")),
            SettingKind::Text(_)
            | SettingKind::Optional(_)
            | SettingKind::Url(_)
            | SettingKind::Program(_)
            | SettingKind::SecretFile(_)
            | SettingKind::Password(_) => None,
        }
    }

    /// Whether the value itself may contain a secret and must not be shown.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, SettingKind::Url(_) | SettingKind::Password(_))
    }
}

/// Declares each setting as a static of its kind, for the code that reads it, and all of them as `SETTINGS`.
macro_rules! table {
    ($($name:ident, $option:expr, $value_name:literal, $kind:ident { $($fields:tt)* }, $help:literal;)+) => {
        $(pub(super) static $name: $kind = $kind { name: stringify!($name), $($fields)* };)+

        /// All settings, in the order of `--help`.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name),
            option: $option,
            value_name: $value_name,
            help: $help,
            kind: SettingKind::$kind(&$name),
        }),+];
    };
}

const DAY: u64 = 86_400;

table! {
    REDIS_URL, Some("redis-url"), "URL", Url { example: "redis://localhost:6379/0" },
    "redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels";

    REDIS_HOST, Some("redis-host"), "HOST", Text { default: "localhost" },
    "Host name or IP address of Redis";

    REDIS_PORT, Some("redis-port"), "PORT", Number { default: 6379, range: 1..=65_535, unit: "a port" },
    "TCP port of Redis";

    REDIS_DB, Some("redis-db"), "NUMBER", Number { default: 0, range: 0..=1_000_000, unit: "a database number" },
    "Redis database number";

    REDIS_SENTINELS, Some("redis-sentinels"), "HOST:PORT,…",
    Optional { example: "10.0.0.1:26379,10.0.0.2:26379,10.0.0.3:26379" },
    "Addresses of the Redis Sentinels, comma-separated";

    REDIS_SENTINEL_MASTER, Some("redis-sentinel-master"), "NAME", Optional { example: "mymaster" },
    "Name of the master that the sentinels monitor";

    REDIS_SENTINEL_PASSWORD_FILE, Some("redis-sentinel-password-file"), "FILE",
    SecretFile { secret: Secret::RedisPassword, credential: "redis-sentinel-password" },
    "File with the password of the sentinels";

    REDIS_USERNAME, Some("redis-username"), "NAME", Optional { example: "jbod" },
    "Redis ACL user";

    REDIS_PASSWORD, None, "TEXT", Password { example: "secret" },
    "Redis password; a file is safer (REDIS_PASSWORD_FILE)";

    REDIS_PASSWORD_FILE, Some("redis-password-file"), "FILE",
    SecretFile { secret: Secret::RedisPassword, credential: "redis-password" },
    "File with the Redis password (REDIS_PASSWORD contains the password itself)";

    REDIS_CA_FILE, Some("redis-ca-file"), "FILE", Optional { example: "/etc/jbod-monitor/redis-ca.pem" },
    "PEM file of CA certificates to trust for TLS instead of the system's";

    REDIS_TIMEOUT_MS, Some("redis-timeout-ms"), "MS",
    Number { default: 250, range: 10..=60_000, unit: "a number of milliseconds" },
    "Timeout for each of connecting, reading and writing, in milliseconds";

    JBOD_KEY_PREFIX, Some("key-prefix"), "TEXT", Text { default: "jbod" },
    "Prefix of every Redis key";

    SMART_CACHE_TTL, Some("smart-cache-ttl"), "SECONDS",
    Number { default: 120, range: 1..=7 * DAY, unit: "a number of seconds" },
    "TTL of per-drive keys, in seconds";

    SMART_POLL_INTERVAL, Some("smart-poll-interval"), "SECONDS",
    Number { default: 90, range: 1..=DAY, unit: "a number of seconds" },
    "Polling interval from the start of one sweep to the start of the next, in seconds";

    SMART_TIMEOUT, Some("smart-timeout"), "SECONDS",
    Number { default: 30, range: 1..=3600, unit: "a number of seconds" },
    "Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later";

    SMART_CONCURRENCY, Some("smart-concurrency"), "COUNT", Number { default: 16, range: 1..=256, unit: "a number" },
    "Maximum number of concurrent smartctl runs";

    SMART_CONCURRENCY_PER_HOST, Some("smart-concurrency-per-host"), "COUNT",
    Number { default: 8, range: 1..=256, unit: "a number" },
    "Maximum number of concurrent smartctl runs per SCSI host";

    SMART_NOCHECK, Some("smart-nocheck"), "MODE",
    Choice { default: "standby", choices: &["never", "sleep", "standby", "idle"] },
    "Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none";

    SMART_DEVICE_TYPES, Some("smart-device-types"), "NAME=TYPE,…", Optional { example: "sda=megaraid,0,sdb=sat" },
    "Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE \
     sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N";

    JBOD_EXCLUDE, Some("exclude"), "ENTRY,…", Optional { example: "transport=iscsi,serial=ZR123,sdx" },
    "Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, \
     transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio";

    OVERVIEW_TTL, Some("overview-ttl"), "SECONDS",
    Number { default: 60, range: 1..=7 * DAY, unit: "a number of seconds" },
    "TTL of the overview key, in seconds";

    ENCLOSURES_TTL, Some("enclosures-ttl"), "SECONDS",
    Number { default: 300, range: 1..=7 * DAY, unit: "a number of seconds" },
    "TTL of the enclosures key, in seconds";

    ZFS_TTL, Some("zfs-ttl"), "SECONDS", Number { default: 300, range: 1..=7 * DAY, unit: "a number of seconds" },
    "TTL of the pool map key, in seconds";

    STALE_TTL, Some("stale-ttl"), "SECONDS", Number { default: DAY, range: 1..=365 * DAY, unit: "a number of seconds" },
    "How long a last-known copy may be served as STALE, in seconds";

    JBOD_LISTEN, Some("listen"), "ADDR", Text { default: "127.0.0.1:9780" },
    "Listen address: ADDR:PORT, or unix: and the absolute path of a socket";

    JBOD_TOKEN_FILE, Some("token-file"), "FILE", SecretFile { secret: Secret::Token, credential: "token" },
    "File with the bearer token that is required for every request except those for the page itself";

    JBOD_ALLOW_ANONYMOUS, Some("allow-anonymous"), "BOOL", Switch {},
    "Allow serving beyond loopback without a token";

    JBOD_ALLOWED_HOSTS, Some("allowed-host"), "HOSTS", Optional { example: "nas.example.net" },
    "Additional values to accept in the Host header, comma-separated";

    JBOD_CONTROL_SOCKET, Some("control-socket"), "PATH", Text { default: "/run/jbod-monitor/control.sock" },
    "Socket for commands to the running daemon (jbod-monitor forget), or none";

    JBOD_MAX_CONNECTIONS, Some("max-connections"), "COUNT",
    Number { default: 128, range: 1..=10_000, unit: "a number" },
    "Maximum number of open connections; further ones are answered with 503 and closed";

    JBOD_WORKERS, Some("workers"), "COUNT", Number { default: 4, range: 1..=64, unit: "a number" },
    "Number of request workers";

    JBOD_RULES_FILE, Some("rules-file"), "FILE", Optional { example: "/etc/jbod-monitor/rules.toml" },
    "TOML file with thresholds for each rule and model, and with bay layouts of enclosures";

    JBOD_ROOT, Some("root"), "DIR", Text { default: "/" },
    "Prefix of every sysfs, proc and /dev/disk path that is read";

    SMARTCTL_PATH, Some("smartctl"), "FILE", Program { command: "smartctl", example: "/usr/sbin/smartctl" },
    "Path of smartctl; by default it is searched for in PATH, then in /usr/sbin";

    ZPOOL_PATH, Some("zpool"), "FILE", Program { command: "zpool", example: "/usr/sbin/zpool" },
    "Path of zpool; by default it is searched for in PATH, then in /usr/sbin";

    RUST_LOG, None, "TEXT", Text { default: "info" },
    "Log filter: error, warn, info, debug, trace, or off";
}

pub(crate) static JBOD_LIMITS_FILE: Former =
    Former { name: "JBOD_LIMITS_FILE", option: "limits-file", now: &JBOD_RULES_FILE };
