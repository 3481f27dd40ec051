//! Every policy there can be.

use plimsoll_policy::{
    PolicySpec, Timeouts,
    breaker::{BreakerSpec, Slow, Window},
    bulkhead::BulkheadSpec,
    concurrency::{Algorithm, ConcurrencySpec},
    hedge::{HedgeDelay, HedgeSpec, Percentile},
    rate::{KeyCapacity, Per, RateLimitSpec, RateShape},
    retry::{Attempts, Jitter, RetryOn, RetrySpec},
    shed::ShedSpec,
    throttle::{Multiplier, ThrottleSpec},
    units::{BackoffRange, Burst, Rate, Ratio},
};
use plimsoll_testkit::strategies::{count, duration, ratio, rising};
use proptest::{option, prelude::*, sample::select};
use std::time::Duration;

fn above_zero() -> impl Strategy<Value = Ratio> {
    ratio().prop_filter("zero", |ratio| *ratio != Ratio::ZERO)
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let limit = || option::of(duration());
    let limits = (limit(), limit(), limit(), limit());
    (limits, option::of(duration()), option::of(duration())).prop_map(|(limits, idle, total)| {
        let within =
            |limit: Option<Duration>| limit.map(|limit| total.map_or(limit, |total| limit.min(total)));
        let (connect, tls, first_byte, attempt) = limits;
        Timeouts {
            connect: within(connect),
            tls: within(tls),
            first_byte: within(first_byte),
            attempt: within(attempt),
            idle,
            total,
        }
    })
}

fn rate_limit() -> impl Strategy<Value = RateLimitSpec> {
    let rate = (1..=u32::MAX, duration())
        .prop_filter_map("out of range", |(count, period)| Rate::new(count, period).ok());
    let per = prop_oneof![
        Just(Per::All),
        Just(Per::Client),
        Just(Per::Route),
        "[a-z0-9!#$%&'*+.^_`|~-]{1,128}".prop_map(|name| Per::Header(name.into())),
    ];
    let counted = prop_oneof![
        Just((RateShape::LeakyBucket, Per::All)),
        per.prop_map(|per| (RateShape::TokenBucket, per)),
    ];
    (rate, count(), counted, count()).prop_map(|(rate, burst, (shape, per), keys)| RateLimitSpec {
        rate,
        burst: Burst::try_from(burst.get()).expect("from 1 on"),
        shape,
        per,
        keys: KeyCapacity::new(keys.get() % KeyCapacity::MAX + 1).expect("within its range"),
    })
}

fn breaker() -> impl Strategy<Value = BreakerSpec> {
    let window = prop_oneof![duration().prop_map(Window::Time), count().prop_map(Window::Calls)];
    let slow = option::of((duration(), above_zero()).prop_map(|(call, ratio)| Slow { call, ratio }));
    let opens = (option::of(above_zero()), slow, option::of(count()))
        .prop_filter("never opens", |(failures, slow, row)| {
            failures.is_some() || slow.is_some() || row.is_some()
        });
    (window, count(), opens, rising(), ratio(), count(), duration()).prop_map(
        |(
            window,
            calls,
            (failure_ratio, slow, consecutive_failures),
            (open, max_open),
            jitter,
            probes,
            half_open,
        )| {
            let minimum_calls = match window {
                Window::Calls(window) => calls.min(window),
                Window::Time(_) => calls,
            };
            BreakerSpec {
                window,
                minimum_calls,
                failure_ratio,
                slow,
                consecutive_failures,
                open,
                max_open,
                jitter,
                probes,
                half_open,
            }
        },
    )
}

fn concurrency() -> impl Strategy<Value = ConcurrencySpec> {
    let algorithm = select(vec![Algorithm::Aimd, Algorithm::Vegas, Algorithm::Gradient2]);
    (algorithm, [count(), count(), count()]).prop_map(|(algorithm, mut limits)| {
        limits.sort_unstable();
        let [min, initial, max] = limits;
        ConcurrencySpec { algorithm, initial, min, max }
    })
}

fn retry() -> impl Strategy<Value = RetrySpec> {
    let attempts =
        (1..=u32::from(Attempts::MAX)).prop_map(|count| Attempts::try_from(count).expect("from 1 to 10"));
    let backoff =
        rising().prop_map(|(base, cap)| BackoffRange::new(base, cap).expect("rising from above zero"));
    let jitter = select(vec![Jitter::Full, Jitter::Equal, Jitter::Decorrelated]);
    let budget = (ratio(), any::<u32>())
        .prop_filter("no retry at all", |(budget, reserve)| *budget != Ratio::ZERO || *reserve > 0);
    let on = (any::<[bool; 3]>(), proptest::collection::vec(400..600u16, 0..8));
    (attempts, backoff, jitter, budget, on, option::of(duration())).prop_map(
        |(attempts, backoff, jitter, (budget, reserve), ([connect, reset, timeout], statuses), window)| {
            let none = RetryOn::NONE;
            let mut on =
                statuses.into_iter().fold(none, |on, status| on.with_status(status).expect("400 to 599"));
            (on.connect, on.reset, on.timeout) = (connect, reset, timeout);
            RetrySpec { attempts, backoff, jitter, budget, reserve, on, window }
        },
    )
}

fn hedge() -> impl Strategy<Value = HedgeSpec> {
    let percentile = (1.0..=99.99f64)
        .prop_map(|p| format!("p{p}").parse::<Percentile>().expect("from p1 to p99.99"))
        .prop_map(HedgeDelay::Percentile);
    let after = prop_oneof![percentile, duration().prop_map(HedgeDelay::Fixed)];
    (after, above_zero()).prop_map(|(after, budget)| HedgeSpec { after, budget })
}

fn throttle() -> impl Strategy<Value = ThrottleSpec> {
    (1.0..=1000.0f64, duration())
        .prop_map(|(k, window)| ThrottleSpec { k: Multiplier::try_from(k).expect("from 1 to 1000"), window })
}

/// Any policy that the file can say.
pub(super) fn policy() -> impl Strategy<Value = PolicySpec> {
    let bulkhead = (count(), any::<u32>(), duration()).prop_map(|(in_flight, waiting, wait)| BulkheadSpec {
        in_flight,
        waiting,
        wait,
    });
    let shed = rising().prop_map(|(target, interval)| ShedSpec { target, interval });
    let flow = (option::of(shed), option::of(rate_limit()), option::of(throttle()), option::of(breaker()));
    let room = (option::of(bulkhead), option::of(concurrency()));
    (timeouts(), flow, room, option::of(retry()), option::of(hedge())).prop_map(
        |(timeouts, (shed, rate_limit, throttle, breaker), (bulkhead, concurrency), retry, mut hedge)| {
            if let Some(HedgeSpec { after: HedgeDelay::Fixed(after), .. }) = hedge {
                hedge = hedge.filter(|_| {
                    [timeouts.attempt, timeouts.total].iter().flatten().all(|limit| after < *limit)
                });
            }
            PolicySpec { timeouts, shed, rate_limit, throttle, breaker, bulkhead, concurrency, retry, hedge }
        },
    )
}
