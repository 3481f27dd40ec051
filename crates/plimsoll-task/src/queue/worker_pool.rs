//! Pools of workers that process a queue.

use super::{Receiver, bounded};
use crate::{
    measure::{Durations, Times},
    panic::{catch, catch_call, install_hook},
    trace::TraceContext,
};
use ahash::RandomState;
use std::{
    fmt,
    hash::Hash,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::{sync::Mutex, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// A pool of worker tasks for one queue.
///
/// [`run`](Self::run) gives each item to a free worker; [`run_keyed`](Self::run_keyed) gives the items of one key to one
/// worker, in their order. While all are busy the queue fills, and its senders wait: no item is taken out before a worker
/// is free.
///
/// A panic of the handler, of its future or of the key function loses only its item: it is logged and counted, and the
/// next item follows. Items dropped with the pool's own future are logged and counted as well.
///
/// An item is processed as a part of the [trace](crate::trace) of its sender.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use plimsoll_task::queue::{WorkerPool, bounded};
/// # use std::num::NonZeroUsize;
///
/// let (sender, receiver) = bounded("mail", 64);
/// let pool = WorkerPool::new("mail", NonZeroUsize::new(4).unwrap());
/// let running = tokio::spawn(pool.clone().run(receiver, |letter: String| async move { drop(letter) }));
/// sender.send("Dear Sir".to_owned()).await?;
/// drop(sender);
/// running.await?;
/// assert_eq!(pool.stats().iter().map(|worker| worker.run.count).sum::<u64>(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct WorkerPool {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    workers: Box<[Worker]>,
    /// Items that never reached a worker.
    lost: AtomicU64,
    stop: CancellationToken,
}

#[derive(Default)]
struct Worker {
    busy: AtomicBool,
    panicked: AtomicU64,
    cancelled: AtomicU64,
    run: Durations,
}

/// A snapshot of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Whether it has an item now.
    pub busy: bool,
    /// Items that it had, those that panicked or were cancelled among them, and the time they took.
    pub run: Times,
    /// Items whose handler panicked.
    pub panicked: u64,
    /// Items whose handler was dropped before its end, with the pool's future.
    pub cancelled: u64,
}

impl WorkerPool {
    /// A pool with this name. Each worker becomes a task when the pool runs.
    pub fn new(name: &'static str, workers: NonZeroUsize) -> Self {
        install_hook();
        let workers = (0..workers.get()).map(|_| Worker::default()).collect();
        let (lost, stop) = (AtomicU64::new(0), CancellationToken::new());
        Self { shared: Arc::new(Shared { name, workers, lost, stop }) }
    }

