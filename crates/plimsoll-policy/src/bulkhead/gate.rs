//! Permits under a limit that may move, with a wait queue: the core that a bulkhead and an adaptive limit share.
//!
//! The count of waiters changes only under the queue's lock, and a newcomer passes without the lock only while that count
//! is zero. So a permit that is free while anybody waits can be taken only by the holder of the lock, which hands it over.

use super::{
    BulkheadSnapshot, BulkheadSpec, Claim, QueueOrder,
    wait_queue::{Phase, WaitQueue},
    word::{MAX_WAITING, Word},
};
use crate::{
    Instant, Ticket, Woken,
    sync::{
        Mutex, MutexGuard,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::nanos,
};
use std::{
    num::NonZeroU32,
    sync::{PoisonError, TryLockError},
    time::Duration,
};

/// The number of grants that may be unclaimed however short the queue is: wakers run late, and in bursts.
const UNCLAIMED: u32 = 64;

const NOBODY: u64 = u64::MAX;

/// The result of an admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// Admitted, as one of this number in flight.
    Now(u32),
    Queued(Ticket, Instant),
    Full,
    /// The call would have to wait, and its deadline leaves no time for it.
    TooLate,
}

/// See the [module](self). Two cache lines of its own, so that neighbours do not slow it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Gate {
    word: AtomicU64,
    /// The longest queue.
    room: AtomicU32,
    /// The longest wait, in nanoseconds.
    wait: AtomicU64,
    /// The time at which the oldest waiter joined, in nanoseconds, or [`NOBODY`]. Written under the lock.
    first: AtomicU64,
    queue: Mutex<WaitQueue>,
}

impl Gate {
    pub(crate) fn new(limit: u32, room: u32, wait: Duration) -> Self {
        let room = room.min(MAX_WAITING);
        Self {
            word: AtomicU64::new(Word::new(limit).0),
            room: AtomicU32::new(room),
            wait: AtomicU64::new(nanos(wait)),
            first: AtomicU64::new(NOBODY),
            queue: Mutex::new(WaitQueue::new(room, unclaimed(limit, room))),
        }
    }

    #[inline]
    pub(crate) fn admit(&self, now: Instant, deadline: Instant, order: QueueOrder) -> Entry {
        let mut word = self.load();
        while word.open() {
            match self.swap(word, word.one_in()) {
                Ok(()) => return Entry::Now(word.one_in().in_flight()),
                Err(seen) => word = seen,
            }
        }
        self.join(word, now, deadline, order)
    }

    #[cold]
    fn join(&self, seen: Word, now: Instant, deadline: Instant, order: QueueOrder) -> Entry {
        let room = self.room.load(Relaxed);
        if room == 0 {
            return Entry::Full;
        }
        let mut queue = if seen.waiting() < room {
            self.queue()
        } else {
            // Full: looking for waiters past their limit is worth a free lock, but not a wait for the lock.
            match self.queue.try_lock() {
                Ok(queue) => queue,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Entry::Full,
            }
        };
        let mut until = deadline.earliest(now + Duration::from_nanos(self.wait.load(Relaxed)));
        if let QueueOrder::NewestFirst { drop_after } = order {
            until = until.earliest(now + drop_after);
        }
        loop {
            let word = self.load();
            if word.open() {
                if self.swap(word, word.one_in()).is_ok() {
                    return Entry::Now(word.one_in().in_flight());
                }
            } else if until <= now {
                return if deadline <= now { Entry::TooLate } else { Entry::Full };
            } else if word.waiting() >= room || !queue.has_room() {
                let full = word.waiting();
                self.pass_over(&mut queue, now, order);
                if self.load().waiting() == full {
                    return Entry::Full;
                }
            } else if self.swap(word, word.one_queued()).is_ok() {
                let ticket = queue.push(now, until);
                self.note_first(&queue);
                return Entry::Queued(ticket, until);
            }
        }
    }

    #[inline]
    pub(crate) fn release(&self, now: Instant, order: QueueOrder) -> Woken {
        let mut word = self.load();
        while word.waiting() == 0 {
            match self.swap(word, word.one_out()) {
                Ok(()) => return Woken::NONE,
                Err(seen) => word = seen,
            }
        }
        self.release_to_line(now, order)
    }

    #[cold]
    fn release_to_line(&self, now: Instant, order: QueueOrder) -> Woken {
        let mut queue = self.queue();
        self.change(Word::one_out);
        self.next(&mut queue, now, order)
    }

    /// Grants a free permit, if there is one, to the next waiter, if there is one.
    pub(crate) fn hand_over(&self, now: Instant, order: QueueOrder) -> Woken {
        if self.load().waiting() == 0 { Woken::NONE } else { self.next(&mut self.queue(), now, order) }
    }

