//! Ownership of the rows of counters by threads.
//!
//! Every metric is stored once per shard. A thread that *owns* a shard is the only writer of that row, so
//! it increments with a plain load and a plain store; no locked instruction is needed. All other
//! threads write row 0, the shared one, with an atomic addition.
//!
//! # How two owners of one row are ruled out
//! - There is one table of shards in the process, whatever the number of registries, and a shard is taken
//!   from it by compare-and-swap: an index is out at most once.
//! - The row a thread writes lives in a private thread-local that only [`own`] sets. Nothing outside this
//!   module can set it or carry it to another thread.
//! - It is given back by the destructor of a thread-local, which first turns the thread into one without a
//!   shard and only then returns the index. Metrics that are touched later, from other destructors of the
//!   same thread, take the shared row.
//! - Giving back releases and taking acquires, so the next owner goes on from the last owner's sums.

use crate::sync::{AtomicU64, Ordering};

/// The number of threads of a process that can own a shard at the same time.
pub const MAX_SHARDS: usize = 256;

/// The row of all threads that own no shard.
pub(crate) const SHARED: usize = 0;

const BITS: usize = u64::BITS as usize;

/// The table of shards that are taken, one bit each.
#[derive(Debug)]
pub(crate) struct Shards {
    taken: [AtomicU64; MAX_SHARDS / BITS],
}

impl Shards {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { taken: [const { AtomicU64::new(0) }; MAX_SHARDS / BITS] }
    }

    /// Takes the lowest free shard: low indices are the ones that every registry has a row for.
    pub(crate) fn claim(&self) -> Option<Claim<'_>> {
        for (word, taken) in self.taken.iter().enumerate() {
            let mut seen = taken.load(Ordering::Relaxed);
            while seen != u64::MAX {
                let bit = seen.trailing_ones() as usize;
                match taken.compare_exchange(seen, seen | 1 << bit, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return Some(Claim { shards: self, index: word * BITS + bit }),
                    Err(now) => seen = now,
                }
            }
        }
        None
    }
}

/// One shard, held. Dropping it gives the shard back.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    shards: &'a Shards,
    index: usize,
}

impl Claim<'_> {
    /// The row that this claim may write without atomic additions. Row 0 has no owner.
    pub(crate) fn row(&self) -> usize {
        self.index + 1
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let bit = 1 << (self.index % BITS);
        self.shards.taken[self.index / BITS].fetch_and(!bit, Ordering::Release);
    }
}

pub use of_thread::own;
pub(crate) use of_thread::row;

#[cfg(not(loom))]
mod of_thread {
    use super::{Claim, SHARED, Shards};
    use std::cell::{Cell, RefCell};

    static SHARDS: Shards = Shards::new();

    thread_local! {
        // Apart from the claim: a cell without destructor is read without a check, even while the thread ends.
        static ROW: Cell<usize> = const { Cell::new(SHARED) };
        static HELD: RefCell<Option<ThreadClaim>> = const { RefCell::new(None) };
    }

    struct ThreadClaim {
        claim: Claim<'static>,
    }

    impl Drop for ThreadClaim {
        fn drop(&mut self) {
            // Before the field `claim` drops and somebody else may become the owner.
            ROW.set(SHARED);
        }
    }

    /// Makes the calling thread the owner of a shard until it ends. Call it once at the start of a worker
    /// thread; calling it again changes nothing.
    ///
    /// Returns `true` if the thread owns a shard now, `false` if all [`MAX_SHARDS`](super::MAX_SHARDS) are taken
    /// or the thread is ending: its metrics are then counted in the shared row, exactly but at the price of
    /// an atomic addition. The same holds in a registry that was built with fewer shards than threads own.
    ///
    /// ```
    /// std::thread::spawn(|| {
    ///     plimsoll_telemetry::shard::own();
    ///     // ... this worker's requests
    /// });
    /// ```
    pub fn own() -> bool {
        let held = HELD.try_with(|held| {
            let mut held = held.borrow_mut();
            if held.is_none() {
                *held = SHARDS.claim().map(|claim| ThreadClaim { claim });
            }
            held.as_ref().map(|held| held.claim.row())
        });
        let row = held.ok().flatten();
        if let Some(row) = row {
            ROW.set(row);
        }
        row.is_some()
    }

    #[inline]
    pub(crate) fn row() -> usize {
        ROW.get()
    }
}

#[cfg(loom)]
mod of_thread {
    // Under loom the tests name the row themselves, from the claim they hold; no other thread owns one.
    /// Owns nothing: under loom every thread counts in the shared row.
    pub fn own() -> bool {
        false
    }

    pub(crate) fn row() -> usize {
        super::SHARED
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_shard_is_taken_and_comes_back() {
        let shards = Shards::new();
        let first = shards.claim().unwrap();
        let second = shards.claim().unwrap();
        assert_eq!((first.row(), second.row()), (1, 2));
        drop(first);
        assert_eq!(shards.claim().unwrap().row(), 1);
    }

    #[test]
    fn when_all_are_taken_there_is_none() {
        let shards = Shards::new();
        let all: Vec<_> = (0..MAX_SHARDS).map(|_| shards.claim().unwrap()).collect();
        assert!(shards.claim().is_none());
        let rows: std::collections::BTreeSet<_> = all.iter().map(Claim::row).collect();
        assert_eq!(rows.len(), MAX_SHARDS);
        drop(all);
        assert!(shards.claim().is_some());
    }

    #[test]
    fn a_thread_owns_one_shard_however_often_it_asks() {
        std::thread::spawn(|| {
            assert_eq!(row(), SHARED);
            assert!(own());
            let mine = row();
            assert!(own());
            assert_eq!(row(), mine);
            assert_ne!(mine, SHARED);
        })
        .join()
        .unwrap();
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    impl Shards {
        pub(crate) fn for_loom() -> Self {
            Self { taken: std::array::from_fn(|_| AtomicU64::new(0)) }
        }
    }

    #[test]
    fn no_row_has_two_owners() {
        loom::model(|| {
            let shards: &'static Shards = Box::leak(Box::new(Shards::for_loom()));
            let other = loom::thread::spawn(move || {
                let claim = shards.claim().unwrap();
                claim.row()
            });
            let mine = shards.claim().unwrap();
            // The other one may have come and gone before, or still hold the row: then it is another.
            let first = mine.row();
            let second = shards.claim().unwrap();
            assert_ne!(first, second.row());
            other.join().unwrap();
        });
    }
}
