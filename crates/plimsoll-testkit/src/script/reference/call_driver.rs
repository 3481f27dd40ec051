//! The reference driver of one call and its attempts in flight.

use super::{ReferenceDriver, reading::Reading};
use crate::{
    VirtualTime,
    script::{AttemptPlan, BodyPlan, CallPlan, Coverage, End, Journal, Step},
};
use plimsoll_driver::TimeSource;
use plimsoll_policy::{
    Instant, Policy, Ticket,
    call::{Action, AttemptId, Call, Event, Facts, Finish, Mark},
};
use std::sync::Arc;

/// An attempt in flight.
struct InFlightAttempt {
    id: AttemptId,
    began: Instant,
    plan: AttemptPlan,
    /// The number of its steps that have been made.
    made: usize,
}

impl InFlightAttempt {
    fn due(&self) -> Instant {
        let step = self.plan.steps.get(self.made).map(|(at, _)| *at);
        let next = step.or(self.plan.end.as_ref().map(|(at, _)| *at));
        next.map_or(Instant::FAR, |at| self.began + at)
    }
}

/// The driver of one call.
pub(super) struct CallDriver<'a> {
    number: usize,
    plan: &'a CallPlan,
    pub(super) call: Call,
    policy: Arc<Policy<Arc<ReferenceDriver>>>,
    journal: Journal,
    time: VirtualTime,
    asked: usize,
    slots: [Option<InFlightAttempt>; 2],
    /// Responses whose bodies are unread, with their times.
    heads: Vec<(AttemptId, Instant, BodyPlan)>,
    replayable: bool,
    fresh: bool,
    until: Instant,
    ticket: Option<Ticket>,
    granted: bool,
    reading: Option<Reading>,
}

impl<'a> CallDriver<'a> {
    pub(super) fn new(
        number: usize,
        plan: &'a CallPlan,
        facts: Facts,
        policy: Arc<Policy<Arc<ReferenceDriver>>>,
        journal: Journal,
        time: VirtualTime,
    ) -> Self {
        Self {
            number,
            plan,
            call: Call::new(facts),
            policy,
            journal,
            time,
            asked: 0,
            slots: [None, None],
            heads: Vec::new(),
            replayable: facts.replayable,
            fresh: true,
            until: Instant::FAR,
            ticket: None,
            granted: false,
            reading: None,
        }
    }

    /// Returns the time of its next step.
    pub(super) fn due(&self) -> Instant {
        if self.fresh || self.granted {
            return Instant::ORIGIN;
        }
        match &self.reading {
            Some(reading) => reading.due(self.until),
            None => self.slots.iter().flatten().map(InFlightAttempt::due).fold(self.until, Instant::earliest),
        }
    }

    pub(super) fn wake(&mut self, ticket: Ticket) {
        self.granted |= self.ticket == Some(ticket);
    }

    /// Reports an event to the call, and records its action.
    pub(super) fn tell(&mut self, now: Instant, event: Event, coverage: &mut Coverage) -> Action {
        let action = self.call.next(&self.policy, now, event);
        coverage.record(&event, &action);
        // The time at which a driver notices these two is its own.
        if !matches!(event, Event::Unreplayable | Event::Gone) {
            self.journal.action(now, self.number, action);
        }
        action
    }

    pub(super) fn note(&mut self, now: Instant, id: AttemptId, mark: Mark, coverage: &mut Coverage) {
        coverage.marked(mark);
        self.call.note(now, id, mark);
    }

    /// Carries out all due steps. Returns whether the call is over.
    pub(super) fn turn(&mut self, now: Instant, coverage: &mut Coverage) -> bool {
        let mut event = if self.fresh {
            self.fresh = false;
            Some(Event::Start(self.time.seed()))
        } else {
            None
        };
        while self.reading.is_none() {
            let Some(happened) = event.take().or_else(|| self.happened(now, coverage)) else { return false };
            let action = self.tell(now, happened, coverage);
            if self.obey(now, action, coverage) {
                return true;
            }
        }
        let Some(mut reading) = self.reading.take() else { return false };
        let over = reading.turn(self, now, coverage);
        if !over {
            self.reading = Some(reading);
        }
        over
    }

