//! Where and for whom to serve.

use super::error::ConfigError;
use super::read::SettingsReader;
use super::settings;
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

pub(super) fn http_config(read: &mut SettingsReader) -> Result<HttpConfig, ConfigError> {
    let text = read.text(&settings::JBOD_LISTEN);
    let wrong = |wanted: &str| ConfigError::new(settings::JBOD_LISTEN.name, text, wanted);
    let wanted = "ADDR:PORT or unix:/absolute/path";
    let listen = match text.strip_prefix("unix:") {
        Some(path) if Path::new(path).is_absolute() => Listen::Unix(PathBuf::from(path)),
        Some(_) => return Err(wrong(wanted)),
        None => Listen::Tcp(text.to_socket_addrs().map_err(|_| wrong(wanted))?.collect()),
    };
    let token = read.secret_file(&settings::JBOD_TOKEN_FILE, "(bearer token)")?;
    let is_open = read.switch(&settings::JBOD_ALLOW_ANONYMOUS)?;
    let beyond = match &listen {
        Listen::Tcp(addresses) => addresses.iter().any(|a| !a.ip().is_loopback()),
        Listen::Unix(_) => false,
    };
    if beyond && token.is_none() && !is_open {
        return Err(wrong("a loopback address, or a JBOD_TOKEN_FILE, or --allow-anonymous"));
    }
    let more = read.optional(&settings::JBOD_ALLOWED_HOSTS).unwrap_or_default();
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
    let max_connections = read.number(&settings::JBOD_MAX_CONNECTIONS)?;
    let workers = read.number(&settings::JBOD_WORKERS)?;
    Ok(HttpConfig { listen, token, allowed_hosts, max_connections, workers })
}
