use super::word::Word;
use crate::Transition;

/// Proof that a call was let through: plain data, settled exactly once with [`super::Breaker::settle`], or with
/// [`super::Breaker::settle_provisional`] if the outcome follows in the trailers.
///
/// One that is never settled costs nothing while the breaker is closed; a probe that is forgotten keeps its permit
/// until the longest half-open time is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use = "a permit that is not settled tells the breaker nothing"]
pub struct Permit {
    pub(super) epoch: u32,
    pub(super) probe: bool,
}

impl Permit {
    /// Returns whether the call is a probe of a half-open breaker.
    pub const fn is_probe(self) -> bool {
        self.probe
    }
}

/// A call is let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a permit that is not settled tells the breaker nothing"]
pub struct Passage {
    /// The permit, to be settled when the call's outcome is known.
    pub permit: Permit,
    /// The transition that asking brought about: from open to half-open, or to a new set of probes.
    pub transition: Option<Transition>,
}

impl Passage {
    #[inline]
    pub(super) const fn steady(word: Word) -> Self {
        Self { permit: Permit { epoch: word.epoch(), probe: false }, transition: None }
    }

    pub(super) const fn probe(epoch: u32, transition: Option<Transition>) -> Self {
        Self { permit: Permit { epoch, probe: true }, transition }
    }
}
