//! The limit of open connections: in total and per client network.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A remote network may have one connection in this many, so that no single client uses all of them. Clients on this
/// host may use all: a reverse proxy is one of them.
const NETWORK_SHARE: usize = 4;

pub(super) struct ConnectionLimit {
    open: Arc<AtomicUsize>,
    limit: usize,
}

/// The permit for one connection, released when all its clones are dropped.
#[derive(Clone)]
pub(super) struct ConnectionPermit {
    _counted: Arc<CountedConnection>,
}

struct CountedConnection(Arc<AtomicUsize>);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ConnectionLimit {
    pub(super) fn new(limit: usize) -> Self {
        Self { open: Arc::default(), limit }
    }

    /// A permit for one more connection of `network`, which has `open_of` open connections. `None` if a limit is
    /// reached.
    pub(super) fn try_acquire(
        &self,
        network: Option<IpAddr>,
        open_of: impl Fn(IpAddr) -> usize,
    ) -> Option<ConnectionPermit> {
        let limit_of_network = (self.limit / NETWORK_SHARE).max(1);
        if let Some(network) = network
            && !is_loopback(network)
            && open_of(network) >= limit_of_network
        {
            return None;
        }
        let taken = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
            if open < self.limit { Some(open + 1) } else { None }
        });
        taken.ok()?;
        Some(ConnectionPermit { _counted: Arc::new(CountedConnection(Arc::clone(&self.open))) })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The network under which an address is counted. In IPv6 it is its /64, which usually belongs to one client.
pub(super) fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) if !six.is_loopback() => IpAddr::V6((six.to_bits() >> 64 << 64).into()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_together() {
        fn network(text: &str) -> IpAddr {
            client_network(text.parse().unwrap())
        }
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert!(is_loopback(network("::1")));
    }

    #[test]
    fn one_network_has_a_quarter_and_loopback_has_all() {
        let limit = ConnectionLimit::new(8);
        let [remote, other, here] =
            ["192.0.2.1", "2001:db8::1", "127.0.0.1"].map(|address| address.parse::<IpAddr>().ok());
        assert!(limit.try_acquire(remote, |_| 1).is_some() && limit.try_acquire(remote, |_| 2).is_none());
        assert!(limit.try_acquire(other, |_| 0).is_some() && limit.try_acquire(here, |_| 8).is_some());
        let mapped = "::ffff:127.0.0.1".parse().ok();
        assert!(limit.try_acquire(mapped, |_| 8).is_some());
        let all: Vec<_> = std::iter::from_fn(|| limit.try_acquire(None, |_| 0)).collect();
        assert_eq!(all.len(), 8, "the earlier permits were released");
        let kept = all.first().cloned();
        drop(all);
        assert_eq!(std::iter::from_fn(|| limit.try_acquire(here, |_| 0)).take(9).collect::<Vec<_>>().len(), 7);
        drop(kept);
    }
}
