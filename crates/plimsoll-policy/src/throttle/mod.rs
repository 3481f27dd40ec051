//! Client-side throttling: when a peer rejects many requests, part of them is rejected locally, which is cheap, so that
//! the peer does not spend its capacity on rejections.
//!
//! After *Site Reliability Engineering* (Beyer et al., 2016), chapter 21: with the requests and the accepts of the last
//! two minutes, a call is rejected locally with probability
//!
//! ```text
//! max(0, (requests − K · accepts) / (requests + 1))
//! ```
//!
//! Local rejections count as requests, so the probability follows the callers' demand, not only what got through. With
//! K = 2 the peer may reject about one call in two before any call is rejected locally, so that its recovery stays
//! visible; a smaller K rejects sooner. Once a second a call passes independent of the probability
//! (as in go-zero), so that a client with little traffic cannot lock itself out for the whole window.
//!
//! # What counts
//! [`Outcome::Success`] is accepted; [`Outcome::Failure`] and [`Outcome::Throttled`] are not; [`Outcome::Cancelled`] counts
//! for nothing. Calls count when they end: if they were counted when they start, a burst of calls in flight would look
//! like a peer that accepts nothing.
//!
//! The window slides with the clock, when a call is admitted as when it is settled: after an outage and a silence as
//! long as the window everything passes, and accepted calls leave it without a further one having ended.
//!
//! # Cost
//! 1,792 bytes. Admitting is one load as long as nothing is turned away; after a refusal, with each step of a window
//! that has refusals in it, and while the probability is above none, it adds up a window of 16 to 32 buckets, and
//! writes when it rejects. Settling is one compare-and-swap, on a counter that accepted calls of up to four threads do
//! not share. No lock.
//!
//! # Known weaknesses
//! - With very few calls the formula overreacts: one failure out of one gives a probability of one half.
//! - Memory is long by design: after an outage, rejections fade only as its calls leave the window or accepts outweigh
//!   them.
//! - It knows no kinds of calls: one failing method throttles all that share the instance.

mod spec;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

pub use spec::*;

use crate::{
    Draw, Instant, Machine, Outcome, Reason, RejectedError,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    time::nanos,
    window::{At, Grain, STRIPES, TimeRing, stripe},
};
use crossbeam_utils::CachePadded;
use std::{sync::PoisonError, time::Duration};

/// The interval in which one call always passes, whatever the probability.
const FORCED_PASS: Duration = Duration::from_secs(1);

/// The row of refusals; accepted calls are in those from [`ACCEPTED`] on, over which threads spread.
const REFUSED: usize = 0;
const ACCEPTED: usize = 1;

/// A client throttle. Shared by reference between any number of threads; see the [module](self) for what it does.
///
/// ```
/// # use plimsoll_policy::{*, throttle::{Throttle, ThrottleSpec}};
/// let throttle = Throttle::new(ThrottleSpec::default());
/// let (now, draw) = (Instant::ORIGIN, Draw::new(0));
/// for _ in 0..100 {
///     throttle.settle(now, Outcome::Throttled);
/// }
/// let rejected = throttle.admit(now, draw).unwrap_err();
/// assert_eq!(rejected.reason, Reason::Throttled);
/// assert_eq!(throttle.snapshot(now).requests, 101);
/// ```
#[derive(Debug)]
pub struct Throttle {
    steady: CachePadded<Steady>,
    ring: CachePadded<TimeRing<{ ACCEPTED + STRIPES }>>,
    /// The time at which a call last passed by that rule, in nanoseconds.
    passed: CachePadded<AtomicU64>,
    spec: Mutex<ThrottleSpec>,
}

/// Fields that every call reads and only an update writes.
#[derive(Debug)]
struct Steady {
    /// How the window is cut, in 12 bits, and above them how often it began anew.
    cut: AtomicU64,
    /// Bits of the multiplier.
    k: AtomicU64,
    /// The number of events that may have raised the probability.
    raised: AtomicU64,
    /// Until when the probability is known to be none, in nanoseconds, if nothing raises it: to the next step of the
    /// window, with which accepted calls may leave it; for ever where there is no refusal in it. 0 where it is not
    /// known.
    calm_until: AtomicU64,
}

/// A snapshot of a throttle.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Snapshot {
    /// The calls in the window, including those rejected locally.
    pub requests: u64,
    /// The calls of these that the peer accepted.
    pub accepts: u64,
    /// The probability with which a call is rejected now, from 0 to below 1.
    pub probability: f64,
}

impl Throttle {
    /// Creates a throttle with an empty window.
    pub fn new(spec: ThrottleSpec) -> Self {
        let cut = AtomicU64::new(Grain::from_window(spec.window).pack());
        let steady = Steady {
            cut,
            k: AtomicU64::new(spec.k.get().to_bits()),
            raised: AtomicU64::new(0),
            calm_until: AtomicU64::new(u64::MAX),
        };
        Self {
            steady: CachePadded::new(steady),
            ring: CachePadded::new(TimeRing::new()),
            passed: CachePadded::new(AtomicU64::new(0)),
            spec: Mutex::new(spec),
        }
    }

