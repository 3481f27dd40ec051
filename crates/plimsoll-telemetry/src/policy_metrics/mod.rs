//! Metrics of the decisions of the policies' machines.
//!
//! [`PolicyMetrics`] holds one handle for every kind of event; an event picks its handle by the discriminants
//! in it. Kinds that a healthy policy shows are registered when it is made, so that they read 0 before
//! they first happen. Combinations that are rare or belong to other machines (a balancer that refuses for
//! want of an endpoint, a breaker isolated by hand) are registered at their first event, once.

mod breaker_log;
mod counts;
mod families;
mod state;

pub use breaker_log::BreakerLog;
pub use counts::PolicyCounts;

use crate::{
    collector::Collecting, counter::Counter, error::RegisterError, histogram::Histogram, registry::Registry,
};
use families::Families;
use plimsoll_policy::{
    AttemptRole, BreakerState, Cause, DenyReason, Failure, Instant, Limit, Machine, Observer, Outcome,
    PolicyEvent, Reason, RejectedError, Transition, TransitionReason,
};
use state::LatestState;
use std::{
    array,
    sync::{Arc, OnceLock},
};

const MACHINES: usize = Machine::ALL.len();
const REASONS: usize = Reason::ALL.len();
const STATES: usize = BreakerState::ALL.len();

/// Rejections of normal operation, whose series are made at once.
const USUAL_REJECTIONS: [(Machine, Reason); 6] = [
    (Machine::Shed, Reason::Overloaded),
    (Machine::RateLimit, Reason::RateExceeded),
    (Machine::Throttle, Reason::Throttled),
    (Machine::Breaker, Reason::CircuitOpen),
    (Machine::Bulkhead, Reason::QueueFull),
    (Machine::Concurrency, Reason::QueueFull),
];

const USUAL_TRANSITIONS: [(BreakerState, BreakerState); 4] = [
    (BreakerState::Closed, BreakerState::Open),
    (BreakerState::Open, BreakerState::HalfOpen),
    (BreakerState::HalfOpen, BreakerState::Closed),
    (BreakerState::HalfOpen, BreakerState::Open),
];

/// The headings under which retries are counted: statuses beyond these share their class.
const CAUSES: [&str; 10] = [
    "connect",
    "reset",
    "timeout",
    "other",
    "status-429",
    "status-502",
    "status-503",
    "status-504",
    "status-5xx",
    "status-other",
];

const OUTCOMES: [&str; 9] = [
    "success",
    "connect-failed",
    "broken",
    "timed-out",
    "failure-answered",
    "throttled",
    "cancelled",
    "caller",
    "local",
];

const OPENINGS: [TransitionReason; 5] = [
    TransitionReason::FailureRatio,
    TransitionReason::SlowRatio,
    TransitionReason::Consecutive,
    TransitionReason::ProbeFailed,
    TransitionReason::ByHand,
];

/// Counts the decisions of one policy for one upstream, and logs each transition of its breaker with the reason.
///
/// Of transitions to the same state one a minute is a line of its own, as in [`BreakerLog`];
/// [`log_repeats`](Self::log_repeats) logs the others without waiting for the next.
///
/// Several of the same names (one a worker, or the old and the new one during a reload) count into the same
/// series; when the last is dropped, the series end. About 9 KiB, and three histograms of some 1.8 KiB a shard
/// (up to 17 if every machine queues and every outcome occurs).
#[derive(Debug)]
pub struct PolicyMetrics {
    // Before `ended`: the handles must be gone when it looks for series that nobody holds.
    handles: Handles,
    state: Arc<LatestState>,
    log: BreakerLog,
    _collecting: Collecting,
    ended: Ended,
}

#[derive(Debug)]
struct Handles {
    calls: Counter,
    abandoned: Counter,
    rejections: [[OnceLock<Counter>; REASONS]; MACHINES],
    waits: [OnceLock<Histogram>; MACHINES],
    attempts: [Counter; 3],
    durations: [OnceLock<Histogram>; OUTCOMES.len()],
    retries: [Counter; CAUSES.len()],
    retries_denied: [Counter; DenyReason::ALL.len()],
    hedges_started: Counter,
    hedges_won: Counter,
    hedges_lost: Counter,
    hedges_denied: [Counter; DenyReason::ALL.len()],
    timeouts: [Counter; Limit::ALL.len()],
    caller_timeouts: [Counter; Limit::ALL.len()],
    bodies_failed: [OnceLock<Counter>; OUTCOMES.len()],
    transitions: [[OnceLock<Counter>; STATES]; STATES],
    openings: [Counter; OPENINGS.len()],
}

