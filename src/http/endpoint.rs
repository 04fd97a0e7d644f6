//! The resolved listen addresses of `JBOD_LISTEN`, and the host names that requests may use.

use crate::config::{ConfigError, HttpConfig, Listen, without_final_dot};
use std::net::{SocketAddr, ToSocketAddrs};
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
    /// Host names in lower case, without a final dot. Not checked on a Unix socket.
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) workers: usize,
}

impl Endpoint {
    /// Resolves the name in `JBOD_LISTEN`, which may take as long as DNS takes, and reads the name of this host. An
    /// error names the setting and what it must be.
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
        let allowed_hosts = allowed_hosts(&config.listen, &config.allowed_hosts);
        Ok(Self { addresses, token: config.token.clone(), allowed_hosts, workers: config.workers })
    }
}

/// The names of this host, the one in `JBOD_LISTEN`, and those in `JBOD_ALLOWED_HOSTS`. Addresses are always allowed.
fn allowed_hosts(listen: &Listen, set: &[String]) -> Vec<String> {
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let own = ["localhost", without_final_dot(&node), listen.host().unwrap_or_default()].map(str::to_ascii_lowercase);
    own.into_iter().filter(|name| !name.is_empty()).chain(set.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_this_host_and_those_that_are_set_are_allowed() {
        let hosts = allowed_hosts(&Listen::Tcp("NAS1.lan.:9780".to_owned()), &["nas2".to_owned()]);
        for name in ["localhost", "nas1.lan", "nas2"] {
            assert!(hosts.iter().any(|host| host == name), "{name}: {hosts:?}");
        }
        assert!(hosts.iter().all(|host| !host.is_empty() && !host.ends_with('.')), "{hosts:?}");
    }
}
