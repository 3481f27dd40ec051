//! The breaker against a model that remembers every call one by one.

use super::*;
use crate::{Failure, units::Ratio};
use proptest::prelude::*;
use std::{collections::VecDeque, num::NonZeroU32};

const FAILURE: Outcome = Outcome::Failure(Failure::Broken);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Asks for a permit and puts it on the pile.
    Admit,
    /// Settles a permit from somewhere in the pile: late, out of order, of an epoch long gone.
    Settle(usize, Outcome, bool),
    /// Settles one as good so far.
    Provisional(usize, bool),
    /// The end of a call whose head was good.
    Late(usize, Outcome),
    /// Forgets one.
    Forget(usize),
    /// Renews one that has waited.
    Renew(usize),
    Pause(Duration),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Success),
        4 => Just(FAILURE),
        1 => Just(Outcome::Cancelled),
        1 => Just(Outcome::Throttled),
    ];
    let late = prop_oneof![4 => Just(FAILURE), 2 => Just(Outcome::Success), 1 => Just(Outcome::Throttled)];
    let step = prop_oneof![
        8 => Just(Step::Admit),
        2 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(at, slow)| Step::Provisional(at, slow)),
        3 => (any::<usize>(), late).prop_map(|(at, how)| Step::Late(at, how)),
        1 => any::<usize>().prop_map(Step::Renew),
        8 => (any::<usize>(), outcome, prop::bool::weighted(0.2)).prop_map(|(at, how, slow)| Step::Settle(at, how, slow)),
        1 => any::<usize>().prop_map(Step::Forget),
        2 => (0u64..700).prop_map(|millis| Step::Pause(Duration::from_millis(millis))),
    ];
    prop::collection::vec(step, 1..400)
}

fn spec() -> impl Strategy<Value = BreakerSpec> {
    let window = prop_oneof![
        (1u32..40).prop_map(|calls| Window::Calls(NonZeroU32::new(calls).unwrap())),
        (50u64..3000).prop_map(|millis| Window::Time(Duration::from_millis(millis))),
    ];
    let row = prop::option::of(1u32..6);
    let ratio = |least| (least..100u8).prop_map(Ratio::percent);
    (window, 1u32..30, prop::option::of(ratio(0)), prop::option::of(ratio(0)), row, 1u32..5).prop_map(
        |(window, minimum, failure_ratio, slow, row, probes)| BreakerSpec {
            window,
            minimum_calls: NonZeroU32::new(minimum).unwrap(),
            failure_ratio,
            slow: slow.map(|ratio| Slow { call: Duration::from_secs(1), ratio }),
            consecutive_failures: row.and_then(NonZeroU32::new),
            open: Duration::from_millis(300),
            max_open: Duration::from_secs(1),
            jitter: Ratio::percent(20),
            probes: NonZeroU32::new(probes).unwrap(),
            half_open: Duration::from_millis(500),
        },
    )
}

/// The reference model of the breaker, in the simplest form.
struct Model {
    spec: BreakerSpec,
    state: BreakerState,
    epoch: u32,
    /// Every call that counted in this epoch: when it ended, whether it failed, whether it was slow.
    calls: VecDeque<(Instant, bool, bool)>,
    row: u32,
    out: u32,
    passed: u32,
    /// The longest that an open state may last from its beginning, and the beginning of this state.
    since: Instant,
}

impl Model {
    fn new(spec: BreakerSpec) -> Self {
        Self {
            spec,
            state: BreakerState::Closed,
            epoch: 0,
            calls: VecDeque::new(),
            row: 0,
            out: 0,
            passed: 0,
            since: Instant::ORIGIN,
        }
    }

    fn enter(&mut self, now: Instant, state: BreakerState) {
        *self = Self { epoch: self.epoch + 1, state, since: now, ..Self::new(self.spec) };
    }

    /// The least and the most that the breaker may have in its window of (calls, failures, slow calls): the same two
    /// where it is by count, a bucket apart either way where it is by time.
    fn counts(&self, now: Instant) -> [[u64; 3]; 2] {
        let sum = |calls: &mut dyn Iterator<Item = &(Instant, bool, bool)>| {
            calls.fold([0; 3], |[n, failed, slow], call| {
                [n + 1, failed + u64::from(call.1), slow + u64::from(call.2)]
            })
        };
        match self.spec.window {
            Window::Calls(size) => [sum(&mut self.calls.iter().rev().take(size.get() as usize)); 2],
            Window::Time(length) => {
                let bucket = length / 16;
                let within =
                    |reach: Duration| sum(&mut self.calls.iter().filter(|(at, ..)| now.since(*at) < reach));
                [within(bucket * 15), within(length + bucket)]
            }
        }
    }

