//! One endpoint after the other.

use super::eligible::Eligible;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Where it is one's turn next.
#[derive(Debug)]
pub(super) struct Turn(AtomicU64);

impl Turn {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The endpoint whose turn it is. One that is not there gives its turn away, each time to the next of the others:
    /// if the one behind it always took over, that one would carry twice the load.
    #[inline]
    pub(super) fn pick(&self, eligible: &Eligible<'_, impl Fn(u32) -> bool>) -> Option<u32> {
        let total = u64::from(eligible.total);
        let turn = self.0.fetch_add(1, Relaxed);
        let (round, endpoint) = (turn.checked_div(total)?, (turn % total) as u32);
        if eligible.has(endpoint) {
            return Some(endpoint);
        }
        let left = u64::from(eligible.count());
        eligible.nth((round + u64::from(endpoint)).checked_rem(left)? as u32)
    }
}
