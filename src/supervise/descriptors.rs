//! Room for descriptors: as many as everything together can need are asked for at the start, so that
//! nobody runs out of them in the middle; where there is less room, fewer connections are let in.

use crate::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A run of a tool: its process, two pipes, and what starting it takes for a moment.
const OF_A_CHILD: usize = 8;
/// Log, listeners, epoll, tiny_http, sysfs, connections that are turned away.
const OF_THE_REST: usize = 128;
/// With fewer connections than this nobody is served.
const LEAST_CONNECTIONS: usize = 4;

/// Raises the soft limit as far as it is needed and allowed. Gives how many connections may be open
/// at once.
pub(crate) fn make_room(config: &Config) -> usize {
    let wanted = config.http.max_connections;
    // Each worker has a connection to Redis, and a private one to tiny_http at both ends.
    let others = OF_THE_REST + 4 * config.http.workers + OF_A_CHILD * config.smart.concurrency;
    let needed = u64::try_from(wanted + others).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None`: as many as one likes.
    let Some(current) = current.filter(|soft| *soft < needed) else { return wanted };
    let soft = maximum.map_or(needed, |hard| needed.min(hard));
    let is_raised = soft > current && setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum }).is_ok();
    let room = if is_raised { soft } else { current };
    if room >= needed {
        return wanted;
    }
    let left = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(others);
    let connections = left.clamp(LEAST_CONNECTIONS, wanted);
    log::warn!(
        "too few descriptors for all connections, fewer are let in RLIMIT_NOFILE={room} needed={needed} connections={connections} JBOD_MAX_CONNECTIONS={wanted}"
    );
    connections
}
