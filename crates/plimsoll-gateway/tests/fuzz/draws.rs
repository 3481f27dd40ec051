//! Random choices that a seed repeats.

use plimsoll::policy::Draw;

/// A sequence of choices, the same for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Draws(Draw);

impl Draws {
    /// The choices of this seed. Neighbouring seeds have nothing in common.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Draw::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).split().split())
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.split();
        self.0.below(bound as u64) as usize
    }

    /// Whether one of `of` equal chances came up.
    pub(crate) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A range within `length`, mostly a short one.
    pub(crate) fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.one_in(4) { length - start } else { (length - start).min(12) };
        start..start + self.below(most + 1)
    }
}
