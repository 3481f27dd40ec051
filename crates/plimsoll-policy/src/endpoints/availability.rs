//! Which endpoints count as usable at all: a sum over the set that is kept, and made anew when it may have changed.

use crate::{
    Instant,
    ejection::Changes,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// By what endpoints are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Those that are not healthy, and those that are ejected.
    Normal,
    /// Those that are not healthy: there are others, but each is ejected.
    HealthAlone,
    /// None is left out: too few would be left.
    Panic,
}

/// The mode in force, in a word with the number of turns into and out of panic.
///
/// A pick costs two loads and a comparison here. The count over all endpoints is made by the caller that finds that
/// something has changed or that an ejection has ended since the last one, under a lock that nobody waits for: who
/// finds it taken goes by the mode of before.
#[derive(Debug)]
pub(super) struct Availability {
    changes: Changes,
    /// The number of changes that the mode takes into account.
    seen: AtomicU64,
    /// When the next ejection ends.
    until: AtomicU64,
    counting: AtomicBool,
    /// Turns above the mode's two bits; an odd number of turns is panic.
    word: AtomicU64,
    /// The turns that have been reported.
    told: AtomicU64,
}

const MODE_BITS: u32 = 2;

impl Availability {
    /// Nothing counted yet. `turns` is carried from the set before.
    pub(super) fn new(changes: Changes, turns: u64) -> Self {
        let mode = if turns % 2 == 1 { Mode::Panic } else { Mode::Normal };
        Self {
            changes,
            seen: AtomicU64::new(u64::MAX),
            until: AtomicU64::new(0),
            counting: AtomicBool::new(false),
            word: AtomicU64::new(turns << MODE_BITS | mode as u64),
            told: AtomicU64::new(turns),
        }
    }

    pub(super) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The mode of now. `count` gives it together with the instant from which on it may be another.
    #[inline]
    pub(super) fn mode(&self, now: Instant, count: impl FnOnce() -> (Mode, Instant)) -> Mode {
        let fresh = self.seen.load(Acquire) == self.changes.count();
        if !fresh || now.as_nanos() >= self.until.load(Relaxed) {
            self.refresh(count);
        }
        mode(self.word.load(Relaxed))
    }

    #[cold]
    fn refresh(&self, count: impl FnOnce() -> (Mode, Instant)) {
        if self.counting.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            return;
        }
        // Before the count: a change in the midst of it is then one that has not been seen.
        let changes = self.changes.count();
        let (next, until) = count();
        let turns = self.turns();
        let turned = (next == Mode::Panic) != (turns % 2 == 1);
        self.word.store((turns + u64::from(turned)) << MODE_BITS | next as u64, Relaxed);
        self.until.store(until.as_nanos(), Relaxed);
        self.seen.store(changes, Release);
        self.counting.store(false, Release);
    }

    /// How often panic began or ended.
    pub(super) fn turns(&self) -> u64 {
        self.word.load(Relaxed) >> MODE_BITS
    }

    /// Returns whether panic has begun (`true`) or ended since the last call. Of several turns between, it returns the
    /// last.
    #[inline]
    pub(super) fn turned(&self) -> Option<bool> {
        let (turns, told) = (self.turns(), self.told.load(Relaxed));
        if turns == told {
            return None;
        }
        self.told.compare_exchange(told, turns, Relaxed, Relaxed).ok()?;
        let (before, after) = (told % 2 == 1, turns % 2 == 1);
        (before != after).then_some(after)
    }
}

fn mode(word: u64) -> Mode {
    match word & ((1 << MODE_BITS) - 1) {
        0 => Mode::Normal,
        1 => Mode::HealthAlone,
        _ => Mode::Panic,
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::atomic::AtomicU32;
    use loom::{sync::Arc, thread};

    /// A reported change is in the mode once all concurrent operations are done.
    #[test]
    fn loom_no_change_is_lost() {
        loom::model(|| {
            let availability = Arc::new(Availability::new(Changes::new(), 0));
            let usable = Arc::new(AtomicU32::new(2));
            let count = |usable: &AtomicU32| {
                let mode = if usable.load(Relaxed) == 0 { Mode::Panic } else { Mode::Normal };
                (mode, Instant::FAR)
            };
            let threads = [(); 2].map(|()| {
                let (availability, usable) = (Arc::clone(&availability), Arc::clone(&usable));
                thread::spawn(move || {
                    usable.fetch_sub(1, Relaxed);
                    availability.changes().happened();
                    availability.mode(Instant::ORIGIN, || count(&usable));
                })
            });
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(availability.mode(Instant::ORIGIN, || count(&usable)), Mode::Panic);
            assert_eq!(availability.turned(), Some(true));
            assert_eq!(availability.turned(), None);
        });
    }
}
