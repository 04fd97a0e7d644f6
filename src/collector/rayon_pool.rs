//! rayon, which the project's charter prescribes: the pool of threads that wait for children.
//!
//! Only its threads are used. Each waits on a channel for its next job: rayon workers that steal work spin before
//! parking, for every reading; blocking on the channel avoids that.

use crossbeam_channel::{Sender, unbounded};
use thiserror::Error;

/// The threads cannot be started.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct PoolError(#[from] rayon::ThreadPoolBuildError);

/// What a thread of the pool does.
type Job = Box<dyn FnOnce() + Send>;

pub(super) struct RayonPool {
    /// Ends with the last of `jobs`.
    _pool: rayon::ThreadPool,
    jobs: Sender<Job>,
}

impl RayonPool {
    pub(super) fn new(threads: usize) -> Result<Self, PoolError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("probe-{number}"))
            .stack_size(512 * 1024)
            .build()?;
        let (jobs, queue) = unbounded::<Job>();
        for _ in 0..pool.current_num_threads() {
            let queue = queue.clone();
            pool.spawn(move || queue.iter().for_each(|job| job()));
        }
        Ok(Self { _pool: pool, jobs })
    }

    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        // Its receivers live as long as the pool.
        let _ = self.jobs.send(Box::new(job));
    }
}
