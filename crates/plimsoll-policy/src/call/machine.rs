//! The call machine: its state, and its next action.

mod begin;
mod ending;
mod state;
mod timers;

use super::{Action, AttemptId, Event, Facts, Finish, Mark, attempts::Attempts, context::Context};
use crate::{
    AttemptRole, Draw, Instant, Purpose, Seed,
    policy::{Driver, Policy},
};
use state::{CallStage, Queued, State};
use std::time::Duration;

/// The progress of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) began: Instant,
    pub(super) deadline: Instant,
    /// Attempts made, without hedges.
    pub(super) tries: u8,
    /// Attempts begun, with hedges, and the number of the next one.
    made: u8,
    pub(super) last_wait: Duration,
    /// The time of the last withdrawal from the budget.
    withdrawn: Instant,
}

impl Progress {
    /// Takes the number of the next attempt.
    #[inline(always)]
    fn next_id(&mut self) -> AttemptId {
        let id = AttemptId(self.made);
        self.made += 1;
        id
    }

    /// Gives the number of the last attempt back, which was never sent.
    fn uncount(&mut self) {
        self.made -= 1;
    }
}

/// Whether an attempt's latency counts for the hedge's delay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Latency {
    Counts,
    SaysNothing,
}

/// A call: one request's life. See the [module](super) for how to drive it.
///
/// A driver that drops a call before it [is closed](Call::is_closed) first feeds it [`Event::Gone`], else its permits
/// are lost to the machines.
#[derive(Debug)]
pub struct Call {
    facts: Facts,
    seed: Seed,
    progress: Progress,
    state: State,
    attempts: Attempts,
    hedge_at: Instant,
    hedged: bool,
    launch: Option<(AttemptId, AttemptRole)>,
    /// A retry or hedge that the driver was told to begin, until its next event says that it has begun.
    unconfirmed: Option<AttemptRole>,
    finish: Option<Finish>,
}

impl Call {
    /// A call with these facts. It begins with [`Event::Start`].
    #[inline(always)]
    pub fn new(facts: Facts) -> Self {
        let progress = Progress {
            began: Instant::ORIGIN,
            deadline: facts.deadline,
            tries: 0,
            made: 0,
            last_wait: Duration::ZERO,
            withdrawn: Instant::ORIGIN,
        };
        Self {
            facts,
            seed: Seed::new(0),
            progress,
            state: State::new(),
            attempts: Attempts::new(),
            hedge_at: Instant::FAR,
            hedged: false,
            launch: None,
            unconfirmed: None,
            finish: None,
        }
    }

    /// Returns the deadline of the whole call: the caller's deadline or the policy's total limit, whichever is earlier.
    /// Known after [`Event::Start`].
    pub fn deadline(&self) -> Instant {
        self.progress.deadline
    }

    /// Returns the number of attempts begun so far, including hedges.
    pub fn attempts(&self) -> usize {
        usize::from(self.progress.made)
    }

    /// Returns whether nothing is left to settle.
    pub fn is_closed(&self) -> bool {
        self.state.is_ended()
    }

    /// Returns the draw for a choice that the driver makes for this attempt, such as its endpoint. It derives from the
    /// call's seed alone: asking twice gives the same.
    #[inline]
    pub const fn draw(&self, purpose: Purpose, id: AttemptId) -> Draw {
        self.seed.draw(purpose, id.0)
    }

    /// Returns the peer's own time for this attempt up to its head, or so far; zero if it is not in flight.
    pub fn took(&self, id: AttemptId, now: Instant) -> Duration {
        let attempt = self.attempts.slot_of(id).and_then(|slot| self.attempts.get(slot));
        attempt.map_or(Duration::ZERO, |attempt| attempt.took(now))
    }

    /// Handles an event and returns the next action.
    ///
    /// O(1): no allocation; a lock only where the bulkhead is full. An event of an attempt that is no longer in flight
    /// is ignored.
    // Inlined, so that a driver that names its event pays for that one alone.
    #[inline(always)]
    pub fn next<D: Driver>(&mut self, policy: &Policy<D>, now: Instant, event: Event) -> Action {
        let cx = Context { policy, now };
        if self.unconfirmed.is_some() && !matches!(event, Event::Unavailable(_)) {
            self.confirm(cx);
        }
        match event {
            Event::Start(seed) => self.start(cx, seed),
            Event::Proceed => {}
            Event::Timer => self.timer(cx),
            Event::Granted(ticket) => self.granted(cx, ticket),
            Event::Headers(id, settlement) => self.came(cx, id, &settlement, true),
            Event::Done(id, settlement) => self.came(cx, id, &settlement, false),
            Event::Unavailable(id) => self.unavailable(cx, id),
            Event::Unreplayable => {
                self.facts.replayable = false;
                self.facts.hedgeable = false;
            }
            Event::Gone => self.gone(cx),
        }
        self.due(policy)
    }

    /// Notes the progress of an attempt. Limits that run from here change with it: ask for the new wait by
    /// [`Event::Proceed`]. Without effect on an attempt that is no longer in flight.
    pub fn note(&mut self, now: Instant, id: AttemptId, mark: Mark) {
        let Some(attempt) = self.attempts.find_mut(id) else { return };
        match mark {
            Mark::Dialled => attempt.dialled(now),
            Mark::Connected => attempt.connected(now),
            Mark::Sent => {
                attempt.connected(now);
                attempt.sent = true;
            }
            Mark::Flushed => attempt.flushed(now),
            Mark::Moved => attempt.moved(now),
            Mark::WaitsForCaller => attempt.waits_for_caller(now),
            Mark::WaitsForPeer => attempt.waits_for_peer(now),
        }
    }

    /// Returns the next action that is due, in order: aborts, an attempt to begin, the end, a wait.
    #[inline]
    fn due<D: Driver>(&mut self, policy: &Policy<D>) -> Action {
        if let Some((id, outcome)) = self.attempts.next_abort() {
            return Action::Abort { id, outcome };
        }
        if let Some((id, role)) = self.launch.take() {
            if role != AttemptRole::First {
                self.unconfirmed = Some(role);
            }
            return Action::Attempt { id, role };
        }
        if let Some(finish) = self.finish.take() {
            return Action::Finish(finish);
        }
        let expiry = || self.attempts.expiry(policy.timeouts(), self.progress.deadline);
        let (until, ticket) = match *self.state.stage() {
            CallStage::New => (Instant::FAR, None),
            CallStage::Delayed(slot) => (slot.at(), None),
            CallStage::Queued(Queued { ticket, until, .. }) => (until, Some(ticket)),
            CallStage::Backoff(until) => (until, None),
            CallStage::InFlight => (expiry().earliest(self.hedge_at), None),
            CallStage::Committed => (expiry(), None),
            CallStage::Ended => return Action::Closed,
        };
        Action::Wait { until, ticket }
    }

    fn end(&mut self, finish: Finish) {
        self.state.move_to_ended();
        self.finish = Some(finish);
    }
}
