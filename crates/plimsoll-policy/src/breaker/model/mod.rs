//! The breaker compared with a model that keeps every call.

mod reference;
mod script;

use super::*;
use crate::{Draw, Outcome, Reason, TransitionReason};
use proptest::prelude::*;
use reference::{Model, late, settled};
use script::{Step, spec, steps};
use std::time::Duration;

fn check(spec: BreakerSpec, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let breaker = Breaker::new(spec);
    let mut model = Model::new(spec);
    let mut pile: Vec<(Permit, u32)> = vec![];
    // Calls with a good head, and whether their outcome was provisional.
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
