//! The body that a caller reads. Between a piece and the caller's return no clock is read.

use super::call_driver::CallDriver;
use crate::script::{BodyEnd, BodyPlan, Coverage};
use plimsoll_policy::{
    Failure, Instant, Outcome, PolicyEvent, Settlement,
    call::{Action, AttemptId, Event, Mark},
};

pub(super) struct Reading {
    id: AttemptId,
    head: Instant,
    body: BodyPlan,
    /// The number of pieces that were read.
    read: usize,
    /// The time at which the caller comes back.
    back: Instant,
    /// Whether the call knows that it waits for the caller.
    at_caller: bool,
    /// Whether it waits for the peer: until the next piece, nothing is asked.
    waits: bool,
}

impl Reading {
    pub(super) fn new(id: AttemptId, head: Instant, now: Instant, body: BodyPlan) -> Self {
        Self { id, head, body, read: 0, back: now, at_caller: false, waits: false }
    }

    pub(super) fn due(&self, until: Instant) -> Instant {
        if self.waits { self.next().earliest(until) } else { self.back }
    }

    /// Returns the time at which the peer sends more.
    fn next(&self) -> Instant {
        let piece = self.body.pieces.get(self.read).map(|(at, _)| *at);
        let next = piece.or(self.body.end.map(|(at, _)| at));
        next.map_or(Instant::FAR, |at| self.head + at)
    }

    fn face(&mut self, driver: &mut CallDriver<'_>, now: Instant, caller: bool, coverage: &mut Coverage) {
        if self.at_caller != caller {
            self.at_caller = caller;
            let mark = if caller { Mark::WaitsForCaller } else { Mark::WaitsForPeer };
            driver.note(now, self.id, mark, coverage);
        }
    }

    /// Returns whether the call is over.
    pub(super) fn turn(
        &mut self,
        driver: &mut CallDriver<'_>,
        now: Instant,
        coverage: &mut Coverage,
    ) -> bool {
        while self.back <= now {
            if self.next() > now {
                let uploading = self.body.pieces.get(self.read).is_some_and(|(_, piece)| piece.uploading);
                self.face(driver, now, uploading, coverage);
                self.waits = true;
                return Self::expired(driver, now, coverage);
            }
            self.waits = false;
            let Some((_, piece)) = self.body.pieces.get(self.read).copied() else {
                self.end(driver, now, coverage);
                return true;
            };
            self.read += 1;
            self.face(driver, now, false, coverage);
            driver.note(now, self.id, Mark::Moved, coverage);
            self.face(driver, now, true, coverage);
            if now >= driver.call.deadline() && Self::expired(driver, now, coverage) {
                return true;
            }
            self.back = now + piece.pause;
        }
        false
    }

    fn end(&mut self, driver: &mut CallDriver<'_>, now: Instant, coverage: &mut Coverage) {
        let outcome = match self.body.end {
            Some((_, BodyEnd::Broken)) => Outcome::Failure(Failure::Broken),
            Some((_, BodyEnd::Trailers(settlement))) => settlement.outcome,
            _ => Outcome::Success,
        };
        let settlement = Settlement { outcome, ..Settlement::SUCCESS };
        let action = driver.tell(now, Event::Done(self.id, settlement), coverage);
        assert_eq!(action, Action::Closed, "nothing is left to settle");
        driver.journal().end(now, driver.number(), format!("body {outcome:?}"));
    }

    /// Returns whether a limit has run out.
    fn expired(driver: &mut CallDriver<'_>, now: Instant, coverage: &mut Coverage) -> bool {
        let mut action = driver.tell(now, Event::Proceed, coverage);
        while let Action::Wait { until, .. } = action {
            if until > now {
                driver.sleep(until);
                return false;
            }
            action = driver.tell(now, Event::Timer, coverage);
        }
        let Action::Abort { outcome, .. } = action else { panic!("{action:?} ends no body") };
        let limit = driver.journal().events().into_iter().rev().find_map(|(_, event)| match event {
            PolicyEvent::TimedOut(limit) | PolicyEvent::CallerTimedOut(limit) => Some(limit),
            _ => None,
        });
        let limit = limit.expect("it was told which limit ran out");
        driver.journal().end(now, driver.number(), format!("body at limit {limit:?}, {outcome:?}"));
        true
    }
}
