//! Locks that measure.
//!
//! [`Mutex`], [`RwLock`] and [`Semaphore`] are tokio's with a name. They measure waits and holds, show their holders and
//! where these took them, and find faults between tasks, by name and with the locations of both sides:
//!
//! | finding | when it is seen | by whom |
//! | --- | --- | --- |
//! | [held for long](FindingKind::HeldLong) | when who waited gets it; while it is held | the waiter; [`WaitMonitor`](crate::measure::WaitMonitor) |
//! | [waits for itself](FindingKind::OnItself) | when it begins; for certain after the hold limit | the waiter; `WaitMonitor` |
//! | [a circle of tasks](FindingKind::Cycle) | when it closes; for certain after the hold limit | who closes it; `WaitMonitor` |
//! | [both orders](FindingKind::Order) | when the second order is first used | who uses it, while [`order::watch`] is on |
//!
//! Each finding goes to the log once for the same locations, to [`findings`], and to the hook of [`on_finding`].
//!
//! # Cost
//! An acquisition of a free lock stores the owner's number and location with plain stores, and reads no clock. A wait costs
//! two clock reads, and an entry in a table that is searched for a cycle.
//!
//! # Limitations
//! - A guard that is moved to another task still counts as held by the one that took it.
//! - Std's locks, channels, joins and other processes are not seen.
//! - Some of many shared holders ([`RwLock`], [`Semaphore`]) are not seen, so a deadlock through them may be missed. There
//!   are no false holders.
//! - An await is not seen by itself: a guard that is held for long was nearly always held across one, but code that blocks
//!   looks the same.

mod core;
mod finding;
mod guard;
mod holder_slot;
mod mutex;
pub mod order;
mod owner;
mod rwlock;
mod semaphore;
mod shared_slot;
mod stats;
mod waits;

#[cfg(all(test, not(loom)))]
mod tests;

pub use finding::{Finding, FindingKind, LockSite, TaskLocks, findings, on_finding, unseen};
pub use guard::Guard;
pub use mutex::{Mutex, MutexGuard};
pub use owner::Owner;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{OwnedPermit, Permit, Semaphore};
pub use stats::{LockKind, LockStats};
pub use tokio::sync::TryAcquireError;

pub(crate) use self::core::all;
pub(crate) use finding::{held_long, look_again};
pub(crate) use holder_slot::Holder;

use std::{
    future::poll_fn,
    panic::Location,
    task::{Poll, ready},
};
use tokio::time::Instant;

/// A location in the source: file, line and column.
pub type SourceLocation = &'static Location<'static>;

/// A lock that is held, or that others wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock is held")]
pub struct TryLockError;

/// A semaphore that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the semaphore is closed")]
pub struct AcquireError;

/// Returns the statistics of every live lock, the first 4,096 of them.
pub fn all_stats() -> Vec<LockStats> {
    let now = Instant::now();
    all().iter().map(|core| core.stats(now)).collect()
}

/// Tries `attempt` as one step of the task's budget: a loop over a lock that is always free must let others run, too.
pub(crate) async fn proceed<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    poll_fn(|cx| {
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let taken = attempt();
        if taken.is_some() {
            coop.made_progress();
        }
        Poll::Ready(taken)
    })
    .await
}
