//! Measurements of [`plimsoll_task`], shown in a [`Registry`].
//!
//! A server of `serve` shows all of it by itself, but the app's own supervisors. Without one:
//!
//! ```
//! use plimsoll_http::observe;
//! use plimsoll_task::supervise::Supervisor;
//! use plimsoll_telemetry::{Format, Registry};
//!
//! # fn main() -> Result<(), plimsoll_telemetry::RegisterError> {
//! let registry = Registry::new();
//! observe::tasks(&registry)?.keep();
//!
//! let supervisor = Supervisor::new("orders").child("lock watch", |_| observe::watch());
//! observe::supervisor(&registry, &supervisor.stats())?.keep();
//!
//! let page = registry.render(Format::Prometheus);
//! assert!(page.contains("plimsoll_task_restarts_total{task=\"lock watch\"} 0\n"));
//! # Ok(())
//! # }
//! ```
//!
//! | name | type | labels | meaning |
//! | --- | --- | --- | --- |
//! | `plimsoll_lock_taken_total` | counter | `lock`, `kind` | locks taken exclusively |
//! | `plimsoll_lock_waits_total`, `plimsoll_lock_wait_seconds_total` | counter | `lock`, `kind` | ended waits, abandoned ones included, and their time |
//! | `plimsoll_lock_timed_holds_total`, `plimsoll_lock_timed_hold_seconds_total` | counter | `lock`, `kind` | timed holds and their time: for a mean, not for a sum |
//! | `plimsoll_lock_waiting` | gauge | `lock`, `kind` | tasks that wait now |
//! | `plimsoll_lock_holders` | gauge | `lock`, `kind` | tasks seen to hold it now |
//! | `plimsoll_lock_held_seconds` | gauge | `lock`, `kind` | the least time for which it has been held; the longest of its name |
//! | `plimsoll_lock_findings` | gauge | `kind`: `held-long`, `on-itself`, `cycle`, `order`; `certain` | findings that are kept, each location once; the log has the locations |
//! | `plimsoll_lock_findings_unseen_total` | counter | | findings dropped for later ones, and waits that were not examined |
//! | `plimsoll_queue_depth`, `plimsoll_queue_capacity` | gauge | `queue` | items in it, and how many it takes |
//! | `plimsoll_queue_oldest_seconds` | gauge | `queue` | the least age of its first item; the oldest of its name |
//! | `plimsoll_queue_waiting` | gauge | `queue` | senders that wait now |
//! | `plimsoll_queue_sent_total`, `plimsoll_queue_received_total` | counter | `queue` | items sent, items received |
//! | `plimsoll_queue_full_total` | counter | `queue` | how often a sender found it full |
//! | `plimsoll_queue_refused_total`, `plimsoll_queue_lost_total` | counter | `queue` | items not sent because it was full; items in it when its receiver was dropped |
//! | `plimsoll_queue_waits_total`, `plimsoll_queue_wait_seconds_total` | counter | `queue` | ended waits of senders, and their time |
//! | `plimsoll_queue_timed_items_total`, `plimsoll_queue_timed_item_seconds_total` | counter | `queue` | items whose time in it was measured, and that time |
//! | `plimsoll_pool_threads`, `plimsoll_pool_threads_limit` | gauge | `pool` | threads that it has, and may have |
//! | `plimsoll_pool_running` | gauge | `pool` | threads that have work |
//! | `plimsoll_pool_queued`, `plimsoll_pool_capacity` | gauge | `pool` | work that has not begun, and how much may wait |
//! | `plimsoll_pool_oldest_seconds` | gauge | `pool` | how long the first waiting work has waited; the longest of its name |
//! | `plimsoll_pool_refused_total`, `plimsoll_pool_late_total` | counter | `pool` | work not begun: the queue was full; its deadline had passed |
//! | `plimsoll_pool_given_up_total`, `plimsoll_pool_dropped_total` | counter | `pool` | work not begun: its caller had left; the pool was closed |
//! | `plimsoll_pool_panics_total` | counter | `pool` | work that panicked |
//! | `plimsoll_pool_waits_total`, `plimsoll_pool_wait_seconds_total` | counter | `pool` | work that was begun, and how long it had waited |
//! | `plimsoll_pool_runs_total`, `plimsoll_pool_run_seconds_total` | counter | `pool` | work that is done, and how long it ran |
//! | `plimsoll_task_restarts_total` | counter | `task` | supervised tasks that were started again |
//! | `plimsoll_task_failures_total` | counter | `task`, `by`: `error`, `panic` | | supervised tasks that failed |
//! | `plimsoll_task_running` | gauge | `task` | 1 while it runs |
//! | `plimsoll_process_panics_total` | counter | | panics in the process, caught or not |
//!
//! Locks, queues and pools with the same name share one series; a family has at most 1,024 names, and further ones share
//! one more. Nothing is measured for this alone: a scrape reads existing statistics, in a time linear in the live locks,
//! queues and pools.
//!
//! # Weakness
//! Counts of a lock, queue or pool since the last scrape are lost when it is dropped, and so are those of a new one with
//! its name until they exceed the old value. A counter never decreases for that reason; it only shows less.
//! [`plimsoll_task::poison`] and [`plimsoll_task::queue::latest`] are not shown: read their statistics from them.

mod columns;
mod findings;
mod grown;
mod locks;
mod pools;
mod queues;
mod supervised;
mod watch;

pub use supervised::supervisor;
pub use watch::{LOOKS, watch};

use plimsoll_telemetry::{Collecting, RegisterError, Registry};

/// Shows every lock, queue and pool of the process, the findings about locks, and panics, until the guard is dropped.
///
/// Registered more than once in one registry, they are shown once.
///
/// # Errors
/// The registry is full, or has something else under one of the names.
pub fn tasks(registry: &Registry) -> Result<Collecting, RegisterError> {
    let locks = locks::TABLE.register(registry)?;
    let queues = queues::TABLE.register(registry)?;
    let pools = pools::TABLE.register(registry)?;
    let findings = findings::Findings::register(registry)?;
    registry.register_collector(move |samples| {
        if samples.once("plimsoll_task") {
            locks.show(samples, locks::rows());
            queues.show(samples, queues::rows());
            pools.show(samples, pools::rows());
            findings.show(samples);
        }
    })
}

#[cfg(test)]
mod tests;
