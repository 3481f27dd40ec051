//! The machine itself.

mod timers;

use super::{
    Action, AttemptId, Event, Facts, Finish, Mark,
    attempt::Flight,
    retrying::{Again, again},
};
use crate::{
    AttemptRole, Cause, DenyReason, Draw, Failure, Instant, Limit, Machine, Outcome, PolicyEvent, Reason,
    Rejected, Settlement, Ticket,
    policy::{Gate, Host, Permits, Policy},
};
use smallvec::SmallVec;
use std::time::Duration;

/// What has been tried so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) began: Instant,
    pub(super) deadline: Instant,
    /// Attempts made, hedges not counted.
    pub(super) tries: u8,
    pub(super) last_wait: Duration,
}

/// What the call is waiting for.
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

/// What to give the caller if nothing better comes.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// An attempt's error: nothing of it is left open.
    Failed(AttemptId),
    /// An answer whose body is still unread; settled already.
    Answered(Flight),
    TimedOut(Limit),
}

/// What a policy's machines should remember of how long an attempt took.
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
    progress: Progress,
    step: Step,
    flights: [Option<Flight>; 2],
    last: Option<Last>,
    hedge_at: Instant,
    hedged: bool,
    made: u8,
    /// At most what is in flight and what was kept.
    aborts: SmallVec<[(AttemptId, Outcome); 3]>,
    launch: Option<(AttemptId, AttemptRole)>,
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
        };
        Self {
            facts,
            progress,
            step: Step::New,
            flights: [None, None],
            last: None,
            hedge_at: Instant::FAR,
            hedged: false,
            made: 0,
            aborts: SmallVec::new(),
            launch: None,
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

    /// Takes an event and says what to do.
    ///
    /// O(1): no allocation; a lock only where the bulkhead is full. An event of an attempt that is no longer under way
    /// is ignored.
    // Inlined, so that a driver that names its event pays for that one alone.
    #[inline(always)]
    pub fn next<H: Host>(&mut self, policy: &Policy<H>, now: Instant, event: Event, draw: Draw) -> Action {
        match event {
            Event::Start => self.start(policy, now, draw),
            Event::Proceed => {}
            Event::Timer => self.timer(policy, now, draw),
            Event::Granted(ticket) => self.granted(policy, now, ticket),
            Event::Headers(id, settlement) => self.came(policy, now, draw, id, &settlement, true),
            Event::Done(id, settlement) => self.came(policy, now, draw, id, &settlement, false),
            Event::Unreplayable => {
                self.facts.replayable = false;
                self.facts.hedgeable = false;
            }
            Event::Gone => self.gone(policy, now, draw),
        }
        self.due(policy)
    }

    /// Notes how far an attempt has come. Limits that run from here change with it: ask for the new wait by
    /// [`Event::Proceed`]. Without effect on an attempt that is no longer under way.
    pub fn note(&mut self, now: Instant, id: AttemptId, mark: Mark) {
        let Some(flight) = self.flights.iter_mut().flatten().find(|flight| flight.id == id) else { return };
        match mark {
            Mark::Dialled => flight.dialled(now),
            Mark::Connected => flight.connected(now),
            Mark::Sent => {
                flight.connected(now);
                flight.sent = true;
            }
            Mark::Flushed => flight.flushed(now),
            Mark::Moved => flight.moved(now),
        }
    }

    /// What is due now, in order: aborts, an attempt to begin, the end, a wait.
    #[inline]
    fn due<H: Host>(&mut self, policy: &Policy<H>) -> Action {
        if let Some((id, outcome)) = self.aborts.pop() {
            return Action::Abort { id, outcome };
        }
        if let Some((id, role)) = self.launch.take() {
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

    /// The earliest limit of what is under way, the deadline included.
    fn expiry<H: Host>(&self, policy: &Policy<H>) -> Instant {
        let timeouts = policy.timeouts();
        let flights = self.flights.iter().flatten();
        flights.map(|flight| flight.expiry(timeouts).0).fold(self.progress.deadline, Instant::earliest)
    }

    fn start<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        policy.observe(now, PolicyEvent::Call);
        self.progress.began = now;
        if let Err(rejected) = policy.admit_call(now, draw, &self.facts) {
            return self.refuse(policy, now, rejected);
        }
        let total = policy.timeouts().expiry(Limit::Total, now);
        self.progress.deadline = self.facts.deadline.earliest(total);
        if self.progress.deadline <= now {
            return self.refuse(policy, now, Rejected::new(Machine::Deadline, Reason::DeadlineExceeded));
        }
        policy.deposit(now);
        self.begin(policy, now, draw, AttemptRole::First);
    }

    fn refuse<H: Host>(&mut self, policy: &Policy<H>, now: Instant, rejected: Rejected) {
        policy.observe(now, PolicyEvent::Rejected(rejected));
        self.end(Finish::Refused(rejected));
    }

    fn end(&mut self, finish: Finish) {
        self.step = Step::Ended;
        self.finish = Some(finish);
    }

    /// Asks the machines that see attempts, and begins if they agree.
    fn begin<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw, role: AttemptRole) {
        // A hedge that had to queue would only add to the load it is meant to dodge.
        let may_wait = role != AttemptRole::Hedge;
        match policy.admit_attempt(now, draw, &self.facts, self.progress.deadline, may_wait) {
            Gate::Open(permits) => self.launch(policy, now, role, permits),
            Gate::Queued { ticket, until, permits } => {
                let until = until.earliest(self.progress.deadline);
                self.step = Step::Queued { role, ticket, permits, since: now, until };
            }
            Gate::Refused(rejected) => self.not_admitted(policy, now, role, rejected),
        }
    }

    fn not_admitted<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        role: AttemptRole,
        rejected: Rejected,
    ) {
        match role {
            AttemptRole::First => self.refuse(policy, now, rejected),
            AttemptRole::Retry => {
                policy.observe(now, PolicyEvent::RetryDenied(DenyReason::Admission));
                self.give_last();
            }
            AttemptRole::Hedge => policy.observe(now, PolicyEvent::HedgeDenied(DenyReason::Admission)),
        }
    }

    fn launch<H: Host>(&mut self, policy: &Policy<H>, now: Instant, role: AttemptRole, permits: Permits) {
        let id = AttemptId(self.made);
        self.made += 1;
        self.hedge_at = match role {
            AttemptRole::First if self.facts.hedgeable && self.facts.idempotent => policy.hedge_at(now),
            _ => Instant::FAR,
        };
        match role {
            AttemptRole::Hedge => self.hedged = true,
            // What was kept in case this attempt would not come about is not needed any more.
            AttemptRole::First | AttemptRole::Retry => {
                self.progress.tries += 1;
                self.drop_last();
            }
        }
        let free = usize::from(self.flights[0].is_some());
        debug_assert!(self.flights[free].is_none(), "a hedge is begun only beside one attempt");
        self.flights[free] = Some(Flight::new(id, role, now, permits, self.facts.stages));
        self.step = Step::Flying;
        self.launch = Some((id, role));
        policy.observe(now, PolicyEvent::Attempt(role));
    }

    fn granted<H: Host>(&mut self, policy: &Policy<H>, now: Instant, granted: Ticket) {
        let Step::Queued { role, ticket, permits, since, .. } = self.step else { return };
        if ticket == granted
            && let Some(permits) = policy.claim(ticket, now, permits)
        {
            policy.waited(now, now.since(since));
            self.launch(policy, now, role, permits);
        }
    }

    fn hedge<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        self.hedge_at = Instant::FAR;
        if !self.facts.hedgeable || self.flights.iter().all(Option::is_some) {
            return;
        }
        if policy.withdraw_hedge(now) {
            self.begin(policy, now, draw, AttemptRole::Hedge);
        } else {
            policy.observe(now, PolicyEvent::HedgeDenied(DenyReason::Budget));
        }
    }

    /// An attempt's head has come (`open`: its body is still to be read), or all of it, or its failure.
    fn came<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        id: AttemptId,
        settlement: &Settlement,
        open: bool,
    ) {
        let of_this = |flight: &Option<Flight>| flight.as_ref().is_some_and(|flight| flight.id == id);
        let Some(slot) = self.flights.iter().position(of_this) else { return };
        if matches!(self.step, Step::Committed) {
            if !open {
                self.body_ended(policy, now, draw, slot, settlement);
            }
            return;
        }
        if !policy.is_failure(settlement) {
            return self.win(policy, now, draw, slot, settlement, open);
        }
        let Some(flight) = &mut self.flights[slot] else { return };
        if open {
            flight.head(now, settlement.outcome);
        }
        let last = if open { Last::Answered(*flight) } else { Last::Failed(id) };
        let alone = self.flights.iter().flatten().count() == 1;
        if alone && open {
            return self.answered_badly(policy, now, draw, slot, settlement);
        }
        self.failed(policy, now, draw, slot, settlement, last);
    }

    /// The only attempt out was answered, with a failure: again, or the peer's own answer as it came, which is better
    /// than one of ours.
    fn answered_badly<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        slot: usize,
        settlement: &Settlement,
    ) {
        let Some(flight) = self.flights[slot] else { return };
        match again(policy.retrying(), &self.facts, &self.progress, now, draw, settlement, flight.sent) {
            Again::After(cause, wait) => {
                self.learn(policy, now, draw, slot, settlement.outcome, Latency::SaysNothing);
                self.keep(Last::Answered(flight));
                self.plan(policy, now, cause, wait);
            }
            denied => {
                denied.observe(policy, now);
                self.win(policy, now, draw, slot, settlement, true);
            }
        }
    }

    /// An attempt has failed for good: another one may still be out, or follow, or this was it.
    fn failed<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        slot: usize,
        settlement: &Settlement,
        last: Last,
    ) {
        let Some(flight) = self.flights[slot] else { return };
        let latency = match settlement.outcome {
            // It would have taken at least so long; what failed at once says nothing of how long an answer takes.
            Outcome::Failure(Failure::Timeout) => Latency::Counts,
            _ => Latency::SaysNothing,
        };
        self.learn(policy, now, draw, slot, settlement.outcome, latency);
        self.keep(last);
        if self.flights.iter().any(Option::is_some) {
            // A failure does not win over an attempt that is still out.
            return;
        }
        self.hedge_at = Instant::FAR;
        match again(policy.retrying(), &self.facts, &self.progress, now, draw, settlement, flight.sent) {
            Again::After(cause, wait) => self.plan(policy, now, cause, wait),
            denied => {
                denied.observe(policy, now);
                self.give_last();
            }
        }
    }

    fn plan<H: Host>(&mut self, policy: &Policy<H>, now: Instant, cause: Cause, wait: Duration) {
        policy.observe(now, PolicyEvent::RetryPlanned(cause, wait));
        self.progress.last_wait = wait;
        self.hedge_at = Instant::FAR;
        self.step = Step::Backoff(now + wait);
    }

    /// This attempt's answer goes to the caller; whatever else is out is not needed.
    fn win<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        slot: usize,
        settlement: &Settlement,
        open: bool,
    ) {
        if self.hedged {
            let won = self.flights[slot].as_ref().is_some_and(|flight| flight.role == AttemptRole::Hedge);
            policy.observe(now, if won { PolicyEvent::HedgeWon } else { PolicyEvent::HedgeLost });
        }
        // A loser took at least so long: without it the percentile would come out too low.
        self.abort(policy, now, draw, 1 - slot, Outcome::Cancelled, Latency::Counts);
        self.drop_last();
        self.hedge_at = Instant::FAR;
        let Some(flight) = &mut self.flights[slot] else { return };
        self.finish = Some(Finish::Answer(flight.id));
        if open {
            flight.head(now, settlement.outcome);
            policy.record_latency(now, flight.took(now));
            self.step = Step::Committed;
        } else {
            self.learn(policy, now, draw, slot, settlement.outcome, Latency::Counts);
            self.step = Step::Ended;
        }
    }

    fn body_ended<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        slot: usize,
        settlement: &Settlement,
    ) {
        let said = self.flights[slot].and_then(|flight| flight.said());
        // A body that ends well leaves the verdict to the head; one that breaks off is a failure whatever it said.
        let outcome = match (settlement.outcome, said) {
            (Outcome::Success, Some(said)) => said,
            (outcome, _) => outcome,
        };
        self.learn(policy, now, draw, slot, outcome, Latency::SaysNothing);
        self.step = Step::Ended;
    }

    /// Gives an attempt's outcome back to the machines that admitted it, once.
    fn learn<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        slot: usize,
        outcome: Outcome,
        latency: Latency,
    ) {
        let Some(flight) = &self.flights[slot] else { return };
        let (permits, role, took) = (flight.permits, flight.role, flight.took(now));
        self.flights[slot] = None;
        let Some(permits) = permits else { return };
        policy.observe(now, PolicyEvent::Settled(role, outcome, took));
        if latency == Latency::Counts {
            policy.record_latency(now, took);
        }
        policy.settle(permits, now, draw, outcome, took);
    }

    fn abort_flights<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        outcome: Outcome,
        latency: Latency,
    ) {
        for slot in 0..self.flights.len() {
            self.abort(policy, now, draw, slot, outcome, latency);
        }
    }

    #[inline]
    fn abort<H: Host>(
        &mut self,
        policy: &Policy<H>,
        now: Instant,
        draw: Draw,
        slot: usize,
        outcome: Outcome,
        latency: Latency,
    ) {
        if let Some(flight) = &self.flights[slot] {
            self.aborts.push((flight.id, outcome));
            self.learn(policy, now, draw, slot, outcome, latency);
        }
    }

    /// Keeps this for the caller in case nothing better comes, and lets go of what was kept before.
    fn keep(&mut self, last: Last) {
        self.drop_last();
        self.last = Some(last);
    }

    #[inline]
    fn drop_last(&mut self) {
        if let Some(Last::Answered(flight)) = &self.last {
            self.aborts.push((flight.id, flight.said().unwrap_or(Outcome::Cancelled)));
        }
        self.last = None;
    }

    fn give_last(&mut self) {
        match self.last.take() {
            Some(Last::Failed(id)) => self.end(Finish::Answer(id)),
            Some(Last::TimedOut(limit)) => self.end(Finish::TimedOut(limit)),
            Some(Last::Answered(flight)) => {
                // The machines know of it; only the limits on its body still run.
                self.flights[0] = Some(flight.settled());
                self.finish = Some(Finish::Answer(flight.id));
                self.step = Step::Committed;
            }
            None => self.end(Finish::Gone),
        }
    }

    fn gone<H: Host>(&mut self, policy: &Policy<H>, now: Instant, draw: Draw) {
        if matches!(self.step, Step::Ended) {
            return;
        }
        policy.observe(now, PolicyEvent::Gone);
        if let Step::Queued { ticket, permits, .. } = self.step
            && let Some(permits) = policy.give_up(ticket, now, draw, permits)
        {
            policy.settle(permits, now, draw, Outcome::Cancelled, Duration::ZERO);
        }
        self.abort_flights(policy, now, draw, Outcome::Cancelled, Latency::SaysNothing);
        self.drop_last();
        self.launch = None;
        self.end(Finish::Gone);
    }
}
