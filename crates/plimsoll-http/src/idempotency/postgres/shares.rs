//! The number of keys of each scope, counted at intervals.

use crate::idempotency::ScopeId;
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// How long a count is used, with this process's own new keys added.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long a full share counts as full.
const FULL: Duration = Duration::from_secs(1);
/// The most scopes whose counts are kept. Beyond that all are counted again.
const SCOPES: usize = 4096;

/// Counts of live keys by scope. A count is an index scan of at most the share, so it is not made for every request; the
/// next count includes the keys of other processes.
#[derive(Debug)]
pub(super) struct Shares {
    pub(super) most: u32,
    counts: Mutex<HashMap<ScopeId, Count, ahash::RandomState>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    keys: u32,
    counted: Instant,
}

impl Shares {
    pub(super) fn new(most: u32) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// Returns whether the scope has room for another key; `None` if its keys must be counted first.
    pub(super) fn has_room(&self, scope: &ScopeId, now: Instant) -> Option<bool> {
        let count = *self.counts().get(scope)?;
        let full = count.keys >= self.most;
        let believed = if full { FULL } else { BELIEVED };
        (now.saturating_duration_since(count.counted) < believed).then_some(!full)
    }

    /// Records a count of the scope's keys.
    pub(super) fn counted(&self, scope: ScopeId, keys: u32, now: Instant) {
        let mut counts = self.counts();
        if counts.len() >= SCOPES && !counts.contains_key(&scope) {
            counts.clear();
        }
        counts.insert(scope, Count { keys, counted: now });
    }

    /// Records one more key of the scope.
    pub(super) fn took(&self, scope: &ScopeId) {
        if let Some(count) = self.counts().get_mut(scope) {
            count.keys = count.keys.saturating_add(1);
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<ScopeId, Count, ahash::RandomState>> {
        // Nothing is half-done under this lock.
        self.counts.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::{IdempotencyKey, ScopedKey};

    fn scope(name: &str) -> ScopeId {
        let key = IdempotencyKey::try_from("k").unwrap();
        *ScopedKey::new(Some(name.as_bytes()), &key).scope().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_is_made_again_after_a_while_and_sooner_where_the_share_is_full() {
        let (shares, now) = (Shares::new(2), Instant::now());
        assert_eq!(shares.has_room(&scope("a"), now), None);
        shares.counted(scope("a"), 1, now);
        assert_eq!(shares.has_room(&scope("a"), now + FULL), Some(true));
        assert_eq!(shares.has_room(&scope("a"), now + BELIEVED), None);
        shares.took(&scope("a"));
        assert_eq!(shares.has_room(&scope("a"), now), Some(false));
        assert_eq!(shares.has_room(&scope("a"), now + FULL), None);
        assert_eq!(shares.has_room(&scope("b"), now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_counts_are_bounded() {
        let (shares, now) = (Shares::new(2), Instant::now());
        for number in 0..SCOPES + 10 {
            shares.counted(scope(&number.to_string()), 1, now);
        }
        assert!(shares.counts().len() <= SCOPES);
    }
}
