//! The course of a call: attempts, retries, hedges, waits, limits.

use super::*;

#[test]
fn a_call_that_goes_well_is_one_attempt() {
    let mut bench = Bench::new(PolicySpec::default(), Facts::default());
    let id = bench.begin();
    assert_eq!(bench.next(Event::Done(id, Settlement::SUCCESS)), Action::Finish(Finish::Response(id)));
    assert_eq!(bench.next(Event::Proceed), Action::Closed);
    assert!(bench.call.is_closed());
    let snapshot = bench.policy.snapshot(bench.now);
    assert_eq!(snapshot.bulkhead.unwrap().in_flight, 0);
}

#[test]
fn a_failed_attempt_is_made_again_after_its_backoff() {
    let mut bench = Bench::new(retrying(), safe());
    let first = bench.begin();
    let Action::Wait { until, ticket: None } = bench.next(Event::Done(first, BROKEN)) else { panic!() };
    let wait = until.since(bench.now);
    assert!(wait <= 10 * MS, "{wait:?}");
    let Action::Attempt { id, role: AttemptRole::Retry } = bench.wait_out() else { panic!() };
    assert_ne!(id, first);
    assert_eq!(bench.next(Event::Done(id, Settlement::SUCCESS)), Action::Finish(Finish::Response(id)));
}

#[test]
fn the_last_failure_goes_to_the_caller() {
    let mut bench = Bench::new(retrying(), safe());
    let mut id = bench.begin();
    for _ in 0..2 {
        assert!(matches!(bench.next(Event::Done(id, BROKEN)), Action::Wait { .. }));
        let Action::Attempt { id: next, .. } = bench.wait_out() else { panic!() };
        id = next;
    }
    assert_eq!(bench.next(Event::Done(id, BROKEN)), Action::Finish(Finish::Response(id)));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::RetryDenied(DenyReason::Attempts)), 1);
}

#[test]
fn only_what_is_safe_is_made_again() {
    let mut bench = Bench::new(retrying(), Facts { idempotent: false, ..safe() });
    let id = bench.begin();
    assert_eq!(bench.next(Event::Done(id, BROKEN)), Action::Finish(Finish::Response(id)));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::RetryDenied(DenyReason::NotSafe)), 1);

    // What provably never left is safe whatever its method.
    let mut bench = Bench::new(retrying(), Facts { idempotent: false, ..safe() });
    let id = bench.begin();
    let refused = Settlement::failure(Failure::Connect);
    assert!(matches!(bench.next(Event::Done(id, refused)), Action::Wait { .. }));
}

#[test]
fn a_reported_attempt_that_sent_nothing_is_safe() {
    let facts = Facts { idempotent: false, stages: Stages::Reported, ..safe() };
    let mut bench = Bench::new(retrying(), facts);
    let id = bench.begin();
    bench.call.note(bench.now, id, Mark::Connected);
    assert!(matches!(bench.next(Event::Done(id, BROKEN)), Action::Wait { .. }));

    let mut bench = Bench::new(retrying(), facts);
    let id = bench.begin();
    bench.call.note(bench.now, id, Mark::Sent);
    assert_eq!(bench.next(Event::Done(id, BROKEN)), Action::Finish(Finish::Response(id)));
}

#[test]
fn a_body_that_is_gone_ends_retries() {
    let mut bench = Bench::new(retrying(), safe());
    let id = bench.begin();
    assert!(matches!(bench.next(Event::Unreplayable), Action::Wait { .. }));
    assert_eq!(bench.next(Event::Done(id, BROKEN)), Action::Finish(Finish::Response(id)));
}

#[test]
fn a_peers_own_failure_passes_when_no_retry_is_left() {
    let mut bench = Bench::new(retrying(), safe());
    let first = bench.begin();
    assert!(matches!(bench.next(Event::Headers(first, status(503))), Action::Wait { .. }));
    let Action::Attempt { id: second, .. } = bench.wait_out() else { panic!() };
    // The response is kept until the retry has begun.
    let Action::Abort { id, outcome } = bench.next(Event::Proceed) else { panic!() };
    assert_eq!((id, outcome), (first, Outcome::Failure(Failure::Response)));
    // 500 is not on the list: passed on at once.
    assert_eq!(bench.next(Event::Headers(second, status(500))), Action::Finish(Finish::Response(second)));
    assert!(matches!(bench.next(Event::Proceed), Action::Wait { .. }), "its body is still under way");
    assert_eq!(bench.next(Event::Done(second, Settlement::SUCCESS)), Action::Closed);
    let settled = |event: &PolicyEvent| {
        matches!(event, PolicyEvent::Settled(_, Outcome::Failure(Failure::Response), _))
    };
    assert_eq!(bench.heard(settled), 2, "a body that ends well does not make a 500 a success");
}

