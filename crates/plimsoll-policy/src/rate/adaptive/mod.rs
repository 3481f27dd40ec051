//! A client's rate that adapts to what its peer accepts: the AWS SDKs' adaptive retry mode, in botocore's form.

mod cubic;
mod sent;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use super::refused;
use crate::{
    Instant, Outcome, RejectedError,
    sync::{
        Mutex, MutexGuard,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
};
use cubic::Cubic;
use sent::Sent;
use std::{sync::PoisonError, time::Duration};

/// The lowest fill rate, in permits a second: a peer that throttles everything still gets some calls.
const LEAST_FILL: f64 = 0.5;
/// The highest fill rate as a multiple of the rate that is sent, so that a client which sends little gains no credit.
const HEADROOM: f64 = 2.0;
/// The part of a permit that may be missing through rounding after the wait for it.
const ROUNDING: f64 = 1e-9;

/// A rate limit that begins with the peer's first request to send less, and follows it from there.
///
/// Before the first [`Outcome::Throttled`] everything passes and only the rate that is sent is measured: `tx`, in
/// buckets of half a second, `0.8 · new + 0.2 · old`. From then on calls take permits from a token bucket, whose fill
/// rate is
///
/// * with each throttle: `last_max = min(tx, fill)` (`tx` at the first), `rate = 0.7 · last_max`;
/// * with each success, `dt` seconds after the last throttle: `rate = 0.4 · (dt − ∛(last_max · 0.3/0.4))³ + last_max`;
///
/// and in either case at most `2 · tx` and at least 0.5 a second. The bucket holds a second's worth, at least one
/// permit, and at most one when it is taken up. The limit never ends; where the peer takes everything, the cubic soon
/// stands at twice what is sent, which limits nothing.
///
/// Source: botocore's `retries/adaptive.py`, `throttling.py` and `bucket.py`; CUBIC is Ha, Rhee and Xu's (2008). Two
/// things differ. There a call blocks until it has its permit; here it is refused with the time of the next permit, and
/// the caller decides whether to wait and try again. And there every response that is no throttle raises the rate; here
/// only a success does, while a failure counts as sent and says nothing about the rate that the peer accepts.
///
/// Known weaknesses: what one client may send follows from what it sent when it was throttled, not from its share, so
/// clients that are throttled together stay as unequal as they were. A burst after a quiet time is held to twice the
/// quiet rate until half a second of it has been measured. The rate is that of responses, which lags in an outage.
///
/// 96 bytes. While it has not begun, [`admit`](Self::admit) is one load and [`settle`](Self::settle) one
/// compare-and-swap; after that each takes a lock for some arithmetic. Nothing is allocated.
///
/// ```
/// # use plimsoll_policy::{Instant, Outcome, rate::AdaptiveRate};
/// # use std::time::Duration;
/// let at = |millis| Instant::ORIGIN + Duration::from_millis(millis);
/// let rate = AdaptiveRate::new(at(0));
/// for millis in (0..2000).step_by(10) {
///     assert!(rate.admit(at(millis)).is_ok());             // 100 a second, and nobody minds
///     rate.settle(at(millis), Outcome::Success);
/// }
/// rate.settle(at(2000), Outcome::Throttled);
/// assert!(rate.admit(at(2000)).is_ok());
/// let refused = rate.admit(at(2000)).unwrap_err();         // some 70 a second from now on
/// let wait = refused.retry_after.unwrap();
/// assert!(wait > Duration::from_millis(14) && wait < Duration::from_millis(16));
/// assert!(rate.admit(at(2000) + wait).is_ok());
/// ```
#[derive(Debug)]
pub struct AdaptiveRate {
    on: AtomicBool,
    sent: Sent,
    bucket: Mutex<Bucket>,
}

/// An adaptive rate as seen at one instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdaptiveSnapshot {
    /// The rate in force, in calls a second, at least 0.5; `None` while the peer has not throttled anything.
    pub rate: Option<f64>,
    /// Calls a second that were sent, as of the last half second that is over.
    pub sent: f64,
    /// The available permits: below one if the next call would be refused; 0 while nothing is limited.
    pub available: f64,
}

