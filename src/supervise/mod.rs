//! Supervision: the monitor of threads, the watchdog, the limit of file descriptors, notifications to systemd, and the last
//! resort, which ends a process whose stop does not complete, or that no longer makes progress.

mod descriptor_limit;
mod last_resort;
mod panics;
mod systemd;
mod thread_monitor;
mod watchdog;

pub(crate) use descriptor_limit::raise_descriptor_limit;
pub(crate) use last_resort::start as start_last_resort;
pub(crate) use panics::log_panics;
pub(crate) use systemd::notify_systemd;
pub(crate) use thread_monitor::ThreadMonitor;
pub(crate) use watchdog::spawn as spawn_watchdog;
