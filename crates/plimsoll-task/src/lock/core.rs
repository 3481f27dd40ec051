//! What every lock here has beside tokio's: a name, seats for those who hold it, and counts of those who waited.

use super::{
    Held, LockKind, LockStats, Owner, Place, order,
    seat::Seat,
    shared_seat::{self, SharedSeat},
    waits::{self, Wait},
};
use crate::measure::{Durations, Registry, SAMPLED};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Holding longer than this is a finding, unless the lock says otherwise.
const HOLD_LIMIT: Duration = Duration::from_secs(1);
/// Seats for those who share a lock.
const SHARED: usize = 8;
/// Locks that [`all`] knows of.
const MOST: usize = 4096;

static LOCKS: Registry<Core> = Registry::new(MOST);

/// All locks that are alive, the first 4,096 of them.
pub(crate) fn all() -> Vec<Arc<Core>> {
    LOCKS.all()
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(super) id: u64,
    pub(super) name: &'static str,
    kind: LockKind,
    exclusive: Seat,
    shared: Box<[SharedSeat]>,
    /// Whether any holder is enough to make a newcomer wait: so not for a semaphore with more than one permit.
    one_blocks: AtomicBool,
    hold_limit: AtomicU64,
    waiting: AtomicU32,
    wait: Durations,
    hold: Durations,
    /// Since when, at least, it has been held so, by seat. As of the watch's last look; never touched by who takes the lock.
    noted: Mutex<Vec<(usize, Held, Instant)>>,
}

/// How a lock is held, and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Exclusive,
    Shared,
}

/// One holding, from taking to giving back.
#[derive(Debug)]
pub(super) struct Tenure {
    owner: Owner,
    share: Share,
    ordered: bool,
    /// Only of those who waited, and of one in [`SAMPLED`] of the others.
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
            exclusive: Seat::new(),
            shared: (0..shared).map(|_| SharedSeat::new()).collect(),
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
    fn shared_seat(&self, owner: Owner) -> &SharedSeat {
        &self.shared[owner.number() as usize % SHARED]
    }

    /// The lock has been taken: without waiting, or at `since` after a wait.
    #[inline]
    pub(super) fn begin(&self, owner: Owner, share: Share, place: Place, since: Option<Instant>) -> Tenure {
        let turn = match share {
            Share::Exclusive => self.exclusive.take(owner, place),
            Share::Shared => {
                let ticket = shared_seat::ticket();
                self.shared_seat(owner).take(ticket, owner, place);
                ticket
            }
        };
        let sampled = turn.is_multiple_of(SAMPLED);
        let since = if sampled { since.or_else(|| Some(Instant::now())) } else { since };
        let ordered = order::is_watched();
        if ordered {
            order::took(owner, self, place);
        }
        Tenure { owner, share, ordered, since }
    }

    /// The lock is about to be given back: before it is, so that nobody is seen in a seat that another has.
    #[inline]
    pub(super) fn end(&self, tenure: &Tenure) {
        match tenure.share {
            Share::Exclusive => self.exclusive.leave(),
            Share::Shared => self.shared_seat(tenure.owner).leave(),
        }
        if tenure.since.is_some() || tenure.ordered {
            self.settle(tenure);
        }
    }

    #[cold]
    fn settle(&self, tenure: &Tenure) {
        if let Some(since) = tenure.since {
            self.hold.add(since.elapsed());
        }
        if tenure.ordered {
            order::gave_back(tenure.owner, self);
        }
    }

    /// Waits for the lock, seen by all who look for cycles. Answers with the time at which it was taken.
    pub(super) async fn wait<A: Future>(
        self: &Arc<Self>,
        owner: Owner,
        place: Place,
        taken: A,
    ) -> (A::Output, Option<Instant>) {
        if order::is_watched() {
            order::wants(owner, self, place);
        }
        let waiting = Waiting::begin(self, owner, place);
        let output = taken.await;
        (output, Some(waiting.over()))
    }

    /// Those who hold it, as far as they are seen.
    pub(crate) fn held(&self) -> impl Iterator<Item = (usize, Held)> {
        let shared = self.shared.iter().map(SharedSeat::look);
        let seats = std::iter::once(self.exclusive.look()).chain(shared).enumerate();
        seats.filter_map(|(at, held)| Some((at, held?)))
    }

    /// The watch has seen these holdings, each since then.
    pub(crate) fn note(&self, seen: impl Iterator<Item = (usize, Held, Instant)>) {
        let mut noted = self.noted();
        let before = std::mem::take(&mut *noted);
        noted.extend(seen.map(|(seat, held, since)| {
            // Another watch may have seen it earlier.
            let known = before.iter().find(|(at, seen, _)| (*at, *seen) == (seat, held));
            (seat, held, known.map_or(since, |(_, _, known)| since.min(*known)))
        }));
    }

    fn noted(&self) -> MutexGuard<'_, Vec<(usize, Held, Instant)>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self, now: Instant) -> LockStats {
        let held: Vec<_> = self.held().collect();
        let noted = self.noted();
        // Who has gone since that look is in no seat, or in another turn.
        let still = noted.iter().filter(|(seat, seen, _)| held.contains(&(*seat, *seen)));
        let since = still.map(|(_, _, since)| *since).min();
        LockStats {
            name: self.name,
            kind: self.kind,
            taken: self.exclusive.turn(),
            waiting: self.waiting.load(Relaxed),
            wait: self.wait.read(),
            hold: self.hold.read(),
            held_at: held.iter().map(|(_, held)| held.place).collect(),
            held_for: since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
        }
    }
}

/// A wait under way. Dropped before it is [`over`](Self::over), it has been given up.
struct Waiting<'a> {
    core: &'a Arc<Core>,
    since: Instant,
    wait: Option<Wait>,
    holder: Option<Held>,
    place: Place,
    owner: Owner,
}

impl<'a> Waiting<'a> {
    fn begin(core: &'a Arc<Core>, owner: Owner, place: Place) -> Self {
        let since = Instant::now();
        core.waiting.fetch_add(1, Relaxed);
        let wait = waits::begin(core, owner, place, since);
        Self { core, since, wait, holder: core.exclusive.look(), place, owner }
    }

    /// The lock was taken, now.
    fn over(self) -> Instant {
        let now = Instant::now();
        let waited = now.saturating_duration_since(self.since);
        if waited >= self.core.hold_limit() {
            // Still the same turn: nobody else has had it in between, so this one had it all the while.
            if let Some(holder) = self.holder.filter(|holder| holder.turn == self.core.exclusive.turn()) {
                super::finding::held_long(self.core, holder, Some((self.owner, self.place)), waited);
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
