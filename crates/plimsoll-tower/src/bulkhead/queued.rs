use crate::{driver::Waiters, keyed::KeyedMachine};
use plimsoll_policy::{
    Instant,
    bulkhead::{Bulkhead, BulkheadSnapshot, BulkheadSpec, QueueOrder},
};

/// A bulkhead with a wait queue: the machine and the wakers of its waiters.
#[derive(Debug)]
pub struct QueuedBulkhead {
    pub(super) bulkhead: Bulkhead,
    pub(super) waiters: Waiters,
}

impl QueuedBulkhead {
    pub(super) fn new(spec: BulkheadSpec) -> Self {
        Self { bulkhead: Bulkhead::new(spec), waiters: Waiters::new() }
    }

    /// Returns a snapshot of the bulkhead.
    pub fn snapshot(&self, now: Instant) -> BulkheadSnapshot {
        self.bulkhead.snapshot(now)
    }

    /// Puts new limits in force; a larger one admits waiters.
    pub fn update(&self, spec: BulkheadSpec, now: Instant) {
        self.bulkhead.update(spec);
        while let Some(ticket) = self.bulkhead.hand_over(now, QueueOrder::OldestFirst).0 {
            self.waiters.wake(ticket);
        }
    }
}

impl KeyedMachine for QueuedBulkhead {
    type Spec = BulkheadSpec;

    fn from_spec(spec: &BulkheadSpec) -> Self {
        Self::new(*spec)
    }

    fn apply_spec(&self, spec: &BulkheadSpec, now: Instant) {
        self.update(*spec, now);
    }

    /// Always true: calls in flight count as use and prevent eviction by themselves.
    fn is_evictable(&self) -> bool {
        true
    }
}
