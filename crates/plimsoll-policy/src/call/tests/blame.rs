//! Blame: the side whose failure it is, and the time at which that is known.

use super::*;
use crate::{BreakerState, breaker::BreakerSpec};

fn breaking(minimum: u32) -> BreakerSpec {
    BreakerSpec {
        minimum_calls: NonZeroU32::new(minimum).unwrap(),
        open: Duration::from_secs(1),
        jitter: Ratio::ZERO,
        ..BreakerSpec::default()
    }
}

fn guarded(minimum: u32) -> PolicySpec {
    PolicySpec { breaker: Some(breaking(minimum)), ..PolicySpec::default() }
}

fn reported() -> Facts {
    Facts { stages: Stages::Reported, ..safe() }
}

fn counts(bench: &Bench) -> (u64, u64) {
    let counts = bench.policy.snapshot(bench.now).breaker.unwrap().counts;
    (counts.calls, counts.failures)
}

fn in_flight(bench: &Bench) -> u32 {
    bench.policy.snapshot(bench.now).bulkhead.unwrap().in_flight
}

#[test]
fn a_slow_upload_past_the_deadline_is_the_callers() {
    let mut bench = Bench::new(guarded(1), reported());
    let id = bench.begin();
    bench.note(id, Mark::Connected);
    bench.note(id, Mark::Sent);
    bench.note(id, Mark::WaitsForCaller);
    // A byte a second, for longer than `attempt` allows.
    for _ in 0..29 {
        bench.after(Duration::from_secs(1)).note(id, Mark::Moved);
        assert!(matches!(bench.next(Event::Timer), Action::Wait { .. }));
    }
    let Action::Abort { outcome, .. } = bench.wait_out() else { panic!() };
    assert_eq!(outcome, Outcome::Caller);
    assert_eq!(bench.next(Event::Proceed), Action::Finish(Finish::CallerTimedOut(Limit::Total)));
    assert_eq!(counts(&bench), (0, 0));
    assert_eq!(in_flight(&bench), 0);
}

#[test]
fn a_caller_that_sends_nothing_runs_into_idle_by_itself() {
    let timeouts = Timeouts { idle: Some(Duration::from_secs(5)), ..Timeouts::default() };
    let mut bench = Bench::new(PolicySpec { timeouts, ..guarded(1) }, reported());
    let id = bench.begin();
    bench.note(id, Mark::Connected);
    bench.note(id, Mark::WaitsForCaller);
    let start = bench.now;
    let Action::Abort { outcome: Outcome::Caller, .. } = bench.wait_out() else { panic!() };
    assert_eq!(bench.now.since(start), Duration::from_secs(5));
    assert_eq!(bench.next(Event::Proceed), Action::Finish(Finish::CallerTimedOut(Limit::Idle)));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::CallerTimedOut(Limit::Idle)), 1);
    assert_eq!(counts(&bench), (0, 0));
}

#[test]
fn the_clocks_of_an_attempt_stand_still_while_the_caller_is_waited_for() {
    let mut bench = Bench::new(guarded(1), reported());
    let (id, start) = (bench.begin(), bench.now);
    bench.note(id, Mark::Connected);
    bench.note(id, Mark::WaitsForCaller);
    bench.after(Duration::from_secs(10)).note(id, Mark::WaitsForPeer);
    bench.note(id, Mark::Flushed);
    // 15 s of `attempt` and of `first-byte` begin here, and the latency does too.
    let Action::Wait { until, .. } = bench.next(Event::Proceed) else { panic!() };
    assert_eq!(until.since(start), Duration::from_secs(25));
    let _ = bench.after(100 * MS).next(Event::Headers(id, Settlement::SUCCESS));
    let took = |event: &PolicyEvent| matches!(event, PolicyEvent::Settled(_, Outcome::Success, took) if *took == 100 * MS);
    assert_eq!(bench.heard(took), 1);
}

#[test]
fn a_peer_that_hangs_is_still_to_blame() {
    let mut bench = Bench::new(PolicySpec { retry: None, ..guarded(10) }, reported());
    let id = bench.begin();
    bench.note(id, Mark::Flushed);
    let Action::Abort { outcome: Outcome::Failure(Failure::Timeout), .. } = bench.wait_out() else {
        panic!()
    };
    assert_eq!(counts(&bench), (1, 1));
}

