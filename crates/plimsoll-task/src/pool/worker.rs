//! Submitted work, and the threads that run it.

use super::{
    PoolError, PoolStats,
    stats::Counts,
    wait_queue::{Fill, WaitQueue},
};
use crate::{deadline::Deadline, panic::catch_call, trace::TraceContext};
use std::{fmt, io, sync::Arc, thread, time::Duration};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: &'static str,
    pub(super) queue: WaitQueue<Job>,
    pub(super) counts: Counts,
    idle: Option<Duration>,
    ended: Notify,
}

/// The reason that work is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotBegun {
    Late,
    Closed,
}

/// The work: it runs, or reports why it does not. Its panic is reported before the result is sent, so that a caller with
/// the result finds it counted. Returns whether an unwanted result panicked in its `Drop`.
type Work = Box<dyn FnOnce(Option<NotBegun>, &dyn Fn(bool)) -> bool + Send>;

/// Work with its deadline and result channel.
pub(super) struct Job {
    pub(super) deadline: Deadline,
    since: Instant,
    work: Work,
}

impl Job {
    pub(super) fn new<T, F>(deadline: Deadline, work: F) -> (Self, oneshot::Receiver<Result<T, PoolError>>)
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let context = TraceContext::current();
        let work = move |not_begun: Option<NotBegun>, done: &dyn Fn(bool)| {
            let result = match not_begun {
                None => {
                    catch_call(|| context.sync_scope(|| deadline.sync_scope(work))).map_err(PoolError::from)
                }
                Some(NotBegun::Late) => Err(PoolError::Late),
                Some(NotBegun::Closed) => Err(PoolError::Closed),
            };
            let panicked = matches!(result, Err(PoolError::Panicked(_)));
            done(panicked);
            // If the receiver is gone, the result is dropped here, and a panic of its `Drop` is the work's own.
            catch_call(|| drop(sender.send(result))).is_err() && !panicked
        };
        (Self { deadline, since: Instant::now(), work: Box::new(work) }, receiver)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(name: &'static str, threads: usize, queue: usize, idle: Option<Duration>) -> Self {
        Self {
            name,
            queue: WaitQueue::new(threads, queue),
            counts: Counts::default(),
            idle,
            ended: Notify::new(),
        }
    }

    /// Reports to the submitter that the work is not begun.
    pub(super) fn skip(&self, job: Job, why: NotBegun) {
        self.counts.not_begun(why);
        (job.work)(Some(why), &|_| {});
    }

    pub(super) fn drop_queued(&self) -> usize {
        let jobs = self.queue.drain();
        let count = jobs.len();
        for (_, job) in jobs {
            self.skip(job, NotBegun::Closed);
        }
        count
    }

    /// Completes when there is no thread any more.
    pub(super) async fn empty(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // Before looking, so that an end between the look and the wait is not missed.
            ended.as_mut().enable();
            if self.queue.fill().threads == 0 {
                return;
            }
            ended.await;
        }
    }

    fn work(&self) {
        while let Some(job) = self.queue.take(self.idle) {
            let begun = Instant::now();
            if job.deadline.has_passed() {
                self.skip(job, NotBegun::Late);
                continue;
            }
            self.counts.wait.add(begun.saturating_duration_since(job.since));
            let done = |panicked| {
                if panicked {
                    self.counts.panicked();
                }
                self.counts.run.add(begun.elapsed());
            };
            if (job.work)(None, &done) {
                self.counts.panicked();
            }
        }
        self.ended.notify_waiters();
    }

    pub(super) fn stats(&self, now: Instant) -> PoolStats {
        let Fill { queued, threads, busy } = self.queue.fill();
        let (threads_most, capacity) = self.queue.bounds();
        let oldest = self.queue.first(|job| now.saturating_duration_since(job.since)).unwrap_or_default();
        self.counts.read(PoolStats {
            name: self.name,
            threads,
            threads_most,
            running: busy,
            queued,
            capacity,
            oldest,
            ..PoolStats::default()
        })
    }
}

/// Starts a thread that the queue has counted already.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let theirs = Arc::clone(shared);
    thread::Builder::new().name(shared.name.to_owned()).spawn(move || theirs.work()).map(drop)
}
