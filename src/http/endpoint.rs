//! The resolved listen addresses of `JBOD_LISTEN`, and the host names that requests may use.

use crate::config::{ConfigError, HttpConfig, Listen};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) addresses: Addresses,
    pub(crate) token: Option<String>,
    /// Not checked on a Unix socket.
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) workers: usize,
}

impl Endpoint {
    /// Looks up the name in `JBOD_LISTEN`, which may take as long as DNS does, and the name of this host.
    pub fn resolve(config: &HttpConfig) -> Result<Self, ConfigError> {
        let addresses = match &config.listen {
            Listen::Unix(path) => Addresses::Unix(path.clone()),
            Listen::Tcp(text) => {
                let found: Vec<SocketAddr> = text.to_socket_addrs().map_err(|_| Listen::unusable(text))?.collect();
                let is_local = found.iter().all(|address| address.ip().is_loopback());
                if !is_local && config.token.is_none() && !config.allow_anonymous {
                    let wanted = "a loopback address, or a JBOD_TOKEN_FILE, or --allow-anonymous";
                    return Err(Listen::refused(text, wanted));
                }
                Addresses::Tcp(found)
            }
        };
        let allowed_hosts = allowed_hosts(&addresses, &config.allowed_hosts);
        Ok(Self { addresses, token: config.token.clone(), allowed_hosts, workers: config.workers })
    }
}

/// The names of this host and of its addresses, and those that are set.
fn allowed_hosts(addresses: &Addresses, set: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    let node = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    if !node.is_empty() {
        hosts.push(node);
    }
    if let Addresses::Tcp(addresses) = addresses {
        hosts.extend(addresses.iter().map(|address| match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        }));
    }
    hosts.extend(set.iter().cloned());
    hosts
}
