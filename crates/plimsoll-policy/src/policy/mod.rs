//! The machines of one policy, put together in their order.
//!
//! A [`Policy`] is made from a [`PolicySpec`] and shared by every worker. A changed spec gives a new [`Policy`] whose
//! machines are the old ones with new thresholds ([`Policy::revised`]): windows, buckets, queues and budgets go on.

mod driver;
mod gate;
#[cfg(all(test, not(loom)))]
mod revision_tests;
mod snapshot;

pub use driver::Driver;
pub use snapshot::PolicySnapshot;

pub(crate) use gate::{Gate, Luck, Permits};

use crate::{
    Admitted, Ask, Draw, Instant, KeyHash, Limit, Machine, Outcome, PolicyEvent, PolicySpec, Purpose, Reason,
    RejectedError, Seed, Settlement, Timeouts,
    breaker::Breaker,
    bulkhead::Bulkhead,
    call::Facts,
    concurrency::AdaptiveLimit,
    hedge::Hedger,
    rate::{RateLimiter, Slot},
    retry::{BudgetSpec, RetryBudget, RetrySpec},
    shed::Shedder,
    throttle::Throttle,
};
use std::{sync::Arc, time::Duration};

/// The retries of a policy: their spec and the shared budget.
#[derive(Clone, Debug)]
pub(crate) struct Retrying {
    pub(crate) spec: RetrySpec,
    pub(crate) budget: Arc<RetryBudget>,
}

/// The machines of one policy. `D` is the driver's side, which wakes waiters and observes decisions.
///
/// Cloning shares the machines.
#[derive(Clone, Debug)]
pub struct Policy<D = ()> {
    spec: Arc<PolicySpec>,
    timeouts: Timeouts,
    shed: Option<Arc<Shedder>>,
    rate_limit: Option<Arc<RateLimiter>>,
    throttle: Option<Arc<Throttle>>,
    breaker: Option<Arc<Breaker>>,
    bulkhead: Option<Arc<Bulkhead>>,
    /// The bulkhead while it is switched off. It is used again when a spec asks for one: calls that it admitted are
    /// still in flight, and none of its tickets may ever be given to another call.
    lifted: Option<Arc<Bulkhead>>,
    concurrency: Option<Arc<AdaptiveLimit>>,
    budget: Option<Arc<RetryBudget>>,
    retrying: Option<Retrying>,
    hedger: Option<Arc<Hedger>>,
    driver: D,
}

impl<D: Driver + Clone> Policy<D> {
    /// New machines for this spec, beginning at `now`. `secret` keys the hash of a rate limit that counts keys apart: a
    /// draw that a client cannot guess.
    pub fn new(spec: PolicySpec, now: Instant, secret: Draw, driver: D) -> Self {
        let budget = budget_of(&spec).map(|spec| Arc::new(RetryBudget::new(spec)));
        Self {
            timeouts: spec.timeouts,
            shed: spec.shed.map(|spec| Arc::new(Shedder::new(spec))),
            rate_limit: spec.rate_limit.as_ref().map(|spec| Arc::new(RateLimiter::new(spec, now, secret))),
            throttle: spec.throttle.map(|spec| Arc::new(Throttle::new(spec))),
            breaker: spec.breaker.map(|spec| Arc::new(Breaker::new(spec))),
            bulkhead: spec.bulkhead.map(|spec| Arc::new(Bulkhead::new(spec))),
            lifted: None,
            concurrency: spec.concurrency.map(|spec| Arc::new(AdaptiveLimit::new(spec))),
            retrying: retrying_of(&spec, budget.as_ref()),
            budget,
            hedger: spec.hedge.map(|spec| Arc::new(Hedger::new(spec))),
            spec: Arc::new(spec),
            driver,
        }
    }

