//! A call with its policy, which is settled even if its driver is dropped.

use crate::{TaskDriver, Time, Waiters};
use plimsoll_policy::{
    Draw, Instant, Observer, Policy, Purpose, Ticket,
    call::{Action, AttemptId, Call, Event, Facts, Mark},
};
use std::{fmt, ops::Deref, sync::Arc, task::Waker, time::Duration};

/// A policy's machines with this crate's driver.
pub trait Machines {
    /// Reports an event to a call and returns its next action.
    fn advance(&self, call: &mut Call, now: Instant, event: Event) -> Action;

    /// Returns the policy's clock, timers and seeds.
    fn time(&self) -> &Time;

    /// Returns the wakers of the wait queue.
    fn waiters(&self) -> &Waiters;
}

impl<O: Observer> Machines for Policy<Arc<TaskDriver<O>>> {
    #[inline(always)]
    fn advance(&self, call: &mut Call, now: Instant, event: Event) -> Action {
        call.next(self, now, event)
    }

    #[inline]
    fn time(&self) -> &Time {
        self.driver().time()
    }

    #[inline]
    fn waiters(&self) -> &Waiters {
        self.driver().waiters()
    }
}

/// A call and its policy. Dropping it before the call is closed ends the call as one whose caller has left.
///
/// `P` points to the policy: an `Arc` of it, or of a struct that holds it.
pub struct CallGuard<P: Deref<Target: Machines>> {
    call: Call,
    policy: P,
    ticket: Option<Ticket>,
    /// The clock at the last event.
    last: Instant,
}

impl<P: Deref<Target: Machines>> CallGuard<P> {
    /// A call that has not begun.
    #[inline]
    pub fn new(policy: P, facts: Facts) -> Self {
        Self { call: Call::new(facts), policy, ticket: None, last: Instant::ORIGIN }
    }

    /// Returns the current time of the policy's clock.
    #[inline]
    pub fn now(&self) -> Instant {
        self.policy.time().now()
    }

    /// Returns the time of the last event, for actions that follow from it without another look at the clock.
    #[inline]
    pub const fn last(&self) -> Instant {
        self.last
    }

    /// Returns the policy's clock, timers and seeds.
    #[inline]
    pub fn time(&self) -> &Time {
        self.policy.time()
    }

    /// Returns the pointer to the policy.
    pub const fn policy(&self) -> &P {
        &self.policy
    }

    /// Begins the call, with a seed of its own.
    #[inline(always)]
    pub fn start(&mut self, now: Instant) -> Action {
        let seed = self.policy.time().seed();
        self.next(now, Event::Start(seed))
    }

    /// Reports an event to the call and returns its next action.
    #[inline(always)]
    pub fn next(&mut self, now: Instant, event: Event) -> Action {
        self.last = now;
        self.policy.advance(&mut self.call, now, event)
    }

    /// Notes the progress of an attempt.
    pub fn note(&mut self, now: Instant, id: AttemptId, mark: Mark) {
        self.call.note(now, id, mark);
    }

    /// Returns the deadline of the whole call.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.call.deadline()
    }

    /// Returns the draw for a choice that the driver makes for this attempt.
    #[inline]
    pub const fn draw(&self, purpose: Purpose, id: AttemptId) -> Draw {
        self.call.draw(purpose, id)
    }

    /// Returns the peer's own time in this attempt so far, without the caller's.
    pub fn took(&self, id: AttemptId, now: Instant) -> Duration {
        self.call.took(id, now)
    }

    /// Sets the ticket that the call waits under, or none; the waker of another ticket is forgotten.
    #[inline]
    pub fn stand(&mut self, ticket: Option<Ticket>) {
        if self.ticket != ticket {
            if let Some(left) = self.ticket {
                self.policy.waiters().forget(left);
            }
            self.ticket = ticket;
        }
    }

    /// Registers the waker under the call's ticket. Returns the ticket the first time and after a wake: then, and only
    /// then, the driver must ask the machine for the grant. A grant between the two finds the waker.
    pub fn register(&self, waker: &Waker) -> Option<Ticket> {
        self.ticket.filter(|ticket| self.policy.waiters().register(*ticket, waker))
    }

    /// Ends the call as one whose caller has left. Without effect once it is closed.
    #[inline]
    pub fn close(&mut self) {
        if self.ticket.is_some() || !self.call.is_closed() {
            self.leave();
        }
    }

    #[cold]
    fn leave(&mut self) {
        self.stand(None);
        if !self.call.is_closed() {
            let now = self.now();
            let _nothing_left_to_do = self.next(now, Event::Gone);
        }
    }
}

impl<P: Deref<Target: Machines>> Drop for CallGuard<P> {
    #[inline]
    fn drop(&mut self) {
        self.close();
    }
}

impl<P: Deref<Target: Machines>> fmt::Debug for CallGuard<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallGuard").field("call", &self.call).finish_non_exhaustive()
    }
}
