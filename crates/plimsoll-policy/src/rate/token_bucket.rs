use super::{
    LeakyBucket,
    meter::{Meter, Peek, Take},
    params::RateParams,
    refused,
};
use crate::{
    Instant, RejectedError,
    sync::atomic::AtomicU64,
    units::{Burst, Rate},
};

/// A token bucket: up to `burst` at once, `rate` in the long run.
///
/// Over any window of time it lets through at most `burst + rate × window`, and never more than `burst` within the time
/// in which one permit comes back. So a bucket of `60/m` with a burst of 60 may let 120 through in its first minute:
/// for a hard cap over a window, take `burst = cap − rate × window`.
///
/// It is the generic cell rate algorithm in its virtual-scheduling form (ITU-T I.371; ATM Forum, Traffic Management
/// Specification 4.1), kept in permits instead of nanoseconds, so that no rate has to be rounded to a whole interval.
/// Between one an hour and 10⁹ a second every decision and every hint is exact to the nanosecond. (Where the burst
/// takes longer to fill than 18 years divided by the rate's count in lowest terms, a bucket that has been full may give
/// its next permits late by up to 2⁻⁵⁹ of the time to fill. It never gives too much, and nothing adds up.)
///
/// A clock that steps back between cores does no harm: fewer permits seem to be earned until it has caught up. A clock
/// that jumps far ahead and returns leaves the bucket waiting for that time, as any such algorithm would.
///
/// 256 bytes. [`TokenBucket::admit`]: eight loads that stay in cache and one CAS on a line of its own; a refusal writes
/// nothing. Known weakness: all callers meet at that one line.
///
/// ```
/// # use plimsoll_policy::{Instant, rate::TokenBucket, units::Burst};
/// # use std::time::Duration;
/// let start = Instant::ORIGIN;
/// let bucket = TokenBucket::new("3/s".parse()?, Burst::try_from(2)?, start);
/// assert!(bucket.admit(start, 2).is_ok());
/// let refused = bucket.admit(start, 1).unwrap_err();
/// assert_eq!(refused.retry_after, Some(Duration::from_nanos(333_333_334)));
/// # Ok::<(), plimsoll_policy::units::ValueError>(())
/// ```
#[derive(Debug)]
pub struct TokenBucket {
    meter: Meter,
    bucket: PaddedBucket,
}

/// A cache line of its own, so that writes to the bucket do not slow reads of the parameters.
#[derive(Debug)]
#[repr(align(64))]
struct PaddedBucket(AtomicU64);

/// A token bucket as seen at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BucketSnapshot {
    /// The rate in force.
    pub rate: Rate,
    /// The burst in force.
    pub burst: Burst,
    /// The whole permits that were available.
    pub available: u32,
}

impl TokenBucket {
    /// Creates a full bucket.
    pub fn new(rate: Rate, burst: Burst, start: Instant) -> Self {
        Self {
            meter: Meter::new(rate, burst, start, RateParams::carry),
            bucket: PaddedBucket(AtomicU64::new(0)),
        }
    }

    /// Takes `permits` at once or none of them; zero takes nothing and is always granted.
    ///
    /// # Errors
    /// [`crate::Reason::RateExceeded`], with the exact time after which the same call would be admitted if no
    /// other comes before. A call for more than the burst is never admitted: that refusal has no such time.
    #[inline]
    pub fn admit(&self, now: Instant, permits: u32) -> Result<(), RejectedError> {
        loop {
            let params = self.meter.params();
            if permits == 0 {
                return Ok(());
            }
            if permits > params.burst {
                return Err(refused());
            }
            if params.far(now) {
                self.meter.set_back(now, |carry| carry(&self.bucket.0));
            }
            match self.meter.take(&params, &self.bucket.0, params.read(now), permits, |_| true) {
                Take::Taken { .. } => return Ok(()),
                Take::Short(target) => return Err(refused().after(params.when(target).since(now))),
                Take::Stale | Take::Declined => {}
            }
        }
    }

    /// Returns the permits that are available now, and the time until `permits` would be. Changes nothing.
    pub fn peek(&self, now: Instant, permits: u32) -> Peek {
        loop {
            if let Some(peek) = self.meter.peek(&self.meter.params(), &self.bucket.0, now, permits, || true) {
                return peek;
            }
        }
    }

    /// Returns `permits` that were taken and not used. The bucket never holds more than its burst.
    pub fn refund(&self, permits: u32) {
        while !self.meter.give(&self.meter.params(), &self.bucket.0, permits, || true) {}
    }

    /// Puts a new rate and burst in force, from `now` on.
    ///
    /// Permits that were used and not yet earned back at `now` stay used, to the nanosecond and rounded against the
    /// caller (once, not with each call); from then on they are earned back at the new rate. So a full bucket stays
    /// full, and a burst that grows by ten gives ten more at once. A burst that shrinks leaves no debt: use beyond it
    /// is forgiven, and not charged again if the burst grows later.
    pub fn update(&self, now: Instant, rate: Rate, burst: Burst) {
        self.meter.update(now, rate, burst, |carry| carry(&self.bucket.0));
    }

    /// Continues a leaky bucket, before this one is used: the turns that it has promised and that have not come are
    /// permits that were used.
    pub(super) fn take_over(&self, from: &LeakyBucket) {
        let (meter, bucket) = from.parts();
        self.meter.take_over(&self.bucket.0, meter, bucket);
    }

    pub(super) const fn parts(&self) -> (&Meter, &AtomicU64) {
        (&self.meter, &self.bucket.0)
    }

    /// Returns a snapshot of the bucket.
    pub fn snapshot(&self, now: Instant) -> BucketSnapshot {
        let (rate, burst) = self.meter.given();
        BucketSnapshot { rate, burst, available: self.peek(now, 1).available }
    }
}