    /// The same policy under another spec: machines that both have go on with their state and the new thresholds,
    /// machines that only the new one has begin anew. Calls under way keep the policy that they began with, and settle
    /// with the machines that they share.
    ///
    /// A rate limit that counts by something else, or remembers another number of keys, begins anew. One of another shape
    /// is another machine that continues the old one: what was used stays used, and calls that wait go at the instants
    /// that they were told. A bulkhead that is
    /// switched off admits all its waiters; switched on again it is the same one, with the calls that it has let
    /// through. So a ticket is unique for the policy's life.
    ///
    /// All allocation, which alone can fail here, comes before the first change to a machine: if this panics, the
    /// machines are as they were.
    #[must_use]
    pub fn revised(&self, spec: PolicySpec, now: Instant, secret: Draw) -> Self {
        let fresh = Self::new(spec, now, secret, self.driver.clone());
        let spec = &fresh.spec;
        let bulkhead = self.bulkhead.as_ref().or(self.lifted.as_ref());
        if let (Some(breaker), Some(spec)) = (&self.breaker, spec.breaker) {
            breaker.prepare(spec);
        }
        if let (Some(bulkhead), Some(spec)) = (bulkhead, spec.bulkhead) {
            bulkhead.prepare(spec);
        }
        // From here on nothing fails.
        let revised = Self {
            shed: carried(self.shed.as_ref(), fresh.shed.as_ref(), spec.shed, Shedder::update),
            rate_limit: match (&self.rate_limit, &spec.rate_limit) {
                (Some(old), Some(spec)) if old.update(now, spec) => Some(Arc::clone(old)),
                (Some(old), Some(_)) => fresh.rate_limit.clone().inspect(|fresh| fresh.take_over(old)),
                _ => fresh.rate_limit.clone(),
            },
            throttle: carried(
                self.throttle.as_ref(),
                fresh.throttle.as_ref(),
                spec.throttle,
                Throttle::update,
            ),
            breaker: carried(self.breaker.as_ref(), fresh.breaker.as_ref(), spec.breaker, Breaker::update),
            bulkhead: carried(bulkhead, fresh.bulkhead.as_ref(), spec.bulkhead, Bulkhead::update),
            lifted: bulkhead.filter(|_| spec.bulkhead.is_none()).cloned(),
            concurrency: carried(
                self.concurrency.as_ref(),
                fresh.concurrency.as_ref(),
                spec.concurrency,
                AdaptiveLimit::update,
            ),
            budget: carried(
                self.budget.as_ref(),
                fresh.budget.as_ref(),
                budget_of(spec),
                RetryBudget::update,
            ),
            hedger: carried(self.hedger.as_ref(), fresh.hedger.as_ref(), spec.hedge, |old, spec| {
                old.update(now, spec);
            }),
            ..fresh.clone()
        };
        let revised = Self { retrying: retrying_of(spec, revised.budget.as_ref()), ..revised };
        revised.wake_line(now);
        revised
    }
}

impl<D: Driver> Policy<D> {
    /// Grants the permits of a raised or removed limit to waiters.
    fn wake_line(&self, now: Instant) {
        if let Some(lifted) = &self.lifted {
            lifted.lift();
        }
        let Some(bulkhead) = self.bulkhead.as_ref().or(self.lifted.as_ref()) else { return };
        while let Some(ticket) = bulkhead.hand_over(now, crate::bulkhead::QueueOrder::OldestFirst).0 {
            self.driver.wake(ticket);
        }
    }

