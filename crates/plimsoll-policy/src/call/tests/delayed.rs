//! Calls that wait for their turn at a leaky bucket.

use super::*;
use crate::{
    breaker::BreakerSpec,
    rate::{RateLimitSpec, RateShape, RateSnapshot},
};

/// A call each 10 ms, and two that wait.
fn paced() -> PolicySpec {
    let rate = "100/s".parse().unwrap();
    let burst = 3.try_into().unwrap();
    let limit = RateLimitSpec { burst, shape: RateShape::LeakyBucket, ..RateLimitSpec::new(rate) };
    PolicySpec { rate_limit: Some(limit), ..off() }
}

fn with(change: impl FnOnce(&mut RateLimitSpec)) -> PolicySpec {
    let mut spec = paced();
    spec.rate_limit.as_mut().map(change).unwrap();
    spec
}

impl Bench {
    /// Starts a call beside the others.
    fn another(&self, facts: Facts) -> (Call, Action) {
        let mut call = Call::new(facts);
        let action = call.next(&self.policy, self.now, START);
        (call, action)
    }

    fn waiting(&self) -> u32 {
        match self.policy.snapshot(self.now).rate_limit {
            Some(RateSnapshot::Queue(queue)) => queue.waiting,
            other => panic!("{other:?}"),
        }
    }
}

fn until(action: Action) -> Instant {
    let Action::Wait { until, ticket: None } = action else { panic!("{action:?}") };
    until
}

#[test]
fn calls_go_one_by_one_at_the_rate() {
    let mut bench = Bench::new(paced(), safe());
    bench.begin();
    let start = bench.now;
    let (mut second, action) = bench.another(safe());
    assert_eq!(until(action), start + 10 * MS);
    let (mut third, action) = bench.another(safe());
    assert_eq!(until(action), start + 20 * MS);
    assert_eq!(bench.waiting(), 2);
    let (_, action) = bench.another(safe());
    let Action::Finish(Finish::Refused(rejected)) = action else { panic!("{action:?}") };
    assert_eq!((rejected.by, rejected.reason), (Machine::RateLimit, Reason::QueueFull));
    assert_eq!(rejected.retry_after, Some(10 * MS));
    // A timer that fires early changes nothing.
    bench.after(9 * MS);
    assert_eq!(until(second.next(&bench.policy, bench.now, Event::Timer)), start + 10 * MS);
    bench.after(MS);
    assert!(matches!(second.next(&bench.policy, bench.now, Event::Timer), Action::Attempt { .. }));
    assert_eq!(until(third.next(&bench.policy, bench.now, Event::Proceed)), start + 20 * MS);
    bench.after(10 * MS);
    assert!(matches!(third.next(&bench.policy, bench.now, Event::Timer), Action::Attempt { .. }));
    for waited in [10 * MS, 20 * MS] {
        assert_eq!(bench.heard(|event| *event == PolicyEvent::Waited(Machine::RateLimit, waited)), 1);
    }
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn a_call_whose_turn_comes_too_late_is_refused_at_once() {
    let mut bench = Bench::new(PolicySpec { timeouts: total(25 * MS), ..paced() }, safe());
    bench.begin();
    let hurried = Facts { deadline: bench.now + 10 * MS, ..safe() };
    let (_, action) = bench.another(hurried);
    let Action::Finish(Finish::Refused(rejected)) = action else { panic!("{action:?}") };
    assert_eq!((rejected.by, rejected.reason), (Machine::RateLimit, Reason::RateExceeded));
    assert_eq!(rejected.retry_after, Some(Duration::from_nanos(1)));
    assert_eq!(bench.waiting(), 0, "it took no turn");
    // The policy's own total counts from the call's start.
    for turn in [10 * MS, 20 * MS] {
        assert_eq!(until(bench.another(safe()).1), bench.now + turn);
    }
    bench.after(5 * MS);
    let (late, action) = bench.another(Facts { deadline: bench.now, ..safe() });
    let Action::Finish(Finish::Refused(rejected)) = action else { panic!("{action:?}") };
    assert_eq!((rejected.by, rejected.reason), (Machine::Deadline, Reason::DeadlineExceeded));
    assert!(late.is_closed());
}

fn total(total: Duration) -> Timeouts {
    Timeouts { total: Some(total), ..Timeouts::NONE }
}

#[test]
fn a_turn_that_the_driver_missed_by_so_much_is_a_timeout() {
    let mut bench = Bench::new(PolicySpec { timeouts: total(15 * MS), ..paced() }, safe());
    bench.begin();
    let (mut second, action) = bench.another(safe());
    assert_eq!(until(action), bench.now + 10 * MS);
    bench.after(15 * MS);
    let action = second.next(&bench.policy, bench.now, Event::Timer);
    assert_eq!(action, Action::Finish(Finish::TimedOut(Limit::Total)));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::TimedOut(Limit::Total)), 1);
}

