//! Defects that others have had, each by the report it came from: none of them is here.

use super::{Inner, MS, begin, call, refusal};
use plimsoll_policy::{
    BreakerState, PolicySpec, Reason,
    breaker::{BreakerSpec, Window},
    bulkhead::BulkheadSpec,
    concurrency::ConcurrencySpec,
    hedge::{HedgeDelay, HedgeSpec},
    rate::RateLimitSpec,
    retry::RetrySpec,
    units::{Burst, Ratio},
};
use plimsoll_testkit::{BrokenError, Step};
use plimsoll_tower::{
    BreakerLayer, BulkheadLayer, ConcurrencyLayer, Error, HedgeLayer, Idempotent, PolicyLayer,
    RateLimitLayer, RetryLayer, replay::ByClone,
};
use std::{num::NonZeroU32, pin::pin, time::Duration};
use tokio::time::advance;
use tower::{
    Layer, Service,
    limit::ConcurrencyLimit,
    retry::budget::{Budget, TpsBudget},
};

const SECOND: Duration = Duration::from_secs(1);

fn number(of: u32) -> NonZeroU32 {
    NonZeroU32::new(of).unwrap()
}

/// tokio-rs/axum#2582: a limit that is applied anew for each request limits nothing, because each application made a
/// semaphore of its own.
#[tokio::test(start_paused = true)]
async fn axum_2582_a_layer_applied_for_each_request_is_still_one_limit() {
    let inner = Inner::always(Step::Held(Ok(1)));
    let layer = BulkheadLayer::new(BulkheadSpec { in_flight: number(5), waiting: 0, wait: MS });
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(Box::pin(begin(&mut layer.layer(inner.clone()), 1).await));
    }
    assert_eq!(inner.record().calls, 5);
}

/// joshrotenberg/tower-resilience#286, tower-rs/tower#547: a fresh clone was called instead of the instance that had
/// been readied, so that an inner limit panicked. Here with tower's own limit within, which does.
#[tokio::test(start_paused = true)]
async fn tower_resilience_286_an_inner_limit_that_wants_its_permit_is_content() {
    let fails_once =
        Inner::new(|at, _| if at == 0 { Step::Now(Err(BrokenError(0))) } else { Step::After(MS, Ok(1)) });
    let inner = ConcurrencyLimit::new(fails_once, 4);
    let spec = PolicySpec {
        bulkhead: Some(BulkheadSpec { in_flight: number(1), waiting: 4, wait: SECOND }),
        ..PolicySpec::default()
    };
    let mut service = PolicyLayer::new(spec).describe(Idempotent).replay(ByClone).layer(inner);
    let (one, two) = (begin(&mut service, 1).await, begin(&mut service, 1).await);
    assert_eq!(tokio::join!(one, two), (Ok(1), Ok(1)), "retried, and waited in line");
}

/// joshrotenberg/tower-resilience#365: clones all saw room and were all let in; a dropped future kept its place.
#[tokio::test(start_paused = true)]
async fn tower_resilience_365_no_clone_over_admits_and_no_drop_leaks() {
    let spec =
        ConcurrencySpec { initial: number(2), min: number(2), max: number(2), ..ConcurrencySpec::default() };
    let inner = Inner::always(Step::Held(Ok(1)));
    let service = ConcurrencyLayer::new(spec).layer(inner.clone());
    let mut clones: Vec<_> = (0..8).map(|_| service.clone()).collect();
    for clone in &mut clones {
        std::future::poll_fn(|cx| Service::<u32>::poll_ready(clone, cx)).await.unwrap();
    }
    let calls: Vec<_> = clones.iter_mut().map(|clone| clone.call(1)).collect();
    assert_eq!((inner.record().calls, inner.record().most_in_flight), (2, 2));
    drop(calls);
    let again: Vec<_> = clones.iter_mut().map(|clone| clone.call(1)).collect();
    assert_eq!(inner.record().calls, 4);
    drop(again);
}

/// linkerd/linkerd2-proxy#751: a permit was kept for as long as the response future lived, not as long as it ran.
#[tokio::test(start_paused = true)]
async fn linkerd2_proxy_751_an_ended_call_holds_nothing_though_its_future_is_kept() {
    let spec = BulkheadSpec { in_flight: number(1), waiting: 0, wait: MS };
    let inner = Inner::always(Step::Now(Ok(1)));
    let bulkhead = BulkheadLayer::new(spec);
    let fused = PolicyLayer::new(PolicySpec { bulkhead: Some(spec), ..PolicySpec::OFF });
    let (mut one, mut two) = (bulkhead.layer(inner.clone()), fused.layer(inner));
    let (mut first, mut second) = (pin!(begin(&mut one, 1).await), pin!(begin(&mut two, 1).await));
    assert_eq!((first.as_mut().await, second.as_mut().await), (Ok(1), Ok(1)));
    assert_eq!((call(&mut one, 1).await, call(&mut two, 1).await), (Ok(1), Ok(1)));
}

