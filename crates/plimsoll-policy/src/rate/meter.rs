use super::params::{RateParams, Reading};
use crate::{
    Instant,
    sync::{
        Mutex, MutexGuard,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    units::{Burst, Rate},
};
use std::{hint, sync::PoisonError, time::Duration};

/// How many low bits of a bucket say under which params it was written.
const TAG_BITS: u32 = 2;
const TAG: u64 = (1 << TAG_BITS) - 1;

/// RateParams that can be replaced while buckets are in use, and what is done to a bucket under them.
///
/// Two copies of the params: the ones in force and, while a change is being carried through, the ones before. A change
/// writes the idle copy, counts the generation up, and then carries every bucket over by CAS; a caller that meets a
/// bucket of the generation before carries it over itself. A caller whose params went stale loses its CAS, because the
/// tag has changed. (It would take four changes within one admission, and the very same bucket value after them, to
/// deceive it; what it then writes is a bucket that is fuller or emptier than it should be, once.)
#[derive(Debug)]
pub(super) struct Meter {
    generation: AtomicU64,
    params: [Copy; 2],
    /// How a bucket goes from old params to new ones.
    carry: Carry,
    /// As given by the user; a change of params holds it throughout.
    given: Mutex<(Rate, Burst)>,
}

/// New params, bucket, the params it was written under.
type Carry = fn(&RateParams, u64, &RateParams) -> u64;

#[derive(Debug)]
struct Copy([AtomicU64; 5]);

/// The result of trying to take permits from a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Take {
    /// They were taken; the bucket before and after.
    Taken { before: u64, after: u64 },
    /// They are not there before the permit clock reads this.
    Short(u64),
    /// The caller's condition does not hold. Nothing was done.
    Declined,
    /// The bucket is ahead of the caller's params. Nothing was done.
    Stale,
}

/// A bucket as a caller would find it now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peek {
    /// Whole permits that are there now.
    pub available: u32,
    /// Returns how long until these permits are available if no other call takes any: zero if they are available now,
    /// `None` if they are more than the burst and so never come together.
    pub wait: Option<Duration>,
}

impl Meter {
    pub(super) fn new(rate: Rate, burst: Burst, start: Instant, carry: Carry) -> Self {
        let params = RateParams::new(rate, burst, start, 0);
        Self {
            generation: AtomicU64::new(0),
            params: [Copy::new(&params), Copy::new(&params)],
            carry,
            given: Mutex::new((rate, burst)),
        }
    }

    /// The params in force.
    #[inline]
    pub(super) fn params(&self) -> RateParams {
        loop {
            let generation = self.generation.load(Acquire);
            let params = self.params[(generation & 1) as usize].load(generation);
            // A copy is only overwritten once the generation has moved on, and its loads acquire.
            if self.generation.load(Relaxed) == generation {
                return params;
            }
        }
    }

    /// The rate and burst in force, as given.
    pub(super) fn given(&self) -> (Rate, Burst) {
        *self.lock()
    }

    /// Puts a new rate and burst in force. `buckets` applies the function it is given to every bucket.
    pub(super) fn update(
        &self,
        now: Instant,
        rate: Rate,
        burst: Burst,
        buckets: impl FnOnce(&dyn Fn(&AtomicU64)),
    ) {
        let mut given = self.lock();
        if *given != (rate, burst) {
            *given = (rate, burst);
            let old = self.params();
            self.change(&old, &RateParams::new(rate, burst, now, old.generation + 1), buckets);
        }
    }

    /// Sets the permit clock back, where it is due: by the first who can, while it is not pressing.
    #[cold]
    pub(super) fn set_back(&self, now: Instant, buckets: impl FnOnce(&dyn Fn(&AtomicU64))) {
        let params = self.params();
        let pressing = now.as_nanos().saturating_sub(params.origin) > params.horizon();
        let Some(_held) = (if pressing { Some(self.lock()) } else { self.given.try_lock().ok() }) else {
            return;
        };
        let old = self.params();
        if old.far(now) {
            self.change(&old, &old.set_back(now), buckets);
        }
    }

    fn change(&self, old: &RateParams, new: &RateParams, buckets: impl FnOnce(&dyn Fn(&AtomicU64))) {
        self.params[(new.generation & 1) as usize].store(new);
        self.generation.store(new.generation, Release);
        buckets(&|bucket| {
            let mut word = bucket.load(Acquire);
            while word & TAG == old.generation & TAG {
                let carried = pack((self.carry)(new, word >> TAG_BITS, old), new);
                match bucket.compare_exchange(word, carried, Release, Acquire) {
                    Ok(_) => return,
                    Err(seen) => word = seen,
                }
            }
        });
    }

