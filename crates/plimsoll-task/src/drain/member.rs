use super::StillRunning;
use crate::sync::{
    Mutex,
    atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    lock,
};
use std::{fmt, sync::Arc, task::Waker};

/// The mark that a waiter waits for the count to reach zero.
const WATCHED: usize = 1;
const ONE: usize = 2;

/// The count of activities under one name.
///
/// The count and the mark of a waiter are one word: the last activity to leave sees the mark, or the mark is set after
/// it and finds the count at zero. Without a waiter, entering and leaving are one atomic step each.
pub(super) struct Count {
    name: Arc<str>,
    state: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Count {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), state: AtomicUsize::new(0), waker: Mutex::new(None) }
    }

    fn enter(&self) {
        self.state.fetch_add(ONE, Relaxed);
    }

    fn leave(&self) {
        if self.state.fetch_sub(ONE, AcqRel) == ONE | WATCHED {
            let waker = lock(&self.waker).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn count(&self) -> usize {
        self.state.load(Acquire) / ONE
    }

    /// Returns whether no activity is in progress; otherwise the last one that leaves calls the waker.
    pub(super) fn is_empty_or_wake(&self, waker: &Waker) -> bool {
        {
            let mut known = lock(&self.waker);
            if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                *known = Some(waker.clone());
            }
        }
        self.state.fetch_or(WATCHED, AcqRel) / ONE == 0
    }

    pub(super) fn still_running(&self) -> Option<StillRunning> {
        let count = self.count();
        (count > 0).then(|| StillRunning { name: Arc::clone(&self.name), count })
    }
}

/// A name in a drain with its count of activities. Clones are the same member.
#[derive(Clone)]
pub struct Member {
    pub(super) count: Arc<Count>,
}

impl Member {
    /// Begins an activity, which ends with the drop of the guard. Two atomic steps, no lock.
    ///
    /// An activity that enters during its phase is waited for, if it does before the phase has found none left.
    #[must_use = "dropped at once, nothing is waited for"]
    pub fn enter(&self) -> Busy {
        self.count.enter();
        Busy { count: Arc::clone(&self.count) }
    }

    /// Returns the number of activities in progress.
    pub fn count(&self) -> usize {
        self.count.count()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.count.name
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("name", &self.name()).field("count", &self.count()).finish()
    }
}

/// A guard of an activity, which ends when this is dropped.
pub struct Busy {
    count: Arc<Count>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.count.leave();
    }
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Busy").field(&self.count.name).finish()
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::thread;
    use std::{
        sync::atomic::{AtomicUsize as Plain, Ordering::SeqCst},
        task::Wake,
    };

    #[derive(Default)]
    struct Rings(Plain);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn loom_the_last_to_leave_a_drain_wakes() {
        loom::model(|| {
            let count = loom::sync::Arc::new(Count::new("n"));
            count.enter();
            let other = {
                let count = loom::sync::Arc::clone(&count);
                thread::spawn(move || {
                    count.enter();
                    count.leave();
                    count.leave();
                })
            };
            let rings = Arc::new(Rings::default());
            let waker = Waker::from(Arc::clone(&rings));
            let empty = count.is_empty_or_wake(&waker);
            other.join().unwrap();
            assert!(empty || rings.0.load(SeqCst) > 0);
            assert!(count.is_empty_or_wake(&waker));
        });
    }

    #[test]
    fn loom_a_second_look_misses_nobody() {
        loom::model(|| {
            let count = loom::sync::Arc::new(Count::new("n"));
            count.enter();
            count.enter();
            let leavers = [0, 1].map(|_| {
                let count = loom::sync::Arc::clone(&count);
                thread::spawn(move || count.leave())
            });
            let (first, second) = (Arc::new(Rings::default()), Arc::new(Rings::default()));
            let mut empty = count.is_empty_or_wake(&Waker::from(Arc::clone(&first)));
            empty |= count.is_empty_or_wake(&Waker::from(Arc::clone(&second)));
            for leaver in leavers {
                leaver.join().unwrap();
            }
            assert!(empty || first.0.load(SeqCst) + second.0.load(SeqCst) > 0);
            assert_eq!(count.count(), 0);
        });
    }
}
