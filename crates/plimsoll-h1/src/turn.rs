//! The bytes that one body may move before its thread serves the others.
//!
//! A worker is one thread. A body whose two sockets are both ready would go on for as long as their buffers last,
//! which is megabytes, and every other request of the worker would wait for that. The large bodies of a thread share
//! [`ROUND`] instead: a request that comes meanwhile waits for one round, however many they are.

use std::{cell::Cell, pin::pin, task::Context};

/// Bytes that all large bodies of a thread move together before anything else has its turn: under a millisecond of
/// copying. Less would cost a single body more system calls.
const ROUND: u64 = 1024 * 1024;
/// The least that one of them moves: many short turns would be all turning and no moving.
const LEAST: u64 = 16 * 1024;

/// So many waiting bodies are many.
const MANY: u64 = 16;

thread_local! {
    /// Bodies that have given way and are to go on.
    static WAITING: Cell<u64> = const { Cell::new(0) };
}

/// The turn of one body, from one poll to the next.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    until: u64,
    waits: bool,
}

impl Turn {
    /// Begins a poll, when `written` bytes of the message have been written.
    pub(crate) fn begin(&mut self, written: u64) {
        self.wait(false);
        self.until = written + (ROUND / (WAITING.get() + 1)).max(LEAST);
    }

    /// Returns the most bytes that may be moved at once, when `written` bytes of the message have been written: where many
    /// bodies share the round, what is left of the turn; else any number, since each move is a system call.
    pub(crate) fn at_once(&self, written: u64) -> u64 {
        if WAITING.get() < MANY { u64::MAX } else { self.until.saturating_sub(written) }
    }

    /// Returns whether the turn is over; then the task is woken again, after those that wait and after what has come
    /// from the network in the meantime. The caller returns `Pending`.
    pub(crate) fn is_over(&mut self, written: u64, cx: &mut Context<'_>) -> bool {
        let over = written >= self.until;
        if over {
            self.wait(true);
            let _pending = pin!(tokio::task::yield_now()).poll(cx);
        }
        over
    }

    fn wait(&mut self, waits: bool) {
        if waits != self.waits {
            self.waits = waits;
            // The count is gone only while the thread ends.
            let _ = WAITING.try_with(|waiting| {
                waiting.set(if waits { waiting.get() + 1 } else { waiting.get() - 1 });
            });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.wait(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        task::{Wake, Waker},
    };

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn whoever_gives_way_is_woken_again_and_nobody_else_is() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut turn = Turn::default();
        turn.begin(1_000_000);
        assert!(!turn.is_over(1_000_000 + ROUND - 1, &mut cx));
        assert_eq!(count.0.load(Relaxed), 0);
        assert!(turn.is_over(1_000_000 + ROUND, &mut cx));
        assert_eq!(count.0.load(Relaxed), 1);
    }

    #[test]
    fn what_is_moved_at_once_is_bounded_where_many_share_the_round() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut turns: Vec<Turn> = (0..=MANY).map(|_| Turn::default()).collect();
        for (waiting, turn) in turns.iter_mut().enumerate() {
            turn.begin(100);
            let bounded = turn.at_once(100) <= ROUND / MANY;
            assert_eq!(bounded, waiting as u64 == MANY);
            assert!(turn.is_over(turn.until, &mut cx));
        }
    }

    #[test]
    fn many_bodies_share_one_round() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut turns: Vec<Turn> = (0..64).map(|_| Turn::default()).collect();
        let mut round = |turns: &mut [Turn]| -> u64 {
            let turn = |turn: &mut Turn| {
                turn.begin(0);
                assert!(turn.is_over(turn.until, &mut cx));
                turn.until
            };
            turns.iter_mut().map(turn).sum()
        };
        // Those that come at once find fewer before them.
        assert!(round(&mut turns) < 5 * ROUND);
        assert_eq!(round(&mut turns), ROUND);
        turns.truncate(1);
        assert_eq!(round(&mut turns), ROUND);
        turns.clear();
        assert_eq!(WAITING.get(), 0);
    }
}
