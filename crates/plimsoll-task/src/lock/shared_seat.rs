//! Who shares a lock, as far as it is seen.
//!
//! An owner's number chooses among a few seats, and several may write to one at the same time: plain stores all of them,
//! since one compare-and-swap more makes taking such a lock a tenth dearer. So it is a note of the last who came,
//! and some who hold are not seen. What is seen can be relied on:
//!
//! - **It is of one taking.** Each has a number of its own, its ticket, and leaves a sum over ticket, owner and place.
//!   What two have written at once does not add up, and is not seen. (It would add up by chance once in 2^64.)
//! - **It is of one who has not left.** Who leaves clears the seat, whoever has come since: of each, the last store is the
//!   one that takes its number away. So of two who meet in a seat, none is seen once the first has left.
//! - **The same ticket seen twice** has been held all the while between.

use super::{
    Held, Place,
    owner::{Owner, PlaceCell},
};
use crate::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
// Not loom's: a static outlives its models.
use std::{cell::Cell, sync::atomic::AtomicU64 as CountedBlocks};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct SharedSeat {
    owner: AtomicU64,
    ticket: AtomicU64,
    place: PlaceCell,
    sum: AtomicU64,
}

impl SharedSeat {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { owner: zero(), ticket: zero(), place: PlaceCell::new(None), sum: zero() }
    }

    /// `ticket` is of nobody else, and of no other time.
    #[inline]
    pub(super) fn take(&self, ticket: u64, owner: Owner, place: Place) {
        self.ticket.store(ticket, Relaxed);
        self.place.store(Some(place));
        self.sum.store(sum(ticket, owner, place), Relaxed);
        // Who sees this owner must not see what it wrote the time before.
        self.owner.store(owner.number(), Release);
    }

    /// For who has taken it, once for each time.
    #[inline]
    pub(super) fn leave(&self) {
        self.owner.store(Owner::NOBODY, Release);
    }

    /// `None` also while one is just sitting down or leaving.
    pub(super) fn look(&self) -> Option<Held> {
        let owner = Owner::from_number(self.owner.load(Acquire))?;
        let (turn, place) = (self.ticket.load(Relaxed), self.place.load()?);
        (self.sum.load(Relaxed) == sum(turn, owner, place)).then_some(Held { owner, turn, place })
    }
}

/// Odd, so that none of them loses a bit: the golden ratio's, and two of the finalizer of MurmurHash3.
const MIX: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53];

#[inline]
fn sum(ticket: u64, owner: Owner, place: Place) -> u64 {
    let place = std::ptr::from_ref(place).addr() as u64;
    let mixed = (ticket.wrapping_mul(MIX[0]) ^ owner.number()).wrapping_mul(MIX[1]);
    (mixed ^ mixed >> 32 ^ place).wrapping_mul(MIX[2])
}

/// A number that has not been given before. Each thread has a block of them to give.
#[inline]
pub(super) fn ticket() -> u64 {
    // 2^44 blocks: 500 years of a new thread every millisecond.
    const BLOCK: u64 = 1 << 20;
    static BLOCKS: CountedBlocks = CountedBlocks::new(0);
    thread_local!(static LAST: Cell<u64> = const { Cell::new(0) });
    let next = |last: u64| {
        if last.is_multiple_of(BLOCK) { BLOCKS.fetch_add(BLOCK, Relaxed) + 1 } else { last + 1 }
    };
    LAST.with(|last| {
        let ticket = next(last.get());
        last.set(ticket);
        ticket
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{collections::HashSet, panic::Location};

    #[test]
    fn who_came_last_is_seen_until_one_leaves() {
        let (seat, place) = (SharedSeat::new(), Location::caller());
        let [one, other] = [1, 2].map(|number| Owner::from_number(number).unwrap());
        assert_eq!(seat.look(), None);
        seat.take(7, one, place);
        seat.take(8, other, place);
        assert_eq!(seat.look(), Some(Held { owner: other, turn: 8, place }));
        seat.leave();
        assert_eq!(seat.look(), None, "rather nobody than one who may be gone");
    }

    #[test]
    fn what_does_not_add_up_is_not_seen() {
        let (seat, owner) = (SharedSeat::new(), Owner::from_number(1).unwrap());
        seat.take(7, owner, Location::caller());
        seat.ticket.store(8, Relaxed);
        assert_eq!(seat.look(), None);
        seat.ticket.store(7, Relaxed);
        assert!(seat.look().is_some());
        seat.place.store(Some(Location::caller()));
        assert_eq!(seat.look(), None);
    }

    #[test]
    fn no_ticket_is_given_twice() {
        let some = || (0..3000).map(|_| ticket()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(some)).collect();
        let all: HashSet<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 9000);
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

    fn take(seat: &SharedSeat, number: u64) {
        seat.take(10 * number, owner(number), place(number));
    }

    fn assert_whole(held: Held) {
        let number = held.owner.number();
        assert_eq!((held.turn, held.place), (10 * number, place(number)));
    }

    #[test]
    fn loom_two_who_share_a_seat_leave_it_empty() {
        loom::model(|| {
            let seat = Arc::new(SharedSeat::new());
            let theirs = Arc::clone(&seat);
            let other = thread::spawn(move || {
                take(&theirs, 2);
                theirs.leave();
            });
            take(&seat, 1);
            seat.leave();
            other.join().unwrap();
            assert_eq!(seat.look(), None);
        });
    }

    #[test]
    fn loom_of_two_who_stay_one_is_seen_whole_or_none() {
        loom::model(|| {
            let seat = Arc::new(SharedSeat::new());
            let theirs = Arc::clone(&seat);
            let other = thread::spawn(move || take(&theirs, 2));
            take(&seat, 1);
            if let Some(held) = seat.look() {
                assert_whole(held);
            }
            other.join().unwrap();
            if let Some(held) = seat.look() {
                assert_whole(held);
            }
        });
    }

    #[test]
    fn loom_who_looks_on_sees_one_of_them_whole_or_none() {
        loom::model(|| {
            let seat = Arc::new(SharedSeat::new());
            let others = [1, 2].map(|number| {
                let seat = Arc::clone(&seat);
                thread::spawn(move || {
                    take(&seat, number);
                    seat.leave();
                })
            });
            if let Some(held) = seat.look() {
                assert_whole(held);
            }
            for other in others {
                other.join().unwrap();
            }
        });
    }
}
