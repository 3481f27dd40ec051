use super::terms::{Reading, Terms};
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

/// How many low bits of a bucket say under which terms it was written.
const TAG_BITS: u32 = 2;
const TAG: u64 = (1 << TAG_BITS) - 1;

/// Terms that can be replaced while buckets are in use, and what is done to a bucket under them.
///
/// Two copies of the terms: the ones in force and, while a change is being carried through, the ones before. A change
/// writes the idle copy, counts the generation up, and then carries every bucket over by CAS; a caller that meets a
/// bucket of the generation before carries it over itself. A caller whose terms went stale loses its CAS, because the
/// tag has changed. (It would take four changes within one admission, and the very same bucket value after them, to
/// deceive it; what it then writes is a bucket that is fuller or emptier than it should be, once.)
#[derive(Debug)]
pub(super) struct Meter {
    generation: AtomicU64,
    terms: [Copy; 2],
    /// How a bucket goes from old terms to new ones.
    carry: Carry,
    /// As given by the user; whoever changes terms holds it throughout.
    given: Mutex<(Rate, Burst)>,
}

/// New terms, bucket, the terms it was written under.
type Carry = fn(&Terms, u64, &Terms) -> u64;

#[derive(Debug)]
struct Copy([AtomicU64; 5]);

/// What came of trying to take permits from a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Take {
    /// They were taken; the bucket before and after.
    Taken { before: u64, after: u64 },
    /// They are not there before the permit clock reads this.
    Short(u64),
    /// The caller's condition does not hold. Nothing was done.
    Declined,
    /// The bucket is ahead of the caller's terms. Nothing was done.
    Stale,
}

/// What a bucket would say to a caller who asked now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peek {
    /// Whole permits that are there now.
    pub available: u32,
    /// How long until the permits asked about are there, if nobody takes any before: zero if they are there now,
    /// `None` if they are more than the burst and so never come together.
    pub wait: Option<Duration>,
}

impl Meter {
    pub(super) fn new(rate: Rate, burst: Burst, start: Instant, carry: Carry) -> Self {
        let terms = Terms::new(rate, burst, start, 0);
        Self {
            generation: AtomicU64::new(0),
            terms: [Copy::new(&terms), Copy::new(&terms)],
            carry,
            given: Mutex::new((rate, burst)),
        }
    }

