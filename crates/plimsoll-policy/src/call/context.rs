//! The context of one event.

use crate::{
    Instant, PolicyEvent,
    policy::{Driver, Policy},
};

/// The policy and the time under which a call handles one event.
#[derive(Debug)]
pub(super) struct Context<'a, D> {
    pub(super) policy: &'a Policy<D>,
    pub(super) now: Instant,
}

impl<D> Clone for Context<'_, D> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Context<'_, D> {}

impl<D: Driver> Context<'_, D> {
    /// Reports an event to the policy's observer.
    #[inline]
    pub(super) fn observe(self, event: PolicyEvent) {
        self.policy.observe(self.now, event);
    }
}
