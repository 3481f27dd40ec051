//! The progress of an attempt.

use plimsoll_policy::call::Mark;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

const DIALLED: u8 = 1;
const CONNECTED: u8 = 2;
const SENT: u8 = 4;
const FLUSHED: u8 = 8;
const MOVED: u8 = 16;
/// The attempt waits for the caller: a state, not an event.
const CALLER: u8 = 32;
/// The state [`CALLER`] has changed since the driver last looked.
const TURNED: u8 = 64;
/// The attempt is no longer needed, but the caller has not left.
const SPARE: u8 = 128;

/// The progress of an attempt, written by the attempt and read by its driver after polling it.
///
/// Both are polled by one task, so plain loads and stores do; atomics only because that task may move between threads.
#[derive(Debug, Default)]
pub struct Marks(AtomicU8);

impl Marks {
    /// Marks of an attempt that has not begun.
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    fn get(&self) -> u8 {
        self.0.load(Relaxed)
    }

    fn set(&self, bits: u8) {
        self.0.store(self.get() | bits, Relaxed);
    }

    /// Sets that the connection is established and TLS begins on it.
    pub fn dialled(&self) {
        self.set(DIALLED);
    }

    /// Sets that the attempt has a connection.
    pub fn connected(&self) {
        self.set(CONNECTED);
    }

    /// Sets that bytes of the request have been sent.
    pub fn sent(&self) {
        self.set(SENT | MOVED);
    }

    /// Sets that the request's last byte has been sent.
    pub fn flushed(&self) {
        self.set(FLUSHED);
    }

    /// Sets that bytes of a body have moved.
    pub fn moved(&self) {
        self.set(MOVED);
    }

    /// Sets whether the attempt waits for the caller, for more of its request, or for the peer.
    pub fn waits_for_caller(&self, caller: bool) {
        let bits = self.get();
        if (bits & CALLER != 0) != caller {
            self.0.store((bits ^ CALLER) | TURNED, Relaxed);
        }
    }

    /// Sets that the attempt is no longer needed although the caller has not left: its connection may be kept if that
    /// costs little.
    pub fn spare(&self) {
        self.set(SPARE);
    }

    /// Returns whether [`Self::spare`] was called.
    pub fn is_spared(&self) -> bool {
        self.get() & SPARE != 0
    }

    /// Returns whether any mark was set since the last [`Self::take`].
    pub fn any(&self) -> bool {
        self.get() & !(CALLER | SPARE) != 0
    }

    /// Clears all marks for the next attempt.
    pub fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// Takes the marks set since the last call, in the order of an attempt's life.
    pub fn take(&self) -> impl Iterator<Item = Mark> + use<> {
        let bits = self.get();
        self.0.store(bits & (CALLER | SPARE), Relaxed);
        let turn = if bits & CALLER != 0 { Mark::WaitsForCaller } else { Mark::WaitsForPeer };
        let all = [
            (DIALLED, Mark::Dialled),
            (CONNECTED, Mark::Connected),
            (SENT, Mark::Sent),
            (MOVED, Mark::Moved),
            (TURNED, turn),
            (FLUSHED, Mark::Flushed),
        ];
        all.into_iter().filter(move |(bit, _)| bits & bit != 0).map(|(_, mark)| mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_in_the_order_of_an_attempts_life_and_once() {
        let marks = Marks::new();
        marks.flushed();
        marks.sent();
        marks.connected();
        assert_eq!(
            marks.take().collect::<Vec<_>>(),
            [Mark::Connected, Mark::Sent, Mark::Moved, Mark::Flushed]
        );
        assert!(!marks.any() && marks.take().next().is_none());
    }

    #[test]
    fn whom_it_waits_for_is_told_when_it_changes() {
        let marks = Marks::new();
        marks.waits_for_caller(false);
        assert!(!marks.any());
        marks.waits_for_caller(true);
        assert_eq!(marks.take().collect::<Vec<_>>(), [Mark::WaitsForCaller]);
        marks.waits_for_caller(true);
        assert!(!marks.any());
        marks.waits_for_caller(false);
        assert_eq!(marks.take().collect::<Vec<_>>(), [Mark::WaitsForPeer]);
    }
}
