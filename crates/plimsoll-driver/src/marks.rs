//! How far an attempt has come.

use plimsoll_policy::call::Mark;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

const DIALLED: u8 = 1;
const CONNECTED: u8 = 2;
const SENT: u8 = 4;
const FLUSHED: u8 = 8;
const MOVED: u8 = 16;
/// The caller is waited for: a state, not an event.
const CALLER: u8 = 32;
/// That state has changed since the driver last looked.
const TURNED: u8 = 64;
/// The attempt is not wanted any more, but nobody has left.
const SPARE: u8 = 128;

/// How far an attempt has come, written by the attempt and read by its driver when it has polled it.
///
/// Both are polled by one task, so plain loads and stores do; atomics only because that task may move between threads.
#[derive(Debug, Default)]
pub struct Marks(AtomicU8);

impl Marks {
    /// Nothing has been reached yet.
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    fn get(&self) -> u8 {
        self.0.load(Relaxed)
    }

    fn set(&self, bits: u8) {
        self.0.store(self.get() | bits, Relaxed);
    }

    /// The connection stands, and TLS begins on it.
    pub fn dialled(&self) {
        self.set(DIALLED);
    }

    /// A connection is in hand.
    pub fn connected(&self) {
        self.set(CONNECTED);
    }

    /// Bytes of the request have gone out.
    pub fn sent(&self) {
        self.set(SENT | MOVED);
    }

    /// The request's last byte is on its way.
    pub fn flushed(&self) {
        self.set(FLUSHED);
    }

    /// Bytes of a body have moved.
    pub fn moved(&self) {
        self.set(MOVED);
    }

    /// Whether the caller is waited for from here on, for more of its request, or the peer.
    pub fn waits_for_caller(&self, caller: bool) {
        let bits = self.get();
        if (bits & CALLER != 0) != caller {
            self.0.store((bits ^ CALLER) | TURNED, Relaxed);
        }
    }

    /// The attempt is not wanted any more, but nobody has left: its connection may be kept if that costs little.
    pub fn spare(&self) {
        self.set(SPARE);
    }

    /// Whether [`Self::spare`] was said.
    pub fn is_spared(&self) -> bool {
        self.get() & SPARE != 0
    }

    /// Whether anything has been reached since the last [`Self::take`].
    pub fn any(&self) -> bool {
        self.get() & !(CALLER | SPARE) != 0
    }

    /// Forgets all: for the next attempt.
    pub fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// The marks reached since the last time, in the order of an attempt's life.
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
