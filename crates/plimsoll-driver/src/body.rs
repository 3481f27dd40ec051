//! A response's body under its call's limits.

use crate::{Alarm, CallGuard, Machines, classify::BodyClassifier};
use http::HeaderMap;
use plimsoll_policy::{
    Failure, Instant, Limit, Outcome, Settlement,
    call::{Action, AttemptId, Event, Mark},
};
use std::{
    ops::Deref,
    task::{Context, Poll},
};

/// A body's end by one of the call's limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyTimeoutError {
    /// The limit that ran out.
    pub limit: Limit,
    /// The outcome for the machines: a failure for a silent peer, [`Outcome::Caller`] for a caller that was too slow,
    /// [`Outcome::Cancelled`] for a flowing body that was cut.
    pub outcome: Outcome,
}

/// A guard for the rest of a call after its response's head: the limits run on, and the body's end ends the call.
///
/// The reader of the body reports its progress: [`Self::moved`] after bytes, [`Self::poll_limits`] while there are none,
/// [`Self::poll_deadline`] while the caller takes nothing, [`Self::trailers`], [`Self::end`]. Between a frame and the next
/// poll the call waits for the caller. Dropping the guard before the end settles the call as one whose caller has left,
/// which says nothing about the peer.
#[derive(Debug)]
pub struct BodyGuard<P: Deref<Target: Machines>> {
    guard: CallGuard<P>,
    id: AttemptId,
    classifier: BodyClassifier,
    alarm: Alarm,
    /// Whether the call waits for the caller, who has not asked for more of the body.
    at_caller: bool,
}

impl<P: Deref<Target: Machines>> BodyGuard<P> {
    /// A guard for the body of this attempt, to which the call is committed. `head` is the head's settlement.
    pub fn new(guard: CallGuard<P>, id: AttemptId, head: &Settlement) -> Self {
        Self { guard, id, classifier: BodyClassifier::after(head), alarm: Alarm::default(), at_caller: false }
    }

    /// Returns the call.
    pub const fn call(&self) -> &CallGuard<P> {
        &self.guard
    }

    /// Reports bytes that have come and go to the caller now.
    ///
    /// A body of which the peer always has more never waits: without a check of the deadline here, a caller that reads
    /// slowly would keep the peer busy past it.
    ///
    /// # Errors
    /// The limit that has run out; the call is over then.
    pub fn moved(&mut self, cx: &mut Context<'_>) -> Result<(), BodyTimeoutError> {
        let now = self.guard.now();
        self.turn(now, false);
        self.guard.note(now, self.id, Mark::Moved);
        self.turn(now, true);
        if now >= self.guard.deadline()
            && let Poll::Ready(timeout) = self.poll_until_limit(cx, now)
        {
            return Err(timeout);
        }
        Ok(())
    }

    /// Polls the limits while no bytes come. Ready with the limit that has run out; the call is over then. `uploading`:
    /// the peer may be waiting for the rest of a request that the caller has not sent.
    pub fn poll_limits(&mut self, cx: &mut Context<'_>, uploading: bool) -> Poll<BodyTimeoutError> {
        let now = self.guard.now();
        self.turn(now, uploading);
        self.poll_until_limit(cx, now)
    }

    /// Polls the deadline while the caller takes nothing and nothing is read for it. Ready once the call's time is over.
    pub fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<BodyTimeoutError> {
        let now = self.guard.now();
        self.turn(now, true);
        self.poll_until_limit(cx, now)
    }

    fn turn(&mut self, now: Instant, to_caller: bool) {
        if self.at_caller != to_caller {
            self.at_caller = to_caller;
            let mark = if to_caller { Mark::WaitsForCaller } else { Mark::WaitsForPeer };
            self.guard.note(now, self.id, mark);
        }
    }

    fn poll_until_limit(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<BodyTimeoutError> {
        let mut action = self.guard.next(now, Event::Proceed);
        while let Action::Wait { until, .. } = action {
            if self.alarm.poll(cx, self.guard.time(), until).is_pending() {
                return Poll::Pending;
            }
            let now = self.guard.now();
            action = self.guard.next(now, Event::Timer);
        }
        let late = self.guard.now() >= self.guard.deadline();
        let limit = if late { Limit::Total } else { Limit::Idle };
        let outcome = match action {
            Action::Abort { outcome, .. } => outcome,
            _ => Outcome::Cancelled,
        };
        Poll::Ready(BodyTimeoutError { limit, outcome })
    }

    /// Reads the trailers. They decide the outcome of a response whose head was provisional.
    pub fn trailers(&mut self, fields: &HeaderMap) {
        self.classifier.read(fields);
    }

    /// Returns the outcome that [`end`](Self::end) would settle, as head and trailers decide it.
    pub fn outcome(&self) -> Outcome {
        self.classifier.settlement().outcome
    }

    /// Settles a body that has ended by itself, with the outcome of head and trailers.
    pub fn end(&mut self) -> Outcome {
        self.settle(self.classifier.settlement().outcome)
    }

    /// Settles a body whose rest is discarded without reading its trailers.
    pub fn discard(&mut self) -> Outcome {
        let unknown = self.classifier.is_pending();
        self.settle(if unknown { Outcome::Cancelled } else { self.classifier.settlement().outcome })
    }

    /// Settles a body that broke off, as the peer's failure.
    pub fn broke_off(&mut self) -> Outcome {
        self.settle(Outcome::Failure(Failure::Broken))
    }

    /// Settles the body with this outcome.
    pub fn settle(&mut self, outcome: Outcome) -> Outcome {
        let now = self.guard.now();
        let settlement = Settlement { outcome, ..Settlement::SUCCESS };
        let _closed = self.guard.next(now, Event::Done(self.id, settlement));
        outcome
    }
}
