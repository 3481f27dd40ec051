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
//! Success and failure do; every other outcome counts neither way, and a probe that ends so gives its permit back. Two
//! things are stricter with probes: one that was [`Outcome::Throttled`] has failed (a peer that turns away the few calls
//! of a recovery will not bear them all; linkerd's accrual does the same), and where slow calls are looked at, so has
//! one that was slow.
//!
//! A ratio is reached by just the part that it names: 7 % of 100 calls are 7 failures. Ratios are compared in whole
//! billionths, never as floats.
//!
//! # When a verdict is given
//! When it is known. [`Breaker::settle`] is for the response's head, which has the verdict and the latency. What comes
//! later can only make a success a failure ([`Breaker::settle_late`]): the body broke off. Then the window holds one
//! failure more and as many calls, so 100 calls that all break off after a good head are a ratio of 100 %, never above.
//! Which of the window's calls it was is not remembered; the newest that has not failed takes its place, and leaves the
//! window in its turn. Where a head only says that all is well so far and the verdict stands in trailers (gRPC),
//! [`Breaker::settle_provisional`] counts the call without ending a row of failures; `settle_late` ends it, or adds to it.
//!
//! The window slides: with every call where it is by count, in steps of at most a sixteenth of its length where it is by
//! time. A time window holds a call for its length, give or take one such step. It starts empty whenever the breaker
//! changes its state, and only then.
//!
//! # Epochs
//! Every transition begins an epoch, and a permit carries the epoch in which it was given. What comes back for an earlier
//! epoch changes nothing: no counter, no probe's permit, no state. So a call from before the breaker opened cannot decide
//! a probe, and a probe that was given up cannot decide the next set.
//!
//! # Cost
//! 2,432 bytes, and 2,176 more once a window by count has been asked for. Admitting while closed is one load; settling
//! is one atomic change of a counter that no admission reads, and that good calls of up to four threads do not share where
//! the window is by time. Transitions take a lock, for as long as a few stores; nobody waits for it to be admitted.
//!
//! # Known weaknesses
//! - Ratios need traffic: below the minimum of calls only consecutive failures open it.
//! - A window by count never ages: after a quiet night it still holds yesterday's calls.
//! - It sees a peer as one. One bad replica of three is a third of failures here: ejection is what takes out replicas.
//! - Calls count when their verdict is known, so a peer that hangs is noticed only as its calls time out.
//! - A failure that comes after its call has left the window makes another call of the window a failure, if there is one.
//! - Where the window is by count, a thread that stands still in the middle of settling for four epochs or more may leave
//!   one good call in a later window; and a late failure may be lost where another thread is just noting its call.

mod calls;
mod limits;
mod permit;
mod record;
mod snapshot;
mod spec;
mod transition;
mod word;

#[cfg(all(test, not(loom)))]
mod late_tests;
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
    BreakerState, Draw, Instant, Machine, Outcome, Reason, RejectedError, Transition, TransitionReason,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, SeqCst},
            fence,
        },
    },
};
use calls::Calls;
use crossbeam_utils::CachePadded;
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
///     breaker.settle(permit, now, draw, Outcome::Failure(Failure::Response), took);
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
    steady: CachePadded<Steady>,
    calls: Calls,
    record: Mutex<Record>,
}

/// Fields that every call reads and only transitions and updates write: kept off the cache lines that calls write.
#[derive(Debug)]
struct Steady {
    word: AtomicU64,
    /// Nanoseconds at which an open or half-open state is over; written before the word that begins the state. Epochs
    /// take turns, so that what one state has is still there while the next is being prepared.
    until: [AtomicU64; 2],
    limits: Limits,
}

/// The finality of a success, which decides its effect on the consecutive failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Success {
    /// Ends the run of failures.
    Final,
    /// Leaves the run as it is: the final outcome follows.
    Provisional,
}

