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
//! | `plimsoll_lock_waits_total`, `plimsoll_lock_wait_seconds_total` | counter | `lock`, `kind` | waits that are over, given up ones among them, and their time |
//! | `plimsoll_lock_timed_holds_total`, `plimsoll_lock_timed_hold_seconds_total` | counter | `lock`, `kind` | holdings that were timed, and their time: for a mean, not for a sum |
//! | `plimsoll_lock_waiting` | gauge | `lock`, `kind` | who waits now |
//! | `plimsoll_lock_holders` | gauge | `lock`, `kind` | who holds it now, as far as they are seen |
//! | `plimsoll_lock_held_seconds` | gauge | `lock`, `kind` | for how long it is being held, at least; the longest of its name |
//! | `plimsoll_lock_findings` | gauge | `kind`: `held-long`, `on-itself`, `cycle`, `order`; `certain` | findings that are kept, each place once; the log has them with their places |
//! | `plimsoll_lock_findings_unseen_total` | counter | | findings that made room for later ones, and waits that nobody could look at |
//! | `plimsoll_queue_depth`, `plimsoll_queue_capacity` | gauge | `queue` | items in it, and how many it takes |
//! | `plimsoll_queue_oldest_seconds` | gauge | `queue` | how old its first item is, at least; the oldest of its name |
//! | `plimsoll_queue_waiting` | gauge | `queue` | senders that wait now |
//! | `plimsoll_queue_sent_total`, `plimsoll_queue_received_total` | counter | `queue` | items sent, items received |
//! | `plimsoll_queue_full_total` | counter | `queue` | how often a sender found it full |
//! | `plimsoll_queue_refused_total`, `plimsoll_queue_lost_total` | counter | `queue` | items not sent as it was full; items in it when its receiver went |
//! | `plimsoll_queue_waits_total`, `plimsoll_queue_wait_seconds_total` | counter | `queue` | waits of senders that are over, and their time |
//! | `plimsoll_queue_timed_items_total`, `plimsoll_queue_timed_item_seconds_total` | counter | `queue` | items whose stay in it was timed, and that time |
//! | `plimsoll_pool_threads`, `plimsoll_pool_threads_limit` | gauge | `pool` | threads that it has, and may have |
//! | `plimsoll_pool_running` | gauge | `pool` | threads that have work |
//! | `plimsoll_pool_queued`, `plimsoll_pool_capacity` | gauge | `pool` | work that has not begun, and how much may wait |
//! | `plimsoll_pool_oldest_seconds` | gauge | `pool` | how long the first in line has waited; the longest of its name |
//! | `plimsoll_pool_refused_total`, `plimsoll_pool_late_total` | counter | `pool` | work not begun: the queue was full; its deadline had passed |
//! | `plimsoll_pool_given_up_total`, `plimsoll_pool_dropped_total` | counter | `pool` | work not begun: whoever wanted it was gone; the pool was closed |
//! | `plimsoll_pool_panics_total` | counter | `pool` | work that panicked |
//! | `plimsoll_pool_waits_total`, `plimsoll_pool_wait_seconds_total` | counter | `pool` | work that was begun, and how long it had waited |
//! | `plimsoll_pool_runs_total`, `plimsoll_pool_run_seconds_total` | counter | `pool` | work that is done, and how long it ran |
//! | `plimsoll_task_restarts_total` | counter | `task` | supervised tasks that were started again |
//! | `plimsoll_task_failures_total` | counter | `task`, `by`: `error`, `panic` | supervised tasks that fell |
//! | `plimsoll_task_running` | gauge | `task` | 1 while it runs |
//! | `plimsoll_process_panics_total` | counter | | panics of the process, caught or not |
//!
//! Locks, queues and pools go by the names that they were given; those of one name are one series, and beyond 1,024 names
//! a family's further ones share one. Nothing is measured for this alone: a scrape reads what is there, in a time linear
//! in the locks, queues and pools that are alive.
//!
//! # Weakness
//! Counts of a lock, queue or pool since the last scrape are lost when it is dropped, and so are those of a new one of
//! its name until it has passed the old value. A counter never falls for that reason; it only shows less.
//! [`plimsoll_task::poison`] and [`plimsoll_task::queue::latest`] keep their statistics to themselves: ask them.

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

/// Shows every lock, queue and pool of the process, what was found of locks, and panics: until the guard is dropped.
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
