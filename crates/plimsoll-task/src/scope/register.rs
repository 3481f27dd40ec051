//! The live children of a scope, with a handle to each.
//!
//! One lock, taken three times in a child's life: to enter, to store its handle, to leave. Everything that calls out
//! (spawning, aborting, waking) happens outside the lock, because it may run foreign `Drop` code on this thread.

use crate::sync::{Mutex, lock};
use slab::Slab;
use std::task::Waker;

/// A child's slot. The number distinguishes it from earlier children with the same index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChildSlot {
    index: usize,
    number: u64,
}

/// An error of entering a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnterError {
    /// The scope is over, or its children are being dropped.
    Over,
    /// The limit on children is reached.
    Full,
}

/// The register of a scope. `H` is a handle to a child: tokio's abort handle, or a mark in a test.
#[derive(Debug)]
pub(super) struct Register<H> {
    state: Mutex<State<H>>,
}

#[derive(Debug)]
struct State<H> {
    /// The number of children, inner scopes, and the body. Once it is zero it stays zero: only members let others in.
    live: usize,
    limit: usize,
    stopping: bool,
    /// Whether a child left before its work was done, without having been dismissed.
    lost: bool,
    entered: u64,
    entries: Slab<Entry<H>>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Entry<H> {
    number: u64,
    handle: Option<H>,
    dismissed: bool,
}

impl<H> Register<H> {
    /// A register with the body in it.
    pub(super) fn new(limit: usize) -> Self {
        let state = State {
            live: 1,
            limit,
            stopping: false,
            lost: false,
            entered: 0,
            entries: Slab::new(),
            waker: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Enters a child, which must [`leave`](Self::leave).
    pub(super) fn enter(&self) -> Result<ChildSlot, EnterError> {
        let mut state = lock(&self.state);
        if state.live == 0 || state.stopping {
            state.lost = true;
            return Err(EnterError::Over);
        }
        if state.entries.len() >= state.limit {
            return Err(EnterError::Full);
        }
        state.live += 1;
        state.entered += 1;
        let number = state.entered;
        let index = state.entries.insert(Entry { number, handle: None, dismissed: false });
        Ok(ChildSlot { index, number })
    }

    /// Stores the child's handle. Returns it if the child has to be aborted at once.
    pub(super) fn reachable(&self, slot: ChildSlot, handle: H) -> Option<H> {
        let mut state = lock(&self.state);
        let stopping = state.stopping;
        match state.entries.get_mut(slot.index).filter(|entry| entry.number == slot.number) {
            // It has already left.
            None => None,
            Some(_) if stopping => Some(handle),
            Some(entry) if entry.dismissed => Some(handle),
            Some(entry) => {
                entry.handle = Some(handle);
                None
            }
        }
    }

    /// Enters an inner scope, which must call [`leave_inner`](Self::leave_inner). False if the scope is over.
    pub(super) fn enter_inner(&self) -> bool {
        let mut state = lock(&self.state);
        let open = state.live > 0;
        state.live += usize::from(open);
        open
    }

    /// Removes a child after all that it owned was dropped. Returns whether it was the last member.
    #[must_use]
    pub(super) fn leave(&self, slot: ChildSlot, finished: bool) -> bool {
        let mut state = lock(&self.state);
        if state.entries.get(slot.index).is_some_and(|entry| entry.number == slot.number) {
            let entry = state.entries.remove(slot.index);
            state.lost |= !finished && !entry.dismissed;
        }
        Self::one_less(state)
    }

    /// Removes the body or an inner scope. Returns whether it was the last member.
    #[must_use]
    pub(super) fn leave_inner(&self) -> bool {
        Self::one_less(lock(&self.state))
    }

    fn one_less(mut state: crate::sync::MutexGuard<'_, State<H>>) -> bool {
        state.live -= 1;
        let last = state.live == 0;
        let waker = if last { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        last
    }

    /// Marks a child as dismissed, so that its early end is no loss. Returns its handle, if it is there already.
    pub(super) fn dismiss(&self, slot: ChildSlot) -> Option<H> {
        let mut state = lock(&self.state);
        let entry = state.entries.get_mut(slot.index).filter(|entry| entry.number == slot.number)?;
        entry.dismissed = true;
        entry.handle.take()
    }

    /// Lets no further children in, and returns the handles of all children. A child still without one gets it back
    /// from [`reachable`](Self::reachable).
    #[must_use]
    pub(super) fn stop(&self) -> Vec<H> {
        let mut state = lock(&self.state);
        state.stopping = true;
        state.entries.iter_mut().filter_map(|(_, entry)| entry.handle.take()).collect()
    }

    /// Returns whether all members have left; if not, the last one calls the waker.
    pub(super) fn is_empty_or_wake(&self, waker: &Waker) -> bool {
        let mut state = lock(&self.state);
        if state.live > 0 && !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        state.live == 0
    }

    /// Returns the number of live children, without the body and inner scopes.
    pub(super) fn children(&self) -> usize {
        lock(&self.state).entries.len()
    }

    /// Returns whether any work was left undone.
    pub(super) fn has_lost(&self) -> bool {
        lock(&self.state).lost
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_late_handle_goes_to_nobody_else() {
        let register = Register::new(8);
        let first = register.enter().unwrap();
        assert!(!register.leave(first, true));
        let second = register.enter().unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(register.reachable(first, 'a'), None);
        assert_eq!(register.reachable(second, 'b'), None);
        assert_eq!(register.reachable(first, 'a'), None);
        assert_eq!(register.stop(), ['b']);
    }

    #[test]
    fn once_empty_it_stays_empty() {
        let register = Register::<()>::new(8);
        assert!(register.leave_inner());
        assert_eq!(register.enter(), Err(EnterError::Over));
        assert!(!register.enter_inner());
        assert!(register.is_empty_or_wake(Waker::noop()));
    }

    #[test]
    fn the_limit_counts_children_alone() {
        let register = Register::<()>::new(1);
        assert!(register.enter_inner());
        let slot = register.enter().unwrap();
        assert_eq!(register.enter(), Err(EnterError::Full));
        assert!(!register.leave(slot, true));
        assert!(register.enter().is_ok());
        assert!(!register.has_lost());
    }

    #[test]
    fn whoever_was_asked_to_go_is_no_loss() {
        let register = Register::new(8);
        let (one, two) = (register.enter().unwrap(), register.enter().unwrap());
        assert_eq!(register.dismiss(one), None);
        assert_eq!(register.reachable(one, 1), Some(1), "dismissed before its handle came");
        assert!(!register.leave(one, false));
        assert!(!register.has_lost());
        assert!(!register.leave(two, false));
        assert!(register.has_lost());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::{sync::Arc, thread};
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        task::Wake,
    };

    #[derive(Default)]
    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn loom_no_child_escapes_a_stop() {
        loom::model(|| {
            let register = Arc::new(Register::new(8));
            let spawner = {
                let register = Arc::clone(&register);
                thread::spawn(move || match register.enter() {
                    Ok(slot) => (1, register.reachable(slot, 'h').into_iter().count()),
                    Err(_) => (0, 0),
                })
            };
            let stopped = register.stop().len();
            let (entered, given_back) = spawner.join().unwrap();
            let later = register.stop().len();
            assert_eq!(entered, stopped + given_back, "each child is reached once");
            assert_eq!(later, 0);
        });
    }

    #[test]
    fn loom_the_last_to_leave_wakes() {
        loom::model(|| {
            let register = Arc::new(Register::<()>::new(8));
            let slot = register.enter().unwrap();
            let leaver = {
                let register = Arc::clone(&register);
                thread::spawn(move || register.leave(slot, true))
            };
            let rings = std::sync::Arc::new(Rings::default());
            let first = register.leave_inner();
            let empty = register.is_empty_or_wake(&Waker::from(std::sync::Arc::clone(&rings)));
            let second = leaver.join().unwrap();
            assert!(first ^ second, "one of them was the last");
            assert!(empty || rings.0.load(SeqCst) == 1);
        });
    }

    #[test]
    fn loom_nobody_enters_what_is_over() {
        loom::model(|| {
            let register = Arc::new(Register::<()>::new(8));
            let stranger = {
                let register = Arc::clone(&register);
                thread::spawn(move || register.enter().ok())
            };
            let over = register.leave_inner();
            let entered = stranger.join().unwrap();
            assert_eq!(over, entered.is_none());
            if let Some(slot) = entered {
                assert!(register.leave(slot, true), "then it was the last");
            }
        });
    }

    #[test]
    fn loom_a_seat_taken_over_keeps_its_own_handle() {
        loom::model(|| {
            let register = Arc::new(Register::new(8));
            let first = register.enter().unwrap();
            let other = {
                let register = Arc::clone(&register);
                thread::spawn(move || {
                    let _ = register.leave(first, true);
                    let second = register.enter().unwrap();
                    assert_eq!(register.reachable(second, 2), None);
                })
            };
            let _ = register.reachable(first, 1);
            other.join().unwrap();
            assert_eq!(register.stop(), [2]);
        });
    }
}
