//! The attempts of a call: those in flight, the kept result, and the aborts that the driver has yet to carry out.

use super::{AttemptId, attempt::Attempt, kept::Kept};
use crate::{Instant, Outcome, Timeouts};
use smallvec::SmallVec;

/// The attempts in flight, at most two, and the results of those that have ended.
#[derive(Debug)]
pub(super) struct Attempts {
    slots: [Option<Attempt>; 2],
    kept: Option<Kept>,
    /// At most the attempts in flight and the kept response.
    aborts: SmallVec<[(AttemptId, Outcome); 3]>,
}

impl Attempts {
    /// The number of slots.
    pub(super) const SLOTS: usize = 2;

    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { slots: [None, None], kept: None, aborts: SmallVec::new() }
    }

    /// Puts an attempt in flight.
    #[inline(always)]
    pub(super) fn insert(&mut self, attempt: Attempt) {
        let free = usize::from(self.slots[0].is_some());
        debug_assert!(self.slots[free].is_none(), "a hedge is begun only beside one attempt");
        self.slots[free] = Some(attempt);
    }

    /// Puts the kept response in flight again, as the only attempt.
    pub(super) fn restore(&mut self, attempt: Attempt) {
        self.slots[0] = Some(attempt);
    }

    #[inline(always)]
    pub(super) fn get(&self, slot: usize) -> Option<&Attempt> {
        self.slots[slot].as_ref()
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Attempt> {
        self.slots[slot].as_mut()
    }

    /// Takes an attempt out of flight.
    #[inline(always)]
    pub(super) fn take(&mut self, slot: usize) -> Option<Attempt> {
        self.slots[slot].take()
    }

    /// Drops an attempt that has ended.
    #[inline(always)]
    pub(super) fn clear(&mut self, slot: usize) {
        self.slots[slot] = None;
    }

    /// Returns the attempt with this number, if it is in flight.
    #[inline(always)]
    pub(super) fn find_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        self.slots.iter_mut().flatten().find(|attempt| attempt.id == id)
    }

    /// Returns the slot of the attempt with this number, if it is in flight.
    #[inline(always)]
    pub(super) fn slot_of(&self, id: AttemptId) -> Option<usize> {
        self.slots.iter().position(|attempt| attempt.as_ref().is_some_and(|attempt| attempt.id == id))
    }

    /// The number of attempts in flight.
    #[inline(always)]
    pub(super) fn in_flight(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Returns whether no attempt is in flight.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// Returns the earliest limit of the attempts in flight, at most `deadline`.
    #[inline(always)]
    pub(super) fn expiry(&self, timeouts: &Timeouts, deadline: Instant) -> Instant {
        let attempts = self.slots.iter().flatten();
        attempts.map(|attempt| attempt.expiry(timeouts).at).fold(deadline, Instant::earliest)
    }

    /// Lets the driver abort this attempt.
    #[inline(always)]
    pub(super) fn abort(&mut self, id: AttemptId, outcome: Outcome) {
        self.aborts.push((id, outcome));
    }

    /// Takes an abort for the driver to carry out.
    #[inline(always)]
    pub(super) fn next_abort(&mut self) -> Option<(AttemptId, Outcome)> {
        self.aborts.pop()
    }

    /// Keeps a result for the caller in case no better one comes, and drops the one kept before.
    pub(super) fn keep(&mut self, result: Kept) {
        self.drop_kept();
        self.kept = Some(result);
    }

    /// Drops the kept result. A kept response is aborted.
    #[inline(always)]
    pub(super) fn drop_kept(&mut self) {
        if let Some(Kept::Responded(attempt)) = &self.kept {
            self.aborts.push((attempt.id, attempt.outcome().unwrap_or(Outcome::Cancelled)));
        }
        self.kept = None;
    }

    /// Takes the kept result, for the caller.
    pub(super) fn take_kept(&mut self) -> Option<Kept> {
        self.kept.take()
    }
}
