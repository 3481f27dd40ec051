//! The layers one by one: what is theirs beyond the contract.

use super::{Inner, MS, begin, call, refusal};
use plimsoll_policy::{
    BreakerState, Instant, Limit, Observer, PolicyEvent, Priority, Reason,
    breaker::BreakerSpec,
    bulkhead::BulkheadSpec,
    call::Facts,
    rate::RateLimitSpec,
    retry::RetrySpec,
    shed::ShedSpec,
    units::{Burst, Ratio},
};
use plimsoll_testkit::{BrokenError, Step};
use plimsoll_tower::{
    BreakerLayer, BulkheadLayer, ChaosLayer, Describe, Error, FallbackLayer, Idempotent, Key, RateLimitLayer,
    RetryLayer, ShedLayer, SingleflightLayer, TimeoutLayer,
    classify::{ByResult, Nested},
    driver::now,
    replay::ByClone,
};
use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant as Clock, advance};
use tower::{Layer, ServiceBuilder};

/// Its own key.
#[derive(Clone)]
struct ByNumber;

impl Describe<u32> for ByNumber {
    fn describe(&self, _: &u32) -> Facts {
        Facts::default()
    }

    fn key<'r>(&self, request: &'r u32) -> Option<Key<'r>> {
        (*request != 0).then(|| u64::from(*request).into())
    }
}

fn brittle() -> BreakerSpec {
    BreakerSpec { consecutive_failures: NonZeroU32::new(1), ..BreakerSpec::default() }
}

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_host_has_its_own_breaker() {
    let inner = Inner::new(|_, host| Step::Now(if *host == 1 { Err(BrokenError(1)) } else { Ok(*host) }));
    let layer = BreakerLayer::keyed(brittle(), two(), ByNumber);
    let mut service = layer.layer(inner);
    assert!(call(&mut service, 1).await.is_err());
    assert_eq!(refusal(call(&mut service, 1).await), Reason::CircuitOpen);
    assert_eq!(call(&mut service, 2).await, Ok(2));
    // Of two at most, the open one is worth keeping: the closed ones come and go.
    for host in 3..30 {
        assert_eq!(call(&mut service, host).await, Ok(host));
    }
    assert_eq!(refusal(call(&mut service, 1).await), Reason::CircuitOpen);
    let snapshot = layer.registry().snapshot();
    assert_eq!((snapshot.keys, snapshot.in_use, snapshot.overflows), (2, 0, 0));
    layer.registry().update(BreakerSpec::default());
}

#[tokio::test(start_paused = true)]
async fn each_host_has_its_own_bulkhead() {
    let spec = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 0, wait: MS };
    let inner = Inner::always(Step::Held(Ok(1)));
    let layer = BulkheadLayer::keyed(spec, two(), ByNumber);
    let mut service = layer.layer(inner.clone());
    let (one, two) = (begin(&mut service, 1).await, begin(&mut service, 2).await);
    assert_eq!(refusal(call(&mut service, 1).await), Reason::QueueFull);
    // All are in use: a third host and a fourth share the spare one.
    let third = begin(&mut service, 3).await;
    assert_eq!(refusal(call(&mut service, 4).await), Reason::QueueFull);
    assert_eq!(layer.registry().snapshot().overflows, 2);
    drop(third);
    inner.release();
    assert_eq!(tokio::join!(one, two), (Ok(1), Ok(1)));
    assert_eq!(layer.registry().snapshot().in_use, 0);
}

#[tokio::test(start_paused = true)]
async fn each_client_has_its_own_bucket_and_the_keyless_share_one() {
    let spec = RateLimitSpec { burst: Burst::ONE, ..RateLimitSpec::new("1/h".parse().unwrap()) };
    let layer = RateLimitLayer::keyed(spec, ByNumber);
    let mut service = layer.layer(Inner::always(Step::Now(Ok(1))));
    for client in [1, 2, 0] {
        assert_eq!(call(&mut service, client).await, Ok(1));
        assert_eq!(refusal(call(&mut service, client).await), Reason::RateExceeded);
    }
    layer.update("1/s".parse().unwrap(), Burst::ONE);
    advance(Duration::from_secs(1)).await;
    assert_eq!(call(&mut service, 1).await, Ok(1));
}

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<PolicyEvent>>>);

impl Observer for Journal {
    fn on(&self, _: Instant, event: &PolicyEvent) {
        self.0.lock().unwrap().push(*event);
    }
}

