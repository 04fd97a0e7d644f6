//! How to reach Redis: an address, a socket or Sentinels, with login, database and TLS.
//!
//! The settings become one `RedisConfig`, checked whole. `REDIS_URL` is read in `url`; what is said
//! over the wire is `cache/redis`'s.

use super::file;
use super::read::{Reader, bad, mask_url, masked};
use super::secret::{Secret, secret};
use super::{ConfigError, Environment, RawConfig, Row, url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where to reach Redis, and how.
#[derive(Clone)]
pub struct RedisConfig {
    pub address: RedisAddress,
    /// `None`: without TLS.
    pub tls: Option<RedisTls>,
    pub db: i64,
    pub username: Option<String>,
    pub password: Option<String>,
    pub timeout: Duration,
    pub key_prefix: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisAddress {
    Tcp(String, u16),
    Unix(PathBuf),
    Sentinel(Sentinels),
}

/// Who knows where the master is. The same TLS holds for them and for the master.
#[derive(Clone, PartialEq, Eq)]
pub struct Sentinels {
    /// At least one.
    pub nodes: Vec<(String, u16)>,
    pub master: String,
    /// What they ask of their clients; the master's password is another.
    pub password: Option<String>,
}

/// Who is believed.
#[derive(Clone, Debug)]
pub struct RedisTls {
    /// `None`: the authorities that the system knows.
    pub roots: Option<Arc<RootCertStore>>,
}

impl std::fmt::Debug for RedisConfig {
    /// Without the password, so that no log can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} db {}", self.address, self.db)
    }
}

impl std::fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) => f.write_str(&host_and_port(host, *port)),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Sentinel(sentinels) => write!(f, "{sentinels}"),
        }
    }
}

impl std::fmt::Display for Sentinels {
    /// `mymaster@10.0.0.1:26379,10.0.0.2:26379`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes: Vec<String> = self.nodes.iter().map(|(host, port)| host_and_port(host, *port)).collect();
        write!(f, "{}@{}", self.master, nodes.join(","))
    }
}

/// As in a URL: an IPv6 address stands in brackets.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

pub(super) fn redis(raw: &RawConfig, env: &Environment, read: &mut Reader) -> Result<RedisConfig, ConfigError> {
    let url = read.secret_text("redis_url", "REDIS_URL", raw.redis_url.as_deref(), mask_url);
    let host = read.text("redis_host", "REDIS_HOST", raw.redis_host.as_deref(), "localhost");
    let port = read.number("redis_port", "REDIS_PORT", raw.redis_port.as_deref(), 6379, 1..=65_535, "a port")?;
    let db = read.number("redis_db", "REDIS_DB", raw.redis_db.as_deref(), 0, 0..=1_000_000, "a database number")?;
    let nodes = read.text("redis_sentinels", "REDIS_SENTINELS", raw.redis_sentinels.as_deref(), "");
    let master = read.text("redis_sentinel_master", "REDIS_SENTINEL_MASTER", raw.redis_sentinel_master.as_deref(), "");
    let file = read.text(
        "redis_sentinel_password_file",
        "REDIS_SENTINEL_PASSWORD_FILE",
        raw.redis_sentinel_password_file.as_deref(),
        "",
    );
    let (setting, kind) = ("REDIS_SENTINEL_PASSWORD_FILE", Secret::RedisPassword);
    let (sentinel_password, source) = secret(kind, setting, &file, "redis-sentinel-password", env)?;
    read.rows.push(Row { name: "(sentinel password)", value: masked(sentinel_password.as_deref()), source });
    let username = Some(read.text("redis_username", "REDIS_USERNAME", raw.redis_username.as_deref(), ""));
    let file = read.text("redis_password_file", "REDIS_PASSWORD_FILE", raw.redis_password_file.as_deref(), "");
    let (password, source) = secret(Secret::RedisPassword, "REDIS_PASSWORD_FILE", &file, "redis-password", env)?;
    let (password, source) = match &env.redis_password {
        Some(direct) => (Some(direct.clone()), "env"),
        None => (password, source),
    };
    read.rows.push(Row { name: "REDIS_PASSWORD", value: masked(password.as_deref()), source });
    let ca_file = read.text("redis_ca_file", "REDIS_CA_FILE", raw.redis_ca_file.as_deref(), "");
    let mut config = RedisConfig {
        address: RedisAddress::Tcp(host, u16::try_from(port).unwrap_or(6379)),
        tls: None,
        db: i64::try_from(db).unwrap_or(0),
        username: username.filter(|u| !u.is_empty()),
        password,
        timeout: Duration::from_millis(read.number(
            "redis_timeout_ms",
            "REDIS_TIMEOUT_MS",
            raw.redis_timeout_ms.as_deref(),
            250,
            10..=60_000,
            "milliseconds",
        )?),
        key_prefix: read.text("key_prefix", "JBOD_KEY_PREFIX", raw.key_prefix.as_deref(), "jbod"),
    };
    if config.key_prefix.is_empty()
        || config.key_prefix.len() > 64
        || !config.key_prefix.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(bad("JBOD_KEY_PREFIX", &config.key_prefix, "1 to 64 printable characters without blanks"));
    }
    if let Some(sentinels) = sentinels(&nodes, &master)? {
        config.address = RedisAddress::Sentinel(sentinels);
    }
    if !url.is_empty() {
        url::apply(&mut config, &url)?;
    }
    if let RedisAddress::Sentinel(sentinels) = &mut config.address {
        sentinels.password = sentinel_password;
    }
    if !ca_file.is_empty() {
        let Some(tls) = &mut config.tls else {
            // Whoever names an authority expects TLS.
            let wanted = "nothing, or a REDIS_URL of rediss:// or rediss+sentinel://: without it there is no TLS";
            return Err(bad("REDIS_CA_FILE", &ca_file, wanted));
        };
        tls.roots = Some(Arc::new(authorities(&ca_file)?));
    }
    Ok(config)
}

