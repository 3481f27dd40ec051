//! The cost of each layer around an inner service that is ready at once, beside the layers of other crates.
//!
//! A call is: ready, call, poll to the response, drop. Layers and services are made outside the loop.
//! `cargo bench -p plimsoll-tower`, or `cargo xtask bench policy` for the figures that are claimed.
#![allow(missing_docs)]

use divan::{Bencher, black_box, counter::ItemsCount};
use plimsoll_policy::{
    Instant, PolicySpec, Timeouts, breaker::BreakerSpec, bulkhead::BulkheadSpec, call::Facts,
    concurrency::ConcurrencySpec, hedge::HedgeSpec, rate::RateLimitSpec, retry::RetrySpec, shed::ShedSpec,
};
use plimsoll_tower::{
    BreakerLayer, BulkheadLayer, ConcurrencyLayer, Describe, HedgeLayer, Idempotent, Key, PolicyLayer,
    RateLimitLayer, RetryLayer, ShedLayer, TimeoutLayer, driver, keyed::Registry, policy::PolicyService,
    replay::ByClone,
};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    num::NonZeroUsize,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};
use tower::{Layer, Service};

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

/// So many calls a sample: a pause of the machine does not decide it.
const SAMPLE: u32 = 5_000;
/// Calls in one sample of the benches with threads: so many that starting them does not show.
const CALLS: u64 = 500_000;
const SECONDS: fn(u64) -> Duration = Duration::from_secs;

fn main() {
    // Others' timers want a runtime to be there.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    divan::main();
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

/// One call from readiness to response.
#[inline(always)]
fn call(service: &mut impl Service<u64, Response = u64>, request: u64) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else { return false };
    let future = pin!(service.call(black_box(request)));
    matches!(future.poll(&mut cx), Poll::Ready(Ok(_)))
}

fn each(bencher: Bencher<'_, '_>, mut service: impl Service<u64, Response = u64>) {
    let mut request = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(move || {
        request += 1;
        assert!(call(black_box(&mut service), request));
    });
}

fn layered<L>(bencher: Bencher<'_, '_>, layer: L)
where
    L: Layer<Inner, Service: Service<u64, Response = u64>>,
{
    each(bencher, layer.layer(Inner));
}

fn rate() -> RateLimitSpec {
    RateLimitSpec::new("1000000000/s".parse().unwrap())
}

fn everything() -> PolicySpec {
    PolicySpec {
        timeouts: Timeouts { attempt: Some(SECONDS(5)), total: Some(SECONDS(30)), ..Timeouts::NONE },
        rate_limit: Some(rate()),
        breaker: Some(BreakerSpec::default()),
        bulkhead: Some(BulkheadSpec::default()),
        retry: Some(RetrySpec::default()),
        ..PolicySpec::OFF
    }
}

type Fused = PolicyService<Inner, plimsoll_tower::classify::ByResult, Idempotent, ByClone, ()>;

fn fused() -> Fused {
    PolicyLayer::new(everything()).describe(Idempotent).replay(ByClone).layer(Inner)
}

#[divan::bench(sample_size = SAMPLE)]
fn bare_ready(bencher: Bencher<'_, '_>) {
    each(bencher, Inner);
}

/// The clock read that every layer with a notion of time makes once or twice a call.
#[divan::bench(sample_size = SAMPLE)]
fn clock_read() -> Instant {
    driver::now()
}

/// Rate limit, breaker, bulkhead, timeouts and retry in one.
#[divan::bench(sample_size = SAMPLE)]
fn fused_all(bencher: Bencher<'_, '_>) {
    each(bencher, fused());
}

/// The fused layer with nothing to do.
#[divan::bench(sample_size = SAMPLE)]
fn fused_off(bencher: Bencher<'_, '_>) {
    layered(bencher, PolicyLayer::new(PolicySpec::OFF));
}

/// Half a million calls by one thread: what `fused_two_threads` is to be held against.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn fused_one_thread(bencher: Bencher<'_, '_>) {
    split(bencher, 1);
}

/// The same by two threads on clones of one service.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn fused_two_threads(bencher: Bencher<'_, '_>) {
    split(bencher, 2);
}

