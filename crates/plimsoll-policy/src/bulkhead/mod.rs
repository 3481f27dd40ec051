//! The bulkhead: a limit on calls in flight, with a bounded wait queue and a limit on each wait.
//!
//! After the bulkheads of a ship (Nygard, *Release It!*, 2007): a slow peer fills its own compartment and not the whole
//! service.
//!
//! A driver uses it in these steps:
//!
//! 1. [`Bulkhead::admit`] admits a call, queues it, or refuses it.
//! 2. A queued call keeps a waker under its ticket and a timer for the instant given.
//! 3. [`Bulkhead::settle`] frees a permit and names the ticket to wake, which then calls [`Bulkhead::claim`].
//! 4. A waiter whose timer fires, or which is dropped, calls [`Bulkhead::give_up`], and settles the permit if one was
//!    granted in that very moment.
//!
//! ```
//! use plimsoll_policy::{Admitted, Ask, Instant, bulkhead::{Bulkhead, BulkheadSpec, Claim}};
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
//! let woken = bulkhead.settle(first, later);
//! assert_eq!(woken.0, Some(ticket));
//! let Claim::Granted { waited, .. } = bulkhead.claim(ticket, later) else { panic!() };
//! assert_eq!(waited, Duration::from_millis(30));
//! ```
//!
//! # Fairness
//! First come, first served, without barging: a freed permit goes to the oldest waiter, and while any call waits a new
//! call joins the end of the queue, even if a permit is just being handed over. Under [`QueueOrder::NewestFirst`],
//! which a shedder asks for while queues are standing, the queue is served from its other end ("adaptive LIFO", Maurer,
//! *Fail at Scale*, 2015): in a queue that cannot be worked off every call is late, and only the newest still has a
//! caller.
//!
//! # When a driver forgets
//! A waiter whose limit has passed is never granted a permit, and its slot goes to others; so a ticket that is
//! forgotten while it waits costs nothing after its wait. A permit that is never settled, and a granted ticket that is
//! neither claimed nor given up, are held for ever: wrap them in a guard.
//!
//! # Cost
//! `admit` and `settle` while nobody waits: one load and one compare-and-swap each on one word, which holds the numbers
//! in flight and waiting and the limit. The lock is taken only when the queue is used; a refusal by a full queue never
//! blocks on it. Every step takes constant time, except that each waiter past its limit is removed once. Memory: 128
//! bytes, and 32 for each slot of the queue: `waiting` slots, and as many as may be granted and not yet claimed
//! (`in_flight`, at most the larger of `waiting` and 64). Only an [`update`](Bulkhead::update) that lengthens the queue
//! allocates after construction.

mod gate;
#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod model_tests;
mod spec;
#[cfg(all(test, not(loom)))]
mod tests;
mod wait_queue;
mod word;

use crate::{Admitted, Ask, Instant, Machine, Reason, RejectedError, Ticket, Woken};
pub(crate) use gate::{Entry, Gate};
pub use spec::*;
use std::time::Duration;

/// A permit of a bulkhead.
///
/// It needs no epoch: permits are equal, whatever limit they were given under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permit(());

/// The order in which a wait queue is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum QueueOrder {
    /// First come, first served.
    #[default]
    OldestFirst,
    /// Last come, first served, and waiters that have waited for longer than this are removed (CoDel as in Folly, where
    /// it is twice the target).
    NewestFirst {
        /// The longest wait under this order. Calls that join while it is in force are given the shorter limit at once;
        /// earlier waiters learn of it when their own limit is over.
        drop_after: Duration,
    },
}

/// The state of a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a granted permit must be settled"]
pub enum Claim<P> {
    /// A permit was granted.
    Granted {
        /// To be settled when the call has ended.
        permit: P,
        /// The time from `admit` to this claim, to report to a shedder.
        waited: Duration,
    },
    /// The ticket still waits.
    Waiting,
    /// The ticket left the queue without a permit: given up, claimed before, or passed over after its limit.
    Gone,
}

/// The result of giving a ticket up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a granted permit must be settled"]
pub enum GaveUp<P> {
    /// The ticket left the queue.
    Left,
    /// A permit had been granted already: use it, or settle it as cancelled.
    AlreadyGranted(P),
}

/// A snapshot of a bulkhead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkheadSnapshot {
    /// Permits taken, including those granted and not yet claimed. Above `spec.in_flight` for a while after that was
    /// lowered.
    pub in_flight: u32,
    /// The number of waiters.
    pub waiting: u32,
    /// The wait of the oldest waiter.
    pub oldest_wait: Duration,
    /// The limits in force.
    pub spec: BulkheadSpec,
}

/// A limit on calls in flight with a bounded wait queue. See the [module](self).
#[derive(Debug)]
pub struct Bulkhead {
    gate: Gate,
}

impl Bulkhead {
    /// The most that can be in flight; larger limits are taken as this one.
    pub const MAX_IN_FLIGHT: u32 = word::MAX_IN_FLIGHT;
    /// The longest queue; larger bounds are taken as this one.
    pub const MAX_WAITING: u32 = word::MAX_WAITING;

