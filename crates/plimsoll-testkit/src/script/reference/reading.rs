//! The body that a caller reads. Between a piece and the caller's return nobody looks at a clock.

use super::seat::Seat;
use crate::script::{BodyEnd, BodyPlan, Coverage};
use plimsoll_policy::{
    Failure, Instant, Outcome, PolicyEvent, Settlement,
    call::{Action, AttemptId, Event, Mark},
};

pub(super) struct Reading {
    id: AttemptId,
    head: Instant,
    body: BodyPlan,
    /// So many pieces were read.
    read: usize,
    /// The caller comes back then.
    back: Instant,
    /// It is known to the call that the caller is waited for.
    at_caller: bool,
    /// It waits, since then: until its return, nothing is asked.
    waits: bool,
}

impl Reading {
    pub(super) fn new(id: AttemptId, head: Instant, now: Instant, body: BodyPlan) -> Self {
        Self { id, head, body, read: 0, back: now, at_caller: false, waits: false }
    }

    pub(super) fn due(&self, until: Instant) -> Instant {
        if self.waits { self.next().earliest(until) } else { self.back }
    }

    /// When the peer sends more.
    fn next(&self) -> Instant {
        let piece = self.body.pieces.get(self.read).map(|(at, _)| *at);
        let next = piece.or(self.body.end.map(|(at, _)| at));
        next.map_or(Instant::FAR, |at| self.head + at)
    }

    fn face(&mut self, seat: &mut Seat<'_>, now: Instant, caller: bool, coverage: &mut Coverage) {
        if self.at_caller != caller {
            self.at_caller = caller;
            let mark = if caller { Mark::WaitsForCaller } else { Mark::WaitsForPeer };
            seat.note(now, self.id, mark, coverage);
        }
    }

    /// Says whether the call is over.
    pub(super) fn turn(&mut self, seat: &mut Seat<'_>, now: Instant, coverage: &mut Coverage) -> bool {
        while self.back <= now {
            if self.next() > now {
                let uploading = self.body.pieces.get(self.read).is_some_and(|(_, piece)| piece.uploading);
                self.face(seat, now, uploading, coverage);
                self.waits = true;
                return Self::expired(seat, now, coverage);
            }
            self.waits = false;
            let Some((_, piece)) = self.body.pieces.get(self.read).copied() else {
                self.end(seat, now, coverage);
                return true;
            };
            self.read += 1;
            self.face(seat, now, false, coverage);
            seat.note(now, self.id, Mark::Moved, coverage);
            self.face(seat, now, true, coverage);
            if now >= seat.call.deadline() && Self::expired(seat, now, coverage) {
                return true;
            }
            self.back = now + piece.pause;
        }
        false
    }

    fn end(&mut self, seat: &mut Seat<'_>, now: Instant, coverage: &mut Coverage) {
        let outcome = match self.body.end {
            Some((_, BodyEnd::Broken)) => Outcome::Failure(Failure::Broken),
            Some((_, BodyEnd::Trailers(settlement))) => settlement.outcome,
            _ => Outcome::Success,
        };
        let settlement = Settlement { outcome, ..Settlement::SUCCESS };
        let action = seat.tell(now, Event::Done(self.id, settlement), coverage);
        assert_eq!(action, Action::Closed, "nothing is left to settle");
        seat.journal().end(now, seat.number(), format!("body {outcome:?}"));
    }

    /// Whether a limit has run out.
    fn expired(seat: &mut Seat<'_>, now: Instant, coverage: &mut Coverage) -> bool {
        let mut action = seat.tell(now, Event::Proceed, coverage);
        while let Action::Wait { until, .. } = action {
            if until > now {
                seat.sleep(until);
                return false;
            }
            action = seat.tell(now, Event::Timer, coverage);
        }
        let Action::Abort { outcome, .. } = action else { panic!("{action:?} ends no body") };
        let limit = seat.journal().events().into_iter().rev().find_map(|(_, event)| match event {
            PolicyEvent::TimedOut(limit) | PolicyEvent::CallerTimedOut(limit) => Some(limit),
            _ => None,
        });
        let limit = limit.expect("it was told which limit ran out");
        seat.journal().end(now, seat.number(), format!("body at limit {limit:?}, {outcome:?}"));
        true
    }
}