    /// Processes the queue until it ends: each item goes to a free worker.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future cancels all workers at their next await, with their items, and drops the items in the queue.
    /// All of them are counted and logged. To end in order, drop the senders or call [`stop`](Self::stop).
    pub async fn run<T, H, R>(self, receiver: Receiver<T>, handler: H)
    where
        T: Send + 'static,
        H: Fn(T) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let (receiver, handler) = (Arc::new(Mutex::new(receiver)), Arc::new(handler));
        let mut tasks = JoinSet::new();
        for number in 0..self.shared.workers.len() {
            let (shared, receiver, handler) =
                (Arc::clone(&self.shared), Arc::clone(&receiver), Arc::clone(&handler));
            tasks.spawn(async move {
                loop {
                    // The first waiter for the receiver is the worker that is free for the next item. A statement of
                    // its own, so that the receiver is free again before the work begins.
                    let next = shared.next(&mut *receiver.lock().await).await;
                    let Some((item, context)) = next else { break };
                    shared.work(number, item, context, &*handler).await;
                }
            });
        }
        self.shared.join(tasks).await;
    }

    /// Processes the queue until it ends: items of the same key go to the same worker, one after the other.
    ///
    /// Each worker has its own lane for `lane` items, a queue with the pool's name. A full lane blocks all the others: a
    /// key that is much more frequent than the rest needs another solution.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or with a lane of zero.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run); items in the lanes are dropped as well.
    pub async fn run_keyed<T, K, H, R>(
        self,
        mut receiver: Receiver<T>,
        lane: usize,
        key: impl Fn(&T) -> K,
        handler: H,
    ) where
        T: Send + 'static,
        K: Hash,
        H: Fn(T) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let mut tasks = JoinSet::new();
        let mut lanes = Vec::new();
        for number in 0..self.shared.workers.len() {
            let (sender, mut items) = bounded(self.shared.name, lane);
            let (shared, handler) = (Arc::clone(&self.shared), Arc::clone(&handler));
            lanes.push(sender);
            tasks.spawn(async move {
                while let Some((item, context)) = items.recv_traced().await {
                    shared.work(number, item, context, &*handler).await;
                }
            });
        }
        let hasher = RandomState::new();
        while let Some((item, context)) = self.shared.next(&mut receiver).await {
            let found = catch_call(|| context.sync_scope(|| hasher.hash_one(key(&item))));
            let on_the_way = OnTheWay { shared: &self.shared, context: &context };
            match found {
                Ok(hash) => {
                    let lane = &lanes[hash as usize % lanes.len()];
                    // Reserve first: the item is counted whatever ends this wait.
                    if let Ok(place) = lane.reserve().await {
                        std::mem::forget(on_the_way);
                        context.sync_scope(|| place.send(item));
                    }
                }
                Err(panicked) => {
                    context.sync_scope(|| {
                        tracing::error!(pool = self.shared.name, %panicked, "the key of an item panicked");
                    });
                    // Its `Drop` is its owner's code as well.
                    let _ = catch_call(|| drop(item));
                }
            }
        }
        drop(lanes);
        self.shared.join(tasks).await;
    }

    /// Closes the queue: the items in it are processed, and then the pool ends.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    /// Returns the number of items that never reached a worker: their key function panicked, or the pool's future was
    /// dropped while they waited for their lane. Items still in a queue then are counted
    /// [there](super::QueueStats::lost).
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Relaxed)
    }

    /// Returns the statistics of its workers.
    pub fn stats(&self) -> Vec<WorkerStats> {
        let stats = |worker: &Worker| WorkerStats {
            busy: worker.busy.load(Relaxed),
            run: worker.run.read(),
            panicked: worker.panicked.load(Relaxed),
            cancelled: worker.cancelled.load(Relaxed),
        };
        self.shared.workers.iter().map(stats).collect()
    }
}

impl Shared {
    async fn next<T>(&self, receiver: &mut Receiver<T>) -> Option<(T, TraceContext)> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => receiver.close(),
            item = receiver.recv_traced() => return item,
        }
        receiver.recv_traced().await
    }

    async fn work<T, R>(&self, number: usize, item: T, context: TraceContext, handler: &impl Fn(T) -> R)
    where
        R: Future<Output = ()>,
    {
        let handled = async {
            let mut had = Had { shared: self, number, since: Instant::now(), ended: false };
            had.worker().busy.store(true, Relaxed);
            // The call is inside: a handler may panic before there is a future of it.
            let result = catch(async move { handler(item).await }).await;
            had.ended = true;
            if let Err(panicked) = result {
                had.worker().panicked.fetch_add(1, Relaxed);
                tracing::error!(pool = self.name, worker = number, %panicked, "an item's handler panicked");
            }
        };
        context.scope(handled).await;
    }

    /// Waits for all workers. None of them should panic; a panic would be logged.
    async fn join(&self, mut tasks: JoinSet<()>) {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(pool = self.name, %error, "a worker has fallen");
            }
        }
    }
}

/// A guard while a worker has an item, which also counts the end of a cancelled one.
struct Had<'a> {
    shared: &'a Shared,
    number: usize,
    since: Instant,
    ended: bool,
}

impl Had<'_> {
    fn worker(&self) -> &Worker {
        &self.shared.workers[self.number]
    }
}

impl Drop for Had<'_> {
    fn drop(&mut self) {
        let worker = self.worker();
        worker.busy.store(false, Relaxed);
        worker.run.add(self.since.elapsed());
        if !self.ended {
            worker.cancelled.fetch_add(1, Relaxed);
            tracing::warn!(pool = self.shared.name, worker = self.number, "an item was dropped half-way");
        }
    }
}

/// A guard while an item has left the queue and has not entered a lane. Forgotten once it has.
struct OnTheWay<'a> {
    shared: &'a Shared,
    context: &'a TraceContext,
}

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        self.shared.lost.fetch_add(1, Relaxed);
        self.context.sync_scope(|| {
            tracing::warn!(pool = self.shared.name, "an item was dropped before a worker had it");
        });
    }
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, workers) = (self.shared.name, self.stats());
        f.debug_struct("WorkerPool").field("name", &name).field("workers", &workers).finish_non_exhaustive()
    }
}
