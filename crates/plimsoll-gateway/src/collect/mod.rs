//! Metrics collected at a scrape: the state of policies, upstreams and the configuration.
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_config_generation` | gauge | | counts the configurations put in force, patches included |
//! | `plimsoll_workers` | gauge | | threads that serve requests |
//! | `plimsoll_untrusted_forwarded_total` | counter | | requests whose peer says for whom it asks, and is not in `trusted` |
//! | `plimsoll_draining` | gauge | | 1 once the gateway has been told to stop |
//! | `plimsoll_endpoints` | gauge | `upstream`, `state` | endpoints that are `available`, `unhealthy` or `ejected` |
//! | `plimsoll_upstream_panic` | gauge | `upstream` | 1 while too few endpoints are usable and all are asked |
//! | `plimsoll_upstream_panics_total` | counter | `upstream` | how often that has begun |
//! | `plimsoll_endpoint_in_flight` | gauge | `upstream`, `endpoint` | attempts under way |
//! | `plimsoll_endpoint_latency_estimate_seconds` | gauge | `upstream`, `endpoint` | the balancer's estimate |
//! | `plimsoll_retry_budget_balance` | gauge | `policy`, `upstream` | retries and hedges that would be granted now |
//! | `plimsoll_bulkhead_in_flight` | gauge | `policy`, `upstream` | places taken |
//! | `plimsoll_bulkhead_waiting` | gauge | `policy`, `upstream` | calls in the line before it |
//! | `plimsoll_concurrency_in_flight` | gauge | `policy`, `upstream` | attempts under the adaptive limit |
//! | `plimsoll_concurrency_limit` | gauge | `policy`, `upstream` | the adaptive limit |
//! | `plimsoll_rate_limit_waiting` | gauge | `policy`, `upstream` | calls that wait for their turn at its leaky bucket |
//! | `plimsoll_rate_limit_keys` | gauge | `policy`, `upstream` | keys that the rate limit remembers |
//! | `plimsoll_rate_limit_evictions_total` | counter | `policy`, `upstream` | keys forgotten before their bucket was full |
//! | `plimsoll_shed_overloaded` | gauge | `policy`, `upstream` | 1 while queues are standing |
//! | `plimsoll_shed_admitted_ratio` | gauge | `policy`, `upstream` | the part of calls that shedding lets through |
//! | `plimsoll_throttle_rejection_probability` | gauge | `policy`, `upstream` | with which a call is turned away |
//! | `plimsoll_hedge_delay_seconds` | gauge | `policy`, `upstream` | after how long an attempt is hedged |

mod policies;
mod upstreams;

use crate::shared::Shared;
use plimsoll::telemetry::{Desc, RegisterError};
use policies::Policies;
use std::sync::{Arc, Weak, atomic::Ordering};
use upstreams::Upstreams;

/// Policies times upstreams, or endpoints; what is beyond shares one series.
const MOST_SERIES: usize = 4096;

fn desc(name: &'static str, help: &'static str) -> Desc {
    Desc::new(name, help).max_series(MOST_SERIES)
}

/// Shows the standing of this gateway at every scrape, for as long as it lives. The registry, which the gateway holds,
/// does not hold the gateway.
pub(crate) fn register(shared: &Arc<Shared>, workers: usize) -> Result<(), RegisterError> {
    let registry = &shared.metrics.registry;
    let gauge = |name, help| registry.observed_gauge(Desc::new(name, help), []);
    let generation = gauge("plimsoll_config_generation", "Counts the configurations put in force.")?;
    let threads = gauge("plimsoll_workers", "Threads that serve requests.")?;
    let draining = gauge("plimsoll_draining", "1 once the gateway has been told to stop.")?;
    let doubted = Desc::new(
        "plimsoll_untrusted_forwarded_total",
        "Requests whose peer says for whom it asks, and is not trusted.",
    );
    let doubted = registry.observed_counter(doubted, [])?;
    let (policies, upstreams) = (Policies::register(registry)?, Upstreams::register(registry)?);
    let shared: Weak<Shared> = Arc::downgrade(shared);
    let collecting = registry.register_collector(move |samples| {
        let Some(shared) = shared.upgrade() else { return };
        // Here rather than at a reload, when requests under way still hold what is gone.
        shared.metrics.sweep();
        let (snapshot, now) = (shared.snapshot.load(), shared.time.now());
        samples.put(&generation, &[], snapshot.generation as f64);
        samples.put(&threads, &[], workers as f64);
        samples.put(&draining, &[], f64::from(u8::from(shared.draining.load(Ordering::Relaxed))));
        samples.put(&doubted, &[], shared.strangers.count() as f64);
        policies.collect(&snapshot, now, samples);
        upstreams.collect(&snapshot, now, samples);
    })?;
    collecting.keep();
    Ok(())
}
