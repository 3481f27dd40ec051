//! Places under a limit that may move, and the line before them: the core that a bulkhead and an adaptive limit share.
//!
//! The count of waiters changes only under the lock of the line, and a newcomer passes without the lock only while
//! that count is zero. So a place that is free while somebody waits can be taken by nobody but the holder of the lock,
//! who hands it over.

use super::{
    BulkheadSnapshot, BulkheadSpec, Claim, Order,
    line::{Line, Phase},
    word::{MAX_WAITING, Word},
};
use crate::{
    Instant, Ticket, Woken,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed},
    },
    time::nanos,
};
use std::{
    num::NonZeroU32,
    sync::{PoisonError, TryLockError},
    time::Duration,
};

/// Grants that may stand unclaimed however short the line is: wakers run late, and in bursts.
const UNCLAIMED: u32 = 64;

const NOBODY: u64 = u64::MAX;

/// An answer to a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// Go on, as one of so many in flight.
    Now(u32),
    Queued(Ticket, Instant),
    Full,
    /// Would have to wait, and has no time to.
    TooLate,
}

/// See the [module](self). Two cache lines of its own, so that neighbours do not slow it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Gate {
    word: AtomicU64,
    /// The longest line.
    room: AtomicU32,
    /// The longest wait, in nanoseconds.
    wait: AtomicU64,
    /// Since when the first in line waits, in nanoseconds; [`NOBODY`]. Written under the lock.
    first: AtomicU64,
    line: Mutex<Line>,
}

impl Gate {
    pub(crate) fn new(limit: u32, room: u32, wait: Duration) -> Self {
        let room = room.min(MAX_WAITING);
        Self {
            word: AtomicU64::new(Word::new(limit).0),
            room: AtomicU32::new(room),
            wait: AtomicU64::new(nanos(wait)),
            first: AtomicU64::new(NOBODY),
            line: Mutex::new(Line::new(room, unclaimed(limit, room))),
        }
    }

    #[inline]
    pub(crate) fn admit(&self, now: Instant, deadline: Instant, order: Order) -> Entry {
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
    fn join(&self, seen: Word, now: Instant, deadline: Instant, order: Order) -> Entry {
        let room = self.room.load(Relaxed);
        if room == 0 {
            return Entry::Full;
        }
        let mut line = if seen.waiting() < room {
            self.line()
        } else {
            // Full: to look for waiters past their limit is worth a lock that is free, not a wait for one that is not.
            match self.line.try_lock() {
                Ok(line) => line,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Entry::Full,
            }
        };
        let mut until = deadline.earliest(now + Duration::from_nanos(self.wait.load(Relaxed)));
        if let Order::NewestFirst { drop_after } = order {
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
            } else if word.waiting() >= room || !line.has_room() {
                let full = word.waiting();
                self.pass_over(&mut line, now, order);
                if self.load().waiting() == full {
                    return Entry::Full;
                }
            } else if self.swap(word, word.one_queued()).is_ok() {
                let ticket = line.push(now, until);
                self.note_first(&line);
                return Entry::Queued(ticket, until);
            }
        }
    }

    #[inline]
    pub(crate) fn release(&self, now: Instant, order: Order) -> Woken {
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
    fn release_to_line(&self, now: Instant, order: Order) -> Woken {
        let mut line = self.line();
        self.change(Word::one_out);
        self.next(&mut line, now, order)
    }

    /// Gives a free place, if there is one, to the next in line, if there is one.
    pub(crate) fn hand_over(&self, now: Instant, order: Order) -> Woken {
        if self.load().waiting() == 0 { Woken::NONE } else { self.next(&mut self.line(), now, order) }
    }

    fn next(&self, line: &mut Line, now: Instant, order: Order) -> Woken {
        self.pass_over(line, now, order);
        let next = loop {
            let next = match order {
                Order::OldestFirst => line.oldest(),
                Order::NewestFirst { .. } => line.newest(),
            };
            match next {
                // From the newest end the front has not been looked at.
                Some(at) if line.until(at) <= now => self.leave(line, at),
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
                let ticket = line.grant(at);
                self.note_first(line);
                return Woken(Some(ticket));
            }
        }
    }

    /// Takes those at the front out of the line whose time is over.
    fn pass_over(&self, line: &mut Line, now: Instant, order: Order) {
        while let Some(at) = line.oldest() {
            let aged = match order {
                Order::OldestFirst => false,
                Order::NewestFirst { drop_after } => now.since(line.since(at)) > drop_after,
            };
            if !aged && line.until(at) > now {
                break;
            }
            self.leave(line, at);
        }
    }

    fn leave(&self, line: &mut Line, at: u32) {
        line.remove(at);
        self.note_first(line);
        self.change(Word::one_unqueued);
    }

    fn note_first(&self, line: &Line) {
        let since = line.oldest().map_or(NOBODY, |at| line.since(at).as_nanos());
        self.first.store(since, Relaxed);
    }

    /// How long the first in line has waited; `None` of an empty line. One load.
    pub(crate) fn oldest_wait(&self, now: Instant) -> Option<Duration> {
        let since = self.first.load(Relaxed);
        (since != NOBODY).then(|| now.since(Instant::from_nanos(since)))
    }

    pub(crate) fn claim(&self, ticket: Ticket, now: Instant) -> Claim<()> {
        let mut line = self.line();
        match line.find(ticket) {
            Some((at, Phase::Granted)) => {
                let waited = now.since(line.since(at));
                line.vacate(at);
                Claim::Granted { permit: (), waited }
            }
            Some(_) => Claim::Waiting,
            None => Claim::Gone,
        }
    }

    /// Whether the ticket had a place, which is then the caller's.
    pub(crate) fn give_up(&self, ticket: Ticket) -> bool {
        let mut line = self.line();
        match line.find(ticket) {
            Some((at, Phase::Granted)) => {
                line.vacate(at);
                true
            }
            Some((at, _)) => {
                self.leave(&mut line, at);
                false
            }
            None => false,
        }
    }

    /// Allocates what an update to this will need, and changes nothing that anybody sees.
    pub(crate) fn prepare(&self, limit: u32, room: u32) {
        let room = room.min(MAX_WAITING);
        self.line().lengthen(room, unclaimed(limit, room));
    }

    pub(crate) fn update(&self, limit: u32, room: u32, wait: Duration) {
        let room = room.min(MAX_WAITING);
        let mut line = self.line();
        line.lengthen(room, unclaimed(limit, room));
        self.room.store(room, Relaxed);
        self.wait.store(nanos(wait), Relaxed);
        self.set_limit(limit);
    }

    /// Moves the limit alone. Where it grows, follow with [`hand_over`](Self::hand_over).
    pub(crate) fn set_limit(&self, limit: u32) {
        self.change(|word| word.limited_to(limit));
    }

    pub(crate) fn slots(&self) -> usize {
        self.line().slots()
    }

    /// What is in flight, and its limit.
    pub(crate) fn fill(&self) -> (u32, u32) {
        let word = self.load();
        (word.in_flight(), word.limit())
    }

    pub(crate) fn snapshot(&self, now: Instant) -> BulkheadSnapshot {
        let _alone = self.line();
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

    /// Nothing panics under the lock, so a poisoned one can only come of an abort elsewhere: go on with what is there.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
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

/// For how many, granted a place and not yet come for it, there is room beside those in line.
fn unclaimed(limit: u32, room: u32) -> u32 {
    limit.min(room.max(UNCLAIMED))
}
