//! Slots for the shared holders of a lock.
//!
//! An owner's number selects one of a few slots, and several holders may write to a slot at the same time with plain
//! stores: a compare-and-swap would make an acquisition a tenth more expensive. So a slot shows the last holder that came,
//! and some holders are not seen. A holder that is seen is correct:
//!
//! - **All fields belong to one acquisition.** Each has a unique number, its ticket, and stores a checksum over ticket,
//!   owner and location. A mixture of two concurrent writes fails the checksum and is not shown (but once in 2^64).
//! - **The holder has not left.** A holder that leaves clears the slot, also after another has come: its last store is the
//!   one that clears its number. So of two holders in one slot, none is shown once the first has left.
//! - **The same ticket seen twice** was held for the whole time between.

use super::{
    Holder, SourceLocation,
    owner::{LocationCell, Owner},
};
use crate::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
// Not loom's: a static outlives its models.
use std::{cell::Cell, sync::atomic::AtomicU64 as CountedBlocks};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct SharedHolderSlot {
    owner: AtomicU64,
    ticket: AtomicU64,
    location: LocationCell,
    sum: AtomicU64,
}

impl SharedHolderSlot {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { owner: zero(), ticket: zero(), location: LocationCell::new(None), sum: zero() }
    }

    /// Enters a holder. `ticket` is unique.
    #[inline]
    pub(super) fn take(&self, ticket: u64, owner: Owner, location: SourceLocation) {
        self.ticket.store(ticket, Relaxed);
        self.location.store(Some(location));
        self.sum.store(sum(ticket, owner, location), Relaxed);
        // A reader that sees this owner must not see the fields of its previous acquisition.
        self.owner.store(owner.number(), Release);
    }

    /// Leaves the slot, once for each [`take`](Self::take).
    #[inline]
    pub(super) fn leave(&self) {
        self.owner.store(Owner::NOBODY, Release);
    }

    /// Returns the visible holder. `None` also while one is just entering or leaving.
    pub(super) fn look(&self) -> Option<Holder> {
        let owner = Owner::from_number(self.owner.load(Acquire))?;
        let (turn, location) = (self.ticket.load(Relaxed), self.location.load()?);
        (self.sum.load(Relaxed) == sum(turn, owner, location)).then_some(Holder { owner, turn, location })
    }
}

/// Multipliers of the checksum, odd so that none loses a bit: the golden ratio's, and two of MurmurHash3's finalizer.
const MIX: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53];

#[inline]
fn sum(ticket: u64, owner: Owner, location: SourceLocation) -> u64 {
    let location = std::ptr::from_ref(location).addr() as u64;
    let mixed = (ticket.wrapping_mul(MIX[0]) ^ owner.number()).wrapping_mul(MIX[1]);
    (mixed ^ mixed >> 32 ^ location).wrapping_mul(MIX[2])
}

/// Returns a unique number. Each thread takes a block of them at a time.
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
        let (slot, location) = (SharedHolderSlot::new(), Location::caller());
        let [one, other] = [1, 2].map(|number| Owner::from_number(number).unwrap());
        assert_eq!(slot.look(), None);
        slot.take(7, one, location);
        slot.take(8, other, location);
        assert_eq!(slot.look(), Some(Holder { owner: other, turn: 8, location }));
        slot.leave();
        assert_eq!(slot.look(), None, "rather nobody than one who may be gone");
    }

    #[test]
    fn what_does_not_add_up_is_not_seen() {
        let (slot, owner) = (SharedHolderSlot::new(), Owner::from_number(1).unwrap());
        slot.take(7, owner, Location::caller());
        slot.ticket.store(8, Relaxed);
        assert_eq!(slot.look(), None);
        slot.ticket.store(7, Relaxed);
        assert!(slot.look().is_some());
        slot.location.store(Some(Location::caller()));
        assert_eq!(slot.look(), None);
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

    /// Returns a location for each number.
    fn location(number: u64) -> SourceLocation {
        [Location::caller(), Location::caller()][number as usize - 1]
    }

    fn take(slot: &SharedHolderSlot, number: u64) {
        slot.take(10 * number, owner(number), location(number));
    }

    fn assert_whole(held: Holder) {
        let number = held.owner.number();
        assert_eq!((held.turn, held.location), (10 * number, location(number)));
    }

    #[test]
    fn loom_two_who_share_a_seat_leave_it_empty() {
        loom::model(|| {
            let slot = Arc::new(SharedHolderSlot::new());
            let theirs = Arc::clone(&slot);
            let other = thread::spawn(move || {
                take(&theirs, 2);
                theirs.leave();
            });
            take(&slot, 1);
            slot.leave();
            other.join().unwrap();
            assert_eq!(slot.look(), None);
        });
    }

    #[test]
    fn loom_of_two_who_stay_one_is_seen_whole_or_none() {
        loom::model(|| {
            let slot = Arc::new(SharedHolderSlot::new());
            let theirs = Arc::clone(&slot);
            let other = thread::spawn(move || take(&theirs, 2));
            take(&slot, 1);
            if let Some(held) = slot.look() {
                assert_whole(held);
            }
            other.join().unwrap();
            if let Some(held) = slot.look() {
                assert_whole(held);
            }
        });
    }

    #[test]
    fn loom_who_looks_on_sees_one_of_them_whole_or_none() {
        loom::model(|| {
            let slot = Arc::new(SharedHolderSlot::new());
            let others = [1, 2].map(|number| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    take(&slot, number);
                    slot.leave();
                })
            });
            if let Some(held) = slot.look() {
                assert_whole(held);
            }
            for other in others {
                other.join().unwrap();
            }
        });
    }
}
