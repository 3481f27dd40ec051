use super::entry::{Entry, Lease};
use arc_swap::ArcSwap;
use plimsoll_policy::{Instant, KeyHash};
use std::sync::{Arc, Mutex, PoisonError};

/// Part of a registry: an index that is read without a lock and copied to be changed.
#[derive(Debug)]
pub(super) struct Shard<M> {
    index: ArcSwap<Index<M>>,
    changing: Mutex<()>,
}

/// Hashes apart from entries, so that a search walks few cache lines.
#[derive(Debug)]
struct Index<M> {
    keys: Box<[u64]>,
    entries: Box<[Arc<Entry<M>>]>,
}

impl<M> Index<M> {
    fn find(&self, key: KeyHash) -> Option<&Arc<Entry<M>>> {
        let at = self.keys.iter().position(|known| *known == key.0)?;
        self.entries.get(at)
    }

    fn of(entries: Vec<Arc<Entry<M>>>) -> Arc<Self> {
        let keys = entries.iter().map(|entry| entry.key.0).collect();
        Arc::new(Self { keys, entries: entries.into() })
    }
}

impl<M> Shard<M> {
    pub(super) fn new() -> Self {
        Self { index: ArcSwap::new(Index::of(Vec::new())), changing: Mutex::new(()) }
    }

    #[inline]
    pub(super) fn find(&self, key: KeyHash, now: Instant) -> Option<Lease<M>> {
        self.index.load().find(key)?.lease(now)
    }

    /// The entry of a key that was not there, made unless somebody else was quicker.
    pub(super) fn insert(
        &self,
        key: KeyHash,
        now: Instant,
        make: impl FnOnce() -> Option<M>,
    ) -> Option<Lease<M>> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = self.find(key, now) {
            return Some(lease);
        }
        let entry = Arc::new(Entry::new(key, make()?, now));
        let lease = entry.lease(now);
        let mut entries = self.index.load().entries.to_vec();
        entries.push(entry);
        self.index.store(Index::of(entries));
        lease
    }

    /// Takes away the entry that was left alone for longest, those for which `at_rest` holds first; false if all are in
    /// use.
    pub(super) fn evict(&self, at_rest: impl Fn(&M) -> bool) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.index.load().entries.to_vec();
        loop {
            let idle = entries.iter().enumerate().filter(|(_, entry)| !entry.in_use());
            let victim = idle.min_by_key(|(_, entry)| (!at_rest(&entry.machine), entry.used()));
            let Some((at, _)) = victim else { return false };
            // Somebody may have begun to use it since.
            if entries[at].retire() {
                entries.swap_remove(at);
                self.index.store(Index::of(entries));
                return true;
            }
        }
    }

    pub(super) fn each(&self, mut with: impl FnMut(&M)) {
        self.index.load().entries.iter().for_each(|entry| with(&entry.machine));
    }

    pub(super) fn in_use(&self) -> usize {
        self.index.load().entries.iter().filter(|entry| entry.in_use()).count()
    }
}
