use super::limits::Cut;
use crate::{
    Instant,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
    window::{CallRing, STRIPES, TimeRing, stripe},
};
use crossbeam_utils::CachePadded;
use std::sync::OnceLock;

/// The first of the lanes of good calls, over which threads spread.
const GOOD: usize = 3;

/// The counts of a breaker: the window of either kind, and the consecutive failures.
#[derive(Debug)]
pub(super) struct Calls {
    /// One cell a call, in the lane of its outcome: failed, slow, both, and neither in the lanes from [`GOOD`] on.
    time: CachePadded<TimeRing<{ GOOD + STRIPES }>>,
    consecutive: ConsecutiveFailures,
    /// Made when a spec first has a window by count.
    ring: OnceLock<Box<CallRing>>,
}

/// The number of consecutive failures in an era.
#[derive(Debug)]
struct ConsecutiveFailures(AtomicU64);

impl Calls {
    pub(super) fn new(cut: Cut) -> Self {
        let calls = Self {
            time: CachePadded::new(TimeRing::new()),
            consecutive: ConsecutiveFailures(AtomicU64::new(0)),
            ring: OnceLock::new(),
        };
        calls.prepare(cut);
        calls
    }

    /// Allocates what windows of this kind need, once.
    pub(super) fn prepare(&self, cut: Cut) {
        if matches!(cut, Cut::Calls(_)) {
            self.ring.get_or_init(|| Box::new(CallRing::new()));
        }
    }

    /// Counts a call of this era; `None` if the era is over (see [`TimeRing::add`] for `live`).
    ///
    /// How many calls like it were counted since the window last lost one: in its bucket and its stripe, or in all
    /// where the window is by count. Never more than the window holds while it fills.
    #[inline]
    pub(super) fn add(
        &self,
        cut: Cut,
        now: Instant,
        era: u32,
        (failed, slow): (bool, bool),
        live: impl Fn() -> bool,
    ) -> Option<u64> {
        match cut {
            Cut::Time(grain) => {
                let lane = match (failed, slow) {
                    (true, false) => 0,
                    (false, true) => 1,
                    (true, true) => 2,
                    (false, false) => GOOD + stripe(),
                };
                self.time.add(grain.at(now, era), lane, live)
            }
            Cut::Calls(_) => self.ring.get()?.add(era, failed, slow, live),
        }
    }

    /// Makes one of the window's calls that have not failed, the newest, one that has; nothing where all have failed,
    /// or left. Which one it is cannot be told: a permit does not remember when its call was counted.
    pub(super) fn fail(&self, cut: Cut, now: Instant, era: u32, live: impl Fn() -> bool) {
        match cut {
            Cut::Time(grain) => {
                let at = grain.at(now, era);
                let good: [usize; STRIPES] = std::array::from_fn(|stripe| GOOD + stripe);
                // A slow one only where no other is left: what was slow stays slow.
                let _ = self.time.change(at, &good, 0, &live) || self.time.change(at, &[1], 2, &live);
            }
            Cut::Calls(size) => {
                self.ring.get().map(|ring| ring.fail(era, size, live));
            }
        }
    }

    /// Adds a consecutive failure and returns their number. `None` if the era is over.
    pub(super) fn add_failure(&self, era: u32, live: impl Fn() -> bool) -> Option<u32> {
        self.consecutive.add(era, live)
    }

    /// Ends the run of failures after a success.
    #[inline]
    pub(super) fn end_failures(&self, era: u32) {
        self.consecutive.reset(era);
    }

    /// Calls, failures and slow calls in the window.
    pub(super) fn counts(&self, cut: Cut, now: Instant, era: u32) -> [u64; 3] {
        match cut {
            Cut::Time(grain) => {
                let sums = self.time.sums(grain.at(now, era));
                let [failed, slow, both, ..] = sums;
                [sums.iter().sum(), failed + both, slow + both]
            }
            Cut::Calls(size) => self.ring.get().map_or([0; 3], |ring| ring.counts(era, size)),
        }
    }

    /// The number of consecutive failures in this era.
    pub(super) fn consecutive(&self, era: u32) -> u32 {
        let seen = self.consecutive.0.load(Acquire);
        if (seen >> 32) as u32 == era { seen as u32 } else { 0 }
    }
}

impl ConsecutiveFailures {
    fn add(&self, era: u32, live: impl Fn() -> bool) -> Option<u32> {
        let mut seen = self.0.load(Acquire);
        loop {
            let failures = if (seen >> 32) as u32 == era {
                (seen as u32).saturating_add(1)
            } else if live() {
                1
            } else {
                return None;
            };
            match self.0.compare_exchange_weak(
                seen,
                u64::from(era) << 32 | u64::from(failures),
                AcqRel,
                Acquire,
            ) {
                Ok(_) => return Some(failures),
                Err(now) => seen = now,
            }
        }
    }

    /// Resets the number to zero; writes only where it is not zero.
    #[inline]
    fn reset(&self, era: u32) {
        let mut seen = self.0.load(Acquire);
        while (seen >> 32) as u32 == era && seen as u32 != 0 {
            match self.0.compare_exchange_weak(seen, u64::from(era) << 32, AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
    }
}