impl Breaker {
    /// A closed breaker with an empty window. Allocates only for a window by count.
    pub fn new(spec: BreakerSpec) -> Self {
        let limits = Limits::new(&spec);
        let calls = Calls::new(limits.cut());
        let word = AtomicU64::new(Word::new(0, BreakerState::Closed).bits());
        let steady = Steady { word, until: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)], limits };
        Self { steady: CachePadded::new(steady), calls, record: Mutex::new(Record::new(spec)) }
    }

    /// Admits a call or refuses it. The permit must be settled exactly once.
    ///
    /// The call that finds the open time over is the first probe and brings the transition with it. So does the call
    /// that finds the breaker half-open with as many good probes as it needs, because fewer are needed since an update:
    /// it closes.
    ///
    /// # Errors
    /// [`Reason::CircuitOpen`] with the time until probes pass, [`Reason::ProbesTaken`] while all probes are out,
    /// [`Reason::Isolated`] where somebody holds it open by hand.
    #[inline]
    pub fn admit(&self, now: Instant) -> Result<Passage, RejectedError> {
        let word = self.word();
        if word.passes() { Ok(Passage::steady(word)) } else { self.admit_unsteady(now, word) }
    }

    #[cold]
    fn admit_unsteady(&self, now: Instant, mut word: Word) -> Result<Passage, RejectedError> {
        let refused = |reason| Err(RejectedError::new(Machine::Breaker, reason));
        loop {
            let Some(until) = self.until(word) else {
                word = self.word();
                continue;
            };
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
                BreakerState::HalfOpen if word.passed() >= self.steady.limits.probes() => {
                    if let Some(passage) = self.close_at_once(word, now)? {
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

    /// Asks again for a call that was let through, then waited, and is about to go. What it gets is the only permit that
    /// it has then, and is settled in permit of the old one.
    ///
    /// A permit that still holds (of this epoch, while calls pass or while it is one of the running probes) comes back as
    /// it is, without a transition. Any other is forgotten, for its epoch is over, and the call is admitted anew. So a
    /// call that queued up before the breaker opened does not go to an open one.
    ///
    /// # Errors
    /// As [`Breaker::admit`]. Nothing is held then, and nothing is to be settled.
    #[inline]
    pub fn renew(&self, permit: Permit, now: Instant) -> Result<Passage, RejectedError> {
        let word = self.word();
        let holds = word.epoch() == permit.epoch
            && (word.passes() || permit.probe && self.until(word).is_some_and(|until| now < until));
        if holds { Ok(Passage { permit, transition: None }) } else { self.admit(now) }
    }

    /// Settles a call that was let through: its verdict is known, `took` after that. Once for each permit. Gives the
    /// transition that it caused, if any.
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
        self.count(word, now, draw, (failed, self.is_slow(took)), Success::Final)
    }

    /// Settles a call whose head has come, `took` after it was let through, and is good so far, while the verdict stands
    /// in its trailers: in permit of [`Breaker::settle`], once for each permit, with [`Breaker::settle_late`] to follow.
    ///
    /// The call counts as a success for now and its latency as any other's; a probe has passed. A row of failures is not
    /// ended by it. Gives the transition that it caused, if any.
    pub fn settle_provisional(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        took: Duration,
    ) -> Option<Transition> {
        let word = self.word();
        if word.epoch() != permit.epoch {
            return None;
        }
        if permit.probe {
            return self.settle_probe(permit, now, draw, Outcome::Success, took);
        }
        self.count(word, now, draw, (false, self.is_slow(took)), Success::Provisional)
    }

    /// Settles the rest of a call whose head was settled as a success, by [`Breaker::settle`] or
    /// [`Breaker::settle_provisional`]: at most once for each permit, and only after one of these.
    ///
    /// A failure makes the success a failure: the window holds one more of them and as many calls as before, and the row
    /// of failures is one longer. A success ends the row: to be told only after `settle_provisional`, which has not
    /// done so. For a probe, a failure or [`Outcome::Throttled`] opens the breaker again, as long as it is half-open
    /// with the same set of probes. Everything else changes nothing: of a call that nobody waited for to the end, or that
    /// was throttled in its trailers, the success stays. As ever, a permit of an earlier epoch changes nothing.
    ///
    /// Gives the transition that it caused, if any; `draw` jitters the open time.
    pub fn settle_late(
        &self,
        permit: Permit,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
    ) -> Option<Transition> {
        let word = self.word();
        let epoch = permit.epoch;
        if word.epoch() != epoch {
            return None;
        }
        match outcome {
            Outcome::Failure(_) | Outcome::Throttled if permit.probe => self.reopen(epoch, now, draw),
            Outcome::Success if !permit.probe => {
                self.calls.end_failures(epoch);
                None
            }
            Outcome::Failure(_) => {
                let live = || self.word().epoch() == epoch;
                self.calls.fail(self.steady.limits.cut(), now, epoch, live);
                let failures = self.calls.add_failure(epoch, live)?;
                if word.state() == BreakerState::ForcedClosed {
                    None
                } else {
                    self.judge(epoch, now, draw, failures)
                }
            }
            Outcome::Success | Outcome::Throttled | Outcome::Cancelled | Outcome::Caller | Outcome::Local => {
                None
            }
        }
    }

    /// Counts a call while closed, and opens if that says so.
    #[inline(always)]
    fn count(
        &self,
        word: Word,
        now: Instant,
        draw: Draw,
        (failed, slow): (bool, bool),
        success: Success,
    ) -> Option<Transition> {
        let (limits, epoch) = (&self.steady.limits, word.epoch());
        let cut = limits.cut();
        let live = || self.word().epoch() == epoch;
        let number = self.calls.add(cut, now, epoch, (failed, slow), live)?;
        let failures = match success {
            _ if failed => self.calls.add_failure(epoch, live)?,
            Success::Final => {
                self.calls.end_failures(epoch);
                0
            }
            Success::Provisional => 0,
        };
        // A good call can only bring the ratios down, except where it is the one that makes up the minimum, or the first
        // in a bucket, with which another one has left the window.
        if !failed && !slow && number > limits.minimum_calls(cut) {
            return None;
        }
        if word.state() == BreakerState::ForcedClosed {
            return None;
        }
        self.judge(epoch, now, draw, failures)
    }

    fn is_slow(&self, took: Duration) -> bool {
        let slow = self.steady.limits.slow_call();
        slow != u64::MAX && took >= Duration::from_nanos(slow)
    }

    /// Opens if a condition says so.
    fn judge(&self, epoch: u32, now: Instant, draw: Draw, failures: u32) -> Option<Transition> {
        // Of two calls that tip the balance together, counted in different cells, one must see the other.
        fence(SeqCst);
        let limits = &self.steady.limits;
        let cut = limits.cut();
        let counts = self.calls.counts(cut, now, epoch);
        let reason = if limits.failures_open(failures) {
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
                Outcome::Cancelled | Outcome::Caller | Outcome::Local => word.give_back(),
                Outcome::Success | Outcome::Failure(_) | Outcome::Throttled => {
                    return self.reopen(permit.epoch, now, draw);
                }
            };
            // Also where this one gave its permit back: fewer may be needed since an update.
            if next.passed() >= self.steady.limits.probes() {
                return self.close(permit.epoch, now, draw);
            }
            match self.exchange(word, next) {
                Ok(()) => return None,
                Err(newer) => word = newer,
            }
        }
        None
    }

    /// Returns the state. An open breaker whose time is over stays open until the next call asks.
    pub fn state(&self) -> BreakerState {
        self.word().state()
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.steady.word.load(Acquire))
    }

    /// Until when the state that this word began holds by itself; `None` where another has begun. (The other epoch's
    /// instant is overwritten before the word after the next one is, and a reader of that word sees that this one is over.)
    fn until(&self, word: Word) -> Option<Instant> {
        let until = self.steady.until[word.epoch() as usize % 2].load(Acquire);
        (self.word().epoch() == word.epoch()).then_some(Instant::from_nanos(until))
    }

    fn exchange(&self, from: Word, to: Word) -> Result<(), Word> {
        let exchanged = self.steady.word.compare_exchange(from.bits(), to.bits(), AcqRel, Acquire);
        exchanged.map(drop).map_err(Word::from_bits)
    }
}
