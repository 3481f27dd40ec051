//! Critical tasks that are started again when they fall, and do not fall in silence.
//!
//! A [`Supervisor`] starts its children in order, watches them, and starts again whoever ended by an error or a panic
//! (or in any way, see [`When`]) after a wait that grows and is shortened by chance. Too many restarts within a span
//! are the end of patience: an [`Escalation`] follows, chosen beforehand. On cancellation it stops the children in the
//! reverse order, each within its grace. Whatever happens is logged, counted ([`Stats`]) and told to a hook.
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
//! # Which of the others fall with it
//!
//! | | |
//! | --- | --- |
//! | [`Strategy::OneForOne`] | none |
//! | [`Strategy::OneForAll`] | all: they are stopped in reverse order, and all are started again in order after the wait |
//!
//! # When patience ends
//!
//! | | the child | the others | [`Supervisor::run`] |
//! | --- | --- | --- | --- |
//! | [`Escalation::Log`] | stays down | go on | goes on, and tells it at its end |
//! | [`Escalation::Stop`] | stays down | are stopped | ends |
//! | [`Escalation::Drain`] | stays down | go on until the drain reaches them | goes on, and tells it at its end |
//! | [`Escalation::Abort`] | the process ends at once (`SIGABRT`): whoever started it starts it again | | |
//!
//! With [`Strategy::OneForAll`] the others are stopped in any case.
//!
//! Compared with a supervisor of Erlang/OTP, from which strategies and intensity come: patience is counted by child, not
//! by supervisor; waits grow; and a child is asked to stop by a token before it is dropped at an await, as nothing else
//! stops a task. A child that blocks its thread cannot be stopped by anybody.

mod exit;
mod restart;
mod run;
mod stats;
mod supervisor;

pub use exit::{Exit, Outcome};
pub use restart::{Restart, Restarts, Verdict, When};
pub use stats::{ChildStats, State, Stats};
pub use supervisor::{Error, Escalation, Event, GaveUp, Next, Strategy, Supervised, Supervisor};
pub use tokio_util::sync::CancellationToken;

#[cfg(all(test, not(loom)))]
mod tests;
