//! How much one body may move before its worker looks after the others.
//!
//! A worker is one thread. A body whose two sockets are both ready would go on for as long as their buffers last,
//! which is megabytes, and every other request of the worker would wait for that.

use std::pin::pin;
use std::task::Context;

/// About a tenth of a millisecond of copying; large enough that what is done between two turns does not count.
const BYTES: u64 = 256 * 1024;

/// What is left of a body's turn in one poll.
pub(crate) struct Turn {
    until: u64,
}

impl Turn {
    /// Begins when `written` bytes of the message have been written.
    pub(crate) fn begin(written: u64) -> Self {
        Self { until: written.saturating_add(BYTES) }
    }

    /// Whether the turn is over; then the task is woken again, after those that wait and after what has come from the
    /// network in the meantime. The caller returns `Pending`.
    pub(crate) fn is_over(&self, written: u64, cx: &mut Context<'_>) -> bool {
        let over = written >= self.until;
        if over {
            let _pending = pin!(tokio::task::yield_now()).poll(cx);
        }
        over
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
        let turn = Turn::begin(1_000_000);
        assert!(!turn.is_over(1_000_000 + BYTES - 1, &mut cx));
        assert_eq!(count.0.load(Relaxed), 0);
        assert!(turn.is_over(1_000_000 + BYTES, &mut cx));
        assert_eq!(count.0.load(Relaxed), 1);
    }
}