/// The policy gives a peer 15 s.
#[test]
fn a_caller_in_a_hurry_says_nothing_of_the_peer() {
    for (left, outcome) in [
        (Duration::from_millis(50), Outcome::Cancelled),
        (Duration::from_secs(7), Outcome::Cancelled),
        (Duration::from_secs(8), Outcome::Failure(Failure::Timeout)),
        (Duration::from_secs(14), Outcome::Failure(Failure::Timeout)),
    ] {
        let mut bench = Bench::new(PolicySpec { retry: None, ..guarded(10) }, reported());
        bench.call = Call::new(Facts { deadline: bench.now + left, ..reported() });
        let id = bench.begin();
        bench.note(id, Mark::Flushed);
        let Action::Abort { outcome: found, .. } = bench.wait_out() else { panic!() };
        assert_eq!(found, outcome, "{left:?}");
        let failures = u64::from(outcome.is_failure());
        assert_eq!(counts(&bench), (failures, failures));
    }
}

#[test]
fn a_policy_without_limits_goes_by_the_callers_deadline() {
    let mut bench =
        Bench::new(PolicySpec { timeouts: Timeouts::NONE, retry: None, ..guarded(10) }, reported());
    bench.call = Call::new(Facts { deadline: bench.now + 50 * MS, ..reported() });
    let id = bench.begin();
    bench.note(id, Mark::Flushed);
    let Action::Abort { outcome, .. } = bench.wait_out() else { panic!() };
    assert_eq!(outcome, Outcome::Failure(Failure::Timeout));
}

#[test]
fn an_attempt_that_the_deadline_cuts_short_is_nobodys_failure() {
    let timeouts = Timeouts { total: Some(Duration::from_secs(3)), ..Timeouts::NONE };
    let mut bench = Bench::new(PolicySpec { timeouts, breaker: Some(breaking(1)), ..narrow() }, safe());
    let mut holder = Call::new(Facts { deadline: Instant::FAR, ..safe() });
    let Action::Attempt { id, .. } = holder.next(&bench.policy, bench.now, START) else { panic!() };
    let waits = BulkheadSpec { wait: Duration::from_secs(5), ..narrow().bulkhead.unwrap() };
    bench.policy = bench.policy.revised(
        PolicySpec { bulkhead: Some(waits), ..bench.policy.spec().clone() },
        bench.now,
        Draw::new(1),
    );
    let Action::Wait { ticket: Some(ticket), .. } = bench.next(START) else { panic!() };
    bench.after(2900 * MS);
    let _ = holder.next(&bench.policy, bench.now, Event::Done(id, Settlement::SUCCESS));
    assert!(matches!(bench.next(Event::Granted(ticket)), Action::Attempt { .. }));
    let Action::Abort { outcome, .. } = bench.wait_out() else { panic!() };
    assert_eq!(outcome, Outcome::Cancelled);
}

