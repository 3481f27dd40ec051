use super::{
    entry::{Entry, MachineRef},
    shard::Shard,
};
use crate::driver::{now, secret};
use arc_swap::ArcSwap;
use plimsoll_policy::{Instant, KeyHash, rate::KeyHasher};
use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
};

/// A machine that can live in a [`Registry`].
pub trait KeyedMachine {
    /// The machine's thresholds.
    type Spec: Clone + fmt::Debug;

    /// Creates a machine with these thresholds.
    fn from_spec(spec: &Self::Spec) -> Self;

    /// Puts new thresholds in force.
    fn apply_spec(&self, spec: &Self::Spec, now: Instant);

    /// Returns whether the machine holds no more information than a new one, so that it is evicted before others.
    fn is_evictable(&self) -> bool;
}

/// A snapshot of a [`Registry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegistrySnapshot {
    /// The number of keys that have a machine.
    pub keys: usize,
    /// The number of keys whose machine a call is using.
    pub in_use: usize,
    /// The limit on keys.
    pub limit: usize,
    /// The number of machines evicted for another key.
    pub evictions: u64,
    /// The number of calls that shared the spare machine because all others were in use.
    pub overflows: u64,
}

/// The number of keys a shard is sized for: few, because a new key copies its shard.
const SHARD: usize = 32;

/// A bounded set of machines, one for each key. See the [module](super).
///
/// A known key costs one load, a walk over about 32 hashes and one addition to its machine's count of users, without a
/// lock. A new key takes the lock of its shard and copies about 32 pointers. Memory: the machines, and 64 bytes for
/// each.
#[derive(Debug)]
pub struct Registry<M: KeyedMachine> {
    hasher: KeyHasher,
    shards: Box<[Shard<M>]>,
    spec: ArcSwap<M::Spec>,
    spare: Arc<Entry<M>>,
    limit: usize,
    keys: AtomicUsize,
    evictions: AtomicU64,
    overflows: AtomicU64,
}

impl<M: KeyedMachine> Registry<M> {
    /// The default limit on keys.
    pub const KEYS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

    /// An empty registry of at most `limit` machines with these thresholds, and one spare.
    pub fn new(spec: M::Spec, limit: NonZeroUsize) -> Self {
        let spare = Arc::new(Entry::new(KeyHash(0), M::from_spec(&spec), now()));
        let shards = limit.get().div_ceil(SHARD).next_power_of_two();
        Self {
            hasher: KeyHasher::new(secret()),
            shards: (0..shards).map(|_| Shard::new()).collect(),
            spec: ArcSwap::from_pointee(spec),
            spare,
            limit: limit.get(),
            keys: AtomicUsize::new(0),
            evictions: AtomicU64::new(0),
            overflows: AtomicU64::new(0),
        }
    }

    /// Returns this key's machine, for a call.
    #[inline]
    pub fn get(&self, key: &[u8], now: Instant) -> MachineRef<M> {
        let key = self.hasher.hash(key);
        let at = key.0 as usize & (self.shards.len() - 1);
        self.shards[at].find(key, now).unwrap_or_else(|| self.open(key, at, now))
    }

    #[cold]
    fn open(&self, key: KeyHash, at: usize, now: Instant) -> MachineRef<M> {
        loop {
            let make = || self.reserve().then(|| M::from_spec(&self.spec.load()));
            if let Some(machine) = self.shards[at].insert(key, now, make) {
                return machine;
            }
            // The key's own shard first: it is most likely to have an evictable machine.
            let shards =
                (0..self.shards.len()).map(|step| &self.shards[(at + step) & (self.shards.len() - 1)]);
            if !shards.into_iter().any(|shard| shard.evict(M::is_evictable)) {
                self.overflows.fetch_add(1, Relaxed);
                return self.spare.acquire(now).expect("the spare machine is never taken away");
            }
            self.evictions.fetch_add(1, Relaxed);
            self.keys.fetch_sub(1, AcqRel);
        }
    }

    fn reserve(&self) -> bool {
        self.keys.fetch_update(AcqRel, Acquire, |keys| (keys < self.limit).then_some(keys + 1)).is_ok()
    }

