//! Where and for whom to serve.

use super::environment::Environment;
use super::error::ConfigError;
use super::raw::RawConfig;
use super::read::{Row, SettingsReader, masked};
use super::secret::{Secret, secret};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

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

pub(super) fn http_config(
    raw: &RawConfig,
    env: &Environment,
    read: &mut SettingsReader,
) -> Result<HttpConfig, ConfigError> {
    let text = read.text("listen", "JBOD_LISTEN", raw.listen.as_deref(), "127.0.0.1:9780");
    let wanted = "ADDR:PORT or unix:/absolute/path";
    let listen = match text.strip_prefix("unix:") {
        Some(path) if Path::new(path).is_absolute() => Listen::Unix(PathBuf::from(path)),
        Some(_) => return Err(ConfigError::new("JBOD_LISTEN", &text, wanted)),
        None => {
            let addresses: Vec<_> =
                text.to_socket_addrs().map_err(|_| ConfigError::new("JBOD_LISTEN", &text, wanted))?.collect();
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
        return Err(ConfigError::new("JBOD_LISTEN", &text, wanted));
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