#[derive(Debug)]
struct Bucket {
    /// `None` before the first throttle.
    cubic: Option<Cubic>,
    /// Permits a second.
    fill: f64,
    /// The most that it holds.
    room: f64,
    permits: f64,
    filled: Instant,
}

impl AdaptiveRate {
    /// Creates a rate limit that is off and measures from `start` on.
    pub fn new(start: Instant) -> Self {
        let bucket = Bucket { cubic: None, fill: 1.0, room: 1.0, permits: 0.0, filled: start };
        Self { on: AtomicBool::new(false), sent: Sent::new(start), bucket: Mutex::new(bucket) }
    }

    /// Admits one more call or refuses it. Takes a permit if the limit is on.
    ///
    /// # Errors
    /// By [`crate::Machine::RateLimit`] for [`crate::Reason::RateExceeded`], with the time after which the same call
    /// would be admitted if no other call comes before and the rate stays.
    #[inline]
    pub fn admit(&self, now: Instant) -> Result<(), RejectedError> {
        if self.on.load(Acquire) { self.bucket().take(now) } else { Ok(()) }
    }

    /// Records the outcome of an admitted call, once for each call. An outcome that says nothing about the peer
    /// ([`Outcome::Cancelled`] and its like) changes nothing.
    #[inline]
    pub fn settle(&self, now: Instant, outcome: Outcome) {
        match outcome {
            Outcome::Success => {
                self.sent.count(now);
                if self.on.load(Acquire) {
                    self.bucket().succeeded(now, self.sent.rate());
                }
            }
            Outcome::Throttled => {
                self.sent.count(now);
                self.bucket().throttled(now, self.sent.rate());
                self.on.store(true, Release);
            }
            Outcome::Failure(_) => self.sent.count(now),
            Outcome::Cancelled | Outcome::Caller | Outcome::Local => {}
        }
    }

    /// Returns a snapshot at `now`. Takes the lock.
    pub fn snapshot(&self, now: Instant) -> AdaptiveSnapshot {
        let mut bucket = self.bucket();
        bucket.refill(now);
        let on = bucket.cubic.is_some();
        AdaptiveSnapshot {
            rate: on.then_some(bucket.fill),
            sent: self.sent.rate(),
            available: if on { bucket.permits } else { 0.0 },
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let passed = now.since(self.filled).as_secs_f64();
        self.permits = (self.permits + passed * self.fill).min(self.room);
        self.filled = self.filled.max(now);
    }

    fn take(&mut self, now: Instant) -> Result<(), RejectedError> {
        self.refill(now);
        if self.permits + ROUNDING >= 1.0 {
            self.permits -= 1.0;
            return Ok(());
        }
        let nanos = ((1.0 - self.permits) / self.fill * 1e9).ceil();
        // Counted from the latest that anybody has asked: until then nothing comes in for a clock that lags.
        let ready = self.filled + Duration::from_nanos(nanos as u64);
        Err(refused().after(ready.since(now)))
    }

    fn throttled(&mut self, now: Instant, sent: f64) {
        let last_max = if self.cubic.is_some() { sent.min(self.fill) } else { sent };
        let cubic = Cubic::throttled(last_max, now);
        self.set(now, cubic.lowered().min(HEADROOM * sent));
        self.cubic = Some(cubic);
    }

    fn succeeded(&mut self, now: Instant, sent: f64) {
        let Some(cubic) = self.cubic else { return };
        self.set(now, cubic.rate(now).min(HEADROOM * sent));
    }

    /// Fills the bucket up to now at the old rate, then puts the new one in force.
    fn set(&mut self, now: Instant, rate: f64) {
        self.refill(now);
        self.fill = rate.max(LEAST_FILL);
        self.room = rate.max(1.0);
        self.permits = self.permits.min(self.room);
    }
}
