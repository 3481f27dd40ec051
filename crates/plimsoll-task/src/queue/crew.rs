//! Workers who work off a queue.

use super::{Receiver, bounded};
use crate::{
    measure::{Durations, Times},
    panic::catch,
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

/// So many workers for one queue.
///
/// [`run`](Self::run) gives each item to whoever is free; [`run_keyed`](Self::run_keyed) gives the items of one key
/// to one worker, in their order. While all are busy the queue fills, and its senders wait: nothing is taken out that
/// nobody works on.
///
/// An item whose handler panics is gone; that is logged and counted, and the worker goes on with the next.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use plimsoll_task::queue::{Crew, bounded};
/// # use std::num::NonZeroUsize;
///
/// let (sender, receiver) = bounded("mail", 64);
/// let crew = Crew::new("mail", NonZeroUsize::new(4).unwrap());
/// let running = tokio::spawn(crew.clone().run(receiver, |letter: String| async move { drop(letter) }));
/// sender.send("Dear Sir".to_owned()).await?;
/// drop(sender);
/// running.await?;
/// assert_eq!(crew.stats().iter().map(|worker| worker.run.count).sum::<u64>(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Crew {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    workers: Box<[Worker]>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Worker {
    busy: AtomicBool,
    panicked: AtomicU64,
    run: Durations,
}

/// A snapshot of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Whether it has an item now.
    pub busy: bool,
    /// Items that it finished, those that panicked among them, and the time they took.
    pub run: Times,
    /// Items whose handler panicked.
    pub panicked: u64,
}

impl Crew {
    /// A crew of that name. Each of its workers is a task once it runs.
    pub fn new(name: &'static str, workers: NonZeroUsize) -> Self {
        let workers = (0..workers.get()).map(|_| Worker::default()).collect();
        Self { shared: Arc::new(Shared { name, workers, stop: CancellationToken::new() }) }
    }

    /// Works the queue off until it ends: each item goes to whoever is free.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropped, all workers are cancelled at their next await, with the items they have; what is in the queue is
    /// dropped with it. To end in order, let the senders go or call [`stop`](Self::stop).
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
                    // Whoever is first in line for the receiver is the one who is free for the next item. A statement
                    // of its own, so that the line moves on before the work begins.
                    let next = shared.next(&mut *receiver.lock().await).await;
                    let Some(item) = next else { break };
                    shared.work(number, handler(item)).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Works the queue off until it ends: items of the same key go to the same worker, one after the other.
    ///
    /// Each worker has a lane of its own for `lane` items, a queue with the crew's name. A lane that is full holds
    /// up all the others: a key that comes much more often than the rest wants another remedy.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or with a lane of zero.
    ///
    /// # Cancel safety
    /// As [`run`](Self::run); what is in the lanes is dropped as well.
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
                while let Some(item) = items.recv().await {
                    shared.work(number, handler(item)).await;
                }
            });
        }
        let hasher = RandomState::new();
        while let Some(item) = self.shared.next(&mut receiver).await {
            let lane = hasher.hash_one(key(&item)) as usize % lanes.len();
            // A worker ends only when its lane does.
            let _ = lanes[lane].send(item).await;
        }
        drop(lanes);
        while tasks.join_next().await.is_some() {}
    }

    /// Takes no more items in: what is in the queue is worked off, and then the crew ends.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    /// Its workers.
    pub fn stats(&self) -> Vec<WorkerStats> {
        let stats = |worker: &Worker| WorkerStats {
            busy: worker.busy.load(Relaxed),
            run: worker.run.read(),
            panicked: worker.panicked.load(Relaxed),
        };
        self.shared.workers.iter().map(stats).collect()
    }
}

impl Shared {
    async fn next<T>(&self, receiver: &mut Receiver<T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => receiver.close(),
            item = receiver.recv() => return item,
        }
        receiver.recv().await
    }

    async fn work(&self, number: usize, handled: impl Future<Output = ()>) {
        let worker = &self.workers[number];
        let busy = Busy::begin(worker);
        if let Err(panicked) = catch(handled).await {
            worker.panicked.fetch_add(1, Relaxed);
            tracing::error!(crew = self.name, worker = number, %panicked, "an item's handler panicked");
        }
        drop(busy);
    }
}

/// While a worker has an item: also the end of one that is cancelled is counted.
struct Busy<'a> {
    worker: &'a Worker,
    since: Instant,
}

impl<'a> Busy<'a> {
    fn begin(worker: &'a Worker) -> Self {
        worker.busy.store(true, Relaxed);
        Self { worker, since: Instant::now() }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.worker.busy.store(false, Relaxed);
        self.worker.run.add(self.since.elapsed());
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, workers) = (self.shared.name, self.stats());
        f.debug_struct("Crew").field("name", &name).field("workers", &workers).finish_non_exhaustive()
    }
}
