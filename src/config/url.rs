//! `REDIS_URL`: `redis://[user[:password]@]host[:port][/db]`, `rediss://` for the same over TLS,
//! `redis+unix:///path/to/socket[?db=N&user=…&pass=…]`, and
//! `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/master[/db]`, over TLS
//! `rediss+sentinel://`.

use super::error::ConfigError;
use super::http::MAX_SOCKET_PATH_LENGTH;
use super::read::mask_url;
use super::redis_address::{RedisAddress, RedisConfig, RedisTls, Sentinels, sentinel_nodes};
use super::settings::{REDIS_DB, REDIS_URL};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

const SCHEMES: &str = "the scheme redis://, rediss://, redis+unix://, redis+sentinel:// or rediss+sentinel://";

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned).ok()
}

/// A number in the range of `REDIS_DB`.
fn database(text: &str) -> Option<i64> {
    let number = text.parse::<u64>().ok().filter(|number| REDIS_DB.range.contains(number))?;
    i64::try_from(number).ok()
}

/// Lets the URL win over host, port, sentinels, database, user and password wherever it names them.
pub(super) fn apply(config: &mut RedisConfig, text: &str) -> Result<(), ConfigError> {
    let wrong = |wanted: &str| ConfigError::new(REDIS_URL.name, &mask_url(text), wanted);
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(SCHEMES))?;
    config.tls = scheme.starts_with("rediss").then_some(RedisTls { authorities: None });
    match scheme {
        "redis+sentinel" | "rediss+sentinel" => return sentinel(config, rest).map_err(wrong),
        "redis" | "rediss" | "redis+unix" | "unix" => {}
        _ => return Err(wrong(SCHEMES)),
    }
    let url = url::Url::parse(text).map_err(|e| wrong(&format!("a URL of Redis ({e})")))?;
    if let "redis" | "rediss" = scheme {
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| wrong("a host name"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port().unwrap_or(6379);
        if port == 0 {
            return Err(wrong("a port from 1 to 65535"));
        }
        config.address = RedisAddress::Tcp(host, port);
        if let Some(db) = url.path().strip_prefix('/').filter(|p| !p.is_empty()) {
            config.db = database(db).ok_or_else(|| wrong("a database number as its path"))?;
        }
        if !url.username().is_empty() {
            config.username = decoded(url.username());
        }
        if let Some(password) = url.password() {
            config.password = decoded(password);
        }
        return Ok(());
    }
    let is_usable = |path: &String| (2..=MAX_SOCKET_PATH_LENGTH).contains(&path.len());
    let path = decoded(url.path()).filter(is_usable).ok_or_else(|| wrong("the path of a socket, at most 107 bytes"))?;
    config.address = RedisAddress::Unix(PathBuf::from(path));
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "db" => config.db = database(&value).ok_or_else(|| wrong("a database number as db"))?,
            "user" => config.username = Some(value.into_owned()),
            "pass" => config.password = Some(value.into_owned()),
            _ => return Err(wrong("no parameters but db, user and pass")),
        }
    }
    Ok(())
}

/// Parses the text after the scheme; a URL crate accepts no list of hosts. The error is the expected form.
fn sentinel(config: &mut RedisConfig, rest: &str) -> Result<(), &'static str> {
    let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
    let (nodes, path) = rest.split_once('/').unwrap_or((rest, ""));
    let nodes = sentinel_nodes(nodes).ok_or("HOST[:PORT],HOST[:PORT],… of the sentinels")?;
    let (master, db) = path.split_once('/').map_or((path, None), |(master, db)| (master, Some(db)));
    let master = decoded(master).filter(|m| !m.is_empty()).ok_or("the master's name as its path")?;
    if let Some(db) = db.filter(|db| !db.is_empty()) {
        config.db = database(db).ok_or("a database number behind the master's name")?;
    }
    if let Some(login) = login {
        let (user, password) = login.split_once(':').map_or((login, None), |(user, pass)| (user, Some(pass)));
        if !user.is_empty() {
            config.username = decoded(user);
        }
        if let Some(password) = password {
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
        apply(&mut config, text).map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn urls_name_host_socket_database_and_login() {
        for (text, is_tls) in [("redis://me:p%40ss@nas:7000/3", false), ("rediss://me:p%40ss@nas:7000/3", true)] {
            let tcp = parsed(text).ok();
            assert!(tcp.is_some_and(|c| c.address == RedisAddress::Tcp("nas".into(), 7000)
                && c.tls.is_some() == is_tls
                && c.db == 3
                && c.username.as_deref() == Some("me")
                && c.password.as_deref() == Some("p@ss")));
        }
        let v6 = parsed("redis://[::1]").ok();
        assert!(v6.is_some_and(|c| c.address == RedisAddress::Tcp("::1".into(), 6379)));
        let unix = parsed("redis+unix:///run/redis.sock?db=2&pass=x").ok();
        assert!(unix.is_some_and(|c| c.address == RedisAddress::Unix("/run/redis.sock".into()) && c.db == 2));
    }

    #[test]
    fn urls_name_sentinels_and_their_master() {
        for (text, is_tls) in
            [("redis+sentinel://me:p%40s@a:1,b/my%20m/4", false), ("rediss+sentinel://me:p%40s@a:1,b/my%20m/4", true)]
        {
            let config = parsed(text).ok();
            assert!(
                config.is_some_and(|c| c.address.to_string() == "my m@a:1,b:26379"
                    && c.tls.is_some() == is_tls
                    && c.db == 4
                    && c.username.as_deref() == Some("me")
                    && c.password.as_deref() == Some("p@s")),
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_urls_say_what_is_wanted_and_hide_the_password() {
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
