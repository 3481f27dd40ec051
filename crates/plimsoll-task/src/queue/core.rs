//! The measured part of every queue: a name, and counts of items sent and received.
//!
//! Senders count sent items, the receiver received ones: one addition and one store for an item. The age of the first item
//! follows from [marks](crate::measure) that the monitor and every call of the statistics leave; one item in [`STAMPED`]
//! carries a time stamp, for its waiting time.

use super::QueueStats;
use crate::{
    measure::{Durations, Marks, Registry},
    trace::TraceContext,
};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};
use tokio::time::Instant;

/// One item in so many is timed.
pub const STAMPED: u64 = 16;
/// Queues that [`all`] knows of.
const MOST: usize = 4096;

static QUEUES: Registry<Core> = Registry::new(MOST);

pub(crate) fn all() -> Vec<Arc<Core>> {
    QUEUES.all()
}

#[derive(Debug)]
pub(crate) struct Core {
    name: &'static str,
    capacity: usize,
    sent: CachePadded<AtomicU64>,
    taken: CachePadded<AtomicU64>,
    full: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    waiting: AtomicU32,
    send_wait: Durations,
    item_wait: Durations,
    marks: Mutex<Marks>,
}

/// A value under way.
#[derive(Debug)]
pub(super) struct Item<T> {
    value: T,
    /// The sender's.
    context: TraceContext,
    stamp: Option<Instant>,
}

impl Core {
    pub(super) fn new(name: &'static str, capacity: usize) -> Arc<Self> {
        let core = Arc::new(Self {
            name,
            capacity,
            sent: CachePadded::default(),
            taken: CachePadded::default(),
            full: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            send_wait: Durations::default(),
            item_wait: Durations::default(),
            marks: Mutex::default(),
        });
        QUEUES.add(&core);
        core
    }

    /// Counts a value that has a place, just before it takes it: so what has been taken was always counted as sent.
    #[inline]
    pub(super) fn pack<T>(&self, value: T) -> Item<T> {
        let number = self.sent.fetch_add(1, Relaxed);
        let stamp = number.is_multiple_of(STAMPED).then(Instant::now);
        Item { value, context: TraceContext::current(), stamp }
    }

    /// Only the one receiver takes, so a load and a store are as good as an addition.
    #[inline]
    pub(super) fn unpack<T>(&self, item: Item<T>) -> (T, TraceContext) {
        self.taken.store(self.taken.load(Relaxed).wrapping_add(1), Release);
        if let Some(stamp) = item.stamp {
            self.item_wait.add(stamp.elapsed());
        }
        (item.value, item.context)
    }

    pub(super) fn found_full(&self) {
        self.full.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Nobody receives any more, and so many items were still in it.
    pub(super) fn lost(&self, items: u64) {
        tracing::warn!(queue = self.name, items, "a queue was dropped with items in it");
        self.lost.fetch_add(items, Relaxed);
        self.taken.store(self.taken.load(Relaxed).wrapping_add(items), Release);
    }

    pub(super) fn waits(&self) -> Waiting<'_> {
        self.found_full();
        self.waiting.fetch_add(1, Relaxed);
        Waiting { core: self, since: Instant::now() }
    }

    /// How many have come, and how many of them have gone.
    fn counts(&self) -> (u64, u64) {
        let taken = self.taken.load(Acquire);
        (self.sent.load(Relaxed).max(taken), taken)
    }

    pub(super) fn depth(&self) -> usize {
        let (sent, taken) = self.counts();
        // A place is free again a moment before what was in it is counted as taken.
        ((sent - taken) as usize).min(self.capacity)
    }

    /// Leaves a mark, and says how old the first item is at least.
    pub(crate) fn look(&self, now: Instant) -> Option<Duration> {
        let mut marks = self.marks.lock();
        let (sent, taken) = self.counts();
        marks.note(now, sent, taken);
        marks.age(now, taken)
    }

    pub(super) fn stats(&self, now: Instant) -> QueueStats {
        let oldest = self.look(now);
        let (sent, taken) = self.counts();
        QueueStats {
            name: self.name,
            capacity: self.capacity,
            depth: self.depth(),
            oldest: oldest.filter(|_| sent > taken).unwrap_or_default(),
            sent,
            taken: taken - self.lost.load(Relaxed).min(taken),
            full: self.full.load(Relaxed),
            refused: self.refused.load(Relaxed),
            lost: self.lost.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            send_wait: self.send_wait.read(),
            item_wait: self.item_wait.read(),
        }
    }
}

/// A sender that waits for a place. Counted however its wait ends.
pub(super) struct Waiting<'a> {
    core: &'a Core,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.waiting.fetch_sub(1, Relaxed);
        self.core.send_wait.add(self.since.elapsed());
    }
}
