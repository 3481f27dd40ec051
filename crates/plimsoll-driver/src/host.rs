use super::{Time, Waiters};
use plimsoll_policy::{Host, Instant, Observer, PolicyEvent, Ticket};

/// The driver's side of a policy: its clock, the wakers of its waiting line, and whoever listens.
#[derive(Debug, Default)]
pub struct TaskHost<O = ()> {
    waiters: Waiters,
    time: Time,
    observer: O,
}

impl<O> TaskHost<O> {
    /// Nobody waits yet; `observer` hears what is decided.
    pub const fn new(observer: O) -> Self {
        Self { waiters: Waiters::new(), time: Time::TOKIO, observer }
    }

    /// The same on another clock.
    #[must_use]
    pub fn with_time(self, time: Time) -> Self {
        Self { time, ..self }
    }

    /// The clock, timers and seeds of the policy's calls.
    #[inline]
    pub const fn time(&self) -> &Time {
        &self.time
    }

    /// Who waits.
    pub const fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Who listens.
    pub const fn observer(&self) -> &O {
        &self.observer
    }
}

impl<O: Observer> Observer for TaskHost<O> {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        self.observer.on(now, event);
    }
}

impl<O: Observer> Host for TaskHost<O> {
    fn wake(&self, ticket: Ticket) {
        self.waiters.wake(ticket);
    }
}
