//! One stretch of a sliding window: which stretch it is, and a count, in one word.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

const COUNT_BITS: u32 = 27;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
/// Far enough below the mask that even thousands of threads which all saw room cannot carry into the epoch.
const FULL: u64 = COUNT_MASK - (1 << 16);

/// A count that belongs to one epoch and starts anew when the ring comes round to its place.
///
/// Epoch and count change together, so nobody ever reads one epoch's count under another's name. 37 bits of epochs of
/// 200 ms last longer than 64 bits of nanoseconds.
#[derive(Debug)]
pub(super) struct Stretch(AtomicU64);

impl Stretch {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one more in `epoch`. Too late (the place has gone to a later epoch) or full: not counted.
    #[inline]
    pub(super) fn count(&self, epoch: u64) {
        let word = self.0.load(Relaxed);
        if word >> COUNT_BITS == epoch && word & COUNT_MASK < FULL {
            self.0.fetch_add(1, Relaxed);
        } else {
            self.take(epoch);
        }
    }

    /// Counts one more in `epoch` and says how many were there before; `None` where it is too late or full.
    pub(super) fn take(&self, epoch: u64) -> Option<u64> {
        let next = |word: u64| match (word >> COUNT_BITS).cmp(&epoch) {
            std::cmp::Ordering::Less => Some(epoch << COUNT_BITS | 1),
            std::cmp::Ordering::Equal if word & COUNT_MASK < FULL => Some(word + 1),
            _ => None,
        };
        let before = self.0.fetch_update(Relaxed, Relaxed, next).ok()?;
        Some(if before >> COUNT_BITS == epoch { before & COUNT_MASK } else { 0 })
    }

    /// Undoes one [`Self::take`] of `epoch`, unless the place has gone to a later one.
    pub(super) fn put_back(&self, epoch: u64) {
        let next = |word: u64| (word >> COUNT_BITS == epoch && word & COUNT_MASK > 0).then(|| word - 1);
        // An `Err` is the later epoch: there is nothing left to undo.
        let _ = self.0.fetch_update(Relaxed, Relaxed, next);
    }

    /// The count, if its epoch is `oldest` or later.
    #[inline]
    pub(super) fn since(&self, oldest: u64) -> u64 {
        let word = self.0.load(Relaxed);
        if word >> COUNT_BITS >= oldest { word & COUNT_MASK } else { 0 }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_starts_anew_and_an_earlier_one_is_too_late() {
        let stretch = Stretch::new();
        stretch.count(7);
        stretch.count(7);
        assert_eq!((stretch.since(7), stretch.since(8)), (2, 0));
        assert_eq!(stretch.take(58), Some(0));
        stretch.count(7);
        assert_eq!((stretch.take(7), stretch.since(0)), (None, 1));
        stretch.put_back(7);
        assert_eq!(stretch.since(0), 1);
        stretch.put_back(58);
        stretch.put_back(58);
        assert_eq!(stretch.since(58), 0);
    }

    #[test]
    fn a_full_count_stays_within_its_bits() {
        let stretch = Stretch(AtomicU64::new(9 << COUNT_BITS | (FULL - 1)));
        for _ in 0..3 {
            stretch.count(9);
        }
        assert_eq!((stretch.since(9), stretch.take(9)), (FULL, None));
    }
}