fn split(bencher: Bencher<'_, '_>, threads: u64) {
    let service = fused();
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        thread::scope(|scope| {
            for _ in 0..threads {
                let mut service = service.clone();
                scope.spawn(move || (0..CALLS / threads).for_each(|at| assert!(call(&mut service, at))));
            }
        });
    });
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_rate_limit(bencher: Bencher<'_, '_>) {
    layered(bencher, RateLimitLayer::new(rate()));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_rate_limit_keyed(bencher: Bencher<'_, '_>) {
    layered(bencher, RateLimitLayer::keyed(rate(), ByNumber));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_breaker(bencher: Bencher<'_, '_>) {
    layered(bencher, BreakerLayer::new(BreakerSpec::default()));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_breaker_keyed(bencher: Bencher<'_, '_>) {
    layered(bencher, BreakerLayer::keyed(BreakerSpec::default(), keys(), ByNumber));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_bulkhead(bencher: Bencher<'_, '_>) {
    layered(bencher, BulkheadLayer::new(BulkheadSpec::default()));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_bulkhead_keyed(bencher: Bencher<'_, '_>) {
    layered(bencher, BulkheadLayer::keyed(BulkheadSpec::default(), keys(), ByNumber));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_concurrency(bencher: Bencher<'_, '_>) {
    layered(bencher, ConcurrencyLayer::new(ConcurrencySpec::default()));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_shed(bencher: Bencher<'_, '_>) {
    layered(bencher, ShedLayer::new(ShedSpec::default()));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_timeout(bencher: Bencher<'_, '_>) {
    layered(bencher, TimeoutLayer::attempt(SECONDS(5)));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_retry(bencher: Bencher<'_, '_>) {
    layered(bencher, RetryLayer::new(RetrySpec::default()).describe(Idempotent).replay(ByClone));
}

#[divan::bench(sample_size = SAMPLE)]
fn layer_hedge(bencher: Bencher<'_, '_>) {
    layered(bencher, HedgeLayer::new(HedgeSpec::default()).describe(Idempotent).replay(ByClone));
}

fn keys() -> NonZeroUsize {
    Registry::<plimsoll_policy::breaker::Breaker>::KEYS
}

/// One of a thousand keys.
#[derive(Clone)]
struct ByNumber;

impl Describe<u64> for ByNumber {
    fn describe(&self, _: &u64) -> Facts {
        Facts::default()
    }

    fn key<'r>(&self, request: &'r u64) -> Option<Key<'r>> {
        Some((request % 1000).into())
    }
}

mod others {
    use super::{Inner, SAMPLE, SECONDS, call, each, layered};
    use divan::{Bencher, counter::ItemsCount};
    use failsafe::CircuitBreaker as _;
    use std::{hint::black_box, time::Duration};
    use tower::ServiceBuilder;
    use tower_resilience::{
        bulkhead::BulkheadLayer, circuitbreaker::CircuitBreakerLayer, ratelimiter::RateLimiterLayer,
        retry::RetryLayer, timelimiter::TimeLimiterLayer,
    };

    const PLENTY: usize = 1_000_000_000;
    const WAIT: Duration = Duration::from_millis(100);

    /// The same as `fused_all`, in the same order.
    #[divan::bench(sample_size = SAMPLE)]
    fn tower_resilience_all(bencher: Bencher<'_, '_>) {
        let retry = RetryLayer::<u64, u64, _>::builder().max_attempts(3);
        let breaker = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(100);
        let bulkhead = BulkheadLayer::builder().max_concurrent_calls(1024).max_wait_duration(WAIT);
        let service = ServiceBuilder::new()
            .layer(RateLimiterLayer::burst(PLENTY, PLENTY).build().unwrap())
            .layer(retry.exponential_backoff(Duration::from_millis(10)).build())
            .layer(breaker.build().unwrap())
            .layer(bulkhead.build().unwrap())
            .layer(TimeLimiterLayer::builder().timeout_duration(SECONDS(5)).build())
            .service(Inner);
        each(bencher, service);
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_resilience_rate_limit(bencher: Bencher<'_, '_>) {
        layered(bencher, RateLimiterLayer::burst(PLENTY, PLENTY).build().unwrap());
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_resilience_breaker(bencher: Bencher<'_, '_>) {
        let breaker = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).sliding_window_size(100);
        layered(bencher, breaker.build().unwrap());
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_resilience_bulkhead(bencher: Bencher<'_, '_>) {
        let bulkhead = BulkheadLayer::builder().max_concurrent_calls(1024).max_wait_duration(WAIT);
        layered(bencher, bulkhead.build().unwrap());
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_resilience_timeout(bencher: Bencher<'_, '_>) {
        layered(bencher, TimeLimiterLayer::builder().timeout_duration(SECONDS(5)).build());
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_resilience_retry(bencher: Bencher<'_, '_>) {
        let retry = RetryLayer::<u64, u64, _>::builder().max_attempts(3);
        layered(bencher, retry.exponential_backoff(Duration::from_millis(10)).build());
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_timeout(bencher: Bencher<'_, '_>) {
        layered(bencher, tower::timeout::TimeoutLayer::new(SECONDS(5)));
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_concurrency_limit(bencher: Bencher<'_, '_>) {
        layered(bencher, tower::limit::ConcurrencyLimitLayer::new(1024));
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn tower_rate_limit(bencher: Bencher<'_, '_>) {
        layered(bencher, tower::limit::RateLimitLayer::new(PLENTY as u64, SECONDS(1)));
    }

    #[divan::bench(sample_size = SAMPLE)]
    fn failsafe_breaker(bencher: Bencher<'_, '_>) {
        let breaker = failsafe::Config::new().build();
        let mut inner = Inner;
        bencher.counter(ItemsCount::new(1u32)).bench_local(move || {
            let result = breaker.call(|| if call(&mut inner, 7) { Ok(()) } else { Err(()) });
            assert!(black_box(result).is_ok());
        });
    }
}
