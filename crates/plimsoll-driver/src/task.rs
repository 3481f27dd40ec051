use super::{Time, Waiters};
use plimsoll_policy::{Driver, Instant, Observer, PolicyEvent, Ticket};

/// The driver's side of a policy: its clock, the wakers of its wait queue, and its observer.
#[derive(Debug, Default)]
pub struct TaskDriver<O = ()> {
    waiters: Waiters,
    time: Time,
    observer: O,
}

impl<O> TaskDriver<O> {
    /// A driver without waiters on tokio's clock; `observer` receives the decisions.
    pub const fn new(observer: O) -> Self {
        Self { waiters: Waiters::new(), time: Time::TOKIO, observer }
    }

    /// Replaces the clock, timers and seeds.
    #[must_use]
    pub fn with_time(self, time: Time) -> Self {
        Self { time, ..self }
    }

    /// Returns the clock, timers and seeds of the policy's calls.
    #[inline]
    pub const fn time(&self) -> &Time {
        &self.time
    }

    /// Returns the wakers of the wait queue.
    pub const fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Returns the observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }
}

impl<O: Observer> Observer for TaskDriver<O> {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        self.observer.on(now, event);
    }
}

impl<O: Observer> Driver for TaskDriver<O> {
    fn wake(&self, ticket: Ticket) {
        self.waiters.wake(ticket);
    }
}
