//! Every interleaving of the races that matter: transitions happen once, permits are never overdrawn, an era that is
//! over has no say.

use super::*;
use crate::{Draw, Failure, Outcome, Reason, Transition, TransitionReason, units::Ratio};
use loom::{sync::Arc, thread};
use std::{num::NonZeroU32, time::Duration};

const FAILURE: Outcome = Outcome::Failure(Failure::Response);
const NOW: Instant = Instant::from_nanos(1_000);
const OPEN: Duration = Duration::from_nanos(10_000);

fn spec(window: Window, minimum: u32, probes: u32) -> BreakerSpec {
    BreakerSpec {
        window,
        minimum_calls: NonZeroU32::new(minimum).unwrap(),
        failure_ratio: Some(Ratio::percent(50)),
        open: OPEN,
        jitter: Ratio::ZERO,
        probes: NonZeroU32::new(probes).unwrap(),
        half_open: OPEN,
        ..BreakerSpec::default()
    }
}

fn by_calls(minimum: u32, probes: u32) -> BreakerSpec {
    spec(Window::Calls(NonZeroU32::new(4).unwrap()), minimum, probes)
}

fn by_time(minimum: u32, probes: u32) -> BreakerSpec {
    spec(Window::Time(Duration::from_micros(1)), minimum, probes)
}

fn settle(breaker: &Breaker, permit: Permit, outcome: Outcome) -> Option<Transition> {
    breaker.settle(permit, NOW, Draw::new(0), outcome, Duration::ZERO)
}

fn permit(breaker: &Breaker, now: Instant) -> Permit {
    breaker.admit(now).unwrap().permit
}

/// Half-open, with this many probes let through.
fn half_open(probes: u32, out: usize) -> (Arc<Breaker>, Vec<Permit>) {
    let breaker = Arc::new(Breaker::new(by_calls(1, probes)));
    settle(&breaker, permit(&breaker, NOW), FAILURE);
    let permits = (0..out).map(|_| permit(&breaker, NOW + OPEN)).collect();
    (breaker, permits)
}

/// Settles two permits at once; the transitions that came of it.
fn together(breaker: &Arc<Breaker>, permits: [Permit; 2], outcomes: [Outcome; 2]) -> Vec<Transition> {
    let other = {
        let breaker = breaker.clone();
        thread::spawn(move || settle(&breaker, permits[0], outcomes[0]))
    };
    let mine = settle(breaker, permits[1], outcomes[1]);
    other.join().unwrap().into_iter().chain(mine).collect()
}

fn opens_once(spec: BreakerSpec, outcomes: [Outcome; 2]) {
    loom::model(move || {
        let breaker = Arc::new(Breaker::new(spec));
        let permits = [permit(&breaker, NOW), permit(&breaker, NOW)];
        assert_eq!(together(&breaker, permits, outcomes).len(), 1);
        assert_eq!(breaker.state(), BreakerState::Open);
    });
}

#[test]
fn loom_calls_that_fail_together_open_once() {
    opens_once(by_calls(1, 1), [FAILURE; 2]);
    opens_once(by_time(1, 1), [FAILURE; 2]);
}

#[test]
fn loom_calls_that_make_up_the_minimum_together_open_once() {
    opens_once(by_calls(2, 1), [FAILURE; 2]);
    opens_once(by_time(2, 1), [FAILURE; 2]);
    opens_once(by_time(2, 1), [FAILURE, Outcome::Success]);
}

#[test]
fn loom_failures_in_a_row_open_once() {
    let row = BreakerSpec { consecutive_failures: NonZeroU32::new(2), failure_ratio: None, ..by_calls(4, 1) };
    opens_once(row, [FAILURE; 2]);
}

#[test]
fn loom_probes_are_let_through_once_each() {
    loom::model(|| {
        let (breaker, _) = half_open(1, 0);
        let ask = |breaker: &Breaker| breaker.admit(NOW + OPEN).ok();
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || ask(&breaker))
        };
        let passages: Vec<_> = ask(&breaker).into_iter().chain(other.join().unwrap()).collect();
        assert_eq!(passages.len(), 1);
        assert!(passages[0].transition.is_some());
    });
}

