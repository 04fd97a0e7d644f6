//! Hosts in settings: a name or an address, without scheme, port or path.

use super::error::ConfigError;
use super::settings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name in the DNS has at most 253 characters (RFC 1035, 2.3.4).
const MAX_NAME_LENGTH: usize = 253;

/// The names in `JBOD_ALLOWED_HOSTS`, as a `Host` header has them: in lower case and without the dot of a fully
/// qualified name.
pub(super) fn allowed_hosts(text: &str) -> Result<Vec<String>, ConfigError> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(allowed_host).collect()
}

fn allowed_host(entry: &str) -> Result<String, ConfigError> {
    let wrong = |wanted: &str| Err(ConfigError::new(settings::JBOD_ALLOWED_HOSTS.name, entry, wanted));
    if entry.contains('*') {
        return wrong("each name by itself: there are no wildcards (an IP address as Host is always allowed)");
    }
    if entry.contains('/') {
        return wrong("a host name without a scheme and a path, such as nas.example.net");
    }
    if let Some(address) = in_brackets(entry).or_else(|| entry.parse::<Ipv6Addr>().ok()) {
        return Ok(format!("[{address}]"));
    }
    if entry.contains(':') {
        return wrong("a host name without a port: it is allowed at every port");
    }
    if !entry.is_ascii() {
        return wrong("the name as browsers send it, in ASCII (xn--…)");
    }
    let name = without_final_dot(entry).to_ascii_lowercase();
    if is_name(&name) { Ok(name) } else { wrong("a host name, such as nas.example.net") }
}

/// `REDIS_HOST`. An IPv6 address may be in brackets, as in a URL.
pub(super) fn redis_host(text: &str) -> Result<String, ConfigError> {
    let wrong = |wanted: &str| Err(ConfigError::new(settings::REDIS_HOST.name, text, wanted));
    if text.contains("://") {
        return wrong("a host name or an address; a URL belongs into REDIS_URL");
    }
    if text.contains('/') {
        return wrong("a host name or an address; the path of a socket belongs into REDIS_URL (redis+unix:///path)");
    }
    if let Some(address) = in_brackets(text) {
        return Ok(address.to_string());
    }
    // With a zone, such as fe80::1%eth0.
    if text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        return Ok(text.to_owned());
    }
    if text.contains(':') {
        return wrong("a host name or an address without a port, which is REDIS_PORT");
    }
    if is_name(without_final_dot(text)) { Ok(text.to_owned()) } else { wrong("a host name or an address") }
}

/// `nas.` is `nas`: a name with a dot at its end is fully qualified, and the same host.
pub(crate) fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The address, where a `Host` header names one: IPv4, or IPv6 in brackets.
pub(crate) fn address_in_host(host: &str) -> Option<IpAddr> {
    match in_brackets(host) {
        Some(address) => Some(address.into()),
        None => host.parse::<Ipv4Addr>().ok().map(Into::into),
    }
}

fn in_brackets(text: &str) -> Option<Ipv6Addr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Labels without blanks and control characters. More is not asked: names in /etc/hosts and of containers have underscores,
/// and names beyond ASCII can be looked up where the host is set up for it.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_valid = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        !label.is_empty() && label.chars().all(is_valid)
    };
    text.len() <= MAX_NAME_LENGTH && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_hosts_are_names_and_addresses() {
        let hosts = allowed_hosts(" NAS.lan, nas_2.,,192.0.2.5,[2001:DB8::5], 2001:db8::6,jbod-monitor,").ok();
        let wanted = ["nas.lan", "nas_2", "192.0.2.5", "[2001:db8::5]", "[2001:db8::6]", "jbod-monitor"];
        assert_eq!(hosts, Some(wanted.map(str::to_owned).to_vec()));
        assert_eq!(allowed_hosts("").ok(), Some(Vec::new()));
    }

    #[test]
    fn what_no_host_header_can_match_is_refused() {
        for (text, wanted) in [
            ("*", "no wildcards"),
            ("*.example.net", "no wildcards"),
            ("http://nas.lan/", "without a scheme and a path"),
            ("nas.lan, http://nas.lan", "without a scheme and a path"),
            ("nas.lan/jbod", "without a scheme and a path"),
            ("nas.lan:9780", "without a port"),
            ("[2001:db8::5]:9780", "without a port"),
            ("näs.lan", "in ASCII"),
            (".example.net", "a host name"),
            ("nas..lan", "a host name"),
            ("nas lan", "a host name"),
            (".", "a host name"),
        ] {
            let error = allowed_hosts(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("JBOD_ALLOWED_HOSTS: found ") && error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn the_host_of_redis_is_a_name_or_an_address() {
        for (text, host) in [
            ("localhost", "localhost"),
            ("redis_1.lan.", "redis_1.lan."),
            ("10.0.0.1", "10.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ] {
            assert_eq!(redis_host(text).ok().as_deref(), Some(host));
        }
        for (text, wanted) in [
            ("redis://nas:6379/0", "REDIS_URL"),
            ("/run/redis/redis.sock", "redis+unix:///path"),
            ("nas:6379", "REDIS_PORT"),
            ("10.0.0.1:6379", "REDIS_PORT"),
            ("a,b", "a host name"),
            ("me@nas", "a host name"),
            ("nas ", "a host name"),
            ("", "a host name"),
        ] {
            let error = redis_host(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("REDIS_HOST: found ") && error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_in_a_host_header_is_a_literal() {
        for (host, is_address) in [
            ("192.0.2.5", true),
            ("[2001:db8::5]", true),
            ("[::ffff:127.0.0.1]", true),
            ("2001:db8::5", false),
            ("[192.0.2.5]", false),
            ("127.1", false),
            ("2130706433", false),
            ("0x7f000001", false),
            ("127.0.0.01", false),
            ("127.0.0.1.nip.io", false),
            ("[::1", false),
            ("", false),
        ] {
            assert_eq!(address_in_host(host).is_some(), is_address, "{host}");
        }
    }
}
