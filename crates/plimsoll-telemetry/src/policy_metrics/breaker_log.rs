use crate::logs::Repeats;
use plimsoll_policy::{BreakerState, Instant, Observer, PolicyEvent, Transition};
use std::time::Duration;

/// How often a breaker's transition to the same state is a line in the log; those between are counted.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// An observer that logs each transition of a breaker with its reason, and counts nothing.
///
/// Of transitions to the same state one a minute is a line of its own (`WARN` for an opening, else `INFO`); the next line
/// says how many had none. [`PolicyMetrics`](super::PolicyMetrics) logs by it; alone it is for a policy without metrics.
#[derive(Debug)]
pub struct BreakerLog {
    policy: Box<str>,
    upstream: Box<str>,
    transitions: Repeats<BreakerState, Transition>,
}

impl BreakerLog {
    /// Creates the log of the breaker of this policy for this upstream.
    pub fn new(policy: &str, upstream: &str) -> Self {
        let transitions = Repeats::new(LINE_EVERY, BreakerState::ALL.len());
        Self { policy: policy.into(), upstream: upstream.into(), transitions }
    }

    #[cold]
    pub(super) fn changed(&self, now: Instant, change: Transition) {
        if let Some(untold) = self.transitions.seen(change.to, change, now) {
            self.line(change, untold);
        }
    }

    /// Logs the transitions that were only counted so far, for states whose minute is over.
    pub fn log_repeats(&self, now: Instant) {
        for (_, untold, latest) in self.transitions.due(now).repeats {
            self.line(latest, untold);
        }
    }

    fn line(&self, change: Transition, repeats: u64) {
        let (policy, upstream) = (&*self.policy, &*self.upstream);
        let (from, to, reason) = (change.from.name(), change.to.name(), change.reason.name());
        let repeats = (repeats > 0).then_some(repeats);
        match change.to {
            BreakerState::Closed | BreakerState::HalfOpen => {
                tracing::info!(policy, upstream, from, to, reason, repeats, "breaker turned");
            }
            _ => tracing::warn!(policy, upstream, from, to, reason, repeats, "breaker opened"),
        }
    }
}

impl Observer for BreakerLog {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        if let PolicyEvent::Breaker(change) = event {
            self.changed(now, *change);
        }
    }
}
