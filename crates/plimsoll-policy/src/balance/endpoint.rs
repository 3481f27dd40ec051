//! The state of one endpoint: calls in flight and a latency estimate.

use crate::{
    Instant, Outcome,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::nanos,
};
use std::time::Duration;

/// How fast a latency estimate forgets: to 1/e in this time.
pub const LATENCY_DECAY: Duration = Duration::from_secs(10);

/// The least that a failure counts as in a latency estimate, however fast it came.
///
/// A host that fails at once is the fastest of all by its latency, and would draw the traffic of those that work. So a
/// failure is a sample of twice the estimate, of this, or of the time it took, whichever is the most, up to
/// [`LONGEST_FAILURE_LATENCY`]. linkerd's load biaser counts a failure as 5 s beside the estimate; gRPC's weighted round
/// robin (gRFC A58) adds errors to an endpoint's utilisation. Here the sample is mixed into the estimate like any other
/// that is no peak, by the time since the last one, so that a host that fails one call in a hundred keeps most of its
/// traffic; from the fifth failure in a row on it counts at once. A host that fails them all is then asked about every
/// 40 s, where the others take 10 ms.
pub const FAILURE_LATENCY: Duration = Duration::from_secs(1);

/// The most that a failure counts as, unless it took longer: so high that doubling ends, so low that a host which is well
/// again is asked within two minutes.
pub const LONGEST_FAILURE_LATENCY: Duration = Duration::from_secs(60);

/// Estimates are stamped in units of 2²⁰ ns, about a millisecond; 32 bits of them last 52 days.
const STAMP_BITS: u32 = 20;
/// So many failures in a row count at once: mixing them in by the time that has passed would take a second and more on a
/// busy upstream, whose other hosts have calls in flight. As many as eject unless set otherwise.
const RUN: u32 = 5;
/// The run of failures stands in the lowest bits of the estimate, which lose nothing by it: 2⁻²⁰ of its value.
const RUN_MASK: u32 = 0b111;

const DECAY_STAMPS: f64 = LATENCY_DECAY.as_nanos() as f64 / (1u64 << STAMP_BITS) as f64;
/// Below this age (1/128 of the decay) an estimate is read as it stands: it would differ by less than 1 %.
const FRESH: u32 = (DECAY_STAMPS / 128.0) as u32;

/// The load of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointLoad {
    /// Attempts picked and not yet released.
    pub in_flight: u32,
    /// The latency estimate, decayed to now; `None` before the first attempt has been settled.
    pub latency: Option<Duration>,
}