    /// Puts new thresholds in force for every present and future machine.
    pub fn update(&self, spec: M::Spec) {
        let now = now();
        self.spec.store(Arc::new(spec.clone()));
        self.spare.machine.apply_spec(&spec, now);
        self.shards.iter().for_each(|shard| shard.for_each(|machine| machine.apply_spec(&spec, now)));
    }

    /// Returns a snapshot of the registry.
    pub fn snapshot(&self) -> RegistrySnapshot {
        RegistrySnapshot {
            keys: self.keys.load(Acquire),
            in_use: self.shards.iter().map(Shard::in_use).sum(),
            limit: self.limit,
            evictions: self.evictions.load(Relaxed),
            overflows: self.overflows.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[derive(Debug)]
    struct Numbered {
        spec: AtomicU64,
    }

    impl KeyedMachine for Numbered {
        type Spec = u64;

        fn from_spec(spec: &u64) -> Self {
            Self { spec: AtomicU64::new(*spec) }
        }

        fn apply_spec(&self, spec: &u64, _: Instant) {
            self.spec.store(*spec, Relaxed);
        }

        fn is_evictable(&self) -> bool {
            self.spec.load(Relaxed) < 100
        }
    }

    fn registry(limit: usize) -> Registry<Numbered> {
        Registry::new(0, NonZeroUsize::new(limit).unwrap())
    }

    /// Marks a key's machine and returns its former mark.
    fn mark(registry: &Registry<Numbered>, key: &str, at: u64, mark: u64) -> u64 {
        registry.get(key.as_bytes(), Instant::from_nanos(at)).spec.swap(mark, Relaxed)
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let registry = registry(2);
        mark(&registry, "a", 1, 7);
        mark(&registry, "b", 2, 8);
        mark(&registry, "a", 3, 7);
        mark(&registry, "c", 4, 9);
        assert_eq!(mark(&registry, "a", 5, 7), 7, "used since b was");
        assert_eq!(mark(&registry, "b", 6, 8), 0, "begun anew");
        let snapshot = registry.snapshot();
        assert_eq!((snapshot.keys, snapshot.in_use, snapshot.evictions), (2, 0, 2));
    }

    #[test]
    fn what_is_at_rest_goes_before_what_is_not() {
        let registry = registry(2);
        mark(&registry, "open", 1, 100);
        mark(&registry, "closed", 2, 1);
        mark(&registry, "new", 3, 1);
        assert_eq!(mark(&registry, "open", 4, 100), 100);
    }

    #[test]
    fn what_is_in_use_stays_and_the_rest_share_a_spare() {
        let registry = registry(1);
        let held = registry.get(b"a", Instant::ORIGIN);
        held.spec.store(5, Relaxed);
        let (b, c) = (registry.get(b"b", Instant::ORIGIN), registry.get(b"c", Instant::ORIGIN));
        assert!(std::ptr::eq(&raw const *b, &raw const *c));
        assert_eq!(registry.snapshot().overflows, 2);
        assert_eq!(mark(&registry, "a", 1, 5), 5);
        drop((held, b, c));
        mark(&registry, "b", 2, 6);
        assert_eq!(registry.snapshot().evictions, 1);
    }

    #[test]
    fn new_thresholds_reach_all() {
        let registry = registry(4);
        mark(&registry, "a", 1, 1);
        registry.update(42);
        assert_eq!((mark(&registry, "a", 2, 0), mark(&registry, "b", 3, 0)), (42, 42));
    }

    #[test]
    fn bounded_whatever_comes_and_never_two_machines_for_a_key_in_use() {
        let registry = registry(40);
        let now = Instant::ORIGIN;
        let held = registry.get(b"held", now);
        thread::scope(|scope| {
            for thread in 0..4_u64 {
                let (registry, held) = (&registry, &held);
                scope.spawn(move || {
                    for at in 0..2000_u64 {
                        drop(registry.get(&(at * 7 % 200 + thread).to_le_bytes(), now));
                        assert!(registry.snapshot().keys <= 40);
                        assert!(std::ptr::eq(&raw const **held, &raw const *registry.get(b"held", now)));
                    }
                });
            }
        });
        assert_eq!(registry.snapshot().in_use, 1);
    }
}
