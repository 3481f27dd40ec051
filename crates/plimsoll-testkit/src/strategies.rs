//! Strategies of `proptest` for the quantities of policies.

use plimsoll_policy::units::Ratio;
use proptest::prelude::*;
use std::{num::NonZeroU32, time::Duration};

/// Generates durations from a nanosecond to the longest that a policy file can write, in whole milliseconds and odd ones.
pub fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => (1..=u64::MAX).prop_map(Duration::from_nanos),
        4 => (1..100_000u64).prop_map(Duration::from_millis),
    ]
}

/// Generates two durations, the first not above the second.
pub fn rising() -> impl Strategy<Value = (Duration, Duration)> {
    (duration(), duration()).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

/// Generates counts from 1.
pub fn count() -> impl Strategy<Value = NonZeroU32> {
    (1..=u32::MAX).prop_map(|count| NonZeroU32::new(count).expect("from 1 on"))
}

/// Generates ratios from 0 to 1, in whole percents and odd ones.
pub fn ratio() -> impl Strategy<Value = Ratio> {
    prop_oneof![
        (0..=100u8).prop_map(Ratio::percent),
        (0.0..=1.0f64).prop_map(|ratio| Ratio::try_from(ratio).expect("from 0 to 1")),
    ]
}
