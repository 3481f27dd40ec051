//! The counts of a policy as plain numbers, for display instead of scraping.

use super::{Handles, PolicyMetrics};
use crate::counter::Counter;

/// The counts of [`PolicyMetrics`], each since its series began.
///
/// The numbers are read one after the other while calls go on: one may be a few calls ahead of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PolicyCounts {
    /// Calls that began.
    pub calls: u64,
    /// Calls whose caller left before the end.
    pub abandoned: u64,
    /// Calls that a machine refused.
    pub rejected: u64,
    /// Attempts let through: every call's first.
    pub first_attempts: u64,
    /// Attempts let through: those made again.
    pub retry_attempts: u64,
    /// Attempts let through: those beside another.
    pub hedge_attempts: u64,
    /// Hedges whose response was used.
    pub hedges_won: u64,
    /// Retries that the cause would have allowed and that were not made.
    pub retries_denied: u64,
    /// Hedges that were due and not made.
    pub hedges_denied: u64,
    /// Limits of the timeout matrix that ran out.
    pub timeouts: u64,
    /// How often the breaker opened.
    pub openings: u64,
}

impl PolicyCounts {
    /// Attempts of every kind.
    pub const fn attempts(&self) -> u64 {
        self.first_attempts + self.retry_attempts + self.hedge_attempts
    }
}

impl PolicyMetrics {
    /// The numbers so far. O(series × shards), no allocation; not for the hot path.
    pub fn counts(&self) -> PolicyCounts {
        let Handles { calls, abandoned, attempts: [first, retry, hedge], .. } = &self.handles;
        let sum = |counters: &[Counter]| counters.iter().map(Counter::get).sum();
        let rejected = self.handles.rejections.iter().flatten().filter_map(|cell| cell.get());
        PolicyCounts {
            calls: calls.get(),
            abandoned: abandoned.get(),
            rejected: rejected.map(Counter::get).sum(),
            first_attempts: first.get(),
            retry_attempts: retry.get(),
            hedge_attempts: hedge.get(),
            hedges_won: self.handles.hedges_won.get(),
            retries_denied: sum(&self.handles.retries_denied),
            hedges_denied: sum(&self.handles.hedges_denied),
            timeouts: sum(&self.handles.timeouts),
            openings: sum(&self.handles.openings),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Registry;
    use plimsoll_policy::{
        AttemptRole, BreakerState, Instant, Limit, Machine, Observer as _, PolicyEvent, Reason,
        RejectedError, Transition, TransitionReason,
    };

    #[test]
    fn each_event_is_in_its_number() {
        let metrics = PolicyMetrics::new(&Registry::new(), "standard", "users").unwrap();
        assert_eq!(metrics.counts(), PolicyCounts::default());
        let opened = Transition {
            from: BreakerState::Closed,
            to: BreakerState::Open,
            reason: TransitionReason::FailureRatio,
        };
        let events = [
            PolicyEvent::Call,
            PolicyEvent::Call,
            PolicyEvent::Attempt(AttemptRole::First),
            PolicyEvent::Attempt(AttemptRole::Retry),
            PolicyEvent::Attempt(AttemptRole::Hedge),
            PolicyEvent::Attempt(AttemptRole::Hedge),
            PolicyEvent::Rejected(RejectedError::new(Machine::Breaker, Reason::CircuitOpen)),
            PolicyEvent::Rejected(RejectedError::new(Machine::Balance, Reason::NoEndpoint)),
            PolicyEvent::TimedOut(Limit::Attempt),
            PolicyEvent::Breaker(opened),
            PolicyEvent::Gone,
        ];
        for event in &events {
            metrics.on(Instant::ORIGIN, event);
        }
        let counts = metrics.counts();
        let expected = PolicyCounts {
            calls: 2,
            abandoned: 1,
            rejected: 2,
            first_attempts: 1,
            retry_attempts: 1,
            hedge_attempts: 2,
            timeouts: 1,
            openings: 1,
            ..PolicyCounts::default()
        };
        assert_eq!(counts, expected);
        assert_eq!(counts.attempts(), 4);
    }
}
