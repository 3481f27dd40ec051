//! Count, sum and maximum of durations.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A running sum. Each field is exact by itself; a reader may see one of them a call ahead of another.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    count: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
}

impl Durations {
    pub(crate) fn add(&self, took: Duration) {
        let nanos = nanos(took);
        self.count.fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
        // The maximum seldom moves: most calls only read.
        if self.longest.load(Relaxed) < nanos {
            self.longest.fetch_max(nanos, Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Times {
        Times {
            count: self.count.load(Relaxed),
            sum: Duration::from_nanos(self.nanos.load(Relaxed)),
            longest: Duration::from_nanos(self.longest.load(Relaxed)),
        }
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number of durations, their sum and the longest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Times {
    /// How many were timed.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// The longest since the start.
    pub longest: Duration,
}

impl Times {
    /// The mean; zero while nothing was timed.
    pub fn mean(&self) -> Duration {
        match self.count {
            0 => Duration::ZERO,
            count => Duration::from_nanos(nanos(self.sum) / count),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_nothing_is_nothing() {
        assert_eq!(Times::default().mean(), Duration::ZERO);
    }

    #[test]
    fn count_sum_and_longest() {
        let durations = Durations::default();
        for millis in [3, 9, 6] {
            durations.add(Duration::from_millis(millis));
        }
        let times = durations.read();
        assert_eq!((times.count, times.sum), (3, Duration::from_millis(18)));
        assert_eq!((times.longest, times.mean()), (Duration::from_millis(9), Duration::from_millis(6)));
    }

    #[test]
    fn a_duration_past_all_bounds_is_the_longest_there_is() {
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::{sync::Arc, thread};

    #[test]
    fn loom_no_duration_is_lost() {
        loom::model(|| {
            let durations = Arc::new(Durations::default());
            let theirs = Arc::clone(&durations);
            let other = thread::spawn(move || theirs.add(Duration::from_nanos(5)));
            durations.add(Duration::from_nanos(7));
            other.join().unwrap();
            let times = durations.read();
            assert_eq!((times.count, times.sum.as_nanos(), times.longest.as_nanos()), (2, 12, 7));
        });
    }
}
