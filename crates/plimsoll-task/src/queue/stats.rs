//! Statistics of a queue.

use crate::measure::Times;
use std::time::Duration;

/// A snapshot of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// The name it was given.
    pub name: &'static str,
    /// Items it takes at most.
    pub capacity: usize,
    /// Items in it now. One that is just being put in may be counted already.
    pub depth: usize,
    /// How old the first of them is, at least: short by at most the time between two looks, which are those of
    /// [`WaitMonitor`](crate::measure::WaitMonitor) and those at these statistics. Zero where nobody has seen it before.
    pub oldest: Duration,
    /// Items sent since the start.
    pub sent: u64,
    /// Items received since the start.
    pub taken: u64,
    /// How often a sender found it full, whatever it did then.
    pub full: u64,
    /// Items that were not sent because it was full, or stayed so until their deadline.
    pub refused: u64,
    /// Items that were in it when the receiver was dropped.
    pub lost: u64,
    /// Senders that wait now.
    pub waiting: u32,
    /// The waits of senders that are over, those given up among them. Who found a place did not wait.
    pub send_wait: Times,
    /// How long items were in the queue: one in [`STAMPED`](super::STAMPED).
    pub item_wait: Times,
}
