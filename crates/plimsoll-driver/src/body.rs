//! A response's body under its call's limits.

use crate::{Alarm, CallGuard, Machines, classify::BodyVerdict};
use http::HeaderMap;
use plimsoll_policy::{
    Failure, Instant, Limit, Outcome, Settlement,
    call::{Action, AttemptId, Event, Mark},
};
use std::{
    ops::Deref,
    task::{Context, Poll},
};

/// The end of a body by one of the call's limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyTimeout {
    /// The limit that ran out.
    pub limit: Limit,
    /// Whose fault that is: a peer that fell silent has failed, a caller that was too slow is [`Outcome::Caller`], a
    /// body that was merely cut is [`Outcome::Cancelled`].
    pub outcome: Outcome,
}

/// The rest of a call after its response's head: limits run on, and whatever ends the body ends the call.
///
/// Whoever reads the body tells it what came: [`Self::moved`] after bytes, [`Self::poll_limits`] where there are none,
/// [`Self::trailers`], [`Self::end`]. Between a frame and the next poll it is the caller that is waited for. Dropped
/// before the end, the call is settled as one whose caller has left: that tells nothing of the peer.
#[derive(Debug)]
pub struct BodyGuard<P: Deref<Target: Machines>> {
    guard: CallGuard<P>,
    id: AttemptId,
    verdict: BodyVerdict,
    alarm: Alarm,
    /// The caller is waited for: it has not come back for more.
    at_caller: bool,
}

impl<P: Deref<Target: Machines>> BodyGuard<P> {
    /// For the body of this attempt, to which the call is committed. `head` is the settlement of the response's head.
    pub fn new(guard: CallGuard<P>, id: AttemptId, head: &Settlement) -> Self {
        Self { guard, id, verdict: BodyVerdict::after(head), alarm: Alarm::default(), at_caller: false }
    }

    /// The call.
    pub const fn call(&self) -> &CallGuard<P> {
        &self.guard
    }

    /// Bytes have come and go to the caller now.
    ///
    /// Where the peer always has more, nothing ever waits: without a look at the deadline here, a caller that takes the
    /// body slowly would keep the peer busy past it.
    ///
    /// # Errors
    /// The limit that has run out; the call is over then.
    pub fn moved(&mut self, cx: &mut Context<'_>) -> Result<(), BodyTimeout> {
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

    /// Nothing has come. Ready with the limit that has run out; the call is over then. `uploading`: the peer may be
    /// waiting for the rest of a request that the caller has not sent.
    pub fn poll_limits(&mut self, cx: &mut Context<'_>, uploading: bool) -> Poll<BodyTimeout> {
        let now = self.guard.now();
        self.turn(now, uploading);
        self.poll_until_limit(cx, now)
    }

    fn turn(&mut self, now: Instant, to_caller: bool) {
        if self.at_caller != to_caller {
            self.at_caller = to_caller;
            let mark = if to_caller { Mark::WaitsForCaller } else { Mark::WaitsForPeer };
            self.guard.note(now, self.id, mark);
        }
    }

    fn poll_until_limit(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<BodyTimeout> {
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
        Poll::Ready(BodyTimeout { limit, outcome })
    }

    /// The trailers have come. What they say of a response whose head left it to them counts with the body's end.
    pub fn trailers(&mut self, fields: &HeaderMap) {
        self.verdict.read(fields);
    }

    /// How the body ends if it ends by itself: as head and trailers said.
    pub fn outcome(&self) -> Outcome {
        self.verdict.settlement().outcome
    }

    /// The body has ended by itself: as head and trailers said.
    pub fn end(&mut self) -> Outcome {
        self.settle(self.verdict.settlement().outcome)
    }

    /// The rest of the body is not wanted, and is thrown away without a look at its trailers.
    pub fn discard(&mut self) -> Outcome {
        let unknown = self.verdict.is_pending();
        self.settle(if unknown { Outcome::Cancelled } else { self.verdict.settlement().outcome })
    }

    /// The body broke off: the peer's failure.
    pub fn broke_off(&mut self) -> Outcome {
        self.settle(Outcome::Failure(Failure::Broken))
    }

    /// The body has ended with this outcome.
    pub fn settle(&mut self, outcome: Outcome) -> Outcome {
        let now = self.guard.now();
        let settlement = Settlement { outcome, ..Settlement::SUCCESS };
        let _closed = self.guard.next(now, Event::Done(self.id, settlement));
        outcome
    }
}
