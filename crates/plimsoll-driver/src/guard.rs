//! A call with its policy: whatever happens to its driver, the machines hear of its end.

use crate::{TaskHost, Time, Waiters};
use plimsoll_policy::{
    Draw, Instant, Observer, Policy, Purpose, Ticket,
    call::{Action, AttemptId, Call, Event, Facts, Mark},
};
use std::{fmt, ops::Deref, sync::Arc, task::Waker, time::Duration};

/// A policy's machines under this crate's host.
pub trait Machines {
    /// Tells a call what has happened.
    fn advance(&self, call: &mut Call, now: Instant, event: Event) -> Action;

    /// Its clock, timers and seeds.
    fn time(&self) -> &Time;

    /// The wakers of those who wait in line.
    fn waiters(&self) -> &Waiters;
}

impl<O: Observer> Machines for Policy<Arc<TaskHost<O>>> {
    #[inline(always)]
    fn advance(&self, call: &mut Call, now: Instant, event: Event) -> Action {
        call.next(self, now, event)
    }

    #[inline]
    fn time(&self) -> &Time {
        self.host().time()
    }

    #[inline]
    fn waiters(&self) -> &Waiters {
        self.host().waiters()
    }
}

/// A call and its policy. Dropped before the call is closed, it tells the machines that the caller has left.
///
/// `P` points to the policy: an `Arc` of it, or of something that holds it.
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

    /// The time now, on the policy's clock.
    #[inline]
    pub fn now(&self) -> Instant {
        self.policy.time().now()
    }

    /// The clock at the last event: for what follows from that event at once, and needs no second look.
    #[inline]
    pub const fn last(&self) -> Instant {
        self.last
    }

    /// The policy's clock, timers and seeds.
    #[inline]
    pub fn time(&self) -> &Time {
        self.policy.time()
    }

    /// The pointer to the policy.
    pub const fn policy(&self) -> &P {
        &self.policy
    }

    /// Begins the call, with a seed of its own.
    #[inline(always)]
    pub fn start(&mut self, now: Instant) -> Action {
        let seed = self.policy.time().seed();
        self.next(now, Event::Start(seed))
    }

    /// Tells the call what has happened.
    #[inline(always)]
    pub fn next(&mut self, now: Instant, event: Event) -> Action {
        self.last = now;
        self.policy.advance(&mut self.call, now, event)
    }

    /// Notes how far an attempt has come.
    pub fn note(&mut self, now: Instant, id: AttemptId, mark: Mark) {
        self.call.note(now, id, mark);
    }

    /// When the whole call must be over.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.call.deadline()
    }

    /// The draw for a choice that the driver makes for this attempt.
    #[inline]
    pub const fn draw(&self, purpose: Purpose, id: AttemptId) -> Draw {
        self.call.draw(purpose, id)
    }

    /// How long the peer has taken for this attempt so far: its own time, without what the caller took.
    pub fn took(&self, id: AttemptId, now: Instant) -> Duration {
        self.call.took(id, now)
    }

    /// Waits in line under this ticket, if under any; a waker left behind under another one is forgotten.
    #[inline]
    pub fn stand(&mut self, ticket: Option<Ticket>) {
        if self.ticket != ticket {
            if let Some(left) = self.ticket {
                self.policy.waiters().forget(left);
            }
            self.ticket = ticket;
        }
    }

    /// Registers the waker under the ticket stood for. `true` the first time, and after a wake: the machine must be
    /// asked then, and only then. A grant between the two finds the waker.
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
