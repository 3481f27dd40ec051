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

/// The bit that says that no call may begin to use the entry any more.
const RETIRED: u32 = 1 << 31;

/// A machine with its key and the count of calls that use it.
#[derive(Debug)]
pub(super) struct Entry<M> {
    pub(super) key: KeyHash,
    pub(super) machine: M,
    /// The number of calls that use it, and [`RETIRED`]: in one word, so that no call begins to use a retired entry.
    uses: AtomicU32,
    used: AtomicU64,
}

impl<M> Entry<M> {
    pub(super) fn new(key: KeyHash, machine: M, now: Instant) -> Self {
        Self { key, machine, uses: AtomicU32::new(0), used: AtomicU64::new(now.as_nanos()) }
    }

    /// Takes a reference for a call; `None` if the entry was retired.
    pub(super) fn acquire(self: &Arc<Self>, now: Instant) -> Option<MachineRef<M>> {
        let one_more = |uses: u32| (uses & RETIRED == 0).then_some(uses + 1);
        self.uses.fetch_update(AcqRel, Acquire, one_more).ok()?;
        self.used.store(now.as_nanos(), Relaxed);
        Some(MachineRef { entry: Arc::clone(self) })
    }

    /// Retires the entry, unless a call uses it.
    pub(super) fn retire(&self) -> bool {
        self.uses.compare_exchange(0, RETIRED, AcqRel, Acquire).is_ok()
    }

    /// The time of its last use, in nanoseconds.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    pub(super) fn in_use(&self) -> bool {
        self.uses.load(Acquire) != 0
    }
}

/// A reference to a machine in use. The machine stays in its registry until this is dropped.
#[derive(Debug)]
pub struct MachineRef<M> {
    entry: Arc<Entry<M>>,
}

impl<M> Deref for MachineRef<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.entry.machine
    }
}

impl<M> Drop for MachineRef<M> {
    #[inline]
    fn drop(&mut self) {
        self.entry.uses.fetch_sub(1, Release);
    }
}
