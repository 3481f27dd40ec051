use super::*;
use crate::Failure;
use proptest::prelude::*;

const FAILURE: Outcome = Outcome::Failure(Failure::Response);

fn seconds(seconds: f64) -> Instant {
    Instant::ORIGIN + Duration::from_secs_f64(seconds)
}

fn spec(k: f64, window: u64) -> ThrottleSpec {
    ThrottleSpec { k: Multiplier::try_from(k).unwrap(), window: Duration::from_secs(window) }
}

/// Draws that a test can count on: the same each time, spread evenly.
fn draws() -> impl Iterator<Item = Draw> {
    std::iter::successors(Some(Draw::new(1)), |draw| Some(draw.split()))
}

#[test]
fn is_as_large_as_the_documentation_says() {
    assert_eq!(size_of::<Throttle>(), 1792);
}

#[test]
fn the_probability_is_the_books() {
    let throttle = Throttle::new(ThrottleSpec::default());
    let now = seconds(10.0);
    assert!(throttle.snapshot(now).probability.abs() < f64::EPSILON);
    (0..60).for_each(|_| throttle.settle(now, Outcome::Throttled));
    (0..40).for_each(|_| throttle.settle(now, Outcome::Success));
    let seen = throttle.snapshot(now);
    assert_eq!((seen.requests, seen.accepts), (100, 40));
    assert!((seen.probability - (100.0 - 2.0 * 40.0) / 101.0).abs() < 1e-12);
    (0..20).for_each(|_| throttle.settle(now, Outcome::Success));
    assert!(throttle.snapshot(now).probability.abs() < f64::EPSILON, "half and more is accepted");
}

#[test]
fn a_smaller_k_holds_back_sooner_and_can_be_set_live() {
    let throttle = Throttle::new(spec(2.0, 120));
    let now = seconds(10.0);
    (0..40).for_each(|_| throttle.settle(now, FAILURE));
    (0..60).for_each(|_| throttle.settle(now, Outcome::Success));
    assert!(throttle.snapshot(now).probability.abs() < f64::EPSILON);
    throttle.update(spec(1.1, 120));
    assert!((throttle.snapshot(now).probability - (100.0 - 66.0) / 101.0).abs() < 1e-9);
    assert_eq!(throttle.spec(), spec(1.1, 120));
}

#[test]
fn cancelled_calls_say_nothing() {
    let throttle = Throttle::new(ThrottleSpec::default());
    (0..50).for_each(|_| throttle.settle(seconds(1.0), Outcome::Cancelled));
    assert_eq!(throttle.snapshot(seconds(1.0)).requests, 0);
}

#[test]
fn local_rejections_are_requests() {
    let throttle = Throttle::new(ThrottleSpec::default());
    let now = seconds(0.5);
    (0..10).for_each(|_| throttle.settle(now, FAILURE));
    assert!(throttle.admit(now, Draw::new(0)).is_err());
    assert_eq!(throttle.snapshot(now).requests, 11);
}

#[test]
fn one_passes_every_second_whatever_the_odds() {
    let throttle = Throttle::new(ThrottleSpec::default());
    (0..1000).for_each(|_| throttle.settle(seconds(10.0), FAILURE));
    // A draw of 0 is always below the probability: only the forced pass lets anything through.
    let passed =
        (0..1000).filter(|at| throttle.admit(seconds(10.0 + f64::from(*at) / 100.0), Draw::new(0)).is_ok());
    assert_eq!(passed.count(), 10);
}

#[test]
fn the_window_slides_and_forgets() {
    let throttle = Throttle::new(spec(2.0, 120));
    for second in 0..100 {
        throttle.settle(seconds(f64::from(second)), FAILURE);
    }
    let (early, late) = (throttle.snapshot(seconds(130.0)), throttle.snapshot(seconds(180.0)));
    assert!(early.requests < 100 && early.requests > 80, "{early:?}");
    assert!(late.requests < 45 && late.requests > 30, "{late:?}");
    assert_eq!(throttle.snapshot(seconds(230.0)).requests, 0);
}

#[test]
fn after_an_outage_and_a_silent_window_everything_passes() {
    let throttle = Throttle::new(spec(2.0, 10));
    for tenth in 0..300 {
        let now = seconds(f64::from(tenth) / 10.0);
        if throttle.admit(now, Draw::new(0)).is_ok() {
            throttle.settle(now, FAILURE);
        }
    }
    assert!(throttle.snapshot(seconds(30.0)).probability > 0.9);
    // Not an outcome since: the clock alone has emptied the window.
    assert!((0..100).all(|_| throttle.admit(seconds(41.0), Draw::new(0)).is_ok()));
}

