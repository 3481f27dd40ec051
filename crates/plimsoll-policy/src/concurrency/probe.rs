//! When to look for the latency without a queue.

use crate::Draw;

/// Windows from one baseline to the next: half as many to all of them, so that limiters that began together do not
/// look together.
const EVERY: u32 = 300;
/// After a look that showed the baseline to be far off.
const SOON: u32 = 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Probe {
    /// So many windows until a look is due.
    Resting(u32),
    /// The limit is cut; what was let through before is still in the peer's queue.
    Draining,
    /// Calls that return now have not queued behind our own.
    Measuring,
}

/// The use of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// The algorithm's step.
    Step,
    /// Nothing.
    Discard,
    /// The baseline.
    Measure,
}

impl Probe {
    /// The first baseline is as good as what the peer was doing just then: look soon whether it holds.
    pub(super) const FIRST: Self = Self::Resting(2 * SOON);

    pub(super) fn resting(draw: Draw) -> Self {
        Self::Resting(EVERY / 2 + draw.below(u64::from(EVERY / 2) + 1) as u32)
    }

    /// A window has ended.
    /// A limit that is not `full` need not be cut: what comes back has met no queue of ours.
    pub(super) fn turn(&mut self, full: bool) -> Use {
        match *self {
            Self::Resting(0) if !full => Use::Measure,
            Self::Resting(0) => {
                *self = Self::Draining;
                Use::Discard
            }
            Self::Resting(left) => {
                *self = Self::Resting(left - 1);
                Use::Step
            }
            Self::Draining => {
                *self = Self::Measuring;
                Use::Discard
            }
            Self::Measuring => Use::Measure,
        }
    }

    /// The baseline has been measured.
    pub(super) fn rest(&mut self, far_off: bool, draw: Draw) {
        *self = if far_off { Self::Resting(SOON) } else { Self::resting(draw) };
    }

    pub(super) fn is_under_way(self) -> bool {
        !matches!(self, Self::Resting(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_used_up_is_cut_for_two_windows() {
        let mut probe = Probe::Resting(1);
        assert_eq!(probe.turn(true), Use::Step);
        assert_eq!(probe.turn(true), Use::Discard);
        assert!(probe.is_under_way());
        assert_eq!(probe.turn(true), Use::Discard);
        assert_eq!(probe.turn(true), Use::Measure);
        probe.rest(true, Draw::new(0));
        assert_eq!(probe, Probe::Resting(SOON));
    }

    #[test]
    fn a_limit_that_is_not_used_up_is_measured_as_it_is() {
        let mut probe = Probe::Resting(0);
        assert_eq!(probe.turn(false), Use::Measure);
        assert!(!probe.is_under_way());
    }

    #[test]
    fn looks_are_150_to_300_windows_apart() {
        assert_eq!(Probe::resting(Draw::new(0)), Probe::Resting(150));
        assert_eq!(Probe::resting(Draw::new(u64::MAX)), Probe::Resting(300));
    }
}
