//! Random specs, and random events for a breaker.

use crate::{
    Failure, Outcome,
    breaker::{BreakerSpec, Slow, Window},
    units::Ratio,
};
use proptest::prelude::*;
use std::{num::NonZeroU32, time::Duration};

const FAILURE: Outcome = Outcome::Failure(Failure::Broken);

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
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

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
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

pub(super) fn spec() -> impl Strategy<Value = BreakerSpec> {
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