#[test]
fn accepted_calls_that_leave_by_the_clock_alone_raise_the_probability() {
    let throttle = Throttle::new(spec(2.0, 10));
    (0..100).for_each(|_| throttle.settle(seconds(20.0), Outcome::Success));
    (0..50).for_each(|_| throttle.settle(seconds(25.0), FAILURE));
    assert!((0..10).all(|_| throttle.admit(seconds(25.0), Draw::new(0)).is_ok()));
    // By force: nothing has had to for a second.
    assert!(throttle.admit(seconds(31.0), Draw::new(0)).is_ok());
    assert!(throttle.admit(seconds(31.0), Draw::new(0)).is_err(), "50 refusals are all there is");
    assert!((0..10).all(|_| throttle.admit(seconds(42.0), Draw::new(0)).is_ok()), "and these have left too");
}

/// With no refusal in between, accepted calls that leave the window must be noticed as well.
#[test]
fn accepted_calls_that_leave_raise_the_probability() {
    let throttle = Throttle::new(spec(2.0, 10));
    (0..100).for_each(|_| throttle.settle(seconds(20.0), Outcome::Success));
    (0..50).for_each(|_| throttle.settle(seconds(25.0), FAILURE));
    assert!((0..10).all(|_| throttle.admit(seconds(25.0), Draw::new(0)).is_ok()));
    throttle.settle(seconds(31.0), Outcome::Success);
    // By force: nothing has had to for a second.
    assert!(throttle.admit(seconds(31.0), Draw::new(0)).is_ok());
    assert!(throttle.admit(seconds(31.0), Draw::new(0)).is_err());
}

#[test]
fn a_resized_window_keeps_what_it_counted_and_a_new_one_starts_empty() {
    let throttle = Throttle::new(spec(2.0, 120));
    let now = seconds(1000.0);
    (0..10).for_each(|_| throttle.settle(now, FAILURE));
    throttle.update(spec(2.0, 60));
    assert_eq!(throttle.snapshot(now).requests, 10);
    throttle.update(spec(2.0, 1));
    assert_eq!(throttle.snapshot(now).requests, 0);
    throttle.settle(now, FAILURE);
    assert_eq!(throttle.snapshot(now).requests, 1);
}

#[test]
fn what_reaches_a_peer_settles_near_k_times_what_it_takes() {
    // 1,000 calls a second for a peer that takes 100 of them.
    let throttle = Throttle::new(spec(2.0, 20));
    let mut sent = 0;
    let mut draws = draws();
    for second in 0..120 {
        let mut taken = 0;
        for call in 0..1000 {
            let now = seconds(f64::from(second) + f64::from(call) / 1000.0);
            if throttle.admit(now, draws.next().unwrap()).is_ok() {
                sent += u32::from(second >= 60);
                let accepted = taken < 100;
                taken += u32::from(accepted);
                throttle.settle(now, if accepted { Outcome::Success } else { Outcome::Throttled });
            }
        }
    }
    let per_second = f64::from(sent) / 60.0;
    assert!((150.0..260.0).contains(&per_second), "{per_second}");
}

proptest! {
    /// Call by call the book's equation, over everything that the window holds.
    #[test]
    fn decides_as_the_books_equation_does(
        steps in prop::collection::vec((0u64..300, 0u8..4, any::<u64>()), 1..400),
        k in 1.0f64..4.0,
    ) {
        let throttle = Throttle::new(spec(k, 3600));
        let (mut now, mut requests, mut accepts) = (seconds(5.0), 0.0, 0.0);
        let mut passed = Instant::ORIGIN;
        for (pause, what, bits) in steps {
            now = now + Duration::from_millis(pause);
            if what < 2 {
                throttle.settle(now, if what == 0 { Outcome::Success } else { Outcome::Throttled });
                requests += 1.0;
                accepts += if what == 0 { 1.0 } else { 0.0 };
                continue;
            }
            let p = ((requests - k * accepts) / (requests + 1.0)).max(0.0);
            prop_assert!((throttle.snapshot(now).probability - p).abs() < 1e-12);
            let (draw, due) = (Draw::new(bits), p > 0.0 && now.since(passed) >= FORCED_PASS);
            // One a second passes by force, which the book does not know.
            let expected = draw.unit() >= p || due;
            prop_assert_eq!(throttle.admit(now, draw).is_ok(), expected);
            requests += if expected { 0.0 } else { 1.0 };
            passed = if due { now } else { passed };
        }
    }

    /// A peer that accepts everything is never held back, and one that accepts nothing still hears something.
    #[test]
    fn never_holds_back_without_cause_and_never_for_good(
        pauses in prop::collection::vec(0u64..400, 50..300),
        well in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let throttle = Throttle::new(spec(2.0, 10));
        let (mut now, mut last, mut draw) = (seconds(5.0), seconds(5.0), Draw::new(seed));
        for pause in pauses {
            now = now + Duration::from_millis(pause);
            draw = draw.split();
            let admitted = throttle.admit(now, draw).is_ok();
            if admitted {
                last = now;
                throttle.settle(now, if well { Outcome::Success } else { FAILURE });
            }
            prop_assert!(admitted || !well);
            prop_assert!(now.since(last) < Duration::from_secs(2));
            let probability = throttle.snapshot(now).probability;
            prop_assert!((0.0..1.0).contains(&probability));
        }
    }
}
