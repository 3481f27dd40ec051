//! The arguments and results of an admission.
//!
//! Machines are used through `&self` over atomics: any number of workers share one machine. A permit is plain data
//! without a `Drop` of its own; drivers wrap it in a guard that settles as cancelled when it is dropped.

use crate::{Instant, RejectedError};

/// A ticket in a machine's wait queue. The lower 32 bits are an index that no two live tickets of a machine share, so
/// that a driver can keep its wakers in a table; machines know no wakers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

/// The priority of a call: tier 0 is the most important, 5 the least.
///
/// Six tiers of 128 cohorts each, after WeChat's DAGOR (Zhou et al., 2018): under load whole cohorts are shed, so that
/// the calls of one task are shed together instead of a random part of each task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Priority(u8);

impl Priority {
    /// Never shed by priority: health checks, control traffic.
    pub const CRITICAL: Self = Self(0);
    /// The default priority.
    pub const NORMAL: Self = Self(2);
    /// The first to be shed: prefetch, batch work.
    pub const SHEDDABLE: Self = Self(5);
    /// The number of tiers.
    pub const TIERS: u8 = 6;

    /// Creates the priority of a tier `0..=5`; `None` beyond.
    pub const fn new(tier: u8) -> Option<Self> {
        if tier < Self::TIERS { Some(Self(tier)) } else { None }
    }

    /// Returns the tier's number.
    pub const fn tier(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// One of 128 cohorts, by the user or session behind a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Cohort(u8);

impl Cohort {
    /// Returns the cohort of a (keyed) hash of the user.
    pub const fn from_hash(hash: u64) -> Self {
        Self((hash >> 57) as u8)
    }

    /// Returns the number, from 0 to 127.
    pub const fn index(self) -> u8 {
        self.0
    }
}

/// A key's hash under a secret of this process, so that a client cannot choose keys that collide.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyHash(pub u64);

/// The arguments of an admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The permits that the call takes at once; at least 1.
    pub permits: u32,
    /// The call's priority.
    pub priority: Priority,
    /// The cohort of the call's user.
    pub cohort: Cohort,
    /// The time beyond which waiting is of no use to the caller.
    pub deadline: Instant,
}

impl Default for Ask {
    fn default() -> Self {
        Self { permits: 1, priority: Priority::NORMAL, cohort: Cohort::default(), deadline: Instant::FAR }
    }
}

/// The result of an admission by a machine with a wait queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an admission that is dropped without being settled is lost to the machine"]
pub enum Admitted<P> {
    /// The call may go ahead.
    Now(P),
    /// The call waits for the ticket to be granted, at most until this instant; then the driver calls `give_up`.
    Queued(Ticket, Instant),
    /// The call may go ahead at this instant, not before.
    At(Instant, P),
    /// The call is refused.
    Refused(RejectedError),
}

/// The ticket that a settled permit was granted to, if any: the driver wakes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a ticket that is not woken waits until its limit"]
pub struct Woken(pub Option<Ticket>);

impl Woken {
    /// No ticket.
    pub const NONE: Self = Self(None);
}
