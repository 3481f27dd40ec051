//! The fused layer.

use super::{Inner, MS, begin, call, refusal};
use plimsoll_policy::{
    AttemptRole, BreakerState, Instant, Limit, Observer, PolicyEvent, PolicySpec, Reason, Timeouts,
    breaker::BreakerSpec,
    bulkhead::BulkheadSpec,
    call::Facts,
    hedge::{HedgeDelay, HedgeSpec},
    rate::{Per, RateLimitSpec, RateShape},
    retry::RetrySpec,
    units::{Burst, Rate, Ratio},
};
use plimsoll_testkit::{BrokenError, Step};
use plimsoll_tower::{
    Describe, Error, Idempotent, Key, PolicyLayer, Replay,
    replay::{ByClone, Reach},
};
use std::{
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};
use tokio::time::{Instant as Clock, timeout};
use tower::Layer;

fn retrying() -> PolicySpec {
    PolicySpec { retry: Some(RetrySpec::default()), ..PolicySpec::OFF }
}

fn hedging() -> PolicySpec {
    let hedge = HedgeSpec { after: HedgeDelay::Fixed(50 * MS), budget: Ratio::ONE };
    PolicySpec { hedge: Some(hedge), ..PolicySpec::OFF }
}

fn narrow() -> PolicySpec {
    let bulkhead = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 1, wait: 100 * MS };
    PolicySpec { bulkhead: Some(bulkhead), ..PolicySpec::OFF }
}

fn brittle() -> PolicySpec {
    let breaker = BreakerSpec { consecutive_failures: NonZeroU32::new(1), ..BreakerSpec::default() };
    PolicySpec { breaker: Some(breaker), ..PolicySpec::OFF }
}

fn limited(timeouts: Timeouts) -> PolicySpec {
    PolicySpec { timeouts, ..PolicySpec::OFF }
}

#[tokio::test]
async fn responses_and_errors_pass_unchanged() {
    let inner =
        Inner::new(|at, request| Step::Now(if at == 0 { Ok(request + 1) } else { Err(BrokenError(3)) }));
    let mut service = PolicyLayer::new(PolicySpec::OFF).layer(inner.clone());
    assert_eq!(call(&mut service, 1).await, Ok(2));
    assert_eq!(call(&mut service, 1).await, Err(Error::Inner(BrokenError(3))));
    assert_eq!(inner.record().unready_calls, 0);
    assert_eq!(inner.record().clones, 1, "without retries the readied instance is called where it is");
}