    /// Returns the spec in force.
    pub fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    /// Returns the driver's side.
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Returns the breaker, to force it open or closed.
    pub fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_deref()
    }

    /// Returns the hash of this key for a rate limit that counts keys apart; `None` without such a limit.
    pub fn rate_key(&self, text: &[u8]) -> Option<KeyHash> {
        self.rate_limit.as_ref()?.hash(text)
    }

    /// Counts a call with several keys under one more of them, before it begins; the first key is in its [`Facts`].
    ///
    /// # Errors
    /// As [`RateLimiter::admit`]: the call is to be refused.
    pub fn charge(&self, now: Instant, key: KeyHash) -> Result<(), RejectedError> {
        let charged = self.rate_limit.as_ref().map_or(Ok(()), |limit| limit.admit(now, Some(key)));
        charged.inspect_err(|rejected| self.observe(now, PolicyEvent::Rejected(*rejected)))
    }

    /// Returns whether a call may need more than one attempt. If not, a driver need not keep the request.
    #[inline]
    pub fn sends_again(&self) -> bool {
        self.hedger.is_some()
            || self.retrying.as_ref().is_some_and(|retrying| retrying.spec.attempts.get() > 1)
    }

    /// Reports a wait in a queue of the driver's own (a run queue, an accept queue): shedding counts it like a wait in
    /// the bulkhead's queue.
    pub fn queue_delay(&self, now: Instant, delay: Duration) {
        if let Some(shed) = &self.shed {
            shed.waited(now, delay);
        }
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(crate) fn retrying(&self) -> Option<&Retrying> {
        self.retrying.as_ref()
    }

    #[inline]
    pub(crate) fn observe(&self, now: Instant, event: PolicyEvent) {
        self.driver.on(now, &event);
    }

    /// Admits a call by the machines that see calls: shedding, then the rate limit. Where that is a leaky bucket, it rejects
    /// the call and has to be asked by [`Self::turn`].
    pub(crate) fn admit_call(&self, now: Instant, seed: Seed, facts: &Facts) -> Result<(), RejectedError> {
        if let Some(shed) = &self.shed {
            let ask =
                Ask { permits: 1, priority: facts.priority, cohort: facts.cohort, deadline: facts.deadline };
            shed.admit(now, ask, seed.draw(Purpose::Shed, 0))?;
        }
        self.rate_limit.as_ref().map_or(Ok(()), |limit| limit.admit(now, facts.rate_key))
    }

    /// Asks a leaky bucket for a call's turn, which comes before the call's deadline or not at all. `None` without such a
    /// bucket.
    #[cold]
    pub(crate) fn turn(&self, now: Instant, facts: &Facts) -> Option<Admitted<Slot>> {
        let bucket = self.rate_limit.as_ref()?.leaky_bucket()?;
        let deadline = self.deadline(now, facts);
        Some(if deadline <= now {
            Admitted::Refused(RejectedError::new(Machine::Deadline, Reason::DeadlineExceeded))
        } else {
            bucket.admit(now, Ask { deadline, ..Ask::default() })
        })
    }

    /// Gives back the turn of a call that left before it came.
    pub(crate) fn cancel_turn(&self, slot: Slot, now: Instant) {
        if let Some(bucket) = self.rate_limit.as_ref().and_then(|limit| limit.leaky_bucket()) {
            bucket.cancel(slot, now);
        }
    }

    /// Returns the deadline of a call that begins now: its caller's, or the policy's total limit.
    #[inline]
    pub(crate) fn deadline(&self, now: Instant, facts: &Facts) -> Instant {
        facts.deadline.earliest(self.timeouts.expiry(Limit::Total, now))
    }

    pub(crate) fn deposit(&self, now: Instant) {
        if let Some(budget) = &self.budget {
            budget.deposit(now);
        }
    }

    pub(crate) fn withdraw_hedge(&self, now: Instant) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.withdraw_hedge(now))
    }

    /// The retry that was drawn then came to nothing.
    pub(crate) fn refund(&self, withdrawn: Instant) {
        if let Some(budget) = &self.budget {
            budget.refund(withdrawn);
        }
    }

    /// The hedge that was drawn then came to nothing.
    pub(crate) fn refund_hedge(&self, withdrawn: Instant) {
        if let Some(budget) = &self.budget {
            budget.refund_hedge(withdrawn);
        }
    }

    /// When a call that begins its first attempt now is hedged.
    pub(crate) fn hedge_at(&self, now: Instant) -> Instant {
        let delay = self.hedger.as_ref().and_then(|hedger| hedger.delay(now));
        delay.map_or(Instant::FAR, |delay| now + delay)
    }

    pub(crate) fn record_latency(&self, now: Instant, took: Duration) {
        if let Some(hedger) = &self.hedger {
            hedger.record(now, took);
        }
    }

    /// Reports a call's wait in the bulkhead's queue.
    pub(crate) fn waited(&self, now: Instant, wait: Duration) {
        self.observe(now, PolicyEvent::Waited(Machine::Bulkhead, wait));
        self.queue_delay(now, wait);
    }

    /// Returns whether an attempt that ended so brought no response to be content with: it failed, by any side's fault,
    /// or the policy retries it.
    pub(crate) fn is_failure(&self, settlement: &Settlement) -> bool {
        let retried = |cause| self.retrying.as_ref().is_some_and(|retrying| retrying.spec.on.contains(cause));
        !matches!(settlement.outcome, Outcome::Success | Outcome::Throttled)
            || settlement.cause.is_some_and(retried)
    }
}

/// The old machine with new thresholds where both have one, else the fresh one (or none).
fn carried<M, S>(
    old: Option<&Arc<M>>,
    fresh: Option<&Arc<M>>,
    spec: Option<S>,
    update: impl FnOnce(&M, S),
) -> Option<Arc<M>> {
    match (old, spec) {
        (Some(old), Some(spec)) => {
            update(old, spec);
            Some(Arc::clone(old))
        }
        _ => fresh.cloned(),
    }
}

fn budget_of(spec: &PolicySpec) -> Option<BudgetSpec> {
    let needed = spec.retry.is_some() || spec.hedge.is_some();
    needed.then(|| BudgetSpec::from_specs(spec.retry.as_ref(), spec.hedge.as_ref()))
}

fn retrying_of(spec: &PolicySpec, budget: Option<&Arc<RetryBudget>>) -> Option<Retrying> {
    Some(Retrying { spec: spec.retry?, budget: Arc::clone(budget?) })
}
