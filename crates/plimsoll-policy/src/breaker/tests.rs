use super::*;
use crate::{
    Draw, Failure, Machine, Outcome, Reason, RejectedError, Transition, TransitionReason, units::Ratio,
};
use std::{num::NonZeroU32, time::Duration};

const FAILURE: Outcome = Outcome::Failure(Failure::Response);
const QUICK: Duration = Duration::from_millis(1);

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn millis(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// No jitter, so that times are round.
fn by_calls(calls: u32) -> BreakerSpec {
    BreakerSpec {
        window: Window::Calls(count(calls)),
        minimum_calls: count(calls),
        jitter: Ratio::ZERO,
        ..BreakerSpec::default()
    }
}

fn by_time(window: u64, minimum: u32) -> BreakerSpec {
    BreakerSpec {
        window: Window::Time(Duration::from_millis(window)),
        minimum_calls: count(minimum),
        jitter: Ratio::ZERO,
        ..BreakerSpec::default()
    }
}

/// One call that ends at once.
fn call(breaker: &Breaker, now: Instant, outcome: Outcome) -> Option<Transition> {
    call_of(breaker, now, outcome, QUICK)
}

fn call_of(breaker: &Breaker, now: Instant, outcome: Outcome, took: Duration) -> Option<Transition> {
    let passage = breaker.admit(now).expect("let through");
    breaker.settle(passage.permit, now, Draw::new(0), outcome, took)
}

fn calls(breaker: &Breaker, now: Instant, outcome: Outcome, times: u32) {
    for _ in 0..times {
        call(breaker, now, outcome);
    }
}

/// Opens a default-like breaker at `now`.
fn opened(spec: BreakerSpec, now: Instant) -> Breaker {
    let breaker = Breaker::new(spec);
    while breaker.state() == BreakerState::Closed {
        call(&breaker, now, FAILURE);
    }
    breaker
}

fn recover(breaker: &Breaker, now: Instant) {
    while breaker.state() != BreakerState::Closed {
        call(breaker, now, Outcome::Success);
    }
}

#[test]
fn is_as_large_as_the_documentation_says() {
    assert_eq!(size_of::<Breaker>(), 2432);
    assert_eq!(size_of::<crate::window::CallRing>(), 2176);
    assert_eq!(size_of::<Permit>(), 8);
    assert!(size_of::<Steady>() <= 64, "a cache line");
}

#[test]
fn is_shared_between_threads() {
    const fn shared<T: Send + Sync>() {}
    shared::<Breaker>();
}

#[test]
fn opens_on_the_failure_ratio_and_says_so() {
    let breaker = Breaker::new(by_calls(10));
    calls(&breaker, millis(1), Outcome::Success, 5);
    calls(&breaker, millis(1), FAILURE, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    let transition = call(&breaker, millis(2), FAILURE).unwrap();
    let expected = Transition {
        from: BreakerState::Closed,
        to: BreakerState::Open,
        reason: TransitionReason::FailureRatio,
    };
    assert_eq!(transition, expected);
    let seen = breaker.snapshot(millis(3));
    let opening = seen.opening.unwrap();
    assert_eq!((opening.at, opening.reason), (millis(2), TransitionReason::FailureRatio));
    assert_eq!(opening.counts.failure_ratio(), Some(0.5));
    assert_eq!(seen.last, Some((millis(2), expected)));
    assert_eq!(seen.remaining, Some(Duration::from_millis(4999)));
    assert_eq!(seen.counts, Counts::default(), "nothing is counted while open");
}

#[test]
fn a_refusal_says_when_probes_will_pass() {
    let breaker = opened(by_calls(10), millis(0));
    let refused = breaker.admit(millis(1200)).unwrap_err();
    let expected =
        RejectedError::new(Machine::Breaker, Reason::CircuitOpen).after(Duration::from_millis(3800));
    assert_eq!(refused, expected);
    assert!(breaker.admit(millis(5000)).unwrap().permit.is_probe());
}

/// Seen elsewhere: counters that are reset only on a change of state, so that old calls outvote new ones for ever.
#[test]
fn old_calls_leave_a_window_by_count() {
    let breaker = Breaker::new(by_calls(10));
    calls(&breaker, millis(0), Outcome::Success, 100_000);
    calls(&breaker, millis(0), FAILURE, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&breaker, millis(0), FAILURE).is_some(), "5 of the last 10");
}

#[test]
fn old_calls_leave_a_window_by_time() {
    let breaker = Breaker::new(by_time(1000, 10));
    calls(&breaker, millis(0), Outcome::Success, 100_000);
    calls(&breaker, millis(500), FAILURE, 9);
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(breaker.snapshot(millis(500)).counts.calls, 100_009);
    assert!(call(&breaker, millis(1200), FAILURE).is_some(), "10 of 10 in the last second");
    assert_eq!(breaker.snapshot(millis(1200)).opening.unwrap().counts, [10, 10, 0].into());
}

#[test]
fn old_failures_leave_too() {
    let breaker = Breaker::new(by_time(1000, 10));
    for second in 0..50 {
        let now = millis(second * 1100);
        calls(&breaker, now, FAILURE, 9);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
    let breaker = Breaker::new(by_calls(10));
    for _ in 0..50 {
        calls(&breaker, millis(0), Outcome::Success, 6);
        calls(&breaker, millis(0), FAILURE, 4);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// A good call may be the one that makes up the minimum, or the first after others have left.
#[test]
fn a_good_call_can_tip_the_balance() {
    let breaker = Breaker::new(by_time(1000, 10));
    calls(&breaker, millis(0), FAILURE, 9);
    assert!(call(&breaker, millis(0), Outcome::Success).is_some(), "9 of 10");

    for minimum in [1, 10] {
        let breaker = Breaker::new(by_time(1000, minimum));
        calls(&breaker, millis(0), Outcome::Success, 100);
        calls(&breaker, millis(600), FAILURE, 20);
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(call(&breaker, millis(1300), Outcome::Success).is_some(), "20 of 21");
    }

    let breaker = Breaker::new(BreakerSpec { minimum_calls: count(5), ..by_calls(10) });
    calls(&breaker, millis(0), FAILURE, 4);
    assert!(call(&breaker, millis(0), Outcome::Success).is_some(), "4 of 5");
}

/// Seen elsewhere: a minimum below the window's size ignored, and one above it never reached.
#[test]
fn the_minimum_holds_below_the_windows_size_and_not_above_it() {
    let breaker = Breaker::new(BreakerSpec { minimum_calls: count(3), ..by_calls(100) });
    calls(&breaker, millis(0), FAILURE, 2);
    assert_eq!(breaker.state(), BreakerState::Closed);
    call(&breaker, millis(0), FAILURE);
    assert_eq!(breaker.state(), BreakerState::Open);

    let breaker = Breaker::new(BreakerSpec { minimum_calls: count(1000), ..by_calls(10) });
    calls(&breaker, millis(0), FAILURE, 9);
    assert_eq!(breaker.state(), BreakerState::Closed);
    call(&breaker, millis(0), FAILURE);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_window_by_count_beyond_the_bound_is_the_bound() {
    let breaker = Breaker::new(by_calls(1_000_000));
    calls(&breaker, millis(0), Outcome::Success, BreakerSpec::MAX_CALLS + 5);
    assert_eq!(breaker.snapshot(millis(0)).counts.calls, u64::from(BreakerSpec::MAX_CALLS));
}

#[test]
fn opens_on_slow_calls() {
    let slow = Slow { call: Duration::from_millis(100), ratio: Ratio::percent(50) };
    let spec = BreakerSpec { slow: Some(slow), failure_ratio: None, ..by_time(1000, 4) };
    let breaker = Breaker::new(spec);
    calls(&breaker, millis(0), FAILURE, 2);
    call_of(&breaker, millis(0), Outcome::Success, Duration::from_millis(100));
    let transition = call_of(&breaker, millis(0), FAILURE, Duration::from_millis(250)).unwrap();
    assert_eq!(transition.reason, TransitionReason::SlowRatio);
    let counts = breaker.snapshot(millis(0)).opening.unwrap().counts;
    assert_eq!(counts, [4, 3, 2].into());
    assert_eq!(counts.slow_ratio(), Some(0.5));

    // A slow probe has failed.
    let probed = call_of(&breaker, millis(5000), Outcome::Success, Duration::from_millis(100)).unwrap();
    assert_eq!((probed.to, probed.reason), (BreakerState::Open, TransitionReason::ProbeFailed));
}

#[test]
fn opens_on_failures_in_a_row_without_any_minimum() {
    let spec = BreakerSpec { consecutive_failures: Some(count(3)), ..by_time(1000, 1000) };
    let breaker = Breaker::new(spec);
    for _ in 0..10 {
        calls(&breaker, millis(0), FAILURE, 2);
        assert_eq!(breaker.snapshot(millis(0)).consecutive_failures, 2);
        call(&breaker, millis(0), Outcome::Success);
    }
    // Neither of these ends a row, and time does not either.
    calls(&breaker, millis(0), FAILURE, 2);
    call(&breaker, millis(0), Outcome::Cancelled);
    call(&breaker, millis(0), Outcome::Throttled);
    let transition = call(&breaker, millis(900_000), FAILURE).unwrap();
    assert_eq!(transition.reason, TransitionReason::Consecutive);
}

#[test]
fn cancelled_and_throttled_count_neither_way() {
    let breaker = Breaker::new(by_calls(10));
    calls(&breaker, millis(0), FAILURE, 4);
    calls(&breaker, millis(0), Outcome::Cancelled, 100);
    calls(&breaker, millis(0), Outcome::Throttled, 100);
    assert_eq!(breaker.snapshot(millis(0)).counts, [4, 4, 0].into());
}

#[test]
fn probes_are_counted_and_close_it_together() {
    let breaker = opened(by_calls(10), millis(0));
    let first = breaker.admit(millis(5000)).unwrap();
    let transition = first.transition.unwrap();
    assert_eq!(
        (transition.from, transition.to, transition.reason),
        (BreakerState::Open, BreakerState::HalfOpen, TransitionReason::OpenElapsed)
    );
    let others = [breaker.admit(millis(5000)).unwrap(), breaker.admit(millis(5000)).unwrap()];
    assert_eq!(breaker.admit(millis(5000)).unwrap_err().reason, Reason::ProbesTaken);
    let settle = |permit| breaker.settle(permit, millis(5001), Draw::new(0), Outcome::Success, QUICK);
    assert_eq!(settle(first.permit), None);
    assert_eq!(settle(others[0].permit), None);
    assert_eq!(breaker.admit(millis(5001)).unwrap_err().reason, Reason::ProbesTaken, "three are enough");
    let closed = settle(others[1].permit).unwrap();
    assert_eq!((closed.to, closed.reason), (BreakerState::Closed, TransitionReason::ProbesPassed));
    assert_eq!(breaker.snapshot(millis(5001)).counts, Counts::default());
}

#[test]
fn a_probe_that_says_nothing_of_the_peer_gives_its_place_back() {
    let breaker = opened(BreakerSpec { probes: count(1), ..by_calls(10) }, millis(0));
    for outcome in [Outcome::Cancelled, Outcome::Caller, Outcome::Local] {
        assert_eq!(call(&breaker, millis(5000), outcome), None);
    }
    assert!(call(&breaker, millis(5000), Outcome::Success).is_some());
}

#[test]
fn a_throttled_probe_has_failed_and_a_throttled_call_says_nothing() {
    let breaker = Breaker::new(by_calls(10));
    calls(&breaker, millis(0), Outcome::Throttled, 100);
    assert_eq!(breaker.snapshot(millis(0)).counts, Counts::default());
    let breaker = opened(BreakerSpec { probes: count(1), ..by_calls(10) }, millis(0));
    let reopened = call(&breaker, millis(5000), Outcome::Throttled).unwrap();
    assert_eq!((reopened.to, reopened.reason), (BreakerState::Open, TransitionReason::ProbeFailed));
}

#[test]
fn a_ratio_opens_at_the_percentage_written_and_not_a_call_later() {
    for percent in [7, 14, 28, 55, 56] {
        for window in [by_calls(100), by_time(1000, 100)] {
            let ratio = Some(Ratio::percent(percent));
            let breaker = Breaker::new(BreakerSpec { failure_ratio: ratio, ..window });
            calls(&breaker, millis(0), Outcome::Success, 100 - u32::from(percent));
            calls(&breaker, millis(0), FAILURE, u32::from(percent) - 1);
            assert_eq!(breaker.state(), BreakerState::Closed);
            let opened = call(&breaker, millis(0), FAILURE).expect("opens with the hundredth call");
            assert_eq!(opened.reason, TransitionReason::FailureRatio, "{percent} of 100");
        }
    }
}

/// Seen elsewhere: probes that are forgotten keep a half-open breaker from ever asking again.
#[test]
fn forgotten_probes_are_given_up_and_a_new_set_passes() {
    let breaker = opened(by_calls(10), millis(0));
    let forgotten: Vec<_> = (0..3).map(|_| breaker.admit(millis(5000)).unwrap().permit).collect();
    assert!(breaker.admit(millis(14_999)).is_err());
    let again = breaker.admit(millis(15_000)).unwrap();
    let transition = again.transition.unwrap();
    assert_eq!(
        (transition.from, transition.to, transition.reason),
        (BreakerState::HalfOpen, BreakerState::HalfOpen, TransitionReason::HalfOpenElapsed)
    );
    // The old set has nothing to say any more, well or ill.
    for (permit, outcome) in forgotten.into_iter().zip([FAILURE, Outcome::Success, Outcome::Cancelled]) {
        assert_eq!(breaker.settle(permit, millis(15_000), Draw::new(0), outcome, QUICK), None);
    }
    let seen = breaker.snapshot(millis(15_000));
    assert_eq!((seen.state, seen.probes_given, seen.probes_passed), (BreakerState::HalfOpen, 1, 0));
}

/// Seen elsewhere: results of calls from before it opened decide the probe.
#[test]
fn late_results_of_the_closed_era_decide_nothing() {
    let breaker = Breaker::new(BreakerSpec { probes: count(1), ..by_calls(10) });
    let early: Vec<_> = (0..20).map(|_| breaker.admit(millis(0)).unwrap().permit).collect();
    calls(&breaker, millis(0), FAILURE, 10);
    assert_eq!(breaker.state(), BreakerState::Open);
    let settle = |permit, outcome| breaker.settle(permit, millis(5000), Draw::new(0), outcome, QUICK);
    assert_eq!(settle(early[0], Outcome::Success), None);
    let probe = breaker.admit(millis(5000)).unwrap().permit;
    assert_eq!(settle(early[1], Outcome::Success), None, "does not close it");
    assert_eq!(settle(early[2], FAILURE), None, "does not open it");
    assert_eq!(settle(early[3], Outcome::Cancelled), None, "gives no place back");
    assert_eq!(breaker.admit(millis(5000)).unwrap_err().reason, Reason::ProbesTaken);
    assert!(settle(probe, Outcome::Success).is_some());
    for permit in early {
        assert_eq!(settle(permit, FAILURE), None);
    }
    assert_eq!(breaker.snapshot(millis(5000)).counts, Counts::default(), "counts in no later window");
    assert_eq!(breaker.snapshot(millis(5000)).consecutive_failures, 0);
}

#[test]
fn open_times_grow_while_probes_fail_and_start_over_after_a_close() {
    let breaker = opened(by_calls(10), millis(0));
    let mut now = millis(0);
    let mut waits = vec![];
    for _ in 0..6 {
        let wait = breaker.admit(now).unwrap_err().retry_after.unwrap();
        waits.push(wait.as_secs());
        now = now + wait;
        assert_eq!(call(&breaker, now, FAILURE).unwrap().reason, TransitionReason::ProbeFailed);
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    assert_eq!(breaker.snapshot(now).openings, 7);
    assert_eq!(breaker.snapshot(now).opening.unwrap().at, millis(0), "why it opened, not why it stays open");
    now = now + Duration::from_secs(60);
    recover(&breaker, now);
    calls(&breaker, now, FAILURE, 10);
    assert_eq!(breaker.admit(now).unwrap_err().retry_after, Some(Duration::from_secs(5)));
}

#[test]
fn jitter_lengthens_the_open_time() {
    let spec = BreakerSpec { jitter: Ratio::percent(10), ..by_calls(1) };
    for (draw, least, most) in [(0, 5000, 5000), (u64::MAX / 2, 5240, 5260), (u64::MAX, 5490, 5500)] {
        let breaker = Breaker::new(spec);
        let permit = breaker.admit(millis(0)).unwrap().permit;
        breaker.settle(permit, millis(0), Draw::new(draw), FAILURE, QUICK);
        let wait = breaker.admit(millis(0)).unwrap_err().retry_after.unwrap().as_millis();
        assert!((least..=most).contains(&wait), "{wait}");
    }
}

#[test]
fn a_clock_that_lags_a_little_changes_nothing() {
    let breaker = Breaker::new(by_time(1000, 10));
    calls(&breaker, millis(5000), FAILURE, 5);
    calls(&breaker, millis(4800), FAILURE, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    call(&breaker, millis(5000), FAILURE);
    assert_eq!(breaker.state(), BreakerState::Open);
    let refused = breaker.admit(millis(4000)).unwrap_err();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(6)));
}

#[test]
fn by_hand_it_holds_whatever_is_counted() {
    let breaker = Breaker::new(by_calls(10));
    let forced = breaker.force_closed(millis(0)).unwrap();
    assert_eq!((forced.to, forced.reason), (BreakerState::ForcedClosed, TransitionReason::ByHand));
    assert_eq!(breaker.force_closed(millis(0)), None, "it is already");
    calls(&breaker, millis(0), FAILURE, 50);
    assert_eq!(breaker.state(), BreakerState::ForcedClosed);
    assert_eq!(breaker.snapshot(millis(0)).counts, [10, 10, 0].into());
    assert_eq!(breaker.release(millis(0)).unwrap().to, BreakerState::Closed);
    assert_eq!(breaker.snapshot(millis(0)).counts, Counts::default());

    type Force = fn(&Breaker, Instant) -> Option<Transition>;
    for (state, force) in [
        (BreakerState::ForcedOpen, Breaker::force_open as Force),
        (BreakerState::Isolated, Breaker::isolate as Force),
    ] {
        let breaker = Breaker::new(by_calls(10));
        let early = breaker.admit(millis(0)).unwrap().permit;
        assert_eq!(force(&breaker, millis(0)).unwrap().to, state);
        let refused = breaker.admit(millis(1_000_000_000)).unwrap_err();
        assert_eq!(
            refused,
            RejectedError::new(Machine::Breaker, Reason::Isolated),
            "and no time to come back"
        );
        assert_eq!(breaker.settle(early, millis(1), Draw::new(0), FAILURE, QUICK), None);
        assert_eq!(breaker.snapshot(millis(0)).remaining, None);
        // Neither does it show the end of the state that was forced away, or of one forced before.
        let open = opened(by_calls(10), millis(0));
        force(&open, millis(1));
        assert_eq!(open.admit(millis(2)).unwrap_err().retry_after, None);
        assert_eq!(open.snapshot(millis(2)).remaining, None);
        open.force_closed(millis(3));
        force(&open, millis(3));
        assert_eq!(
            (open.admit(millis(4)).unwrap_err().retry_after, open.snapshot(millis(4)).remaining),
            (None, None)
        );
        assert_eq!(breaker.release(millis(2)).unwrap().to, BreakerState::HalfOpen);
        assert_eq!(breaker.release(millis(2)), None);
        recover(&breaker, millis(2));
    }
}

#[test]
fn thresholds_change_live_and_the_window_stays() {
    let breaker = Breaker::new(by_time(10_000, 20));
    calls(&breaker, millis(0), Outcome::Success, 14);
    calls(&breaker, millis(0), FAILURE, 5);
    let stricter = BreakerSpec { failure_ratio: Some(Ratio::percent(30)), ..by_time(10_000, 20) };
    breaker.update(stricter);
    assert_eq!(breaker.spec(), stricter);
    assert_eq!(breaker.snapshot(millis(0)).counts, [19, 5, 0].into());
    assert_eq!(breaker.snapshot(millis(0)).consecutive_failures, 5);
    assert!(call(&breaker, millis(0), FAILURE).is_some(), "6 of 20 under the new threshold");
    // While open: the running time goes on, the next one is as the new values say.
    breaker.update(BreakerSpec { open: Duration::from_secs(1), ..stricter });
    assert_eq!(breaker.admit(millis(0)).unwrap_err().retry_after, Some(Duration::from_secs(5)));
    call(&breaker, millis(5000), FAILURE);
    assert_eq!(breaker.admit(millis(5000)).unwrap_err().retry_after, Some(Duration::from_secs(2)));
}

#[test]
fn windows_change_live_and_keep_what_they_can() {
    let breaker = Breaker::new(by_calls(10));
    for _ in 0..20 {
        calls(&breaker, millis(0), Outcome::Success, 3);
        calls(&breaker, millis(0), FAILURE, 2);
    }
    let counts = || breaker.snapshot(millis(0)).counts;
    assert_eq!(counts(), [10, 4, 0].into());
    breaker.update(by_calls(50));
    assert_eq!(counts(), [50, 20, 0].into(), "calls that had left a smaller window are back");
    breaker.update(by_calls(5));
    assert_eq!(counts(), [5, 2, 0].into());

    let in_flight = breaker.admit(millis(0)).unwrap().permit;
    breaker.update(by_time(1000, 5));
    assert_eq!((breaker.state(), counts()), (BreakerState::Closed, Counts::default()));
    breaker.settle(in_flight, millis(0), Draw::new(0), FAILURE, QUICK);
    assert_eq!(counts(), Counts::default());
    calls(&breaker, millis(0), FAILURE, 4);
    breaker.update(by_time(500, 5));
    assert_eq!(counts(), [4, 4, 0].into());
    breaker.update(by_time(60_000, 5));
    assert_eq!(counts(), Counts::default(), "buckets of another length");
    calls(&breaker, millis(0), FAILURE, 5);
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.update(by_calls(10));
    assert_eq!(breaker.state(), BreakerState::Open, "a change of window changes no state");
    recover(&breaker, millis(5000));
    calls(&breaker, millis(5000), FAILURE, 10);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn fewer_probes_live_do_not_wedge_it() {
    let breaker = opened(by_calls(10), millis(0));
    call(&breaker, millis(5000), Outcome::Success);
    let out = breaker.admit(millis(5000)).unwrap().permit;
    breaker.update(BreakerSpec { probes: count(1), ..by_calls(10) });
    // Who asks next closes it and hears of it; so would the probe that is out, whatever it brings but a failure.
    let passage = breaker.admit(millis(5000)).unwrap();
    let transition = passage.transition.unwrap();
    assert_eq!((transition.to, transition.reason), (BreakerState::Closed, TransitionReason::ProbesPassed));
    assert!(!passage.permit.is_probe());
    assert_eq!(breaker.settle(out, millis(5000), Draw::new(0), FAILURE, QUICK), None, "of an earlier epoch");

    for outcome in [Outcome::Success, Outcome::Cancelled] {
        let breaker = opened(by_calls(10), millis(0));
        call(&breaker, millis(5000), Outcome::Success);
        let out = breaker.admit(millis(5000)).unwrap().permit;
        breaker.update(BreakerSpec { probes: count(1), ..by_calls(10) });
        let closed = breaker.settle(out, millis(5001), Draw::new(0), outcome, QUICK).unwrap();
        assert_eq!(closed.reason, TransitionReason::ProbesPassed);
    }
}

#[test]
fn a_permit_settled_twice_cannot_take_more_places_than_there_are() {
    let breaker = opened(by_calls(10), millis(0));
    let probe = breaker.admit(millis(5000)).unwrap().permit;
    for _ in 0..10 {
        breaker.settle(probe, millis(5000), Draw::new(0), Outcome::Success, QUICK);
        breaker.settle(probe, millis(5000), Draw::new(0), Outcome::Cancelled, QUICK);
    }
    let seen = breaker.snapshot(millis(5000));
    assert_eq!((seen.state, seen.probes_given, seen.probes_passed), (BreakerState::HalfOpen, 1, 1));
}