#[test]
fn whoever_leaves_the_end_of_the_queue_gives_the_turn_back() {
    let mut bench = Bench::new(paced(), safe());
    bench.begin();
    let (mut second, _) = bench.another(safe());
    let (mut third, turn) = bench.another(safe());
    assert_eq!(third.next(&bench.policy, bench.now, Event::Gone), Action::Finish(Finish::Gone));
    assert_eq!((third.is_closed(), bench.waiting()), (true, 1));
    let (_third, again) = bench.another(safe());
    assert_eq!(again, turn);
    // The one behind has been told its instant: this turn passes unused.
    let _ = second.next(&bench.policy, bench.now, Event::Gone);
    assert_eq!(bench.waiting(), 2);
    assert_eq!(bench.heard(|event| *event == PolicyEvent::Gone), 2);
}

#[test]
fn the_machines_of_an_attempt_are_asked_when_the_turn_has_come() {
    let mut bench = Bench::new(PolicySpec { breaker: Some(BreakerSpec::default()), ..paced() }, safe());
    bench.begin();
    let (mut second, _) = bench.another(safe());
    let _ = bench.policy.breaker().unwrap().force_open(bench.now);
    bench.after(10 * MS);
    let action = second.next(&bench.policy, bench.now, Event::Timer);
    let Action::Finish(Finish::Refused(rejected)) = action else { panic!("{action:?}") };
    assert_eq!(rejected.by, Machine::Breaker);
}

#[test]
fn a_revision_moves_no_turn_and_takes_effect_behind_the_last() {
    let mut bench = Bench::new(paced(), safe());
    bench.begin();
    let start = bench.now;
    let (mut second, _) = bench.another(safe());
    bench.after(5 * MS);
    let revise = |bench: &mut Bench, spec| {
        let old = bench.policy.clone();
        bench.policy = bench.policy.revised(spec, bench.now, Draw::new(1));
        old
    };
    // Twice as fast, with a longer queue: behind the turn that was promised for 10 ms.
    let longer = with(|limit| {
        limit.rate = "200/s".parse().unwrap();
        limit.burst = 10.try_into().unwrap();
    });
    let first = revise(&mut bench, longer);
    assert_eq!(until(bench.another(safe()).1), start + 20 * MS);
    assert_eq!(until(bench.another(safe()).1), start + 25 * MS);
    // As a token bucket: whoever waits counts as used.
    let tokens = with(|limit| limit.shape = RateShape::TokenBucket);
    revise(&mut bench, tokens);
    assert!(matches!(bench.another(safe()).1, Action::Finish(Finish::Refused(_))));
    // Off: nobody waits any more but those who do already.
    revise(&mut bench, off());
    assert!(matches!(bench.another(safe()).1, Action::Attempt { .. }));
    bench.after(5 * MS);
    assert!(matches!(second.next(&first, bench.now, Event::Timer), Action::Attempt { .. }));
}

#[test]
fn the_budget_of_retries_grows_when_the_turn_has_come() {
    let retry = RetrySpec { reserve: 0, budget: Ratio::ONE, ..RetrySpec::default() };
    let mut bench = Bench::new(PolicySpec { retry: Some(retry), ..paced() }, safe());
    bench.begin();
    let (mut second, _) = bench.another(safe());
    let calls = |bench: &Bench| bench.policy.snapshot(bench.now).budget.unwrap().calls;
    let before = calls(&bench);
    bench.after(10 * MS);
    let _ = second.next(&bench.policy, bench.now, Event::Timer);
    assert_eq!(calls(&bench), before + 1);
}
