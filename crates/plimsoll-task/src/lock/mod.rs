//! Locks that measure.
//!
//! [`Mutex`], [`RwLock`] and [`Semaphore`] are tokio's with a name. They say how long one waits for them, who holds
//! them and where it took them, and they find what goes wrong between tasks, by name and with both places:
//!
//! | finding | when it is seen | by whom |
//! | --- | --- | --- |
//! | [held for long](FindingKind::HeldLong) | when who waited gets it; while it is held | the waiter; [`Watch`](crate::measure::Watch) |
//! | [waits for itself](FindingKind::OnItself) | when it begins; for certain after the hold limit | the waiter; `Watch` |
//! | [a circle of tasks](FindingKind::Cycle) | when it closes; for certain after the hold limit | who closes it; `Watch` |
//! | [both orders](FindingKind::Order) | when the second order is first used | who uses it, while [`order::watch`] is on |
//!
//! Each goes to the log once for the same places, to [`findings`], and to whom [`on_finding`] names.
//!
//! # What it costs
//! A lock that is free: who takes it leaves its number and its place with plain stores, and reads no clock. Who waits
//! pays for the rest: two clock reads, and an entry in a table that is searched for a cycle.
//!
//! # What it does not see
//! - A guard that is given to another task still counts as held by the one that took it.
//! - Std's locks, and whatever else waits: channels, joins, other processes.
//! - Some of many who share a lock ([`RwLock`], [`Semaphore`]), so a deadlock through them may go unseen. None is seen
//!   that is not there.
//! - An await by itself: a guard that is held for long was nearly always held across one, but code that blocks looks
//!   the same.

mod core;
mod finding;
mod mutex;
pub mod order;
mod owner;
mod rwlock;
mod seat;
mod semaphore;
mod shared_seat;
mod stats;
mod waits;

#[cfg(all(test, not(loom)))]
mod tests;

pub use finding::{Finding, FindingKind, Spot, Step, findings, on_finding, unseen};
pub use mutex::{Mutex, MutexGuard};
pub use owner::Owner;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{OwnedPermit, Permit, Semaphore};
pub use stats::{LockKind, LockStats};
pub use tokio::sync::TryAcquireError;

pub(crate) use self::core::all;
pub(crate) use finding::{held_long, look_again};
pub(crate) use seat::Held;

use std::{
    future::poll_fn,
    panic::Location,
    task::{Poll, ready},
};
use tokio::time::Instant;

/// A place in the source: file, line and column.
pub type Place = &'static Location<'static>;

/// Somebody has the lock, or waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock is held")]
pub struct WouldBlock;

/// The semaphore was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the semaphore is closed")]
pub struct Closed;

/// A snapshot of every lock that is alive, the first 4,096 of them.
pub fn all_stats() -> Vec<LockStats> {
    let now = Instant::now();
    all().iter().map(|core| core.stats(now)).collect()
}

/// Tries, as one step of the task's budget: a loop over a lock that is always free must let others run, too.
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
