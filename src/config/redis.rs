//! How to reach Redis: an address, a socket or Sentinels, with login, database and TLS.
//!
//! The settings become one `RedisConfig`, checked whole. `REDIS_URL` is read in `url`; what is said
//! over the wire is `cache/redis`'s.

use super::environment::Environment;
use super::error::ConfigError;
use super::raw::RawConfig;
use super::read::{Row, SettingsReader, mask_url, masked};
use super::redis_address::{RedisAddress, RedisConfig, Sentinels, sentinel_nodes};
use super::secret::{Secret, secret};
use super::{file, url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn redis_config(
    raw: &RawConfig,
    env: &Environment,
    read: &mut SettingsReader,
) -> Result<RedisConfig, ConfigError> {
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
        return Err(ConfigError::new(
            "JBOD_KEY_PREFIX",
            &config.key_prefix,
            "1 to 64 printable characters without blanks",
        ));
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
            return Err(ConfigError::new("REDIS_CA_FILE", &ca_file, wanted));
        };
        tls.roots = Some(Arc::new(authorities(&ca_file)?));
    }
    Ok(config)
}

fn sentinels(nodes: &str, master: &str) -> Result<Option<Sentinels>, ConfigError> {
    match (nodes, master) {
        ("", "") => Ok(None),
        (_, "") => Err(ConfigError::new("REDIS_SENTINEL_MASTER", "", "the name that the sentinels know the master by")),
        ("", _) => Err(ConfigError::new("REDIS_SENTINELS", "", SENTINELS)),
        _ => {
            let nodes = sentinel_nodes(nodes).ok_or_else(|| ConfigError::new("REDIS_SENTINELS", nodes, SENTINELS))?;
            Ok(Some(Sentinels { nodes, master: master.to_owned(), password: None }))
        }
    }
}

const SENTINELS: &str = "HOST[:PORT],HOST[:PORT],… of the sentinels";

/// All authorities of a distribution are a quarter of a megabyte.
const LARGEST_CA_BYTES: u64 = 4 * 1024 * 1024;

fn authorities(path: &str) -> Result<RootCertStore, ConfigError> {
    const WANTED: &str = "a readable regular file of certificates (PEM)";
    let wrong = |why: &str| ConfigError::new("REDIS_CA_FILE", &format!("{path} ({why})"), WANTED);
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
