//! The circuit breaker: stops asking a peer that keeps failing, and finds out gently when it is well again.
//!
//! After Nygard, *Release It!* (2007), with the sliding windows by count and by time and the slow-call ratio that
//! resilience4j made common, and open times that grow while probes keep failing.
//!
//! ```text
//!            a threshold is reached              open time over, next call
//!   closed ───────────────────────────▶ open ───────────────────────────▶ half-open ─┐ longest half-open time
//!     ▲                                  ▲          a probe fails             │  │ ▲  │ over: a new set of probes
//!     │                                  └────────────────────────────────────┘  │ └──┘
//!     └──────────────────────── all probes went well ────────────────────────────┘
//! ```
//!
//! # What counts
//! Success and failure do; [`Outcome::Cancelled`] and [`Outcome::Throttled`] count neither way, and a probe that ends so
//! gives its place back. Where slow calls are looked at, a probe that was slow has failed. A call counts when it ends.
//!
//! The window slides: with every call where it is by count, in steps of at most a sixteenth of its length where it is by
//! time. A time window holds a call for its length, give or take one such step. It starts empty whenever the breaker
//! changes its state, and only then.
//!
//! # Epochs
//! Every transition begins an epoch, and a permit carries the epoch in which it was given. What comes back for an earlier
//! epoch changes nothing: no counter, no probe's place, no state. So a call from before the breaker opened cannot decide
//! a probe, and a probe that was given up cannot decide the next set.
//!
//! # Cost
//! 2,304 bytes, and 2,176 more once a window by count has been asked for. Admitting while closed is one load; settling
//! is one atomic change of a counter that no admission reads, and that good calls of up to four threads do not share where
//! the window is by time. Transitions take a lock, for as long as a few stores; nobody waits for it to be admitted.
//!
//! # Known weaknesses
//! - Ratios need traffic: below the minimum of calls only consecutive failures open it.
//! - A window by count never ages: after a quiet night it still holds yesterday's calls.
//! - It sees a peer as one. One bad replica of three is a third of failures here: ejection is what takes out replicas.
//! - Calls count when they end, so a peer that hangs is noticed only as its calls time out.
//! - Where the window is by count, a thread that stands still in the middle of settling for four epochs or more may leave
//!   one good call in a later window.

mod calls;
mod limits;
mod permit;
mod record;
mod snapshot;
mod spec;
mod transition;
mod word;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;

pub use permit::{Passage, Permit};
pub use record::{Counts, Opening};
pub use snapshot::Snapshot;
pub use spec::*;

use crate::{
    BreakerState, Draw, Instant, Machine, Outcome, Reason, Rejected, Transition, TransitionReason,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, SeqCst},
            fence,
        },
    },
    window::Apart,
};
use calls::Calls;
use limits::Limits;
use record::Record;
use std::time::Duration;
use word::Word;

/// A circuit breaker. Shared by reference between any number of threads; see the [module](self) for what it does.
///
/// ```
/// # use plimsoll_policy::{*, breaker::{Breaker, BreakerSpec}};
/// # use std::time::Duration;
/// let breaker = Breaker::new(BreakerSpec::default());
/// let (mut now, draw, took) = (Instant::ORIGIN, Draw::new(7), Duration::from_millis(3));
/// for _ in 0..20 {
///     let permit = breaker.admit(now).unwrap().permit;
///     breaker.settle(permit, now, draw, Outcome::Failure(Failure::Answer), took);
/// }
/// assert_eq!(breaker.state(), BreakerState::Open);
/// let refused = breaker.admit(now).unwrap_err();
/// now = now + refused.retry_after.unwrap();
/// for _ in 0..3 {
///     let permit = breaker.admit(now).unwrap().permit;
///     breaker.settle(permit, now, draw, Outcome::Success, took);
/// }
/// assert_eq!(breaker.state(), BreakerState::Closed);
/// ```
#[derive(Debug)]
pub struct Breaker {
    steady: Apart<Steady>,
    calls: Calls,
    record: Mutex<Record>,
}

/// What every call reads and only transitions and updates write: kept off the lines that calls write.
#[derive(Debug)]
struct Steady {
    word: AtomicU64,
    /// Nanoseconds at which an open or half-open state is over; written before the word that begins the state.
    until: AtomicU64,
    limits: Limits,
}

impl Breaker {
    /// A closed breaker with an empty window. Allocates only for a window by count.
    pub fn new(spec: BreakerSpec) -> Self {
        let limits = Limits::new(&spec);
        let calls = Calls::new(limits.cut());
        let word = AtomicU64::new(Word::new(0, BreakerState::Closed).bits());
        let steady = Steady { word, until: AtomicU64::new(u64::MAX), limits };
        Self { steady: Apart(steady), calls, record: Mutex::new(Record::new(spec)) }
    }

    /// May a call go ahead now? Whoever is let through settles the permit exactly once.
    ///
    /// The call that finds the open time over is the first probe and brings the transition with it.
    ///
    /// # Errors
    /// [`Reason::CircuitOpen`] with the time until probes pass, [`Reason::ProbesTaken`] while all probes are out,
    /// [`Reason::Isolated`] where somebody holds it open by hand.
    #[inline]
    pub fn admit(&self, now: Instant) -> Result<Passage, Rejected> {
        let word = self.word();
        if word.passes() { Ok(Passage::steady(word)) } else { self.admit_unsteady(now, word) }
    }

