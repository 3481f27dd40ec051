//! Who is alive in a scope, and how to reach each of them.
//!
//! One lock, taken three times in a child's life: to enter, to leave its handle, to leave. Everything that calls out
//! (spawning, aborting, waking) happens outside of it, because any of them may run somebody's `Drop` on this thread.

use crate::sync::{Mutex, lock};
use slab::Slab;
use std::task::Waker;

/// A child's place. The number tells it from whoever sat in the same place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    index: usize,
    number: u64,
}

/// Why nobody could enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoEntry {
    /// Everybody has left, or is being sent away.
    Over,
    /// As many as may be are inside.
    Full,
}

/// `H` reaches a child from outside: tokio's abort handle, or a mark in a test.
#[derive(Debug)]
pub(super) struct Register<H> {
    state: Mutex<State<H>>,
}

#[derive(Debug)]
struct State<H> {
    /// Children, scopes inside this one, and the body. Once it is zero it stays zero: only those inside let others in.
    live: usize,
    limit: usize,
    stopping: bool,
    /// Somebody left before the work was done, and not because anybody asked for just that.
    lost: bool,
    entered: u64,
    slots: Slab<Slot<H>>,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Slot<H> {
    number: u64,
    handle: Option<H>,
    dismissed: bool,
}

impl<H> Register<H> {
    /// With the body inside.
    pub(super) fn new(limit: usize) -> Self {
        let state = State {
            live: 1,
            limit,
            stopping: false,
            lost: false,
            entered: 0,
            slots: Slab::new(),
            waker: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// A child comes in. It must [`leave`](Self::leave).
    pub(super) fn enter(&self) -> Result<Seat, NoEntry> {
        let mut state = lock(&self.state);
        if state.live == 0 || state.stopping {
            state.lost = true;
            return Err(NoEntry::Over);
        }
        if state.slots.len() >= state.limit {
            return Err(NoEntry::Full);
        }
        state.live += 1;
        state.entered += 1;
        let number = state.entered;
        let index = state.slots.insert(Slot { number, handle: None, dismissed: false });
        Ok(Seat { index, number })
    }

    /// The way to reach it. Given back if the child has to be sent away at once.
    pub(super) fn reachable(&self, seat: Seat, handle: H) -> Option<H> {
        let mut state = lock(&self.state);
        let stopping = state.stopping;
        match state.slots.get_mut(seat.index).filter(|slot| slot.number == seat.number) {
            // It has already left: nothing to reach.
            None => None,
            Some(_) if stopping => Some(handle),
            Some(slot) if slot.dismissed => Some(handle),
            Some(slot) => {
                slot.handle = Some(handle);
                None
            }
        }
    }

    /// A scope inside this one begins; it ends by [`leave_inner`](Self::leave_inner). Not if everybody has left.
    pub(super) fn enter_inner(&self) -> bool {
        let mut state = lock(&self.state);
        let open = state.live > 0;
        state.live += usize::from(open);
        open
    }

    /// A child is gone, with all that it owned. Whether it was the last of all.
    #[must_use]
    pub(super) fn leave(&self, seat: Seat, finished: bool) -> bool {
        let mut state = lock(&self.state);
        if state.slots.get(seat.index).is_some_and(|slot| slot.number == seat.number) {
            let slot = state.slots.remove(seat.index);
            state.lost |= !finished && !slot.dismissed;
        }
        Self::one_less(state)
    }

    /// The body or a scope inside is gone. Whether it was the last of all.
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

    /// One child is asked to go: its leaving early is no loss. Its handle, if it is there already.
    pub(super) fn dismiss(&self, seat: Seat) -> Option<H> {
        let mut state = lock(&self.state);
        let slot = state.slots.get_mut(seat.index).filter(|slot| slot.number == seat.number)?;
        slot.dismissed = true;
        slot.handle.take()
    }

    /// Lets nobody in any more, and gives the handles of all children. Those still without one get it back from
    /// [`reachable`](Self::reachable).
    #[must_use]
    pub(super) fn stop(&self) -> Vec<H> {
        let mut state = lock(&self.state);
        state.stopping = true;
        state.slots.iter_mut().filter_map(|(_, slot)| slot.handle.take()).collect()
    }

    /// Whether all have left; if not, the waker is called by the last.
    pub(super) fn is_empty_or_wake(&self, waker: &Waker) -> bool {
        let mut state = lock(&self.state);
        if state.live > 0 && !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        state.live == 0
    }

    /// Children that are alive, without the body and the scopes inside.
    pub(super) fn children(&self) -> usize {
        lock(&self.state).slots.len()
    }

    /// Whether anything was left undone.
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
        assert_eq!(register.enter(), Err(NoEntry::Over));
        assert!(!register.enter_inner());
        assert!(register.is_empty_or_wake(Waker::noop()));
    }

    #[test]
    fn the_limit_counts_children_alone() {
        let register = Register::<()>::new(1);
        assert!(register.enter_inner());
        let seat = register.enter().unwrap();
        assert_eq!(register.enter(), Err(NoEntry::Full));
        assert!(!register.leave(seat, true));
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
                    Ok(seat) => (1, register.reachable(seat, 'h').into_iter().count()),
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
            let seat = register.enter().unwrap();
            let leaver = {
                let register = Arc::clone(&register);
                thread::spawn(move || register.leave(seat, true))
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
            if let Some(seat) = entered {
                assert!(register.leave(seat, true), "then it was the last");
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
