//! The settings as text, as clap reads them from flags and the environment. One definition for
//! `--help`, the manual page and the completions; nothing is checked here.

use clap::Args;

/// Every setting as text. An empty environment variable is an unset one.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct RawConfig {
    /// redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; wins over host, port, database and sentinels
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub redis_url: Option<String>,
    /// Host name or address of Redis [default: localhost]
    #[arg(long, env = "REDIS_HOST", value_name = "HOST", global = true)]
    pub redis_host: Option<String>,
    /// Port of Redis [default: 6379]
    #[arg(long, env = "REDIS_PORT", value_name = "PORT", global = true)]
    pub redis_port: Option<String>,
    /// Redis database number [default: 0]
    #[arg(long, env = "REDIS_DB", value_name = "NUMBER", global = true)]
    pub redis_db: Option<String>,
    /// Sentinels that know where the master is, comma-separated
    #[arg(long, env = "REDIS_SENTINELS", value_name = "HOST:PORT,…", global = true)]
    pub redis_sentinels: Option<String>,
    /// The name that the sentinels know the master by
    #[arg(long, env = "REDIS_SENTINEL_MASTER", value_name = "NAME", global = true)]
    pub redis_sentinel_master: Option<String>,
    /// File that holds the password of the sentinels themselves
    #[arg(long, env = "REDIS_SENTINEL_PASSWORD_FILE", value_name = "FILE", global = true)]
    pub redis_sentinel_password_file: Option<String>,
    /// Redis ACL user
    #[arg(long, env = "REDIS_USERNAME", value_name = "NAME", global = true)]
    pub redis_username: Option<String>,
    /// File that holds the Redis password (REDIS_PASSWORD holds it directly)
    #[arg(long, env = "REDIS_PASSWORD_FILE", value_name = "FILE", global = true)]
    pub redis_password_file: Option<String>,
    /// Certificates (PEM) of the authorities to believe over TLS, in place of the system's
    #[arg(long, env = "REDIS_CA_FILE", value_name = "FILE", global = true)]
    pub redis_ca_file: Option<String>,
    /// Milliseconds for connecting, reading and writing, each [default: 250]
    #[arg(long, env = "REDIS_TIMEOUT_MS", value_name = "MS", global = true)]
    pub redis_timeout_ms: Option<String>,
    /// First part of every Redis key [default: jbod]
    #[arg(long, env = "JBOD_KEY_PREFIX", value_name = "TEXT", global = true)]
    pub key_prefix: Option<String>,
    /// Life of a drive's key, seconds [default: 120]
    #[arg(long, env = "SMART_CACHE_TTL", value_name = "SECONDS", global = true)]
    pub smart_cache_ttl: Option<String>,
    /// From start of sweep to start of sweep, seconds [default: 90]
    #[arg(long, env = "SMART_POLL_INTERVAL", value_name = "SECONDS", global = true)]
    pub smart_poll_interval: Option<String>,
    /// One run of smartctl, seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]
    #[arg(long, env = "SMART_TIMEOUT", value_name = "SECONDS", global = true)]
    pub smart_timeout: Option<String>,
    /// Runs of smartctl at once [default: 16]
    #[arg(long, env = "SMART_CONCURRENCY", value_name = "COUNT", global = true)]
    pub smart_concurrency: Option<String>,
    /// Runs of smartctl at once behind one SCSI host [default: 8]
    #[arg(long, env = "SMART_CONCURRENCY_PER_HOST", value_name = "COUNT", global = true)]
    pub smart_concurrency_per_host: Option<String>,
    /// Power mode in which a drive is left alone: never, sleep, standby or idle [default: standby]
    #[arg(long, env = "SMART_NOCHECK", value_name = "MODE", global = true)]
    pub smart_nocheck: Option<String>,
    /// Types that smartctl is told, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial
    /// number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N
    #[arg(long, env = "SMART_DEVICE_TYPES", value_name = "NAME=TYPE,…", global = true)]
    pub smart_device_types: Option<String>,
    /// Life of the overview key, seconds [default: 60]
    #[arg(long, env = "OVERVIEW_TTL", value_name = "SECONDS", global = true)]
    pub overview_ttl: Option<String>,
    /// Life of the enclosures key, seconds [default: 300]
    #[arg(long, env = "ENCLOSURES_TTL", value_name = "SECONDS", global = true)]
    pub enclosures_ttl: Option<String>,
    /// Life of the pool map key, seconds [default: 300]
    #[arg(long, env = "ZFS_TTL", value_name = "SECONDS", global = true)]
    pub zfs_ttl: Option<String>,
    /// How long a last-known copy may be served as STALE, seconds [default: 86400]
    #[arg(long, env = "STALE_TTL", value_name = "SECONDS", global = true)]
    pub stale_ttl: Option<String>,
    /// ADDR:PORT to serve on, or unix: and the path of a socket [default: 127.0.0.1:9780]
    #[arg(long, env = "JBOD_LISTEN", value_name = "ADDR", global = true)]
    pub listen: Option<String>,
    /// File that holds the bearer token asked of every request but those for the page itself
    #[arg(long, env = "JBOD_TOKEN_FILE", value_name = "FILE", global = true)]
    pub token_file: Option<String>,
    /// Serve beyond loopback without a token [default: false]
    #[arg(
        long,
        env = "JBOD_ALLOW_ANONYMOUS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        global = true
    )]
    pub allow_anonymous: Option<String>,
    /// Further Host values to answer to, comma-separated
    #[arg(long = "allowed-host", env = "JBOD_ALLOWED_HOSTS", value_name = "HOSTS", global = true)]
    pub allowed_hosts: Option<String>,
    /// Connections at once; more are answered 503 and closed [default: 128]
    #[arg(long, env = "JBOD_MAX_CONNECTIONS", value_name = "COUNT", global = true)]
    pub max_connections: Option<String>,
    /// Request workers [default: 4]
    #[arg(long, env = "JBOD_WORKERS", value_name = "COUNT", global = true)]
    pub workers: Option<String>,
    /// TOML file of limits, for each rule and model, at which a drive is called bad
    #[arg(long, env = "JBOD_LIMITS_FILE", value_name = "FILE", global = true)]
    pub limits_file: Option<String>,
    /// Prefix of every sysfs, proc and /dev/disk path that is read [default: /]
    #[arg(long, env = "JBOD_ROOT", value_name = "DIR", global = true)]
    pub root: Option<String>,
    /// The smartctl program; found on PATH, then in /usr/sbin
    #[arg(long = "smartctl", env = "SMARTCTL_PATH", value_name = "FILE", global = true)]
    pub smartctl_path: Option<String>,
    /// The zpool program; found on PATH, then in /usr/sbin
    #[arg(long = "zpool", env = "ZPOOL_PATH", value_name = "FILE", global = true)]
    pub zpool_path: Option<String>,
}
