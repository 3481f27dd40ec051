//! How long to wait before a retry.

use super::{Jitter, RetrySpec};
use crate::{Draw, time::nanos};
use std::time::Duration;

/// How much longer than the backoff a peer's `Retry-After` may make the wait.
pub const RETRY_AFTER_SLACK: Duration = Duration::from_secs(5);

/// Returns the wait before retry number `retry` (1 is the first retry, 0 is taken as 1).
///
/// With `v = min(cap, base · 2^(retry − 1))`:
///
/// | jitter | wait |
/// | --- | --- |
/// | full | `U(0, v)` |
/// | equal | `v/2 + U(0, v/2)` |
/// | decorrelated | `min(cap, U(base, 3 · previous))` |
///
/// `previous` is the wait that this function gave before the last retry of the same call, [`Duration::ZERO`] before the
/// first; only decorrelated jitter looks at it, and never takes it as less than the base.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Known weakness: full jitter may
/// draw next to nothing, so a single retry may come at once; it is the budget, not the wait, that bounds the load of
/// an outage, since waiting only moves retries to a later second.
///
/// ```
/// # use plimsoll_policy::{Draw, retry::{RetrySpec, backoff}};
/// # use std::time::Duration;
/// let spec = RetrySpec::default();   // 10 ms to 200 ms, full jitter
/// let longest = backoff(&spec, 3, Duration::ZERO, Draw::new(u64::MAX));
/// assert_eq!(longest, Duration::from_millis(40));
/// ```
#[inline]
pub fn backoff(spec: &RetrySpec, retry: u32, previous: Duration, draw: Draw) -> Duration {
    let (base, cap) = (nanos(spec.backoff.base()), nanos(spec.backoff.cap()));
    let ceiling = doubled(base, retry.saturating_sub(1)).min(cap);
    let wait = match spec.jitter {
        Jitter::Full => uniform(0, ceiling, draw),
        Jitter::Equal => uniform(ceiling / 2, ceiling, draw),
        Jitter::Decorrelated => uniform(base, nanos(previous).max(base).saturating_mul(3), draw).min(cap),
    };
    Duration::from_nanos(wait)
}

/// The wait when the peer has said how long to stay away: its `hint`, but not below `backoff` and not more than
/// [`RETRY_AFTER_SLACK`] above it; `backoff` itself without a hint.
///
/// The clamp is that of AWS's smithy runtimes: a peer may ask for patience, it may not park its callers for an hour.
/// The caller holds the result against its deadline.
#[inline]
pub fn retry_after_wait(backoff: Duration, hint: Option<Duration>) -> Duration {
    hint.map_or(backoff, |hint| hint.clamp(backoff, backoff.saturating_add(RETRY_AFTER_SLACK)))
}

/// `base · 2^times`, saturating.
fn doubled(base: u64, times: u32) -> u64 {
    if times < base.leading_zeros() { base << times } else { u64::MAX }
}

/// Uniform in `low..=high`.
fn uniform(low: u64, high: u64, draw: Draw) -> u64 {
    low + draw.below((high - low).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BackoffRange;
    use proptest::prelude::*;

    const LEAST: Draw = Draw::new(0);
    const MIDDLE: Draw = Draw::new(1 << 63);
    const MOST: Draw = Draw::new(u64::MAX);

    fn spec(jitter: Jitter, base_ms: u64, cap_ms: u64) -> RetrySpec {
        let range = BackoffRange::new(Duration::from_millis(base_ms), Duration::from_millis(cap_ms)).unwrap();
        RetrySpec { jitter, backoff: range, ..RetrySpec::default() }
    }

    /// Whole microseconds, rounded: a draw of 2⁶⁴ − 1 falls short of the end by a nanosecond at most.
    fn us(wait: Duration) -> u64 {
        u64::try_from((wait.as_nanos() + 500) / 1000).unwrap()
    }

    /// Base 5 ms and cap 2000 ms are those of the published simulator.
    #[test]
    fn full_jitter_doubles_up_to_the_cap() {
        let spec = spec(Jitter::Full, 5, 2000);
        let row = |draw| (1..=11).map(|n| us(backoff(&spec, n, Duration::ZERO, draw))).collect::<Vec<_>>();
        let expected = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000].map(|ms| ms * 1000);
        assert_eq!(row(MOST), expected);
        assert_eq!(row(MIDDLE), expected.map(|v| v / 2));
        assert_eq!(row(LEAST), [0; 11]);
    }

    #[test]
    fn equal_jitter_keeps_half() {
        let spec = spec(Jitter::Equal, 5, 2000);
        let row = |draw| [1, 4, 12].map(|n| us(backoff(&spec, n, Duration::ZERO, draw)));
        assert_eq!(row(LEAST), [2500, 20_000, 1_000_000]);
        assert_eq!(row(MIDDLE), [3750, 30_000, 1_500_000]);
        assert_eq!(row(MOST), [5000, 40_000, 2_000_000]);
    }

    #[test]
    fn decorrelated_jitter_grows_from_what_it_drew() {
        let spec = spec(Jitter::Decorrelated, 5, 2000);
        let mut wait = Duration::ZERO;
        let longest: Vec<_> = (1..=7)
            .map(|n| {
                wait = backoff(&spec, n, wait, MOST);
                us(wait)
            })
            .collect();
        assert_eq!(longest, [15, 45, 135, 405, 1215, 2000, 2000].map(|ms| ms * 1000));
        assert_eq!(us(backoff(&spec, 2, Duration::from_millis(100), MIDDLE)), 152_500);
        assert_eq!(us(backoff(&spec, 9, Duration::from_millis(100), LEAST)), 5000);
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        let spec = RetrySpec {
            backoff: BackoffRange::new(Duration::from_secs(1 << 33), Duration::MAX).unwrap(),
            ..spec(Jitter::Full, 1, 1)
        };
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            let wait = backoff(&RetrySpec { jitter, ..spec }, u32::MAX, Duration::MAX, MOST);
            assert!(wait > Duration::from_secs(1 << 33));
        }
    }

    #[test]
    fn a_hint_is_honoured_within_its_clamp() {
        let own = Duration::from_millis(40);
        let wait = |hint| retry_after_wait(own, Some(Duration::from_millis(hint)));
        assert_eq!(retry_after_wait(own, None), own);
        assert_eq!(wait(0), own);
        assert_eq!(wait(1000), Duration::from_secs(1));
        assert_eq!(wait(3_600_000), Duration::from_millis(5040));
    }

    proptest! {
        #[test]
        fn every_wait_lies_within_its_bounds(
            base in 1u64..10_000, more in 0u64..100_000, retry in 0u32..70, previous in 0u64..200_000, bits: u64,
        ) {
            let (draw, previous) = (Draw::new(bits), Duration::from_millis(previous));
            let (base, cap) = (base, base + more);
            let top = doubled(base, retry.saturating_sub(1)).min(cap) * 1000;
            let wait = |jitter| us(backoff(&spec(jitter, base, cap), retry, previous, draw));
            prop_assert!((0..=top).contains(&wait(Jitter::Full)));
            prop_assert!((top / 2..=top).contains(&wait(Jitter::Equal)));
            prop_assert!((base * 1000..=cap * 1000).contains(&wait(Jitter::Decorrelated)));
        }
    }
}
