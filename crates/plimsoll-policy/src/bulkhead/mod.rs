//! The bulkhead: so many calls in flight, so many waiting in line, none for longer than a set time.
//!
//! After the bulkheads of a ship (Nygard, *Release It!*, 2007): a peer that turns slow fills its own compartment and
//! not the whole service.
//!
//! A driver's life with it:
//!
//! 1. [`Bulkhead::admit`] says go on, wait, or no.
//! 2. Who was told to wait keeps a waker under its ticket and a timer for the instant given.
//! 3. [`Bulkhead::settle`] frees a place and names the ticket to wake, which then calls [`Bulkhead::claim`].
//! 4. Whose timer runs out, or who is dropped while waiting, calls [`Bulkhead::give_up`], and settles the permit where
//!    the place came in that very moment.
//!
//! ```
//! use plimsoll_policy::{Admission, Admitted, Ask, Instant, Outcome, bulkhead::{Bulkhead, BulkheadSpec, Claim}};
//! # use std::{num::NonZeroU32, time::Duration};
//! let spec = BulkheadSpec { in_flight: NonZeroU32::MIN, waiting: 1, wait: Duration::from_millis(100) };
//! let bulkhead = Bulkhead::new(spec);
//! let (start, later) = (Instant::ORIGIN, Instant::ORIGIN + Duration::from_millis(30));
//!
//! let Admitted::Now(first) = bulkhead.admit(start, Ask::default()) else { panic!() };
//! let Admitted::Queued(ticket, until) = bulkhead.admit(start, Ask::default()) else { panic!() };
//! assert_eq!(until, start + Duration::from_millis(100));
//! assert!(matches!(bulkhead.admit(start, Ask::default()), Admitted::Refused(_)));
//!
//! let woken = bulkhead.settle(first, later, Outcome::Success, Duration::from_millis(30));
//! assert_eq!(woken.0, Some(ticket));
//! let Claim::Granted { waited, .. } = bulkhead.claim(ticket, later) else { panic!() };
//! assert_eq!(waited, Duration::from_millis(30));
//! ```
//!
//! # Fairness
//! First come, first served, without barging: a freed place goes to the first in line, and while anybody waits a
//! newcomer goes to the end of the line, even if a place is just being handed over. Under [`Order::NewestFirst`], which
//! a shedder asks for while queues are standing, the line is served from its other end ("adaptive LIFO", Maurer, *Fail
//! at Scale*, 2015): a queue that cannot be worked off makes everybody late, and only the newest still has a caller.
//!
//! # When a driver forgets
//! A waiter whose limit has passed is never handed a place, and its place in line goes to others; so a ticket that is
//! forgotten while it waits costs nothing for longer than its wait. A permit that is never settled, and a granted
//! ticket that is neither claimed nor given up, hold their place for ever: wrap them in a guard.
//!
//! # Cost
//! `admit` and `settle` while nobody waits: one load and one compare-and-swap each on one word, which holds what is in
//! flight, what waits and the limit. The lock is taken only when the line is used; a refusal by a full line never
//! blocks on it. Every step is constant, but for waiters past their limit, which are each passed over once. Memory:
//! 128 bytes and 32 for each slot of the line, of which there are `waiting`, and besides as many as may be granted and
//! not yet claimed (`in_flight`, at most the larger of `waiting` and 64). Nothing is allocated after construction but
//! by an [`update`](Bulkhead::update) that lengthens the line.

mod gate;
mod line;
#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod model_tests;
mod spec;
#[cfg(all(test, not(loom)))]
mod tests;
mod word;

use crate::{Admission, Admitted, Ask, Instant, Machine, Outcome, Reason, Rejected, Ticket, Woken};
pub(crate) use gate::{Entry, Gate};
pub use spec::*;
use std::time::Duration;

/// Proof of a place in a bulkhead.
///
/// It needs no epoch: a place is a place, under whatever limit it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit(());

/// From which end a line is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// First come, first served.
    #[default]
    OldestFirst,
    /// Last come, first served, and whoever has waited for longer than this leaves the line (CoDel as in Folly, where
    /// it is twice the target).
    NewestFirst {
        /// The longest wait under this order. Who comes while it is in force is told so at once by its instant; who
        /// was waiting before learns of it when its own limit is over.
        drop_after: Duration,
    },
}

/// What became of a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a granted place must be settled"]
pub enum Claim<P> {
    /// Its turn has come.
    Granted {
        /// To be settled when the call has ended.
        permit: P,
        /// From `admit` to this claim: what a shedder wants to be told.
        waited: Duration,
    },
    /// Not yet: go on waiting.
    Waiting,
    /// It left the line without a place: given up, claimed before, or passed over because its limit was over.
    Gone,
}

/// What a waiter that goes leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a granted place must be settled"]
pub enum GaveUp<P> {
    /// Its place in line.
    Left,
    /// It had a place already, and nobody else does: use the permit, or settle it as cancelled.
    AlreadyGranted(P),
}

/// What a bulkhead shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkheadSnapshot {
    /// Places taken, those granted and not yet claimed among them. Above `spec.in_flight` for a while after that was
    /// lowered.
    pub in_flight: u32,
    /// How many wait in line.
    pub waiting: u32,
    /// How long the first in line has waited.
    pub oldest_wait: Duration,
    /// The limits in force.
    pub spec: BulkheadSpec,
}