    /// Whether the counts given open it.
    fn opens(&self, [calls, failed, slow]: [u64; 3]) -> bool {
        let size = match self.spec.window {
            Window::Calls(size) => size,
            Window::Time(_) => NonZeroU32::MAX,
        };
        let enough = calls >= u64::from(self.spec.minimum_calls.min(size).get());
        let reached = |part, ratio: Ratio| part > 0 && ratio.reached(part, calls);
        self.spec.consecutive_failures.is_some_and(|row| self.row >= row.get())
            || enough
                && (self.spec.failure_ratio.is_some_and(|ratio| reached(failed, ratio))
                    || self.spec.slow.is_some_and(|how| reached(slow, how.ratio)))
    }
}

fn check(spec: BreakerSpec, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let breaker = Breaker::new(spec);
    let mut model = Model::new(spec);
    let mut pile: Vec<(Permit, u32)> = vec![];
    // Whose head was good, and whether the verdict was to follow.
    let mut good: Vec<(Permit, u32, bool)> = vec![];
    let (mut now, mut draw) = (Instant::from_nanos(123_456_789), Draw::new(9));
    for step in steps {
        draw = draw.split();
        match step {
            Step::Pause(pause) => now = now + pause,
            Step::Forget(at) if !pile.is_empty() => drop(pile.swap_remove(at % pile.len())),
            Step::Admit => {
                let open = now.since(model.since);
                match (breaker.admit(now), model.state) {
                    (Ok(passage), BreakerState::Closed) => {
                        prop_assert!(!passage.permit.is_probe() && passage.transition.is_none());
                        pile.push((passage.permit, model.epoch));
                    }
                    (Ok(passage), BreakerState::Open) => {
                        prop_assert!(open >= spec.open, "let through after {open:?}");
                        prop_assert_eq!(passage.transition.unwrap().reason, TransitionReason::OpenElapsed);
                        model.enter(now, BreakerState::HalfOpen);
                        model.out = 1;
                        pile.push((passage.permit, model.epoch));
                    }
                    (Ok(passage), _) => {
                        let fresh = open >= spec.half_open;
                        prop_assert_eq!(passage.transition.is_some(), fresh);
                        if fresh {
                            model.enter(now, BreakerState::HalfOpen);
                        }
                        model.out += 1;
                        prop_assert!(passage.permit.is_probe());
                        prop_assert!(model.out + model.passed <= spec.probes.get());
                        pile.push((passage.permit, model.epoch));
                    }
                    (Err(rejected), BreakerState::Open) => {
                        prop_assert_eq!(rejected.reason, Reason::CircuitOpen);
                        let whole = open + rejected.retry_after.unwrap();
                        prop_assert!(whole >= spec.open && whole <= spec.max_open.mul_f64(1.2));
                    }
                    (Err(rejected), BreakerState::HalfOpen) => {
                        prop_assert_eq!(rejected.reason, Reason::ProbesTaken);
                        prop_assert!(model.out + model.passed == spec.probes.get() && open < spec.half_open);
                    }
                    (Err(rejected), state) => prop_assert!(false, "{state:?} refused: {rejected}"),
                }
            }
            Step::Settle(at, outcome, slow) if !pile.is_empty() => {
                let (permit, epoch) = pile.swap_remove(at % pile.len());
                let took = if slow { Duration::from_secs(2) } else { Duration::ZERO };
                let before = breaker.snapshot(now);
                let transition = breaker.settle(permit, now, draw, outcome, took);
                settled(&mut model, now, (epoch, outcome, slow && spec.slow.is_some()), transition, true)?;
                if epoch != model.epoch && transition.is_none() {
                    prop_assert_eq!(breaker.snapshot(now), before, "a stale permit changes nothing");
                }
                if outcome == Outcome::Success {
                    good.push((permit, epoch, false));
                }
            }
            Step::Provisional(at, slow) if !pile.is_empty() => {
                let (permit, epoch) = pile.swap_remove(at % pile.len());
                let took = if slow { Duration::from_secs(2) } else { Duration::ZERO };
                let transition = breaker.settle_provisional(permit, now, draw, took);
                let how = (epoch, Outcome::Success, slow && spec.slow.is_some());
                settled(&mut model, now, how, transition, false)?;
                good.push((permit, epoch, true));
            }
            // Which of the calls at the window's far end are in it is exact by count alone.
            Step::Late(at, outcome) if !good.is_empty() && matches!(spec.window, Window::Calls(_)) => {
                let (permit, epoch, provisional) = good.swap_remove(at % good.len());
                if outcome != Outcome::Success || provisional {
                    let transition = breaker.settle_late(permit, now, draw, outcome);
                    late(&mut model, now, (permit.is_probe(), epoch, outcome), transition)?;
                }
            }
            Step::Renew(at) if !pile.is_empty() => {
                let at = at % pile.len();
                let (permit, epoch) = pile.swap_remove(at);
                let over = model.state == BreakerState::HalfOpen && now.since(model.since) >= spec.half_open;
                if epoch == model.epoch && !over {
                    let renewed = breaker.renew(permit, now);
                    prop_assert_eq!(renewed, Ok(Passage { permit, transition: None }));
                    pile.push((permit, epoch));
                } else if let Ok(passage) = breaker.renew(permit, now) {
                    prop_assert_ne!(passage.permit.epoch, permit.epoch);
                    if passage.transition.is_some() {
                        model.enter(now, BreakerState::HalfOpen);
                    }
                    model.out += u32::from(passage.permit.is_probe());
                    pile.push((passage.permit, model.epoch));
                }
            }
            Step::Settle(..) | Step::Provisional(..) | Step::Late(..) | Step::Renew(_) | Step::Forget(_) => {}
        }
        prop_assert_eq!(breaker.state(), model.state);
        let seen = breaker.snapshot(now);
        if model.state == BreakerState::Closed {
            let [least, most] = model.counts(now);
            let counts = [seen.counts.calls, seen.counts.failures, seen.counts.slow];
            for kind in 0..3 {
                prop_assert!(
                    (least[kind]..=most[kind]).contains(&counts[kind]),
                    "{least:?} {counts:?} {most:?}"
                );
            }
            prop_assert_eq!(seen.consecutive_failures, model.row);
        } else {
            prop_assert_eq!(
                (seen.probes_given, seen.probes_passed),
                (model.out + model.passed, model.passed)
            );
        }
    }
    recovers(&breaker, now, pile.len())
}

