use super::Waiters;
use plimsoll_policy::{Host, Instant, Observer, PolicyEvent, Ticket};

/// The driver's side of a policy under tokio: the wakers of its waiting line, and whoever listens.
#[derive(Debug, Default)]
pub struct TaskHost<O = ()> {
    waiters: Waiters,
    observer: O,
}

impl<O> TaskHost<O> {
    /// Nobody waits yet; `observer` hears what is decided.
    pub const fn new(observer: O) -> Self {
        Self { waiters: Waiters::new(), observer }
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
