//! One endpoint after the other.

use super::{eligible::Eligible, weights::Weights};
use crate::{
    Draw,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Where it is one's turn next.
#[derive(Debug)]
pub(super) struct Turn(AtomicU64);

impl Turn {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The endpoint whose turn it is. One that is not there gives its turn away, each time to another of the others: if
    /// the one behind it always took over, that one would carry twice the load.
    #[inline]
    pub(super) fn pick(
        &self,
        weights: &Weights,
        eligible: &Eligible<'_, impl Fn(u32) -> bool>,
    ) -> Option<u32> {
        let turn = self.0.fetch_add(1, Relaxed);
        let endpoint = weights.turn(turn)?;
        if eligible.has(endpoint) {
            return Some(endpoint);
        }
        if weights.are_equal() {
            // Exactly in turn: as many rounds as there are endpoints left give each of them the same.
            let left = u64::from(eligible.count());
            let round = turn / weights.total();
            return eligible.nth((round + u64::from(endpoint)).checked_rem(left)? as u32);
        }
        let position = Draw::new(turn).split().below(weights.sum(eligible));
        weights.among(eligible, position, None)
    }
}
