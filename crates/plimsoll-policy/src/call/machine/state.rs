//! The state of a call: only the `move_to_*` functions change it.

use crate::{AttemptRole, Instant, Ticket, policy::Permits, rate::Slot};

/// A call's wait for a permit of the bulkhead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) role: AttemptRole,
    pub(super) ticket: Ticket,
    /// The permits that it holds already.
    pub(super) permits: Permits,
    pub(super) since: Instant,
    pub(super) until: Instant,
}

/// The stage of a call, by the event that it waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallStage {
    /// Its start.
    New,
    /// Its turn at the rate limit. Nothing of it has begun.
    Delayed(Slot),
    /// A permit of the bulkhead.
    Queued(Queued),
    /// The end of the wait before a retry.
    Backoff(Instant),
    /// An attempt's head.
    InFlight,
    /// The end of the body that the caller reads.
    Committed,
    /// Nothing: the call is over.
    Ended,
}

/// The state of a call.
#[derive(Debug)]
pub(super) struct State(CallStage);

impl State {
    /// The state before the call's start.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(CallStage::New)
    }

    #[inline(always)]
    pub(super) const fn stage(&self) -> &CallStage {
        &self.0
    }

    #[inline(always)]
    pub(super) const fn is_in_flight(&self) -> bool {
        matches!(self.0, CallStage::InFlight)
    }

    #[inline(always)]
    pub(super) const fn is_committed(&self) -> bool {
        matches!(self.0, CallStage::Committed)
    }

    #[inline(always)]
    pub(super) const fn is_ended(&self) -> bool {
        matches!(self.0, CallStage::Ended)
    }

    /// The call waits for its turn, before its first attempt.
    #[inline(always)]
    pub(super) fn move_to_delayed(&mut self, slot: Slot) {
        debug_assert!(matches!(self.0, CallStage::New), "{self:?} has had its turn");
        self.0 = CallStage::Delayed(slot);
    }

    /// The attempt that is to begin waits for a permit. A hedge never does.
    #[inline(always)]
    pub(super) fn move_to_queued(&mut self, queued: Queued) {
        debug_assert!(
            matches!(self.0, CallStage::New | CallStage::Delayed(_) | CallStage::Backoff(_)),
            "{self:?} cannot queue"
        );
        self.0 = CallStage::Queued(queued);
    }

    /// A retry is planned for this time.
    #[inline(always)]
    pub(super) fn move_to_backoff(&mut self, until: Instant) {
        debug_assert!(self.is_in_flight(), "{self:?} has no attempt to retry");
        self.0 = CallStage::Backoff(until);
    }

    /// An attempt begins.
    #[inline(always)]
    pub(super) fn move_to_in_flight(&mut self) {
        debug_assert!(!self.is_committed() && !self.is_ended(), "{self:?} begins no attempt");
        self.0 = CallStage::InFlight;
    }

    /// A response goes to the caller, and its body is still to be read.
    #[inline(always)]
    pub(super) fn move_to_committed(&mut self) {
        debug_assert!(!self.is_committed() && !self.is_ended(), "{self:?} commits to no other response");
        self.0 = CallStage::Committed;
    }

    /// The call is over.
    #[inline(always)]
    pub(super) fn move_to_ended(&mut self) {
        self.0 = CallStage::Ended;
    }
}