fn settled(
    model: &mut Model,
    now: Instant,
    (epoch, outcome, slow): (u32, Outcome, bool),
    transition: Option<Transition>,
    decided: bool,
) -> Result<(), TestCaseError> {
    if epoch != model.epoch {
        prop_assert_eq!(transition, None, "by a stale permit");
        return Ok(());
    }
    let failed = outcome.is_failure();
    let counts = matches!(outcome, Outcome::Success | Outcome::Failure(_));
    match model.state {
        BreakerState::Closed => {
            if counts {
                model.calls.push_back((now, failed, slow));
                model.row = match (failed, decided) {
                    (true, _) => model.row + 1,
                    (false, true) => 0,
                    (false, false) => model.row,
                };
            }
            let [least, most] = model.counts(now);
            let reason = transition.map(|transition| transition.reason);
            if least == most {
                let good_so_far = !failed && !decided;
                let row = std::mem::take(&mut model.row);
                let by_ratio = model.opens(least);
                model.row = row;
                let opens = counts && if good_so_far { by_ratio } else { model.opens(least) };
                prop_assert_eq!(reason.is_some(), opens);
            } else if reason.is_some() {
                // Some window between the two must justify it: failures at their most, good calls at their least.
                let kind = |failures: u64| [least[0] - least[1] + failures, failures, most[2]];
                let justified = (least[1]..=most[1]).any(|failures| model.opens(kind(failures)))
                    || (least[0]..=most[0]).any(|calls| model.opens([calls, most[1], most[2]]));
                prop_assert!(justified, "{reason:?} from {least:?} to {most:?}");
            }
            if transition.is_some() {
                model.enter(now, BreakerState::Open);
            }
        }
        BreakerState::HalfOpen => {
            model.out -= 1;
            let well = counts && !failed && !slow;
            model.passed += u32::from(well);
            let failed = counts || outcome == Outcome::Throttled;
            let expected = if failed && !well {
                Some(BreakerState::Open)
            } else {
                (model.passed == model.spec.probes.get()).then_some(BreakerState::Closed)
            };
            prop_assert_eq!(transition.map(|transition| transition.to), expected);
            if let Some(state) = expected {
                model.enter(now, state);
            }
        }
        state => prop_assert!(false, "settled in {state:?}"),
    }
    Ok(())
}