#[test]
fn loom_places_are_never_overdrawn() {
    loom::model(|| {
        let (breaker, permits) = half_open(2, 1);
        // One gives its permit back while two others ask: the second permit, and the first once it is free.
        let asking: Vec<_> = (0..2)
            .map(|_| {
                let breaker = breaker.clone();
                thread::spawn(move || breaker.admit(NOW + OPEN).is_ok())
            })
            .collect();
        settle(&breaker, permits[0], Outcome::Cancelled);
        let passed = asking.into_iter().map(|asked| u32::from(asked.join().unwrap())).sum::<u32>();
        let seen = breaker.snapshot(NOW + OPEN);
        assert!(passed >= 1 && seen.probes_given == passed && seen.probes_given <= 2);
    });
}

#[test]
fn loom_the_last_probes_close_once() {
    loom::model(|| {
        let (breaker, permits) = half_open(2, 2);
        let transitions = together(&breaker, [permits[0], permits[1]], [Outcome::Success; 2]);
        assert_eq!(transitions.len(), 1);
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
}

#[test]
fn loom_probes_that_disagree_decide_once() {
    loom::model(|| {
        let (breaker, permits) = half_open(2, 2);
        let transitions = together(&breaker, [permits[0], permits[1]], [Outcome::Success, FAILURE]);
        assert_eq!(transitions.len(), 1);
        assert_eq!(breaker.state(), BreakerState::Open);
    });
}

#[test]
fn loom_a_probe_and_a_new_set_of_probes_agree() {
    loom::model(|| {
        let (breaker, permits) = half_open(1, 1);
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || breaker.admit(NOW + OPEN + OPEN).ok())
        };
        let closed = settle(&breaker, permits[0], Outcome::Success).is_some();
        let passage = other.join().unwrap();
        if closed {
            assert_eq!(breaker.state(), BreakerState::Closed);
            assert!(passage.is_none_or(|passage| !passage.permit.is_probe()));
        } else {
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            let transition = passage.and_then(|passage| passage.transition).unwrap();
            assert_eq!(transition.reason, TransitionReason::HalfOpenElapsed);
        }
    });
}

#[test]
fn loom_a_probe_of_a_set_given_up_takes_no_place_in_the_next() {
    for outcome in [Outcome::Success, Outcome::Cancelled] {
        loom::model(move || {
            let (breaker, permits) = half_open(2, 2);
            let other = {
                let breaker = breaker.clone();
                thread::spawn(move || settle(&breaker, permits[0], outcome))
            };
            let passage = breaker.admit(NOW + OPEN + OPEN).unwrap();
            assert_eq!(other.join().unwrap(), None);
            let seen = breaker.snapshot(NOW + OPEN + OPEN);
            assert!(passage.transition.is_some());
            assert_eq!((seen.probes_given, seen.probes_passed), (1, 0));
        });
    }
}

fn has_no_say(spec: BreakerSpec, earlier: Outcome) {
    loom::model(move || {
        let breaker = Arc::new(Breaker::new(spec));
        let straggler = permit(&breaker, NOW);
        settle(&breaker, permit(&breaker, NOW), earlier);
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || settle(&breaker, straggler, FAILURE))
        };
        breaker.force_closed(NOW);
        settle(&breaker, permit(&breaker, NOW), Outcome::Success);
        assert_eq!(other.join().unwrap(), None);
        let seen = breaker.snapshot(NOW);
        assert_eq!((seen.counts, seen.consecutive_failures), ([1, 0, 0].into(), 0));
    });
}

#[test]
fn loom_stragglers_of_an_earlier_era_leave_no_trace() {
    for earlier in [Outcome::Success, FAILURE, Outcome::Cancelled] {
        has_no_say(by_calls(4, 1), earlier);
        has_no_say(by_time(4, 1), earlier);
    }
}