    /// Creates an empty bulkhead.
    pub fn new(spec: BulkheadSpec) -> Self {
        Self { gate: Gate::new(spec.in_flight.get(), spec.waiting, spec.wait) }
    }

    /// Admits a call, queues it or refuses it, in this order. A call takes one permit, whatever [`Ask::permits`] is.
    ///
    /// [`Admitted::Queued`] waits until the earlier of the spec's wait and the ask's deadline, or for less under
    /// [`QueueOrder::NewestFirst`]. Refuses with [`Reason::QueueFull`], or with [`Reason::DeadlineExceeded`] where it would
    /// have to wait and the deadline has passed.
    #[inline]
    pub fn admit_in(&self, now: Instant, ask: Ask, order: QueueOrder) -> Admitted<Permit> {
        match self.gate.admit(now, ask.deadline, order) {
            Entry::Now(_) => Admitted::Now(Permit(())),
            Entry::Queued(ticket, until) => Admitted::Queued(ticket, until),
            Entry::Full => Admitted::Refused(RejectedError::new(Machine::Bulkhead, Reason::QueueFull)),
            Entry::TooLate => {
                Admitted::Refused(RejectedError::new(Machine::Bulkhead, Reason::DeadlineExceeded))
            }
        }
    }

    /// Gives the permit back, and grants it to the next waiter under `order`: wake that ticket.
    ///
    /// A permit that is settled twice frees a permit that another call holds; in flight never falls below zero.
    #[inline]
    pub fn settle_in(&self, permit: Permit, now: Instant, order: QueueOrder) -> Woken {
        let Permit(()) = permit;
        self.gate.release(now, order)
    }

    /// Claims the permit of a ticket. Call it when the waiter was woken.
    pub fn claim(&self, ticket: Ticket, now: Instant) -> Claim<Permit> {
        match self.gate.claim(ticket, now) {
            Claim::Granted { permit: (), waited } => Claim::Granted { permit: Permit(()), waited },
            Claim::Waiting => Claim::Waiting,
            Claim::Gone => Claim::Gone,
        }
    }

    /// Leaves the queue: its limit is over, or its caller is gone. Without effect on a ticket that has left.
    pub fn give_up(&self, ticket: Ticket) -> GaveUp<Permit> {
        if self.gate.give_up(ticket) { GaveUp::AlreadyGranted(Permit(())) } else { GaveUp::Left }
    }

    /// Grants a free permit to the next waiter, if there are both: call it after [`update`](Self::update), and wake
    /// what it names, until it names none.
    pub fn hand_over(&self, now: Instant, order: QueueOrder) -> Woken {
        self.gate.hand_over(now, order)
    }

    /// Returns the wait of the oldest waiter so far; `None` for an empty queue. To be reported to [`Shedder::standing`]
    /// when a call joins the queue or is refused. One load.
    ///
    /// [`Shedder::standing`]: crate::shed::Shedder::standing
    pub fn oldest_wait(&self, now: Instant) -> Option<Duration> {
        self.gate.oldest_wait(now)
    }

    /// Removes the limit, because the bulkhead is switched off: new calls are admitted, and waiters are granted permits
    /// by [`hand_over`](Self::hand_over). An [`update`](Self::update) puts the bulkhead in force again.
    pub(crate) fn lift(&self) {
        self.gate.set_limit(Self::MAX_IN_FLIGHT);
    }

    /// Allocates for an [`update`](Self::update) to this spec, without any visible change.
    pub(crate) fn prepare(&self, spec: BulkheadSpec) {
        self.gate.prepare(spec.in_flight.get(), spec.waiting);
    }

    /// Puts new limits in force. A larger one takes effect on waiters by [`hand_over`](Self::hand_over); under a
    /// smaller one calls in flight and waiters stay, and no others join until there are fewer.
    pub fn update(&self, spec: BulkheadSpec) {
        self.gate.update(spec.in_flight.get(), spec.waiting, spec.wait);
    }

    /// The number of slots for tickets, which [`update`](Self::update) may raise.
    #[cfg(test)]
    fn slots(&self) -> usize {
        self.gate.slots()
    }

    /// Returns a snapshot of the bulkhead. Takes the queue's lock.
    pub fn snapshot(&self, now: Instant) -> BulkheadSnapshot {
        self.gate.snapshot(now)
    }

    /// Admits a call, queues it or refuses it, first come first served.
    #[inline]
    pub fn admit(&self, now: Instant, ask: Ask) -> Admitted<Permit> {
        self.admit_in(now, ask, QueueOrder::OldestFirst)
    }

    /// Gives the permit of a call back, whatever its outcome, to the first waiter.
    #[inline]
    pub fn settle(&self, permit: Permit, now: Instant) -> Woken {
        self.settle_in(permit, now, QueueOrder::OldestFirst)
    }
}