/// tower-rs/tower#857: a budget of 0.6 retries a call was truncated to one retry a call.
#[tokio::test(start_paused = true)]
async fn tower_857_a_budget_of_sixty_per_cent_is_sixty_per_cent() {
    let spec = RetrySpec { budget: Ratio::percent(60), reserve: 0, ..RetrySpec::default() };
    let inner = Inner::always(Step::Now(Err(BrokenError(0))));
    let mut service = RetryLayer::new(spec).describe(Idempotent).replay(ByClone).layer(inner.clone());
    for _ in 0..100 {
        assert!(call(&mut service, 1).await.is_err());
    }
    let ours = inner.record().calls - 100;
    assert_eq!(ours, 60);

    let theirs = TpsBudget::new(10 * SECOND, 0, 0.6);
    let theirs = (0..100).filter(|_| {
        theirs.deposit();
        theirs.withdraw()
    });
    assert!(theirs.count() >= ours, "a client that keeps to the budget retries no more than this");
}

/// resilience4j/resilience4j#935: probes that were let through and never told how they ended wedged the breaker
/// half-open for ever. Here a dropped probe gives its place back, and one that hangs is given up.
#[tokio::test(start_paused = true)]
async fn resilience4j_935_forgotten_probes_do_not_wedge_it_half_open() {
    let spec = BreakerSpec {
        consecutive_failures: NonZeroU32::new(1),
        open: SECOND,
        jitter: Ratio::ZERO,
        probes: number(1),
        half_open: 10 * SECOND,
        ..BreakerSpec::default()
    };
    let inner = Inner::new(|at, _| match at {
        0 => Step::Now(Err(BrokenError(0))),
        1 | 2 => Step::Never,
        _ => Step::Now(Ok(1)),
    });
    let layer = BreakerLayer::new(spec);
    let mut service = layer.layer(inner);
    assert!(call(&mut service, 1).await.is_err());
    advance(SECOND).await;
    drop(begin(&mut service, 1).await);
    let hangs = begin(&mut service, 1).await;
    assert_eq!(refusal(call(&mut service, 1).await), Reason::ProbesTaken);
    advance(10 * SECOND).await;
    assert_eq!(call(&mut service, 1).await, Ok(1));
    assert_eq!(layer.breaker().state(), BreakerState::Closed);
    drop(hangs);
    assert_eq!(layer.breaker().state(), BreakerState::Closed);
}

/// "Traps": counters that are reset only by a change of state, so that the window never slides; and a minimum below the
/// window's size that is ignored.
#[tokio::test(start_paused = true)]
async fn the_window_slides_and_its_minimum_counts() {
    let spec = BreakerSpec {
        window: Window::Time(10 * SECOND),
        minimum_calls: number(4),
        failure_ratio: Some(Ratio::percent(50)),
        ..BreakerSpec::default()
    };
    let inner = Inner::new(|_, fails| Step::Now(if *fails == 1 { Err(BrokenError(0)) } else { Ok(1) }));
    let layer = BreakerLayer::new(spec);
    let mut service = layer.layer(inner);
    for fails in [0, 0, 1, 1] {
        assert_eq!(layer.breaker().state(), BreakerState::Closed);
        let _either_way = call(&mut service, fails).await;
    }
    assert_eq!(layer.breaker().state(), BreakerState::Open, "four calls are enough");

    let layer = BreakerLayer::new(spec);
    let mut service =
        layer.layer(Inner::new(|_, fails| Step::Now(if *fails == 1 { Err(BrokenError(0)) } else { Ok(1) })));
    for _ in 0..20 {
        call(&mut service, 0).await.unwrap();
    }
    advance(12 * SECOND).await;
    for fails in [1, 1, 0, 1] {
        let _either_way = call(&mut service, fails).await;
    }
    assert_eq!(layer.breaker().state(), BreakerState::Open, "yesterday's successes have left the window");
}