    /// Returns the next event for the call.
    fn happened(&mut self, now: Instant, coverage: &mut Coverage) -> Option<Event> {
        let mut marked = false;
        for slot in 0..self.slots.len() {
            while let Some(out) = self.slots[slot].as_mut().filter(|out| out.due() <= now) {
                let id = out.id;
                if let Some((_, step)) = out.plan.steps.get(out.made) {
                    let step = *step;
                    out.made += 1;
                    match step {
                        Step::Mark(mark) => {
                            marked = true;
                            self.note(now, id, mark, coverage);
                            if mark == Mark::Sent {
                                self.note(now, id, Mark::Moved, coverage);
                            }
                        }
                        Step::Outgrown if self.replayable => {
                            self.replayable = false;
                            let action = self.tell(now, Event::Unreplayable, coverage);
                            assert!(matches!(action, Action::Wait { .. }), "nothing begins or ends by this");
                        }
                        Step::Outgrown => {}
                    }
                    continue;
                }
                let end = out.plan.end.take();
                self.slots[slot] = None;
                let (_, end) = end?;
                return Some(match end {
                    End::Whole(settlement) => Event::Done(id, settlement),
                    End::Head(settlement, body) => {
                        self.heads.push((id, now, body));
                        Event::Headers(id, settlement)
                    }
                });
            }
        }
        if marked {
            return Some(Event::Proceed);
        }
        if std::mem::take(&mut self.granted)
            && let Some(ticket) = self.ticket
        {
            return Some(Event::Granted(ticket));
        }
        (self.until <= now).then_some(Event::Timer)
    }

    /// Carries out the call's actions. Returns whether it is over.
    fn obey(&mut self, now: Instant, mut action: Action, coverage: &mut Coverage) -> bool {
        loop {
            action = match action {
                Action::Wait { until, ticket } => {
                    (self.until, self.ticket) = (until, ticket);
                    return false;
                }
                Action::Attempt { id, .. } => {
                    let plan = self.plan.attempt(self.asked);
                    self.asked += 1;
                    if plan.available {
                        let free = usize::from(self.slots[0].is_some());
                        self.slots[free] = Some(InFlightAttempt { id, began: now, plan, made: 0 });
                        self.tell(now, Event::Proceed, coverage)
                    } else {
                        self.tell(now, Event::Unavailable(id), coverage)
                    }
                }
                Action::Abort { id, .. } => {
                    for slot in &mut self.slots {
                        slot.take_if(|out| out.id == id);
                    }
                    self.heads.retain(|(of, ..)| *of != id);
                    self.tell(now, Event::Proceed, coverage)
                }
                Action::Finish(finish) => {
                    self.journal.ended(now, self.number, finish);
                    if let Finish::Response(id) = finish
                        && let Some(at) = self.heads.iter().position(|(of, ..)| *of == id)
                    {
                        let (_, head, body) = self.heads.swap_remove(at);
                        self.reading = Some(Reading::new(id, head, now, body));
                        return false;
                    }
                    let last = self.call.next(&self.policy, now, Event::Proceed);
                    coverage.record(&Event::Proceed, &last);
                    assert_eq!(last, Action::Closed, "nothing is left to settle");
                    return true;
                }
                Action::Closed => panic!("closed before its end was told"),
            };
        }
    }

    /// Ends the call because its caller leaves: everything is settled at once.
    pub(super) fn leave(mut self, now: Instant, coverage: &mut Coverage) {
        if self.fresh {
            return;
        }
        let mut action = self.tell(now, Event::Gone, coverage);
        while action != Action::Closed {
            assert!(!matches!(action, Action::Wait { .. } | Action::Attempt { .. }), "nothing begins now");
            action = self.call.next(&self.policy, now, Event::Proceed);
            coverage.record(&Event::Proceed, &action);
        }
    }

    /// Sets the time before which there is nothing to do.
    pub(super) fn sleep(&mut self, until: Instant) {
        self.until = until;
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }
}
