use plimsoll_policy::{Instant, KeyHash};
use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

/// No call may begin to use it any more.
const RETIRED: u32 = 1 << 31;

/// A machine with its key, and who uses it.
#[derive(Debug)]
pub(super) struct Entry<M> {
    pub(super) key: KeyHash,
    pub(super) machine: M,
    /// Calls that use it, and [`RETIRED`]: one word, so that nobody begins to use what is just being taken away.
    uses: AtomicU32,
    used: AtomicU64,
}

impl<M> Entry<M> {
    pub(super) fn new(key: KeyHash, machine: M, now: Instant) -> Self {
        Self { key, machine, uses: AtomicU32::new(0), used: AtomicU64::new(now.as_nanos()) }
    }

    /// For a call; `None` if it has been taken away.
    pub(super) fn lease(self: &Arc<Self>, now: Instant) -> Option<Lease<M>> {
        let one_more = |uses: u32| (uses & RETIRED == 0).then_some(uses + 1);
        self.uses.fetch_update(AcqRel, Acquire, one_more).ok()?;
        self.used.store(now.as_nanos(), Relaxed);
        Some(Lease { entry: Arc::clone(self) })
    }

    /// Takes it away, unless a call uses it.
    pub(super) fn retire(&self) -> bool {
        self.uses.compare_exchange(0, RETIRED, AcqRel, Acquire).is_ok()
    }

    /// When it was last asked for.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    pub(super) fn in_use(&self) -> bool {
        self.uses.load(Acquire) != 0
    }
}

/// A machine in use: it stays in its registry at least until this is dropped.
#[derive(Debug)]
pub struct Lease<M> {
    entry: Arc<Entry<M>>,
}

impl<M> Deref for Lease<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.entry.machine
    }
}

impl<M> Drop for Lease<M> {
    #[inline]
    fn drop(&mut self) {
        self.entry.uses.fetch_sub(1, Release);
    }
}
