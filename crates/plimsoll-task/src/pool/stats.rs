//! Statistics of a pool.

use super::worker::NotBegun;
use crate::measure::{Durations, Times};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A snapshot of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// The name it was given.
    pub name: &'static str,
    /// Threads that it has now.
    pub threads: usize,
    /// Threads that it may have.
    pub threads_most: usize,
    /// Threads that have work now, or are being started for it.
    pub running: usize,
    /// Work that has not begun.
    pub queued: usize,
    /// Work that may wait for a thread.
    pub capacity: usize,
    /// How long the first in the queue has waited.
    pub oldest: Duration,
    /// Work refused because the queue was full.
    pub full: u64,
    /// Work not begun because its deadline had passed.
    pub late: u64,
    /// Work taken out of the queue by who handed it in.
    pub given_up: u64,
    /// Work not begun because the pool was closed.
    pub dropped: u64,
    /// Work that panicked.
    pub panicked: u64,
    /// How long work waited for a thread, of all that got one.
    pub wait: Times,
    /// How long it ran, of all that is done.
    pub run: Times,
}

/// How a [shutdown](super::Pool::shutdown) ended. All zero: everything was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Shutdown {
    /// Work that was dropped before it had begun.
    pub never_begun: usize,
    /// Threads that were still busy.
    pub running: usize,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) wait: Durations,
    pub(super) run: Durations,
    full: AtomicU64,
    late: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
    panicked: AtomicU64,
}

impl Counts {
    pub(super) fn full(&self) {
        self.full.fetch_add(1, Relaxed);
    }

    pub(super) fn late(&self) {
        self.late.fetch_add(1, Relaxed);
    }

    pub(super) fn given_up(&self) {
        self.given_up.fetch_add(1, Relaxed);
    }

    pub(super) fn panicked(&self) {
        self.panicked.fetch_add(1, Relaxed);
    }

    pub(super) fn not_begun(&self, why: NotBegun) {
        match why {
            NotBegun::Late => &self.late,
            NotBegun::Closed => &self.dropped,
        }
        .fetch_add(1, Relaxed);
    }

    /// Adds the counts to the caller's numbers of threads.
    pub(super) fn read(&self, of: PoolStats) -> PoolStats {
        PoolStats {
            full: self.full.load(Relaxed),
            late: self.late.load(Relaxed),
            given_up: self.given_up.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            wait: self.wait.read(),
            run: self.run.read(),
            ..of
        }
    }
}
