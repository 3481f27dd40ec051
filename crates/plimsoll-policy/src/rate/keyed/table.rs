use crate::{
    KeyHash,
    sync::{
        Mutex, MutexGuard,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};
use std::{hint, num::NonZeroU32, sync::PoisonError};

/// Slots in a set: eight owners fill one cache line, their buckets the next.
const WAYS: usize = if cfg!(loom) { 2 } else { 8 };
/// Locks for those who bring a new key; a key always takes the same one.
const STRIPES: usize = if cfg!(loom) { 1 } else { 64 };

/// So many slots of a key's first set are kept back while its second has more to spare.
const KEPT: usize = 4;

/// The owner of a slot that was never used.
const NOBODY: u64 = 0;
/// The owner of a slot that is changing hands.
const CHANGING: u64 = 1;

/// A fixed table of buckets, each owned by one key's hash.
///
/// A key may live in one of two sets, which its hash chooses independently, and there in any slot. The owner's word is
/// apart from the bucket's: a caller loads the bucket, sees that the owner is (still) its key, and changes the bucket
/// by CAS. A caller that takes a slot over first marks its owner as changing, then writes the bucket, then the owner.
/// So a caller of the old key either sees the mark, or its CAS fails, or it came before the takeover and is forgotten
/// with the rest of the old bucket; it never spends the new owner's permits. (Unless the bucket's value is bit for bit
/// the one it had loaded: then its decision was right and the new owner is charged for it.)
///
/// New keys come in under a lock chosen by their hash, for one reason: two callers who bring the same new key must not
/// open two buckets for it.
#[derive(Debug)]
pub(super) struct Table {
    sets: Box<[Set]>,
    stripes: [Mutex<()>; STRIPES],
    occupied: AtomicU64,
    evictions: AtomicU64,
}

#[derive(Debug)]
#[repr(align(64))]
struct Set {
    owners: [AtomicU64; WAYS],
    buckets: [AtomicU64; WAYS],
}

/// A slot that was seen to belong to a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'t> {
    pub(super) bucket: &'t AtomicU64,
    owner: &'t AtomicU64,
    name: u64,
}

impl Found<'_> {
    /// Returns whether it still belongs to that key. Ask after having loaded the bucket.
    #[inline]
    pub(super) fn owned(self) -> bool {
        self.owner.load(Acquire) == self.name
    }
}

impl Table {
    pub(super) fn new(keys: NonZeroU32) -> Self {
        Self {
            sets: (0..keys.get().div_ceil(WAYS as u32)).map(|_| Set::new()).collect(),
            stripes: std::array::from_fn(|_| Mutex::new(())),
            occupied: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    pub(super) fn occupied(&self) -> usize {
        self.occupied.load(Relaxed) as usize
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Relaxed)
    }

    #[inline]
    pub(super) fn find(&self, key: KeyHash) -> Option<Found<'_>> {
        let name = name(key);
        let [first, second] = self.homes(name);
        let found = first.find(name);
        if found.is_some() { found } else { second.find(name) }
    }

    /// Inserts a new key, while no other caller can insert the same one. `None` if it is already there.
    pub(super) fn lock(&self, key: KeyHash) -> Option<Entry<'_>> {
        let stripe = (key.0 >> 32) as usize % STRIPES;
        let held = self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner);
        self.find(key).is_none().then(|| Entry { table: self, name: name(key), _held: held })
    }

    /// Waits until everybody who was letting a key in when this was called is done.
    pub(super) fn quiesce(&self) {
        for stripe in &self.stripes {
            drop(stripe.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(super) fn buckets(&self) -> impl Iterator<Item = &AtomicU64> {
        self.sets.iter().flat_map(|set| &set.buckets)
    }

    /// Two sets from the two halves of the hash, by multiply-shift: no division, any number of sets.
    #[inline]
    fn homes(&self, name: u64) -> [&Set; 2] {
        let sets = self.sets.len() as u64;
        [name >> 32, name & 0xFFFF_FFFF].map(|half| &self.sets[((half * sets) >> 32) as usize])
    }
}

/// A slot that could be taken over: worth 0 if it was never used, 1 if its bucket is full, else more by its level.
#[derive(Debug)]
struct Candidate<'t> {
    worth: u64,
    former: u64,
    owner: &'t AtomicU64,
    bucket: &'t AtomicU64,
}

/// The right to let one key in.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    table: &'t Table,
    name: u64,
    _held: MutexGuard<'t, ()>,
}

impl Entry<'_> {
    /// Takes over the slot of least worth and writes `bucket` there. `level` says how much of a bucket is used up: zero
    /// is worth nothing, for a bucket that is full again is as good as none.
    pub(super) fn claim(self, bucket: u64, level: impl Fn(u64) -> u64) {
        let homes = self.table.homes(self.name);
        loop {
            let [(spare, least), (other_spare, other_least)] = homes.map(|set| set.least(&level));
            // The second set only takes part once the first is nearly used up, so that most keys are found in their
            // first; from then on the emptier one is filled, which is what keeps both from running over early.
            let first = match (&least, &other_least) {
                (Some(one), Some(other)) if spare + other_spare == 0 => one.worth <= other.worth,
                _ => spare > KEPT || spare >= other_spare,
            };
            let least = if first { least.or(other_least) } else { other_least.or(least) };
            // Every slot can only be changing hands at once if sixteen callers let keys into the same two sets.
            let Some(Candidate { worth, former, owner, bucket: slot }) = least else {
                hint::spin_loop();
                continue;
            };
            if owner.compare_exchange(former, CHANGING, AcqRel, Relaxed).is_ok() {
                // A swap, so that it takes its place among the CASes of those who still work on the old bucket.
                slot.swap(bucket, AcqRel);
                owner.store(self.name, Release);
                if former == NOBODY {
                    self.table.occupied.fetch_add(1, Relaxed);
                } else if worth > 1 {
                    self.table.evictions.fetch_add(1, Relaxed);
                }
                return;
            }
        }
    }
}

impl Set {
    fn new() -> Self {
        Self {
            owners: std::array::from_fn(|_| AtomicU64::new(NOBODY)),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// How many slots are worth nothing, and the one worth least; none that is changing hands.
    fn least(&self, level: impl Fn(u64) -> u64) -> (usize, Option<Candidate<'_>>) {
        let mut spare = 0;
        let least = (self.owners.iter().zip(&self.buckets))
            .filter_map(|(owner, bucket)| {
                let former = owner.load(Acquire);
                let worth = match former {
                    CHANGING => return None,
                    NOBODY => 0,
                    _ => level(bucket.load(Acquire)).saturating_add(1),
                };
                spare += usize::from(worth <= 1);
                Some(Candidate { worth, former, owner, bucket })
            })
            .min_by_key(|candidate| candidate.worth);
        (spare, least)
    }

    /// Compares all owners without a branch in between: which slot a key has is anybody's guess, the processor's too.
    #[inline]
    fn find(&self, name: u64) -> Option<Found<'_>> {
        let mut hits = 0u32;
        for (way, owner) in self.owners.iter().enumerate() {
            hits |= u32::from(owner.load(Acquire) == name) << way;
        }
        let way = (hits != 0).then(|| hits.trailing_zeros() as usize % WAYS)?;
        Some(Found { bucket: &self.buckets[way], owner: &self.owners[way], name })
    }
}

/// The name of a slot's owner. Two of 2⁶⁴ hashes are reserved for the marks.
#[inline]
const fn name(key: KeyHash) -> u64 {
    if key.0 <= CHANGING { key.0 + 2 } else { key.0 }
}
