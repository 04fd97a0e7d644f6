//! Reads the settings of Redis into one `RedisConfig`: an address, a socket or Sentinels, with login, database and TLS.
//!
//! `REDIS_URL` is parsed in `url`; `cache/redis` implements the protocol.

use super::error::ConfigError;
use super::host_name::redis_host;
use super::read::SettingsReader;
use super::redis_address::{CaFile, RedisAddress, RedisConfig, SENTINEL_NODES, Sentinels, sentinel_nodes};
use super::{settings, url};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn redis_config(read: &mut SettingsReader) -> Result<RedisConfig, ConfigError> {
    let url = read.url(&settings::REDIS_URL);
    let host = read.text(&settings::REDIS_HOST);
    let port = read.number(&settings::REDIS_PORT)?;
    let db = read.number(&settings::REDIS_DB)?;
    let nodes = read.optional(&settings::REDIS_SENTINELS);
    let master = read.optional(&settings::REDIS_SENTINEL_MASTER);
    let sentinel_password = read.secret_file(&settings::REDIS_SENTINEL_PASSWORD_FILE, "(sentinel password)")?;
    let username = read.optional(&settings::REDIS_USERNAME);
    let password = read.password(&settings::REDIS_PASSWORD, &settings::REDIS_PASSWORD_FILE)?;
    let ca_file = read.optional(&settings::REDIS_CA_FILE);
    let timeout_ms = read.number(&settings::REDIS_TIMEOUT_MS)?;
    let key_prefix = key_prefix(read.text(&settings::JBOD_KEY_PREFIX))?;
    let address = match sentinels(nodes, master)? {
        Some(sentinels) => RedisAddress::Sentinel(sentinels),
        // With a URL the host has no effect and is not checked.
        None if url.is_some() => RedisAddress::Tcp(host.to_owned(), port),
        None => RedisAddress::Tcp(redis_host(host)?, port),
    };
    let mut config = RedisConfig {
        address,
        tls: None,
        db,
        username: username.map(str::to_owned),
        password,
        timeout: Duration::from_millis(timeout_ms),
        key_prefix,
    };
    if let Some(url) = url {
        url::apply(&mut config, url)?;
    }
    if let RedisAddress::Sentinel(sentinels) = &mut config.address {
        sentinels.password = sentinel_password;
    }
    let Some(ca_file) = ca_file else { return Ok(config) };
    let Some(tls) = &mut config.tls else {
        // An error, because the connection would not be encrypted as the administrator expects.
        let wanted = "no value, or a REDIS_URL with rediss:// or rediss+sentinel://, which enable TLS";
        return Err(ConfigError::new(settings::REDIS_CA_FILE.name, ca_file, wanted));
    };
    tls.authorities = Some(Arc::new(CaFile::read(ca_file)?));
    Ok(config)
}

fn key_prefix(text: &str) -> Result<String, ConfigError> {
    if (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let wanted = "1 to 64 printable ASCII characters without spaces";
    Err(ConfigError::new(settings::JBOD_KEY_PREFIX.name, text, wanted))
}

fn sentinels(nodes: Option<&str>, master: Option<&str>) -> Result<Option<Sentinels>, ConfigError> {
    let (nodes_name, master_name) = (settings::REDIS_SENTINELS.name, settings::REDIS_SENTINEL_MASTER.name);
    match (nodes, master) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::new(master_name, "", "the name of the master that the sentinels monitor")),
        (None, Some(_)) => Err(ConfigError::new(nodes_name, "", SENTINEL_NODES)),
        (Some(text), Some(master)) => {
            let nodes = sentinel_nodes(text).ok_or_else(|| ConfigError::new(nodes_name, text, SENTINEL_NODES))?;
            Ok(Some(Sentinels { nodes, master: master.to_owned(), password: None }))
        }
    }
}
