//! Random policies with thresholds so small that a few calls reach them.

use super::{
    dice::Dice,
    feature::{Feature, Features},
};
use plimsoll_policy::{
    PolicySpec, Timeouts,
    breaker::{BreakerSpec, Slow, Window},
    bulkhead::BulkheadSpec,
    concurrency::{Algorithm, ConcurrencySpec},
    hedge::{HedgeDelay, HedgeSpec, Percentile},
    rate::{RateLimitSpec, RateShape},
    retry::{Attempts, Jitter, RetryOn, RetrySpec},
    shed::ShedSpec,
    throttle::{Multiplier, ThrottleSpec},
    units::{BackoffRange, Burst, Rate, Ratio},
};
use std::{num::NonZeroU32, time::Duration};

/// A policy of these features' machines.
pub(super) fn spec(dice: &mut Dice, features: Features) -> PolicySpec {
    let has = |feature| features.has(feature);
    PolicySpec {
        timeouts: timeouts(dice, features),
        shed: has(Feature::Shed)
            .then(|| ShedSpec { target: dice.millis(1..4), interval: dice.millis(5..20) }),
        rate_limit: has(Feature::RateLimit).then(|| rate_limit(dice)),
        throttle: has(Feature::Throttle).then(|| throttle(dice)),
        breaker: has(Feature::Breaker).then(|| breaker(dice)),
        bulkhead: has(Feature::Bulkhead).then(|| BulkheadSpec {
            in_flight: few(dice, 1..4),
            waiting: dice.below(0..4) as u32,
            wait: dice.millis(5..80),
        }),
        concurrency: has(Feature::Concurrency).then(|| ConcurrencySpec {
            algorithm: dice.one(&[Algorithm::Aimd, Algorithm::Vegas, Algorithm::Gradient2]),
            initial: few(dice, 1..6),
            min: few(dice, 1..3),
            max: few(dice, 3..10),
        }),
        retry: has(Feature::Retry).then(|| retry(dice)),
        hedge: has(Feature::Hedge).then(|| hedge(dice)),
    }
}

fn few(dice: &mut Dice, range: std::ops::Range<u64>) -> NonZeroU32 {
    NonZeroU32::new(dice.below(range) as u32).unwrap_or(NonZeroU32::MIN)
}

fn ratio(dice: &mut Dice) -> Ratio {
    Ratio::percent(dice.one(&[10, 25, 50, 75, 100]))
}

fn timeouts(dice: &mut Dice, features: Features) -> Timeouts {
    let mut limit = |feature, range| features.has(feature).then(|| dice.millis(range));
    Timeouts {
        connect: limit(Feature::ConnectLimit, 2..30),
        tls: limit(Feature::TlsLimit, 2..30),
        first_byte: limit(Feature::FirstByteLimit, 5..60),
        attempt: limit(Feature::AttemptLimit, 10..80),
        idle: limit(Feature::IdleLimit, 5..50),
        total: limit(Feature::TotalLimit, 20..300),
    }
}

fn rate_limit(dice: &mut Dice) -> RateLimitSpec {
    let rate = Rate::new(dice.below(1..6) as u32, Duration::from_millis(100)).expect("a few in a while");
    let burst = Burst::try_from(dice.below(1..6) as u32).expect("a burst above zero");
    let shape = dice.one(&[RateShape::TokenBucket, RateShape::LeakyBucket]);
    RateLimitSpec { burst, shape, ..RateLimitSpec::new(rate) }
}

fn throttle(dice: &mut Dice) -> ThrottleSpec {
    let k = Multiplier::try_from(dice.one(&[1.0, 1.1, 1.5, 2.0])).expect("a multiplier above one");
    ThrottleSpec { k, window: dice.millis(100..2_000) }
}

fn breaker(dice: &mut Dice) -> BreakerSpec {
    let window =
        if dice.percent(50) { Window::Time(dice.millis(20..400)) } else { Window::Calls(few(dice, 1..10)) };
    let slow = dice.percent(50).then(|| Slow { call: dice.millis(5..40), ratio: ratio(dice) });
    let consecutive_failures = dice.percent(50).then(|| few(dice, 1..5));
    BreakerSpec {
        window,
        minimum_calls: few(dice, 1..6),
        failure_ratio: dice.percent(60).then(|| ratio(dice)),
        slow,
        consecutive_failures,
        open: dice.millis(5..60),
        max_open: dice.millis(30..200),
        jitter: Ratio::percent(dice.one(&[0, 10, 100])),
        probes: few(dice, 1..4),
        half_open: dice.millis(5..60),
    }
}

fn retry(dice: &mut Dice) -> RetrySpec {
    let base = dice.millis(1..10);
    let mut on = RetryOn::NONE;
    on.connect = dice.percent(80);
    on.reset = dice.percent(80);
    on.timeout = dice.percent(80);
    for status in [429, 503] {
        if dice.percent(70) {
            on = on.with_status(status).expect("a status of an error");
        }
    }
    RetrySpec {
        attempts: Attempts::try_from(dice.below(1..5) as u32).expect("a few attempts"),
        backoff: BackoffRange::new(base, base + dice.millis(1..40)).expect("a rising range"),
        jitter: dice.one(&[Jitter::Full, Jitter::Equal, Jitter::Decorrelated]),
        budget: ratio(dice),
        reserve: dice.below(0..6) as u32,
        on,
        window: dice.percent(30).then(|| dice.millis(20..120)),
    }
}

fn hedge(dice: &mut Dice) -> HedgeSpec {
    let percentile: Percentile = dice.one(&["p50", "p90"]).parse().expect("a percentile");
    let after = if dice.percent(70) {
        HedgeDelay::Fixed(dice.millis(2..25))
    } else {
        HedgeDelay::Percentile(percentile)
    };
    HedgeSpec { after, budget: ratio(dice) }
}
