//! The order in which calls go, and the place in it up to which they are let through.

use crate::{
    Cohort, Draw, Priority,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

const COHORTS: usize = 128;
/// Tiers times cohorts.
pub(super) const KEYS: usize = Priority::TIERS as usize * COHORTS;
/// A key is cut in so many parts, for the one that is to go in part.
const PARTS: u32 = 16;

/// Where a call stands: tier first, cohort within.
pub(super) fn key(priority: Priority, cohort: Cohort) -> usize {
    usize::from(priority.tier()) * COHORTS + usize::from(cohort.index())
}

/// A key in the high bits, a part of it in the low sixteen: calls below are let through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Cursor(pub(super) u64);

impl Cursor {
    /// Everything, and nothing is counted.
    pub(super) const CALM: Self = Self(u64::MAX);
    /// Everything, and arrivals are counted.
    pub(super) const ALL: Self = Self((KEYS as u64) << PARTS);
    /// The critical tier alone.
    const LEAST: Self = Self((COHORTS as u64) << PARTS);

    pub(super) fn admits(self, key: usize, draw: Draw) -> bool {
        ((key as u64) << PARTS | draw.below(1 << PARTS)) < self.0.max(Self::LEAST.0)
    }
}

/// How many calls came, by key, in one interval.
pub(super) struct Arrivals([u32; KEYS]);

impl Arrivals {
    /// Takes the counts and leaves zeros.
    pub(super) fn take(counters: &[AtomicU32]) -> Self {
        let mut arrivals = Self([0; KEYS]);
        for (count, counter) in arrivals.0.iter_mut().zip(counters) {
            if counter.load(Relaxed) > 0 {
                *count = counter.swap(0, Relaxed);
            }
        }
        arrivals
    }

    pub(super) fn all(&self) -> f64 {
        self.0.iter().copied().map(f64::from).sum()
    }

    /// How many of them lie below the cursor.
    pub(super) fn below(&self, cursor: Cursor) -> f64 {
        let at = (cursor.0 >> PARTS) as usize;
        if at >= KEYS {
            return self.all();
        }
        let part = (cursor.0 & ((1 << PARTS) - 1)) as f64 / f64::from(1 << PARTS);
        self.0[..at].iter().copied().map(f64::from).sum::<f64>() + part * f64::from(self.0[at])
    }

    /// The cursor that lets so many of them through, but never less than the critical tier.
    pub(super) fn cursor_at(&self, aim: f64) -> Cursor {
        let mut before = 0.0;
        for (key, count) in self.0.iter().enumerate() {
            let count = f64::from(*count);
            if before + count > aim {
                let part = ((aim - before) / count * f64::from(1 << PARTS)) as u64;
                return Cursor((key as u64) << PARTS | part.min((1 << PARTS) - 1)).max(Cursor::LEAST);
            }
            before += count;
        }
        Cursor::ALL
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn arrivals(counts: &[(usize, u32)]) -> Arrivals {
        let mut arrivals = Arrivals([0; KEYS]);
        for (key, count) in counts {
            arrivals.0[*key] = *count;
        }
        arrivals
    }

    fn at(key: u64, part: u64) -> Cursor {
        Cursor(key << PARTS | part)
    }

    #[test]
    fn keys_run_from_critical_to_sheddable() {
        assert_eq!(key(Priority::CRITICAL, Cohort::from_hash(0)), 0);
        assert_eq!(key(Priority::SHEDDABLE, Cohort::from_hash(u64::MAX)), KEYS - 1);
        assert!(
            key(Priority::NORMAL, Cohort::from_hash(u64::MAX))
                < key(Priority::SHEDDABLE, Cohort::from_hash(0))
        );
    }

    #[test]
    fn the_cursor_cuts_a_key_in_parts() {
        let arrivals = arrivals(&[(10, 50), (300, 100), (700, 50)]);
        assert!((arrivals.all() - 200.0).abs() < 1e-9);
        assert_eq!(arrivals.cursor_at(75.0), at(300, 1 << 14), "50, and a quarter of 100");
        assert!((arrivals.below(at(300, 1 << 14)) - 75.0).abs() < 1e-9);
        assert_eq!(arrivals.cursor_at(150.0), at(700, 0));
        assert_eq!(arrivals.cursor_at(200.0), Cursor::ALL);
        assert_eq!(arrivals.cursor_at(1.0), Cursor::LEAST, "the critical tier is never cut");
        assert!((arrivals.below(Cursor::ALL) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn within_the_cut_key_the_draw_decides() {
        let half = at(300, 1 << 15);
        assert!(half.admits(299, Draw::new(u64::MAX)));
        assert!(half.admits(300, Draw::new(0)));
        assert!(!half.admits(300, Draw::new(u64::MAX)));
        assert!(!half.admits(301, Draw::new(0)));
        assert!(at(0, 0).admits(127, Draw::new(u64::MAX)), "critical");
    }
}
