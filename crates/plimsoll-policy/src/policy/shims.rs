//! Stand-ins until the machines have these of their own.
use crate::{
    Admission, Draw, Instant, Outcome, Rejected, Transition,
    breaker::{Breaker, Passage, Permit},
    concurrency::{self, AdaptiveLimit},
};
use std::time::Duration;
pub(crate) trait BreakerShim {
    fn settle_late(&self, p: Permit, now: Instant, draw: Draw, outcome: Outcome) -> Option<Transition>;
    fn settle_provisional(&self, p: Permit, now: Instant, draw: Draw, took: Duration) -> Option<Transition>;
    fn renew(&self, p: Permit, now: Instant) -> Result<Passage, Rejected>;
}
impl BreakerShim for Breaker {
    fn settle_late(&self, p: Permit, now: Instant, draw: Draw, outcome: Outcome) -> Option<Transition> {
        if outcome.is_failure() { self.settle(p, now, draw, outcome, Duration::ZERO) } else { None }
    }
    fn settle_provisional(&self, p: Permit, now: Instant, draw: Draw, took: Duration) -> Option<Transition> {
        self.settle(p, now, draw, Outcome::Success, took)
    }
    fn renew(&self, p: Permit, now: Instant) -> Result<Passage, Rejected> {
        let _ = p;
        self.admit(now)
    }
}
pub(crate) trait LimitShim {
    fn learn(&self, p: concurrency::Permit, now: Instant, outcome: Outcome, took: Duration);
    fn release(&self, p: concurrency::Permit, now: Instant);
}
impl LimitShim for AdaptiveLimit {
    fn learn(&self, _: concurrency::Permit, _: Instant, _: Outcome, _: Duration) {}
    fn release(&self, p: concurrency::Permit, now: Instant) {
        let _ = self.settle(p, now, Outcome::Success, Duration::ZERO);
    }
}
