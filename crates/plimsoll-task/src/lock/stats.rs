//! Statistics of a lock.

use super::SourceLocation;
use crate::measure::Times;
use std::time::Duration;

/// Which lock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockKind {
    /// A [`Mutex`](super::Mutex).
    Mutex,
    /// An [`RwLock`](super::RwLock).
    RwLock,
    /// A [`Semaphore`](super::Semaphore).
    Semaphore,
}

impl LockKind {
    /// In lower case, as a label is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mutex => "mutex",
            Self::RwLock => "rwlock",
            Self::Semaphore => "semaphore",
        }
    }
}

/// A snapshot of one lock.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LockStats {
    /// The name it was given.
    pub name: &'static str,
    /// Which lock it is.
    pub kind: LockKind,
    /// How often it was taken exclusively. Shared holdings are not counted: that would take a read-modify-write each.
    pub taken: u64,
    /// How many wait now.
    pub waiting: u32,
    /// The waits that are over, those given up among them. Who did not have to wait is not among them, so
    /// `wait.count` is how often the lock was contended.
    pub wait: Times,
    /// Holdings that were timed: after a wait, and one in [`SAMPLED`](crate::measure::SAMPLED) of the others. A mean, not a sum over all.
    pub hold: Times,
    /// Where those took it who have it now. Of many who share it some may be missing.
    pub held_at: Vec<SourceLocation>,
    /// For how long the longest of these holdings has lasted, at least: short by at most the time between two looks of
    /// [`WaitMonitor`](crate::measure::WaitMonitor). Zero where no watch has seen it.
    pub held_for: Duration,
}
