//! The slot for the exclusive holder of a lock, written by the holder and read by observers.
//!
//! Three plain stores to enter, one to leave: no read-modify-write, no clock. The lock itself ensures that there is one
//! writer at a time. Shared holders have [other slots](super::shared_slot).

use super::{
    SourceLocation,
    owner::{LocationCell, Owner},
};
use crate::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct HolderSlot {
    owner: AtomicU64,
    /// Grows with each holder, so that a holder that stays can be told from one that comes again.
    turn: AtomicU64,
    location: LocationCell,
}

/// A holder that was seen in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) owner: Owner,
    pub(crate) turn: u64,
    /// Where the lock was taken.
    pub(crate) location: SourceLocation,
}

impl HolderSlot {
    pub(super) fn new() -> Self {
        Self {
            owner: AtomicU64::new(Owner::NOBODY),
            turn: AtomicU64::new(0),
            location: LocationCell::new(None),
        }
    }

    /// Enters the holder of the lock and returns its turn.
    #[inline]
    pub(super) fn take(&self, owner: Owner, location: SourceLocation) -> u64 {
        let turn = self.turn.load(Relaxed).wrapping_add(1);
        // A reader that sees this turn must not see the former owner.
        self.turn.store(turn, Release);
        self.location.store(Some(location));
        self.owner.store(owner.number(), Release);
        turn
    }

    /// Leaves the slot, before the lock is released.
    #[inline]
    pub(super) fn leave(&self) {
        self.owner.store(Owner::NOBODY, Release);
    }

    pub(super) fn turn(&self) -> u64 {
        self.turn.load(Relaxed)
    }

    /// Returns the visible holder. `None` also while one is just entering or leaving.
    pub(super) fn look(&self) -> Option<Holder> {
        let owner = self.owner.load(Acquire);
        let held = Holder {
            owner: Owner::from_number(owner)?,
            turn: self.turn.load(Acquire),
            location: self.location.load()?,
        };
        (self.owner.load(Acquire) == owner && self.turn.load(Acquire) == held.turn).then_some(held)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::Location;

    #[test]
    fn a_seat_shows_who_took_it_last_and_nobody_after() {
        let (slot, me, location) = (HolderSlot::new(), Owner::current(), Location::caller());
        assert_eq!(slot.look(), None);
        assert_eq!(slot.take(me, location), 1);
        assert_eq!(slot.look(), Some(Holder { owner: me, turn: 1, location }));
        slot.leave();
        assert_eq!(slot.look(), None);
        assert_eq!(slot.take(me, location), 2);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::{sync::Arc, thread};
    use std::panic::Location;

    fn owner(number: u64) -> Owner {
        Owner::from_number(number).unwrap()
    }

    /// Returns a location for each number.
    fn location(number: u64) -> SourceLocation {
        [Location::caller(), Location::caller()][number as usize - 1]
    }

    #[test]
    fn loom_an_exclusive_holder_is_seen_with_its_own_turn() {
        loom::model(|| {
            let slot = Arc::new(HolderSlot::new());
            let theirs = Arc::clone(&slot);
            let looks = thread::spawn(move || theirs.look());
            for number in 1..=2 {
                assert_eq!(slot.take(owner(number), location(number)), number);
                if number == 1 {
                    slot.leave();
                }
            }
            if let Some(held) = looks.join().unwrap() {
                assert_eq!(held.turn, held.owner.number());
                assert_eq!(held.location, location(held.turn));
            }
        });
    }
}
