//! Hosts in settings: a name or an address, without scheme, port or path.

use super::error::ConfigError;
use super::settings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The maximum length of a DNS name without the final dot (RFC 1035, 2.3.4: 255 octets on the wire).
const MAX_NAME_LENGTH: usize = 253;

/// The names in `JBOD_ALLOWED_HOSTS` in the form of a `Host` header: in lower case and without a final dot.
pub(super) fn allowed_hosts(text: &str) -> Result<Vec<String>, ConfigError> {
    let mut hosts = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        match allowed_host(entry) {
            Ok(host) => hosts.push(host),
            Err(wanted) => return Err(ConfigError::new(settings::JBOD_ALLOWED_HOSTS.name, entry, wanted)),
        }
    }
    Ok(hosts)
}

/// The error is the expected form.
fn allowed_host(entry: &str) -> Result<String, &'static str> {
    if entry.contains('*') {
        return Err("each name by itself: there are no wildcards (an IP address as Host is always allowed)");
    }
    if entry.contains('/') {
        return Err("a host name without a scheme and a path, such as nas.example.net");
    }
    if let Some(address) = in_brackets(entry) {
        return Ok(format!("[{address}]"));
    }
    if let Ok(address) = entry.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if entry.contains(':') {
        return Err("a host name without a port: it is allowed with every port");
    }
    if !entry.is_ascii() {
        return Err("the name in ASCII (xn--…), as browsers send it");
    }
    let name = without_final_dot(entry).to_ascii_lowercase();
    if is_name(&name) { Ok(name) } else { Err("a host name, such as nas.example.net") }
}

/// Checks `REDIS_HOST`. An IPv6 address may be in brackets, as in a URL.
pub(super) fn redis_host(text: &str) -> Result<String, ConfigError> {
    parse_redis_host(text).map_err(|wanted| ConfigError::new(settings::REDIS_HOST.name, text, wanted))
}

/// The error is the expected form.
fn parse_redis_host(text: &str) -> Result<String, &'static str> {
    if text.contains("://") {
        return Err("a host name or an IP address; use REDIS_URL for a URL");
    }
    if text.contains('/') {
        return Err("a host name or an IP address; use REDIS_URL for the path of a socket (redis+unix:///path)");
    }
    if let Some(address) = in_brackets(text) {
        return Ok(address.to_string());
    }
    // The address may be followed by a zone, such as fe80::1%eth0.
    let (address, _) = text.split_once('%').unwrap_or((text, ""));
    if address.parse::<Ipv6Addr>().is_ok() {
        return Ok(text.to_owned());
    }
    if text.contains(':') {
        return Err("a host name or an IP address without a port; use REDIS_PORT for the port");
    }
    if is_name(without_final_dot(text)) { Ok(text.to_owned()) } else { Err("a host name or an IP address") }
}

/// `nas.` as `nas`: a final dot marks a fully qualified name and does not change the host.
pub(crate) fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The IP address in a `Host` header: IPv4, or IPv6 in brackets. `None`: the host is a name.
pub(crate) fn address_in_host(host: &str) -> Option<IpAddr> {
    match in_brackets(host) {
        Some(address) => Some(address.into()),
        None => host.parse::<Ipv4Addr>().ok().map(Into::into),
    }
}

fn in_brackets(text: &str) -> Option<Ipv6Addr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Whether the text consists of labels. More permissive than the DNS: names in /etc/hosts and of containers contain
/// underscores, and a resolver may be set up for non-ASCII names.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_LENGTH && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.chars().all(|character| character.is_alphanumeric() || matches!(character, '-' | '_'))
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
    fn entries_that_match_no_host_header_are_rejected() {
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