    /// Admits a call or refuses it. A rejection counts as a request by itself; an admitted call must be settled.
    ///
    /// # Errors
    /// [`Reason::Throttled`], without a retry time: the next call may pass.
    #[inline]
    pub fn admit(&self, now: Instant, draw: Draw) -> Result<(), RejectedError> {
        if now.as_nanos() < self.steady.calm_until.load(Acquire) {
            Ok(())
        } else {
            self.admit_alarmed(now, draw)
        }
    }

    #[inline(never)]
    fn admit_alarmed(&self, now: Instant, draw: Draw) -> Result<(), RejectedError> {
        let raised = self.steady.raised.load(Acquire);
        let seen = self.look(now);
        if seen.probability > 0.0 {
            return self.admit_against_odds(now, draw, seen.probability);
        }
        self.note_calm(now, raised, seen);
        Ok(())
    }

    /// Records that the probability was zero at `now`, after so many events that may have raised it. Records nothing
    /// while another thread holds the lock, or if there were more events since: then it is computed again.
    fn note_calm(&self, now: Instant, raised: u64, seen: Snapshot) {
        let Ok(_alone) = self.spec.try_lock() else { return };
        if self.steady.raised.load(Acquire) != raised {
            return;
        }
        let until = if seen.requests == seen.accepts { Instant::FAR } else { self.at(now).0.next_step() };
        self.steady.calm_until.store(until.as_nanos(), Release);
        // Either this sees what has raised it meanwhile, or that one's alarm comes after this.
        fence(SeqCst);
        if self.steady.raised.load(Acquire) != raised {
            self.steady.calm_until.store(0, Release);
        }
    }

    /// Records an event that may have raised the probability.
    fn alarm(&self) {
        self.steady.raised.fetch_add(1, AcqRel);
        fence(SeqCst);
        self.steady.calm_until.store(0, Release);
    }

    fn admit_against_odds(&self, now: Instant, draw: Draw, probability: f64) -> Result<(), RejectedError> {
        let passed = self.passed.load(Relaxed);
        let due = now.as_nanos().saturating_sub(passed) >= nanos(FORCED_PASS);
        if draw.unit() >= probability {
            // Of all that pass only one a while notes it, lest they fight for the line.
            if due {
                self.passed.store(now.as_nanos(), Relaxed);
            }
            return Ok(());
        }
        if due && self.passed.compare_exchange(passed, now.as_nanos(), Relaxed, Relaxed).is_ok() {
            return Ok(());
        }
        self.count_refused(now);
        Err(RejectedError::new(Machine::Throttle, Reason::Throttled))
    }

    /// Records the outcome of an admitted call.
    #[inline]
    pub fn settle(&self, now: Instant, outcome: Outcome) {
        match outcome {
            Outcome::Success => self.count(now, ACCEPTED + stripe()),
            Outcome::Failure(_) | Outcome::Throttled => self.count_refused(now),
            Outcome::Cancelled | Outcome::Caller | Outcome::Local => {}
        }
    }

    /// Applies new thresholds at once. The window is kept while its new length is between a quarter of the one it was
    /// made with and that one, and up to its double as far as 32 of its buckets reach; beyond, it starts empty.
    pub fn update(&self, spec: ThrottleSpec) {
        let mut current = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        self.steady.k.store(spec.k.get().to_bits(), Relaxed);
        let cut = self.steady.cut.load(Relaxed);
        let era = cut >> 12;
        let (era, grain) = match Grain::unpack(cut).resized(spec.window) {
            Some(grain) => (era, grain),
            None => (u64::from((era as u32).wrapping_add(1)), Grain::from_window(spec.window)),
        };
        self.steady.cut.store(era << 12 | grain.pack(), Release);
        self.alarm();
        *current = spec;
    }

    /// Returns the thresholds in force.
    pub fn spec(&self) -> ThrottleSpec {
        *self.spec.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a snapshot at `now`.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        self.look(now)
    }

    #[inline]
    fn look(&self, now: Instant) -> Snapshot {
        let sums = self.ring.sums(self.at(now).0);
        let k = f64::from_bits(self.steady.k.load(Relaxed));
        let requests: u64 = sums.iter().sum();
        let accepts = requests - sums[REFUSED];
        let excess = requests as f64 - k * accepts as f64;
        Snapshot { requests, accepts, probability: (excess / (requests as f64 + 1.0)).max(0.0) }
    }

    #[inline]
    fn count(&self, now: Instant, kind: usize) {
        let (at, cut) = self.at(now);
        // Dropped where the window has just begun anew.
        let _ = self.ring.add(at, kind, || self.steady.cut.load(Acquire) >> 12 == cut >> 12);
    }

    /// Apart, so that what accepted calls do stays short.
    #[inline(never)]
    fn count_refused(&self, now: Instant) {
        self.count(now, REFUSED);
        self.alarm();
    }

    #[inline]
    fn at(&self, now: Instant) -> (At, u64) {
        let cut = self.steady.cut.load(Acquire);
        (Grain::unpack(cut).at(now, (cut >> 12) as u32), cut)
    }
}
