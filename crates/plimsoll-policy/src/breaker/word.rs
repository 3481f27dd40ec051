use super::BreakerSpec;
use crate::BreakerState;

/// State, epoch and the probes' permits in one atomic word, so that a transition and a probe's permit can never
/// disagree.
///
/// 32 bits of epoch, 14 of probes that went well, 14 of permits given, 4 of state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(u64);

impl Word {
    /// More probes than this are not counted.
    pub(super) const MAX_PROBES: u32 = BreakerSpec::MAX_PROBES;

    const GIVEN: u64 = 1 << 4;
    const PASSED: u64 = 1 << 18;

    /// The beginning of an epoch.
    pub(super) const fn new(epoch: u32, state: BreakerState) -> Self {
        Self((epoch as u64) << 32 | state as u64)
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    pub(super) const fn state(self) -> BreakerState {
        match self.0 & 0xf {
            0 => BreakerState::Closed,
            1 => BreakerState::Open,
            2 => BreakerState::HalfOpen,
            3 => BreakerState::ForcedClosed,
            4 => BreakerState::ForcedOpen,
            _ => BreakerState::Isolated,
        }
    }

    /// Returns whether all calls pass.
    #[inline]
    pub(super) const fn passes(self) -> bool {
        matches!(self.state(), BreakerState::Closed | BreakerState::ForcedClosed)
    }

    /// Places given to probes and not given back.
    pub(super) const fn given(self) -> u32 {
        (self.0 >> 4) as u32 & Self::MAX_PROBES
    }

    /// Probes that went well.
    pub(super) const fn passed(self) -> u32 {
        (self.0 >> 18) as u32 & Self::MAX_PROBES
    }

    /// With one more permit given. The caller sees to it that there are fewer than [`Word::MAX_PROBES`].
    pub(super) const fn give(self) -> Self {
        Self(self.0 + Self::GIVEN)
    }

    /// With one permit given back; itself if none was given.
    pub(super) const fn give_back(self) -> Self {
        if self.given() > self.passed() { Self(self.0 - Self::GIVEN) } else { self }
    }

    /// With one more probe that went well; itself if every permit given has passed already.
    pub(super) const fn pass(self) -> Self {
        if self.given() > self.passed() { Self(self.0 + Self::PASSED) } else { self }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_touch_one_another() {
        for state in BreakerState::ALL {
            let mut word = Word::new(u32::MAX, state);
            for given in 1..=Word::MAX_PROBES {
                word = word.give();
                assert_eq!((word.given(), word.passed()), (given, given - 1));
                word = word.pass();
                assert_eq!((word.given(), word.passed()), (given, given));
            }
            assert_eq!((word.epoch(), word.state()), (u32::MAX, state));
            assert_eq!(word.pass(), word, "a probe settled twice");
            assert_eq!(word.give_back(), word);
        }
    }
}
