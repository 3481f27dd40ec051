//! How much of the machines the scripts have reached.

use plimsoll_policy::{
    BreakerState, DenyReason, Limit, Machine, PolicyEvent, Reason, TransitionReason,
    call::{Action, Event, Mark},
};
use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
};

/// Counts of whatever was told, decided and done, by kind.
#[derive(Clone, Debug)]
pub struct Coverage(BTreeMap<(&'static str, String), u64>);

const ACTIONS: [&str; 5] = ["Wait", "Attempt", "Abort", "Finish", "Closed"];
const FINISHES: [&str; 5] = ["Response", "Refused", "TimedOut", "CallerTimedOut", "Gone"];
const EVENTS: [&str; 9] =
    ["Start", "Proceed", "Timer", "Granted", "Headers", "Done", "Unavailable", "Unreplayable", "Gone"];
const MARKS: [&str; 7] =
    ["Dialled", "Connected", "Sent", "Flushed", "Moved", "WaitsForCaller", "WaitsForPeer"];
const OBSERVED: [&str; 15] = [
    "Call",
    "Rejected",
    "Waited",
    "Attempt",
    "Settled",
    "RetryPlanned",
    "RetryDenied",
    "HedgeWon",
    "HedgeLost",
    "HedgeDenied",
    "TimedOut",
    "CallerTimedOut",
    "BodyFailed",
    "Breaker",
    "Gone",
];
/// A hedge is not asked about safety or time, and the number of attempts does not bound it.
const NO_HEDGE: [DenyReason; 3] = [DenyReason::Budget, DenyReason::Admission, DenyReason::NoEndpoint];
/// The machines that let calls wait.
const WITH_QUEUES: [Machine; 2] = [Machine::RateLimit, Machine::Bulkhead];
/// A bucket is empty, or a turn would come too late; a queue is full.
const OVER_THE_RATE: [Reason; 2] = [Reason::RateExceeded, Reason::QueueFull];
/// A caller is waited for while it sends and while it reads.
const OF_CALLERS: [Limit; 2] = [Limit::Idle, Limit::Total];

impl Default for Coverage {
    /// Every kind that can occur, not yet reached.
    fn default() -> Self {
        let mut coverage = Self(BTreeMap::new());
        let named: [(&str, &[&'static str]); 5] = [
            ("action", &ACTIONS),
            ("finish", &FINISHES),
            ("event", &EVENTS),
            ("mark", &MARKS),
            ("observed", &OBSERVED),
        ];
        for (group, kinds) in named {
            coverage.expect(group, kinds.iter().copied());
        }
        coverage.expect("retry denied", DenyReason::ALL.map(DenyReason::name));
        coverage.expect("hedge denied", NO_HEDGE.map(DenyReason::name));
        coverage.expect("transition", TransitionReason::ALL.map(TransitionReason::name));
        coverage.expect("breaker", BreakerState::ALL.map(BreakerState::name));
        coverage.expect("rejected", Reason::ALL.map(Reason::name));
        coverage.expect("rate limited", OVER_THE_RATE.map(Reason::name));
        coverage.expect("waited", WITH_QUEUES.map(Machine::name));
        coverage.expect("timed out", Limit::ALL.map(Limit::name));
        coverage.expect("caller timed out", OF_CALLERS.map(Limit::name));
        coverage
    }
}

impl Coverage {
    fn expect(&mut self, group: &'static str, kinds: impl IntoIterator<Item = &'static str>) {
        self.0.extend(kinds.into_iter().map(|kind| ((group, kind.to_owned()), 0)));
    }

    fn count(&mut self, group: &'static str, kind: &str) {
        *self.0.entry((group, kind.to_owned())).or_default() += 1;
    }

    /// A call was given this event, and returned this action.
    pub fn record(&mut self, event: &Event, action: &Action) {
        self.count("event", &kind(event));
        self.count("action", &kind(action));
        if let Action::Finish(finish) = action {
            self.count("finish", &kind(finish));
        }
    }

    /// A call was told that an attempt has come so far.
    pub fn marked(&mut self, mark: Mark) {
        self.count("mark", &kind(mark));
    }

    /// An observer heard this.
    pub fn event(&mut self, event: &PolicyEvent) {
        self.count("observed", &kind(event));
        match event {
            PolicyEvent::Rejected(rejected) => {
                self.count("rejected", rejected.reason.name());
                if rejected.by == Machine::RateLimit {
                    self.count("rate limited", rejected.reason.name());
                }
            }
            PolicyEvent::Waited(machine, _) => self.count("waited", machine.name()),
            PolicyEvent::RetryDenied(reason) => self.count("retry denied", reason.name()),
            PolicyEvent::HedgeDenied(reason) => self.count("hedge denied", reason.name()),
            PolicyEvent::TimedOut(limit) => self.count("timed out", limit.name()),
            PolicyEvent::CallerTimedOut(limit) => self.count("caller timed out", limit.name()),
            PolicyEvent::Breaker(transition) => {
                self.count("transition", transition.reason.name());
                self.count("breaker", transition.to.name());
            }
            _ => {}
        }
    }

    /// The kinds that can occur and have not.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.0.iter().filter(|(_, count)| **count == 0);
        missing.map(|((group, kind), _)| format!("{group}: {kind}")).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = "";
        for ((group, kind), count) in &self.0 {
            let title = if *group == last { "" } else { group };
            writeln!(f, "{title:<18}{kind:<24}{count:>10}")?;
            last = group;
        }
        Ok(())
    }
}

/// The name of the variant.
fn kind(of: impl Debug) -> String {
    let text = format!("{of:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
