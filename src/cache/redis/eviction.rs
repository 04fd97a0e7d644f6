//! Whether Redis evicts keys. All keys of this program expire, so every policy but `noeviction` may remove the poll
//! lease, and `volatile-ttl` removes it first.

use super::check::info_field;
use std::fmt;

/// `maxmemory` and `maxmemory_policy` of `INFO memory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Eviction {
    policy: String,
    max_bytes: u64,
}

impl Eviction {
    /// `None` if there is no memory limit, or no key is evicted at the limit.
    pub(super) fn read(info: &str) -> Option<Self> {
        let max_bytes = info_field(info, "maxmemory:")?.parse().ok()?;
        let policy = info_field(info, "maxmemory_policy:")?;
        if max_bytes == 0 || policy == "noeviction" {
            return None;
        }
        Some(Self { policy: policy.chars().filter(char::is_ascii_graphic).take(64).collect(), max_bytes })
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "maxmemory-policy {}, maxmemory {} bytes", self.policy, self.max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_with_a_policy_evicts() {
        let read = |text: &str| Eviction::read(text).map(|eviction| eviction.to_string());
        let info = "# Memory\r\nmaxmemory:1048576\r\nmaxmemory_human:1.00M\r\nmaxmemory_policy:allkeys-lru\r\n";
        assert_eq!(read(info).as_deref(), Some("maxmemory-policy allkeys-lru, maxmemory 1048576 bytes"));
        assert_eq!(read("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"), None);
        assert_eq!(read("maxmemory:1\r\nmaxmemory_policy:noeviction\r\n"), None);
        assert_eq!(read("maxmemory:1\r\n"), None);
    }
}
