use super::{Driver, Policy};
use crate::{Instant, breaker, bulkhead, concurrency, hedge, rate, retry, shed, throttle};

/// A snapshot of every machine of a policy; `None` for machines that are off.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PolicySnapshot {
    /// Load shedding.
    pub shed: Option<shed::ShedSnapshot>,
    /// The rate limit.
    pub rate_limit: Option<rate::RateSnapshot>,
    /// Client-side throttling.
    pub throttle: Option<throttle::Snapshot>,
    /// The circuit breaker.
    pub breaker: Option<breaker::Snapshot>,
    /// The bulkhead.
    pub bulkhead: Option<bulkhead::BulkheadSnapshot>,
    /// The adaptive concurrency limit.
    pub concurrency: Option<concurrency::ConcurrencySnapshot>,
    /// The budget of retries and hedges.
    pub budget: Option<retry::BudgetSnapshot>,
    /// The hedge's delay.
    pub hedge: Option<hedge::HedgeSnapshot>,
}

impl<D: Driver> Policy<D> {
    /// Returns a snapshot of every machine. Takes the locks that calls take only where they wait; not for the hot path.
    pub fn snapshot(&self, now: Instant) -> PolicySnapshot {
        PolicySnapshot {
            shed: self.shed.as_ref().map(|shed| shed.snapshot(now)),
            rate_limit: self.rate_limit.as_ref().map(|limit| limit.snapshot(now)),
            throttle: self.throttle.as_ref().map(|throttle| throttle.snapshot(now)),
            breaker: self.breaker.as_ref().map(|breaker| breaker.snapshot(now)),
            bulkhead: self.bulkhead.as_ref().map(|bulkhead| bulkhead.snapshot(now)),
            concurrency: self.concurrency.as_ref().map(|limit| limit.snapshot()),
            budget: self.budget.as_ref().map(|budget| budget.snapshot(now)),
            hedge: self.hedger.as_ref().map(|hedger| hedger.snapshot(now)),
        }
    }
}
