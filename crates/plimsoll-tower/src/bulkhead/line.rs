use crate::{driver::Waiters, keyed::Resident};
use plimsoll_policy::{
    Admitted, Ask, Instant, Rejected, Ticket,
    bulkhead::{Bulkhead, BulkheadSnapshot, BulkheadSpec, Claim, GaveUp, Order, Permit},
    shed::Shedder,
};
use std::{ops::Deref, sync::Arc, task::Waker};

/// A bulkhead with the wakers of those who wait before it.
#[derive(Debug)]
pub struct Line {
    bulkhead: Bulkhead,
    waiters: Waiters,
}

impl Line {
    pub(super) fn new(spec: BulkheadSpec) -> Self {
        Self { bulkhead: Bulkhead::new(spec), waiters: Waiters::new() }
    }

    /// What is there now.
    pub fn snapshot(&self, now: Instant) -> BulkheadSnapshot {
        self.bulkhead.snapshot(now)
    }

    /// Puts new limits in force; a larger one lets the line in.
    pub fn update(&self, spec: BulkheadSpec, now: Instant) {
        self.bulkhead.update(spec);
        while let Some(ticket) = self.bulkhead.hand_over(now, Order::OldestFirst).0 {
            self.waiters.wake(ticket);
        }
    }
}

impl Resident for Line {
    type Spec = BulkheadSpec;

    fn of(spec: &BulkheadSpec) -> Self {
        Self::new(*spec)
    }

    fn revise(&self, spec: &BulkheadSpec, now: Instant) {
        self.update(*spec, now);
    }

    /// Always: what is in flight counts as use.
    fn at_rest(&self) -> bool {
        true
    }
}

/// What a call has of a bulkhead: nothing yet, a place in its line, or a place.
#[derive(Debug)]
enum Hold {
    Nothing,
    Waits { ticket: Ticket, until: Instant, since: Instant },
    Has(Permit),
}

/// A call's stay at a bulkhead. Dropped, it leaves the line, or hands its place to the next.
#[derive(Debug)]
pub(super) struct Stay<H: Deref<Target = Line>> {
    line: H,
    shedder: Option<Arc<Shedder>>,
    hold: Hold,
}

impl<H: Deref<Target = Line>> Stay<H> {
    #[inline]
    pub(super) fn begin(
        line: H,
        shedder: Option<Arc<Shedder>>,
        now: Instant,
        deadline: Instant,
    ) -> Result<Self, Rejected> {
        let mut stay = Self { line, shedder, hold: Hold::Nothing };
        let ask = Ask { deadline, ..Ask::default() };
        match stay.line.bulkhead.admit_in(now, ask, stay.order(now)) {
            Admitted::Now(permit) | Admitted::At(_, permit) => {
                stay.waited(now, now);
                stay.hold = Hold::Has(permit);
            }
            Admitted::Queued(ticket, until) => {
                stay.tell_standing(now);
                stay.hold = Hold::Waits { ticket, until, since: now };
            }
            Admitted::Refused(rejected) => {
                stay.tell_standing(now);
                return Err(rejected);
            }
        }
        Ok(stay)
    }

    /// Whether there is a place.
    #[inline]
    pub(super) fn has_place(&self) -> bool {
        matches!(self.hold, Hold::Has(_))
    }

    /// Until when it waits.
    pub(super) fn until(&self) -> Option<Instant> {
        if let Hold::Waits { until, .. } = self.hold { Some(until) } else { None }
    }

    /// Waits on, and asks whether its turn has come: in this order, so that no grant is missed.
    pub(super) fn wait(&mut self, waker: &Waker, now: Instant) -> bool {
        let Hold::Waits { ticket, since, .. } = self.hold else { return self.has_place() };
        self.line.waiters.register(ticket, waker);
        let Claim::Granted { permit, .. } = self.line.bulkhead.claim(ticket, now) else { return false };
        self.line.waiters.forget(ticket);
        self.waited(now, since);
        self.hold = Hold::Has(permit);
        true
    }

    /// The wait is over. True if the place came in that very moment.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        let Hold::Waits { ticket, since, .. } = self.hold else { return self.has_place() };
        self.hold = Hold::Nothing;
        self.line.waiters.forget(ticket);
        self.waited(now, since);
        if let GaveUp::AlreadyGranted(permit) = self.line.bulkhead.give_up(ticket) {
            self.hold = Hold::Has(permit);
        }
        self.has_place()
    }

    /// Gives the place back, to the next in line.
    #[inline]
    pub(super) fn end(&mut self, now: Instant) {
        if let Hold::Has(permit) = std::mem::replace(&mut self.hold, Hold::Nothing)
            && let Some(ticket) = self.line.bulkhead.settle_in(permit, now, self.order(now)).0
        {
            self.line.waiters.wake(ticket);
        }
    }

    fn order(&self, now: Instant) -> Order {
        self.shedder.as_ref().map_or(Order::OldestFirst, |shedder| shedder.order(now))
    }

    /// A line that does not move at all has nobody who leaves it and tells of his wait; whoever joins it does.
    fn tell_standing(&self, now: Instant) {
        if let (Some(shedder), Some(age)) = (&self.shedder, self.line.bulkhead.oldest_wait(now)) {
            shedder.standing(now, age);
        }
    }

    fn waited(&self, now: Instant, since: Instant) {
        if let Some(shedder) = &self.shedder {
            shedder.waited(now, now.since(since));
        }
    }
}

impl<H: Deref<Target = Line>> Drop for Stay<H> {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.hold, Hold::Nothing) {
            return;
        }
        let now = crate::driver::now();
        self.give_up(now);
        self.end(now);
    }
}
