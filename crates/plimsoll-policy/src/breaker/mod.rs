//! The circuit breaker stops calls to a peer that keeps failing, and probes with few calls whether it has recovered.
//!
//! After Nygard, *Release It!* (2007), with the sliding windows by count and by time and the slow-call ratio that
//! resilience4j made common, and open times that grow while probes keep failing.
//!
//! ```text
//!            a threshold is reached              open time over, next call
//!   closed ───────────────────────────▶ open ───────────────────────────▶ half-open ─┐ longest half-open time
//!     ▲                                  ▲          a probe fails             │  │ ▲  │ over: a new set of probes
//!     │                                  └────────────────────────────────────┘  │ └──┘
//!     └──────────────────────── all probes succeeded ────────────────────────────┘
//! ```
//!
//! # What counts
//! Success and failure count; every other outcome counts neither way, and a probe that ends so returns its permit. Two
//! rules are stricter for probes: a [`Outcome::Throttled`](crate::Outcome::Throttled) one has failed (a peer that refuses
//! the few calls of a recovery will not bear all of them; linkerd's accrual does the same), and so has a slow one, if slow
//! calls count.
//!
//! A ratio is reached exactly: 7 % of 100 calls are 7 failures. Ratios are compared in whole billionths, never as floats.
//!
//! # When a call is settled
//! As soon as its outcome is known. [`Breaker::settle`] is for the response's head, which has the outcome and the latency.
//! Afterwards a success can only become a failure ([`Breaker::settle_late`]), if the body breaks off. Then the window has
//! one failure more and the same number of calls, so 100 calls that all break off after a good head are a ratio of 100 %,
//! never above. The window does not record which of its calls that was: the newest one that has not failed becomes the
//! failure, and leaves the window in its turn. If the outcome is in the trailers (gRPC),
//! [`Breaker::settle_provisional`] counts the call without ending a run of failures; `settle_late` ends it, or adds to it.
//!
//! A window by count slides with every call, a window by time in steps of at most a sixteenth of its length. A window by
//! time holds a call for its length, give or take one such step. It starts empty whenever the breaker changes its state,
//! and only then.
//!
//! # Epochs
//! Every transition begins an epoch, and a permit carries the epoch in which it was given. Settling a permit of an earlier
//! epoch changes nothing: no counter, no probe's permit, no state. So a call from before the breaker opened cannot decide
//! a probe, and a probe that was given up cannot decide the next set.
//!
//! # Cost
//! 2,432 bytes, and 2,176 more once a window by count has been used. Admitting while closed is one load; settling is one
//! atomic change of a counter that no admission reads and that, with a window by time, good calls of up to four threads do
//! not share. Transitions take a lock for a few stores; admission never waits for it.
//!
//! # Known weaknesses
//! - Ratios need traffic: below the minimum of calls only consecutive failures open it.
//! - A window by count never ages: after a quiet night it still holds yesterday's calls.
//! - It sees a peer as one. One bad replica of three is a third of failures here; ejection excludes single replicas.
//! - Calls count when their outcome is known, so a peer that hangs is noticed only when its calls time out.
//! - A failure that comes after its call has left the window makes another call of the window a failure, if there is one.
//! - With a window by count, a thread that pauses in the middle of settling for four epochs or more may leave one good call
//!   in a later window; and a late failure may be lost if another thread is just recording its call.

mod admit;
mod calls;
mod limits;
mod permit;
mod record;
mod settle;
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
    BreakerState, Instant,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire},
        },
    },
};
use calls::Calls;
use crossbeam_utils::CachePadded;
use limits::Limits;
use record::Record;
use word::Word;

/// A circuit breaker, shared by reference between any number of threads. See the [module](self).
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
    /// The nanoseconds at which an open or half-open state ends; written before the word that begins the state. Epochs
    /// alternate, so that the value of one state is still there while the next is being prepared.
    until: [AtomicU64; 2],
    limits: Limits,
}

impl Breaker {
    /// Creates a closed breaker with an empty window. It allocates only for a window by count.
    pub fn new(spec: BreakerSpec) -> Self {
        let limits = Limits::new(&spec);
        let calls = Calls::new(limits.cut());
        let word = AtomicU64::new(Word::new(0, BreakerState::Closed).bits());
        let steady = Steady { word, until: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)], limits };
        Self { steady: CachePadded::new(steady), calls, record: Mutex::new(Record::new(spec)) }
    }

    /// Returns the state. An open breaker whose time is over stays open until the next call.
    pub fn state(&self) -> BreakerState {
        self.word().state()
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.steady.word.load(Acquire))
    }

    /// Returns the instant at which the state of this word ends by itself; `None` if another has begun. (The other epoch's
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
