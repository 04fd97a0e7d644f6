//! The limit of file descriptors. It is raised at the start to what all parts need together, so that none of them runs out
//! of descriptors later. If the hard limit is lower, fewer connections are accepted.

use crate::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For a run of a tool: its pidfd, two pipes, and those needed briefly while it is started.
const DESCRIPTORS_PER_CHILD: usize = 8;
/// For the log, listeners, epoll, tiny_http, sysfs, and connections that are rejected.
const OTHER_DESCRIPTORS: usize = 128;
/// Minimum number of connections for a usable service.
const MIN_CONNECTIONS: usize = 4;

/// Raises the soft limit as far as necessary and allowed. Returns the maximum number of open connections.
pub(crate) fn raise_descriptor_limit(config: &Config) -> usize {
    let wanted = config.http.max_connections;
    // Each worker has a connection to Redis, and both ends of a private connection to tiny_http.
    let others = OTHER_DESCRIPTORS + 4 * config.http.workers + DESCRIPTORS_PER_CHILD * config.smart.concurrency;
    let needed = u64::try_from(wanted + others).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None`: unlimited.
    let Some(current) = current else { return wanted };
    if current >= needed {
        return wanted;
    }
    let soft = match maximum {
        Some(hard) => needed.min(hard),
        None => needed,
    };
    let is_raised = soft > current && setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum }).is_ok();
    let limit = if is_raised { soft } else { current };
    if limit >= needed {
        return wanted;
    }
    let left = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(others);
    let connections = left.clamp(MIN_CONNECTIONS, wanted);
    log::warn!(
        "file descriptor limit too low, accepting fewer connections RLIMIT_NOFILE={limit} needed={needed} \
         connections={connections} JBOD_MAX_CONNECTIONS={wanted}"
    );
    connections
}