    /// Sets a bucket that nobody uses yet to the state of another meter's: what was used there and not yet earned back
    /// stays used.
    pub(super) fn take_over(&self, bucket: &AtomicU64, from: &Self, other: &AtomicU64) {
        let params = self.params();
        loop {
            let old = from.params();
            if let Some(value) = from.value(&old, other.load(Acquire)) {
                return bucket.store(pack(params.carry(value, &old), &params), Release);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Rate, Burst)> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket under `params`; `None` if it is ahead of them.
    #[inline]
    pub(super) fn value(&self, params: &RateParams, word: u64) -> Option<u64> {
        if word & TAG == params.generation & TAG {
            Some(word >> TAG_BITS)
        } else {
            self.carried(params, word)
        }
    }

    #[cold]
    fn carried(&self, params: &RateParams, word: u64) -> Option<u64> {
        let before = params.generation.wrapping_sub(1);
        if word & TAG != before & TAG {
            return None;
        }
        let from = self.params[(before & 1) as usize].load(before);
        // If the generation has moved on, that copy may be half of one and half of another.
        (self.generation.load(Relaxed) == params.generation)
            .then(|| (self.carry)(params, word >> TAG_BITS, &from))
    }

    /// Takes `permits` (at most the burst) if `condition` holds of the bucket as it was found.
    #[inline]
    pub(super) fn take(
        &self,
        params: &RateParams,
        bucket: &AtomicU64,
        reading: Reading,
        permits: u32,
        condition: impl Fn(u64) -> bool,
    ) -> Take {
        let mut word = bucket.load(Acquire);
        loop {
            let Some(before) = self.value(params, word) else { return Take::Stale };
            if !condition(before) {
                return Take::Declined;
            }
            match params.charge(before, reading, permits) {
                Ok(after) => {
                    if bucket.compare_exchange_weak(word, pack(after, params), Release, Relaxed).is_ok() {
                        return Take::Taken { before, after };
                    }
                    stand_back();
                    word = bucket.load(Acquire);
                }
                Err(target) => match bucket.load(Acquire) {
                    seen if seen == word => return Take::Short(target),
                    seen => word = seen,
                },
            }
        }
    }

    /// Gives `permits` back while `owned` holds; never beyond full. False if params or owner went stale.
    pub(super) fn give(
        &self,
        params: &RateParams,
        bucket: &AtomicU64,
        permits: u32,
        owned: impl Fn() -> bool,
    ) -> bool {
        let mut word = bucket.load(Acquire);
        loop {
            let value = self.value(params, word);
            let (Some(value), true) = (value, owned()) else { return false };
            // Below the permit clock a bucket is full, however far below.
            let after = pack(value.saturating_sub(params.cost(permits)), params);
            match bucket.compare_exchange_weak(word, after, Release, Acquire) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes the bucket back from `after` to what it was `permits` before, if nothing has happened to it since.
    pub(super) fn undo(&self, generation: u64, bucket: &AtomicU64, after: u64, permits: u32) -> bool {
        let params = self.params();
        let before = after.saturating_sub(params.cost(permits));
        let (word, back) = (pack(after, &params), pack(before, &params));
        params.generation == generation && bucket.compare_exchange(word, back, Release, Relaxed).is_ok()
    }

    /// Looks at a bucket without changing it, while `owned` holds.
    pub(super) fn peek(
        &self,
        params: &RateParams,
        bucket: &AtomicU64,
        now: Instant,
        permits: u32,
        owned: impl Fn() -> bool,
    ) -> Option<Peek> {
        let word = bucket.load(Acquire);
        let value = self.value(params, word)?;
        owned().then(|| Peek::at(params, value, now, permits))
    }
}

impl Peek {
    pub(super) fn at(params: &RateParams, value: u64, now: Instant, permits: u32) -> Self {
        let reading = params.read(now);
        let wait = (permits <= params.burst).then(|| match params.charge(value, reading, permits) {
            Ok(_) => Duration::ZERO,
            Err(target) => params.when(target).since(now),
        });
        Self { available: params.available(value, reading), wait }
    }
}

/// A bucket as it is stored under these params.
#[inline]
pub(super) const fn pack(value: u64, params: &RateParams) -> u64 {
    value << TAG_BITS | params.generation & TAG
}

/// A moment's wait after a lost race. The winner has the line in its cache and is likely to come again: let it, and
/// both are done sooner (two threads on one bucket: each at half its speed alone, instead of a quarter).
fn stand_back() {
    for _ in 0..16 {
        hint::spin_loop();
    }
}

impl Copy {
    fn words(params: &RateParams) -> [u64; 5] {
        let shape = u64::from(params.count)
            | u64::from(params.scale) << 32
            | u64::from(params.up) << 40
            | u64::from(params.down) << 48;
        [params.origin, params.reciprocal, params.period, shape, u64::from(params.burst)]
    }

    fn new(params: &RateParams) -> Self {
        Self(Self::words(params).map(AtomicU64::new))
    }

    fn store(&self, params: &RateParams) {
        for (word, value) in self.0.iter().zip(Self::words(params)) {
            word.store(value, Release);
        }
    }

    #[inline]
    fn load(&self, generation: u64) -> RateParams {
        let [origin, reciprocal, period, shape, burst] = &self.0;
        let shape = shape.load(Acquire);
        RateParams {
            generation,
            origin: origin.load(Acquire),
            reciprocal: reciprocal.load(Acquire),
            period: period.load(Acquire),
            count: shape as u32,
            burst: burst.load(Acquire) as u32,
            scale: (shape >> 32 & 63) as u8,
            up: (shape >> 40 & 63) as u8,
            down: (shape >> 48 & 63) as u8,
        }
    }
}