#[tokio::test(start_paused = true)]
async fn transitions_are_told() {
    let journal = Journal::default();
    let layer = BreakerLayer::new(brittle()).observe(journal.clone());
    let mut service = layer.layer(Inner::always(Step::Now(Err(BrokenError(0)))));
    assert!(call(&mut service, 1).await.is_err());
    assert!(call(&mut service, 1).await.is_err());
    let heard = journal.0.lock().unwrap();
    assert!(heard.iter().any(
        |event| matches!(event, PolicyEvent::Breaker(transition) if transition.to == BreakerState::Open)
    ));
    assert!(heard.iter().any(|event| matches!(event, PolicyEvent::Rejected(_))));
}

// A description is given a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn by_number(request: &u32) -> Facts {
    let priority = if *request == 0 { Priority::CRITICAL } else { Priority::SHEDDABLE };
    Facts { priority, ..Facts::default() }
}

#[tokio::test(start_paused = true)]
async fn a_standing_queue_sheds_what_matters_least() {
    let shed = ShedLayer::new(ShedSpec::default()).describe(by_number);
    let shedder = Arc::clone(shed.shedder());
    let mut service = shed.layer(Inner::always(Step::Now(Ok(1))));
    let mut reasons = Vec::new();
    for _ in 0..3000 {
        advance(MS).await;
        // A queue of the user's own, in which nobody waits for less than this.
        shedder.waited(now(), 20 * MS);
        if let Err(error) = call(&mut service, 5).await {
            reasons.push(error.rejected().unwrap().reason);
        }
        assert_eq!(call(&mut service, 0).await, Ok(1), "what is critical passes");
    }
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| *reason == Reason::Overloaded), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_feeds_the_shedder_and_goes_on_working_under_twice_its_load() {
    let shed = ShedLayer::new(ShedSpec::default()).describe(by_number);
    let shedder = Arc::clone(shed.shedder());
    let spec = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 50, wait: Duration::from_secs(1) };
    let bulkhead = BulkheadLayer::new(spec).feeding(&shedder);
    let inner = Inner::always(Step::After(8 * MS, Ok(1)));
    let service = ServiceBuilder::new().layer(shed).layer(bulkhead).service(inner);
    let mut tasks = tokio::task::JoinSet::new();
    let mut overloaded = false;
    // Twice what one place can do, for three seconds: 375 calls could be served.
    for _ in 0..750 {
        let mut service = service.clone();
        tasks.spawn(async move { call(&mut service, 5).await });
        advance(4 * MS).await;
        overloaded |= shedder.overloaded(now());
    }
    let mut served = 0;
    while let Some(result) = tasks.join_next().await {
        served += u32::from(result.unwrap().is_ok());
    }
    assert!(overloaded, "the line stood");
    assert!(served > 200, "{served}: a waiter is woken when its turn has come");
}

