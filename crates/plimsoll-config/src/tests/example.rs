use super::{policy, read};
use crate::{Name, PolicyFile};
use plimsoll_policy::{
    PolicySpec, Timeouts,
    breaker::{BreakerSpec, Slow, Window},
    bulkhead::BulkheadSpec,
    concurrency::{Algorithm, ConcurrencySpec},
    hedge::{HedgeDelay, HedgeSpec},
    rate::{KeyCapacity, Per, RateLimitSpec, RateShape},
    retry::{Jitter, RetryOn, RetrySpec},
    shed::ShedSpec,
    throttle::ThrottleSpec,
    units::Ratio,
};
use std::{num::NonZeroU32, time::Duration};

/// The example as its users have it: a gateway's file.
pub(super) const GATEWAY: &str = include_str!("../../../../examples/gateway.toml");

/// Its policies alone.
pub(super) fn policies() -> String {
    let (_, policies) = GATEWAY.split_once("[policy.careful]").expect("the example has this policy");
    format!("version = 1\n[policy.careful]{policies}")
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_examples_policies_have_the_values_that_they_say() {
    let file: PolicyFile = read(&policies()).unwrap();
    assert_eq!(file.policy.keys().map(Name::as_str).collect::<Vec<_>>(), ["careful", "patient"]);
    let careful = PolicySpec {
        timeouts: Timeouts {
            connect: Some(ms(300)),
            tls: Some(ms(1000)),
            first_byte: Some(ms(1000)),
            attempt: Some(ms(1000)),
            idle: Some(ms(30_000)),
            total: Some(ms(3000)),
        },
        rate_limit: Some(RateLimitSpec {
            burst: 500.try_into().unwrap(),
            per: Per::Client,
            ..RateLimitSpec::new("2000/s".parse().unwrap())
        }),
        breaker: Some(BreakerSpec { open: ms(2000), ..BreakerSpec::default() }),
        bulkhead: Some(BulkheadSpec {
            in_flight: NonZeroU32::new(512).unwrap(),
            waiting: 512,
            wait: ms(100),
        }),
        hedge: Some(HedgeSpec::default()),
        ..PolicySpec::default()
    };
    assert_eq!(file.policy["careful"], careful);
    let patient = PolicySpec {
        timeouts: Timeouts { connect: Some(ms(300)), total: Some(ms(60_000)), ..Timeouts::default() },
        retry: None,
        ..PolicySpec::default()
    };
    assert_eq!(file.policy["patient"], patient);
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(policy("").unwrap(), PolicySpec::default());
    let on = "shed = {}\nthrottle = {}\nbreaker = {}\nbulkhead = {}\nconcurrency = {}\nretry = {}\nhedge = {}\ntimeout = {}";
    let all = PolicySpec {
        throttle: Some(ThrottleSpec::default()),
        concurrency: Some(ConcurrencySpec::default()),
        hedge: Some(HedgeSpec::default()),
        ..PolicySpec::default()
    };
    assert_eq!(policy(on).unwrap(), all);
}

#[test]
fn everything_can_be_off() {
    let off = "shed = \"off\"\nrate-limit = \"off\"\nthrottle = \"off\"\nbreaker = \"off\"\nbulkhead = \"off\"\n\
               concurrency = \"off\"\nretry = \"off\"\nhedge = \"off\"\n\
               timeout = { connect = \"off\", first-byte = \"off\", tls = \"off\", attempt = \"off\", idle = \"off\", total = \"off\" }";
    assert_eq!(policy(off).unwrap(), PolicySpec::OFF);
}

#[test]
fn every_key_is_read() {
    let spec = policy(
        r#"
throttle = { k = 1.5, window = "30s" }
concurrency = { algorithm = "vegas", initial = 5, min = 3, max = 9 }
shed = { target = "7ms", interval = "70ms" }
hedge = { after = "100ms", budget = 0.25 }
rate-limit = { rate = "90/m", per = "header:X-Tenant", keys = 77 }

[policy.p.breaker]
window = 50
minimum-calls = 10
failure-ratio = "off"
slow-call = "2s"
slow-ratio = "80%"
consecutive-failures = 4
open = "1s"
max-open = "9s"
jitter = "3%"
probes = 2
half-open = "6s"

[policy.p.retry]
attempts = 4
backoff = "1ms..1s"
jitter = "decorrelated"
budget = 0.5
reserve = 3
on = ["reset", 500, "connect"]
window = "8s"
"#,
    )
    .unwrap();
    let count = |count| NonZeroU32::new(count).unwrap();
    let mut on = RetryOn::NONE.with_status(500).unwrap();
    (on.connect, on.reset) = (true, true);
    assert_eq!(
        spec,
        PolicySpec {
            timeouts: Timeouts::default(),
            shed: Some(ShedSpec { target: ms(7), interval: ms(70) }),
            rate_limit: Some(RateLimitSpec {
                rate: "90/m".parse().unwrap(),
                burst: 2.try_into().unwrap(),
                shape: RateShape::TokenBucket,
                per: Per::Header("x-tenant".into()),
                keys: KeyCapacity::new(77).unwrap(),
            }),
            throttle: Some(ThrottleSpec { k: 1.5.try_into().unwrap(), window: ms(30_000) }),
            breaker: Some(BreakerSpec {
                window: Window::Calls(count(50)),
                minimum_calls: count(10),
                failure_ratio: None,
                slow: Some(Slow { call: ms(2000), ratio: Ratio::percent(80) }),
                consecutive_failures: Some(count(4)),
                open: ms(1000),
                max_open: ms(9000),
                jitter: Ratio::percent(3),
                probes: count(2),
                half_open: ms(6000),
            }),
            concurrency: Some(ConcurrencySpec {
                algorithm: Algorithm::Vegas,
                initial: count(5),
                min: count(3),
                max: count(9),
            }),
            retry: Some(RetrySpec {
                attempts: 4.try_into().unwrap(),
                backoff: "1ms..1s".parse().unwrap(),
                jitter: Jitter::Decorrelated,
                budget: Ratio::percent(50),
                reserve: 3,
                on,
                window: Some(ms(8000)),
            }),
            hedge: Some(HedgeSpec { after: HedgeDelay::Fixed(ms(100)), budget: Ratio::percent(25) }),
            bulkhead: PolicySpec::default().bulkhead,
        }
    );
}

#[test]
fn defaults_fit_what_is_given() {
    let timeouts = policy("timeout = { total = \"500ms\" }").unwrap().timeouts;
    let limit = Some(ms(500));
    assert_eq!((timeouts.connect, timeouts.tls), (limit, limit));
    assert_eq!((timeouts.first_byte, timeouts.attempt), (limit, limit));
    let breaker = policy("breaker = { window = 5, open = \"2m\" }").unwrap().breaker.unwrap();
    assert_eq!((breaker.minimum_calls.get(), breaker.max_open), (5, ms(120_000)));
    assert_eq!(breaker.slow, None);
    let breaker = policy("breaker = { slow-call = \"1s\" }").unwrap().breaker.unwrap();
    assert_eq!(breaker.slow, Some(Slow { call: ms(1000), ratio: Ratio::percent(50) }));
    let limit = policy("concurrency = { max = 1 }").unwrap().concurrency.unwrap();
    assert_eq!((limit.initial.get(), limit.min.get(), limit.max.get()), (1, 1, 1));
    let shed = policy("shed = { target = \"1s\" }").unwrap().shed.unwrap();
    assert_eq!(shed.interval, ms(1000));
    let burst = |rate: &str| {
        policy(&format!("rate-limit = {{ rate = {rate:?} }}")).unwrap().rate_limit.unwrap().burst.get()
    };
    assert_eq!([burst("2000/s"), burst("5/h"), burst("10/250ms")], [2000, 1, 40]);
    let shape = |more: &str| {
        let limit = policy(&format!("rate-limit = {{ rate = \"5/s\"{more} }}")).unwrap().rate_limit.unwrap();
        (limit.shape, limit.burst.get())
    };
    assert_eq!(shape(""), (RateShape::TokenBucket, 5));
    assert_eq!(shape(", shape = \"leaky-bucket\""), (RateShape::LeakyBucket, 5));
}

#[test]
fn texts_may_come_from_the_environment() {
    let limit = policy("rate-limit = { rate = \"${RATE}\", per = \"client\" }").unwrap().rate_limit.unwrap();
    assert_eq!(limit.rate.to_string(), "90/m");
}
