use super::{BreakerSpec, Window, word::Word};
use crate::{
    TransitionReason,
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::nanos,
    units::Ratio,
    window::{CallRing, Grain},
};
use std::num::NonZeroU32;

/// No ratio: one of this size there is not.
const OFF: u32 = u32::MAX;

/// How the window is cut: by calls, or into buckets of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    Calls(u32),
    Time(Grain),
}

impl Cut {
    pub(super) fn from_window(window: Window) -> Self {
        match window {
            Window::Calls(calls) => Self::Calls(calls.get().min(CallRing::CALLS)),
            Window::Time(length) => Self::Time(Grain::from_window(length)),
        }
    }

    /// The cut for another window, and whether what this one has counted stays good under it.
    pub(super) fn changed(self, window: Window) -> (Self, bool) {
        match (self, window) {
            (Self::Calls(_), Window::Calls(_)) => (Self::from_window(window), true),
            (Self::Time(grain), Window::Time(length)) => grain
                .resized(length)
                .map_or((Self::from_window(window), false), |grain| (Self::Time(grain), true)),
            _ => (Self::from_window(window), false),
        }
    }

    const TIME: u64 = 1 << 63;

    const fn pack(self) -> u64 {
        match self {
            Self::Calls(calls) => calls as u64,
            Self::Time(grain) => Self::TIME | grain.pack(),
        }
    }

    #[inline]
    const fn unpack(bits: u64) -> Self {
        if bits & Self::TIME == 0 { Self::Calls(bits as u32) } else { Self::Time(Grain::unpack(bits)) }
    }
}

/// The thresholds in force, each by itself atomic: while they are being changed, a call may be judged by some of the
/// old ones and some of the new.
#[derive(Debug)]
pub(super) struct Limits {
    cut: AtomicU64,
    /// Nanoseconds; `u64::MAX` where no call is slow.
    slow_call: AtomicU64,
    /// Billionths, which decimals are whole in; [`OFF`] where there is no such condition.
    failure_ratio: AtomicU32,
    slow_ratio: AtomicU32,
    minimum_calls: AtomicU32,
    /// `u32::MAX` where it is not looked at (and where it would never be reached in time).
    consecutive: AtomicU32,
    probes: AtomicU32,
}

impl Limits {
    pub(super) fn new(spec: &BreakerSpec) -> Self {
        let limits = Self {
            cut: AtomicU64::new(Cut::from_window(spec.window).pack()),
            slow_call: AtomicU64::new(0),
            failure_ratio: AtomicU32::new(0),
            slow_ratio: AtomicU32::new(0),
            minimum_calls: AtomicU32::new(0),
            consecutive: AtomicU32::new(0),
            probes: AtomicU32::new(0),
        };
        limits.set(spec);
        limits
    }

    /// Everything but the cut.
    pub(super) fn set(&self, spec: &BreakerSpec) {
        self.failure_ratio.store(spec.failure_ratio.map_or(OFF, Ratio::billionths), Relaxed);
        self.slow_ratio.store(spec.slow.map_or(OFF, |slow| slow.ratio.billionths()), Relaxed);
        self.slow_call.store(spec.slow.map_or(u64::MAX, |slow| nanos(slow.call)), Relaxed);
        self.minimum_calls.store(spec.minimum_calls.get(), Relaxed);
        self.consecutive.store(spec.consecutive_failures.map_or(u32::MAX, NonZeroU32::get), Relaxed);
        self.probes.store(spec.probes.get().min(Word::MAX_PROBES), Relaxed);
    }

    pub(super) fn set_cut(&self, cut: Cut) {
        self.cut.store(cut.pack(), Release);
    }

    #[inline]
    pub(super) fn cut(&self) -> Cut {
        Cut::unpack(self.cut.load(Acquire))
    }

    /// From how many nanoseconds on a call is slow.
    #[inline]
    pub(super) fn slow_call(&self) -> u64 {
        self.slow_call.load(Relaxed)
    }

    /// How many calls a window must hold before its ratios count: never more than it can hold.
    #[inline]
    pub(super) fn minimum_calls(&self, cut: Cut) -> u64 {
        let minimum = self.minimum_calls.load(Relaxed);
        u64::from(match cut {
            Cut::Calls(calls) => minimum.min(calls),
            Cut::Time(_) => minimum,
        })
    }

    pub(super) fn probes(&self) -> u32 {
        self.probes.load(Relaxed)
    }

    /// Returns whether this number of consecutive failures opens the breaker.
    #[inline]
    pub(super) fn failures_open(&self, failures: u32) -> bool {
        failures >= self.consecutive.load(Relaxed)
    }

    /// Which ratio, if any, opens the breaker.
    pub(super) fn ratio_opens(&self, [calls, failed, slow]: [u64; 3]) -> Option<TransitionReason> {
        // Nothing failed is no failure ratio, not even one of 0 %.
        let reached = |part: u64, ratio: &AtomicU32| {
            let ratio = ratio.load(Relaxed);
            let reached = u128::from(part) * 1_000_000_000 >= u128::from(ratio) * u128::from(calls);
            part > 0 && ratio != OFF && reached
        };
        if reached(failed, &self.failure_ratio) {
            Some(TransitionReason::FailureRatio)
        } else if reached(slow, &self.slow_ratio) {
            Some(TransitionReason::SlowRatio)
        } else {
            None
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_ratio_opens_at_just_the_failures_that_it_names() {
        for percent in 1..=100u8 {
            let ratio = Ratio::percent(percent);
            let failures = Limits::new(&BreakerSpec { failure_ratio: Some(ratio), ..BreakerSpec::default() });
            let slow = Some(crate::breaker::Slow { call: Duration::ZERO, ratio });
            let slow = Limits::new(&BreakerSpec { failure_ratio: None, slow, ..BreakerSpec::default() });
            for (n, part) in (0..=200u64).flat_map(|n| (1..=n).map(move |part| (n, part))) {
                let expected = part * 100 >= u64::from(percent) * n;
                assert_eq!(failures.ratio_opens([n, part, 0]).is_some(), expected, "{part} of {n}");
                assert_eq!(slow.ratio_opens([n, 0, part]).is_some(), expected, "{part} of {n}");
            }
        }
    }

    #[test]
    fn cuts_survive_packing() {
        for cut in [
            Cut::from_window(Window::Calls(NonZeroU32::MIN)),
            Cut::from_window(Window::Calls(NonZeroU32::MAX)),
            Cut::from_window(Window::Time(Duration::ZERO)),
            Cut::from_window(Window::Time(Duration::MAX)),
        ] {
            assert_eq!(Cut::unpack(cut.pack()), cut);
        }
    }

    #[test]
    fn a_ratio_opens_when_it_is_reached_and_not_before() {
        let limits =
            Limits::new(&BreakerSpec { failure_ratio: Some(Ratio::percent(50)), ..BreakerSpec::default() });
        assert_eq!(limits.ratio_opens([20, 9, 20]), None);
        assert_eq!(limits.ratio_opens([20, 10, 0]), Some(TransitionReason::FailureRatio));
        limits.set(&BreakerSpec { failure_ratio: Some(Ratio::ZERO), ..BreakerSpec::default() });
        assert_eq!(limits.ratio_opens([20, 0, 0]), None);
    }
}
