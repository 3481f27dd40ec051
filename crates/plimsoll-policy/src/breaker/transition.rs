//! The breaker's transitions: by its counts, by time, and by hand.

use super::{Breaker, BreakerSpec, Counts, Opening, Passage, record::Record, word::Word};
use crate::{
    BreakerState, Draw, Instant, Machine, Reason, RejectedError, Transition, TransitionReason,
    sync::{
        MutexGuard,
        atomic::Ordering::{AcqRel, Release},
    },
};
use std::{
    sync::{PoisonError, TryLockError},
    time::Duration,
};

/// Transitions by hand. Each returns the transition that it made, or `None` if the breaker was in that state already.
impl Breaker {
    /// Keeps the breaker closed: calls pass and are counted, and nothing opens it. Starts with an empty window.
    pub fn force_closed(&self, now: Instant) -> Option<Transition> {
        self.force(now, BreakerState::ForcedClosed)
    }

    /// Keeps the breaker open: every call is refused until [`Breaker::release`].
    pub fn force_open(&self, now: Instant) -> Option<Transition> {
        self.force(now, BreakerState::ForcedOpen)
    }

    /// Takes the peer out of service: as [`Breaker::force_open`], with a state of its own, so that an observer can
    /// tell maintenance from an emergency.
    pub fn isolate(&self, now: Instant) -> Option<Transition> {
        self.force(now, BreakerState::Isolated)
    }

    /// Ends the forced state: the breaker is closed with an empty window after [`Breaker::force_closed`], and half-open
    /// after the other two, since the peer has had no calls for a while. `None` if nothing was forced.
    pub fn release(&self, now: Instant) -> Option<Transition> {
        let mut record = self.lock();
        let to = match self.word().state() {
            BreakerState::ForcedClosed => BreakerState::Closed,
            BreakerState::ForcedOpen | BreakerState::Isolated => BreakerState::HalfOpen,
            BreakerState::Closed | BreakerState::Open | BreakerState::HalfOpen => return None,
        };
        Some(self.enter(&mut record, now, Draw::new(0), to, TransitionReason::ByHand))
    }

    fn force(&self, now: Instant, to: BreakerState) -> Option<Transition> {
        let mut record = self.lock();
        if self.word().state() == to {
            return None;
        }
        Some(self.enter(&mut record, now, Draw::new(0), to, TransitionReason::ByHand))
    }

    /// Allocates what an [`update`](Self::update) to this spec will need, without any visible change.
    pub(crate) fn prepare(&self, spec: BreakerSpec) {
        self.calls.prepare(self.steady.limits.cut().changed(spec.window).0);
    }

    /// Applies new thresholds at once. State, window and consecutive failures are kept.
    ///
    /// They are compared with the window when the next call fails or is slow, or with the next step of a time window. A
    /// running open or half-open time does not change. Calls already counted stay slow or not slow as they were. If
    /// fewer probes are required than have succeeded already, the next call or the next settled probe closes the
    /// breaker, so that observers of transitions see it.
    ///
    /// Another window keeps what it can: a window by count keeps its last calls, however its size changes (up to
    /// [`BreakerSpec::MAX_CALLS`]); one by time keeps all while the new length is between a quarter of the one it was
    /// made with and that one, and up to its double as far as 32 of its buckets reach. Beyond that, and on a change
    /// between time and count, it starts empty, and calls in flight at that moment do not count. The first change to a
    /// window by count allocates.
    pub fn update(&self, spec: BreakerSpec) {
        let mut record = self.lock();
        let limits = &self.steady.limits;
        let (cut, kept) = limits.cut().changed(spec.window);
        self.calls.prepare(cut);
        limits.set(&spec);
        // Before the epoch: a caller that sees the new epoch cuts the new way, and calls cut otherwise are of an old epoch.
        limits.set_cut(cut);
        let word = self.word();
        if !kept && word.passes() {
            self.begin(Word::new(word.epoch().wrapping_add(1), word.state()), Instant::FAR);
        }
        record.spec = spec;
    }

    /// Returns the thresholds in force.
    pub fn spec(&self) -> BreakerSpec {
        self.lock().spec
    }
}

