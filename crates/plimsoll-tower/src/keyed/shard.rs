use super::entry::{Entry, MachineRef};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use plimsoll_policy::{Instant, KeyHash};
use std::sync::Arc;

/// A part of a registry: an index that is read without a lock and copied on change.
#[derive(Debug)]
pub(super) struct Shard<M> {
    index: ArcSwap<Index<M>>,
    changing: Mutex<()>,
}

/// An index with hashes apart from entries, so that a search walks few cache lines.
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

    fn new(entries: Vec<Arc<Entry<M>>>) -> Arc<Self> {
        let keys = entries.iter().map(|entry| entry.key.0).collect();
        Arc::new(Self { keys, entries: entries.into() })
    }
}

impl<M> Shard<M> {
    pub(super) fn new() -> Self {
        Self { index: ArcSwap::new(Index::new(Vec::new())), changing: Mutex::new(()) }
    }

    #[inline]
    pub(super) fn find(&self, key: KeyHash, now: Instant) -> Option<MachineRef<M>> {
        self.index.load().find(key)?.acquire(now)
    }

    /// Inserts the entry of a new key, unless another thread has inserted it first.
    pub(super) fn insert(
        &self,
        key: KeyHash,
        now: Instant,
        make: impl FnOnce() -> Option<M>,
    ) -> Option<MachineRef<M>> {
        let _changing = self.changing.lock();
        if let Some(machine) = self.find(key, now) {
            return Some(machine);
        }
        let entry = Arc::new(Entry::new(key, make()?, now));
        let machine = entry.acquire(now);
        let mut entries = self.index.load().entries.to_vec();
        entries.push(entry);
        self.index.store(Index::new(entries));
        machine
    }

    /// Evicts the entry that was unused for longest, those for which `is_evictable` holds first; false if all are in use.
    pub(super) fn evict(&self, is_evictable: impl Fn(&M) -> bool) -> bool {
        let _changing = self.changing.lock();
        let mut entries = self.index.load().entries.to_vec();
        loop {
            let idle = entries.iter().enumerate().filter(|(_, entry)| !entry.in_use());
            let victim = idle.min_by_key(|(_, entry)| (!is_evictable(&entry.machine), entry.used()));
            let Some((at, _)) = victim else { return false };
            // Another thread may have begun to use it since.
            if entries[at].retire() {
                entries.swap_remove(at);
                self.index.store(Index::new(entries));
                return true;
            }
        }
    }

    pub(super) fn for_each(&self, mut with: impl FnMut(&M)) {
        self.index.load().entries.iter().for_each(|entry| with(&entry.machine));
    }

    pub(super) fn in_use(&self) -> usize {
        self.index.load().entries.iter().filter(|entry| entry.in_use()).count()
    }
}
