//! Counters and gauges, which the hot path holds.

use crate::arena::Cells;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A count that only grows.
///
/// Adding is a load and a store without lock prefix on a thread that owns a shard ([`shard::own`]), and one
/// atomic addition elsewhere. Wraps after 2⁶⁴.
///
/// [`shard::own`]: crate::shard::own
#[derive(Debug, Clone)]
pub struct Counter {
    pub(crate) cells: Cells,
}

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.cells.add(0, 1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.cells.add(0, n);
    }

    /// Returns the sum over all shards. O(shards); for scrapes and tests, not for the hot path. Includes every addition
    /// that happened before the call, and perhaps some concurrent ones.
    pub fn get(&self) -> u64 {
        self.cells.sum(0)
    }
}

/// A number of things that come and go, such as requests in flight. Sharded like a counter: one thread may
/// add and another subtract.
///
/// The shards are read one after the other, so a read concurrent with writes can be off by those, even
/// below zero for a moment. Without concurrent writes it is exact.
#[derive(Debug, Clone)]
pub struct UpDown {
    pub(crate) cells: Cells,
}

impl UpDown {
    /// Adds `n`, which may be negative.
    #[inline]
    pub fn add(&self, n: i64) {
        self.cells.add(0, n.cast_unsigned());
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Adds one and subtracts it when the guard is dropped, on whichever thread that is.
    pub fn enter(&self) -> Entered<'_> {
        self.inc();
        Entered { gauge: self }
    }

    /// Returns the sum over all shards. O(shards).
    pub fn get(&self) -> i64 {
        self.cells.sum(0).cast_signed()
    }
}

/// A guard that counts one for as long as it lives: see [`UpDown::enter`].
#[derive(Debug)]
#[must_use = "dropping it counts down at once"]
pub struct Entered<'a> {
    gauge: &'a UpDown,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// A value that is set, such as a limit or a ratio. One cell for all threads: the last one to set it wins.
/// For a value that is better read at the scrape than set, register a collector instead.
#[derive(Debug, Clone)]
pub struct Gauge {
    bits: Arc<AtomicU64>,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self { bits: Arc::default() }
    }

    pub(crate) fn held(&self) -> bool {
        Arc::strong_count(&self.bits) > 1
    }

    /// Sets the value: one plain store.
    #[inline]
    pub fn set(&self, value: f64) {
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Returns the value; 0 before the first [`set`](Self::set).
    pub fn get(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::arena::CellArena;

    #[test]
    fn up_and_down_on_different_threads_meet() {
        let gauge = UpDown { cells: CellArena::new(4).take(1) };
        gauge.add(3);
        let other = gauge.clone();
        std::thread::spawn(move || {
            crate::shard::own();
            other.add(-5);
        })
        .join()
        .unwrap();
        assert_eq!(gauge.get(), -2);
        {
            let _one = gauge.enter();
            assert_eq!(gauge.get(), -1);
        }
        assert_eq!(gauge.get(), -2);
    }

    #[test]
    fn a_gauge_says_what_was_set_last() {
        let gauge = Gauge::new();
        assert!(gauge.get().abs() < f64::EPSILON);
        gauge.clone().set(0.25);
        assert!((gauge.get() - 0.25).abs() < f64::EPSILON);
    }
}