#[tokio::test(start_paused = true)]
async fn a_total_a_deadline_and_what_is_over_before_it_begins() {
    let deadline = now() + 30 * MS;
    let layer = TimeoutLayer::total(100 * MS).describe(move |request: &u32| Facts {
        deadline: if *request == 1 { deadline } else { Instant::FAR },
        ..Facts::default()
    });
    let inner = Inner::always(Step::Never);
    let mut service = layer.layer(inner.clone());
    let began = Clock::now();
    assert_eq!(call(&mut service, 1).await, Err(Error::TimedOut(Limit::Total)));
    assert!((30..=31).contains(&began.elapsed().as_millis()));
    assert_eq!(refusal(call(&mut service, 1).await), Reason::DeadlineExceeded);
    assert_eq!(call(&mut service, 0).await, Err(Error::TimedOut(Limit::Total)));
    layer.update(Some(5 * MS));
    let began = Clock::now();
    assert_eq!(call(&mut service, 0).await, Err(Error::TimedOut(Limit::Total)));
    assert!((5..=6).contains(&began.elapsed().as_millis()));
    assert_eq!((inner.record().calls, inner.record().in_flight), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_ready_response_counts_despite_a_passed_limit() {
    let mut service = TimeoutLayer::attempt(10 * MS).layer(Inner::always(Step::Held(Ok(1))));
    let inner = service.inner().clone();
    let call = begin(&mut service, 1).await;
    advance(20 * MS).await;
    inner.release();
    assert_eq!(call.await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn retries_around_a_breaker_do_not_knock_at_a_closed_door() {
    let inner = Inner::always(Step::Now(Err(BrokenError(0))));
    let retry =
        RetryLayer::new(RetrySpec::default()).classify(Nested(ByResult)).describe(Idempotent).replay(ByClone);
    let handle = retry.handle();
    let mut service =
        ServiceBuilder::new().layer(retry).layer(BreakerLayer::new(brittle())).service(inner.clone());
    let error = call(&mut service, 1).await.unwrap_err().flatten();
    assert_eq!(error.rejected().map(|rejected| rejected.reason), Some(Reason::CircuitOpen));
    assert_eq!(inner.record().calls, 1, "the one retry met the open breaker, and there was no other");
    assert!(handle.budget().is_some());
}

#[tokio::test(start_paused = true)]
async fn many_callers_one_call() {
    let inner = Inner::always(Step::After(20 * MS, Ok(7)));
    let layer = SingleflightLayer::new(ByNumber);
    let mut service = layer.layer(inner.clone());
    let mut calls = tokio::task::JoinSet::new();
    for request in [1, 1, 1, 2, 0, 0] {
        calls.spawn(begin(&mut service, request).await);
    }
    assert_eq!(calls.join_all().await, [Ok(7); 6]);
    assert_eq!((inner.record().calls, layer.in_flight()), (4, 0), "the keyless go by themselves");
    assert_eq!(call(&mut service, 1).await, Ok(7));
    assert_eq!(inner.record().calls, 5, "what has landed is not kept");
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_goes_is_dropped_another_goes() {
    let inner = Inner::always(Step::After(20 * MS, Ok(7)));
    let layer = SingleflightLayer::new(ByNumber);
    let mut service = layer.layer(inner.clone());
    let leader = begin(&mut service, 1).await;
    let second = begin(&mut service, 1).await;
    let third = tokio::spawn(begin(&mut service, 1).await);
    let fourth = tokio::spawn(begin(&mut service, 1).await);
    tokio::task::yield_now().await;
    assert_eq!(inner.record().calls, 1);
    drop(leader);
    // Asked to go next or not: one that is dropped passes it on.
    drop(second);
    assert_eq!((third.await.unwrap(), fourth.await.unwrap()), (Ok(7), Ok(7)));
    let record = inner.record();
    assert_eq!((record.calls, record.unready_calls, record.in_flight, layer.in_flight()), (2, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_goes_panics_another_goes_and_errors_are_shared() {
    let inner =
        Inner::new(|at, _| if at == 0 { Step::PanicInPoll } else { Step::After(MS, Err(BrokenError(1))) });
    let layer = SingleflightLayer::new(ByNumber);
    let mut service = layer.layer(inner.clone());
    let leader = begin(&mut service, 1).await;
    let (second, third) = (begin(&mut service, 1).await, begin(&mut service, 1).await);
    assert!(tokio::spawn(leader).await.unwrap_err().is_panic());
    assert_eq!(tokio::join!(second, third), (Err(BrokenError(1)), Err(BrokenError(1))));
    assert_eq!((inner.record().calls, layer.in_flight()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn flights_and_followers_are_bounded() {
    let inner = Inner::always(Step::After(MS, Ok(7)));
    let mut service = SingleflightLayer::bounded(ByNumber, 1, 1).layer(inner.clone());
    let mut calls = tokio::task::JoinSet::new();
    for request in [1, 1, 1, 2] {
        calls.spawn(begin(&mut service, request).await);
    }
    assert_eq!(calls.join_all().await, [Ok(7); 4]);
    assert_eq!(inner.record().calls, 3, "a second follower and a second flight go alone");
}

#[tokio::test]
async fn something_instead_of_a_failure() {
    let inner = Inner::new(|_, fails| Step::Now(if *fails == 1 { Err(BrokenError(0)) } else { Ok(1) }));
    let layer = FallbackLayer::new(|failed: Result<u32, BrokenError>| async move {
        if failed == Err(BrokenError(0)) { Ok(99) } else { failed }
    });
    let mut service = layer.layer(inner);
    assert_eq!(call(&mut service, 1).await, Ok(99));
    assert_eq!(call(&mut service, 0).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn harm_is_done_as_planned() {
    let inner = Inner::always(Step::Now(Ok(1)));
    let chaos = || ChaosLayer::seeded(7, || BrokenError(9));
    let began = Clock::now();
    let delayed = chaos().delays(Ratio::ONE, 50 * MS);
    assert_eq!(call(&mut delayed.layer(inner.clone()), 1).await, Ok(1));
    assert!((50..=51).contains(&began.elapsed().as_millis()));
    let failing = chaos().errors(Ratio::ONE);
    assert_eq!(call(&mut failing.layer(inner.clone()), 1).await, Err(BrokenError(9)));
    assert_eq!(inner.record().calls, 1, "a call that fails is not sent");
    failing.pause(true);
    assert_eq!(call(&mut failing.layer(inner.clone()), 1).await, Ok(1));
    let aborting = chaos().delays(Ratio::ONE, MS).aborts(Ratio::ONE);
    assert_eq!(call(&mut aborting.layer(inner.clone()), 1).await, Err(BrokenError(9)));
    assert_eq!((inner.record().calls, inner.record().unready_calls), (3, 0), "an aborted one is sent");
}