#[test]
fn a_kept_response_is_returned_if_its_retry_is_not_admitted() {
    let breaker = crate::breaker::BreakerSpec {
        minimum_calls: NonZeroU32::MIN,
        failure_ratio: Some(Ratio::percent(1)),
        ..Default::default()
    };
    let mut bench = Bench::new(PolicySpec { breaker: Some(breaker), ..retrying() }, safe());
    let id = bench.begin();
    assert!(matches!(bench.next(Event::Headers(id, status(503))), Action::Wait { .. }));
    assert_eq!(bench.wait_out(), Action::Finish(Finish::Response(id)), "the breaker has opened");
    assert_eq!(bench.heard(|event| *event == PolicyEvent::RetryDenied(DenyReason::Admission)), 1);
    assert_eq!(bench.next(Event::Done(id, Settlement::SUCCESS)), Action::Closed);
}

#[test]
fn retry_after_is_honoured_and_the_deadline_is_not_passed() {
    let timeouts = Timeouts { total: Some(Duration::from_secs(3)), ..Timeouts::NONE };
    let mut bench = Bench::new(PolicySpec { timeouts, ..retrying() }, safe());
    let id = bench.begin();
    let later = Settlement { retry_after: Some(Duration::from_secs(2)), ..status(503) };
    let Action::Wait { until, .. } = bench.next(Event::Headers(id, later)) else { panic!() };
    assert!(until.since(bench.now) >= Duration::from_secs(2));

    let mut bench = Bench::new(PolicySpec { timeouts, ..retrying() }, safe());
    let id = bench.begin();
    let later = Settlement { retry_after: Some(Duration::from_secs(60)), ..status(503) };
    assert_eq!(bench.next(Event::Headers(id, later)), Action::Finish(Finish::Response(id)));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::RetryDenied(DenyReason::NoTime)), 1);
}

#[test]
fn an_attempt_that_takes_too_long_is_aborted_and_made_again() {
    let timeouts =
        Timeouts { attempt: Some(100 * MS), total: Some(Duration::from_secs(3)), ..Timeouts::NONE };
    let mut bench = Bench::new(PolicySpec { timeouts, ..retrying() }, safe());
    let first = bench.begin();
    let Action::Abort { id, outcome } = bench.wait_out() else { panic!() };
    assert_eq!((id, outcome), (first, Outcome::Failure(Failure::Timeout)));
    assert!(matches!(bench.next(Event::Proceed), Action::Wait { .. }));
    assert!(matches!(bench.wait_out(), Action::Attempt { role: AttemptRole::Retry, .. }));
    // A straggler's word on an attempt that is no more changes nothing.
    assert!(matches!(bench.next(Event::Done(first, Settlement::SUCCESS)), Action::Wait { .. }));
}

#[test]
fn each_stage_has_its_limit() {
    let timeouts = Timeouts {
        connect: Some(10 * MS),
        tls: Some(30 * MS),
        first_byte: Some(20 * MS),
        attempt: Some(200 * MS),
        idle: Some(50 * MS),
        total: Some(1000 * MS),
    };
    let spec = PolicySpec { timeouts, ..off() };
    let facts = Facts { stages: Stages::Reported, ..safe() };
    let mut bench = Bench::new(spec, facts);
    let (id, start) = (bench.begin(), bench.now);
    let until = |bench: &mut Bench| match bench.next(Event::Proceed) {
        Action::Wait { until, .. } => until.since(start),
        other => panic!("{other:?}"),
    };
    assert_eq!(until(&mut bench), 10 * MS, "connect");
    bench.after(2 * MS).call.note(start + 2 * MS, id, Mark::Dialled);
    assert_eq!(until(&mut bench), 32 * MS, "TLS");
    bench.after(3 * MS).call.note(start + 5 * MS, id, Mark::Connected);
    assert_eq!(until(&mut bench), 55 * MS, "idle while sending");
    bench.after(5 * MS).call.note(start + 10 * MS, id, Mark::Flushed);
    assert_eq!(until(&mut bench), 30 * MS, "first byte");
    bench.after(10 * MS);
    assert_eq!(bench.next(Event::Headers(id, Settlement::SUCCESS)), Action::Finish(Finish::Response(id)));
    assert_eq!(until(&mut bench), 70 * MS, "idle");
    bench.after(45 * MS).call.note(start + 65 * MS, id, Mark::Moved);
    assert_eq!(until(&mut bench), 115 * MS, "idle, moved on");
    let Action::Abort { outcome, .. } = bench.wait_out() else { panic!() };
    assert_eq!(outcome, Outcome::Failure(Failure::Timeout));
    assert_eq!(bench.next(Event::Proceed), Action::Closed);
    assert_eq!(bench.heard(|event| *event == PolicyEvent::TimedOut(Limit::Idle)), 1);
}

