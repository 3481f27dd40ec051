//! Random choices of a script's author.

use crate::Draws;
use std::{ops::Range, time::Duration};

pub(super) struct Dice {
    draws: Draws,
    /// Times are whole milliseconds, so that many things happen in the same instant.
    pub(super) coarse: bool,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { draws: Draws::seeded(seed), coarse: false }
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.draws.next().map_or(0, plimsoll_policy::Draw::bits)
    }

    /// From this range; its start where it is empty.
    pub(super) fn below(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start);
        range.start + self.draws.next().map_or(0, |draw| draw.below(width))
    }

    /// So often in a hundred.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(0..100) < percent
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(0..of.len() as u64) as usize]
    }

    /// So many milliseconds.
    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        if self.coarse {
            Duration::from_millis(self.below(range))
        } else {
            Duration::from_nanos(self.below(range.start * 1_000_000..range.end * 1_000_000))
        }
    }
}
