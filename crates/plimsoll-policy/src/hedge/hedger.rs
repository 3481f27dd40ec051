//! When the second attempt goes out.

use super::{HedgeDelay, HedgeSpec, LatencyQuantile, Percentile};
use crate::{
    Instant,
    sync::atomic::{AtomicU64, Ordering},
    time::nanos,
};
use std::time::Duration;

/// [`Hedger::fixed`] where the delay is a percentile. No fixed delay reaches it.
const BY_PERCENTILE: u64 = u64::MAX;

/// A snapshot of a [`Hedger`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HedgeSnapshot {
    /// The delay in force; `None` while latencies are still being learnt.
    pub delay: Option<Duration>,
    /// Latencies that a percentile rests on.
    pub samples: u64,
}

/// Says how long to wait for the first attempt before a second goes out.
///
/// Latencies are recorded under a fixed delay as well, so that a change to a percentile finds them.
/// Size and cost are those of [`LatencyQuantile`].
///
/// ```
/// # use plimsoll_policy::{Instant, hedge::{HedgeSpec, Hedger}};
/// # use std::time::Duration;
/// let hedger = Hedger::new(HedgeSpec::default());   // p95
/// let now = Instant::from_nanos(1);
/// assert_eq!(hedger.delay(now), None);
/// (1..=100).for_each(|took| hedger.record(now, Duration::from_millis(took)));
/// # let now = now + Duration::from_secs(1);
/// # hedger.record(now, Duration::from_millis(50));
/// let delay = hedger.delay(now).unwrap();
/// assert!((95..=98).contains(&delay.as_millis()));
/// ```
#[derive(Debug)]
pub struct Hedger {
    fixed: AtomicU64,
    latencies: LatencyQuantile,
}

impl Hedger {
    /// A hedger without samples.
    pub fn new(spec: HedgeSpec) -> Self {
        let (fixed, percentile) = match spec.after {
            HedgeDelay::Fixed(delay) => (fixed_nanos(delay), Percentile::P95),
            HedgeDelay::Percentile(percentile) => (BY_PERCENTILE, percentile),
        };
        Self { fixed: AtomicU64::new(fixed), latencies: LatencyQuantile::new(percentile) }
    }

    /// How long after its first attempt a call that begins at `now` is hedged; `None`: not at all, latencies are being
    /// learnt.
    #[inline]
    pub fn delay(&self, now: Instant) -> Option<Duration> {
        match self.fixed.load(Ordering::Relaxed) {
            BY_PERCENTILE => self.latencies.estimate(now),
            fixed => Some(Duration::from_nanos(fixed)),
        }
    }

    /// Records the latency of an attempt that ended, or lost and was aborted.
    #[inline]
    pub fn record(&self, now: Instant, took: Duration) {
        self.latencies.record(now, took);
    }

    /// Puts another delay in force; the recorded latencies stay.
    pub fn update(&self, now: Instant, spec: HedgeSpec) {
        match spec.after {
            HedgeDelay::Fixed(delay) => self.fixed.store(fixed_nanos(delay), Ordering::Relaxed),
            HedgeDelay::Percentile(percentile) => {
                self.latencies.update(now, percentile);
                self.fixed.store(BY_PERCENTILE, Ordering::Relaxed);
            }
        }
    }

    /// Returns the delay in force and its samples.
    pub fn snapshot(&self, now: Instant) -> HedgeSnapshot {
        HedgeSnapshot { delay: self.delay(now), samples: self.latencies.samples() }
    }
}

fn fixed_nanos(delay: Duration) -> u64 {
    nanos(delay).min(BY_PERCENTILE - 1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Draw;

    fn spec(after: &str) -> HedgeSpec {
        let fixed = |_: crate::units::ValueError| HedgeDelay::Fixed(crate::units::duration(after).unwrap());
        let after = after.parse().map_or_else(fixed, HedgeDelay::Percentile);
        HedgeSpec { after, ..HedgeSpec::default() }
    }

    #[test]
    fn a_fixed_delay_needs_no_samples_and_a_live_change_finds_them() {
        let now = Instant::ORIGIN;
        let hedger = Hedger::new(spec("100ms"));
        assert_eq!(hedger.delay(now), Some(Duration::from_millis(100)));
        (0..60).for_each(|_| hedger.record(now, Duration::from_millis(8)));
        hedger.update(now, spec("p95"));
        let delay = hedger.delay(now).unwrap();
        assert!(delay >= Duration::from_millis(8) && delay < Duration::from_micros(8300), "{delay:?}");
        hedger.update(now, spec("1ms"));
        assert_eq!(
            hedger.snapshot(now),
            HedgeSnapshot { delay: Some(Duration::from_millis(1)), samples: 60 }
        );
    }

    /// Exponential latencies with a mean of 10 ms.
    fn latency(draw: &mut Draw) -> Duration {
        *draw = draw.split();
        Duration::from_secs_f64(-0.010 * (1.0 - draw.unit()).ln())
    }

    #[test]
    fn the_tail_is_the_product_of_two_tails() {
        let hedger = Hedger::new(spec("p95"));
        let mut draw = Draw::new(0x5eed);
        (0..20_000).for_each(|call| {
            let now = Instant::ORIGIN + Duration::from_millis(call);
            hedger.record(now, latency(&mut draw));
        });
        let delay = hedger.delay(Instant::ORIGIN + Duration::from_secs(20)).unwrap().as_secs_f64();
        let tail = |t: f64| (-t.max(0.0) / 0.010).exp();
        assert!((0.040..0.060).contains(&tail(delay)), "{delay} s is not the p95");

        let calls = 200_000;
        let (mut hedges, mut beyond) = (0, [0u32; 4]);
        let points = [0.020, 0.035, 0.045, 0.060];
        for _ in 0..calls {
            let (first, second) = (latency(&mut draw).as_secs_f64(), latency(&mut draw).as_secs_f64());
            hedges += u32::from(first > delay);
            let took = first.min(delay + second);
            points.iter().zip(&mut beyond).for_each(|(t, count)| *count += u32::from(took > *t));
        }
        let n = f64::from(calls);
        let close = |seen: u32, p: f64| (f64::from(seen) - n * p).abs() <= 4.0 * (n * p * (1.0 - p)).sqrt();
        assert!(close(hedges, tail(delay)), "{hedges} hedges");
        for (t, seen) in points.into_iter().zip(beyond) {
            assert!(close(seen, tail(t) * tail(t - delay)), "{seen} beyond {t} s");
        }
    }
}