/// A limit on what is in flight, with a bounded line before it. See the [module](self).
#[derive(Debug)]
pub struct Bulkhead {
    gate: Gate,
}

impl Bulkhead {
    /// The most that can be in flight; larger limits are taken as this one.
    pub const MAX_IN_FLIGHT: u32 = word::MAX_IN_FLIGHT;
    /// The longest line; larger bounds are taken as this one.
    pub const MAX_WAITING: u32 = word::MAX_WAITING;

    /// An empty bulkhead.
    pub fn new(spec: BulkheadSpec) -> Self {
        Self { gate: Gate::new(spec.in_flight.get(), spec.waiting, spec.wait) }
    }

    /// May this call go ahead now? A call takes one place, whatever [`Ask::permits`] says.
    ///
    /// [`Admitted::Queued`] waits until the earlier of the spec's wait and the ask's deadline, or for less under
    /// [`Order::NewestFirst`]. Refuses with [`Reason::QueueFull`], or with [`Reason::DeadlineExceeded`] where it would
    /// have to wait and the deadline has passed.
    #[inline]
    pub fn admit_in(&self, now: Instant, ask: Ask, order: Order) -> Admitted<Permit> {
        match self.gate.admit(now, ask.deadline, order) {
            Entry::Now(_) => Admitted::Now(Permit(())),
            Entry::Queued(ticket, until) => Admitted::Queued(ticket, until),
            Entry::Full => Admitted::Refused(Rejected::new(Machine::Bulkhead, Reason::QueueFull)),
            Entry::TooLate => Admitted::Refused(Rejected::new(Machine::Bulkhead, Reason::DeadlineExceeded)),
        }
    }

    /// Frees the permit's place, and hands it to the next in line under `order`: wake that ticket.
    ///
    /// A permit that is settled twice frees a place that somebody else holds; in flight never falls below zero.
    #[inline]
    pub fn settle_in(&self, permit: Permit, now: Instant, order: Order) -> Woken {
        let Permit(()) = permit;
        self.gate.release(now, order)
    }

    /// What became of a ticket: to be called by a waiter that was woken.
    pub fn claim(&self, ticket: Ticket, now: Instant) -> Claim<Permit> {
        match self.gate.claim(ticket, now) {
            Claim::Granted { permit: (), waited } => Claim::Granted { permit: Permit(()), waited },
            Claim::Waiting => Claim::Waiting,
            Claim::Gone => Claim::Gone,
        }
    }

    /// Leaves the line: its limit is over, or its caller is gone. Without effect on a ticket that has left.
    pub fn give_up(&self, ticket: Ticket) -> GaveUp<Permit> {
        if self.gate.give_up(ticket) { GaveUp::AlreadyGranted(Permit(())) } else { GaveUp::Left }
    }

    /// Hands a free place to the next in line, if there is both: call it after [`update`](Self::update), and wake what
    /// it names, until it names none.
    pub fn hand_over(&self, now: Instant, order: Order) -> Woken {
        self.gate.hand_over(now, order)
    }

    /// How long the first in line has waited and still does; `None` of an empty line. What [`Shedder::standing`] is to be
    /// told where a call joins the line or is refused. One load.
    ///
    /// [`Shedder::standing`]: crate::shed::Shedder::standing
    pub fn oldest_wait(&self, now: Instant) -> Option<Duration> {
        self.gate.oldest_wait(now)
    }

    /// Takes the limit away, because there is to be no bulkhead any more: whoever comes goes on, and those in line are
    /// handed their places by [`hand_over`](Self::hand_over), as after an [`update`](Self::update), by which the bulkhead
    /// is put in force again.
    pub(crate) fn lift(&self) {
        self.gate.set_limit(Self::MAX_IN_FLIGHT);
    }

    /// Allocates what an [`update`](Self::update) to this spec will need, and changes nothing that anybody sees but
    /// [`slots`](Self::slots).
    pub(crate) fn prepare(&self, spec: BulkheadSpec) {
        self.gate.prepare(spec.in_flight.get(), spec.waiting);
    }

    /// Puts new limits in force. A larger one takes effect on the line by [`hand_over`](Self::hand_over); under a
    /// smaller one those in flight and in line stay, and nobody joins them until they are fewer.
    pub fn update(&self, spec: BulkheadSpec) {
        self.gate.update(spec.in_flight.get(), spec.waiting, spec.wait);
    }

    /// How many tickets there can be at once. The lower 32 bits of a [`Ticket`] are an index below this number, which
    /// no two live tickets share: a driver can keep its wakers in an array. An [`update`](Self::update) can raise it.
    pub fn slots(&self) -> usize {
        self.gate.slots()
    }

    /// What is there now. Takes the line's lock.
    pub fn snapshot(&self, now: Instant) -> BulkheadSnapshot {
        self.gate.snapshot(now)
    }
}

impl Admission for Bulkhead {
    type Permit = Permit;

    #[inline]
    fn admit(&self, now: Instant, ask: Ask) -> Admitted<Permit> {
        self.admit_in(now, ask, Order::OldestFirst)
    }

    #[inline]
    fn settle(&self, permit: Permit, now: Instant, _: Outcome, _: Duration) -> Woken {
        self.settle_in(permit, now, Order::OldestFirst)
    }
}