/// On a cache line of its own, since every worker writes to it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Endpoint {
    in_flight: AtomicU32,
    /// The estimate in nanoseconds as the bits of an `f32` (at least 1.0) with the run of failures in its lowest, and the
    /// stamp of its last change; 0: none.
    latency: AtomicU64,
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self { in_flight: AtomicU32::new(0), latency: AtomicU64::new(0) }
    }

    #[inline]
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    #[inline]
    pub(super) fn started(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    #[inline]
    pub(super) fn released(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    #[inline]
    pub(super) fn settled(&self, now: Instant, outcome: Outcome, took: Duration) {
        let (stamp, took) = (stamp(now), (nanos(took) as f32).max(1.0));
        // Most outcomes change nothing: the sample is neither a peak nor a millisecond younger than the last.
        let _ = self.latency.fetch_update(Relaxed, Relaxed, |word| next(word, stamp, outcome, took));
    }

    /// The estimate in nanoseconds, decayed to now.
    #[inline]
    pub(super) fn latency(&self, now: Instant) -> Option<f64> {
        let word = self.latency.load(Relaxed);
        if word == 0 {
            return None;
        }
        let (estimate, since) = unpack(word);
        let age = age(since, stamp(now));
        Some(f64::from(estimate) * if age <= FRESH { 1.0 } else { weight(age) })
    }

    pub(super) fn load(&self, now: Instant) -> EndpointLoad {
        let latency = self.latency(now).map(|nanos| Duration::from_nanos(nanos as u64));
        EndpointLoad { in_flight: self.in_flight(), latency }
    }
}

/// The word after a sample; `None` where it stays.
fn next(word: u64, stamp: u32, outcome: Outcome, took: f32) -> Option<u64> {
    let first = word == 0;
    let (estimate, since) = unpack(word);
    let (sample, run) = match outcome {
        Outcome::Success => (took, 0),
        Outcome::Failure(_) | Outcome::Throttled => {
            (failure(estimate).max(took), (run(word) + 1).min(RUN_MASK))
        }
        // At least so long would it have taken.
        Outcome::Cancelled => return (took > estimate && !first).then(|| pack(took, stamp, run(word))),
        Outcome::Caller | Outcome::Local => return None,
    };
    if first || run == RUN {
        return Some(pack(sample, stamp, run));
    }
    // A time that was measured and is above the estimate counts at once; what a failure is taken for beyond that is
    // mixed in, so that a stray one does not cost a host its traffic.
    if took > estimate {
        return Some(pack(took, stamp, run));
    }
    let age = age(since, stamp);
    if age == 0 {
        return (run != self::run(word)).then(|| pack(estimate, since, run));
    }
    let old = weight(age);
    let mixed = f64::from(estimate) * old + f64::from(sample) * (1.0 - old);
    Some(pack(mixed as f32, stamp, run))
}

/// The latency that a failure counts as beside this estimate. Never less than the estimate, so that no failure lowers it.
fn failure(estimate: f32) -> f32 {
    let (least, most) = (FAILURE_LATENCY.as_nanos() as f32, LONGEST_FAILURE_LATENCY.as_nanos() as f32);
    (estimate * 2.0).clamp(least, most).max(estimate)
}

fn stamp(now: Instant) -> u32 {
    (now.as_nanos() >> STAMP_BITS) as u32
}

/// Stamps from `since` to `now`; 0 where `now` is the earlier one: another worker's clock read, or an outcome that comes
/// late. Taken for the future, it would wipe out the estimate.
fn age(since: u32, now: u32) -> u32 {
    let age = now.wrapping_sub(since);
    if age > u32::MAX / 2 { 0 } else { age }
}

/// How much of an estimate of this age is left. The same on every processor: an endpoint hangs on it.
fn weight(age: u32) -> f64 {
    libm::exp(-f64::from(age) / DECAY_STAMPS)
}

fn pack(estimate: f32, stamp: u32, run: u32) -> u64 {
    u64::from(estimate.max(1.0).to_bits() & !RUN_MASK | run) << 32 | u64::from(stamp)
}

fn unpack(word: u64) -> (f32, u32) {
    (f32::from_bits((word >> 32) as u32 & !RUN_MASK), word as u32)
}

fn run(word: u64) -> u32 {
    (word >> 32) as u32 & RUN_MASK
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Failure;

    const MS: f64 = 1e6;

    fn at(seconds: f64) -> Instant {
        Instant::ORIGIN + Duration::from_secs_f64(seconds)
    }

    fn sample(endpoint: &Endpoint, seconds: f64, outcome: Outcome, took_ms: u64) {
        endpoint.settled(at(seconds), outcome, Duration::from_millis(took_ms));
    }

    #[track_caller]
    fn close(estimate: Option<f64>, expected_ms: f64) {
        let estimate = estimate.expect("an estimate") / MS;
        assert!((estimate - expected_ms).abs() <= expected_ms * 0.01, "{estimate} ms, not {expected_ms} ms");
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let endpoint = Endpoint::new();
        assert_eq!(endpoint.latency(at(0.0)), None);
        sample(&endpoint, 0.0, Outcome::Success, 10);
        close(endpoint.latency(at(0.0)), 10.0);
        sample(&endpoint, 1.0, Outcome::Success, 100);
        close(endpoint.latency(at(1.0)), 100.0);
        // e^(−5/10) of the old and the rest of the new.
        sample(&endpoint, 6.0, Outcome::Success, 20);
        close(endpoint.latency(at(6.0)), 20.0 + 80.0 * (-0.5f64).exp());
        // Untried it decays towards nothing, so that it is tried again.
        let left = 20.0 + 80.0 * (-0.5f64).exp();
        close(endpoint.latency(at(16.0)), left * (-1.0f64).exp());
    }

    #[test]
    fn many_samples_in_a_millisecond_weigh_as_one() {
        let (busy, calm) = (Endpoint::new(), Endpoint::new());
        for step in 0..20_000 {
            sample(&busy, f64::from(step) / 10_000.0, Outcome::Success, if step == 0 { 100 } else { 10 });
        }
        for step in 0..200 {
            sample(&calm, f64::from(step) / 100.0, Outcome::Success, if step == 0 { 100 } else { 10 });
        }
        let expected = 10.0 + 90.0 * (-0.2f64).exp();
        close(busy.latency(at(2.0)), expected);
        close(calm.latency(at(2.0)), expected);
    }

    #[test]
    fn failing_fast_raises_an_estimate_in_proportion_and_never_lowers_it() {
        let endpoint = Endpoint::new();
        sample(&endpoint, 0.0, Outcome::Success, 50);
        // A stray failure of a busy host: a tenth of a second's part of 1 s.
        sample(&endpoint, 0.1, Outcome::Failure(Failure::Connect), 0);
        close(endpoint.latency(at(0.1)), 59.5);
        sample(&endpoint, 0.1, Outcome::Success, 50);
        let mut last = 0.0;
        for second in 1..60 {
            let outcome =
                if second % 2 == 0 { Outcome::Throttled } else { Outcome::Failure(Failure::Connect) };
            sample(&endpoint, f64::from(second), outcome, 0);
            let estimate = endpoint.latency(at(f64::from(second))).unwrap();
            assert!(estimate > last, "{last} then {estimate}");
            last = estimate;
        }
        // What took longer than the estimate counts as it was.
        sample(&endpoint, 60.0, Outcome::Failure(Failure::Timeout), 90_000);
        close(endpoint.latency(at(60.0)), 90_000.0);
        sample(&endpoint, 61.0, Outcome::Failure(Failure::Connect), 0);
        close(endpoint.latency(at(61.0)), 90_000.0);
    }

    #[test]
    fn the_fifth_failure_in_a_row_counts_at_once() {
        let endpoint = Endpoint::new();
        sample(&endpoint, 0.0, Outcome::Success, 10);
        for _ in 0..3 {
            for _ in 0..4 {
                sample(&endpoint, 0.0, Outcome::Failure(Failure::Connect), 0);
            }
            close(endpoint.latency(at(0.0)), 10.0);
            sample(&endpoint, 0.0, Outcome::Success, 10);
        }
        for _ in 0..4 {
            sample(&endpoint, 0.0, Outcome::Failure(Failure::Connect), 0);
            sample(&endpoint, 0.0, Outcome::Cancelled, 0);
        }
        sample(&endpoint, 0.0, Outcome::Failure(Failure::Connect), 0);
        close(endpoint.latency(at(0.0)), 1000.0);
        // Those that were under way as well change no more than their time does.
        for _ in 0..100 {
            sample(&endpoint, 0.0, Outcome::Failure(Failure::Connect), 0);
        }
        close(endpoint.latency(at(0.0)), 1000.0);
    }

    #[test]
    fn what_a_failure_counts_as_has_bounds() {
        let fresh = Endpoint::new();
        sample(&fresh, 0.0, Outcome::Failure(Failure::Connect), 0);
        close(fresh.latency(at(0.0)), 1000.0);
        for second in 1..300 {
            sample(&fresh, f64::from(second), Outcome::Failure(Failure::Connect), 0);
        }
        close(fresh.latency(at(299.0)), 60_000.0);
    }

    #[test]
    fn what_is_nobodys_failure_changes_nothing() {
        let endpoint = Endpoint::new();
        for outcome in [Outcome::Caller, Outcome::Local] {
            sample(&endpoint, 0.0, outcome, 500);
            assert_eq!(endpoint.latency(at(0.0)), None);
        }
        sample(&endpoint, 0.0, Outcome::Success, 50);
        for outcome in [Outcome::Caller, Outcome::Local] {
            sample(&endpoint, 1.0, outcome, 500);
        }
        close(endpoint.latency(at(0.0)), 50.0);
    }

    #[test]
    fn what_was_cancelled_can_only_raise() {
        let endpoint = Endpoint::new();
        sample(&endpoint, 0.0, Outcome::Cancelled, 500);
        assert_eq!(endpoint.latency(at(0.0)), None);
        sample(&endpoint, 0.0, Outcome::Success, 50);
        sample(&endpoint, 0.0, Outcome::Cancelled, 5);
        close(endpoint.latency(at(0.0)), 50.0);
        sample(&endpoint, 0.0, Outcome::Cancelled, 500);
        close(endpoint.latency(at(0.0)), 500.0);
    }

    #[test]
    fn a_late_outcome_ages_nothing() {
        for late in [99.9, 70.0, 0.0] {
            let endpoint = Endpoint::new();
            sample(&endpoint, 100.0, Outcome::Success, 500);
            sample(&endpoint, late, Outcome::Success, 2);
            close(endpoint.latency(at(100.0)), 500.0);
        }
    }
}
