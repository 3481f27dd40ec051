//! Adaptive concurrency limits: the limit follows the measured capacity of the peer.
//!
//! Little's law gives the peer's capacity as rate times latency, and neither is known beforehand. The algorithms here
//! look for it as TCP looks for a path's capacity (after Netflix, *concurrency-limits*, 2018): raise the limit while
//! latency stays at its baseline, lower it when latency shows that a queue has built up.
//!
//! | algorithm | follows | weakness, and what is done about it |
//! | --- | --- | --- |
//! | [AIMD](Algorithm::Aimd) | drops and calls over 5 s | blind to latency below that: it fills the peer's queue until something is lost, and swings between |
//! | [Vegas](Algorithm::Vegas) | queue estimated from the least latency | a baseline taken under load poisons it: probes below. Latencies that vary look like a queue, and hold the limit low: with lognormal ones of σ = 1.5 it refuses most calls of a peer that has no queue at all |
//! | [Gradient2](Algorithm::Gradient2) | long over short average latency, with a tolerance of half as much again | where the limit binds, latency stands at 1.5 times the baseline. A baseline taken under load: probes below. From the initial limit it grows by at most 8 a second |
//!
//! Before a peer without a queue, with lognormal latencies of a median of 5 ms and σ = 1.5 or 2, at 200, 1,000 or 4,000
//! calls a second, AIMD refuses nothing and Gradient2 less than one call in a hundred, once it has grown up to the
//! load.
//!
//! How each algorithm differs from its source, and why, stands in its file; what they share differs from the library
//! named in its windows and probes, as follows.
//!
//! Common to all three:
//!
//! * **Windows.** A limit moves once in a window of at least 100 ms, twice the mean latency (at most 10 s) and ten
//!   calls, by the window's mean. So a burst of losses counts once, not once a call.
//! * **No growth when not utilised.** A window in which less than half the limit was in flight says nothing about
//!   the peer's capacity, and does not raise the limit.
//! * **Drops.** [`Outcome::Throttled`] and [`Failure::Timeout`] are drops, from one in a hundred calls of a window on:
//!   single ones are normal. Other failures and [`Outcome::Cancelled`] are no samples: the time of a failure
//!   says nothing about the time of a success.
//! * **Probes** (Vegas, Gradient2). Latency at the limit is never the latency without a queue. So when a baseline is
//!   150 to 300 windows old, the limit is cut to a third for two windows: one to drain, one to measure. That is at most
//!   1.4 % of the time, and none at all if no window has used all of the limit. Without probes a limiter cannot
//!   distinguish a slower peer from a longer queue. The first probe comes after 20 windows, for a service may start
//!   under load; and if the peer turns out to be faster than estimated, the next follows after 10.
//! * **Small services.** The limit can fall to [`ConcurrencySpec::min`], by default 2.
//!
//! # Outcome and permit
//! A call has two ends. With the response's head its latency is known: [`AdaptiveLimit::learn`]. With its body's end
//! its permit is free: [`AdaptiveLimit::release`]. If both come at once, `settle` does both. Call each
//! once for each permit; a call without a head (refused further on, or cancelled) is only released.
//!
//! # Cost
//! `admit`: one load and one compare-and-swap. `settle`: the same, and the sample under a lock that is tried and never
//! waited for: where two calls end at the same moment, one sample may be lost, which hardly changes a mean. There is no
//! queue: a call above the limit is refused. 256 bytes, nothing allocated.

mod aimd;
mod estimator;
mod gradient2;
#[cfg(all(test, not(loom)))]
mod lognormal_tests;
mod probe;
#[cfg(all(test, not(loom)))]
mod queue_tests;
#[cfg(all(test, not(loom)))]
mod reference_tests;
mod spec;
#[cfg(all(test, not(loom)))]
mod tests;
mod vegas;
mod window;

use crate::{
    Ask, Failure, Instant, Machine, Outcome, Reason, RejectedError, Woken,
    bulkhead::{Entry, Gate, QueueOrder},
    sync::Mutex,
};
use estimator::Estimator;
pub use spec::*;
use std::{
    sync::{PoisonError, TryLockError},
    time::Duration,
};
use window::Call;

/// The permit of a call that an adaptive limit admitted. It records how many calls were in flight.
///
/// Release it exactly once, and learn from it at most once; settling does both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit {
    in_flight: u32,
}

