//! The reference model: it keeps every call.

use crate::{
    BreakerState, Instant, Outcome, Transition,
    breaker::{BreakerSpec, Window},
    units::Ratio,
};
use proptest::prelude::*;
use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

/// The reference model of the breaker, in the simplest form.
pub(super) struct Model {
    pub(super) spec: BreakerSpec,
    pub(super) state: BreakerState,
    pub(super) epoch: u32,
    /// Every call that counted in this epoch: when it ended, whether it failed, whether it was slow.
    pub(super) calls: VecDeque<(Instant, bool, bool)>,
    pub(super) row: u32,
    pub(super) out: u32,
    pub(super) passed: u32,
    /// The longest that an open state may last from its beginning, and the beginning of this state.
    pub(super) since: Instant,
}

impl Model {
    pub(super) fn new(spec: BreakerSpec) -> Self {
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

    pub(super) fn enter(&mut self, now: Instant, state: BreakerState) {
        *self = Self { epoch: self.epoch + 1, state, since: now, ..Self::new(self.spec) };
    }

    /// The least and the most that the breaker may have in its window of (calls, failures, slow calls): the same two
    /// where it is by count, a bucket apart either way where it is by time.
    pub(super) fn counts(&self, now: Instant) -> [[u64; 3]; 2] {
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

    /// Returns whether the counts given open it.
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

/// Settles a call in the model, and compares the transition with the breaker's.
pub(super) fn settled(
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

/// Settles the end of a call whose head was good, in a window by count.
pub(super) fn late(
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
