//! Jobs that wait for children, and their reports.

use super::rayon_pool::{PoolError, RayonPool};
use crate::probe::Host;
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{io, thread};

/// Names the source of a report.
pub(super) type SourceId = &'static str;

/// The result of a job. Only the source that started the job knows its type.
pub struct JobReport {
    pub(super) source: SourceId,
    pub(super) result: Box<dyn Any + Send>,
}

impl fmt::Debug for JobReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Starts jobs.
pub(super) struct Jobs {
    host: Arc<Host>,
    stop: Stop,
    pool: RayonPool,
    reports: Sender<JobReport>,
    /// Jobs of the pool that have not ended.
    running: Arc<AtomicUsize>,
}

impl Jobs {
    /// Starts `threads` threads; the receiver gets the reports. Each running job sends one report, which bounds the
    /// channel.
    pub(super) fn new(host: Host, stop: Stop, threads: usize) -> Result<(Self, Receiver<JobReport>), PoolError> {
        let (reports, incoming) = unbounded();
        let pool = RayonPool::new(threads)?;
        Ok((Self { host: Arc::new(host), stop, pool, reports, running: Arc::default() }, incoming))
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Runs a job on a thread of the pool.
    pub(super) fn run<R: Any + Send>(&self, source: SourceId, job: impl FnOnce(&Host, &Stop) -> R + Send + 'static) {
        let (host, stop, reports) = (Arc::clone(&self.host), self.stop.clone(), self.reports.clone());
        let running = Arc::clone(&self.running);
        running.fetch_add(1, Ordering::AcqRel);
        self.pool.run(move || {
            let result = Box::new(job(&host, &stop));
            running.fetch_sub(1, Ordering::AcqRel);
            // The receiver is dropped only when the daemon has stopped.
            let _ = reports.send(JobReport { source, result });
        });
    }

    /// Runs a job that may block forever on its own thread, for which no stop waits. A job that returns `None` sends no
    /// report.
    pub(super) fn run_on_own_thread<R: Any + Send>(
        &self,
        source: SourceId,
        name: &str,
        job: impl FnOnce(&Stop) -> Option<R> + Send + 'static,
    ) -> io::Result<()> {
        let (stop, reports) = (self.stop.clone(), self.reports.clone());
        thread::Builder::new().name(name.to_owned()).stack_size(256 * 1024).spawn(move || {
            if let Some(result) = job(&stop) {
                let _ = reports.send(JobReport { source, result: Box::new(result) });
            }
        })?;
        Ok(())
    }

    /// After a stop: waits until the jobs of the pool have ended, at most until then.
    pub(super) fn wait_for_end(&self, reports: &Receiver<JobReport>, until: Instant) {
        while self.running.load(Ordering::Acquire) > 0 {
            if reports.recv_deadline(until).is_err() {
                break;
            }
        }
    }
}
