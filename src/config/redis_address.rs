//! The address of Redis and its login: the parsed form of `REDIS_URL` and the other settings of Redis.

use super::error::ConfigError;
use super::file;
use super::settings::REDIS_CA_FILE;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How to reach Redis.
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

/// The sentinels, which report the master's address. The TLS settings apply to them and to the master.
#[derive(Clone, PartialEq, Eq)]
pub struct Sentinels {
    /// At least one.
    pub(crate) nodes: Vec<(String, u16)>,
    pub(crate) master: String,
    /// The password of the sentinels themselves; that of the master is in `RedisConfig`.
    pub(crate) password: Option<String>,
}

/// The certificate authorities that are trusted.
#[derive(Clone, Debug)]
pub struct RedisTls {
    /// `None`: the CA certificates of the system.
    pub(crate) authorities: Option<Arc<CaFile>>,
}

/// The content of `REDIS_CA_FILE`. The certificates in it are parsed in `cache/redis/tls`.
#[derive(Clone, Debug)]
pub(crate) struct CaFile {
    pub(crate) path: String,
    pub(crate) pem: Vec<u8>,
}

impl CaFile {
    /// All CA certificates of a distribution take a quarter of a megabyte.
    const MAX_BYTES: u64 = 4 * 1024 * 1024;

    pub(super) fn read(path: &str) -> Result<Self, ConfigError> {
        match file::read(Path::new(path), Self::MAX_BYTES) {
            Ok(pem) => Ok(Self { path: path.to_owned(), pem }),
            Err(error) => Err(Self::unusable(path, &error.to_string())),
        }
    }

    /// The error for a file, or a certificate in it, that cannot be used.
    pub(crate) fn unusable(path: &str, why: &str) -> ConfigError {
        let wanted = "a readable regular PEM file of CA certificates";
        ConfigError::new(REDIS_CA_FILE.name, &format!("{path} ({why})"), wanted)
    }
}

impl std::fmt::Debug for RedisConfig {
    /// Omits the password, so that it cannot get into the log.
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

/// `HOST:PORT`, with an IPv6 address in brackets, as in a URL.
pub(crate) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

const SENTINEL_PORT: u16 = 26_379;
/// The form that `sentinel_nodes` accepts, for errors.
pub(super) const SENTINEL_NODES: &str = "HOST[:PORT],HOST[:PORT],… of the sentinels";

/// Parses `a:26379,b,[::1]:26380`. `None`: one of them is invalid.
pub(super) fn sentinel_nodes(text: &str) -> Option<Vec<(String, u16)>> {
    text.split(',').map(|node| host_port(node.trim(), SENTINEL_PORT)).collect()
}

fn host_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
        (host, port)
    } else if let Some((host, port)) = text.split_once(':') {
        (host, Some(port))
    } else {
        (text, None)
    };
    if host.is_empty() || !host.chars().all(is_host_character) {
        return None;
    }
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => default,
    };
    if port == 0 {
        return None;
    }
    Some((host.to_owned(), port))
}

fn is_host_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | ':' | '%')
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
