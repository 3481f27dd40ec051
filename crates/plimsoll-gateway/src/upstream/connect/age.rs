use plimsoll::policy::Instant;
use std::{cell::Cell, time::Duration};

/// Connections that are made at once shall not all end at once: each lives another part of a tenth less.
const STEPS: u32 = 8;

/// When a connection was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    at: Instant,
    step: u32,
}

impl Birth {
    /// Whether it has been used for so long, less its part of a tenth.
    pub(super) fn is_over(self, now: Instant, age: Duration) -> bool {
        now.since(self.at) + age / (10 * STEPS) * self.step >= age
    }
}

/// The births of one pool's connections.
#[derive(Debug, Default)]
pub(super) struct Births(Cell<u32>);

impl Births {
    /// One more, now.
    pub(super) fn now(&self, at: Instant) -> Birth {
        let step = self.0.get();
        self.0.set((step + 1) % STEPS);
        Birth { at, step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_spread_over_the_last_tenth() {
        let (births, age) = (Births::default(), Duration::from_secs(80));
        let over = |birth: Birth, seconds| birth.is_over(Instant::ORIGIN + Duration::from_secs(seconds), age);
        let first = births.now(Instant::ORIGIN);
        assert!(!over(first, 79) && over(first, 80));
        let ends: Vec<u64> = (0..STEPS)
            .map(|_| births.now(Instant::ORIGIN))
            .map(|birth| (0..=80).find(|at| over(birth, *at)).expect("by its age"))
            .collect();
        assert_eq!(ends, [79, 78, 77, 76, 75, 74, 73, 80]);
    }
}
