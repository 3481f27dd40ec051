//! The rolling percentile of attempt latencies.

use super::{Percentile, histogram::Histogram};
use crate::{
    Instant,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::nanos,
};
use std::time::Duration;

/// A percentile of what attempts took lately.
///
/// Two log-linear histograms take turns: one fills while the other keeps the turn before, and the percentile is that of
/// both together. They change places every [`TURN`](Self::TURN), but not before the filling one can stand for itself,
/// so the estimate rests on the last 30 to 60 seconds, or, where calls are rare, on at least the last 50 of them,
/// unless ten minutes pass without any. The
/// estimate is at or above the true percentile of these by at most 1/32 (1 µs below 33 µs); above 137 s it stays at 137 s.
///
/// Computed at most every [`REFRESH`](Self::REFRESH), by the recorder of that moment; reading it is two loads. No estimate
/// until there are 50 samples, or `1 / (1 − q)` where that is more (1000 for p99.9), so that at least one lies above.
///
/// Record the losers of hedges too, with how long they had taken when they were aborted: leaving them out would drop
/// just the slow ones. Known weakness: an aborted attempt's true latency is only known to be longer, so the estimate
/// stays low by the part of it that hedging cuts off; and a jump in latency is seen only after a twentieth (for p95)
/// of the samples have it.
///
/// About 6 KB (two times 736 counts of 4 bytes), allocated once. Recording is three loads and one add, uncontended.
#[derive(Debug)]
pub struct LatencyQuantile {
    /// The quantile as the bits of an `f64`.
    quantile: AtomicU64,
    /// The estimate in nanoseconds; 0 while there is none.
    estimate: AtomicU64,
    /// When the estimate is next due; [`BUSY`] while somebody computes it, which makes it a lock that nobody waits for.
    due: AtomicU64,
    /// When the histograms next change places.
    turn: AtomicU64,
    /// Which one fills; its lowest bit alone matters.
    filling: AtomicU32,
    /// Samples so far, counted only while there is no estimate.
    first: AtomicU32,
    halves: [Histogram; 2],
}

const BUSY: u64 = u64::MAX;

impl LatencyQuantile {
    /// How long a histogram fills.
    pub const TURN: Duration = Duration::from_secs(30);
    /// How often the estimate is computed anew.
    pub const REFRESH: Duration = Duration::from_millis(100);
    /// After so long without a sample, what was learnt is of another time: learning begins anew.
    pub const MEMORY: Duration = Duration::from_mins(10);
    /// The fewest samples that make an estimate.
    pub const MINIMUM_SAMPLES: u32 = if cfg!(loom) { 2 } else { 50 };

    /// An estimator without samples.
    pub fn new(percentile: Percentile) -> Self {
        Self {
            quantile: AtomicU64::new(percentile.quantile().to_bits()),
            estimate: AtomicU64::new(0),
            due: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            filling: AtomicU32::new(0),
            first: AtomicU32::new(0),
            halves: [Histogram::new(), Histogram::new()],
        }
    }

    /// Records the latency of an attempt that ended or was aborted.
    #[inline]
    pub fn record(&self, now: Instant, took: Duration) {
        self.halves[self.filling()].record(nanos(took));
        if self.estimate.load(Ordering::Relaxed) == 0 {
            self.first_estimate(now);
        } else if now.as_nanos() >= self.due.load(Ordering::Relaxed) {
            self.refresh(now);
        }
    }

