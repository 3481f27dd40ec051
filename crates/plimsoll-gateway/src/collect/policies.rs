//! The machines of every policy.

use super::desc;
use crate::snapshot::Snapshot;
use plimsoll::{
    policy::{Instant, PolicySnapshot, rate::RateSnapshot},
    telemetry::{Observed, RegisterError, Registry, Samples, Unit},
};

#[derive(Debug)]
pub(super) struct Policies {
    budget: Observed<2>,
    bulkhead_in_flight: Observed<2>,
    bulkhead_waiting: Observed<2>,
    concurrency_in_flight: Observed<2>,
    concurrency_limit: Observed<2>,
    delayed: Observed<2>,
    keys: Observed<2>,
    evictions: Observed<2>,
    overloaded: Observed<2>,
    admitted: Observed<2>,
    throttle: Observed<2>,
    hedge_delay: Observed<2>,
}

impl Policies {
    pub(super) fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let labels = ["policy", "upstream"];
        let gauge = |name, help| registry.observed_gauge(desc(name, help), labels);
        let delay = desc("plimsoll_hedge_delay_seconds", "After how long an attempt is hedged.");
        Ok(Self {
            budget: gauge("plimsoll_retry_budget_balance", "Retries and hedges that would be granted now.")?,
            bulkhead_in_flight: gauge(
                "plimsoll_bulkhead_in_flight",
                "Places of the bulkhead that are taken.",
            )?,
            bulkhead_waiting: gauge("plimsoll_bulkhead_waiting", "Calls in the line before the bulkhead.")?,
            concurrency_in_flight: gauge(
                "plimsoll_concurrency_in_flight",
                "Attempts under the adaptive limit.",
            )?,
            concurrency_limit: gauge("plimsoll_concurrency_limit", "The adaptive limit.")?,
            delayed: gauge(
                "plimsoll_rate_limit_waiting",
                "Calls that wait for their turn at the rate limit's leaky bucket.",
            )?,
            keys: gauge("plimsoll_rate_limit_keys", "Keys that the rate limit remembers.")?,
            evictions: registry.observed_counter(
                desc("plimsoll_rate_limit_evictions_total", "Keys forgotten before their bucket was full."),
                labels,
            )?,
            overloaded: gauge("plimsoll_shed_overloaded", "1 while queues are standing.")?,
            admitted: gauge("plimsoll_shed_admitted_ratio", "The part of calls that shedding lets through.")?,
            throttle: gauge(
                "plimsoll_throttle_rejection_probability",
                "With which probability throttling turns a call away.",
            )?,
            hedge_delay: registry.observed_gauge(delay.unit(Unit::Seconds), labels)?,
        })
    }

    pub(super) fn collect(&self, snapshot: &Snapshot, now: Instant, samples: &mut Samples) {
        for ((policy, upstream), running) in &snapshot.policies {
            self.put(&running.snapshot(now), [policy, upstream.as_str()], samples);
        }
    }

    fn put(&self, machines: &PolicySnapshot, labels: [&str; 2], samples: &mut Samples) {
        let mut put = |family: &Observed<2>, value: f64| samples.put(family, &labels, value);
        if let Some(budget) = &machines.budget {
            put(&self.budget, budget.balance as f64);
        }
        if let Some(bulkhead) = &machines.bulkhead {
            put(&self.bulkhead_in_flight, bulkhead.in_flight.into());
            put(&self.bulkhead_waiting, bulkhead.waiting.into());
        }
        if let Some(concurrency) = &machines.concurrency {
            put(&self.concurrency_in_flight, concurrency.in_flight.into());
            put(&self.concurrency_limit, concurrency.limit.into());
        }
        match &machines.rate_limit {
            Some(RateSnapshot::Queue(queue)) => put(&self.delayed, queue.waiting.into()),
            Some(RateSnapshot::Keyed(keyed)) => {
                put(&self.keys, keyed.keys as f64);
                put(&self.evictions, keyed.evictions as f64);
            }
            Some(RateSnapshot::All(_)) | None => {}
        }
        if let Some(shed) = &machines.shed {
            put(&self.overloaded, u8::from(shed.overloaded).into());
            put(&self.admitted, shed.admitted);
        }
        if let Some(throttle) = &machines.throttle {
            put(&self.throttle, throttle.probability);
        }
        if let Some(delay) = machines.hedge.as_ref().and_then(|hedge| hedge.delay) {
            put(&self.hedge_delay, delay.as_secs_f64());
        }
    }
}
