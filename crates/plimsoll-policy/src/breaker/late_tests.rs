//! Settling after the head: bodies that break off, trailers, and calls that waited before they went.

use super::*;
use crate::{Draw, Failure, Outcome, Reason, Transition, TransitionReason, units::Ratio};
use proptest::prelude::*;
use std::{num::NonZeroU32, time::Duration};

const FAILURE: Outcome = Outcome::Failure(Failure::Broken);
const QUICK: Duration = Duration::from_millis(1);
const DRAW: Draw = Draw::new(0);

fn millis(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// By count and by time (10 s), with this minimum; open for 5 s.
fn windows(minimum: u32) -> [BreakerSpec; 2] {
    let spec = BreakerSpec { minimum_calls: count(minimum), jitter: Ratio::ZERO, ..BreakerSpec::default() };
    [BreakerSpec { window: Window::Calls(count(100)), ..spec }, spec]
}

/// Calls whose head was good.
fn heads(breaker: &Breaker, now: Instant, times: u32) -> Vec<Permit> {
    let head = |_| {
        let permit = breaker.admit(now).unwrap().permit;
        assert_eq!(breaker.settle(permit, now, DRAW, Outcome::Success, QUICK), None);
        permit
    };
    (0..times).map(head).collect()
}

fn fail(breaker: &Breaker, now: Instant, permit: Permit) -> Option<Transition> {
    breaker.settle_late(permit, now, DRAW, FAILURE)
}

fn seen(breaker: &Breaker, now: Instant) -> [u64; 3] {
    let counts = breaker.snapshot(now).counts;
    [counts.calls, counts.failures, counts.slow]
}

/// One that never opens by its ratio.
fn counting(window: BreakerSpec) -> Breaker {
    Breaker::new(BreakerSpec { failure_ratio: None, ..window })
}

#[test]
fn a_hundred_bodies_that_break_off_are_a_ratio_of_one_and_no_more() {
    for window in windows(100) {
        let breaker = counting(window);
        for (broken, permit) in heads(&breaker, millis(0), 100).into_iter().enumerate() {
            fail(&breaker, millis(700), permit);
            assert_eq!(seen(&breaker, millis(700)), [100, broken as u64 + 1, 0]);
        }
        assert_eq!(breaker.snapshot(millis(700)).consecutive_failures, 100);
        let permit = heads(&breaker, millis(800), 1)[0];
        fail(&breaker, millis(900), permit);
        // By count the hundred-and-first has pushed one out.
        let calls = if matches!(window.window, Window::Calls(_)) { 100 } else { 101 };
        assert_eq!(seen(&breaker, millis(900)), [calls, calls, 0]);
    }
}

#[test]
fn a_late_failure_opens_where_an_early_one_would() {
    for window in windows(20) {
        let breaker = Breaker::new(window);
        let permits = heads(&breaker, millis(0), 20);
        for permit in &permits[..9] {
            assert_eq!(fail(&breaker, millis(300), *permit), None);
        }
        let opened = fail(&breaker, millis(400), permits[9]).unwrap();
        assert_eq!((opened.to, opened.reason), (BreakerState::Open, TransitionReason::FailureRatio));
        assert_eq!(breaker.snapshot(millis(400)).opening.unwrap().counts, [20, 10, 0].into());
        for permit in &permits[10..] {
            assert_eq!(fail(&breaker, millis(500), *permit), None, "of an epoch that is over");
        }
    }
}

#[test]
fn late_failures_in_a_row_open_too() {
    let row = BreakerSpec { consecutive_failures: Some(count(3)), failure_ratio: None, ..windows(20)[1] };
    let breaker = Breaker::new(row);
    let permits = heads(&breaker, millis(0), 3);
    assert_eq!(fail(&breaker, millis(1), permits[0]), None);
    assert_eq!(fail(&breaker, millis(1), permits[1]), None);
    assert_eq!(fail(&breaker, millis(1), permits[2]).unwrap().reason, TransitionReason::Consecutive);
}

#[test]
fn a_failure_whose_call_has_left_the_window_makes_no_call_of_it() {
    let breaker = counting(windows(20)[1]);
    let permit = heads(&breaker, millis(0), 1)[0];
    fail(&breaker, millis(60_000), permit);
    assert_eq!(seen(&breaker, millis(60_000)), [0, 0, 0]);
    assert_eq!(breaker.snapshot(millis(60_000)).consecutive_failures, 1);
}

#[test]
fn what_was_slow_stays_slow_when_it_fails() {
    for window in windows(20) {
        let slow = Some(Slow { call: 2 * QUICK, ratio: Ratio::ONE });
        let breaker = Breaker::new(BreakerSpec { failure_ratio: None, slow, ..window });
        let permit = breaker.admit(millis(0)).unwrap().permit;
        breaker.settle(permit, millis(0), DRAW, Outcome::Success, 3 * QUICK);
        fail(&breaker, millis(1), permit);
        assert_eq!(seen(&breaker, millis(1)), [1, 1, 1]);
    }
}

#[test]
fn nothing_but_a_failure_changes_a_success() {
    for window in windows(20) {
        let breaker = Breaker::new(window);
        let permits = heads(&breaker, millis(0), 4);
        let outcomes = [Outcome::Throttled, Outcome::Cancelled, Outcome::Caller, Outcome::Local];
        for (permit, outcome) in permits.into_iter().zip(outcomes) {
            assert_eq!(breaker.settle_late(permit, millis(1), DRAW, outcome), None);
        }
        assert_eq!(seen(&breaker, millis(1)), [4, 0, 0]);
    }
}

#[test]
fn held_closed_by_hand_it_counts_late_failures_and_stays_closed() {
    let breaker = Breaker::new(windows(1)[0]);
    breaker.force_closed(millis(0));
    for permit in heads(&breaker, millis(0), 50) {
        assert_eq!(fail(&breaker, millis(1), permit), None);
    }
    assert_eq!(seen(&breaker, millis(1)), [50, 50, 0]);
}

#[test]
fn a_head_that_is_good_so_far_ends_no_row_and_its_trailers_do() {
    for window in windows(1) {
        let breaker = counting(window);
        let row = || breaker.snapshot(millis(0)).consecutive_failures;
        let permit = heads(&breaker, millis(0), 1)[0];
        fail(&breaker, millis(0), permit);
        let provisional = |late| {
            let permit = breaker.admit(millis(0)).unwrap().permit;
            assert_eq!(breaker.settle_provisional(permit, millis(0), DRAW, QUICK), None);
            let before = row();
            assert_eq!(breaker.settle_late(permit, millis(0), DRAW, late), None);
            (before, row())
        };
        assert_eq!(provisional(FAILURE), (1, 2));
        assert_eq!(provisional(Outcome::Cancelled), (2, 2));
        assert_eq!(provisional(Outcome::Success), (2, 0));
        assert_eq!(seen(&breaker, millis(0)), [4, 2, 0]);
    }
}

#[test]
fn a_hundred_failing_trailers_in_a_row_are_seen_as_such() {
    let row = BreakerSpec { consecutive_failures: Some(count(5)), failure_ratio: None, ..windows(20)[1] };
    let breaker = Breaker::new(row);
    for call in 1..=5 {
        let permit = breaker.admit(millis(0)).unwrap().permit;
        breaker.settle_provisional(permit, millis(0), DRAW, QUICK);
        assert_eq!(fail(&breaker, millis(0), permit).is_some(), call == 5);
    }
}

#[test]
fn slow_heads_open_whatever_their_trailers_will_say() {
    let slow = Some(Slow { call: 2 * QUICK, ratio: Ratio::percent(50) });
    let breaker = Breaker::new(BreakerSpec { slow, ..windows(2)[1] });
    let settle = || {
        let permit = breaker.admit(millis(0)).unwrap().permit;
        breaker.settle_provisional(permit, millis(0), DRAW, 3 * QUICK)
    };
    assert_eq!(settle(), None);
    assert_eq!(settle().unwrap().reason, TransitionReason::SlowRatio);
}

fn half_open(probes: u32) -> (Breaker, Vec<Permit>) {
    let breaker = Breaker::new(BreakerSpec { probes: count(probes), ..windows(1)[0] });
    let permit = heads(&breaker, millis(0), 1)[0];
    fail(&breaker, millis(0), permit).unwrap();
    let permits = (0..probes).map(|_| breaker.admit(millis(5000)).unwrap().permit).collect();
    (breaker, permits)
}

#[test]
fn a_probe_whose_body_breaks_off_opens_again_while_others_are_out() {
    for outcome in [FAILURE, Outcome::Throttled] {
        let (breaker, probes) = half_open(2);
        assert_eq!(breaker.settle(probes[0], millis(5001), DRAW, Outcome::Success, QUICK), None);
        let opened = breaker.settle_late(probes[0], millis(5002), DRAW, outcome).unwrap();
        assert_eq!((opened.from, opened.reason), (BreakerState::HalfOpen, TransitionReason::ProbeFailed));
        assert_eq!(breaker.settle(probes[1], millis(5003), DRAW, Outcome::Success, QUICK), None);
    }
}

#[test]
fn a_probe_has_passed_with_a_head_that_is_good_so_far() {
    let (breaker, probes) = half_open(2);
    assert_eq!(breaker.settle_provisional(probes[0], millis(5001), DRAW, QUICK), None);
    assert_eq!(breaker.settle_late(probes[0], millis(5002), DRAW, Outcome::Success), None);
    assert_eq!(breaker.snapshot(millis(5002)).probes_passed, 1);
    let closed = breaker.settle_provisional(probes[1], millis(5003), DRAW, QUICK).unwrap();
    assert_eq!(closed.to, BreakerState::Closed);
    assert_eq!(breaker.settle_late(probes[1], millis(5004), DRAW, FAILURE), None, "its epoch is over");
    assert_eq!(seen(&breaker, millis(5004)), [0, 0, 0]);
}

#[test]
fn a_call_that_queued_before_it_opened_does_not_go_to_an_open_breaker() {
    let breaker = Breaker::new(windows(1)[0]);
    let waiting = breaker.admit(millis(0)).unwrap().permit;
    assert_eq!(breaker.renew(waiting, millis(0)), Ok(Passage { permit: waiting, transition: None }));
    let permit = heads(&breaker, millis(0), 1)[0];
    fail(&breaker, millis(0), permit).unwrap();
    let refused = breaker.renew(waiting, millis(1000)).unwrap_err();
    assert_eq!((refused.reason, refused.retry_after), (Reason::CircuitOpen, Some(Duration::from_secs(4))));

    // Over: the one that waited is the first probe, and brings the transition.
    let probe = breaker.renew(waiting, millis(5000)).unwrap();
    assert!(probe.permit.is_probe());
    assert_eq!(probe.transition.unwrap().reason, TransitionReason::OpenElapsed);
    // A probe that waited keeps its permit while its set is good, and begins the next set after that.
    assert_eq!(breaker.renew(probe.permit, millis(14_999)).unwrap().permit, probe.permit);
    assert_eq!(breaker.snapshot(millis(14_999)).probes_given, 1);
    let next = breaker.renew(probe.permit, millis(15_000)).unwrap();
    assert_eq!(next.transition.unwrap().reason, TransitionReason::HalfOpenElapsed);
    assert_ne!(next.permit, probe.permit);
    breaker.isolate(millis(15_001));
    assert_eq!(breaker.renew(next.permit, millis(15_001)).unwrap_err().reason, Reason::Isolated);
    breaker.force_closed(millis(15_002));
    assert!(!breaker.renew(next.permit, millis(15_002)).unwrap().permit.is_probe());
}

proptest! {
    /// Late failures at random: never more failures than calls, and each counts once, as long as the window holds a call
    /// that has not failed.
    #[test]
    fn late_failures_are_counted_once_and_never_beyond_the_calls(
        by_time in any::<bool>(),
        steps in prop::collection::vec((0u64..400, any::<usize>(), any::<bool>()), 1..300),
    ) {
        let breaker = counting(windows(20)[usize::from(by_time)]);
        let (mut now, mut good) = (0, vec![]);
        for (pause, at, late) in steps {
            now += pause;
            let [calls, failures, _] = seen(&breaker, millis(now));
            if late && !good.is_empty() {
                fail(&breaker, millis(now), good.swap_remove(at % good.len()));
                let after = [calls, (failures + 1).min(calls), 0];
                prop_assert_eq!(seen(&breaker, millis(now)), after);
            } else {
                good.extend(heads(&breaker, millis(now), 1));
            }
            let [calls, failures, _] = seen(&breaker, millis(now));
            prop_assert!(failures <= calls);
        }
    }
}
