//! `REDIS_URL`: `redis://[user[:password]@]host[:port][/db]`, `rediss://` for the same over TLS,
//! `redis+unix:///path/to/socket[?db=N&user=…&pass=…]`, and
//! `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/master[/db]`, over TLS
//! `rediss+sentinel://`.

use super::error::ConfigError;
use super::http::MAX_SOCKET_PATH_LENGTH;
use super::read::mask_url;
use super::redis_address::{RedisAddress, RedisConfig, RedisTls, SENTINEL_NODES, Sentinels, sentinel_nodes};
use super::settings::{REDIS_DB, REDIS_URL};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

const SCHEMES: &str = "the scheme redis://, rediss://, redis+unix://, redis+sentinel:// or rediss+sentinel://";

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned).ok()
}

/// A number in the range of `REDIS_DB`.
fn database(text: &str) -> Option<i64> {
    let number: u64 = text.parse().ok()?;
    if REDIS_DB.range.contains(&number) { i64::try_from(number).ok() } else { None }
}

/// Overrides host, port, sentinels, database, user and password with those that the URL contains.
pub(super) fn apply(config: &mut RedisConfig, text: &str) -> Result<(), ConfigError> {
    apply_parts(config, text).map_err(|wanted| ConfigError::new(REDIS_URL.name, &mask_url(text), &wanted))
}

/// The error is the expected form.
fn apply_parts(config: &mut RedisConfig, text: &str) -> Result<(), String> {
    let (scheme, rest) = text.split_once("://").ok_or(SCHEMES)?;
    config.tls = if scheme.starts_with("rediss") { Some(RedisTls { authorities: None }) } else { None };
    match scheme {
        "redis" | "rediss" => apply_tcp(config, &parse_url(text)?)?,
        "redis+unix" | "unix" => apply_unix(config, &parse_url(text)?)?,
        "redis+sentinel" | "rediss+sentinel" => apply_sentinel(config, rest)?,
        _ => return Err(SCHEMES.to_owned()),
    }
    Ok(())
}

fn parse_url(text: &str) -> Result<url::Url, String> {
    url::Url::parse(text).map_err(|error| format!("a URL of Redis ({error})"))
}

fn apply_tcp(config: &mut RedisConfig, url: &url::Url) -> Result<(), &'static str> {
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err("a host name");
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port().unwrap_or(6379);
    if port == 0 {
        return Err("a port from 1 to 65535");
    }
    config.address = RedisAddress::Tcp(host, port);
    let db = url.path().strip_prefix('/').unwrap_or_default();
    if !db.is_empty() {
        config.db = database(db).ok_or("a database number as the path")?;
    }
    if !url.username().is_empty() {
        config.username = decoded(url.username());
    }
    if let Some(password) = url.password() {
        config.password = decoded(password);
    }
    Ok(())
}

fn apply_unix(config: &mut RedisConfig, url: &url::Url) -> Result<(), &'static str> {
    let path = decoded(url.path()).unwrap_or_default();
    // The root folder is not a socket.
    if !(2..=MAX_SOCKET_PATH_LENGTH).contains(&path.len()) {
        return Err("the path of a socket, at most 107 bytes");
    }
    config.address = RedisAddress::Unix(PathBuf::from(path));
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "db" => config.db = database(&value).ok_or("a database number in the parameter db")?,
            "user" => config.username = Some(value.into_owned()),
            "pass" => config.password = Some(value.into_owned()),
            _ => return Err("no parameters except db, user and pass"),
        }
    }
    Ok(())
}

/// Parses the text after the scheme by hand, because the `url` crate accepts no list of hosts.
fn apply_sentinel(config: &mut RedisConfig, rest: &str) -> Result<(), &'static str> {
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (Some(login), rest),
        None => (None, rest),
    };
    let (nodes, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (master, db) = path.split_once('/').unwrap_or((path, ""));
    let nodes = sentinel_nodes(nodes).ok_or(SENTINEL_NODES)?;
    let master = decoded(master).unwrap_or_default();
    if master.is_empty() {
        return Err("the name of the master as the path");
    }
    if !db.is_empty() {
        config.db = database(db).ok_or("a database number after the name of the master")?;
    }
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        if !user.is_empty() {
            config.username = decoded(user);
        }
        if login.contains(':') {
            config.password = decoded(password);
        }
    }
    config.address = RedisAddress::Sentinel(Sentinels { nodes, master, password: None });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn parsed(text: &str) -> Result<RedisConfig, String> {
        let mut config = RedisConfig {
            address: RedisAddress::Tcp("localhost".into(), 6379),
            tls: None,
            db: 0,
            username: None,
            password: None,
            timeout: Duration::from_millis(250),
            key_prefix: "jbod".into(),
        };
        apply(&mut config, text).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn urls_name_host_socket_database_and_login() {
        for (text, is_tls) in [("redis://me:p%40ss@nas:7000/3", false), ("rediss://me:p%40ss@nas:7000/3", true)] {
            let tcp = parsed(text).ok();
            assert!(tcp.is_some_and(|redis| redis.address == RedisAddress::Tcp("nas".into(), 7000)
                && redis.tls.is_some() == is_tls
                && redis.db == 3
                && redis.username.as_deref() == Some("me")
                && redis.password.as_deref() == Some("p@ss")));
        }
        let v6 = parsed("redis://[::1]").ok();
        assert!(v6.is_some_and(|redis| redis.address == RedisAddress::Tcp("::1".into(), 6379)));
        let unix = parsed("redis+unix:///run/redis.sock?db=2&pass=x").ok();
        assert!(
            unix.is_some_and(|redis| redis.address == RedisAddress::Unix("/run/redis.sock".into()) && redis.db == 2)
        );
    }

    #[test]
    fn urls_name_sentinels_and_their_master() {
        for (text, is_tls) in
            [("redis+sentinel://me:p%40s@a:1,b/my%20m/4", false), ("rediss+sentinel://me:p%40s@a:1,b/my%20m/4", true)]
        {
            let config = parsed(text).ok();
            assert!(
                config.is_some_and(|redis| redis.address.to_string() == "my m@a:1,b:26379"
                    && redis.tls.is_some() == is_tls
                    && redis.db == 4
                    && redis.username.as_deref() == Some("me")
                    && redis.password.as_deref() == Some("p@s")),
                "{text}"
            );
        }
    }

    #[test]
    fn errors_show_the_expected_form_and_hide_the_password() {
        let long = format!("redis+unix:///{}?pass=s3cret", "x".repeat(MAX_SOCKET_PATH_LENGTH));
        for text in [
            &long,
            "http://nas",
            "redis://",
            "redis://u:s3cret@nas/x",
            "redis://u:s3cret@nas/-1",
            "redis://u:s3cret@nas:0/1",
            "nas:6379",
            "rediss://u:s3cret@nas/x",
            "redis+unix:///s?x=1",
            "redis+sentinel://u:s3cret@a,b",
            "redis+sentinel://u:s3cret@a,/m",
            "redis+sentinel://u:s3cret@a:x/m",
            "redis+sentinel://u:s3cret@a/m/x",
        ] {
            let error = parsed(text).err().unwrap_or_default();
            assert!(error.contains("REDIS_URL") && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}
