//! The machines of one policy, put together in their order.
//!
//! A [`Policy`] is made from a [`PolicySpec`] and shared by every worker. A changed spec gives a new [`Policy`] whose
//! machines are the old ones with new thresholds ([`Policy::revised`]): windows, buckets, queues and budgets go on.

mod gate;
mod host;
#[cfg(all(test, not(loom)))]
mod revision_tests;
mod snapshot;

pub use host::Host;
pub use snapshot::PolicySnapshot;

pub(crate) use gate::{Gate, Luck, Permits};

use crate::{
    Ask, Draw, Instant, KeyHash, Machine, Outcome, PolicyEvent, PolicySpec, Purpose, Rejected, Seed,
    Settlement, Timeouts,
    breaker::Breaker,
    bulkhead::Bulkhead,
    call::Facts,
    concurrency::AdaptiveLimit,
    hedge::Hedger,
    rate::RateLimiter,
    retry::{BudgetSpec, RetryBudget, RetrySpec},
    shed::Shedder,
    throttle::Throttle,
};
use std::{sync::Arc, time::Duration};

/// Retries as they are run: what to do, and how much of it is left.
#[derive(Clone, Debug)]
pub(crate) struct Retrying {
    pub(crate) spec: RetrySpec,
    pub(crate) budget: Arc<RetryBudget>,
}

/// The machines of one policy. `H` is the driver's side: who is woken, who hears of decisions.
///
/// Cloning shares the machines.
#[derive(Clone, Debug)]
pub struct Policy<H = ()> {
    spec: Arc<PolicySpec>,
    timeouts: Timeouts,
    shed: Option<Arc<Shedder>>,
    rate_limit: Option<Arc<RateLimiter>>,
    throttle: Option<Arc<Throttle>>,
    breaker: Option<Arc<Breaker>>,
    bulkhead: Option<Arc<Bulkhead>>,
    /// The bulkhead while it is switched off. It is taken up again where one is asked for: the calls that it let through
    /// are still under way, and no ticket of it may ever be given to another.
    lifted: Option<Arc<Bulkhead>>,
    concurrency: Option<Arc<AdaptiveLimit>>,
    budget: Option<Arc<RetryBudget>>,
    retrying: Option<Retrying>,
    hedger: Option<Arc<Hedger>>,
    host: H,
}

impl<H: Host + Clone> Policy<H> {
    /// New machines for this spec, beginning at `now`. `secret` keys the hash of a rate limit that counts keys apart: a
    /// draw that nobody outside can guess.
    pub fn new(spec: PolicySpec, now: Instant, secret: Draw, host: H) -> Self {
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
            host,
        }
    }

    /// The same policy under another spec: machines that both have go on with their state and the new thresholds,
    /// machines that only the new one has begin anew. Calls under way keep the policy that they began with, and settle
    /// with the machines that they share.
    ///
    /// A rate limit that counts by something else, or remembers another number of keys, begins anew. A bulkhead that is
    /// switched off lets everybody in its line go on; switched on again it is the same one, with the calls that it has let
    /// through. So a ticket is unique for the policy's life.
    ///
    /// All allocation, which alone can fail here, comes before the first change to a machine: if this panics, the machines
    /// are as they were.
    #[must_use]
    pub fn revised(&self, spec: PolicySpec, now: Instant, secret: Draw) -> Self {
        let fresh = Self::new(spec, now, secret, self.host.clone());
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

impl<H: Host> Policy<H> {
    /// Hands out the places that a larger limit has brought, or that there is none any more.
    fn wake_line(&self, now: Instant) {
        if let Some(lifted) = &self.lifted {
            lifted.lift();
        }
        let Some(bulkhead) = self.bulkhead.as_ref().or(self.lifted.as_ref()) else { return };
        while let Some(ticket) = bulkhead.hand_over(now, crate::bulkhead::Order::OldestFirst).0 {
            self.host.wake(ticket);
        }
    }

    /// The spec in force.
    pub fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    /// The driver's side.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// The breaker, for whoever holds it open or closed by hand.
    pub fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_deref()
    }

    /// How many tickets of its waiting line can be live at once: the lower 32 bits of a [`crate::Ticket`] are below it.
    pub fn slots(&self) -> usize {
        self.bulkhead.as_ref().map_or(0, |bulkhead| bulkhead.slots())
    }

    /// The key under which a rate limit that counts keys apart counts this text; `None` where there is no such limit.
    pub fn rate_key(&self, text: &[u8]) -> Option<KeyHash> {
        self.rate_limit.as_ref()?.hash(text)
    }

    /// Counts a call that has several keys under one more of them, before it begins; the first is told in its
    /// [`Facts`].
    ///
    /// # Errors
    /// As [`RateLimiter::admit`]: the call is to be refused.
    pub fn charge(&self, now: Instant, key: KeyHash) -> Result<(), Rejected> {
        let charged = self.rate_limit.as_ref().map_or(Ok(()), |limit| limit.admit(now, Some(key)));
        charged.inspect_err(|rejected| self.observe(now, PolicyEvent::Rejected(*rejected)))
    }

    /// Whether a call may need more than one attempt: where not, a driver need not keep what it takes to make another.
    #[inline]
    pub fn sends_again(&self) -> bool {
        self.hedger.is_some()
            || self.retrying.as_ref().is_some_and(|retrying| retrying.spec.attempts.get() > 1)
    }

    /// A queue of the driver's own (a run queue, an accept queue) has kept something waiting so long: shedding counts
    /// it like a wait in the bulkhead's line.
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
        self.host.on(now, &event);
    }

    /// What is asked once a call: shed, then the rate limit.
    pub(crate) fn admit_call(&self, now: Instant, seed: Seed, facts: &Facts) -> Result<(), Rejected> {
        if let Some(shed) = &self.shed {
            let ask =
                Ask { permits: 1, priority: facts.priority, cohort: facts.cohort, deadline: facts.deadline };
            shed.admit(now, ask, seed.draw(Purpose::Shed, 0))?;
        }
        self.rate_limit.as_ref().map_or(Ok(()), |limit| limit.admit(now, facts.rate_key))
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

    /// A call waited so long in the bulkhead's line.
    pub(crate) fn waited(&self, now: Instant, wait: Duration) {
        self.observe(now, PolicyEvent::Waited(Machine::Bulkhead, wait));
        self.queue_delay(now, wait);
    }

    /// Whether an attempt that ended so brought no response to be content with: it failed, whoever's fault that is, or
    /// the policy retries it.
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
    needed.then(|| BudgetSpec::of(spec.retry.as_ref(), spec.hedge.as_ref()))
}

fn retrying_of(spec: &PolicySpec, budget: Option<&Arc<RetryBudget>>) -> Option<Retrying> {
    Some(Retrying { spec: spec.retry?, budget: Arc::clone(budget?) })
}
