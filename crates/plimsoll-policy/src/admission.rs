//! The contract of a machine that admits.

use crate::{Instant, Outcome, Rejected};
use std::time::Duration;

/// A place in a machine's queue. The driver keeps ticket → waker; machines know no wakers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

/// How much a call matters: 0 is the most important tier, 5 the least.
///
/// Six tiers of 128 cohorts each, after WeChat's DAGOR (Zhou et al., 2018): under load whole cohorts go, so that the
/// calls of one task are shed together instead of a random part of each task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Priority(u8);

impl Priority {
    /// Never shed by priority: health checks, control traffic.
    pub const CRITICAL: Self = Self(0);
    /// What a call has that says nothing.
    pub const NORMAL: Self = Self(2);
    /// The first to go: prefetch, batch work.
    pub const SHEDDABLE: Self = Self(5);
    /// How many tiers there are.
    pub const TIERS: u8 = 6;

    /// The tier `0..=5`; `None` beyond.
    pub const fn new(tier: u8) -> Option<Self> {
        if tier < Self::TIERS { Some(Self(tier)) } else { None }
    }

    /// The tier's number.
    pub const fn tier(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// Which of 128 cohorts the user or session behind a call falls into.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Cohort(u8);

impl Cohort {
    /// The cohort of a (keyed) hash of the user.
    pub const fn of(hash: u64) -> Self {
        Self((hash >> 57) as u8)
    }

    /// `0..128`.
    pub const fn index(self) -> u8 {
        self.0
    }
}

/// A key's hash under a secret of this process, so that nobody outside can choose keys that collide.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyHash(pub u64);

/// What a call asks of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Permits wanted at once; at least 1.
    pub permits: u32,
    /// How much the call matters.
    pub priority: Priority,
    /// Whose call it is.
    pub cohort: Cohort,
    /// Waiting beyond this is of no use to the caller.
    pub deadline: Instant,
}

impl Default for Ask {
    fn default() -> Self {
        Self { permits: 1, priority: Priority::NORMAL, cohort: Cohort::default(), deadline: Instant::FAR }
    }
}

/// A machine's answer to [`Admission::admit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an admission that is dropped without being settled is lost to the machine"]
pub enum Admitted<P> {
    /// Go ahead.
    Now(P),
    /// Wait for the ticket to be granted, at most until the instant given; then call the machine's `give_up`.
    Queued(Ticket, Instant),
    /// Go ahead at this instant, not before.
    At(Instant, P),
    /// No.
    Refused(Rejected),
}

/// Tickets that may go on now, because a permit came back. At most one a settled permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a ticket that is not woken waits until its limit"]
pub struct Woken(pub Option<Ticket>);

impl Woken {
    /// Nobody.
    pub const NONE: Self = Self(None);
}

/// A machine that lets calls through one by one and learns how they ended.
///
/// `&self` over atomics: any number of workers share one machine. A permit is plain data with the machine's epoch in
/// it and no `Drop` of its own; drivers wrap it in a guard that settles as [`Outcome::Cancelled`] when dropped.
pub trait Admission {
    /// Proof of having been admitted.
    type Permit: Copy;

    /// May this go ahead now?
    fn admit(&self, now: Instant, ask: Ask) -> Admitted<Self::Permit>;

    /// It has ended so, `took` after it was let through. Every permit is settled exactly once.
    fn settle(&self, permit: Self::Permit, now: Instant, outcome: Outcome, took: Duration) -> Woken;
}
