//! One operation, so often: for a tool that counts instructions.
//!
//! `instructions OPERATION TIMES` does it and prints nothing, `instructions --list` prints the operations.

use plimsoll_policy::{
    Admitted, Ask, Draw, Instant, KeyHash, Outcome, PolicySpec, Timeouts,
    breaker::{Breaker, BreakerSpec},
    bulkhead::{Bulkhead, BulkheadSpec},
    concurrency::{AdaptiveLimit, ConcurrencySpec},
    hedge::{HedgeSpec, Hedger},
    rate::{KeyedLimiter, LeakyBucket, RateLimitSpec, TokenBucket},
    retry::{BudgetSpec, RetryBudget, RetrySpec},
    shed::{ShedSpec, Shedder},
    throttle::{Throttle, ThrottleSpec},
    units::{Burst, Rate},
};
use plimsoll_tower::{
    BreakerLayer, BulkheadLayer, Idempotent, PolicyLayer, RateLimitLayer, Unknown, keyed::Registry,
    replay::ByClone,
};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    process::ExitCode,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer, Service};

/// Virtual nanoseconds between two operations.
const STEP: u64 = 100;
const TOOK: Duration = Duration::from_millis(1);

type Operation = fn(u64);

const OPERATIONS: &[(&str, Operation)] = &[
    ("breaker_admit_settle", breaker),
    ("bulkhead_admit_settle", bulkhead),
    ("concurrency_admit_settle", concurrency),
    ("fused_all", fused_all),
    ("fused_off", fused_off),
    ("hedge_record_delay", hedge),
    ("keyed_limiter", keyed_limiter),
    ("leaky_bucket", leaky_bucket),
    ("layer_breaker", layer_breaker),
    ("layer_bulkhead", layer_bulkhead),
    ("layer_breaker_keyed", layer_breaker_keyed),
    ("layer_rate_limit", layer_rate_limit),
    ("retry_budget_deposit", retry_budget),
    ("shed_admit", shed),
    ("throttle_admit_settle", throttle),
    ("token_bucket", token_bucket),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--list"] => OPERATIONS.iter().for_each(|(name, _)| println!("{name}")),
        [name, times] => {
            let operation = OPERATIONS.iter().find(|(known, _)| *known == name);
            let (Some((_, operation)), Ok(times)) = (operation, times.parse()) else { return usage() };
            operation(times);
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("instructions OPERATION TIMES | --list");
    ExitCode::from(2)
}

fn instants(times: u64) -> impl Iterator<Item = Instant> {
    (1..=times).map(|at| black_box(Instant::from_nanos(at * STEP)))
}

fn breaker(times: u64) {
    let breaker = Breaker::new(BreakerSpec::default());
    for now in instants(times) {
        let passage = breaker.admit(now).expect("closed");
        black_box(breaker.settle(passage.permit, now, Draw::new(1), black_box(Outcome::Success), TOOK));
    }
}

fn bulkhead(times: u64) {
    let bulkhead = Bulkhead::new(BulkheadSpec::default());
    for now in instants(times) {
        let Admitted::Now(permit) = bulkhead.admit(now, Ask::default()) else { panic!("there is room") };
        let _nobody_waits = bulkhead.settle(black_box(permit), now);
    }
}

fn concurrency(times: u64) {
    let limit = AdaptiveLimit::new(ConcurrencySpec::default());
    for now in instants(times) {
        let Ok(permit) = limit.admit(now, Ask::default()) else { panic!("there is room") };
        limit.settle(black_box(permit), now, Outcome::Success, TOOK);
    }
}

fn shed(times: u64) {
    let shedder = Shedder::new(ShedSpec::default());
    for now in instants(times) {
        shedder.waited(now, Duration::ZERO);
        shedder.admit(now, Ask::default(), Draw::new(1)).expect("calm");
    }
}

fn throttle(times: u64) {
    let throttle = Throttle::new(ThrottleSpec::default());
    for now in instants(times) {
        throttle.admit(now, Draw::new(1)).expect("a peer that accepts all");
        throttle.settle(now, black_box(Outcome::Success));
    }
}

fn retry_budget(times: u64) {
    let budget = RetryBudget::new(BudgetSpec::from_specs(Some(&RetrySpec::default()), None));
    instants(times).for_each(|now| budget.deposit(now));
}

fn hedge(times: u64) {
    let hedger = Hedger::new(HedgeSpec::default());
    for now in instants(times) {
        hedger.record(now, black_box(TOOK));
        black_box(hedger.delay(now));
    }
}

fn rate() -> (Rate, Burst) {
    let spec = RateLimitSpec::new("1000000000/s".parse().expect("a rate"));
    (spec.rate, spec.burst)
}

fn token_bucket(times: u64) {
    let (rate, burst) = rate();
    let bucket = TokenBucket::new(rate, burst, Instant::ORIGIN);
    instants(times).for_each(|now| bucket.admit(now, 1).expect("below the rate"));
}

/// Two calls in each instant: one goes, one waits.
fn leaky_bucket(times: u64) {
    let bucket = LeakyBucket::new("20000000/s".parse().expect("a rate"), 8, Instant::ORIGIN);
    for now in instants(times) {
        let ask = Ask { deadline: now + Duration::from_secs(1), ..Ask::default() };
        assert!(matches!(bucket.admit(now, black_box(ask)), Admitted::Now(_)));
        assert!(matches!(bucket.admit(now, black_box(ask)), Admitted::At(..)));
    }
}

fn keyed_limiter(times: u64) {
    const KEYS: u64 = 64;
    let (rate, burst) = rate();
    let limiter =
        KeyedLimiter::new(rate, burst, RateLimitSpec::KEYS.into(), Instant::ORIGIN, black_box(Draw::new(42)));
    let names: Vec<String> = (0..KEYS).map(|at| format!("host-{at}.example")).collect();
    for (at, now) in instants(times).enumerate() {
        let key: KeyHash = limiter.hash(names[at % KEYS as usize].as_bytes());
        limiter.admit(now, key, 1).expect("below the rate");
    }
}

fn fused_all(times: u64) {
    let seconds = Duration::from_secs;
    let spec = PolicySpec {
        timeouts: Timeouts { attempt: Some(seconds(5)), total: Some(seconds(30)), ..Timeouts::NONE },
        rate_limit: Some(RateLimitSpec::new("1000000000/s".parse().expect("a rate"))),
        breaker: Some(BreakerSpec::default()),
        bulkhead: Some(BulkheadSpec::default()),
        retry: Some(RetrySpec::default()),
        ..PolicySpec::OFF
    };
    calls(times, PolicyLayer::new(spec).describe(Idempotent).replay(ByClone).layer(Inner));
}

fn layer_breaker(times: u64) {
    calls(times, BreakerLayer::new(BreakerSpec::default()).layer(Inner));
}

fn layer_breaker_keyed(times: u64) {
    let keys = Registry::<Breaker>::KEYS;
    calls(times, BreakerLayer::keyed(BreakerSpec::default(), keys, Unknown).layer(Inner));
}

fn layer_bulkhead(times: u64) {
    calls(times, BulkheadLayer::new(BulkheadSpec::default()).layer(Inner));
}

fn layer_rate_limit(times: u64) {
    calls(
        times,
        RateLimitLayer::new(RateLimitSpec::new("1000000000/s".parse().expect("a rate"))).layer(Inner),
    );
}

fn fused_off(times: u64) {
    calls(times, PolicyLayer::new(PolicySpec::OFF).layer(Inner));
}

fn calls(times: u64, mut service: impl Service<u64, Response = u64>) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..times {
        assert!(service.poll_ready(&mut cx).is_ready());
        let future = pin!(service.call(black_box(7)));
        assert!(matches!(future.poll(&mut cx), Poll::Ready(Ok(7))));
    }
}

/// Ready at once.
#[derive(Clone)]
struct Inner;

impl Service<u64> for Inner {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}
