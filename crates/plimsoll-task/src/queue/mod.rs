//! Bounded queues that measure.
//!
//! | | description | when full |
//! | --- | --- | --- |
//! | [`bounded`] | many senders, one receiver, first in first out | the sender waits, waits until a deadline, or is refused |
//! | [`WorkerPool`] | workers that share one receiver, or have a lane each by key | their queue fills |
//! | [`latest`] | one value that is overwritten, many subscribers | the older value is dropped |
//!
//! Each has a name, and measures its depth, the age of its first item, and the waits of senders and items ([`QueueStats`]).
//! There is no unbounded queue: memory that fills while a peer is slow leads to the next outage.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use plimsoll_task::queue::{TrySendError, bounded};
//!
//! let (sender, mut receiver) = bounded("mail", 2);
//! sender.send("one").await?;
//! sender.try_send("two")?;
//! assert_eq!(sender.try_send("three"), Err(TrySendError::Full("three")));
//! assert_eq!(receiver.recv().await, Some("one"));
//! let stats = sender.stats();
//! assert_eq!((stats.depth, stats.refused), (1, 1));
//! # Ok(()) }
//! ```
//!
//! # Cancel safety
//! A `send` that is dropped has not sent, a `recv` that is dropped has not taken. A `send` that is dropped drops its item:
//! call [`Sender::reserve`] first if the item must not be lost.

mod core;
mod error;
mod latest;
mod receiver;
mod sender;
mod stats;
mod worker_pool;

#[cfg(all(test, not(loom)))]
mod tests;

pub use self::core::STAMPED;
pub use error::{QueueClosedError, SendBeforeError, SendError, TryRecvError, TrySendError};
pub use latest::{Latest, LatestStats, Publisher, Subscriber, latest};
pub use receiver::Receiver;
pub use sender::{SendPermit, Sender};
pub use stats::QueueStats;
pub use worker_pool::{WorkerPool, WorkerStats};

pub(crate) use self::core::all;

use self::core::Core;
use std::sync::Arc;
use tokio::{sync::mpsc, time::Instant};

/// A queue of that name for so many items.
///
/// # Panics
/// With a capacity of zero, or of more than [`tokio::sync::Semaphore::MAX_PERMITS`].
pub fn bounded<T>(name: &'static str, capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(capacity);
    let core = Core::new(name, capacity);
    (Sender { core: Arc::clone(&core), inner: sender }, Receiver { core, inner: receiver })
}

/// A snapshot of every bounded queue that is alive, the first 4,096 of them.
pub fn all_stats() -> Vec<QueueStats> {
    let now = Instant::now();
    all().iter().map(|core| core.stats(now)).collect()
}
