//! Who has an exclusive lock, written by whoever takes it and read by whoever wonders.
//!
//! Three plain stores to take a seat, one to leave it: no read-modify-write, no clock. The lock itself sees to it that
//! one at a time writes. Those who share a lock have [others](super::shared_seat).

use super::{
    Place,
    owner::{Owner, PlaceCell},
};
use crate::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Seat {
    owner: AtomicU64,
    /// Grows with each who sits down, so that one who stays can be told from one who comes again.
    turn: AtomicU64,
    place: PlaceCell,
}

/// Who was seen in a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) owner: Owner,
    pub(crate) turn: u64,
    /// Where the lock was taken.
    pub(crate) place: Place,
}

impl Seat {
    pub(super) fn new() -> Self {
        Self { owner: AtomicU64::new(Owner::NOBODY), turn: AtomicU64::new(0), place: PlaceCell::new(None) }
    }

    /// The turn that this is. For who has the lock.
    #[inline]
    pub(super) fn take(&self, owner: Owner, place: Place) -> u64 {
        let turn = self.turn.load(Relaxed).wrapping_add(1);
        // Who sees this turn must not see the owner before it any more.
        self.turn.store(turn, Release);
        self.place.store(Some(place));
        self.owner.store(owner.number(), Release);
        turn
    }

    /// For who has the lock, still.
    #[inline]
    pub(super) fn leave(&self) {
        self.owner.store(Owner::NOBODY, Release);
    }

    pub(super) fn turn(&self) -> u64 {
        self.turn.load(Relaxed)
    }

    /// `None` also while one is just sitting down or leaving.
    pub(super) fn look(&self) -> Option<Held> {
        let owner = self.owner.load(Acquire);
        let held = Held {
            owner: Owner::from_number(owner)?,
            turn: self.turn.load(Acquire),
            place: self.place.load()?,
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
        let (seat, me, place) = (Seat::new(), Owner::current(), Location::caller());
        assert_eq!(seat.look(), None);
        assert_eq!(seat.take(me, place), 1);
        assert_eq!(seat.look(), Some(Held { owner: me, turn: 1, place }));
        seat.leave();
        assert_eq!(seat.look(), None);
        assert_eq!(seat.take(me, place), 2);
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

    /// A place for each.
    fn place(number: u64) -> Place {
        [Location::caller(), Location::caller()][number as usize - 1]
    }

    #[test]
    fn loom_an_exclusive_holder_is_seen_with_its_own_turn() {
        loom::model(|| {
            let seat = Arc::new(Seat::new());
            let theirs = Arc::clone(&seat);
            let looks = thread::spawn(move || theirs.look());
            for number in 1..=2 {
                assert_eq!(seat.take(owner(number), place(number)), number);
                if number == 1 {
                    seat.leave();
                }
            }
            if let Some(held) = looks.join().unwrap() {
                assert_eq!(held.turn, held.owner.number());
                assert_eq!(held.place, place(held.turn));
            }
        });
    }
}
