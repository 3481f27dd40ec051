//! Machines as JSON: what each shows of itself, `null` where it is off.

use plimsoll_policy::{
    Instant, PolicySnapshot, breaker, bulkhead::BulkheadSnapshot, concurrency::ConcurrencySnapshot,
    hedge::HedgeSnapshot, rate::RateSnapshot, retry::BudgetSnapshot, shed::ShedSnapshot, throttle,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Every machine of one policy for one upstream, as the admin addresses of gateway and server show it.
pub fn machines(upstream: &str, machines: &PolicySnapshot, now: Instant) -> Value {
    json!({
        "upstream": upstream,
        "breaker": machines.breaker.as_ref().map(|state| breaker(state, now)),
        "bulkhead": machines.bulkhead.as_ref().map(bulkhead),
        "concurrency": machines.concurrency.as_ref().map(concurrency),
        "budget": machines.budget.as_ref().map(budget),
        "hedge": machines.hedge.as_ref().map(hedge),
        "rate_limit": machines.rate_limit.as_ref().map(rate_limit),
        "shed": machines.shed.as_ref().map(shed),
        "throttle": machines.throttle.as_ref().map(throttle),
    })
}

fn counts(counts: &breaker::Counts) -> Value {
    json!({
        "calls": counts.calls,
        "failures": counts.failures,
        "slow": counts.slow,
        "failure_ratio": counts.failure_ratio(),
        "slow_ratio": counts.slow_ratio(),
    })
}

fn breaker(state: &breaker::Snapshot, now: Instant) -> Value {
    json!({
        "state": state.state.name(),
        "reason": state.last.map(|(_, last)| last.reason.name()),
        "since_ms": state.last.map(|(at, _)| millis(now.since(at))),
        "remaining_ms": state.remaining.map(millis),
        "window": counts(&state.counts),
        "consecutive_failures": state.consecutive_failures,
        "probes_given": state.probes_given,
        "probes_passed": state.probes_passed,
        "openings": state.openings,
        "last_opening": state.opening.map(|opening| json!({
            "ago_ms": millis(now.since(opening.at)),
            "reason": opening.reason.name(),
            "window": counts(&opening.counts),
        })),
    })
}

fn bulkhead(state: &BulkheadSnapshot) -> Value {
    json!({
        "in_flight": state.in_flight,
        "limit": state.spec.in_flight,
        "waiting": state.waiting,
        "waiting_limit": state.spec.waiting,
        "oldest_wait_ms": millis(state.oldest_wait),
    })
}

fn concurrency(state: &ConcurrencySnapshot) -> Value {
    json!({
        "in_flight": state.in_flight,
        "limit": state.limit,
        "baseline_ms": state.baseline.map(millis),
        "latency_ms": state.latency.map(millis),
        "probing": state.probing,
    })
}

fn budget(state: &BudgetSnapshot) -> Value {
    json!({
        "balance": state.balance,
        "calls": state.calls,
        "retries": state.retries,
        "hedges": state.hedges,
    })
}

fn hedge(state: &HedgeSnapshot) -> Value {
    json!({ "delay_ms": state.delay.map(millis), "samples": state.samples })
}

/// A limit on all calls has a number of permits left, or of calls that wait; one that counts keys apart has keys.
fn rate_limit(state: &RateSnapshot) -> Value {
    match state {
        RateSnapshot::All(bucket) => json!({
            "rate": bucket.rate.to_string(),
            "burst": bucket.burst.get(),
            "available": bucket.available,
        }),
        RateSnapshot::Queue(queue) => json!({
            "rate": queue.rate.to_string(),
            "burst": u64::from(queue.queue) + 1,
            "waiting": queue.waiting,
            "wait_ms": millis(queue.wait),
        }),
        RateSnapshot::Keyed(keyed) => json!({
            "rate": keyed.rate.to_string(),
            "burst": keyed.burst.get(),
            "keys": keyed.keys,
            "capacity": keyed.capacity,
            "evictions": keyed.evictions,
        }),
    }
}

fn shed(state: &ShedSnapshot) -> Value {
    json!({
        "overloaded": state.overloaded,
        "admitted": state.admitted,
        "least_delay_ms": state.least_delay.map(millis),
    })
}

fn throttle(state: &throttle::Snapshot) -> Value {
    json!({
        "requests": state.requests,
        "accepts": state.accepts,
        "rejection_probability": state.probability,
    })
}
