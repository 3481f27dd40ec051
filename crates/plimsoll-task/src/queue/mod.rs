//! Bounded queues that measure.
//!
//! | | what it is | full |
//! | --- | --- | --- |
//! | [`bounded`] | many senders, one receiver, first in first out | the sender waits, waits until a deadline, or is refused |
//! | [`Crew`] | workers who share one receiver, or have a lane each by key | their queue fills |
//! | [`latest`] | one value that is overwritten, many who follow | the older value goes |
//!
//! Each has a name, and says how deep it is, how old its first item is, and how long senders and items waited
//! ([`QueueStats`]). There is no unbounded one: memory that fills while a peer is slow is the outage that follows.
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
//! A `send` that is dropped has not sent, a `recv` that is dropped has not taken. A `send` that is dropped drops its
//! item: [`Sender::reserve`] first where it must not be lost.

mod core;
mod crew;
mod error;
mod latest;
mod receiver;
mod sender;
mod stats;

#[cfg(all(test, not(loom)))]
mod tests;

pub use self::core::STAMPED;
pub use crew::{Crew, WorkerStats};
pub use error::{Closed, SendBeforeError, SendError, TryRecvError, TrySendError};
pub use latest::{Latest, LatestStats, Publisher, Subscriber, latest};
pub use receiver::Receiver;
pub use sender::{SendPermit, Sender};
pub use stats::QueueStats;

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
