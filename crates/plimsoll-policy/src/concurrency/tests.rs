use super::*;
use proptest::prelude::*;
use std::num::NonZeroU32;

const MS: Duration = Duration::from_millis(1);

pub(super) fn spec(algorithm: Algorithm, initial: u32, min: u32, max: u32) -> ConcurrencySpec {
    let whole = |value| NonZeroU32::new(value).unwrap();
    ConcurrencySpec { algorithm, initial: whole(initial), min: whole(min), max: whole(max) }
}

fn taken(limit: &AdaptiveLimit) -> Permit {
    match limit.admit(Instant::ORIGIN, Ask::default()) {
        Ok(permit) => permit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn refuses_beyond_the_limit_and_forgets_cancelled_calls() {
    let limit = AdaptiveLimit::new(spec(Algorithm::Gradient2, 2, 1, 10));
    let first = taken(&limit);
    let _second = taken(&limit);
    let Err(rejected) = limit.admit(Instant::ORIGIN, Ask::default()) else { panic!() };
    assert_eq!((rejected.by, rejected.reason), (Machine::Concurrency, Reason::QueueFull));
    for millis in 0..500 {
        let now = Instant::ORIGIN + MS * millis;
        limit.settle(first, now, Outcome::Cancelled, MS * 9000);
        let _ = taken(&limit);
    }
    let shown = limit.snapshot();
    assert_eq!((shown.limit, shown.in_flight, shown.latency, shown.baseline), (2, 2, None, None));
}

#[test]
fn a_head_is_learned_from_while_its_place_stays_taken() {
    let (apart, together) = (
        AdaptiveLimit::new(spec(Algorithm::Aimd, 4, 1, 10)),
        AdaptiveLimit::new(spec(Algorithm::Aimd, 4, 1, 10)),
    );
    for millis in 1..=40 {
        let now = Instant::ORIGIN + MS * (millis * 10);
        for _ in 0..3 {
            let (head, whole) = (taken(&apart), taken(&together));
            let before = apart.snapshot();
            apart.learn(head, now, Outcome::Success, MS * 7);
            assert_eq!(apart.snapshot().in_flight, before.in_flight);
            apart.release(head, now);
            together.settle(whole, now, Outcome::Success, MS * 7);
            assert_eq!(apart.snapshot(), together.snapshot());
        }
    }
    assert_eq!(apart.snapshot().latency, Some(MS * 7));
    let body = taken(&apart);
    apart.learn(body, Instant::ORIGIN, Outcome::Success, MS);
    assert_eq!(apart.snapshot().in_flight, 1);
    apart.release(body, Instant::ORIGIN + MS * 90_000);
    assert_eq!(apart.snapshot().latency, Some(MS * 7), "how long the body took is no sample");
}

#[test]
fn an_update_keeps_what_was_found_within_the_new_bounds() {
    let limit = AdaptiveLimit::new(spec(Algorithm::Aimd, 50, 2, 100));
    limit.update(spec(Algorithm::Aimd, 7, 2, 40));
    assert_eq!(limit.snapshot().limit, 40);
    limit.update(spec(Algorithm::Vegas, 7, 60, 50));
    assert_eq!(limit.snapshot().limit, 60, "the least holds where the bounds cross");
}

/// A step of the property test below.
#[derive(Clone, Copy, Debug)]
enum Step {
    Join,
    End {
        pick: usize,
        outcome: Outcome,
        micros: u64,
    },
    /// The head alone: its permit stays taken.
    Head {
        pick: usize,
        outcome: Outcome,
        micros: u64,
    },
    Pass {
        millis: u32,
    },
}

fn steps() -> impl Strategy<Value = Step> {
    let outcomes = prop_oneof![
        6 => Just(Outcome::Success),
        1 => Just(Outcome::Throttled),
        1 => Just(Outcome::Cancelled),
        1 => Just(Outcome::Failure(Failure::Timeout)),
        1 => Just(Outcome::Failure(Failure::Connect)),
    ];
    prop_oneof![
        5 => Just(Step::Join),
        5 => (any::<usize>(), outcomes.clone(), 0..1_000_000u64)
            .prop_map(|(pick, outcome, micros)| Step::End { pick, outcome, micros }),
        2 => (any::<usize>(), outcomes, 0..1_000_000u64)
            .prop_map(|(pick, outcome, micros)| Step::Head { pick, outcome, micros }),
        1 => (1..100u32).prop_map(|millis| Step::Pass { millis }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_limit_stays_within_its_bounds_and_in_flight_within_the_limit(
        algorithm in prop_oneof![Just(Algorithm::Aimd), Just(Algorithm::Vegas), Just(Algorithm::Gradient2)],
        initial in 1..40u32,
        (min, max) in (1..10u32, 10..30u32),
        script in proptest::collection::vec(steps(), 500..4000),
    ) {
        let limit = AdaptiveLimit::new(spec(algorithm, initial, min, max));
        let (mut now, mut permits) = (Instant::ORIGIN, Vec::new());
        for step in script {
            match step {
                Step::Join => {
                    let before = limit.snapshot();
                    match limit.admit(now, Ask::default()) {
                        Ok(permit) => {
                            prop_assert!(before.in_flight < before.limit);
                            permits.push(permit);
                        }
                        _ => prop_assert!(before.in_flight >= before.limit),
                    }
                }
                Step::End { pick, outcome, micros } if !permits.is_empty() => {
                    let permit = permits.swap_remove(pick % permits.len());
                    limit.settle(permit, now, outcome, Duration::from_micros(micros));
                }
                Step::Head { pick, outcome, micros } if !permits.is_empty() => {
                    let permit = permits[pick % permits.len()];
                    limit.learn(permit, now, outcome, Duration::from_micros(micros));
                }
                Step::Pass { millis } => now = now + MS * millis,
                Step::End { .. } | Step::Head { .. } => {}
            }
            let shown = limit.snapshot();
            prop_assert!((min..=max).contains(&shown.limit), "{}", shown.limit);
            prop_assert_eq!(shown.in_flight as usize, permits.len());
        }
    }
}

#[test]
fn memory_is_as_stated() {
    assert_eq!(size_of::<AdaptiveLimit>(), 256);
}
