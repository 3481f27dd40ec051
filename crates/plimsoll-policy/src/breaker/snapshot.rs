use super::{Breaker, Counts, Opening};
use crate::{BreakerState, Instant, Transition};
use std::time::Duration;

/// A breaker as somebody who looks at it sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The state. An open breaker whose time is over stays open until the next call.
    pub state: BreakerState,
    /// The window's counts; zero unless the breaker is closed, because calls are counted only then.
    pub counts: Counts,
    /// The number of consecutive failures.
    pub consecutive_failures: u32,
    /// While half-open: probes let through whose permits are taken.
    pub probes_given: u32,
    /// While half-open: probes that went well.
    pub probes_passed: u32,
    /// While open: how long until probes pass. While half-open: how long until a new set does.
    pub remaining: Option<Duration>,
    /// How often it has opened since it was last closed.
    pub openings: u32,
    /// When and why it last opened on what it had counted, with the failure ratio at that moment.
    pub opening: Option<Opening>,
    /// When it last changed its state, and why.
    pub last: Option<(Instant, Transition)>,
}

impl Breaker {
    /// Returns a snapshot at `now`. Takes the lock of transitions: not for the hot path.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let record = self.lock();
        let word = self.word();
        // A state that holds until somebody lifts it has no end to show.
        let timed = matches!(word.state(), BreakerState::Open | BreakerState::HalfOpen);
        let until = self.until(word).filter(|_| timed);
        Snapshot {
            state: word.state(),
            counts: self.calls.counts(self.steady.limits.cut(), now, word.epoch()).into(),
            consecutive_failures: self.calls.consecutive(word.epoch()),
            probes_given: word.given(),
            probes_passed: word.passed(),
            remaining: until.map(|until| until.since(now)),
            openings: record.openings,
            opening: record.opening,
            last: record.last,
        }
    }
}
