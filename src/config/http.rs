//! Settings of the HTTP server: listen address and access policy. Names are resolved in `http/endpoint`.

use super::error::ConfigError;
use super::host_name::{allowed_hosts, without_final_dot};
use super::read::SettingsReader;
use super::settings;
use std::path::{Path, PathBuf};

/// `sun_path` has 108 bytes, including the NUL (unix(7)).
pub(super) const MAX_SOCKET_PATH_LENGTH: usize = 107;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// `HOST:PORT`; the host may be a name.
    Tcp(String),
    Unix(PathBuf),
}

/// The listen address, and which requests are accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub(crate) listen: Listen,
    pub(crate) token: Option<String>,
    /// Serve beyond loopback without a token.
    pub(crate) allow_anonymous: bool,
    /// In addition to the names of this host.
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) max_connections: usize,
    pub(crate) workers: usize,
}

impl Listen {
    /// The error for an address that is invalid or cannot be resolved.
    pub(crate) fn unusable(text: &str) -> ConfigError {
        Self::refused(text, "ADDR:PORT or unix:/absolute/path (of at most 107 bytes)")
    }

    /// The error for an address that is not allowed with the other settings.
    pub(crate) fn refused(text: &str, wanted: &str) -> ConfigError {
        ConfigError::new(settings::JBOD_LISTEN.name, text, wanted)
    }

    /// The host of a TCP address, a name or an IP address. `None` for a Unix socket.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp(text) => text.rsplit_once(':').map(|(host, _)| without_final_dot(host)),
            Self::Unix(_) => None,
        }
    }

    /// `None`: the text is invalid.
    fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_usable = Path::new(path).is_absolute() && path.len() <= MAX_SOCKET_PATH_LENGTH;
            return if is_usable { Some(Self::Unix(PathBuf::from(path))) } else { None };
        }
        let (host, port) = text.rsplit_once(':')?;
        let is_address = !host.is_empty() && port.parse::<u16>().is_ok();
        if is_address { Some(Self::Tcp(text.to_owned())) } else { None }
    }
}

pub(super) fn http_config(read: &mut SettingsReader) -> Result<HttpConfig, ConfigError> {
    let text = read.text(&settings::JBOD_LISTEN);
    let listen = Listen::parse(text).ok_or_else(|| Listen::unusable(text))?;
    let token = read.secret_file(&settings::JBOD_TOKEN_FILE, "(bearer token)")?;
    let allow_anonymous = read.switch(&settings::JBOD_ALLOW_ANONYMOUS)?;
    let allowed_hosts = allowed_hosts(read.optional(&settings::JBOD_ALLOWED_HOSTS).unwrap_or_default())?;
    let max_connections = read.number(&settings::JBOD_MAX_CONNECTIONS)?;
    let workers = read.number(&settings::JBOD_WORKERS)?;
    Ok(HttpConfig { listen, token, allow_anonymous, allowed_hosts, max_connections, workers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_the_path_of_a_socket() {
        for host in ["127.0.0.1:9780", "[::1]:80", "nas1.example.net:0", "localhost:65535"] {
            assert_eq!(Listen::parse(host), Some(Listen::Tcp(host.to_owned())));
        }
        assert_eq!(Listen::parse("unix:/run/j.sock"), Some(Listen::Unix("/run/j.sock".into())));
        let long = format!("unix:/{}", "x".repeat(MAX_SOCKET_PATH_LENGTH));
        for wrong in ["", "nas1", ":9780", "nas1:", "nas1:http", "nas1:65536", "unix:", "unix:run/j.sock", &long] {
            assert_eq!(Listen::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_host_of_a_listen_address_has_no_final_dot() {
        for (text, host) in [("nas1.lan.:9780", Some("nas1.lan")), ("[::1]:80", Some("[::1]")), ("unix:/a", None)] {
            assert_eq!(Listen::parse(text).as_ref().and_then(Listen::host), host);
        }
    }
}
