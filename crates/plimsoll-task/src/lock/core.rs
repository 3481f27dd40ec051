//! The measured part of every lock: a name, slots for its holders, and counts of its waits.

use super::{
    Holder, LockKind, LockStats, Owner, SourceLocation,
    holder_slot::HolderSlot,
    order,
    shared_slot::{self, SharedHolderSlot},
    waits::{self, Wait},
};
use crate::measure::{Durations, Registry, SAMPLED};
use parking_lot::{Mutex, MutexGuard};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The default hold limit, above which a hold is a finding.
const HOLD_LIMIT: Duration = Duration::from_secs(1);
/// The number of slots for shared holders.
const SHARED: usize = 8;
/// The most locks that [`all`] returns.
const MOST: usize = 4096;

static LOCKS: Registry<Core> = Registry::new(MOST);

/// Returns all live locks, the first 4,096 of them.
pub(crate) fn all() -> Vec<Arc<Core>> {
    LOCKS.all()
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(super) id: u64,
    pub(super) name: &'static str,
    kind: LockKind,
    exclusive: HolderSlot,
    shared: Box<[SharedHolderSlot]>,
    /// Whether one holder is enough to make others wait: not for a semaphore with more than one permit.
    one_blocks: AtomicBool,
    hold_limit: AtomicU64,
    waiting: AtomicU32,
    wait: Durations,
    hold: Durations,
    /// The holders of the monitor's last look, by slot, and the time since which each has been seen. Not touched by
    /// acquisitions.
    noted: Mutex<Vec<(usize, Holder, Instant)>>,
}

/// The mode of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Exclusive,
    Shared,
}

/// The record of one hold, from acquisition to release.
#[derive(Debug)]
pub(super) struct HoldRecord {
    owner: Owner,
    share: Share,
    ordered: bool,
    /// The start, of holds that waited and of one in [`SAMPLED`] of the others.
    since: Option<Instant>,
}