/// The names, and the end of the series.
#[derive(Debug)]
struct Ended {
    families: Families,
    policy: String,
    upstream: String,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.families.sweep(&self.policy, &self.upstream);
    }
}

impl PolicyMetrics {
    /// Registers everything for this policy and upstream.
    ///
    /// # Errors
    /// When the registry is full, or has a family of the same name that is not this one.
    pub fn new(registry: &Registry, policy: &str, upstream: &str) -> Result<Self, RegisterError> {
        let families = Families::metrics(registry)?;
        let state = Arc::new(LatestState::default());
        let collecting = Self::show_state(registry, &families, policy, upstream, Arc::clone(&state))?;
        let ended = Ended { families, policy: policy.to_owned(), upstream: upstream.to_owned() };
        let log = BreakerLog::new(policy, upstream);
        let metrics = Self { handles: Handles::new(&ended), state, log, _collecting: collecting, ended };
        for (machine, reason) in USUAL_REJECTIONS {
            metrics.rejection(machine, reason);
        }
        for machine in [Machine::Bulkhead, Machine::RateLimit] {
            metrics.wait(machine);
        }
        for (from, to) in USUAL_TRANSITIONS {
            metrics.transition(from, to);
        }
        metrics.duration(Outcome::Success);
        metrics.body_failed(Outcome::Failure(Failure::Broken));
        Ok(metrics)
    }

    /// Says which state the breaker is in, where no event has said so yet: when a policy with a breaker begins.
    /// Until then, no state is shown.
    pub fn breaker_is(&self, now: Instant, state: BreakerState) {
        self.state.set(now, state);
    }

    fn show_state(
        registry: &Registry,
        families: &Families,
        policy: &str,
        upstream: &str,
        latest: Arc<LatestState>,
    ) -> Result<Collecting, RegisterError> {
        let (family, policy, upstream) = (families.state.clone(), policy.to_owned(), upstream.to_owned());
        registry.register_collector(move |samples| {
            if let Some(now) = latest.get() {
                for state in BreakerState::ALL {
                    let here = if state == now { 1.0 } else { 0.0 };
                    samples.put(&family, &[&policy, &upstream, state.name()], here);
                }
            }
        })
    }

    fn rejection(&self, machine: Machine, reason: Reason) -> &Counter {
        let Ended { families, policy, upstream } = &self.ended;
        self.handles.rejections[machine as usize][reason as usize]
            .get_or_init(|| families.rejections.with(&[policy, upstream, machine.name(), reason.name()]))
    }

    fn wait(&self, machine: Machine) -> &Histogram {
        let Ended { families, policy, upstream } = &self.ended;
        let cell = &self.handles.waits[machine as usize];
        families::histogram(cell, &families.waits, [policy, upstream, machine.name()])
    }

    fn duration(&self, outcome: Outcome) -> &Histogram {
        let Ended { families, policy, upstream } = &self.ended;
        let nth = outcome_index(outcome);
        let cell = &self.handles.durations[nth];
        families::histogram(cell, &families.durations, [policy, upstream, OUTCOMES[nth]])
    }

    fn body_failed(&self, outcome: Outcome) -> &Counter {
        let Ended { families, policy, upstream } = &self.ended;
        let nth = outcome_index(outcome);
        self.handles.bodies_failed[nth]
            .get_or_init(|| families.bodies_failed.with(&[policy, upstream, OUTCOMES[nth]]))
    }

    fn transition(&self, from: BreakerState, to: BreakerState) -> &Counter {
        let Ended { families, policy, upstream } = &self.ended;
        self.handles.transitions[from as usize][to as usize]
            .get_or_init(|| families.transitions.with(&[policy, upstream, from.name(), to.name()]))
    }

    #[cold]
    fn changed(&self, now: Instant, change: Transition) {
        self.transition(change.from, change.to).inc();
        self.state.follow(now, change);
        let opened =
            matches!(change.to, BreakerState::Open | BreakerState::ForcedOpen | BreakerState::Isolated);
        let why = OPENINGS.iter().position(|reason| *reason == change.reason);
        if opened && let Some(why) = why {
            self.handles.openings[why].inc();
        }
        self.log.changed(now, change);
    }

    /// Logs the transitions that were only counted so far, for states whose minute is over. For a caller that polls about once
    /// a second; without it they are told with the next transition to the same state.
    pub fn log_repeats(&self, now: Instant) {
        self.log.log_repeats(now);
    }
}

