//! `REDIS_URL`: `redis://[user[:password]@]host[:port][/db]` and
//! `redis+unix:///path/to/socket[?db=N&user=…&pass=…]`.

use super::read::{bad, mask_url};
use super::{ConfigError, RedisAddress, RedisConfig};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

/// Lets the URL win over host, port, database, user and password wherever it names them.
pub(super) fn apply(config: &mut RedisConfig, text: &str) -> Result<(), ConfigError> {
    let wrong = |wanted: &str| bad("REDIS_URL", &mask_url(text), wanted);
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned).ok();
    let url = url::Url::parse(text).map_err(|e| wrong(&format!("a redis:// or redis+unix:// URL ({e})")))?;
    match url.scheme() {
        "redis" => {
            let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| wrong("a host name"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            config.address = RedisAddress::Tcp(host, url.port().unwrap_or(6379));
            if let Some(db) = url.path().strip_prefix('/').filter(|p| !p.is_empty()) {
                config.db = db.parse().map_err(|_| wrong("a database number as its path"))?;
            }
            if !url.username().is_empty() {
                config.username = decoded(url.username());
            }
            if let Some(password) = url.password() {
                config.password = decoded(password);
            }
        }
        "redis+unix" | "unix" => {
            let path = decoded(url.path()).filter(|p| p.len() > 1).ok_or_else(|| wrong("the path of a socket"))?;
            config.address = RedisAddress::Unix(PathBuf::from(path));
            for (key, value) in url.query_pairs() {
                match key.as_ref() {
                    "db" => config.db = value.parse().map_err(|_| wrong("a database number as db"))?,
                    "user" => config.username = Some(value.into_owned()),
                    "pass" => config.password = Some(value.into_owned()),
                    _ => return Err(wrong("no parameters but db, user and pass")),
                }
            }
        }
        "rediss" => return Err(wrong("redis:// or redis+unix:// (this version has no TLS)")),
        _ => return Err(wrong("the scheme redis:// or redis+unix://")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn parsed(text: &str) -> Result<RedisConfig, String> {
        let mut config = RedisConfig {
            address: RedisAddress::Tcp("localhost".into(), 6379),
            db: 0,
            username: None,
            password: None,
            timeout: Duration::from_millis(250),
            key_prefix: "jbod".into(),
        };
        apply(&mut config, text).map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn urls_name_host_socket_database_and_login() {
        let tcp = parsed("redis://me:p%40ss@nas:7000/3").ok();
        assert!(tcp.is_some_and(|c| c.address == RedisAddress::Tcp("nas".into(), 7000)
            && c.db == 3
            && c.username.as_deref() == Some("me")
            && c.password.as_deref() == Some("p@ss")));
        let v6 = parsed("redis://[::1]").ok();
        assert!(v6.is_some_and(|c| c.address == RedisAddress::Tcp("::1".into(), 6379)));
        let unix = parsed("redis+unix:///run/redis.sock?db=2&pass=x").ok();
        assert!(unix.is_some_and(|c| c.address == RedisAddress::Unix("/run/redis.sock".into()) && c.db == 2));
    }

    #[test]
    fn wrong_urls_say_what_is_wanted_and_hide_the_password() {
        for text in [
            "http://nas",
            "redis://",
            "redis://u:s3cret@nas/x",
            "nas:6379",
            "rediss://u:s3cret@nas",
            "redis+unix:///s?x=1",
        ] {
            let error = parsed(text).err().unwrap_or_default();
            assert!(error.contains("REDIS_URL") && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}