/// A snapshot of an adaptive limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConcurrencySnapshot {
    /// The number in flight. Above the limit for a while after the limit fell.
    pub in_flight: u32,
    /// The limit in force.
    pub limit: u32,
    /// The latency taken for that of a peer without a queue; `None` before it is known, and with AIMD.
    pub baseline: Option<Duration>,
    /// The mean latency of the last full window; `None` before the first.
    pub latency: Option<Duration>,
    /// Whether the limit is cut to a third at present to measure the baseline.
    pub probing: bool,
    /// The thresholds in force.
    pub spec: ConcurrencySpec,
}

/// A limit on calls in flight that adapts to the peer. See the [module](self).
#[derive(Debug)]
pub struct AdaptiveLimit {
    gate: Gate,
    estimator: Mutex<Estimator>,
}

impl AdaptiveLimit {
    /// Creates a limit with its initial value and no samples.
    pub fn new(spec: ConcurrencySpec) -> Self {
        let estimator = Estimator::new(spec);
        Self { gate: Gate::new(estimator.limit(), 0, Duration::ZERO), estimator: Mutex::new(estimator) }
    }

    /// Puts new thresholds in force and keeps the limit found, within the new bounds. The measured latencies of the
    /// peer are kept too, unless the algorithm changes. Takes the lock.
    pub fn update(&self, spec: ConcurrencySpec) {
        let mut estimator = self.estimator.lock().unwrap_or_else(PoisonError::into_inner);
        estimator.update(spec);
        self.gate.set_limit(estimator.limit());
    }

    /// Returns a snapshot of the limit. Takes the lock.
    pub fn snapshot(&self) -> ConcurrencySnapshot {
        let estimator = self.estimator.lock().unwrap_or_else(PoisonError::into_inner);
        let (in_flight, limit) = self.gate.fill();
        estimator.snapshot(in_flight, limit)
    }

    /// Records the outcome of a call whose response's head came `took` after its admission. Its permit is held until
    /// [`release`](Self::release).
    ///
    /// At most once for each permit, before or after its release: twice would count as two samples. An outcome that is
    /// no sample (see the [module](self)) changes nothing.
    #[inline]
    pub fn learn(&self, permit: Permit, now: Instant, outcome: Outcome, took: Duration) {
        let latency = match outcome {
            Outcome::Success => Some(took),
            Outcome::Throttled | Outcome::Failure(Failure::Timeout) => None,
            Outcome::Failure(_) | Outcome::Cancelled | Outcome::Caller | Outcome::Local => return,
        };
        self.record(now, Call { in_flight: permit.in_flight, latency });
    }

    /// Releases the permit after the call's body has ended or the call was cancelled. Exactly once for each permit: a
    /// second release would free a permit that another call holds. Records nothing, and wakes no waiter: there is no
    /// queue.
    #[inline]
    pub fn release(&self, permit: Permit, now: Instant) {
        let Permit { in_flight: _ } = permit;
        let woken = self.gate.release(now, QueueOrder::OldestFirst);
        debug_assert_eq!(woken, Woken::NONE, "there is no wait queue");
    }

    fn record(&self, now: Instant, call: Call) {
        let mut estimator = match self.estimator.try_lock() {
            Ok(estimator) => estimator,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if estimator.record(now, call) {
            self.gate.set_limit(estimator.limit());
        }
    }

    /// Admits a call, which takes one permit whatever [`Ask::permits`] is, or refuses it. Never queues.
    ///
    /// # Errors
    /// [`Reason::QueueFull`] at the limit.
    #[inline]
    pub fn admit(&self, now: Instant, ask: Ask) -> Result<Permit, RejectedError> {
        match self.gate.admit(now, ask.deadline, QueueOrder::OldestFirst) {
            Entry::Now(in_flight) => Ok(Permit { in_flight }),
            _ => Err(RejectedError::new(Machine::Concurrency, Reason::QueueFull)),
        }
    }

    /// [Releases](Self::release) the permit and [learns](Self::learn) from the call.
    #[inline]
    pub fn settle(&self, permit: Permit, now: Instant, outcome: Outcome, took: Duration) {
        self.release(permit, now);
        self.learn(permit, now, outcome, took);
    }
}