    /// The terms in force.
    #[inline]
    pub(super) fn terms(&self) -> Terms {
        loop {
            let generation = self.generation.load(Acquire);
            let terms = self.terms[(generation & 1) as usize].load(generation);
            // A copy is only overwritten once the generation has moved on, and its loads acquire.
            if self.generation.load(Relaxed) == generation {
                return terms;
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
            let old = self.terms();
            self.change(&old, &Terms::new(rate, burst, now, old.generation + 1), buckets);
        }
    }

    /// Sets the permit clock back, where it is due: by the first who can, while it is not pressing.
    #[cold]
    pub(super) fn set_back(&self, now: Instant, buckets: impl FnOnce(&dyn Fn(&AtomicU64))) {
        let terms = self.terms();
        let pressing = now.as_nanos().saturating_sub(terms.origin) > terms.horizon();
        let Some(_held) = (if pressing { Some(self.lock()) } else { self.given.try_lock().ok() }) else {
            return;
        };
        let old = self.terms();
        if old.far(now) {
            self.change(&old, &old.set_back(now), buckets);
        }
    }

    fn change(&self, old: &Terms, new: &Terms, buckets: impl FnOnce(&dyn Fn(&AtomicU64))) {
        self.terms[(new.generation & 1) as usize].store(new);
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

    fn lock(&self) -> MutexGuard<'_, (Rate, Burst)> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket under `terms`; `None` if it is ahead of them.
    #[inline]
    pub(super) fn value(&self, terms: &Terms, word: u64) -> Option<u64> {
        if word & TAG == terms.generation & TAG { Some(word >> TAG_BITS) } else { self.carried(terms, word) }
    }

    #[cold]
    fn carried(&self, terms: &Terms, word: u64) -> Option<u64> {
        let before = terms.generation.wrapping_sub(1);
        if word & TAG != before & TAG {
            return None;
        }
        let from = self.terms[(before & 1) as usize].load(before);
        // If the generation has moved on, that copy may be half of one and half of another.
        (self.generation.load(Relaxed) == terms.generation)
            .then(|| (self.carry)(terms, word >> TAG_BITS, &from))
    }

    /// Takes `permits` (at most the burst) if `condition` holds of the bucket as it was found.
    #[inline]
    pub(super) fn take(
        &self,
        terms: &Terms,
        bucket: &AtomicU64,
        reading: Reading,
        permits: u32,
        condition: impl Fn(u64) -> bool,
    ) -> Take {
        let mut word = bucket.load(Acquire);
        loop {
            let Some(before) = self.value(terms, word) else { return Take::Stale };
            if !condition(before) {
                return Take::Declined;
            }
            match terms.charge(before, reading, permits) {
                Ok(after) => {
                    if bucket.compare_exchange_weak(word, pack(after, terms), Release, Relaxed).is_ok() {
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

    /// Gives `permits` back while `owned` holds; never beyond full. False if terms or owner went stale.
    pub(super) fn give(
        &self,
        terms: &Terms,
        bucket: &AtomicU64,
        permits: u32,
        owned: impl Fn() -> bool,
    ) -> bool {
        let mut word = bucket.load(Acquire);
        loop {
            let value = self.value(terms, word);
            let (Some(value), true) = (value, owned()) else { return false };
            // Below the permit clock a bucket is full, however far below.
            let after = pack(value.saturating_sub(terms.cost(permits)), terms);
            match bucket.compare_exchange_weak(word, after, Release, Acquire) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes the bucket back from `after` to what it was `permits` before, if nothing has happened to it since.
    pub(super) fn undo(&self, generation: u64, bucket: &AtomicU64, after: u64, permits: u32) -> bool {
        let terms = self.terms();
        let before = after.saturating_sub(terms.cost(permits));
        let (word, back) = (pack(after, &terms), pack(before, &terms));
        terms.generation == generation && bucket.compare_exchange(word, back, Release, Relaxed).is_ok()
    }

    /// Looks at a bucket without changing it, while `owned` holds.
    pub(super) fn peek(
        &self,
        terms: &Terms,
        bucket: &AtomicU64,
        now: Instant,
        permits: u32,
        owned: impl Fn() -> bool,
    ) -> Option<Peek> {
        let word = bucket.load(Acquire);
        let value = self.value(terms, word)?;
        owned().then(|| Peek::at(terms, value, now, permits))
    }
}

impl Peek {
    pub(super) fn at(terms: &Terms, value: u64, now: Instant, permits: u32) -> Self {
        let reading = terms.read(now);
        let wait = (permits <= terms.burst).then(|| match terms.charge(value, reading, permits) {
            Ok(_) => Duration::ZERO,
            Err(target) => terms.when(target).since(now),
        });
        Self { available: terms.available(value, reading), wait }
    }
}

/// A bucket as it is stored under these terms.
#[inline]
pub(super) const fn pack(value: u64, terms: &Terms) -> u64 {
    value << TAG_BITS | terms.generation & TAG
}

/// A moment's wait after a lost race. Whoever won has the line in its cache and is likely to come again: let it, and
/// both are done sooner (two threads on one bucket: each at half its speed alone, instead of a quarter).
fn stand_back() {
    for _ in 0..16 {
        hint::spin_loop();
    }
}

impl Copy {
    fn words(terms: &Terms) -> [u64; 5] {
        let shape = u64::from(terms.count)
            | u64::from(terms.scale) << 32
            | u64::from(terms.up) << 40
            | u64::from(terms.down) << 48;
        [terms.origin, terms.reciprocal, terms.period, shape, u64::from(terms.burst)]
    }

    fn new(terms: &Terms) -> Self {
        Self(Self::words(terms).map(AtomicU64::new))
    }

    fn store(&self, terms: &Terms) {
        for (word, value) in self.0.iter().zip(Self::words(terms)) {
            word.store(value, Release);
        }
    }

    #[inline]
    fn load(&self, generation: u64) -> Terms {
        let [origin, reciprocal, period, shape, burst] = &self.0;
        let shape = shape.load(Acquire);
        Terms {
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
