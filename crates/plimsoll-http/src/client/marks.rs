//! How far an attempt has come.

use plimsoll_policy::call::Mark;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// How far an attempt has come, for the driver to read when it has polled it.
#[derive(Debug, Default)]
pub(super) struct Marks(AtomicU8);

pub(super) const CONNECTED: u8 = 1;
pub(super) const SENT: u8 = 2;
pub(super) const FLUSHED: u8 = 4;
pub(super) const MOVED: u8 = 8;
/// In the order of time, though not of the numbers.
#[cfg(feature = "tls")]
pub(super) const DIALLED: u8 = 16;

const ALL: [(u8, Mark); 5] = [
    (16, Mark::Dialled),
    (CONNECTED, Mark::Connected),
    (SENT, Mark::Sent),
    (FLUSHED, Mark::Flushed),
    (MOVED, Mark::Moved),
];

// An attempt and its driver are polled by the same task, so plain loads and stores will do; atomics only because that
// task may move between threads.
impl Marks {
    pub(super) fn set(&self, bits: u8) {
        self.0.store(self.0.load(Relaxed) | bits, Relaxed);
    }

    /// Whether anything has been reached since the last time.
    pub(super) fn any(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// Forgets all: for the next attempt.
    pub(super) fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// What has been reached since the last time.
    pub(super) fn take(&self) -> impl Iterator<Item = Mark> + use<> {
        let bits = self.0.load(Relaxed);
        self.0.store(0, Relaxed);
        ALL.into_iter().filter(move |(bit, _)| bits & bit != 0).map(|(_, mark)| mark)
    }
}