#[test]
fn the_deadline_ends_everything() {
    let timeouts = Timeouts { total: Some(100 * MS), ..Timeouts::NONE };
    let mut bench = Bench::new(PolicySpec { timeouts, ..retrying() }, safe());
    bench.begin();
    assert!(matches!(bench.wait_out(), Action::Abort { .. }));
    assert_eq!(bench.next(Event::Proceed), Action::Finish(Finish::TimedOut(Limit::Total)));

    let facts = Facts { deadline: Instant::ORIGIN, ..safe() };
    let mut bench = Bench::new(off(), facts);
    let Action::Finish(Finish::Refused(rejected)) = bench.next(START) else { panic!() };
    assert_eq!((rejected.by, rejected.reason), (Machine::Deadline, Reason::DeadlineExceeded));
}

#[test]
fn a_slow_attempt_is_hedged_and_the_loser_aborted() {
    let mut bench = Bench::new(hedging(), safe());
    let first = bench.begin();
    let Action::Attempt { id: hedge, role: AttemptRole::Hedge } = bench.wait_out() else { panic!() };
    let Action::Abort { id, outcome } = bench.next(Event::Done(hedge, Settlement::SUCCESS)) else { panic!() };
    assert_eq!((id, outcome), (first, Outcome::Cancelled));
    assert_eq!(bench.next(Event::Proceed), Action::Finish(Finish::Response(hedge)));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::HedgeWon), 1);
}

#[test]
fn an_error_does_not_win_over_a_pending_hedge() {
    let mut bench = Bench::new(hedging(), safe());
    let first = bench.begin();
    let Action::Attempt { id: hedge, .. } = bench.wait_out() else { panic!() };
    assert!(matches!(bench.next(Event::Done(first, BROKEN)), Action::Wait { .. }));
    assert_eq!(bench.next(Event::Done(hedge, Settlement::SUCCESS)), Action::Finish(Finish::Response(hedge)));
}

#[test]
fn a_failed_response_is_kept_while_the_hedge_is_in_flight() {
    let mut bench = Bench::new(hedging(), safe());
    let first = bench.begin();
    let Action::Attempt { id: hedge, .. } = bench.wait_out() else { panic!() };
    assert!(matches!(bench.next(Event::Headers(first, status(500))), Action::Wait { .. }));
    // The hedge breaks; the kept response was let go for its error, which came later.
    let Action::Abort { id, .. } = bench.next(Event::Done(hedge, BROKEN)) else { panic!() };
    assert_eq!(id, first);
    assert_eq!(bench.next(Event::Proceed), Action::Finish(Finish::Response(hedge)));
}

#[test]
fn what_cannot_be_sent_twice_is_not_hedged() {
    for facts in [Facts { hedgeable: false, ..safe() }, Facts { idempotent: false, ..safe() }] {
        let mut bench = Bench::new(hedging(), facts);
        bench.begin();
        assert_eq!(bench.next(Event::Proceed), Action::Wait { until: Instant::FAR, ticket: None });
    }
}

#[test]
fn a_call_waits_for_its_place_and_is_woken() {
    let mut bench = Bench::new(narrow(), safe());
    let first = bench.begin();
    let mut second = Call::new(safe());
    let Action::Wait { ticket: Some(ticket), .. } = second.next(&bench.policy, bench.now, START) else {
        panic!()
    };
    // Asking too early changes nothing.
    let early = second.next(&bench.policy, bench.now, Event::Granted(ticket));
    assert!(matches!(early, Action::Wait { ticket: Some(_), .. }));
    let _ = bench.after(30 * MS).next(Event::Done(first, Settlement::SUCCESS));
    assert_eq!(*bench.policy.driver().woken.lock().unwrap(), [ticket]);
    let granted = second.next(&bench.policy, bench.now, Event::Granted(ticket));
    assert!(matches!(granted, Action::Attempt { .. }));
    assert_eq!(bench.heard(|event| *event == PolicyEvent::Waited(Machine::Bulkhead, 30 * MS)), 1);
}

