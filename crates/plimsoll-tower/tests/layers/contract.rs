//! Every layer through every probe.

use super::{Inner, MS};
use plimsoll_policy::{
    PolicySpec,
    breaker::BreakerSpec,
    bulkhead::BulkheadSpec,
    concurrency::ConcurrencySpec,
    hedge::{HedgeDelay, HedgeSpec},
    rate::RateLimitSpec,
    retry::{RetryOn, RetrySpec},
    shed::ShedSpec,
    units::Ratio,
};
use plimsoll_testkit::{BrokenError, contract::Contract};
use plimsoll_tower::{
    BreakerLayer, BulkheadLayer, ChaosLayer, ConcurrencyLayer, Error, FallbackLayer, HedgeLayer, Idempotent,
    PolicyLayer, RateLimitLayer, RetryLayer, ShedLayer, SingleflightLayer, TimeoutLayer, Unknown,
    replay::ByClone,
};
use std::{
    future::ready,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
};
use tower::Layer;

/// A closure that applies one layer any number of times.
fn applying<L: Layer<Inner>>(layer: L) -> impl Fn(Inner) -> L::Service {
    move |inner| layer.layer(inner)
}

fn inner(error: &Error<BrokenError>) -> Option<BrokenError> {
    error.inner().copied()
}

/// Where the layer's error is the inner one itself.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "errors are looked at by reference")]
#[expect(clippy::unnecessary_wraps, reason = "of other layers' errors only some are the inner one")]
fn own(error: &BrokenError) -> Option<BrokenError> {
    Some(*error)
}

fn bulkhead(in_flight: u32, waiting: u32) -> BulkheadSpec {
    BulkheadSpec { in_flight: NonZeroU32::new(in_flight).unwrap(), waiting, wait: 100 * MS }
}

#[tokio::test(start_paused = true)]
async fn rate_limit() {
    let mut spec = RateLimitSpec::new("1/h".parse().unwrap());
    spec.burst = 3.try_into().unwrap();
    let layer = {
        let spec = spec.clone();
        move || applying(RateLimitLayer::new(spec.clone()))
    };
    Contract::new(layer).in_all(3).errors(inner).hold().await;
    let keyed = move || applying(RateLimitLayer::keyed(spec.clone(), Unknown));
    Contract::new(keyed).in_all(3).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn breaker() {
    let spec = BreakerSpec { consecutive_failures: NonZeroU32::new(2), ..BreakerSpec::default() };
    Contract::new(|| applying(BreakerLayer::new(spec))).errors(inner).hold().await;
    let keys = NonZeroUsize::new(2).unwrap();
    Contract::new(|| applying(BreakerLayer::keyed(spec, keys, Unknown))).errors(inner).hold().await;
}

/// A half-open breaker lets its probes through, and no more.
#[tokio::test(start_paused = true)]
async fn half_open_breaker() {
    let half_open = || {
        let layer = BreakerLayer::new(BreakerSpec::default());
        let now = plimsoll_tower::driver::now();
        layer.breaker().force_open(now);
        layer.breaker().release(now);
        applying(layer)
    };
    let contract = Contract::new(half_open).in_flight(3).errors(inner);
    contract.readiness_carries_no_permit();
    contract.clones_share();
    contract.cancelled_anywhere();
    contract.panics_settle();
}

#[tokio::test(start_paused = true)]
async fn bulkheads() {
    for waiting in [0, 2] {
        let layer = || applying(BulkheadLayer::new(bulkhead(2, waiting)));
        Contract::new(layer).in_flight(2).errors(inner).hold().await;
        let keys = NonZeroUsize::new(2).unwrap();
        let keyed = || applying(BulkheadLayer::keyed(bulkhead(2, waiting), keys, Unknown));
        Contract::new(keyed).in_flight(2).errors(inner).hold().await;
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency() {
    let two = NonZeroU32::new(2).unwrap();
    let spec = ConcurrencySpec { initial: two, min: two, max: two, ..ConcurrencySpec::default() };
    Contract::new(|| applying(ConcurrencyLayer::new(spec))).in_flight(2).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn shed() {
    Contract::new(|| applying(ShedLayer::new(ShedSpec::default()))).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn timeouts() {
    for make in [TimeoutLayer::attempt, TimeoutLayer::total] {
        Contract::new(|| applying(make(50 * MS))).errors(inner).hold().await;
    }
    Contract::new(|| applying(TimeoutLayer::deadline())).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn retry() {
    let layer = || applying(RetryLayer::new(RetrySpec::default()).describe(Idempotent).replay(ByClone));
    Contract::new(layer).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn hedge() {
    let spec = HedgeSpec { after: HedgeDelay::Fixed(50 * MS), budget: Ratio::ONE };
    let layer = || applying(HedgeLayer::new(spec).describe(Idempotent).replay(ByClone));
    Contract::new(layer).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn singleflight() {
    Contract::new(|| applying(SingleflightLayer::new(Unknown))).errors(own).hold().await;
}

#[tokio::test(start_paused = true)]
async fn fallback() {
    let layer = || applying(FallbackLayer::new(ready::<Result<u32, BrokenError>>));
    Contract::new(layer).errors(own).hold().await;
}

#[tokio::test(start_paused = true)]
async fn chaos() {
    Contract::new(|| applying(ChaosLayer::seeded(1, || BrokenError(0)))).errors(own).hold().await;
}

#[tokio::test(start_paused = true)]
async fn the_fused_layer() {
    let everything = PolicySpec {
        retry: Some(RetrySpec { on: RetryOn::default(), ..RetrySpec::default() }),
        bulkhead: Some(bulkhead(2, 1)),
        ..PolicySpec::default()
    };
    let spec = everything.clone();
    let repeating = move || applying(PolicyLayer::new(spec.clone()).describe(Idempotent).replay(ByClone));
    Contract::new(repeating).in_flight(2).errors(inner).hold().await;
    let once = move || applying(PolicyLayer::new(everything.clone()));
    Contract::new(once).in_flight(2).errors(inner).hold().await;
}

#[tokio::test(start_paused = true)]
async fn layers_upon_layers() {
    let layer = || {
        let shed = ShedLayer::new(ShedSpec::default());
        let bulkhead = BulkheadLayer::new(bulkhead(2, 1)).feeding(shed.shedder());
        let inner = tower::ServiceBuilder::new()
            .layer(shed)
            .layer(TimeoutLayer::total(1000 * MS))
            .layer(BreakerLayer::new(BreakerSpec::default()).classify(plimsoll_tower::classify::Nested(
                plimsoll_tower::classify::Nested(plimsoll_tower::classify::ByResult),
            )))
            .layer(bulkhead)
            .layer(TimeoutLayer::attempt(500 * MS));
        let inner = Arc::new(inner);
        move |service| inner.service(service)
    };
    let flat = |error: &Error<Error<Error<Error<Error<BrokenError>>>>>| {
        (*error).flatten().flatten().flatten().flatten().into_inner()
    };
    Contract::new(layer).in_flight(2).errors(flat).hold().await;
}
