use crate::{Observer, Ticket};
use std::sync::Arc;

/// The driver's side of a policy: besides hearing of decisions it wakes who waits.
pub trait Host: Observer {
    /// The holder of this ticket may go on ([`crate::call::Event::Granted`]). Called by whichever thread gave the
    /// place back; must not block.
    fn wake(&self, ticket: Ticket);
}

/// Nobody waits and nobody listens: for policies without a waiting line, and for tests.
impl Host for () {
    fn wake(&self, _: Ticket) {}
}

impl<H: Host + ?Sized> Host for Arc<H> {
    fn wake(&self, ticket: Ticket) {
        (**self).wake(ticket);
    }
}
