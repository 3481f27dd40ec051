//! What is handed in, and the threads that do it.

use super::{
    PoolError, PoolStats,
    line::{Fill, Line},
    stats::Counts,
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
    pub(super) line: Line<Job>,
    pub(super) counts: Counts,
    idle: Option<Duration>,
    ended: Notify,
}

/// Why work is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Late,
    Closed,
}

/// Does the work, or tells why it is not done. Whether it panicked is told before the answer is given, so that whoever has
/// the answer finds it counted; what comes back is whether the answer, which nobody wanted, panicked when it was dropped.
type Work = Box<dyn FnOnce(Option<Verdict>, &dyn Fn(bool)) -> bool + Send>;

/// Work with its way back.
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
        let (answer, answered) = oneshot::channel();
        let context = TraceContext::current();
        let work = move |not_begun: Option<Verdict>, done: &dyn Fn(bool)| {
            let result = match not_begun {
                None => {
                    catch_call(|| context.sync_scope(|| deadline.sync_scope(work))).map_err(PoolError::from)
                }
                Some(Verdict::Late) => Err(PoolError::Late),
                Some(Verdict::Closed) => Err(PoolError::Closed),
            };
            let panicked = matches!(result, Err(PoolError::Panicked(_)));
            done(panicked);
            // Nobody may want it any more. To drop it then is the work's own affair, and so is a panic of that.
            catch_call(|| drop(answer.send(result))).is_err() && !panicked
        };
        (Self { deadline, since: Instant::now(), work: Box::new(work) }, answered)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(name: &'static str, threads: usize, queue: usize, idle: Option<Duration>) -> Self {
        Self { name, line: Line::new(threads, queue), counts: Counts::default(), idle, ended: Notify::new() }
    }

    /// Tells who waits for it that it is not begun.
    pub(super) fn answer(&self, job: Job, why: Verdict) {
        self.counts.not_begun(why);
        (job.work)(Some(why), &|_| {});
    }

    pub(super) fn drop_queued(&self) -> usize {
        let jobs = self.line.drain();
        let count = jobs.len();
        for (_, job) in jobs {
            self.answer(job, Verdict::Closed);
        }
        count
    }

    /// Ends when there is no thread any more.
    pub(super) async fn empty(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            // Before looking, so that an end between the look and the wait is not missed.
            ended.as_mut().enable();
            if self.line.fill().threads == 0 {
                return;
            }
            ended.await;
        }
    }

    fn work(&self) {
        while let Some(job) = self.line.take(self.idle) {
            let begun = Instant::now();
            if job.deadline.has_passed() {
                self.answer(job, Verdict::Late);
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
        let Fill { queued, threads, busy } = self.line.fill();
        let (threads_most, capacity) = self.line.bounds();
        let oldest = self.line.first(|job| now.saturating_duration_since(job.since)).unwrap_or_default();
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

/// Starts a thread that the line has counted already.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let theirs = Arc::clone(shared);
    thread::Builder::new().name(shared.name.to_owned()).spawn(move || theirs.work()).map(drop)
}