#[tokio::test(start_paused = true)]
async fn what_broke_is_sent_again_by_an_instance_that_is_ready() {
    let inner = Inner::new(|at, _| Step::Now(if at < 2 { Err(BrokenError(0)) } else { Ok(9) }));
    let mut service = PolicyLayer::new(retrying()).describe(Idempotent).replay(ByClone).layer(inner.clone());
    assert_eq!(call(&mut service, 1).await, Ok(9));
    let record = inner.record();
    assert_eq!((record.calls, record.unready_calls), (3, 0));
    assert_eq!(call(&mut service, 1).await, Ok(9), "the instance that stayed behind is as good");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_safe_and_can_be_is_sent_again() {
    let inner = Inner::always(Step::Now(Err(BrokenError(1))));
    let unsafe_ones = PolicyLayer::new(retrying()).replay(ByClone);
    assert_eq!(call(&mut unsafe_ones.layer(inner.clone()), 1).await, Err(Error::Inner(BrokenError(1))));
    let unrepeatable = PolicyLayer::new(retrying()).describe(Idempotent);
    assert_eq!(call(&mut unrepeatable.layer(inner.clone()), 1).await, Err(Error::Inner(BrokenError(1))));
    assert_eq!(inner.record().calls, 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_the_callers() {
    let inner = Inner::new(|at, _| Step::Now(Err(BrokenError(at as u32))));
    let mut service = PolicyLayer::new(retrying()).describe(Idempotent).replay(ByClone).layer(inner.clone());
    assert_eq!(call(&mut service, 1).await, Err(Error::Inner(BrokenError(2))));
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_not_sent_into_an_open_breaker() {
    let inner = Inner::new(|at, _| Step::Now(Err(BrokenError(at as u32))));
    let spec = PolicySpec { breaker: brittle().breaker, ..retrying() };
    let mut service = PolicyLayer::new(spec).describe(Idempotent).replay(ByClone).layer(inner.clone());
    assert_eq!(call(&mut service, 1).await, Err(Error::Inner(BrokenError(0))));
    assert_eq!(refusal(call(&mut service, 1).await), Reason::CircuitOpen);
    assert_eq!(inner.record().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn limits_end_what_takes_too_long() {
    let inner = Inner::always(Step::Never);
    let attempt = Timeouts { attempt: Some(70 * MS), ..Timeouts::NONE };
    let began = Clock::now();
    let result = call(&mut PolicyLayer::new(limited(attempt)).layer(inner.clone()), 1).await;
    assert_eq!(result, Err(Error::TimedOut(Limit::Attempt)));
    assert!((70..=71).contains(&began.elapsed().as_millis()), "a timer fires in the next whole millisecond");
    let total = Timeouts { total: Some(70 * MS), ..Timeouts::NONE };
    let result = call(&mut PolicyLayer::new(limited(total)).layer(inner.clone()), 1).await;
    assert_eq!(result, Err(Error::TimedOut(Limit::Total)));
    assert_eq!((inner.record().cancelled, inner.record().in_flight), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_made_again() {
    let inner = Inner::new(|at, _| if at == 0 { Step::Never } else { Step::After(5 * MS, Ok(4)) });
    let timeouts = Timeouts { attempt: Some(50 * MS), total: Some(1000 * MS), ..Timeouts::NONE };
    let spec = PolicySpec { timeouts, ..retrying() };
    let mut service = PolicyLayer::new(spec).describe(Idempotent).replay(ByClone).layer(inner.clone());
    assert_eq!(call(&mut service, 1).await, Ok(4));
    assert_eq!((inner.record().calls, inner.record().cancelled), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_deadline_counts() {
    let inner = Inner::always(Step::Never);
    let deadline = plimsoll_tower::driver::now() + 20 * MS;
    let layer =
        PolicyLayer::new(PolicySpec::OFF).describe(move |_: &u32| Facts { deadline, ..Facts::default() });
    let mut service = layer.layer(inner.clone());
    assert_eq!(call(&mut service, 1).await, Err(Error::TimedOut(Limit::Total)));
    assert_eq!(refusal(call(&mut service, 1).await), Reason::DeadlineExceeded, "it is over before it begins");
    assert_eq!(inner.record().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_service_under_the_attempts_limit() {
    let inner = Inner::new(|_, _| Step::Now(Err(BrokenError(0))));
    let timeouts = Timeouts { attempt: Some(50 * MS), ..Timeouts::NONE };
    let spec = PolicySpec { timeouts, ..retrying() };
    let mut service = PolicyLayer::new(spec).describe(Idempotent).replay(ByClone).layer(inner.clone());
    let future = begin(&mut service, 1).await;
    inner.set_ready(false);
    assert_eq!(future.await, Err(Error::TimedOut(Limit::Attempt)));
    assert_eq!(inner.record().calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_attempt_is_hedged_and_the_loser_dropped() {
    let inner = Inner::new(|at, _| if at == 0 { Step::Never } else { Step::After(5 * MS, Ok(8)) });
    let mut service = PolicyLayer::new(hedging()).describe(Idempotent).replay(ByClone).layer(inner.clone());
    let began = Clock::now();
    assert_eq!(call(&mut service, 1).await, Ok(8));
    assert!((55..60).contains(&began.elapsed().as_millis()));
    let record = inner.record();
    assert_eq!((record.calls, record.cancelled, record.unready_calls), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_in_line_goes_on_when_a_place_is_free() {
    let inner = Inner::always(Step::After(30 * MS, Ok(1)));
    let layer = PolicyLayer::new(narrow());
    let (mut one, mut two) = (layer.layer(inner.clone()), layer.layer(inner.clone()));
    let (first, second) = (begin(&mut one, 1).await, begin(&mut two, 1).await);
    assert_eq!(inner.record().calls, 1);
    let third = call(&mut one, 1).await;
    assert_eq!(refusal(third), Reason::QueueFull);
    assert_eq!(tokio::join!(first, second), (Ok(1), Ok(1)));
    let record = inner.record();
    assert_eq!((record.calls, record.most_in_flight, record.unready_calls), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_is_told_so() {
    let inner = Inner::always(Step::Held(Ok(1)));
    let layer = PolicyLayer::new(narrow());
    let mut service = layer.layer(inner.clone());
    let first = begin(&mut service, 1).await;
    assert_eq!(refusal(call(&mut service, 1).await), Reason::WaitTimedOut);
    inner.release();
    assert_eq!(first.await, Ok(1));
    let bulkhead = layer.handle().snapshot().bulkhead.unwrap();
    assert_eq!((bulkhead.in_flight, bulkhead.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_gives_everything_back() {
    let inner = Inner::always(Step::Held(Ok(1)));
    let layer = PolicyLayer::new(narrow());
    let mut service = layer.layer(inner.clone());
    let in_flight =
        || layer.handle().snapshot().bulkhead.map(|bulkhead| (bulkhead.in_flight, bulkhead.waiting));

    // Before it was polled, while under way, while in line, and with the place just granted.
    drop(begin(&mut service, 1).await);
    assert_eq!(in_flight(), Some((0, 0)));
    assert!(timeout(MS, call(&mut service, 1)).await.is_err());
    assert_eq!(in_flight(), Some((0, 0)));
    let first = begin(&mut service, 1).await;
    assert!(timeout(MS, call(&mut service, 1)).await.is_err());
    assert_eq!(in_flight(), Some((1, 0)));
    let granted = begin(&mut service, 1).await;
    drop(first);
    assert_eq!(in_flight(), Some((1, 0)), "handed over");
    drop(granted);
    assert_eq!(in_flight(), Some((0, 0)));
    assert_eq!(inner.record().in_flight, 0);
}

#[tokio::test]
async fn a_panic_settles_as_cancelled() {
    let inner = Inner::new(|at, _| if at == 0 { Step::PanicInCall } else { Step::PanicInPoll });
    let layer = PolicyLayer::new(narrow());
    let mut service = layer.layer(inner);
    std::future::poll_fn(|cx| tower::Service::<u32>::poll_ready(&mut service, cx)).await.unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| drop(tower::Service::call(&mut service, 1))));
    assert!(caught.is_err());
    assert_eq!(layer.handle().snapshot().bulkhead.unwrap().in_flight, 0);
    let future = begin(&mut service, 1).await;
    assert!(tokio::spawn(future).await.unwrap_err().is_panic());
    assert_eq!(layer.handle().snapshot().bulkhead.unwrap().in_flight, 0);
}

#[tokio::test]
async fn however_often_it_is_applied_it_is_the_same_breaker() {
    let layer = PolicyLayer::new(brittle());
    let mut bad = layer.clone().layer(Inner::always(Step::Now(Err(BrokenError(0)))));
    let mut good = layer.layer(Inner::always(Step::Now(Ok(1))));
    let mut clone = good.clone();
    assert_eq!(call(&mut bad, 1).await, Err(Error::Inner(BrokenError(0))));
    assert_eq!(refusal(call(&mut good, 1).await), Reason::CircuitOpen);
    assert_eq!(refusal(call(&mut clone, 1).await), Reason::CircuitOpen);
}

#[tokio::test]
async fn thresholds_change_under_way_and_state_goes_on() {
    let inner = Inner::always(Step::Now(Err(BrokenError(0))));
    let layer = PolicyLayer::new(brittle());
    let (handle, mut service) = (layer.handle(), layer.layer(inner));
    assert_eq!(call(&mut service, 1).await, Err(Error::Inner(BrokenError(0))));
    let mut spec = handle.spec();
    spec.timeouts.total = Some(Duration::from_secs(1));
    handle.update(spec.clone());
    assert_eq!(refusal(call(&mut service, 1).await), Reason::CircuitOpen, "it is still open");
    assert_eq!(handle.policy().breaker().unwrap().state(), BreakerState::Open);
    handle.update(PolicySpec { breaker: None, ..spec });
    assert_eq!(call(&mut service, 1).await, Err(Error::Inner(BrokenError(0))), "and gone with the next call");
}

#[tokio::test(start_paused = true)]
async fn a_wider_bulkhead_lets_the_line_in() {
    let inner = Inner::always(Step::Held(Ok(1)));
    let layer = PolicyLayer::new(narrow());
    let mut service = layer.layer(inner.clone());
    let _first = begin(&mut service, 1).await;
    let second = tokio::spawn(begin(&mut service, 1).await);
    tokio::task::yield_now().await;
    assert_eq!(inner.record().calls, 1);
    let wider = BulkheadSpec { in_flight: NonZeroU32::new(2).unwrap(), waiting: 1, wait: 100 * MS };
    layer.handle().update(PolicySpec { bulkhead: Some(wider), ..PolicySpec::OFF });
    tokio::task::yield_now().await;
    assert_eq!(inner.record().calls, 2);
    inner.release();
    assert_eq!(second.await.unwrap(), Ok(1));
}

/// Requests that are numbers, of which enough is kept until somebody says otherwise.
#[derive(Clone)]
struct Losing(Arc<AtomicBool>);

impl Replay<u32> for Losing {
    type Sent = u32;
    type Kept = u32;

    fn reach(&self, _: &u32) -> Reach {
        Reach::Again
    }

    fn once(&self, request: u32) -> u32 {
        request
    }

    fn keep(&self, request: u32) -> (u32, u32) {
        (request, request)
    }

    fn intact(&self, _: &u32) -> bool {
        !self.0.load(Relaxed)
    }

    fn again(&self, kept: &u32) -> u32 {
        *kept
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_again_any_more_is_not_but_what_is_decided_is() {
    let lost = Arc::new(AtomicBool::new(false));
    let inner = Inner::new(|at, _| Step::Now(if at == 1 { Ok(1) } else { Err(BrokenError(at as u32)) }));
    let layer = PolicyLayer::new(retrying()).describe(Idempotent).replay(Losing(Arc::clone(&lost)));
    let mut service = layer.layer(inner.clone());
    let mut call = Box::pin(begin(&mut service, 1).await);
    let waits = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
    assert!(waits, "before its second attempt");
    lost.store(true, Relaxed);
    assert_eq!(call.await, Ok(1));
    assert_eq!(super::call(&mut service, 1).await, Err(Error::Inner(BrokenError(2))));
    assert_eq!(inner.record().calls, 3);
}

#[derive(Clone)]
struct ByNumber;

impl Describe<u32> for ByNumber {
    fn describe(&self, _: &u32) -> Facts {
        Facts::default()
    }

    fn key<'r>(&self, request: &'r u32) -> Option<Key<'r>> {
        Some(u64::from(*request).into())
    }
}

#[tokio::test]
async fn a_rate_limit_can_count_keys_apart() {
    let limit =
        RateLimitSpec { burst: Burst::ONE, per: Per::Client, ..RateLimitSpec::new("1/h".parse().unwrap()) };
    let spec = PolicySpec { rate_limit: Some(limit), ..PolicySpec::OFF };
    let mut service = PolicyLayer::new(spec).describe(ByNumber).layer(Inner::always(Step::Now(Ok(1))));
    assert_eq!(call(&mut service, 1).await, Ok(1));
    assert_eq!(refusal(call(&mut service, 1).await), Reason::RateExceeded);
    assert_eq!(call(&mut service, 2).await, Ok(1));
}

fn leaky(per_second: u32, burst: u32) -> PolicySpec {
    let limit = RateLimitSpec {
        burst: Burst::try_from(burst).unwrap(),
        shape: RateShape::LeakyBucket,
        ..RateLimitSpec::new(Rate::per_second_of(per_second).unwrap())
    };
    PolicySpec { rate_limit: Some(limit), ..PolicySpec::OFF }
}

#[tokio::test(start_paused = true)]
async fn a_leaky_bucket_sends_calls_on_one_by_one() {
    let start = Clock::now();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let inner = Inner::new({
        let sent = Arc::clone(&sent);
        move |_, request| {
            sent.lock().unwrap().push((*request, start.elapsed()));
            Step::Now(Ok(*request))
        }
    });
    let layer = PolicyLayer::new(leaky(10, 4));
    let mut service = layer.layer(inner);
    let mut calls = Vec::new();
    for number in 0..5 {
        calls.push(begin(&mut service, number).await);
    }
    assert_eq!(refusal(calls.pop().unwrap().await), Reason::QueueFull);
    // The third leaves in the midst of the queue: its turn passes unused.
    drop(calls.remove(2));
    for (call, number) in calls.into_iter().map(tokio::spawn).collect::<Vec<_>>().into_iter().zip([0, 1, 3]) {
        assert_eq!(call.await.unwrap(), Ok(number));
    }
    assert_eq!(*sent.lock().unwrap(), [(0, Duration::ZERO), (1, 100 * MS), (3, 300 * MS)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_leaves_the_end_of_the_queue_leaves_its_turn_to_the_next() {
    let layer = PolicyLayer::new(leaky(10, 3));
    let mut service = layer.layer(Inner::always(Step::Now(Ok(1))));
    let start = Clock::now();
    assert_eq!(call(&mut service, 1).await, Ok(1));
    let waits = begin(&mut service, 1).await;
    drop(begin(&mut service, 1).await);
    let next = begin(&mut service, 1).await;
    assert_eq!(waits.await, Ok(1));
    assert_eq!(start.elapsed(), 100 * MS);
    assert_eq!(next.await, Ok(1));
    assert_eq!(start.elapsed(), 200 * MS);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_keep_their_turns_when_the_rate_changes() {
    let layer = PolicyLayer::new(leaky(10, 3));
    let mut service = layer.layer(Inner::always(Step::Now(Ok(1))));
    let start = Clock::now();
    assert_eq!(call(&mut service, 1).await, Ok(1));
    let waits = begin(&mut service, 1).await;
    layer.handle().update(leaky(1000, 1000));
    let behind = begin(&mut service, 1).await;
    assert_eq!(waits.await, Ok(1));
    assert_eq!(start.elapsed(), 100 * MS);
    assert_eq!(behind.await, Ok(1));
    assert_eq!(start.elapsed(), 200 * MS, "behind the turn that was promised");
    let soon = begin(&mut service, 1).await;
    assert_eq!(soon.await, Ok(1));
    assert_eq!(start.elapsed(), 201 * MS);
}

#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<PolicyEvent>>>);

impl Observer for Journal {
    fn on(&self, _: Instant, event: &PolicyEvent) {
        self.0.lock().unwrap().push(*event);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_hears_what_is_decided() {
    let journal = Journal::default();
    let inner = Inner::new(|at, _| Step::Now(if at == 0 { Err(BrokenError(0)) } else { Ok(1) }));
    let layer = PolicyLayer::with_observer(retrying(), journal.clone()).describe(Idempotent).replay(ByClone);
    call(&mut layer.layer(inner), 1).await.unwrap();
    let heard = journal.0.lock().unwrap();
    let attempts: Vec<_> = heard
        .iter()
        .filter_map(|event| if let PolicyEvent::Attempt(role) = event { Some(*role) } else { None })
        .collect();
    assert_eq!(attempts, [AttemptRole::First, AttemptRole::Retry]);
    assert_eq!(heard[0], PolicyEvent::Call);
}

#[test]
fn futures_are_as_free_to_move_as_the_inner_ones() {
    fn assert_send<T: Send>(_: &T) {}
    let inner = Inner::always(Step::Now(Ok(1)));
    let mut service = PolicyLayer::new(retrying()).describe(Idempotent).replay(ByClone).layer(inner);
    assert_send(&service);
    assert_send(&tower::Service::call(&mut service, 1));
}
