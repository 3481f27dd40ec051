//! One instance, used by several threads at once.

use divan::{Bencher, counter::ItemsCount};
use std::thread;

/// Calls in one sample: so many that starting two threads does not show.
pub(crate) const CALLS: u64 = 1_000_000;

/// The same number of calls, split over `threads`, each of which counts its own calls up from 0. What two threads take is
/// to be held against what one takes.
pub(crate) fn split(bencher: Bencher<'_, '_>, threads: u64, call: impl Fn(u64) + Sync) {
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..CALLS / threads).for_each(&call));
            }
        });
    });
}