#[test]
fn a_wait_that_is_over_is_a_refusal() {
    let bench = Bench::new(narrow(), safe());
    let (mut first, mut second) = (Call::new(safe()), Call::new(safe()));
    let policy = &bench.policy;
    assert!(matches!(first.next(policy, bench.now, START), Action::Attempt { .. }));
    let Action::Wait { until, .. } = second.next(policy, bench.now, START) else { panic!() };
    assert_eq!(until, bench.now + 100 * MS);
    let Action::Finish(Finish::Refused(rejected)) = second.next(policy, until, Event::Timer) else {
        panic!()
    };
    assert_eq!((rejected.by, rejected.reason), (Machine::Bulkhead, Reason::WaitTimedOut));
    assert_eq!(policy.snapshot(until).bulkhead.unwrap().waiting, 0);
}

#[test]
fn whoever_leaves_gives_everything_back() {
    let bench = Bench::new(narrow(), safe());
    let (mut first, mut second) = (Call::new(safe()), Call::new(safe()));
    let (policy, now) = (&bench.policy, bench.now);
    let Action::Attempt { id, .. } = first.next(policy, now, START) else { panic!() };
    assert!(matches!(second.next(policy, now, START), Action::Wait { .. }));
    assert_eq!(second.next(policy, now, Event::Gone), Action::Finish(Finish::Gone));
    assert_eq!(first.next(policy, now, Event::Gone), Action::Abort { id, outcome: Outcome::Cancelled });
    assert_eq!(first.next(policy, now, Event::Proceed), Action::Finish(Finish::Gone));
    assert_eq!(first.next(policy, now, Event::Gone), Action::Closed);
    let bulkhead = policy.snapshot(now).bulkhead.unwrap();
    assert_eq!((bulkhead.in_flight, bulkhead.waiting), (0, 0));
}

#[test]
fn a_full_outage_costs_no_more_than_the_budget() {
    let retry = RetrySpec { reserve: 0, ..RetrySpec::default() };
    let mut bench = Bench::new(PolicySpec { retry: Some(retry), ..off() }, safe());
    let (mut attempts, calls) = (0, 1000);
    for _ in 0..calls {
        bench.call = Call::new(safe());
        let mut action = bench.next(START);
        loop {
            action = match action {
                Action::Attempt { id, .. } => {
                    attempts += 1;
                    bench.next(Event::Done(id, BROKEN))
                }
                Action::Wait { until, .. } => {
                    bench.now = until;
                    bench.next(Event::Timer)
                }
                Action::Abort { .. } => bench.next(Event::Proceed),
                Action::Finish(_) | Action::Closed => break,
            };
        }
    }
    let amplification = f64::from(attempts) / f64::from(calls);
    assert!((1.1..=1.2).contains(&amplification), "{amplification}");
}

#[test]
fn a_revised_policy_keeps_its_state_and_takes_the_new_thresholds() {
    let mut bench = Bench::new(narrow(), safe());
    bench.begin();
    let mut second = Call::new(safe());
    let Action::Wait { ticket: Some(ticket), .. } = second.next(&bench.policy, bench.now, START) else {
        panic!()
    };
    let wider = BulkheadSpec { in_flight: NonZeroU32::new(2).unwrap(), waiting: 1, wait: 100 * MS };
    let revised =
        bench.policy.revised(PolicySpec { bulkhead: Some(wider), ..off() }, bench.now, Draw::new(1));
    assert_eq!(*bench.policy.driver().woken.lock().unwrap(), [ticket], "the larger limit lets it in");
    assert_eq!(revised.snapshot(bench.now).bulkhead.unwrap().in_flight, 2);
    let without = revised.revised(off(), bench.now, Draw::new(1));
    assert!(without.snapshot(bench.now).bulkhead.is_none());
}

#[test]
fn the_machine_stays_small() {
    let size = size_of::<Call>();
    assert!(size <= 640, "{size} bytes: more than ten cache lines");
}

#[test]
fn a_line_that_nobody_leaves_is_seen_to_stand() {
    let waits = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 100, wait: Duration::from_secs(60) };
    let spec = PolicySpec { bulkhead: Some(waits), shed: Some(crate::shed::ShedSpec::default()), ..off() };
    let mut bench = Bench::new(spec, safe());
    bench.begin();
    let mut queued = Vec::new();
    let mut overloaded = false;
    for _ in 0..60 {
        let mut call = Call::new(safe());
        let _ = call.next(&bench.policy, bench.now, START);
        queued.push(call);
        bench.after(10 * MS);
        overloaded |= bench.policy.snapshot(bench.now).shed.unwrap().overloaded;
    }
    assert!(overloaded, "the holder has kept everybody waiting for 600 ms");
}
