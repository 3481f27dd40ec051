//! The service's own metrics, beside the library's metrics of requests, calls, panics and supervised tasks.
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `orders_database_connections` | gauge | `state`: `out`, `idle` | connections of the pool |

use crate::store::Store;
use plimsoll::telemetry::{Collecting, Desc, RegisterError, Registry};

/// Shown for as long as the result lives.
pub(crate) fn watch(registry: &Registry, store: Store) -> Result<Collecting, RegisterError> {
    let connections = Desc::new("orders_database_connections", "Connections of the pool.");
    let connections = registry.observed_gauge(connections, ["state"])?;
    registry.register_collector(move |samples| {
        let (out, all) = store.connections();
        samples.put(&connections, &["out"], out as f64);
        samples.put(&connections, &["idle"], f64::from(all) - out as f64);
    })
}