/// In a window by count.
fn late(
    model: &mut Model,
    now: Instant,
    (probe, epoch, outcome): (bool, u32, Outcome),
    transition: Option<Transition>,
) -> Result<(), TestCaseError> {
    let mut expected = None;
    if epoch == model.epoch {
        match outcome {
            Outcome::Failure(_) | Outcome::Throttled if probe => expected = Some(BreakerState::Open),
            Outcome::Success if !probe => model.row = 0,
            Outcome::Failure(_) => {
                let Window::Calls(size) = model.spec.window else { return Ok(()) };
                let window = model.calls.iter_mut().rev().take(size.get() as usize);
                if let Some(call) = window.into_iter().find(|call| !call.1) {
                    call.1 = true;
                }
                model.row += 1;
                expected = model.opens(model.counts(now)[0]).then_some(BreakerState::Open);
            }
            _ => {}
        }
    }
    prop_assert_eq!(transition.map(|transition| transition.to), expected);
    if let Some(state) = expected {
        model.enter(now, state);
    }
    Ok(())
}

/// Checks that a healthy peer is sent calls again, after any history and with any number of permits still out.
fn recovers(breaker: &Breaker, mut now: Instant, out: usize) -> Result<(), TestCaseError> {
    let deadline = now + Duration::from_secs(10);
    while breaker.state() != BreakerState::Closed {
        prop_assert!(now < deadline, "still {:?} with {out} permits out", breaker.state());
        match breaker.admit(now) {
            Ok(passage) => {
                breaker.settle(passage.permit, now, Draw::new(1), Outcome::Success, Duration::ZERO);
            }
            Err(rejected) => now = now + rejected.retry_after.unwrap_or(Duration::from_millis(50)),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn decides_as_the_model_does(spec in spec(), steps in steps()) {
        check(spec, steps)?;
    }

    /// Live changes in the midst of everything: permits and windows stay bounded, and it always recovers.
    #[test]
    fn live_changes_never_wedge_it(specs in prop::collection::vec(spec(), 2..6), steps in steps()) {
        let breaker = Breaker::new(specs[0]);
        let (mut pile, mut good) = (vec![], vec![]);
        let mut now = Instant::ORIGIN;
        for (at, step) in steps.into_iter().enumerate() {
            if at % 13 == 12 {
                breaker.update(specs[at / 13 % specs.len()]);
            }
            match step {
                Step::Pause(pause) => now = now + pause,
                Step::Admit => pile.extend(breaker.admit(now).map(|passage| passage.permit)),
                Step::Settle(at, outcome, _) if !pile.is_empty() => {
                    let permit = pile.swap_remove(at % pile.len());
                    breaker.settle(permit, now, Draw::new(3), outcome, Duration::ZERO);
                    good.extend((outcome == Outcome::Success).then_some(permit));
                }
                Step::Provisional(at, _) if !pile.is_empty() => {
                    let permit = pile.swap_remove(at % pile.len());
                    breaker.settle_provisional(permit, now, Draw::new(3), Duration::ZERO);
                    good.push(permit);
                }
                Step::Late(at, outcome) if !good.is_empty() => {
                    breaker.settle_late(good.swap_remove(at % good.len()), now, Draw::new(3), outcome);
                }
                Step::Renew(at) if !pile.is_empty() => {
                    let permit = pile.swap_remove(at % pile.len());
                    pile.extend(breaker.renew(permit, now).map(|passage| passage.permit));
                }
                _ => {}
            }
            let seen = breaker.snapshot(now);
            prop_assert!(seen.probes_passed <= seen.probes_given && seen.probes_given < 5);
            prop_assert!(seen.counts.failures <= seen.counts.calls && seen.counts.slow <= seen.counts.calls);
            prop_assert!(seen.counts.calls <= 400);
        }
        recovers(&breaker, now, pile.len())?;
    }
}