#[test]
fn a_slow_download_past_the_deadline_is_no_failure() {
    for waits_for in [Mark::WaitsForCaller, Mark::WaitsForPeer] {
        let mut bench = Bench::new(guarded(1), reported());
        let id = bench.begin();
        assert!(matches!(bench.next(Event::Headers(id, Settlement::SUCCESS)), Action::Finish(_)));
        assert_eq!(counts(&bench), (1, 0), "the outcome is the head's");
        loop {
            bench.note(id, Mark::Moved);
            bench.note(id, waits_for);
            match bench.after(Duration::from_secs(1)).next(Event::Timer) {
                Action::Wait { .. } => {}
                Action::Abort { outcome, .. } => break assert!(!outcome.is_about_peer(), "{outcome:?}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(counts(&bench).1, 0);
        assert_eq!(in_flight(&bench), 0);
    }
}

#[test]
fn a_peer_that_falls_silent_in_its_body_has_failed() {
    let timeouts = Timeouts { idle: Some(Duration::from_secs(5)), ..Timeouts::default() };
    let mut bench = Bench::new(PolicySpec { timeouts, ..guarded(10) }, reported());
    let id = bench.begin();
    let _ = bench.next(Event::Headers(id, Settlement::SUCCESS));
    let Action::Abort { outcome, .. } = bench.wait_out() else { panic!() };
    assert_eq!(outcome, Outcome::Failure(Failure::Timeout));
    assert_eq!(bench.heard(|event| matches!(event, PolicyEvent::BodyFailed(..))), 1);
    assert_eq!(counts(&bench).1, 1);
}

#[test]
fn permits_are_held_to_the_bodys_end_and_the_outcome_is_the_heads() {
    let mut bench = Bench::new(guarded(10), reported());
    let id = bench.begin();
    let _ = bench.after(20 * MS).next(Event::Headers(id, Settlement::SUCCESS));
    assert_eq!((counts(&bench), in_flight(&bench)), ((1, 0), 1));
    let _ = bench.after(Duration::from_secs(12)).next(Event::Done(id, Settlement::SUCCESS));
    assert_eq!((counts(&bench).1, in_flight(&bench)), (0, 0));
    let settled = |event: &PolicyEvent| matches!(event, PolicyEvent::Settled(_, _, took) if *took == 20 * MS);
    assert_eq!(bench.heard(settled), 1, "told once, at the head");
}

#[test]
fn a_body_that_breaks_off_adds_a_failure_and_no_call() {
    let mut bench = Bench::new(guarded(10), reported());
    let id = bench.begin();
    let _ = bench.next(Event::Headers(id, Settlement::SUCCESS));
    assert_eq!(bench.next(Event::Done(id, BROKEN)), Action::Closed);
    assert_eq!(counts(&bench), (1, 1));
    assert_eq!(in_flight(&bench), 0);
}

#[test]
fn half_open_closes_while_the_probes_bodies_are_still_read() {
    let mut bench = Bench::new(PolicySpec { retry: None, ..guarded(1) }, reported());
    let id = bench.begin();
    let _ = bench.next(Event::Done(id, BROKEN));
    assert_eq!(bench.policy.breaker().unwrap().state(), BreakerState::Open);
    bench.after(Duration::from_secs(1));
    let mut probes = Vec::new();
    for _ in 0..3 {
        let mut probe = Call::new(reported());
        let Action::Attempt { id, .. } = probe.next(&bench.policy, bench.now, START) else { panic!() };
        let _ = probe.next(&bench.policy, bench.now, Event::Headers(id, Settlement::SUCCESS));
        probes.push((probe, id));
    }
    assert_eq!(bench.policy.breaker().unwrap().state(), BreakerState::Closed);
    bench.after(Duration::from_secs(12));
    for (mut probe, id) in probes {
        let _ = probe.next(&bench.policy, bench.now, Event::Done(id, Settlement::SUCCESS));
    }
    assert_eq!(bench.policy.breaker().unwrap().state(), BreakerState::Closed);
}

#[test]
fn a_bad_status_in_the_trailers_counts_when_it_comes() {
    let mut bench = Bench::new(guarded(10), reported());
    let id = bench.begin();
    let head = Settlement { provisional: true, ..Settlement::SUCCESS };
    let _ = bench.next(Event::Headers(id, head));
    assert_eq!(counts(&bench), (1, 0));
    let _ = bench.next(Event::Done(id, status(503)));
    assert_eq!(counts(&bench), (1, 1));
}

#[test]
fn our_own_lack_is_nobodys_failure_and_may_be_tried_again() {
    let mut bench = Bench::new(guarded(1), reported());
    let id = bench.begin();
    let lack = Settlement { outcome: Outcome::Local, ..Settlement::failure(Failure::Connect) };
    let Action::Wait { until, .. } = bench.next(Event::Done(id, lack)) else { panic!() };
    assert_ne!(until, Instant::FAR, "a retry is planned");
    assert_eq!(counts(&bench), (0, 0));
}

#[test]
fn our_own_lack_does_not_win_over_a_hedge() {
    let mut bench = Bench::new(hedging(), safe());
    let first = bench.begin();
    let Action::Attempt { id: hedge, .. } = bench.wait_out() else { panic!() };
    let lack = Settlement { outcome: Outcome::Local, ..Settlement::SUCCESS };
    assert!(matches!(bench.next(Event::Done(first, lack)), Action::Wait { .. }));
    assert_eq!(bench.next(Event::Done(hedge, Settlement::SUCCESS)), Action::Finish(Finish::Response(hedge)));
}

#[test]
fn a_hedge_without_an_endpoint_changes_nothing() {
    let mut bench = Bench::new(hedging(), safe());
    let first = bench.begin();
    let before = bench.policy.snapshot(bench.now).budget.unwrap();
    let Action::Attempt { id, role: AttemptRole::Hedge } = bench.wait_out() else { panic!() };
    let Action::Wait { until, .. } = bench.next(Event::Unavailable(id)) else { panic!() };
    assert_eq!(until, Instant::FAR);
    assert_eq!(bench.policy.snapshot(bench.now).budget.unwrap().hedges, before.hedges);
    assert_eq!(bench.heard(|event| *event == PolicyEvent::Attempt(AttemptRole::Hedge)), 0);
    assert_eq!(bench.heard(|event| *event == PolicyEvent::HedgeDenied(DenyReason::NoEndpoint)), 1);
    assert_eq!(bench.next(Event::Done(first, Settlement::SUCCESS)), Action::Finish(Finish::Response(first)));
}

#[test]
fn a_retry_without_an_endpoint_gives_the_peers_own_response() {
    let mut bench = Bench::new(retrying(), safe());
    let first = bench.begin();
    assert!(matches!(bench.next(Event::Headers(first, status(503))), Action::Wait { .. }));
    let Action::Attempt { id, role: AttemptRole::Retry } = bench.wait_out() else { panic!() };
    assert_eq!(bench.next(Event::Unavailable(id)), Action::Finish(Finish::Response(first)));
    assert!(matches!(bench.next(Event::Proceed), Action::Wait { .. }), "its body is read on");
    assert_eq!(bench.policy.snapshot(bench.now).budget.unwrap().retries, 0);
    assert_eq!(bench.next(Event::Done(first, Settlement::SUCCESS)), Action::Closed);
}

#[test]
fn a_first_attempt_without_an_endpoint_is_refused_and_holds_nothing() {
    let mut bench = Bench::new(guarded(1), safe());
    let id = bench.begin();
    let Action::Finish(Finish::Refused(rejected)) = bench.next(Event::Unavailable(id)) else { panic!() };
    assert_eq!((rejected.by, rejected.reason), (Machine::Balance, Reason::NoEndpoint));
    assert_eq!((counts(&bench), in_flight(&bench)), ((0, 0), 0));
}

#[test]
fn a_queued_call_never_enters_an_open_breaker() {
    let spec = PolicySpec { breaker: Some(breaking(1)), ..narrow() };
    let bench = Bench::new(spec, safe());
    let (mut first, mut second) = (Call::new(safe()), Call::new(safe()));
    let Action::Attempt { id, .. } = first.next(&bench.policy, bench.now, START) else { panic!() };
    let Action::Wait { ticket: Some(ticket), .. } = second.next(&bench.policy, bench.now, START) else {
        panic!()
    };
    let _ = first.next(&bench.policy, bench.now, Event::Done(id, BROKEN));
    assert_eq!(*bench.policy.driver().woken.lock().unwrap(), [ticket]);
    let Action::Finish(Finish::Refused(rejected)) =
        second.next(&bench.policy, bench.now, Event::Granted(ticket))
    else {
        panic!()
    };
    assert_eq!((rejected.by, rejected.reason), (Machine::Breaker, Reason::CircuitOpen));
    assert_eq!(in_flight(&bench), 0);
}

#[test]
fn fast_failures_say_nothing_to_the_hedges_delay() {
    let hedge = HedgeSpec { after: HedgeSpec::default().after, budget: Ratio::ONE };
    let seen = |event: fn(AttemptId) -> Event| {
        let mut bench = Bench::new(PolicySpec { hedge: Some(hedge), ..off() }, safe());
        for _ in 0..200 {
            bench.call = Call::new(safe());
            let id = bench.begin();
            let _ = bench.after(MS).next(event(id));
        }
        bench.policy.snapshot(bench.now).hedge.unwrap().delay
    };
    let head = seen(|id| Event::Headers(id, status(503)));
    let whole = seen(|id| Event::Done(id, status(503)));
    let error = seen(|id| Event::Done(id, BROKEN));
    assert_eq!((head, whole, error), (None, None, None));
    assert!(seen(|id| Event::Done(id, Settlement::SUCCESS)).is_some());
}

#[test]
fn how_often_a_driver_asks_changes_no_decision() {
    let waits = |asks: usize| {
        let mut bench = Bench::new(retrying(), safe());
        let mut waits = Vec::new();
        let mut id = bench.begin();
        for _ in 0..2 {
            for _ in 0..asks {
                let _ = bench.next(Event::Proceed);
            }
            let Action::Wait { until, .. } = bench.next(Event::Done(id, BROKEN)) else { panic!() };
            waits.push(until.since(bench.now));
            let Action::Attempt { id: next, .. } = bench.wait_out() else { panic!() };
            id = next;
        }
        waits
    };
    assert_eq!(waits(0), waits(7));
}