impl Handles {
    fn new(names: &Ended) -> Self {
        let Ended { families, policy, upstream } = names;
        let (calls, abandoned) = families.handle_calls(policy, upstream);
        let hedge = |event: &str| families.hedges.with(&[policy, upstream, event]);
        Self {
            calls,
            abandoned,
            rejections: array::from_fn(|_| array::from_fn(|_| OnceLock::new())),
            waits: array::from_fn(|_| OnceLock::new()),
            attempts: ["first", "retry", "hedge"]
                .map(|role| families.attempts.with(&[policy, upstream, role])),
            durations: array::from_fn(|_| OnceLock::new()),
            retries: CAUSES.map(|cause| families.retries.with(&[policy, upstream, cause])),
            retries_denied: DenyReason::ALL
                .map(|reason| families.retries_denied.with(&[policy, upstream, reason.name()])),
            hedges_started: hedge("started"),
            hedges_won: hedge("won"),
            hedges_lost: hedge("lost"),
            hedges_denied: DenyReason::ALL
                .map(|reason| families.hedges_denied.with(&[policy, upstream, reason.name()])),
            timeouts: Limit::ALL.map(|limit| families.timeouts.with(&[policy, upstream, limit.name()])),
            caller_timeouts: Limit::ALL
                .map(|limit| families.caller_timeouts.with(&[policy, upstream, limit.name()])),
            bodies_failed: array::from_fn(|_| OnceLock::new()),
            transitions: array::from_fn(|_| array::from_fn(|_| OnceLock::new())),
            openings: OPENINGS.map(|reason| families.openings.with(&[policy, upstream, reason.name()])),
        }
    }
}

impl Observer for PolicyMetrics {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        let handles = &self.handles;
        match event {
            PolicyEvent::Call => handles.calls.inc(),
            PolicyEvent::Rejected(RejectedError { by, reason, .. }) => self.rejection(*by, *reason).inc(),
            PolicyEvent::Waited(machine, waited) => self.wait(*machine).record_duration(*waited),
            PolicyEvent::Attempt(role) => {
                handles.attempts[role_index(*role)].inc();
                if *role == AttemptRole::Hedge {
                    handles.hedges_started.inc();
                }
            }
            PolicyEvent::Settled(_, outcome, took) => self.duration(*outcome).record_duration(*took),
            PolicyEvent::RetryPlanned(cause, _) => handles.retries[cause_index(*cause)].inc(),
            PolicyEvent::RetryDenied(reason) => handles.retries_denied[*reason as usize].inc(),
            PolicyEvent::HedgeWon => handles.hedges_won.inc(),
            PolicyEvent::HedgeLost => handles.hedges_lost.inc(),
            PolicyEvent::HedgeDenied(reason) => handles.hedges_denied[*reason as usize].inc(),
            PolicyEvent::TimedOut(limit) => handles.timeouts[*limit as usize].inc(),
            PolicyEvent::CallerTimedOut(limit) => handles.caller_timeouts[*limit as usize].inc(),
            PolicyEvent::BodyFailed(_, outcome) => self.body_failed(*outcome).inc(),
            PolicyEvent::Breaker(change) => self.changed(now, *change),
            PolicyEvent::Gone => handles.abandoned.inc(),
            // The enumeration may grow; what has no metric is not counted.
            _ => {}
        }
    }
}

fn role_index(role: AttemptRole) -> usize {
    match role {
        AttemptRole::First => 0,
        AttemptRole::Retry => 1,
        AttemptRole::Hedge => 2,
    }
}

fn cause_index(cause: Cause) -> usize {
    match cause {
        Cause::Connect => 0,
        Cause::Reset => 1,
        Cause::Timeout => 2,
        Cause::Other => 3,
        Cause::Status(429) => 4,
        Cause::Status(502) => 5,
        Cause::Status(503) => 6,
        Cause::Status(504) => 7,
        Cause::Status(500..=599) => 8,
        Cause::Status(_) => 9,
    }
}

fn outcome_index(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Success => 0,
        Outcome::Failure(Failure::Connect) => 1,
        Outcome::Failure(Failure::Broken) => 2,
        Outcome::Failure(Failure::Timeout) => 3,
        Outcome::Failure(Failure::Response) => 4,
        Outcome::Throttled => 5,
        Outcome::Cancelled => 6,
        Outcome::Caller => 7,
        Outcome::Local => 8,
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
