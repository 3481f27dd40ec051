//! What each layer costs a call around an inner service that is ready at once, beside what others' layers cost.
#![allow(missing_docs)]

use plimsoll_policy::{
    PolicySpec, Timeouts, breaker::BreakerSpec, bulkhead::BulkheadSpec, rate::RateLimitSpec, retry::RetrySpec,
};
use plimsoll_tower::{Idempotent, PolicyLayer, replay::ByClone};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer, Service, ServiceBuilder};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    // Others' timers want a runtime to be there.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    divan::main();
}

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

/// One call from readiness to answer.
#[inline(always)]
fn call<S: Service<u64, Response = u64>>(service: &mut S) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else { return false };
    let future = pin!(service.call(black_box(7)));
    matches!(future.poll(&mut cx), Poll::Ready(Ok(7)))
}

fn bench<S: Service<u64, Response = u64>>(bencher: divan::Bencher<'_, '_>, mut service: S) {
    assert!(call(&mut service));
    bencher.bench_local(move || call(black_box(&mut service)));
}

fn everything() -> PolicySpec {
    let seconds = Duration::from_secs;
    PolicySpec {
        timeouts: Timeouts { attempt: Some(seconds(5)), total: Some(seconds(30)), ..Timeouts::NONE },
        rate_limit: Some(RateLimitSpec::new("1000000000/s".parse().unwrap())),
        breaker: Some(BreakerSpec::default()),
        bulkhead: Some(BulkheadSpec::default()),
        retry: Some(RetrySpec::default()),
        ..PolicySpec::OFF
    }
}

#[divan::bench]
fn bare_ready(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, Inner);
}

#[divan::bench]
fn fused_all(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, PolicyLayer::new(everything()).describe(Idempotent).replay(ByClone).layer(Inner));
}

#[divan::bench]
fn fused_off(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, PolicyLayer::new(PolicySpec::OFF).layer(Inner));
}

#[divan::bench]
fn tower_resilience_all(bencher: divan::Bencher<'_, '_>) {
    use tower_resilience::{
        bulkhead::BulkheadLayer, circuitbreaker::CircuitBreakerLayer, ratelimiter::RateLimiterLayer,
        retry::RetryLayer, timelimiter::TimeLimiterLayer,
    };
    let service = ServiceBuilder::new()
        .layer(RateLimiterLayer::burst(1_000_000_000, 1_000_000_000).build().unwrap())
        .layer(
            RetryLayer::<u64, u64, _>::builder()
                .max_attempts(3)
                .exponential_backoff(Duration::from_millis(10))
                .build(),
        )
        .layer(
            CircuitBreakerLayer::builder()
                .failure_rate_threshold(0.5)
                .sliding_window_size(100)
                .build()
                .unwrap(),
        )
        .layer(
            BulkheadLayer::builder()
                .max_concurrent_calls(1024)
                .max_wait_duration(Duration::from_millis(100))
                .build()
                .unwrap(),
        )
        .layer(TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(5)).build())
        .service(Inner);
    bench(bencher, service);
}