    /// The percentile; `None` while there are too few samples, and when the last one is older than
    /// [`MEMORY`](Self::MEMORY).
    #[inline]
    pub fn estimate(&self, now: Instant) -> Option<Duration> {
        match self.estimate.load(Ordering::Relaxed) {
            0 => None,
            _ if forgotten(self.due.load(Ordering::Relaxed), now) => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// Puts another percentile of the same samples in force.
    pub fn update(&self, now: Instant, percentile: Percentile) {
        self.quantile.store(percentile.quantile().to_bits(), Ordering::Relaxed);
        self.refresh(now);
    }

    /// Returns the number of samples of the estimate.
    pub fn samples(&self) -> u64 {
        self.halves.iter().map(Histogram::total).sum()
    }

    fn filling(&self) -> usize {
        (self.filling.load(Ordering::Relaxed) & 1) as usize
    }

    /// The first estimate comes with the sample that completes the minimum, not a refresh later.
    #[cold]
    fn first_estimate(&self, now: Instant) {
        let samples = self.first.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if u64::from(samples) == self.minimum() || now.as_nanos() >= self.due.load(Ordering::Relaxed) {
            self.refresh(now);
        }
    }

    fn quantile(&self) -> f64 {
        f64::from_bits(self.quantile.load(Ordering::Relaxed))
    }

    /// Enough samples for the percentile to have one above it.
    fn minimum(&self) -> u64 {
        let above = (1.0 / (1.0 - self.quantile())).round() as u64;
        above.max(Self::MINIMUM_SAMPLES.into())
    }

    /// Computes the estimate, unless somebody is at it.
    #[cold]
    fn refresh(&self, now: Instant) {
        // Acquire and Release: the next one to refresh sees the turn and the clearing of this one.
        let due = self.due.load(Ordering::Relaxed);
        let taken = |due| self.due.compare_exchange(due, BUSY, Ordering::Acquire, Ordering::Relaxed);
        if due == BUSY || taken(due).is_err() {
            return;
        }
        if forgotten(due, now) && self.estimate.load(Ordering::Relaxed) != 0 {
            self.halves.iter().for_each(Histogram::clear);
            self.first.store(0, Ordering::Relaxed);
            self.turn.store(0, Ordering::Relaxed);
        }
        self.take_turns(now);
        let total = self.samples();
        let rank = ((self.quantile() * total as f64).ceil() as u64).clamp(1, total.max(1));
        let value = self.halves[0].value_at(&self.halves[1], rank).filter(|_| total >= self.minimum());
        self.estimate.store(value.unwrap_or(0), Ordering::Relaxed);
        let next = (now + Self::REFRESH).as_nanos().min(BUSY - 1);
        self.due.store(next, Ordering::Release);
    }

    /// Samples recorded into the half that is just being cleared may be lost: a handful in 30 s.
    fn take_turns(&self, now: Instant) {
        let turn = self.turn.load(Ordering::Relaxed);
        let filling = self.filling();
        if now.as_nanos() < turn || self.halves[filling].total() < self.minimum() {
            return;
        }
        self.turn.store((now + Self::TURN).as_nanos(), Ordering::Relaxed);
        if turn != 0 {
            self.halves[1 - filling].clear();
            self.filling.store(1 - filling as u32, Ordering::Relaxed);
        }
    }
}

fn forgotten(due: u64, now: Instant) -> bool {
    now.since(Instant::from_nanos(due)) > LatencyQuantile::MEMORY
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(1_000_000_000);

    #[cfg(not(loom))]
    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn at(seconds: f64) -> Instant {
        Instant::ORIGIN + Duration::from_secs_f64(seconds)
    }

    fn p(text: &str) -> LatencyQuantile {
        LatencyQuantile::new(text.parse().unwrap())
    }

    #[cfg(not(loom))]
    fn close(estimate: Option<Duration>, expected: Duration) {
        let estimate = estimate.expect("an estimate");
        assert!(estimate >= expected && estimate <= expected.mul_f64(1.04), "{estimate:?}, not {expected:?}");
    }

    #[cfg(not(loom))]
    #[test]
    fn the_estimate_comes_with_the_fiftieth_sample() {
        let quantile = p("p95");
        for sample in 1..=50 {
            assert_eq!(quantile.estimate(NOW), None);
            quantile.record(at(1.0), ms(sample));
        }
        close(quantile.estimate(NOW), ms(48));
    }

    #[cfg(not(loom))]
    #[test]
    fn far_percentiles_want_more_samples() {
        let quantile = p("p99.9");
        (0..999).for_each(|_| quantile.record(at(1.0), ms(10)));
        assert_eq!(quantile.estimate(NOW), None);
        quantile.record(at(1.0), ms(10));
        close(quantile.estimate(NOW), ms(10));
    }

    #[cfg(not(loom))]
    #[test]
    fn it_follows_and_forgets() {
        let quantile = p("p95");
        (0..1000).for_each(|_| quantile.record(at(0.0), ms(10)));
        close(quantile.estimate(NOW), ms(10));
        // The old latencies are in the other half by 31 s and gone by 62 s.
        for step in 0..620 {
            let now = at(1.0 + f64::from(step) / 10.0);
            (0..5).for_each(|_| quantile.record(now, ms(2)));
        }
        close(quantile.estimate(NOW), ms(2));
        assert!(quantile.samples() < 3200, "{}", quantile.samples());
    }

    #[cfg(not(loom))]
    #[test]
    fn rare_calls_are_not_forgotten_down_to_nothing() {
        let quantile = p("p95");
        for sample in 0..2000 {
            quantile.record(at(f64::from(sample) * 3.0), ms(7));
            let now = at(f64::from(sample) * 3.0);
            assert_eq!(quantile.estimate(now).is_some(), sample >= 49, "{sample}");
        }
        assert!((50..=130).contains(&quantile.samples()), "{}", quantile.samples());
    }

    #[cfg(not(loom))]
    #[test]
    fn what_was_learnt_before_a_long_silence_is_forgotten() {
        let quantile = p("p95");
        (0..60).for_each(|_| quantile.record(at(1.0), ms(10)));
        close(quantile.estimate(at(600.0)), ms(10));
        assert_eq!(quantile.estimate(at(602.0)), None);
        (0..51).for_each(|_| quantile.record(at(602.0), ms(3)));
        close(quantile.estimate(at(602.0)), ms(3));
        assert!(quantile.samples() <= 51);
    }

    #[cfg(not(loom))]
    #[test]
    fn another_percentile_reads_the_same_samples() {
        let quantile = p("p50");
        (1..=100).for_each(|took| quantile.record(at(1.0), ms(took)));
        quantile.update(at(2.0), "p90".parse().unwrap());
        close(quantile.estimate(NOW), ms(90));
        quantile.update(at(2.0), "p99.9".parse().unwrap());
        assert_eq!(quantile.estimate(NOW), None, "a hundred samples say nothing of the thousandth");
    }

    #[cfg(loom)]
    #[test]
    fn loom_two_that_complete_the_minimum_leave_an_estimate() {
        loom::model(|| {
            let quantile = loom::sync::Arc::new(p("p50"));
            let other = loom::thread::spawn({
                let quantile = quantile.clone();
                move || quantile.record(at(1.0), Duration::from_nanos(1))
            });
            quantile.record(at(1.0), Duration::from_nanos(1));
            other.join().unwrap();
            // The later recorder may have seen one sample only; the next to record sees both.
            quantile.record(at(2.0), Duration::from_nanos(1));
            assert_eq!(quantile.estimate(NOW), Some(Duration::from_nanos(1024)));
            assert_ne!(quantile.due.load(Ordering::Relaxed), BUSY);
        });
    }
}
