//! One operation, so often: for a tool that counts instructions.
//!
//! `instructions OPERATION TIMES` does it and prints nothing, `instructions --list` prints the operations.

use plimsoll_policy::{
    Admission, Admitted, Ask, Draw, Instant, KeyHash, Outcome, PolicySpec, Timeouts,
    breaker::{Breaker, BreakerSpec},
    bulkhead::{Bulkhead, BulkheadSpec},
    rate::{KeyedLimiter, RateLimitSpec, TokenBucket},
    retry::RetrySpec,
    units::{Burst, Rate},
};
use plimsoll_tower::{Idempotent, PolicyLayer, replay::ByClone};
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
    ("fused_all", fused_all),
    ("fused_off", fused_off),
    ("keyed_limiter", keyed_limiter),
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
        let _nobody_waits = bulkhead.settle(black_box(permit), now, Outcome::Success, TOOK);
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

fn keyed_limiter(times: u64) {
    const KEYS: u64 = 64;
    let (rate, burst) = rate();
    let limiter =
        KeyedLimiter::new(rate, burst, RateLimitSpec::KEYS, Instant::ORIGIN, black_box(Draw::new(42)));
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