    fn next(&self, queue: &mut WaitQueue, now: Instant, order: QueueOrder) -> Woken {
        self.pass_over(queue, now, order);
        let next = loop {
            let next = match order {
                QueueOrder::OldestFirst => queue.oldest(),
                QueueOrder::NewestFirst { .. } => queue.newest(),
            };
            match next {
                // Served from the newest end, the expired waiters at the front have not been removed.
                Some(at) if queue.until(at) <= now => self.leave(queue, at),
                _ => break next,
            }
        };
        let Some(at) = next else { return Woken::NONE };
        loop {
            let word = self.load();
            if !word.has_place() {
                return Woken::NONE;
            }
            if self.swap(word, word.one_in().one_unqueued()).is_ok() {
                let ticket = queue.grant(at);
                self.note_first(queue);
                return Woken(Some(ticket));
            }
        }
    }

    /// Removes the waiters at the front whose time is over.
    fn pass_over(&self, queue: &mut WaitQueue, now: Instant, order: QueueOrder) {
        while let Some(at) = queue.oldest() {
            let aged = match order {
                QueueOrder::OldestFirst => false,
                QueueOrder::NewestFirst { drop_after } => now.since(queue.since(at)) > drop_after,
            };
            if !aged && queue.until(at) > now {
                break;
            }
            self.leave(queue, at);
        }
    }

    fn leave(&self, queue: &mut WaitQueue, at: u32) {
        queue.remove(at);
        self.note_first(queue);
        self.change(Word::one_unqueued);
    }

    fn note_first(&self, queue: &WaitQueue) {
        let since = queue.oldest().map_or(NOBODY, |at| queue.since(at).as_nanos());
        self.first.store(since, Relaxed);
    }

    /// Returns the wait of the oldest waiter; `None` for an empty queue. One load.
    pub(crate) fn oldest_wait(&self, now: Instant) -> Option<Duration> {
        let since = self.first.load(Relaxed);
        (since != NOBODY).then(|| now.since(Instant::from_nanos(since)))
    }

    pub(crate) fn claim(&self, ticket: Ticket, now: Instant) -> Claim<()> {
        let mut queue = self.queue();
        match queue.find(ticket) {
            Some((at, Phase::Granted)) => {
                let waited = now.since(queue.since(at));
                queue.vacate(at);
                Claim::Granted { permit: (), waited }
            }
            Some(_) => Claim::Waiting,
            None => Claim::Gone,
        }
    }

    /// Gives a ticket up. True if it had been granted a permit, which is then the caller's.
    pub(crate) fn give_up(&self, ticket: Ticket) -> bool {
        let mut queue = self.queue();
        match queue.find(ticket) {
            Some((at, Phase::Granted)) => {
                queue.vacate(at);
                true
            }
            Some((at, _)) => {
                self.leave(&mut queue, at);
                false
            }
            None => false,
        }
    }

    /// Allocates for an update to this spec, without any visible change.
    pub(crate) fn prepare(&self, limit: u32, room: u32) {
        let room = room.min(MAX_WAITING);
        self.queue().lengthen(room, unclaimed(limit, room));
    }

    pub(crate) fn update(&self, limit: u32, room: u32, wait: Duration) {
        let room = room.min(MAX_WAITING);
        let mut queue = self.queue();
        queue.lengthen(room, unclaimed(limit, room));
        self.room.store(room, Relaxed);
        self.wait.store(nanos(wait), Relaxed);
        self.set_limit(limit);
    }

    /// Changes the limit alone. After raising it, call [`hand_over`](Self::hand_over).
    pub(crate) fn set_limit(&self, limit: u32) {
        self.change(|word| word.limited_to(limit));
    }

    #[cfg(test)]
    pub(crate) fn slots(&self) -> usize {
        self.queue().slots()
    }

    /// Returns the number in flight, and its limit.
    pub(crate) fn fill(&self) -> (u32, u32) {
        let word = self.load();
        (word.in_flight(), word.limit())
    }

    pub(crate) fn snapshot(&self, now: Instant) -> BulkheadSnapshot {
        let _alone = self.queue();
        let word = self.load();
        BulkheadSnapshot {
            in_flight: word.in_flight(),
            waiting: word.waiting(),
            oldest_wait: self.oldest_wait(now).unwrap_or(Duration::ZERO),
            spec: BulkheadSpec {
                in_flight: NonZeroU32::new(word.limit()).unwrap_or(NonZeroU32::MIN),
                waiting: self.room.load(Relaxed),
                wait: Duration::from_nanos(self.wait.load(Relaxed)),
            },
        }
    }

    /// Locks the queue, ignoring poison: nothing panics under the lock.
    fn queue(&self) -> MutexGuard<'_, WaitQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline(always)]
    fn load(&self) -> Word {
        Word(self.word.load(Acquire))
    }

    #[inline(always)]
    fn swap(&self, from: Word, to: Word) -> Result<(), Word> {
        self.word.compare_exchange_weak(from.0, to.0, AcqRel, Acquire).map(drop).map_err(Word)
    }

    fn change(&self, to: impl Fn(Word) -> Word) {
        let mut word = self.load();
        while let Err(seen) = self.swap(word, to(word)) {
            word = seen;
        }
    }
}

/// The number of slots for granted and not yet claimed tickets, beside those for waiters.
fn unclaimed(limit: u32, room: u32) -> u32 {
    limit.min(room.max(UNCLAIMED))
}
