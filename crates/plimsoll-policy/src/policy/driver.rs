use crate::{Observer, Ticket};
use std::sync::Arc;

/// The driver's side of a policy: it observes decisions and wakes waiters.
pub trait Driver: Observer {
    /// Wakes the holder of this ticket, which may go on ([`crate::call::Event::Granted`]). Called by the thread that gave
    /// the permit back; must not block.
    fn wake(&self, ticket: Ticket);
}

/// A driver without waiters and observer: for policies without a wait queue, and for tests.
impl Driver for () {
    fn wake(&self, _: Ticket) {}
}

impl<D: Driver + ?Sized> Driver for Arc<D> {
    fn wake(&self, ticket: Ticket) {
        (**self).wake(ticket);
    }
}
