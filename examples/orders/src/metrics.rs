//! What the service shows of itself, beside what the library shows of requests, calls and panics.
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `orders_database_connections` | gauge | `state`: `out`, `idle` | connections of the pool |
//! | `orders_worker_restarts_total` | counter | `worker` | how often a worker was started again |

use crate::store::Store;
use plimsoll::{
    task::supervise::Stats,
    telemetry::{Collecting, Desc, RegisterError, Registry},
};

/// Shown for as long as the result lives.
pub(crate) fn watch(registry: &Registry, store: Store, workers: Stats) -> Result<Collecting, RegisterError> {
    let connections = Desc::new("orders_database_connections", "Connections of the pool.");
    let connections = registry.observed_gauge(connections, ["state"])?;
    let restarts = Desc::new("orders_worker_restarts_total", "How often a worker was started again.");
    let restarts = registry.observed_counter(restarts, ["worker"])?;
    registry.register_collector(move |samples| {
        let (out, all) = store.connections();
        samples.put(&connections, &["out"], out as f64);
        samples.put(&connections, &["idle"], f64::from(all) - out as f64);
        for worker in workers.snapshot() {
            samples.put(&restarts, &[&worker.name], worker.restarts as f64);
        }
    })
}