fn sentinels(nodes: &str, master: &str) -> Result<Option<Sentinels>, ConfigError> {
    match (nodes, master) {
        ("", "") => Ok(None),
        (_, "") => Err(bad("REDIS_SENTINEL_MASTER", "", "the name that the sentinels know the master by")),
        ("", _) => Err(bad("REDIS_SENTINELS", "", SENTINELS)),
        _ => {
            let nodes = sentinel_nodes(nodes).ok_or_else(|| bad("REDIS_SENTINELS", nodes, SENTINELS))?;
            Ok(Some(Sentinels { nodes, master: master.to_owned(), password: None }))
        }
    }
}

const SENTINELS: &str = "HOST[:PORT],HOST[:PORT],… of the sentinels";
const SENTINEL_PORT: u16 = 26_379;

/// `a:26379,b,[::1]:26380`; `None` when one of them is none.
pub(super) fn sentinel_nodes(text: &str) -> Option<Vec<(String, u16)>> {
    text.split(',').map(|node| host_port(node.trim(), SENTINEL_PORT)).collect()
}

fn host_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            let port = if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) };
            (host, port)
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(is_name) {
        return None;
    }
    let port = port.map_or(Some(default), |p| p.parse().ok().filter(|p| *p > 0))?;
    Some((host.to_owned(), port))
}

/// All authorities of a distribution are a quarter of a megabyte.
const LARGEST_CA_BYTES: u64 = 4 * 1024 * 1024;

fn authorities(path: &str) -> Result<RootCertStore, ConfigError> {
    const WANTED: &str = "a readable regular file of certificates (PEM)";
    let wrong = |why: &str| bad("REDIS_CA_FILE", &format!("{path} ({why})"), WANTED);
    let text = file::read(Path::new(path), LARGEST_CA_BYTES).map_err(|e| wrong(&e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|e| wrong(&e.to_string()))?;
        roots.add(certificate).map_err(|e| wrong(&e.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("no certificate in it")) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_hosts_with_or_without_ports() {
        let wanted = vec![("a".to_owned(), 26_379), ("10.0.0.2".to_owned(), 7), ("::1".to_owned(), 26_380)];
        assert_eq!(sentinel_nodes("a, 10.0.0.2:7,[::1]:26380"), Some(wanted));
        for wrong in ["", "a,,b", "a:0", "a:x", "a:70000", "[::1", "a b:1", "a/b"] {
            assert_eq!(sentinel_nodes(wrong), None, "{wrong}");
        }
        let nodes = vec![("a".to_owned(), 1), ("::1".to_owned(), 2)];
        let sentinels = Sentinels { nodes, master: "m".to_owned(), password: Some("s3cret".to_owned()) };
        assert_eq!(format!("{sentinels} {sentinels:?}"), "m@a:1,[::1]:2 m@a:1,[::1]:2");
    }
}
