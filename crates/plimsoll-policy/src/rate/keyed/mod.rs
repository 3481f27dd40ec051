//! A token bucket for each key, in bounded memory whatever keys come.

mod hasher;
mod table;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

pub use hasher::KeyHasher;

use super::{
    meter::{Meter, Peek, Take, pack},
    params::RateParams,
    refused,
};
use crate::{
    Draw, Instant, KeyHash, RejectedError,
    sync::atomic::AtomicU64,
    units::{Burst, Rate},
};
use std::num::NonZeroU32;
use table::Table;

/// A token bucket for each key.
///
/// The table is made once, with a slot of 16 bytes for each of `keys` (rounded up to a multiple of eight): 1 MiB for
/// 65,536, and about 6 KiB besides. It never grows, and nothing sweeps it. A key is known by its 64-bit hash alone: two
/// keys with one hash share a bucket, at 65,536 keys with a likelihood of 10⁻¹⁰.
///
/// [`KeyedLimiter::admit`] of a known key: one or two cache lines of owners, one of buckets, one CAS. A new key takes a
/// short lock (one of 64) besides. Every bucket is as exact as a [`super::TokenBucket`].
///
/// # When the table is full
/// A key lives in one of two sets of eight slots, chosen by its hash. A new key takes, among these sixteen, a slot
/// never used; else one whose bucket is full again, which says nothing that a new bucket would not say; else the one
/// nearest to full, and that is an eviction (counted in [`KeysSnapshot::evictions`]). With two sets to choose from,
/// nothing is evicted in practice while less than six tenths of the slots hold a bucket that is not full; at nine
/// tenths it is one bucket in a hundred.
///
/// *What an eviction costs*: the evicted key starts again with a full bucket, so each eviction gives it at most what it
/// had used, never more than one burst. **Known weakness**: with more keys in use at once than there are slots, those
/// who use least are hardly limited any more.
///
/// *What an attacker gains who sprays keys*: his keys arrive with little used, so they are the nearest to full, and
/// each new one displaces the one before it. To erase the bucket of an offender who has used up `u` permits he must
/// bring every other slot of the offender's two sets to `u` or more, and keep them there; he does not know which sets
/// these are, because the hash is keyed. So he must spend `u` permits on practically each of the table's slots within
/// the time in which `u` permits come back: far more than the offender gets back. What no table can help against: every
/// key he can make up (IPv6 addresses, header values) has a burst of its own. Set a limit for all calls beside it.
#[derive(Debug)]
pub struct KeyedLimiter {
    meter: Meter,
    hasher: KeyHasher,
    table: Table,
}

/// A keyed limiter as seen at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeysSnapshot {
    /// The rate in force, for each key.
    pub rate: Rate,
    /// The burst in force, for each key.
    pub burst: Burst,
    /// Slots in use. A slot once used stays in use: one whose bucket is full again is the first to be taken over.
    pub keys: usize,
    /// Slots there are.
    pub capacity: usize,
    /// Returns the number of buckets that were evicted while not full.
    pub evictions: u64,
}

impl KeyedLimiter {
    /// `rate` and `burst` for each key; `keys` of them are remembered at once. `secret` keys the hash.
    ///
    /// Allocates the whole table.
    pub fn new(rate: Rate, burst: Burst, keys: NonZeroU32, start: Instant, secret: Draw) -> Self {
        Self {
            meter: Meter::new(rate, burst, start, RateParams::carry),
            hasher: KeyHasher::new(secret),
            table: Table::new(keys),
        }
    }

    /// The hash under which this limiter knows a key. Only hashes made here (or under the same secret) keep what the
    /// type promises.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }

    /// Takes `permits` at once from this key's bucket, or none; zero takes nothing and is always granted.
    ///
    /// # Errors
    /// As [`super::TokenBucket::admit`]. A key that is refused for asking more than the burst is not remembered.
    #[inline]
    pub fn admit(&self, now: Instant, key: KeyHash, permits: u32) -> Result<(), RejectedError> {
        loop {
            let params = self.meter.params();
            if permits == 0 {
                return Ok(());
            }
            if permits > params.burst {
                return Err(refused());
            }
            if params.far(now) {
                self.set_back(now);
            }
            let Some(slot) = self.table.find(key) else {
                if self.open(now, key, permits) {
                    return Ok(());
                }
                continue;
            };
            match self.meter.take(&params, slot.bucket, params.read(now), permits, |_| slot.owned()) {
                Take::Taken { .. } => return Ok(()),
                Take::Short(target) => return Err(refused().after(params.when(target).since(now))),
                Take::Declined | Take::Stale => {}
            }
        }
    }

    /// Opens a bucket for a new key, with `permits` taken. False if that has to be looked at again.
    #[inline(never)]
    fn open(&self, now: Instant, key: KeyHash, permits: u32) -> bool {
        let Some(entry) = self.table.lock(key) else { return false };
        // Read under the lock: an update waits for those who hold it before it carries the table over.
        let params = self.meter.params();
        if permits > params.burst {
            return false;
        }
        let reading = params.read(now);
        let bucket = pack(reading.full + params.cost(permits), &params);
        entry.claim(bucket, |word| {
            // A bucket that is ahead of us is being carried over: worth keeping.
            self.meter.value(&params, word).map_or(u64::MAX, |value| value.saturating_sub(reading.earned))
        });
        true
    }

    /// Returns the content of this key's bucket now, and the time until `permits` would be there. Changes nothing.
    pub fn peek(&self, now: Instant, key: KeyHash, permits: u32) -> Peek {
        loop {
            let params = self.meter.params();
            let Some(slot) = self.table.find(key) else { return Peek::at(&params, 0, now, permits) };
            if let Some(peek) = self.meter.peek(&params, slot.bucket, now, permits, || slot.owned()) {
                return peek;
            }
        }
    }

    /// Gives `permits` back to this key's bucket, up to its burst. A key that has been forgotten has them already.
    pub fn refund(&self, key: KeyHash, permits: u32) {
        while let Some(slot) = self.table.find(key) {
            if self.meter.give(&self.meter.params(), slot.bucket, permits, || slot.owned()) {
                return;
            }
        }
    }

    /// Puts a new rate and burst in force for all keys, from `now` on; each bucket as in
    /// [`super::TokenBucket::update`].
    ///
    /// Walks the table (about a millisecond for 65,536 keys) while calls go on: a caller who meets a bucket that has
    /// not been carried over yet does it.
    pub fn update(&self, now: Instant, rate: Rate, burst: Burst) {
        self.meter.update(now, rate, burst, |carry| self.for_each(carry));
    }

    #[cold]
    fn set_back(&self, now: Instant) {
        self.meter.set_back(now, |carry| self.for_each(carry));
    }

    fn for_each(&self, carry: &dyn Fn(&AtomicU64)) {
        self.table.quiesce();
        self.table.buckets().for_each(carry);
    }

    /// Returns the number of slots in use.
    pub fn len(&self) -> usize {
        self.table.occupied()
    }

    /// Returns whether no key has been seen yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of slots.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// How many buckets that were not full have been displaced since the start.
    pub fn evictions(&self) -> u64 {
        self.table.evictions()
    }

    /// Returns a snapshot of the limiter.
    pub fn snapshot(&self) -> KeysSnapshot {
        let (rate, burst) = self.meter.given();
        KeysSnapshot { rate, burst, keys: self.len(), capacity: self.capacity(), evictions: self.evictions() }
    }
}