/// Automatic transitions. Each changes nothing and returns `None` if the caller's epoch is over.
impl Breaker {
    pub(super) fn open(
        &self,
        epoch: u32,
        now: Instant,
        draw: Draw,
        reason: TransitionReason,
        counts: Counts,
    ) -> Option<Transition> {
        let mut record = self.lock_in(epoch)?;
        record.opening = Some(Opening { at: now, reason, counts });
        Some(self.enter(&mut record, now, draw, BreakerState::Open, reason))
    }

    pub(super) fn reopen(&self, epoch: u32, now: Instant, draw: Draw) -> Option<Transition> {
        let mut record = self.lock_in(epoch)?;
        Some(self.enter(&mut record, now, draw, BreakerState::Open, TransitionReason::ProbeFailed))
    }

    pub(super) fn close(&self, epoch: u32, now: Instant, draw: Draw) -> Option<Transition> {
        let mut record = self.lock_in(epoch)?;
        Some(self.enter(&mut record, now, draw, BreakerState::Closed, TransitionReason::ProbesPassed))
    }

    /// Begins a set of probes, of which the caller is the first. `Ok(None)`: another caller was faster; read the state
    /// again.
    ///
    /// Never waits for the lock.
    pub(super) fn begin_probing(
        &self,
        word: Word,
        now: Instant,
        reason: TransitionReason,
    ) -> Result<Option<Passage>, RejectedError> {
        let Some(mut record) = self.try_lock_in(word)? else { return Ok(None) };
        let transition = Transition { from: word.state(), to: BreakerState::HalfOpen, reason };
        let until = record.note(now, Draw::new(0), transition);
        let epoch = word.epoch().wrapping_add(1);
        self.begin(Word::new(epoch, BreakerState::HalfOpen).give(), until);
        Ok(Some(Passage::probe(epoch, Some(transition))))
    }

    /// Closes the breaker for a caller, which is admitted. `Ok(None)` and the refusal as in [`Breaker::begin_probing`].
    pub(super) fn close_at_once(&self, word: Word, now: Instant) -> Result<Option<Passage>, RejectedError> {
        let Some(mut record) = self.try_lock_in(word)? else { return Ok(None) };
        let reason = TransitionReason::ProbesPassed;
        let transition = self.enter(&mut record, now, Draw::new(0), BreakerState::Closed, reason);
        let closed = Word::new(word.epoch().wrapping_add(1), BreakerState::Closed);
        Ok(Some(Passage { transition: Some(transition), ..Passage::steady(closed) }))
    }

    fn enter(
        &self,
        record: &mut Record,
        now: Instant,
        draw: Draw,
        to: BreakerState,
        reason: TransitionReason,
    ) -> Transition {
        let word = self.word();
        let transition = Transition { from: word.state(), to, reason };
        let until = record.note(now, draw, transition);
        self.begin(Word::new(word.epoch().wrapping_add(1), to), until);
        transition
    }

    /// Only under the lock: nothing else changes the epoch, so the word that is replaced need not be looked at. A
    /// probe's permit that was given or taken a moment ago belongs to the epoch that ends.
    fn begin(&self, word: Word, until: Instant) {
        self.steady.until[word.epoch() as usize % 2].store(until.as_nanos(), Release);
        self.steady.word.swap(word.bits(), AcqRel);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if this word's epoch is still the current one, for a caller of `admit`, which does not wait:
    /// while another thread holds it, the state is just changing, and the caller is refused as before.
    fn try_lock_in(&self, word: Word) -> Result<Option<MutexGuard<'_, Record>>, RejectedError> {
        let record = match self.record.try_lock() {
            Ok(record) => record,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let open = word.state() == BreakerState::Open;
                let why = if open { Reason::CircuitOpen } else { Reason::ProbesTaken };
                return Err(RejectedError::new(Machine::Breaker, why).after(Duration::ZERO));
            }
        };
        Ok((self.word().epoch() == word.epoch()).then_some(record))
    }

    /// Takes the lock if this epoch is still the current one.
    fn lock_in(&self, epoch: u32) -> Option<MutexGuard<'_, Record>> {
        let record = self.lock();
        (self.word().epoch() == epoch).then_some(record)
    }
}
