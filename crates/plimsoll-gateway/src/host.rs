//! The gateway's side of a policy: whom to wake, and what to count.

use plimsoll::{
    Host, Instant, Observer, Policy, PolicyEvent, Ticket, telemetry::PolicyMetrics, tower::driver::Waiters,
};
use std::sync::Arc;

/// One policy's waiting line and metrics, shared by all workers.
#[derive(Debug)]
pub(crate) struct GatewayHost {
    pub(crate) waiters: Waiters,
    pub(crate) metrics: PolicyMetrics,
}

/// A policy as the gateway runs it.
pub(crate) type GatewayPolicy = Policy<Arc<GatewayHost>>;

impl Observer for GatewayHost {
    #[inline]
    fn on(&self, now: Instant, event: &PolicyEvent) {
        self.metrics.on(now, event);
    }
}

impl Host for GatewayHost {
    fn wake(&self, ticket: Ticket) {
        self.waiters.wake(ticket);
    }
}