impl Core {
    pub(super) fn new(name: &'static str, kind: LockKind, one_blocks: bool) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let shared = if kind == LockKind::Mutex { 0 } else { SHARED };
        let core = Arc::new(Self {
            id: NEXT.fetch_add(1, Relaxed),
            name,
            kind,
            exclusive: HolderSlot::new(),
            shared: (0..shared).map(|_| SharedHolderSlot::new()).collect(),
            one_blocks: AtomicBool::new(one_blocks),
            hold_limit: AtomicU64::new(HOLD_LIMIT.as_nanos() as u64),
            waiting: AtomicU32::new(0),
            wait: Durations::default(),
            hold: Durations::default(),
            noted: Mutex::default(),
        });
        LOCKS.add(&core);
        core
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn set_hold_limit(&self, limit: Duration) {
        self.hold_limit.store(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn hold_limit(&self) -> Duration {
        Duration::from_nanos(self.hold_limit.load(Relaxed))
    }

    pub(super) fn several_may_hold(&self) {
        self.one_blocks.store(false, Relaxed);
    }

    pub(super) fn one_blocks(&self) -> bool {
        self.one_blocks.load(Relaxed)
    }

    #[inline]
    fn shared_slot(&self, owner: Owner) -> &SharedHolderSlot {
        &self.shared[owner.number() as usize % SHARED]
    }

    /// Records an acquisition: without a wait, or at `since` after one.
    #[inline]
    pub(super) fn begin(
        &self,
        owner: Owner,
        share: Share,
        location: SourceLocation,
        since: Option<Instant>,
    ) -> HoldRecord {
        let turn = match share {
            Share::Exclusive => self.exclusive.take(owner, location),
            Share::Shared => {
                let ticket = shared_slot::ticket();
                self.shared_slot(owner).take(ticket, owner, location);
                ticket
            }
        };
        let sampled = turn.is_multiple_of(SAMPLED);
        let since = if sampled { since.or_else(|| Some(Instant::now())) } else { since };
        let ordered = order::is_watched();
        if ordered {
            order::took(owner, self, location);
        }
        HoldRecord { owner, share, ordered, since }
    }

    /// Records the release, just before it happens, so that no slot shows a holder after another has taken the lock.
    #[inline]
    pub(super) fn end(&self, record: &HoldRecord) {
        match record.share {
            Share::Exclusive => self.exclusive.leave(),
            Share::Shared => self.shared_slot(record.owner).leave(),
        }
        if record.since.is_some() || record.ordered {
            self.settle(record);
        }
    }

    #[cold]
    fn settle(&self, record: &HoldRecord) {
        if let Some(since) = record.since {
            self.hold.add(since.elapsed());
        }
        if record.ordered {
            order::gave_back(record.owner, self);
        }
    }

    /// Waits for the lock, visible to the search for cycles. Returns also the time at which it was taken.
    pub(super) async fn wait<A: Future>(
        self: &Arc<Self>,
        owner: Owner,
        location: SourceLocation,
        taken: A,
    ) -> (A::Output, Option<Instant>) {
        if order::is_watched() {
            order::wants(owner, self, location);
        }
        let waiting = Waiting::begin(self, owner, location);
        let output = taken.await;
        (output, Some(waiting.over()))
    }

    /// Returns the visible holders, by slot.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (usize, Holder)> {
        let shared = self.shared.iter().map(SharedHolderSlot::look);
        let slots = std::iter::once(self.exclusive.look()).chain(shared).enumerate();
        slots.filter_map(|(at, held)| Some((at, held?)))
    }

    /// Notes the holds that a monitor has seen, each with the time since which it has.
    pub(crate) fn note(&self, seen: impl Iterator<Item = (usize, Holder, Instant)>) {
        let mut noted = self.noted();
        let before = std::mem::take(&mut *noted);
        noted.extend(seen.map(|(slot, held, since)| {
            // Another monitor may have seen it earlier.
            let known = before.iter().find(|(at, seen, _)| (*at, *seen) == (slot, held));
            (slot, held, known.map_or(since, |(_, _, known)| since.min(*known)))
        }));
    }

    fn noted(&self) -> MutexGuard<'_, Vec<(usize, Holder, Instant)>> {
        self.noted.lock()
    }

    pub(super) fn stats(&self, now: Instant) -> LockStats {
        let held: Vec<_> = self.holders().collect();
        let noted = self.noted();
        // A holder that has left since that look is in no slot, or in another turn.
        let still = noted.iter().filter(|(slot, seen, _)| held.contains(&(*slot, *seen)));
        let since = still.map(|(_, _, since)| *since).min();
        LockStats {
            name: self.name,
            kind: self.kind,
            taken: self.exclusive.turn(),
            waiting: self.waiting.load(Relaxed),
            wait: self.wait.read(),
            hold: self.hold.read(),
            held_at: held.iter().map(|(_, held)| held.location).collect(),
            held_for: since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
        }
    }
}

/// A wait in progress. Dropping it before it is [`over`](Self::over) gives it up.
struct Waiting<'a> {
    core: &'a Arc<Core>,
    since: Instant,
    wait: Option<Wait>,
    holder: Option<Holder>,
    location: SourceLocation,
    owner: Owner,
}

impl<'a> Waiting<'a> {
    fn begin(core: &'a Arc<Core>, owner: Owner, location: SourceLocation) -> Self {
        let since = Instant::now();
        core.waiting.fetch_add(1, Relaxed);
        let wait = waits::begin(core, owner, location, since);
        Self { core, since, wait, holder: core.exclusive.look(), location, owner }
    }

    /// Ends the wait with the acquisition and returns its time.
    fn over(self) -> Instant {
        let now = Instant::now();
        let waited = now.saturating_duration_since(self.since);
        if waited >= self.core.hold_limit() {
            // Still the same turn: nobody else has held the lock in between, so this holder held it for the whole wait.
            if let Some(holder) = self.holder.filter(|holder| holder.turn == self.core.exclusive.turn()) {
                super::finding::held_long(self.core, holder, Some((self.owner, self.location)), waited);
            }
        }
        now
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.waiting.fetch_sub(1, Relaxed);
        self.core.wait.add(self.since.elapsed());
        if let Some(wait) = self.wait.take() {
            waits::end(self.owner, &wait);
        }
    }
}
