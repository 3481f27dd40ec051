//! The machine's state, and what it does next.

mod begin;
mod ending;
mod timers;

use super::{Action, AttemptId, Event, Facts, Finish, Mark, attempt::Attempt};
use crate::{
    AttemptRole, Draw, Instant, Outcome, Purpose, Seed, Ticket,
    policy::{Host, Permits, Policy},
};
use smallvec::SmallVec;
use std::time::Duration;

/// The course of the call so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) began: Instant,
    pub(super) deadline: Instant,
    /// Attempts made, hedges not counted.
    pub(super) tries: u8,
    pub(super) last_wait: Duration,
    /// When the budget was last drawn on.
    withdrawn: Instant,
}

/// The thing that the call is waiting for.
#[derive(Clone, Copy, Debug)]
enum Step {
    New,
    /// A place in the bulkhead, since, and at most until.
    Queued {
        role: AttemptRole,
        ticket: Ticket,
        permits: Permits,
        since: Instant,
        until: Instant,
    },
    /// The wait before a retry.
    Backoff(Instant),
    /// An attempt's head.
    Flying,
    /// The end of the body that the caller reads.
    Committed,
    Ended,
}

/// The result for the caller if nothing better comes.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// An attempt's error: nothing of it is left open.
    Failed(AttemptId),
    /// A response whose body is still unread; the machines know of it.
    Answered(Attempt),
    TimedOut(crate::Limit),
}

/// Whether the hedge's delay should remember how long an attempt took.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Latency {
    Counts,
    SaysNothing,
}

/// One request's life. See the [module](super) for how to drive it.
///
/// A driver that drops a call before it [is closed](Call::is_closed) first feeds it [`Event::Gone`], else its permits
/// are lost to the machines.
#[derive(Debug)]
pub struct Call {
    facts: Facts,
    seed: Seed,
    progress: Progress,
    step: Step,
    attempts: [Option<Attempt>; 2],
    last: Option<Last>,
    hedge_at: Instant,
    hedged: bool,
    made: u8,
    /// At most the attempts in flight and the one that was kept.
    aborts: SmallVec<[(AttemptId, Outcome); 3]>,
    launch: Option<(AttemptId, AttemptRole)>,
    /// A retry or hedge that the driver was told to begin, until its next event says that it has begun.
    unconfirmed: Option<AttemptRole>,
    finish: Option<Finish>,
}

impl Call {
    /// A call of which this is known. Nothing happens before [`Event::Start`].
    #[inline]
    pub fn new(facts: Facts) -> Self {
        let progress = Progress {
            began: Instant::ORIGIN,
            deadline: facts.deadline,
            tries: 0,
            last_wait: Duration::ZERO,
            withdrawn: Instant::ORIGIN,
        };
        Self {
            facts,
            seed: Seed::new(0),
            progress,
            step: Step::New,
            attempts: [None, None],
            last: None,
            hedge_at: Instant::FAR,
            hedged: false,
            made: 0,
            aborts: SmallVec::new(),
            launch: None,
            unconfirmed: None,
            finish: None,
        }
    }

    /// When the whole call must be over: the caller's deadline or the policy's total, whichever is earlier. Known from
    /// [`Event::Start`] on.
    pub fn deadline(&self) -> Instant {
        self.progress.deadline
    }

    /// Attempts begun so far, hedges included.
    pub fn attempts(&self) -> usize {
        usize::from(self.made)
    }

    /// Whether nothing is left to settle.
    pub fn is_closed(&self) -> bool {
        matches!(self.step, Step::Ended)
    }

    /// The draw for a choice that the driver makes for this attempt, such as its endpoint. It derives from the call's
    /// seed alone: asking changes nothing, and asking twice gives the same.
    #[inline]
    pub const fn draw(&self, purpose: Purpose, id: AttemptId) -> Draw {
        self.seed.draw(purpose, id.0)
    }

    /// How long the peer has taken for this attempt up to its head, or so far; zero if it is not under way.
    pub fn took(&self, id: AttemptId, now: Instant) -> Duration {
        let attempt = self.slot_of(id).and_then(|slot| self.attempts[slot].as_ref());
        attempt.map_or(Duration::ZERO, |attempt| attempt.took(now))
    }

    /// Takes an event and says what to do.
    ///
    /// O(1): no allocation; a lock only where the bulkhead is full. An event of an attempt that is no longer under way
    /// is ignored.
    // Inlined, so that a driver that names its event pays for that one alone.
    #[inline(always)]
    pub fn next<H: Host>(&mut self, policy: &Policy<H>, now: Instant, event: Event) -> Action {
        if self.unconfirmed.is_some() && !matches!(event, Event::Unavailable(_)) {
            self.confirm(policy, now);
        }
        match event {
            Event::Start(seed) => self.start(policy, now, seed),
            Event::Proceed => {}
            Event::Timer => self.timer(policy, now),
            Event::Granted(ticket) => self.granted(policy, now, ticket),
            Event::Headers(id, settlement) => self.came(policy, now, id, &settlement, true),
            Event::Done(id, settlement) => self.came(policy, now, id, &settlement, false),
            Event::Unavailable(id) => self.unavailable(policy, now, id),
            Event::Unreplayable => {
                self.facts.replayable = false;
                self.facts.hedgeable = false;
            }
            Event::Gone => self.gone(policy, now),
        }
        self.due(policy)
    }

    /// Notes how far an attempt has come. Limits that run from here change with it: ask for the new wait by
    /// [`Event::Proceed`]. Without effect on an attempt that is no longer under way.
    pub fn note(&mut self, now: Instant, id: AttemptId, mark: Mark) {
        let of_this = |attempt: &&mut Attempt| attempt.id == id;
        let Some(attempt) = self.attempts.iter_mut().flatten().find(of_this) else { return };
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

    /// The next thing that is due, in order: aborts, an attempt to begin, the end, a wait.
    #[inline]
    fn due<H: Host>(&mut self, policy: &Policy<H>) -> Action {
        if let Some((id, outcome)) = self.aborts.pop() {
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
        let (until, ticket) = match self.step {
            Step::New => (Instant::FAR, None),
            Step::Queued { ticket, until, .. } => (until, Some(ticket)),
            Step::Backoff(until) => (until, None),
            Step::Flying => (self.expiry(policy).earliest(self.hedge_at), None),
            Step::Committed => (self.expiry(policy), None),
            Step::Ended => return Action::Closed,
        };
        Action::Wait { until, ticket }
    }

    /// The earliest limit of the attempts under way, the deadline included.
    fn expiry<H: Host>(&self, policy: &Policy<H>) -> Instant {
        let timeouts = policy.timeouts();
        let attempts = self.attempts.iter().flatten();
        attempts.map(|attempt| attempt.expiry(timeouts).at).fold(self.progress.deadline, Instant::earliest)
    }

    fn end(&mut self, finish: Finish) {
        self.step = Step::Ended;
        self.finish = Some(finish);
    }

    fn slot_of(&self, id: AttemptId) -> Option<usize> {
        let of_this = |attempt: &Option<Attempt>| attempt.as_ref().is_some_and(|attempt| attempt.id == id);
        self.attempts.iter().position(of_this)
    }

    /// Keeps this for the caller in case nothing better comes, and lets go of what was kept before.
    fn keep(&mut self, last: Last) {
        self.drop_last();
        self.last = Some(last);
    }

    #[inline]
    fn drop_last(&mut self) {
        if let Some(Last::Answered(attempt)) = &self.last {
            self.aborts.push((attempt.id, attempt.verdict().unwrap_or(Outcome::Cancelled)));
        }
        self.last = None;
    }
}
