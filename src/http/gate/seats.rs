//! How many may be inside at once: in all, and of one address.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of the places, one address beyond this host may have one in this many: no single stranger keeps
/// everybody else out. Those on this host share them all (a proxy is one of them).
const OF_ONE_ADDRESS: usize = 4;

/// The places for connections.
pub(super) struct Seats {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// One of the places; given back when all its clones are dropped.
#[derive(Clone)]
pub(super) struct Seat {
    _taken: Arc<Taken>,
}

struct Taken(Arc<AtomicUsize>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// A place for one more connection of `address`, of which `others` are open. `None`: there is
    /// none.
    pub(super) fn take(&self, address: Option<IpAddr>, others: impl Fn(IpAddr) -> usize) -> Option<Seat> {
        let is_greedy = |address| others(address) >= (self.most / OF_ONE_ADDRESS).max(1);
        if address.filter(|a| !is_loopback(*a)).is_some_and(is_greedy) {
            return None;
        }
        let more = |taken: usize| (taken < self.most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.ok().map(|_| Seat { _taken: Arc::new(Taken(Arc::clone(&self.taken))) })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whose address it is: of IPv6, whoever has one has all of its /64.
pub(super) fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) if !six.is_loopback() => IpAddr::V6((six.to_bits() >> 64 << 64).into()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_one_network_are_one_strangers() {
        let of = |text: &str| text.parse::<IpAddr>().map(owner).ok();
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert!(of("::1").is_some_and(is_loopback));
    }

    #[test]
    fn one_stranger_has_a_quarter_and_this_host_has_all() {
        let seats = Seats::new(8);
        let [stranger, other, here] = ["192.0.2.1", "2001:db8::1", "127.0.0.1"].map(|a| a.parse::<IpAddr>().ok());
        assert!(seats.take(stranger, |_| 1).is_some() && seats.take(stranger, |_| 2).is_none());
        assert!(seats.take(other, |_| 0).is_some() && seats.take(here, |_| 8).is_some());
        let mapped = "::ffff:127.0.0.1".parse().ok();
        assert!(seats.take(mapped, |_| 8).is_some());
        let all: Vec<_> = std::iter::from_fn(|| seats.take(None, |_| 0)).collect();
        assert_eq!(all.len(), 8, "the earlier ones were given back");
        let kept = all.first().cloned();
        drop(all);
        assert_eq!(std::iter::from_fn(|| seats.take(here, |_| 0)).take(9).collect::<Vec<_>>().len(), 7);
        drop(kept);
    }
}