/// A head that was good breaks off, while another call is counted.
fn fails_late_once(spec: BreakerSpec, other: Outcome) {
    loom::model(move || {
        let breaker = Arc::new(Breaker::new(spec));
        let permits = [permit(&breaker, NOW), permit(&breaker, NOW)];
        settle(&breaker, permits[0], Outcome::Success);
        let settling = {
            let breaker = breaker.clone();
            thread::spawn(move || settle(&breaker, permits[1], other))
        };
        let late = breaker.settle_late(permits[0], NOW, Draw::new(0), FAILURE);
        let transitions: Vec<_> = settling.join().unwrap().into_iter().chain(late).collect();
        assert_eq!(transitions.len(), 1, "one of the two must see both");
        assert_eq!(breaker.state(), BreakerState::Open);
    });
}

#[test]
fn loom_a_late_failure_and_a_call_open_once_by_time() {
    fails_late_once(by_time(2, 1), Outcome::Success);
    fails_late_once(by_time(2, 1), FAILURE);
}

#[test]
fn loom_a_late_failure_and_a_failure_open_once_by_count() {
    fails_late_once(by_calls(2, 1), FAILURE);
}

#[test]
fn loom_two_late_failures_are_two() {
    for spec in [by_calls(3, 1), by_time(3, 1)] {
        loom::model(move || {
            let breaker = Arc::new(Breaker::new(spec));
            let permits = [permit(&breaker, NOW), permit(&breaker, NOW)];
            permits.iter().for_each(|permit| assert_eq!(settle(&breaker, *permit, Outcome::Success), None));
            let other = {
                let breaker = breaker.clone();
                thread::spawn(move || breaker.settle_late(permits[0], NOW, Draw::new(0), FAILURE))
            };
            breaker.settle_late(permits[1], NOW, Draw::new(0), FAILURE);
            other.join().unwrap();
            assert_eq!(breaker.snapshot(NOW).counts, [2, 2, 0].into());
        });
    }
}

#[test]
fn loom_a_refusal_shows_the_end_of_its_own_state_alone() {
    loom::model(|| {
        let breaker = Arc::new(Breaker::new(by_calls(1, 1)));
        settle(&breaker, permit(&breaker, NOW), FAILURE);
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || {
                breaker.force_open(NOW);
                breaker.isolate(NOW)
            })
        };
        let refused = breaker.admit(NOW).unwrap_err();
        match refused.reason {
            Reason::CircuitOpen => assert_eq!(refused.retry_after, Some(OPEN)),
            reason => assert_eq!((reason, refused.retry_after), (Reason::Isolated, None)),
        }
        other.join().unwrap();
    });
}

#[test]
fn loom_a_renewed_call_never_enters_a_breaker_that_has_opened() {
    loom::model(|| {
        let breaker = Arc::new(Breaker::new(by_calls(1, 1)));
        let waiting = permit(&breaker, NOW);
        let failing = permit(&breaker, NOW);
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || settle(&breaker, failing, FAILURE).is_some())
        };
        let renewed = breaker.renew(waiting, NOW);
        assert!(other.join().unwrap());
        assert!(renewed.is_err() || renewed == Ok(Passage { permit: waiting, transition: None }));
        assert!(breaker.renew(waiting, NOW).is_err());
    });
}

#[test]
fn loom_a_breaker_that_needs_fewer_probes_closes_once() {
    loom::model(|| {
        let (breaker, permits) = half_open(3, 3);
        settle(&breaker, permits[0], Outcome::Success);
        breaker.update(by_calls(1, 1));
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || breaker.admit(NOW + OPEN).ok().and_then(|passage| passage.transition))
        };
        let settled = settle(&breaker, permits[1], Outcome::Success);
        let transitions = other.join().unwrap().into_iter().chain(settled).count();
        assert_eq!((transitions, breaker.state()), (1, BreakerState::Closed));
    });
}