/// "Traps": a result of the closed era that came late decided the probe.
#[tokio::test(start_paused = true)]
async fn a_straggler_does_not_decide_the_probe() {
    let spec = BreakerSpec {
        consecutive_failures: NonZeroU32::new(1),
        open: SECOND,
        jitter: Ratio::ZERO,
        probes: number(1),
        ..BreakerSpec::default()
    };
    let inner = Inner::new(|at, _| match at {
        0 => Step::Held(Err(BrokenError(0))),
        1 => Step::Now(Err(BrokenError(1))),
        _ => Step::After(30 * MS, Ok(1)),
    });
    let layer = BreakerLayer::new(spec);
    let mut service = layer.layer(inner.clone());
    let straggler = begin(&mut service, 1).await;
    assert!(call(&mut service, 1).await.is_err());
    advance(SECOND).await;
    let probe = begin(&mut service, 1).await;
    inner.release();
    assert_eq!(straggler.await, Err(Error::Inner(BrokenError(0))));
    assert_eq!(layer.breaker().state(), BreakerState::HalfOpen);
    assert_eq!(probe.await, Ok(1));
    assert_eq!(layer.breaker().state(), BreakerState::Closed);
}

/// "Traps": a failure won over a hedge that was still out.
#[tokio::test(start_paused = true)]
async fn a_failure_does_not_win_over_a_pending_hedge() {
    let spec = HedgeSpec { after: HedgeDelay::Fixed(50 * MS), budget: Ratio::ONE };
    let inner = Inner::new(|at, _| match at {
        0 => Step::After(60 * MS, Err(BrokenError(0))),
        _ => Step::After(60 * MS, Ok(2)),
    });
    let mut service = HedgeLayer::new(spec).describe(Idempotent).replay(ByClone).layer(inner);
    assert_eq!(call(&mut service, 1).await, Ok(2));
}

/// "Traps": an exhausted budget killed attempts under way; and a loser's latency was not recorded.
#[tokio::test(start_paused = true)]
async fn a_hedge_without_budget_leaves_the_first_attempt_alone_and_losers_count() {
    let spec = HedgeSpec { after: HedgeDelay::Fixed(50 * MS), budget: Ratio::ZERO };
    let inner = Inner::always(Step::After(200 * MS, Ok(1)));
    let layer = HedgeLayer::new(spec).describe(Idempotent).replay(ByClone);
    assert_eq!(call(&mut layer.layer(inner.clone()), 1).await, Ok(1));
    assert_eq!(inner.record().calls, 1);

    let spec = HedgeSpec { budget: Ratio::ONE, ..spec };
    let inner = Inner::new(|at, _| if at % 2 == 0 { Step::Never } else { Step::After(MS, Ok(1)) });
    let layer = HedgeLayer::new(spec).describe(Idempotent).replay(ByClone);
    let mut service = layer.layer(inner.clone());
    for _ in 0..5 {
        assert_eq!(call(&mut service, 1).await, Ok(1));
    }
    assert_eq!(layer.handle().delay().unwrap().samples, 10, "five winners and five losers");
}

/// `tower::limit::RateLimit` is a fixed window: twice the rate passes around its edge. boinkor-net/governor lets burst
/// and refill through in one period. Neither here: never more than burst and what was earned.
#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_in_every_window() {
    let spec = RateLimitSpec { burst: Burst::ONE, ..RateLimitSpec::new("10/s".parse().unwrap()) };
    let mut service = RateLimitLayer::new(spec).layer(Inner::always(Step::Now(Ok(1))));
    let mut passed = Vec::new();
    for at in 0..400_u32 {
        if call(&mut service, 1).await.is_ok() {
            passed.push(at * 10);
        }
        advance(10 * MS).await;
    }
    for (at, begin) in passed.iter().enumerate() {
        let within = passed[at..].iter().filter(|later| *later - begin < 1000).count();
        assert!(within <= 10, "{within} calls in the second from {begin} ms on");
    }
    assert!(passed.len() >= 39);
}

/// A readied service that is never called kept the permit of `tower::limit::ConcurrencyLimit`, and the others waited for
/// ever (linkerd/linkerd2-proxy and hyperium/hyper-util#297 met the same).
#[tokio::test(start_paused = true)]
async fn a_readied_service_that_is_never_called_blocks_nobody() {
    let inner = Inner::always(Step::Now(Ok(1)));
    let layer = BulkheadLayer::new(BulkheadSpec { in_flight: number(1), waiting: 0, wait: MS });
    let mut idle = layer.layer(inner.clone());
    std::future::poll_fn(|cx| Service::<u32>::poll_ready(&mut idle, cx)).await.unwrap();
    assert_eq!(call(&mut layer.layer(inner), 1).await, Ok(1));
}
