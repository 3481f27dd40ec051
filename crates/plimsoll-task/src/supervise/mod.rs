//! Supervision of critical tasks: they are restarted after a failure, and every failure is reported.
//!
//! A [`Supervisor`] starts its children in order, watches them, and restarts a child that ended by an error or a panic
//! (or in any way, see [`When`]) after a growing wait with jitter. Too many restarts within a span escalate: an
//! [`Escalation`] follows, chosen beforehand. On cancellation it stops the children in reverse order, each within its
//! grace. Every event is logged, counted ([`Stats`]) and passed to a hook.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! use plimsoll_task::supervise::{Escalation, Restart, Supervised, Supervisor};
//! use std::{sync::atomic::{AtomicU32, Ordering::Relaxed}, time::Duration};
//!
//! static TRIES: AtomicU32 = AtomicU32::new(0);
//!
//! let supervisor = Supervisor::new("orders")
//!     .escalation(Escalation::Stop)
//!     .child("outbox", |stop| async move {
//!         if TRIES.fetch_add(1, Relaxed) < 2 {
//!             return Err("the database is gone");
//!         }
//!         stop.cancelled().await;
//!         Ok(())
//!     })
//!     .with(
//!         Supervised::new("prices", |stop| async move { stop.cancelled().await })
//!             .restart(Restart::new().give_up(3, Duration::from_secs(60)))
//!             .grace(Duration::from_secs(2)),
//!     );
//! let (stats, token) = (supervisor.stats(), supervisor.token().clone());
//! let running = tokio::spawn(supervisor.run());
//! # tokio::time::sleep(Duration::from_secs(5)).await;
//! assert_eq!(stats.snapshot()[0].restarts, 2);
//! token.cancel();
//! running.await.unwrap().unwrap();
//! # });
//! ```
//!
//! # Restart strategy
//!
//! | | |
//! | --- | --- |
//! | [`Strategy::OneForOne`] | none |
//! | [`Strategy::OneForAll`] | all: they are stopped in reverse order, and all are started again in order after the wait |
//!
//! # Escalation
//!
//! | | the child | the others | [`Supervisor::run`] |
//! | --- | --- | --- | --- |
//! | [`Escalation::Log`] | stays down | go on | goes on, and returns the error at its end |
//! | [`Escalation::Stop`] | stays down | are stopped | ends |
//! | [`Escalation::Drain`] | stays down | go on until the drain reaches them | goes on, and returns the error at its end |
//! | [`Escalation::Abort`] | the process ends at once (`SIGABRT`), to be restarted from outside | | |
//!
//! With [`Strategy::OneForAll`] the others are stopped in any case.
//!
//! Compared with a supervisor of Erlang/OTP, from which strategies and intensity come: restarts are limited by child, not
//! by supervisor; waits grow; and a child is asked to stop by a token before it is dropped at an await, because nothing
//! else stops a task. A child that blocks its thread cannot be stopped.

mod exit;
mod restart;
mod run;
mod stats;
mod supervisor;

pub use exit::{Exit, Outcome};
pub use restart::{Restart, When};
pub use stats::{ChildStats, State, Stats};
pub use supervisor::{Error, Escalation, Event, GaveUpError, Next, Strategy, Supervised, Supervisor};
pub use tokio_util::sync::CancellationToken;

#[cfg(all(test, not(loom)))]
mod tests;
