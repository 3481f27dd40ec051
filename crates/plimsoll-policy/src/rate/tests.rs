mod leaky;

use super::*;
use crate::{
    Instant,
    units::{Burst, Rate},
};
use proptest::prelude::*;
use std::{num::NonZeroU32, time::Duration};

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn burst(count: u32) -> Burst {
    Burst::try_from(count).unwrap()
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn every_permit_comes_back_at_its_nanosecond() {
    // Starting points that fall on no whole reading of the permit clock.
    for start in [0, 1, 37_000_001, 1_234_567_891] {
        for (text, count, period) in
            [("3/s", 3, SECOND), ("7/s", 7, SECOND), ("10/s", 10, SECOND), ("90/m", 90, 60 * SECOND)]
        {
            let bucket = TokenBucket::new(rate(text), burst(5), Instant::ORIGIN);
            assert!(bucket.admit(at(start), 5).is_ok());
            for permit in 1..=10_000u64 {
                let due = start + (permit * period).div_ceil(count);
                assert_eq!(
                    bucket.admit(at(due - 1), 1).unwrap_err().retry_after,
                    Some(Duration::from_nanos(1)),
                    "{text} {permit}"
                );
                assert!(bucket.admit(at(due), 1).is_ok(), "{text} {permit}");
            }
        }
    }
}

#[test]
fn the_fastest_and_the_slowest_rate() {
    let fast = TokenBucket::new(rate("1000000000/s"), burst(1), Instant::ORIGIN);
    for nanos in 5..1000 {
        assert!(fast.admit(at(nanos), 1).is_ok());
        assert!(fast.admit(at(nanos), 1).is_err());
    }
    let hour = 3600 * SECOND;
    let slow = TokenBucket::new(rate("1/h"), burst(1), Instant::ORIGIN);
    assert!(slow.admit(at(17), 1).is_ok());
    let wait = |now| slow.admit(at(now), 1).unwrap_err().retry_after.unwrap();
    assert_eq!(wait(17), Duration::from_hours(1));
    assert_eq!(wait(16 + hour), Duration::from_nanos(1));
    assert!(slow.admit(at(17 + hour), 1).is_ok());
}

#[test]
fn a_rate_between_whole_nanosecond_intervals_is_kept() {
    // Two seconds of taking all there is, across the instants at which the permit clock is set back.
    let bucket = TokenBucket::new(rate("999999937/s"), burst(2000), Instant::ORIGIN);
    let mut admitted = 0;
    for step in 0..=2_000_000 {
        let now = at(step * 1000);
        let there = bucket.peek(now, 1).available;
        bucket.admit(now, there).unwrap();
        admitted += u64::from(there);
    }
    assert_eq!(admitted, 2000 + 2 * 999_999_937);
}

#[test]
fn more_than_the_burst_never_comes_together() {
    let bucket = TokenBucket::new(rate("10/s"), burst(5), Instant::ORIGIN);
    let refused = bucket.admit(at(0), 6).unwrap_err();
    assert_eq!(refused.retry_after, None);
    assert_eq!(bucket.peek(at(0), 6), Peek { available: 5, wait: None });
    assert!(bucket.admit(at(0), 5).is_ok(), "the refusal took nothing");
    assert!(bucket.admit(at(0), 0).is_ok());
}

#[test]
fn peeking_changes_nothing_and_says_what_admit_would() {
    let bucket = TokenBucket::new(rate("10/s"), burst(5), Instant::ORIGIN);
    bucket.admit(at(0), 4).unwrap();
    let expected = Peek { available: 1, wait: Some(Duration::from_millis(200)) };
    assert_eq!(bucket.peek(at(0), 3), expected);
    assert_eq!(bucket.peek(at(0), 3), expected);
    assert_eq!(bucket.admit(at(0), 3).unwrap_err().retry_after, expected.wait);
    assert!(bucket.admit(at(SECOND / 5), 3).is_ok());
}

#[test]
fn a_clock_that_steps_back_forgives_nothing() {
    let bucket = TokenBucket::new(rate("10/s"), burst(2), Instant::ORIGIN);
    assert!(bucket.admit(at(SECOND), 2).is_ok());
    assert!(bucket.admit(at(SECOND - 50), 1).is_err());
    assert!(bucket.admit(at(0), 1).is_err());
    assert_eq!(bucket.peek(at(SECOND), 1).wait, Some(Duration::from_millis(100)), "and spoils nothing");
}

#[test]
fn years_pass_without_losing_exactness() {
    let (day, mut now) = (86_400 * SECOND, 5);
    let bucket = TokenBucket::new(rate("7/s"), burst(7), Instant::ORIGIN);
    for days in [1, 2, 3, 4, 5, 6, 7, 30, 365, 3650, 36_500] {
        now += days * day;
        assert!(bucket.admit(at(now), 7).is_ok());
        assert!(bucket.admit(at(now + 142_857_142), 1).is_err());
        assert!(bucket.admit(at(now + 142_857_143), 1).is_ok());
    }
    // Busy right across the instants at which the permit clock is set back.
    let slow = TokenBucket::new(rate("1001/h"), burst(1001), Instant::ORIGIN);
    let mut admitted = 0u64;
    for minute in 0..30 * 1440u64 {
        let now = at(minute * 60 * SECOND);
        let there = slow.peek(now, 1).available;
        slow.admit(now, there).unwrap();
        admitted += u64::from(there);
    }
    assert_eq!(admitted, 1001 + (30 * 1440 - 1) * 1001 / 60);
}

#[test]
fn a_new_rate_keeps_what_was_used() {
    let bucket = TokenBucket::new(rate("10/s"), burst(10), Instant::ORIGIN);
    bucket.admit(at(0), 8).unwrap();
    bucket.update(at(SECOND / 10), rate("1/h"), burst(10));
    assert_eq!(bucket.peek(at(SECOND / 10), 1).available, 3);
    bucket.update(at(SECOND / 10), rate("1000000000/s"), burst(20));
    assert_eq!(bucket.peek(at(SECOND / 10), 1).available, 13);
    bucket.update(at(SECOND / 10), rate("1/s"), burst(4));
    assert_eq!(bucket.peek(at(SECOND / 10), 1), Peek { available: 0, wait: Some(Duration::from_secs(1)) });
    let snapshot = bucket.snapshot(at(SECOND / 10));
    assert_eq!(snapshot, BucketSnapshot { rate: rate("1/s"), burst: burst(4), available: 0 });

    let idle = TokenBucket::new(rate("10/s"), burst(10), Instant::ORIGIN);
    idle.update(at(SECOND), rate("1/h"), burst(50));
    assert!(idle.admit(at(SECOND), 50).is_ok(), "full stays full");
}

#[test]
fn sizes_are_as_documented() {
    assert_eq!(size_of::<TokenBucket>(), 256);
    assert!(size_of::<LeakyBucket>() <= 192);
}

fn rates() -> impl Strategy<Value = Rate> {
    prop_oneof![
        Just(rate("1/h")),
        Just(rate("3/s")),
        Just(rate("7/s")),
        Just(rate("2000/s")),
        Just(rate("1000000000/s")),
        (1u32..=1_000_000_000).prop_map(|count| Rate::per_second_of(count).unwrap()),
        (1u32..1000, 1_000_000u64..3_600_000_000_000).prop_map(|(count, period)| Rate::new(
            count,
            Duration::from_nanos(period)
        )
        .unwrap()),
    ]
}

/// Steps in time measured in the interval of one permit, so that every rate is hit around its edges.
fn steps() -> impl Strategy<Value = Vec<(f64, u32)>> {
    prop::collection::vec((prop_oneof![Just(0.0), 0.0..2.0, 0.0..40.0], 1u32..8), 1..60)
}

/// An ideal bucket in whole numbers: time in `1 / count` of a nanosecond, so that a permit takes `period` of them.
struct Ideal {
    count: i128,
    period: i128,
    burst: i128,
    full_at: i128,
}

impl Ideal {
    fn new(rate: Rate, burst: Burst) -> Self {
        let period = rate.period().as_nanos() as i128;
        Self { count: i128::from(rate.count()), period, burst: i128::from(burst.get()), full_at: i128::MIN }
    }

    /// How long until so many would be there, in nanoseconds.
    fn wait(&self, now: u64, permits: u32) -> u64 {
        let now = i128::from(now) * self.count;
        let after = self.full_at.max(now) + i128::from(permits) * self.period;
        let missing = after - self.burst * self.period - now;
        let missing = missing.max(0) as u128;
        missing.div_ceil(self.count as u128) as u64
    }

    fn take(&mut self, now: u64, permits: u32) {
        let now = i128::from(now) * self.count;
        self.full_at = self.full_at.max(now) + i128::from(permits) * self.period;
    }
}

proptest! {
    #[test]
    fn as_the_ideal_bucket(rate in rates(), size in 1u32..20, start in 0u64..1 << 48, steps in steps()) {
        let (bucket, mut ideal) = (TokenBucket::new(rate, burst(size), at(start)), Ideal::new(rate, burst(size)));
        let interval = rate.period().as_nanos() as f64 / f64::from(rate.count());
        let mut now = start;
        for (step, permits) in steps {
            now += (step * interval) as u64;
            let permits = permits.min(size);
            match bucket.admit(at(now), permits) {
                Ok(()) => {
                    prop_assert_eq!(ideal.wait(now, permits), 0, "let through too much");
                    ideal.take(now, permits);
                }
                Err(refused) => {
                    let told = refused.retry_after.unwrap().as_nanos();
                    prop_assert_eq!(told, u128::from(ideal.wait(now, permits)));
                }
            }
        }
    }

    #[test]
    fn no_window_sees_more_than_burst_and_rate(rate in rates(), size in 1u32..20, steps in steps()) {
        let bucket = TokenBucket::new(rate, burst(size), Instant::ORIGIN);
        let interval = rate.period().as_nanos() as f64 / f64::from(rate.count());
        let (mut now, mut admitted) = (0u64, Vec::new());
        for (step, permits) in steps {
            now += (step * interval) as u64;
            // Takes what it can, and sometimes asks with a clock that lags.
            let lagging = at(now.saturating_sub(u64::from(permits) * 3));
            for _ in 0..permits {
                if bucket.admit(if permits % 2 == 0 { lagging } else { at(now) }, 1).is_ok() {
                    admitted.push(now);
                }
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let seen = (last - first + 1) as u128;
                // A lagging caller acts later than its clock says, hence its lag on top of the window.
                let window = u128::from(to - from) + 24;
                let allowed = u128::from(size) * rate.period().as_nanos() + window * u128::from(rate.count());
                prop_assert!(seen * rate.period().as_nanos() <= allowed, "{seen} from {from} to {to}");
            }
        }
    }

    #[test]
    fn a_refund_never_exceeds_the_burst(rate in rates(), size in 1u32..20, steps in steps()) {
        let bucket = TokenBucket::new(rate, burst(size), Instant::ORIGIN);
        let interval = rate.period().as_nanos() as f64 / f64::from(rate.count());
        let mut now = 0;
        for (index, (step, permits)) in steps.into_iter().enumerate() {
            now += (step * interval) as u64;
            let before = bucket.peek(at(now), 1).available;
            if index % 2 == 0 {
                bucket.refund(permits);
                prop_assert_eq!(bucket.peek(at(now), 1).available, (before + permits).min(size));
            } else {
                let taken = bucket.admit(at(now), permits.min(size)).is_ok();
                let left = before - if taken { permits.min(size) } else { 0 };
                prop_assert_eq!(bucket.peek(at(now), 1).available, left);
            }
        }
    }

    #[test]
    fn updates_let_through_no_more_than_their_terms(
        first in (rates(), 1u32..20), second in (rates(), 1u32..20), steps in steps(), change in 0usize..60,
    ) {
        // Without the burst shrinking, nothing is forgiven: over the whole run, the larger burst and what was earned.
        let (small, large) = (first.1.min(second.1), first.1.max(second.1));
        let bucket = TokenBucket::new(first.0, burst(small), Instant::ORIGIN);
        let (mut now, mut admitted, mut changed_at) = (0u64, 0u128, None);
        let interval = |rate: Rate| rate.period().as_nanos() as f64 / f64::from(rate.count());
        for (index, (step, permits)) in steps.into_iter().enumerate() {
            if index == change {
                bucket.update(at(now), second.0, burst(large));
                changed_at = Some(now);
            }
            now += (step * interval(if changed_at.is_some() { second.0 } else { first.0 })) as u64;
            admitted += (0..permits).filter(|_| bucket.admit(at(now), 1).is_ok()).count() as u128;
        }
        let turn = changed_at.unwrap_or(now);
        let earned = |rate: Rate, nanos: u64| {
            f64::from(rate.count()) * nanos as f64 / rate.period().as_nanos() as f64
        };
        let limit = f64::from(if changed_at.is_some() { large } else { small })
            + earned(first.0, turn) + earned(second.0, now - turn);
        prop_assert!(admitted as f64 <= limit * (1.0 + 1e-12), "{admitted} > {limit}");
    }

    /// Where an interval is a whole number of nanoseconds and the burst is spelled out, governor decides right, and so
    /// must we: the same decisions for the same requests.
    #[test]
    fn as_governor_where_governor_is_right(millis in 1u64..5000, size in 1u32..20, steps in steps()) {
        use governor::{Quota, RateLimiter as Governor, clock::FakeRelativeClock};
        let clock = FakeRelativeClock::default();
        let quota = Quota::with_period(Duration::from_millis(millis)).unwrap();
        let quota = quota.allow_burst(NonZeroU32::new(size).unwrap());
        let theirs = Governor::direct_with_clock(quota, clock.clone());
        let ours =
            TokenBucket::new(Rate::new(1, Duration::from_millis(millis)).unwrap(), burst(size), Instant::ORIGIN);
        let mut now = 0;
        for (step, permits) in steps {
            let step = (step * (millis * 1_000_000) as f64) as u64;
            clock.advance(Duration::from_nanos(step));
            now += step;
            let permits = permits.min(size);
            let theirs = theirs.check_n(NonZeroU32::new(permits).unwrap()).unwrap().is_ok();
            prop_assert_eq!(ours.admit(at(now), permits).is_ok(), theirs);
        }
    }
}

/// Whole-nanosecond intervals: 700,000,000/s becomes 10⁹/s there.
#[test]
fn not_as_governor_where_it_rounds_the_interval() {
    use governor::{Quota, RateLimiter as Governor, clock::FakeRelativeClock};
    let clock = FakeRelativeClock::default();
    let quota = Quota::per_second(NonZeroU32::new(700_000_000).unwrap()).allow_burst(NonZeroU32::MIN);
    let theirs = Governor::direct_with_clock(quota, clock.clone());
    let ours = TokenBucket::new(rate("700000000/s"), burst(1), Instant::ORIGIN);
    let (mut admitted_theirs, mut admitted_ours) = (0, 0);
    for nanos in 0..10_000 {
        admitted_theirs += u32::from(theirs.check().is_ok());
        admitted_ours += u32::from(ours.admit(at(nanos), 1).is_ok());
        clock.advance(Duration::from_nanos(1));
    }
    assert_eq!(
        (admitted_theirs, admitted_ours),
        (10_000, 5_000),
        "a burst of one is had every second nanosecond"
    );
}

/// governor#219: `per_minute(60)` lets 120 through in its first minute, because the burst is silently the whole quota.
#[test]
fn a_burst_is_only_ever_what_was_asked_for() {
    use governor::{Quota, RateLimiter as Governor, clock::FakeRelativeClock};
    let clock = FakeRelativeClock::default();
    let theirs = Governor::direct_with_clock(Quota::per_minute(NonZeroU32::new(60).unwrap()), clock.clone());
    let spec = RateLimitSpec::new(rate("60/m"));
    let ours = TokenBucket::new(spec.rate, spec.burst, Instant::ORIGIN);
    let (mut admitted_theirs, mut admitted_ours) = (0, 0);
    for second in 0..60 {
        for _ in 0..60 {
            admitted_theirs += u32::from(theirs.check().is_ok());
            admitted_ours += u32::from(ours.admit(at(second * SECOND), 1).is_ok());
        }
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!((admitted_theirs, admitted_ours), (119, 60));
}
