//! The wakers of a machine's wait queue, by ticket.

use parking_lot::{Mutex, MutexGuard};
use plimsoll_policy::Ticket;
use std::task::Waker;

/// The wakers of one policy's wait queue.
///
/// A ticket's lower 32 bits are an index that no two live tickets share, so this is a table, as long as the most waiters
/// there have ever been at once. Its lock is taken only by waiters and by threads that wake them.
///
/// A ticket that was passed over because its limit has come is no longer live, and its index goes to another ticket. Its
/// holder learns of it by its own timer, and may register once more before that: a younger ticket is not replaced by it.
///
/// A waiter registers **before** it asks the machine for the grant: a grant between the two then finds the waker.
#[derive(Debug, Default)]
pub struct Waiters {
    wakers: Mutex<Vec<Option<(Ticket, Waker)>>>,
}

impl Waiters {
    /// A table without waiters.
    pub const fn new() -> Self {
        Self { wakers: Mutex::new(Vec::new()) }
    }

    /// Registers `waker` for `ticket`. Replaces an earlier waker, also one of an older ticket with the same index.
    ///
    /// Returns whether there was none: the first time, and after a wake. Then, and only then, the machine has to be asked.
    pub fn register(&self, ticket: Ticket, waker: &Waker) -> bool {
        let mut wakers = self.lock();
        let at = index(ticket);
        if wakers.len() <= at {
            wakers.resize_with(at + 1, || None);
        }
        match &mut wakers[at] {
            Some((holder, old)) if *holder == ticket => {
                old.clone_from(waker);
                false
            }
            Some((holder, _)) if is_younger(*holder, ticket) => false,
            slot => {
                *slot = Some((ticket, waker.clone()));
                true
            }
        }
    }

    /// Forgets the waker of `ticket`.
    pub fn forget(&self, ticket: Ticket) {
        drop(self.take(ticket));
    }

    /// Wakes the waiter of `ticket`, if there is one.
    pub fn wake(&self, ticket: Ticket) {
        // Woken outside the lock: a waker may run code that comes back here.
        if let Some(waker) = self.take(ticket) {
            waker.wake();
        }
    }

    fn take(&self, ticket: Ticket) -> Option<Waker> {
        let mut wakers = self.lock();
        let slot = wakers.get_mut(index(ticket))?;
        slot.take_if(|(holder, _)| *holder == ticket).map(|(_, waker)| waker)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<(Ticket, Waker)>>> {
        // Nothing in the table is half-done at any point where a waker could panic.
        self.wakers.lock()
    }
}

fn index(ticket: Ticket) -> usize {
    (ticket.0 & u64::from(u32::MAX)) as usize
}

/// Of two tickets of one index: whether `ticket` came after `other`. The upper 32 bits count, and begin anew at their end.
fn is_younger(ticket: Ticket, other: Ticket) -> bool {
    let ahead = ((ticket.0 >> 32) as u32).wrapping_sub((other.0 >> 32) as u32);
    ahead != 0 && ahead <= u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn wakes_the_holder_of_the_ticket_and_nobody_else() {
        let (waiters, count) = (Waiters::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let (first, reused) = (Ticket(3), Ticket(3 | 1 << 32));
        assert!(waiters.register(first, &waker) && !waiters.register(first, &waker));
        waiters.wake(reused);
        waiters.wake(Ticket(9));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        waiters.register(reused, &waker);
        waiters.wake(first);
        assert_eq!(count.0.load(Ordering::SeqCst), 0, "its slot belongs to another ticket now");
        waiters.wake(reused);
        waiters.wake(reused);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(waiters.register(reused, &waker), "after a wake the machine is asked again");
    }

    #[test]
    fn a_ticket_that_was_passed_over_takes_no_waker_from_the_one_after_it() {
        let (waiters, count) = (Waiters::new(), Arc::new(Count::default()));
        let (first, second) = (Waker::from(Arc::new(Count::default())), Waker::from(Arc::clone(&count)));
        let (passed_over, next) = (Ticket(4 | 2 << 32), Ticket(4 | 3 << 32));
        assert!(waiters.register(passed_over, &first) && waiters.register(next, &second));
        assert!(!waiters.register(passed_over, &first), "there is nothing to ask for");
        waiters.forget(passed_over);
        waiters.wake(next);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        let (last, wrapped) = (Ticket(1 | u64::from(u32::MAX) << 32), Ticket(1));
        assert!(is_younger(wrapped, last) && !is_younger(last, wrapped));
    }

    #[test]
    fn a_forgotten_ticket_is_not_woken() {
        let (waiters, count) = (Waiters::new(), Arc::new(Count::default()));
        waiters.register(Ticket(0), &Waker::from(Arc::clone(&count)));
        waiters.forget(Ticket(0));
        waiters.wake(Ticket(0));
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }
}