    #[cold]
    fn admit_unsteady(&self, now: Instant, mut word: Word) -> Result<Passage, Rejected> {
        let refused = |reason| Err(Rejected::new(Machine::Breaker, reason));
        loop {
            let until = Instant::from_nanos(self.steady.until.load(Acquire));
            match word.state() {
                BreakerState::Closed | BreakerState::ForcedClosed => return Ok(Passage::steady(word)),
                BreakerState::ForcedOpen | BreakerState::Isolated => return refused(Reason::Isolated),
                BreakerState::Open if now < until => {
                    return refused(Reason::CircuitOpen).map_err(|rejected| rejected.after(until.since(now)));
                }
                BreakerState::Open => {
                    if let Some(passage) = self.begin_probing(word, now, TransitionReason::OpenElapsed)? {
                        return Ok(passage);
                    }
                    word = self.word();
                }
                BreakerState::HalfOpen if now >= until => {
                    if let Some(passage) = self.begin_probing(word, now, TransitionReason::HalfOpenElapsed)? {
                        return Ok(passage);
                    }
                    word = self.word();
                }
                BreakerState::HalfOpen if word.given() >= self.steady.limits.probes() => {
                    return refused(Reason::ProbesTaken);
                }
                BreakerState::HalfOpen => match self.exchange(word, word.give()) {
                    Ok(()) => return Ok(Passage::probe(word.epoch(), None)),
                    Err(newer) => word = newer,
                },
            }
        }
    }

    /// A call that was let through has ended so, `took` after that. Gives the transition that it caused, if any.
    ///
    /// `draw` is used where the breaker opens, to jitter the open time.
    #[inline]
    pub fn settle(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        took: Duration,
    ) -> Option<Transition> {
        let word = self.word();
        if word.epoch() != permit.epoch {
            return None;
        }
        if permit.probe {
            return self.settle_probe(permit, now, draw, outcome, took);
        }
        let failed = match outcome {
            Outcome::Success => false,
            Outcome::Failure(_) => true,
            Outcome::Throttled | Outcome::Cancelled | Outcome::Caller | Outcome::Local => return None,
        };
        let limits = &self.steady.limits;
        let (cut, slow) = (limits.cut(), self.is_slow(took));
        let live = || self.word().epoch() == permit.epoch;
        let tally = self.calls.add(cut, now, permit.epoch, (failed, slow), live)?;
        // A good call can only bring the ratios down, except where it is the one that makes up the minimum, or the first
        // in a bucket, with which another one has left the window.
        let minimum = limits.minimum_calls(cut);
        if !failed && !slow && tally.number > minimum {
            return None;
        }
        if word.state() == BreakerState::ForcedClosed {
            return None;
        }
        self.judge(permit.epoch, now, draw, tally.row)
    }

    fn is_slow(&self, took: Duration) -> bool {
        let slow = self.steady.limits.slow_call();
        slow != u64::MAX && took >= Duration::from_nanos(slow)
    }

    /// Opens if a condition says so.
    fn judge(&self, epoch: u32, now: Instant, draw: Draw, row: u32) -> Option<Transition> {
        // Of two calls that tip the balance together, counted in different cells, one must see the other.
        fence(SeqCst);
        let limits = &self.steady.limits;
        let cut = limits.cut();
        let counts = self.calls.counts(cut, now, epoch);
        let reason = if limits.row_opens(row) {
            TransitionReason::Consecutive
        } else if counts[0] >= limits.minimum_calls(cut) {
            limits.ratio_opens(counts)?
        } else {
            return None;
        };
        self.open(epoch, now, draw, reason, counts.into())
    }

    fn settle_probe(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        took: Duration,
    ) -> Option<Transition> {
        let mut word = self.word();
        while word.epoch() == permit.epoch {
            let next = match outcome {
                Outcome::Success if !self.is_slow(took) => word.pass(),
                Outcome::Throttled | Outcome::Cancelled | Outcome::Caller | Outcome::Local => {
                    word.give_back()
                }
                Outcome::Success | Outcome::Failure(_) => {
                    return self.reopen(permit.epoch, now, draw);
                }
            };
            if next.passed() > word.passed() && next.passed() >= self.steady.limits.probes() {
                return self.close(permit.epoch, now, draw);
            }
            match self.exchange(word, next) {
                Ok(()) => return None,
                Err(newer) => word = newer,
            }
        }
        None
    }

    /// The state now. An open breaker whose time is over stays open until the next call asks.
    pub fn state(&self) -> BreakerState {
        self.word().state()
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.steady.word.load(Acquire))
    }

    fn exchange(&self, from: Word, to: Word) -> Result<(), Word> {
        let exchanged = self.steady.word.compare_exchange(from.bits(), to.bits(), AcqRel, Acquire);
        exchanged.map(drop).map_err(Word::from_bits)
    }
}
