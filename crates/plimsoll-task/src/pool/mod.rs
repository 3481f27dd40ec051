//! Pools for blocking and processor-bound work.
//!
//! Work that does not await must not run on the runtime's threads, and all of it together must not run on one pool:
//! tokio's `spawn_blocking` is one pool of 512 threads with a queue without a bound, and a slow disk then takes the
//! password hashes down with it. Here each kind of work has a pool of its own, as bulkheads part a ship: named, with
//! its own threads, a bounded queue, and a refusal when that is full.
//!
//! | | threads | for |
//! | --- | --- | --- |
//! | [`Pool::cpu`] | started when first needed, then kept | hashing, compression, parsing: as many as processors to spend |
//! | [`Pool::blocking`] | started when needed, ended after ten seconds without work | files, old drivers, name lookups |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), plimsoll_task::pool::PoolError> {
//! use plimsoll_task::pool::Pool;
//! # use std::num::NonZeroUsize;
//!
//! let hashing = Pool::cpu("hashing", NonZeroUsize::new(2).unwrap(), 64);
//! let sum = hashing.run(|| (1..=100_u64).sum::<u64>()).await?;
//! assert_eq!(sum, 5050);
//! assert_eq!(hashing.stats().run.count, 1);
//! # Ok(()) }
//! ```
//!
//! # The fate of work
//! - **Late.** Work inherits the [deadline](crate::deadline) of the submitting task. If that has passed when its turn
//!   comes, it is not begun. Running work can read the deadline by [`Deadline::current`](crate::Deadline::current) and
//!   stop by itself: a thread cannot be stopped from outside.
//! - **Traced.** Work belongs to the [trace](crate::trace) of the submitting task.
//! - **Given up.** Dropping the [`Task`] before the work has begun takes it out of the queue: it is never begun. Work
//!   that has begun runs to its end, and its result is dropped.
//! - **Panics** are the result of the task, [with message and location](crate::PanicError), and cost no thread.
//! - **Dropping the pool**: queued work is not begun, running work goes on, and each thread ends after it.

mod error;
mod stats;
mod task;
mod wait_queue;
mod worker;

#[cfg(all(test, not(loom)))]
mod tests;

pub use error::PoolError;
pub use stats::{PoolStats, Shutdown};
pub use task::Task;

use crate::{deadline::Deadline, measure::Registry, panic::install_hook};
use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use wait_queue::Pushed;
use worker::{Job, NotBegun, Shared};

/// How long a thread for blocking work waits for more of it.
const IDLE: Duration = Duration::from_secs(10);
/// Pools that [`all_stats`] knows of.
const MOST: usize = 1024;

static POOLS: Registry<Shared> = Registry::new(MOST);

/// A pool of threads with a bounded queue. See the [module](self).
pub struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool for work that keeps a processor busy: at most so many threads, and so much work that waits for one.
    pub fn cpu(name: &'static str, threads: NonZeroUsize, queue: usize) -> Self {
        Self::new(Shared::new(name, threads.get(), queue, None))
    }

    /// A pool for work that blocks: at most so many threads, and so much work that waits for one.
    pub fn blocking(name: &'static str, threads: NonZeroUsize, queue: usize) -> Self {
        Self::new(Shared::new(name, threads.get(), queue, Some(IDLE)))
    }

    fn new(shared: Shared) -> Self {
        install_hook();
        let shared = Arc::new(shared);
        POOLS.add(&shared);
        Self { shared }
    }

    /// Submits work and waits for its result.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) and [`Task`].
    ///
    /// # Cancel safety
    /// Dropped before the work has begun, it is never begun; dropped later, its result is lost.
    pub async fn run<T, F>(&self, work: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.submit(work)?.await
    }

    /// Submits work under the deadline of the running task. Does not wait.
    ///
    /// When the queue is full, what is in it and has become late makes room first. Logarithmic and one allocation,
    /// linear where something makes room.
    ///
    /// # Errors
    /// The queue is full, the deadline has passed, the pool is closed, or the system gave no thread.
    pub fn submit<T, F>(&self, work: F) -> Result<Task<T>, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let deadline = Deadline::current();
        if deadline.has_passed() {
            self.shared.counts.late();
            return Err(PoolError::Late);
        }
        let (job, receiver) = Job::new(deadline, work);
        let (pushed, late) = self.shared.queue.push(job, |job: &Job| job.deadline.has_passed());
        for job in late {
            self.shared.skip(job, NotBegun::Late);
        }
        match pushed {
            Pushed::Queued(ticket) => Ok(Task::new(receiver, ticket, Arc::clone(&self.shared))),
            Pushed::Starts(ticket) => {
                if worker::start(&self.shared).is_err() && self.shared.queue.start_failed(ticket).is_some() {
                    return Err(PoolError::NoThread);
                }
                Ok(Task::new(receiver, ticket, Arc::clone(&self.shared)))
            }
            Pushed::Full { queued } => {
                self.shared.counts.full();
                Err(PoolError::Full { pool: self.shared.name, queued })
            }
            Pushed::Closed => Err(PoolError::Closed),
        }
    }

    /// Closes the pool to new work, and waits until the accepted work is done, at most for `limit`. Then work that
    /// has not begun is dropped, and work that still runs is reported; its threads end by themselves.
    ///
    /// # Panics
    /// Outside of a runtime with a timer.
    ///
    /// # Cancel safety
    /// Dropped, the pool stays closed, and works on what it has.
    pub async fn shutdown(&self, limit: Duration) -> Shutdown {
        self.shared.queue.close();
        if timeout(limit, self.shared.empty()).await.is_ok() {
            return Shutdown::default();
        }
        let never_begun = self.shared.drop_queued();
        Shutdown { never_begun, running: self.shared.queue.fill().busy }
    }

    /// Returns the pool's statistics.
    pub fn stats(&self) -> PoolStats {
        self.shared.stats(Instant::now())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.drop_queued();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A snapshot of every pool that is alive, the first 1,024 of them.
pub fn all_stats() -> Vec<PoolStats> {
    let now = Instant::now();
    POOLS.all().iter().map(|shared| shared.stats(now)).collect()
}
