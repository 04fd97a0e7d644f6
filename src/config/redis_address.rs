//! Where Redis is, and what is needed to get in: what `REDIS_URL` and the other settings of Redis are read into.

use super::error::ConfigError;
use super::file;
use super::settings::REDIS_CA_FILE;
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

/// The sentinels, which know the master's address. The same TLS settings hold for them and for the master.
#[derive(Clone, PartialEq, Eq)]
pub struct Sentinels {
    /// At least one.
    pub(crate) nodes: Vec<(String, u16)>,
    pub(crate) master: String,
    /// What they ask of their clients; the master's password is another.
    pub(crate) password: Option<String>,
}

/// The certificate authorities that are trusted.
#[derive(Clone, Debug)]
pub struct RedisTls {
    /// `None`: the authorities that the system knows.
    pub(crate) authorities: Option<Arc<CaFile>>,
}

/// What `REDIS_CA_FILE` holds. The certificates in it are read where they are used (`cache/redis/tls`).
#[derive(Clone, Debug)]
pub(crate) struct CaFile {
    pub(crate) path: String,
    pub(crate) pem: Vec<u8>,
}

impl CaFile {
    /// All authorities of a distribution are a quarter of a megabyte.
    const MAX_BYTES: u64 = 4 * 1024 * 1024;

    pub(super) fn read(path: &str) -> Result<Self, ConfigError> {
        let pem = file::read(Path::new(path), Self::MAX_BYTES).map_err(|e| Self::unusable(path, &e.to_string()))?;
        Ok(Self { path: path.to_owned(), pem })
    }

    /// Why the file, or a certificate in it, cannot be used.
    pub(crate) fn unusable(path: &str, why: &str) -> ConfigError {
        let wanted = "a readable regular file of certificates (PEM)";
        ConfigError::new(REDIS_CA_FILE.name, &format!("{path} ({why})"), wanted)
    }
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

/// As in a URL: an IPv6 address is in brackets.
pub(crate) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

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
